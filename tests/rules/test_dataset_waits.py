"""Waiting for a dataset (R28): which event counts, in every mode; what is awaited, what the output says, restarts."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest

import reactive_dag as rd
from tests.support import engines
from tests.support.engines import kill, parts

D = "2026-11-23"
MODES = pytest.mark.parametrize("mode", ["push", "poke", "reschedule"])


def opened(graph, *args, **options):
    """An engine with workers enough for waits that hold one."""
    return engines.opened(graph, *args, **{"runner": rd.ThreadRunner(8), **options})


def live(graph, *args, **options):
    """The same until the end of a block."""
    return engines.live(graph, *args, **{"runner": rd.ThreadRunner(8), **options})


def waiting(mode="push", partitions="day", on=None, tz="UTC", **options):
    """A graph whose `job` waits for `orders`; the task behind the wait gives the event's partition."""
    graph = rd.Graph("waits")
    orders = graph.dataset("lake/orders", partitions=rd.day("Europe/Berlin") if partitions == "day" else None)
    job = graph.dag("job", on=on and on(graph), tz=tz)
    job.wait_for(orders, id="up", mode=mode, poll="10m", **{"timeout": "9d", **options})

    @job.task
    def after(up):
        return [each.partition for each in up] if isinstance(up, list) else up and up.partition

    return graph


def settle(engine):
    """All that can be done, and a look of each wait."""
    engine.run_until_idle("10s")
    engine.advance("10m")


def up(engine):
    return engine.runs("job")[0].tasks["up"]


# ------------------------------------------------------------------------------------------- which event counts


@MODES
def test_wait_for_a_dataset_succeeds_at_once_with_what_is_there(mode):
    with live(waiting(mode)) as engine:
        engine.publish("lake/orders", partition=D, extra={"rows": 3})
        engine.start("job", logical_date=f"{D}T12:00Z")
        engine.run_until_idle("10s")
        assert up(engine).state == "success" and engine.runs("job")[0].tasks["after"].output == D


@MODES
def test_wait_for_a_dataset_waits_for_an_event_of_its_partition_alone(mode):
    with live(waiting(mode)) as engine:
        engine.start("job", logical_date=f"{D}T12:00Z")
        engine.publish("lake/orders", partition="2026-11-22")
        settle(engine)
        (wait,) = engine.pending("job").waits
        assert (wait.dataset, wait.dag, wait.why) == ("lake/orders", "", f"lake/orders {D}: no event yet")
        engine.publish("lake/orders", partition=D)
        settle(engine)
        assert up(engine).state == "success"


@MODES
def test_R28_a_later_deleted_takes_it_away_and_a_later_event_brings_it_back(mode):
    with live(waiting(mode)) as engine:
        for kind in ("created", "deleted"):
            engine.publish("lake/orders", partition=D, kind=kind)
        engine.start("job", logical_date=f"{D}T12:00Z")
        settle(engine)
        assert up(engine).state == "waiting" and "deleted at 2026-11-23T00:00:00Z" in engine.pending("job").waits[0].why
        engine.publish("lake/orders", partition=D, kind="partition_added")
        settle(engine)
        assert up(engine).output["kind"] == "partition_added"


@MODES
def test_R28_since_start_counts_only_what_comes_after_it_began(mode):
    with live(waiting(mode, since="start")) as engine:
        engine.publish("lake/orders", partition=D)
        engine.start("job", logical_date=f"{D}T12:00Z")
        settle(engine)
        assert up(engine).state == "waiting"
        engine.publish("lake/orders", partition=D, extra=2)
        settle(engine)
        assert (up(engine).state, up(engine).output["extra"]) == ("success", 2)


@MODES
def test_R28_two_looks_that_see_the_same_event_decide_alike_whatever_came_between(mode):
    """The event that stands for a partition is the newest one when the wait looks; `push` looks at each."""
    with live(waiting(mode)) as engine:
        engine.start("job", logical_date=f"{D}T12:00Z")
        engine.run_until_idle("10s")
        engine.publish_many([("lake/orders", {"partition": D, "kind": kind}) for kind in ("updated", "deleted")])
        settle(engine)
        assert up(engine).state == ("success" if mode == "push" else "waiting")


@MODES
def test_wait_for_a_dataset_that_a_run_publishes(mode):
    graph = waiting(mode)
    graph.dag("make", outlets=[graph.datasets["lake/orders"]]).add(lambda run: 1, id="t")
    with live(graph) as engine:
        engine.start("job", logical_date=f"{D}T12:00Z")
        made = engine.start("make", logical_date=f"{D}T02:00Z")
        settle(engine)
        assert up(engine).state == "success" and up(engine).output["run"] == made.key


