"""Scenarios (R31): what happens at an instant, what tasks do in place of bodies, where it ends, what is refused."""

from __future__ import annotations

import runpy
from datetime import UTC, date, datetime, timedelta

import pytest

import reactive_dag as rd
from reactive_dag.testing import Scenario
from tests.support.places import ROOT

START = "2026-11-23T00:00Z"


def shop(**options):
    """Two sources, a mart of both by day in two tasks, and an alarm."""
    graph = rd.Graph("shop")
    day = rd.day("UTC")
    orders, users, mart = (graph.dataset(name, partitions=day) for name in ("lake/orders", "lake/users", "lake/mart"))
    build = graph.dag("build", on=(orders & users).by("partition"), **options)

    @build.task
    def extract(run):
        raise AssertionError("a body")

    @build.task(outlets=[mart], retries=1, retry_delay="10m")
    def load(extract):
        raise AssertionError("a body")

    @graph.dag(on=rd.completed(build, states="failed"))
    def alarm(run):
        raise AssertionError("a body")

    return graph


def both(graph=None, **options):
    """A day of both sources."""
    return (
        Scenario(graph or shop(), START, **options)
        .at("01:00").publish("lake/orders", partition="2026-11-23")
        .at("01:30").publish("lake/users", partition="2026-11-23")
    )  # fmt: skip


def one(**options):
    """A graph of one DAG with one task."""
    graph = rd.Graph("one")
    graph.dag("job", **options).add(lambda run: run.attempt, id="task", retries=1)
    return graph


# ------------------------------------------------------------------------------------------------ what happens


def test_R31_no_body_is_executed_and_outlets_are_published():
    played = both().play()
    assert played.states("build") == ["success"] and played.states("alarm") == []
    assert [event.partition for event in played.events("lake/mart")] == ["2026-11-23"]


def test_R31_a_thing_happens_after_what_is_due_at_its_instant():
    graph = rd.Graph("ticks")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("joined", on=a.batch(count=2, max_wait="1h") & b).add(lambda run: None, id="task")
    scenario = Scenario(graph, START).at("01:00").publish(a).at("02:00").publish(a).at("02:00").publish(b)
    [run] = scenario.until("02:00").play().runs("joined")
    assert [event.dataset for event in run.events] == ["a", "b"], "the window closed before the second a came"


def test_R31_things_of_one_instant_happen_in_the_order_written_each_with_what_follows():
    played = Scenario(one(), START).at("01:00").start("job").at("01:00").rerun("job").play()
    assert [run.round for run in played.runs("job")] == [2]


def test_R31_things_may_be_written_in_any_order():
    scenario = Scenario(one(), START).at("02:00").start("job", key="b").at("01:00").start("job", key="a")
    scenario.expect("""
        dag  at
        job  01:00
        job  02:00
    """)


def test_R31_each_tick_of_a_clock_has_its_date_and_partition():
    graph = shop()
    scenario = Scenario(graph, START).each(rd.every("12h") | rd.cron("0 6 * * *")).publish("lake/orders")
    dates = [f"{event.logical_date:%d %H}" for event in scenario.until("2026-11-24").play().events("lake/orders")]
    assert dates == ["23 00", "23 06", "23 12", "24 00"], "the start and the end are included"
    scenario = Scenario(graph, START).each(rd.cron("0 6 * * *")).publish("lake/orders", partition="2026-11-20")
    assert [event.partition for event in scenario.until("12:00").play().events("lake/orders")] == ["2026-11-20"]
    Scenario(graph, START).each(rd.every("8h")).pause("alarm").until("20:00").play()


def test_R31_a_scenario_is_frozen_so_that_tests_may_share_it():
    base = both()
    broken = base.fails("load")
    assert base.play().states("build") == ["success"] and broken.play().states("build") == ["failed"]
    assert base.play().states("build") == ["success"], "and it may be played again"