# ------------------------------------------------------------------------------------------- what is awaited


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("same", [D]), ("2026-11-20", ["2026-11-20"]), (timedelta(days=1), ["2026-11-22"]),
        (["2026-11-20", "2026-11-21", "2026-11-20"], ["2026-11-20", "2026-11-21"]),
        (lambda date: [date, date - timedelta(days=2)], [D, "2026-11-21"]),
        (lambda date: "2026-11-19", ["2026-11-19"]), (lambda _: date(2026, 11, 18), ["2026-11-18"]),
        (iter(["2026-11-20"]), ["2026-11-20"]),
    ],
)  # fmt: skip
def test_R28_partition_says_which_are_awaited(spec, expected):
    with live(waiting(partition=spec)) as engine:
        engine.start("job", logical_date=f"{D}T12:00Z")
        for text in expected:
            engine.run_until_idle("10s")
            assert up(engine).state == "waiting"
            engine.publish("lake/orders", partition=text)
        engine.run_until_idle("10s")
        output = up(engine).output
        seen = [each["partition"] for each in output] if isinstance(output, list) else [output["partition"]]
        assert up(engine).state == "success" and seen == expected
        assert isinstance(output, list) == (not isinstance(spec, str | timedelta) and spec not in ("same",) and (
            isinstance(spec, list) or len(expected) > 1 or not callable(spec)))  # fmt: skip


def test_R28_same_is_the_runs_partition_before_that_of_its_date():
    graph = waiting(on=lambda graph: graph.dataset("other", partitions=rd.day("Europe/Berlin")))
    with live(graph) as engine:
        engine.publish("other", partition="2026-11-01", logical_date="2026-11-20T12:00Z")
        engine.run_until_idle("10s")
        assert engine.pending("job").waits[0].why == "lake/orders 2026-11-01: no event yet"


def test_R28_same_of_a_date_is_its_partition_in_the_calendar_of_the_dataset():
    with live(waiting(tz="UTC")) as engine:
        engine.start("job", logical_date="2026-11-22T23:30Z")
        engine.run_until_idle("10s")
        assert engine.pending("job").waits[0].why == f"lake/orders {D}: no event yet", "it is the next day in Berlin"


def test_R28_same_of_a_run_that_has_neither_fails_saying_what_to_do():
    with live(waiting()) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        assert up(engine).state == "failed" and "neither a partition of 'lake/orders'" in up(engine).error


@pytest.mark.parametrize(
    ("own", "event", "state"), [(None, {}, "success"), ("a", {"partition": "a"}, "success"), ("a", {}, "waiting")]
)
def test_R28_same_of_a_dataset_without_partitions_is_the_runs_own_or_any_event(own, event, state):
    graph = waiting(partitions=None, on=lambda graph: graph.dataset("other"))
    with live(graph) as engine:
        engine.publish("other", partition=own)
        engine.run_until_idle("10s")
        engine.publish("lake/orders", **event)
        engine.run_until_idle("10s")
        assert up(engine).state == state


def test_R28_none_is_any_event():
    with live(waiting(partition=None)) as engine:
        engine.start("job")
        engine.run_until_idle("10s")
        assert engine.pending("job").waits[0].why == "lake/orders: no event yet"
        engine.publish("lake/orders", partition="2026-01-01")
        engine.run_until_idle("10s")
        assert up(engine).output["partition"] == "2026-01-01"


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (lambda date: [], "none at all"), (lambda date: 1 / 0, "ZeroDivisionError"), (lambda date: 3, "3 is no part"),
        (lambda date: "2026-13-01", "2026-13-01"),
    ],
)  # fmt: skip
def test_R28_a_callable_that_gives_no_partition_fails_the_wait_and_not_the_engine(spec, why):
    with live(waiting(partition=spec)) as engine:
        engine.start("job", logical_date=D)
        engine.run_until_idle("10s")
        assert up(engine).state == "failed" and why in up(engine).error
        assert re.match(r"job\.up: partition=lambda date: .* \(.*test_dataset_waits\.py:\d+\)", up(engine).error)


def test_R28_partitions_that_the_dataset_cannot_have_are_refused_with_the_place():
    graph = rd.Graph("waits")
    graph.dag("job").wait_for(rd.Dataset("lake/orders"), id="up", partition="today", timeout="1h")
    graph.dataset("lake/orders")
    assert graph.check() is None
    other = rd.Graph("waits")
    days = other.dataset("lake/orders", partitions=rd.day())
    other.dag("job").wait_for(rd.Dataset("lake/orders"), id="up", partition="today", timeout="1h")
    with pytest.raises(rd.GraphError, match=r"waits for partition 'today' of 'lake/orders'.*test_dataset_waits.py:"):
        other.check()
    other.register(rd.Dag("job"), replace=True).wait_for(days, id="up", partition=timedelta(days=1), timeout="1h")
    assert other.check() is None and other.dags["job"].waits[0].dataset is days
    with pytest.raises(rd.GraphError, match="is declared with partitions="):
        other.dag("third").wait_for(rd.Dataset("lake/orders", rd.week()), timeout="1h")


# ------------------------------------------------------------------------------------------- graph and JSON


def test_R28_the_edges_of_a_wait_for_a_dataset_make_an_order_and_a_circle_is_refused():
    graph = waiting()
    orders = graph.datasets["lake/orders"]
    graph.dag("make", outlets=[orders]).add(lambda run: 1, id="t")
    assert (graph.upstream("job"), graph.height("job"), graph.consumers(orders)) == ({"make"}, 1, ("job",))
    assert ("wait", "lake/orders", "job.up", "dataset") in [
        (each.kind, each.source, each.target, each.source_kind) for each in graph.edges
    ]
    with pytest.raises(rd.CycleError, match="lake/orders"):
        graph.dags["job"].add(lambda after: 1, id="back", outlets=[orders])
    assert "back" not in graph.dags["job"].tasks
    back = rd.Graph("back")
    job = back.dag("job")
    again = job.wait_for(rd.Dataset("a", rd.day()), partition=timedelta(days=1), timeout="1h")
    job.add(lambda run: 1, id="t", after=[again], outlets=[back.datasets["a"]])
    back.check()  # time breaks that circle


def test_R28_through_json():
    graph = rd.Graph("waits")
    orders = graph.dataset("lake/orders", partitions=rd.day())
    job = graph.dag("job")
    for number, spec in enumerate(["same", None, "2026-11-01", ["2026-11-01"], timedelta(days=1), yesterday]):
        job.wait_for(orders, id=f"w{number}", partition=spec, mode="poke", pool="p", retries=2, retry_delay="1m")
    read = rd.Graph.from_json(graph.to_json())
    assert read.to_json() == graph.to_json() and read.dags["job"].waits == job.waits
    assert [each.retries for each in read.dags["job"].tasks.values()] == [2] * 6
    read.bind()
    assert read.dags["job"].waits[5].partition.fn is yesterday
    data = graph.to_json()
    data["dags"][0]["tasks"][0]["wait"]["partition"] = {"dates": ["2026-11-01"]}
    with pytest.raises(rd.InvalidValue, match=r"tasks\[0\].wait.partition"):
        rd.Graph.from_json(data)


def yesterday(date):
    return date - timedelta(days=1)


# ------------------------------------------------------------------------------------------- time, restarts, what if


@MODES
def test_wait_for_a_dataset_times_out_and_begins_anew(mode):
    with live(waiting(mode, timeout="1h", retries=1)) as engine:
        engine.start("job", logical_date=D)
        engine.advance("1h")
        assert "timed out after 1h of waiting for dataset 'lake/orders'" in up(engine).attempts[0].error
        engine.publish("lake/orders", partition=D)
        settle(engine)
        assert up(engine).state == "success" and len(up(engine).attempts) == 2


@MODES
@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("since", [None, "start"])
def test_R28_after_a_restart_it_knows_what_came_since(mode, snapshot, since, tmp_path, monkeypatch):
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 1)
    store, options = tmp_path / "s.db", {"partition": ["2026-11-01", "2026-11-02"], "since": since}
    engine = opened(waiting(mode, **options), store)
    engine.publish("lake/orders", partition="2026-11-02")
    engine.start("job", logical_date=D)
    engine.advance("5m")
    engine.publish("lake/orders", partition="2026-11-01", key="first")
    engine.advance("20m")
    kill(engine)
    with live(waiting(mode, **options), store, "2026-11-23T00:30Z") as engine:
        settle(engine)
        assert up(engine).state == ("success" if since is None else "waiting")
        engine.publish("lake/orders", partition="2026-11-02", key="second")
        settle(engine)
        keys = [each["key"] for each in up(engine).output]
        assert keys == ["first", None if since is None else "second"]


@MODES
def test_R28_a_new_round_of_what_published_is_an_event_too(mode):
    graph = waiting(mode, since="start")
    graph.dag("make", outlets=[graph.datasets["lake/orders"]]).add(lambda run: 1, id="t")
    with live(graph) as engine:
        made = engine.start("make", logical_date=D)
        engine.run_until_idle("10s")
        engine.start("job", logical_date=D)
        settle(engine)
        assert up(engine).state == "waiting"
        engine.rerun(made)
        settle(engine)
        assert up(engine).state == "success"