def test_R31_pause_resume_cancel_mark_backfill_set_and_anything_else():
    graph = one(schedule="0 * * * *")
    graph.dag("long").add(lambda: None, id="work")
    seen = []
    played = (
        Scenario(graph, START).takes("work", "5h")
        .at("00:30").pause("job")
        .at("02:30").resume("job")
        .at("03:10").start("long")
        .at("03:20").cancel("long", reason="not today")
        .at("03:30").start("long", key="second")
        .at("03:40").mark("long", "work", "success", "by hand")
        .at("03:45").set("rate", 3)
        .at("03:50").backfill("job", start="2026-11-22T22:00Z", end="2026-11-22T23:00Z")
        .at("03:55").do(lambda engine: seen.append(engine.get("rate")))
        .play()
    )  # fmt: skip
    played.expect("""
        dag   at     date                 state
        job   02:30  02:00                success
        job   03:00  03:00                success
        long  03:10  -                    cancelled
        long  03:30  -                    success
        job   03:50  2026-11-22T22:00     success
        job   03:50  2026-11-22T23:00     success
    """)
    assert seen == [3]


def test_R31_the_run_of_a_partition_or_date_is_meant_where_one_is_given():
    played = (
        Scenario(one(), START)
        .at("01:00").start("job", logical_date="2026-11-20")
        .at("02:00").start("job", logical_date="2026-11-21")
        .at("03:00").rerun("job", logical_date="2026-11-20")
        .play()
    )  # fmt: skip
    played.expect("dag date round\njob 2026-11-20 2\njob 2026-11-21 1")


def test_R31_a_restart_misses_what_was_due_and_loses_what_was_under_way():
    graph = one(schedule="0 * * * *", catchup="all")
    played = Scenario(graph, START).takes("job.task", "30m").at("01:10").restart(until="03:10").until("04:00").play()
    played.expect("""
        dag  date   started  ended  state
        job  01:00  01:00    03:40  success
        job  02:00  03:10    03:40  success
        job  03:00  03:10    03:40  success
        job  04:00  04:00    -      running
    """)
    assert [attempt.state for attempt in played.runs("job")[0].tasks["task"].attempts] == ["lost", "success"]


def test_R31_nothing_happens_while_no_engine_is_open():
    scenario = both().at("01:10").restart(until="02:00")
    with pytest.raises(rd.InvalidValue, match=r"no engine is open at 2026-11-23T01:30:00Z"):
        scenario.play()


# ------------------------------------------------------------------------------------------------ where it ends


def test_R31_it_ends_when_nothing_is_left_to_do_unless_it_says_until():
    graph = rd.Graph("ends")
    a = graph.dataset("a")
    graph.dag("batched", on=a.batch(count=2, max_wait="1h")).add(lambda: None, id="task")
    scenario = Scenario(graph, START).at("01:00").publish(a)
    assert scenario.play().states("batched") == []
    assert scenario.until("01:59").play().states("batched") == []
    assert scenario.until("02:00").play().states("batched") == ["success"]


def test_R31_retries_and_durations_are_waited_for():
    played = both().takes("extract", "30m").fails("load", times=1).play()
    played.expect("""
        dag    task     started  ended  took  attempts  state
        build  extract  01:30    02:00  30m   1         success
        build  load     02:00    02:10  10m   2         success
    """)


# ------------------------------------------------------------------------------------------------ what tasks do


def test_R31_a_task_fails_from_an_instant_on_until_it_succeeds_again():
    scenario = Scenario(one(schedule="0 * * * *"), START).at("01:30").fails("task").at("03:30").succeeds("task")
    assert scenario.until("04:00").play().states("job") == ["success", "failed", "failed", "success"]


def test_R31_a_task_fails_in_the_runs_of_one_partition():
    scenario = both().at("02:00").publish("lake/orders", partition="2026-11-24")
    scenario = scenario.at("02:00").publish("lake/users", partition="2026-11-24")
    assert scenario.fails("load", partition="2026-11-24").play().states("build") == ["success", "failed"]
    assert scenario.fails("load", partition="2026-11-20").play().states("build") == ["success", "success"]
    fails_all_but_one = scenario.fails("load").returns("extract", 3).fails("load", times=1, partition="2026-11-23")
    assert fails_all_but_one.play().states("build") == ["success", "failed"]