@MODES
def test_R28_in_a_simulation(mode):
    graph = rd.Graph("waits")
    orders, other = graph.dataset("orders", partitions=rd.day()), graph.dataset("other", partitions=rd.day())
    job = graph.dag("job", schedule="0 1 * * *")
    how = {"mode": mode, "poll": "7m", "timeout": "9h"}
    waits = [job.wait_for(orders, **how), job.wait_for(other, **how)]
    waits.append(job.wait_for(other, id="before", partition=timedelta(days=1), **how))
    job.add(lambda run: 1, id="after", after=waits)
    graph.dag("make", schedule="0 0 * * *", outlets=[orders]).add(lambda run: 1, id="t")
    sources = {other: rd.cron("30 1 * * *")}
    simulation = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", sources=sources, default_duration="90m")
    (run,) = [run for run in simulation.runs if run.dag == "job"]
    assert run.state == "success" and run.tasks["before"].output is None, "it lies before the start"
    ended = {id: f"{run.tasks[id].attempts[0].ended:%H:%M}" for id in ("wait_orders", "wait_other")}
    late = {"wait_orders": "01:35", "wait_other": "01:35"}
    assert ended == ({"wait_orders": "01:30", "wait_other": "01:30"} if mode == "push" else late)
    steps = [(step.kind, step.name) for step in simulation.critical_path("job").steps]
    assert ("wait", "job.wait_orders") in steps or ("wait", "job.wait_other") in steps
    assert not simulation.pending()


def test_R28_many_that_wait_cost_nothing_until_something_happens_to_their_partition():
    with live(waiting()) as engine:
        for day in range(1, 29):
            engine.start("job", logical_date=f"2026-10-{day:02d}T12:00Z")
        engine.run_until_idle("10s")
        events = parts(engine).fold.waits.events
        looked = []
        judge, events.judge = events.judge, lambda watch, before: looked.append(watch) or judge(watch, before)
        engine.publish("lake/orders", partition="2026-10-05")
        engine.run_until_idle("10s")
        assert len(looked) == 1
        del events.judge


# ------------------------------------------------------------------------------------------- products (T19)


@pytest.mark.parametrize(
    ("source", "spec", "awaited"),
    [
        ("2026-11-23|eu", "same", ["2026-11-23|eu"]), ("2026-11-23|eu", timedelta(days=1), ["2026-11-22|eu"]),
        (None, "same", ["2026-11-23|eu", "2026-11-23|us"]), (None, "2026-11-01|us", ["2026-11-01|us"]),
    ],
)  # fmt: skip
def test_R28_products_of_partitions_take_the_other_dimensions_of_the_run_or_all_there_are(source, spec, awaited):
    graph = rd.Graph("waits")
    both = rd.day() * rd.values("eu", "us", name="region")
    orders, other = graph.dataset("orders", partitions=both), graph.dataset("other", partitions=both)
    graph.dag("job", on=other).wait_for(orders, id="up", partition=spec, timeout="1d")
    with live(graph) as engine:
        if source is None:
            engine.start("job", logical_date=D)
        else:
            engine.publish("other", partition=source)
        engine.run_until_idle("10s")
        assert parts(engine).fold.waits.watches.of_waiter("job")[0].record.awaits == awaited
        engine.publish_many([("orders", {"partition": each}) for each in awaited])
        engine.run_until_idle("10s")
        assert up(engine).state == "success"


@pytest.mark.parametrize(
    ("calendar", "short", "enough"),
    [
        (rd.hour("UTC"), timedelta(minutes=59), timedelta(hours=1)),
        (rd.day("UTC"), timedelta(hours=1), timedelta(days=1)),
        (rd.week("UTC"), timedelta(days=6), timedelta(days=7)),
        (rd.month("UTC"), timedelta(days=30), timedelta(days=31)),
    ],
)
def test_R28_a_wait_for_an_own_partition_that_may_be_this_runs_is_a_circle(calendar, short, enough):
    for back in (short, enough):
        graph = rd.Graph("waits")
        out = graph.dataset("out", partitions=calendar)
        dag = graph.dag("job", on=rd.cron("0 5 * * *"), outlets=[out])
        if back is short:
            with pytest.raises(rd.CycleError, match="out"):
                dag.wait_for(out, partition=back, id="up", timeout="30m")
        else:
            dag.wait_for(out, partition=back, id="up", timeout="30m")
        dag.add(lambda run: None, id="work")
        graph.check()