def test_R31_what_an_attempt_does_is_settled_when_it_begins():
    scenario = Scenario(one(), START).takes("task", "1h").at("01:00").start("job").at("01:30").fails("task")
    assert scenario.play().states("job") == ["success"]
    scenario = Scenario(one(), START).takes("task", "1h").at("01:00").start("job").at("01:00").fails("task")
    assert scenario.play().states("job") == ["failed"]


def test_R31_an_error_of_ones_own_is_raised():
    graph = rd.Graph("errors")
    graph.dag("job").add(lambda: None, id="task", retries=2, retry_on=ConnectionError)
    scenario = Scenario(graph, START).at("01:00").start("job")
    assert len(scenario.fails("task", error=ConnectionError("gone")).play().runs()[0].tasks["task"].attempts) == 3
    scenario.fails("task", error="not this time").expect("""
        dag  attempts  state   error
        job  1         failed  RuntimeError: not this time
    """)
    assert scenario.fails("task", error=rd.SkipTask("no rows")).play().states("job") == ["skipped"]


def test_R31_a_task_returns_a_value_or_what_a_callable_gives():
    scenario = both().returns("extract", 3)
    assert scenario.play().runs("build")[0].tasks["extract"].output == 3
    scenario.returns("load", lambda extract, run: [extract, run.partition]).expect("""
        dag    task     output
        build  extract  3
        build  load     [3, "2026-11-23"]
    """)


def test_R31_bodies_are_executed_where_the_scenario_says_so():
    graph = one()
    start = Scenario(graph, START).at("01:00").start("job")
    assert [
        start.play().runs()[0].tasks["task"].output,
        start.executes("task").play().runs()[0].tasks["task"].output,
    ] == [None, 1]
    played = (
        Scenario(graph, START, bodies=True)
        .at("01:00")
        .start("job")
        .at("02:00")
        .returns("task", 7)
        .at("02:00")
        .start("job", key="b")
    )
    assert [run.tasks["task"].output for run in played.play().runs()] == [1, 7]


def test_R31_a_branch_chooses_all_and_a_mapped_task_has_one_item_unless_said():
    graph = rd.Graph("shapes")
    dag = graph.dag("job")

    @dag.task
    def items():
        raise AssertionError

    @dag.task(map_over=items)
    def each(items):
        raise AssertionError

    @dag.task(branch=True)
    def pick(each):
        raise AssertionError

    dag.add(lambda: None, id="left", after=[pick])
    dag.add(lambda: None, id="right", after=[pick])
    scenario = Scenario(graph, START).at("01:00").start("job")
    assert {task.state for task in scenario.play().runs()[0].tasks.values()} == {"success"}
    played = scenario.returns("items", [1, 2]).returns("each", lambda items: items * 10).returns("pick", "left").play()
    tasks = played.runs()[0].tasks
    assert tasks["each"].output == [10, 20] and (tasks["left"].state, tasks["right"].state) == ("success", "skipped")


def test_R31_a_wait_for_a_function_is_true_unless_said_and_asked_at_each_look():
    graph = rd.Graph("looks")
    graph.dag("job").wait_until(lambda: None, id="ready", poll="10m", timeout="2h")
    scenario = Scenario(graph, START).at("01:00").start("job")
    scenario.expect("dag task ended\njob ready 01:00")
    scenario.returns("ready", None).at("01:35").returns("ready", {"rows": 3}).until("02:00").expect("""
        dag  task   ended  output
        job  ready  01:40  {"rows": 3}
    """)
    scenario.returns("ready", False).until("04:00").expect("dag state ended\njob failed 03:00")


def test_R31_so_many_workers_execute_at_one_time():
    graph = rd.Graph("workers")
    for name in "abc":
        graph.dag(name, schedule="0 1 * * *").add(lambda: None, id=f"{name}s")
    for workers, ends in ((1, ["01:10", "01:20", "01:30"]), (2, ["01:10", "01:10", "01:20"]), (8, ["01:10"] * 3)):
        scenario = Scenario(graph, START, workers=workers)
        for name in "abc":
            scenario = scenario.takes(f"{name}s", "10m")
        rows = [f"{name} {end}" for name, end in zip("abc", ends)]
        scenario.until("02:00").expect("dag ended\n" + "\n".join(rows))


def test_R31_a_scenario_goes_the_same_way_each_time():
    scenario = both().takes("extract", "7m").fails("load", times=1).until("06:00")
    first, second = (played.engine._parts.log for played in (scenario.play(), scenario.play()))
    assert first.read(0, 10_000) == second.read(0, 10_000)


# ------------------------------------------------------------------------------------------------ moments


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("01:30", "01:30"), ("23:00", "23:00"), ("2h", "00:00"), ("0s", "22:00"), ("2026-10-25T02:30", "02:30"),
        ("2026-10-25T01:30Z", "2026-10-25T02:30:00+01:00"), ("2026-10-26", "2026-10-26T00:00"),
        (timedelta(minutes=90), "23:30"), ("22:00:00.5", "22:00:00.5"), (date(2026, 10, 25), "00:00"),
        (datetime(2026, 10, 24, 20, 30, tzinfo=UTC), "22:30"), ("2026-10-24T20:00:00.000000001Z", "22:00:00.000000001"),
    ],
)  # fmt: skip
def test_R31_moments_are_read_and_written_in_the_scenarios_zone(given, shown):
    moments = Scenario(one(), "2026-10-24T20:00Z", tz="Europe/Berlin")._moments
    instant = moments.parse(given, "at()")
    assert moments.text(instant) == shown and moments.parse(shown, "at()") == instant


# ------------------------------------------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Scenario("shop", START), "a scenario takes a graph"),
        (lambda: Scenario(shop(), "2026-11-23T00:00"), "no zone"),
        (lambda: Scenario(shop(), START, tz="Mars"), "unknown time zone"),
        (lambda: Scenario(shop(), START, frame="soon"), "no duration"),
        (lambda: Scenario(shop(), START, workers=0), "workers"),
        (lambda: Scenario(shop(), START, bodies="yes"), "bodies"),
        (lambda: both().at("25:00"), "is no time"),
        (lambda: both().at(3), "is no moment"),
        (lambda: both().at("2026-11-22"), "before the start"),
        (lambda: both().until("soon"), "is no moment"),
        (lambda: both().at("01:00").publish("lake/order"), "did you mean 'lake/orders'"),
        (lambda: both().at("01:00").start("biuld"), "did you mean 'build'"),
        (lambda: both().at("01:00").pause("lake/orders"), "has no DAG 'lake/orders'; it is a dataset"),
        (lambda: both().at("01:00").publish("build"), "has no dataset 'build'; it is a DAG"),
        (lambda: both().at("01:00").start("build.load"), "has no DAG 'build.load'; it is a task"),
        (lambda: both().fails("lode"), "did you mean 'load'"),
        (lambda: both().fails("build"), "has 2 tasks"),
        (lambda: both().fails("load", times=0), "times"),
        (lambda: both().fails("load", error=5), "such as OSError"),
        (lambda: both().fails("load", error=ValueError), "such as OSError"),
        (lambda: both().fails("load", partition=3), "partition"),
        (lambda: both().fails("load", partition="2026-11-3"), r"'2026-11-3' is none of rd.day.\"UTC\"."),
        (lambda: both().at("02:00").start("build", partition="monday"), "'monday' is none of"),
        (lambda: both().at("02:00").backfill("build", start="2026-11-20", end="2026-11-18T00:00Z"), "before start"),
        (lambda: both().at("02:00").backfill("build", only="mising"), "did you mean 'missing'"),
        (lambda: both().at("02:00").backfill("build", max_active_runs=0), "max_active_runs"),
        (lambda: both().returns("load", lambda nope: 1), "'nope'"),
        (lambda: both().at("02:00").mark("build", "load", "done"), "'done', which is none of.*'success'"),
        (lambda: both().at("02:00").mark("build", "lode", "failed"), "no task 'lode'; did you mean 'load'"),
        (lambda: both().at("02:00").mark("build", None, "failed", logical_date="soon"), "'soon'"),
        (lambda: both().at("02:00").rerun("build", tasks=["lode"]), "did you mean 'load'"),
        (lambda: both().at("02:00").rerun("build", only="faild"), "did you mean 'failed'"),
        (lambda: both().at("02:00").rerun("build", downstraem=True), "did you mean 'downstream'"),
        (lambda: both().at("02:00").publish("lake/orders", partitoin="x"), "did you mean 'partition'"),
        (lambda: both().at("02:00").publish("lake/orders", partition="monday"), "monday"),
        (lambda: both().at("02:00").publish("lake/orders", kind="gone"), "gone"),
        (lambda: both().at("02:00").publish("lake/orders"), "an event of it needs partition="),
        (lambda: both().marbles("lake/orders -o"), "an event of it needs partition="),
        (lambda: both().letters(a={"extra": object()}).marbles("orders -a"), "extra"),
        (lambda: both().at("02:00").start("build", params={"nope": 1}), "nope"),
        (lambda: both().at("02:00").start("build", logical_date="soon"), "soon"),
        (lambda: both().at("02:00").start("build"), "outlets are partitioned by .*needs logical_date="),
        (lambda: both().marbles("build -o"), "outlets are partitioned by .*needs logical_date="),
        (lambda: both().at("02:00").backfill("build"), "give start and end, or only='missing'"),
        (lambda: both().at("02:00").backfill("build", start="2026-11-20"), "give start and end, or only='missing'"),
        (lambda: both().at("02:00").backfill("build", start="2026-11-24", end="2026-11-25"), "is yet to come"),
        (lambda: both().at("02:00").backfill("alarm", start="2026-11-20", end="2026-11-21"), "it has no dates"),
        (lambda: both().at("02:00").backfill("alarm", only="missing"), "nothing that it writes is partitioned"),
        (lambda: both().each(rd.every("1h")).backfill("build", start="2026-11-20"), "give start and end"),
        (lambda: both().at("02:00").cancel("build", reason=3), "reason"),
        (lambda: both().at("02:00").backfill("build", start="2026"), "start"),
        (lambda: both().at("02:00").set("", 1), "name"),
        (lambda: both().at("02:00").set("a", object()), "set"),
        (lambda: both().takes("load", "-1m"), "zero or more"),
        (lambda: both().at("02:00").restart(until="01:00"), "before the instant"),
        (lambda: both().at("02:00").do("x"), "takes a callable"),
        (lambda: both().until("01:00").play(), "behind the scenario's end"),
        (lambda: both().each("1h"), "each\\(\\) takes a clock"),
        (lambda: both().each(rd.updated("lake/orders")), "each\\(\\) takes a clock"),
        (lambda: both().each(rd.every("1h")).publish("lake/orders").play(), "goes on for ever"),
        (lambda: both().each(rd.every("1h")).fails("load"), "say at"),
        (lambda: both().at("02:00").cancel("alarm").play(), "there is no such run of 'alarm'"),
    ],
)  # fmt: skip
def test_R31_nonsense_is_refused(make, said):
    with pytest.raises(rd.ReactiveDagError, match=said):
        make()


def test_R31_a_run_can_fail_of_a_partition_that_its_dag_has_from_another():
    scenario = Scenario(shop(), START).fails("alarm", partition="any text").fails("load", partition="2026-11-23")
    assert not scenario.play().runs()


def test_R31_a_run_of_a_rollup_can_fail_of_its_coarse_partition():
    graph = rd.Graph("rollup")
    hours = graph.dataset("hours", partitions=rd.hour("UTC"))
    graph.dag("whole", on=rd.updated(hours).rollup(rd.day("UTC"))).add(lambda: None, id="task")
    scenario = Scenario(graph, START).fails("whole", partition="2026-11-22")
    for hour in graph.partitions(hours, "2026-11-22", "2026-11-22"):
        scenario = scenario.at("01:00").publish(hours, partition=hour)
    assert scenario.play().states("whole") == ["failed"]


def test_R31_a_field_that_there_is_not_is_refused_where_it_is_written():
    for make in (
        lambda: both().at("02:00").publish("lake/orders", partitoin="x"),
        lambda: both().at("02:00").start("build", at=3),
        lambda: both().at("02:00").backfill("build", begin="2026-11-20"),
    ):  # fmt: skip
        with pytest.raises(rd.InvalidValue, match="has no option"):
            make()


def test_R31_a_scenario_goes_as_a_simulation_does():
    graph, start = runpy.run_path(str(ROOT / "examples" / "etl.py"))["graph"], "2026-10-24T00:01+02:00"
    scenario = Scenario(graph, start, workers=100).until("47h59m59s")
    for dag in graph.dags.values():
        for task in dag.tasks.values():
            scenario = scenario.takes(task, "20m")
    found = rd.simulate(graph, start=start, until="2d", default_duration="20m")
    runs = [
        [(run.dag, run.key, run.state, run.requested, run.ended) for run in each]
        for each in (found.runs, scenario.play().runs())
    ]
    assert len(runs[0]) > 8 and sorted(runs[0]) == sorted(runs[1])


def test_R31_a_wait_has_no_body_that_could_fail():
    graph = one()
    graph.dag("behind").wait_for("job", id="up", timeout="1h")
    with pytest.raises(rd.InvalidValue, match=r"behind.up' is a wait"):
        Scenario(graph, START).fails("up")


def test_R31_what_the_engine_refuses_is_told_with_the_place_where_it_is_written():
    with pytest.raises(rd.UnknownId) as refused:
        both().at("02:00").cancel("alarm").play()
    [note] = refused.value.__notes__
    assert "cancel('alarm')" in note and "test_scenario.py:" in note


# ------------------------------------------------------------------------------------------------ changes of the graph


def test_R31_what_do_changes_of_the_graph_is_gone_when_it_is_played_again():
    graph = rd.Graph("changing")
    orders = graph.dataset("orders", partitions=rd.day())
    graph.dag("first", on=orders).add(lambda: None, id="t")
    before = graph.to_json()

    def change(engine):
        engine.graph.dag("second", on=rd.completed("first")).add(lambda: None, id="t")
        engine.graph.dags["first"].add(lambda: None, id="more")
        engine.graph.dataset("users", partitions=rd.day())

    told = (
        Scenario(graph, START)
        .at("02:00")
        .do(change)
        .at("03:00")
        .restart()
        .at("04:00")
        .publish(orders, partition="2026-11-22")
    )
    tables = [told.play().table("dag", "at", "state", "task") for _ in range(2)]
    assert tables[0] == tables[1] and "second" in tables[0] and "more" in tables[0]
    assert graph.to_json() == before and graph.dags["first"].graph == "changing"
    gone = Scenario(graph, START).at("02:00").do(lambda engine: engine.graph.remove("first"))
    assert gone.at("03:00").publish(orders, partition="2026-11-22").play().runs() == [] and list(graph.dags) == [
        "first"
    ]


def test_R31_a_do_that_changes_the_graph_itself_is_refused_and_taken_back():
    graph = rd.Graph("changing")
    graph.dag("first").add(lambda: None, id="t")
    before = graph.to_json()
    told = Scenario(graph, START).at("02:00").do(lambda engine: graph.dag("second"))
    with pytest.raises(rd.UsageError, match=r"changed graph 'changing' itself.*engine.graph") as refused:
        told.play()
    assert "test_scenario.py:" in refused.value.__notes__[0] and graph.to_json() == before


def test_R31_a_tick_of_each_is_the_date_of_what_it_starts():
    told = both().each(rd.cron("0 1 * * *")).start("build").until("2026-11-24T02:00")
    assert told.play().states("build")[0] == "success"
