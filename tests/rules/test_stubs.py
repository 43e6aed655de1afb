"""Stubs in place of bodies (R23): what they get, `fails_once`, `takes` in virtual time, and what is refused."""

from __future__ import annotations

import threading

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive.turn import Turn
from reactive_dag.model.records import TaskFinished, TaskStarted
from reactive_dag.testing.workers import InlineWorkers
from tests.support.engines import live, now_is, of_kind, opened, parts, states

RUNNERS = [rd.InlineRunner, lambda: rd.ThreadRunner(1), lambda: rd.ThreadRunner(4)]
START = "2026-11-23T00:00:00Z"


def sales(**options):
    graph = rd.Graph("stubs")
    orders = graph.dataset("orders")

    @graph.dag(outlets=["orders"], **options)
    def ingest(run):
        raise AssertionError("the body")

    mart = graph.dag("mart", on=orders)

    @mart.task
    def extract():
        return [1, 2, 3]

    @mart.task
    def load(extract):
        return len(extract)

    return graph


def minutes(engine, dag, task):
    """When the attempts of a task began and ended, in minutes from the start."""
    base = rd.model.times.parse_time(START)
    found = []
    for attempt in engine.runs(dag)[-1].tasks[task].attempts:
        spans = [(rd.model.times.parse_time(at) - base) / 60e9 for at in (attempt.started, attempt.ended)]
        found.append(tuple(spans))
    return found


@pytest.mark.parametrize("runner", RUNNERS)
def test_R23_a_stub_is_executed_in_place_of_the_body(runner):
    stubs = {"ingest": lambda: 7, "mart.load": lambda extract, run: [run.task, extract], "extract": lambda: [4]}
    graph = sales()
    with live(graph, stubs=stubs, runner=runner()) as engine:
        engine.start("ingest")
        engine.run_until_idle("20s")
        assert engine.runs("ingest")[0].tasks["ingest"].output == 7
        assert engine.runs("mart")[0].tasks["load"].output == ["load", [4]]


def test_R23_tasks_and_dags_name_themselves():
    graph = sales()
    stubs = {graph.dags["ingest"]: lambda **given: sorted(given), graph.dags["mart"].tasks["load"]: lambda: 1 / 0}
    with live(graph, stubs=stubs) as engine:
        engine.start("ingest")
        engine.run_until_idle()
        assert engine.runs("ingest")[0].tasks["ingest"].output == ["run"]
        assert "ZeroDivisionError" in engine.runs("mart")[0].error  # as a body's error


def test_R23_a_stub_may_publish_and_be_a_coroutine():
    async def stub(run):
        run.publish("orders", extra={"rows": 3})
        return run.attempt

    with live(sales(), stubs={"ingest": stub}) as engine:
        engine.start("ingest")
        engine.run_until_idle()
        assert [event.extra for event in engine.events("orders")] == [{"rows": 3}]


@pytest.mark.parametrize("runner", RUNNERS)
def test_R23_fails_once_fails_the_first_attempt_of_each_run(runner):
    stubs = {"ingest": rd.fails_once(then=lambda run: run.attempt)}
    with live(sales(retries=1, retry_delay="5m"), stubs=stubs, runner=runner()) as engine:
        for _ in range(2):
            engine.start("ingest")
            engine.run_until_idle("20s")
        for run in engine.runs("ingest"):
            assert [attempt.state for attempt in run.tasks["ingest"].attempts] == ["failed", "success"]
            assert run.tasks["ingest"].output == 2


def test_R23_fails_once_without_a_retry_fails_the_run():
    with live(sales(), stubs={"ingest": rd.fails_once()}) as engine:
        engine.start("ingest")
        engine.run_until_idle()
        assert states(engine, "ingest") == ["failed"] and "as its stub says" in engine.runs("ingest")[0].error


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("drive", ["idle", "advance"])
def test_R23_takes_ends_later_on_the_engines_clock(runner, drive):
    stubs = {"ingest": rd.takes("20m", then=lambda run: run.attempt), "load": rd.takes("5m")}
    with live(sales(), stubs=stubs, runner=runner()) as engine:
        engine.start("ingest")
        if drive == "idle":
            engine.run_until_idle("20s")
            assert now_is(engine) == "2026-11-23T00:25:00Z"
        else:
            engine.advance("19m")
            assert engine.runs("ingest")[0].tasks["ingest"].state == "running"
            engine.advance("1h")
        assert minutes(engine, "ingest", "ingest") == [(0, 20)]
        assert minutes(engine, "mart", "load") == [(20, 25)]
        assert engine.runs("ingest")[0].tasks["ingest"].output == 1 and not parts(engine).turn.held


@pytest.mark.parametrize(("runner", "ends"), [(rd.InlineRunner, [10, 20]), (lambda: rd.ThreadRunner(2), [10, 10])])
def test_R23_takes_holds_its_worker(runner, ends):
    graph = rd.Graph("stubs")
    dag = graph.dag("job")
    for id in ("a", "b"):
        dag.add(lambda: None, id=id)
    stubs = dict.fromkeys(("job.a", "job.b"), rd.takes("10m"))
    with live(graph, stubs=stubs, runner=runner()) as engine:
        engine.start("job")
        engine.run_until_idle("20s")
        assert sorted(minutes(engine, "job", id)[0][1] for id in ("a", "b")) == ends


def test_R23_takes_holds_its_slots_of_a_pool():
    graph = rd.Graph("stubs")
    dag, pool = graph.dag("job"), graph.pool("db", slots=1)
    for id in ("a", "b"):
        dag.add(lambda: None, id=id, pool=pool)
    stubs = dict.fromkeys(("job.a", "job.b"), rd.takes("10m"))
    with live(graph, stubs=stubs, runner=rd.ThreadRunner(2)) as engine:
        engine.start("job")
        engine.run_until_idle("20s")
        assert sorted(minutes(engine, "job", id)[0] for id in ("a", "b")) == [(0, 10), (10, 20)]


@pytest.mark.parametrize("runner", RUNNERS)
def test_R23_a_timeout_ends_what_takes_longer(runner):
    stubs = {"ingest": rd.takes("20m")}
    with live(sales(timeout="15m", retries=1), stubs=stubs, runner=runner()) as engine:
        engine.start("ingest")
        engine.run_until_idle("20s")
        assert minutes(engine, "ingest", "ingest") == [(0, 15), (15, 30)]
        assert "timed out" in engine.runs("ingest")[0].error


@pytest.mark.parametrize("runner", RUNNERS)
def test_R23_a_cancelled_run_holds_nothing(runner):
    went_on = []
    with live(sales(), stubs={"ingest": rd.takes("20m", then=lambda: went_on.append(1))}, runner=runner()) as engine:
        run = engine.start("ingest")
        engine.advance("1m")
        engine.cancel(run)
        engine.run_until_idle("20s")
        assert (run.state, now_is(engine), went_on) == ("cancelled", "2026-11-23T00:01:00Z", [])
        assert parts(engine).turn.inflight == {}


@pytest.mark.parametrize("runner", RUNNERS)
def test_R23_takes_that_a_restart_cuts_off_is_lost_and_made_again(tmp_path, runner):
    stubs = {"ingest": rd.takes("20m"), "load": lambda: 0}
    with opened(sales(), tmp_path / "s.db", stubs=stubs, runner=runner()) as engine:
        engine.start("ingest")
        engine.advance("1m")
    with live(sales(), tmp_path / "s.db", start="2026-11-23T01:00Z", stubs=stubs, runner=runner()) as engine:
        engine.run_until_idle("20s")
        assert [attempt.state for attempt in engine.runs("ingest")[0].tasks["ingest"].attempts] == ["lost", "success"]
        assert now_is(engine) == "2026-11-23T01:20:00Z"


def test_R23_takes_on_a_wall_clock():
    done = threading.Event()
    stubs = {"ingest": rd.takes("20ms", then=lambda: done.set()), "load": lambda: 0}
    with rd.Engine(sales(), stubs=stubs) as engine:
        run = engine.start("ingest")
        engine.run_until_idle("20s")
        assert run.state == "success" and done.is_set()
        (attempt,) = run.tasks["ingest"].attempts
        assert (attempt.ended - attempt.started).total_seconds() >= 0.02


def test_R23_no_record_holds_a_stub():
    with live(sales(), stubs={"ingest": rd.takes("20m", then=lambda: 1), "load": lambda: 2}) as engine:
        engine.start("ingest")
        engine.run_until_idle()
        kinds = {type(record).__name__ for record in of_kind(engine, object)}
        assert {"TaskStarted", "TaskFinished"} <= kinds
        assert len(of_kind(engine, TaskStarted)) == len(of_kind(engine, TaskFinished)) == 3


def test_R23_takes_in_takes_adds_up():
    assert repr(rd.takes("20m", then=rd.takes("5m", then=rd.fails_once()))) == "rd.takes('25m', then=rd.fails_once())"


@pytest.mark.parametrize(
    ("stubs", "error", "says"),
    [
        ({"ingst": len}, rd.UnknownId, "'ingst'; did you mean 'ingest'"),
        ({"mart": len}, rd.UnknownId, "no task 'mart'"),
        ({"ingest": 3}, rd.InvalidValue, "'ingest.ingest' must be a callable, not 3"),
        ({3: len}, rd.InvalidValue, "tasks or their names, not 3"),
        ([len], rd.InvalidValue, "a dict of callables"),
    ],
)
def test_R23_what_is_no_stub_is_refused_before_anything_is_opened(tmp_path, stubs, error, says):
    with pytest.raises(error, match=says):
        rd.Engine(sales(), tmp_path / "s.db", stubs=stubs)
    assert not list(tmp_path.iterdir())


def test_R23_a_name_that_two_dags_have_is_refused():
    graph = rd.Graph("stubs")
    for id in ("a", "b"):
        graph.dag(id).add(lambda: None, id="load")
    with pytest.raises(rd.UnknownId, match=r"several DAGs; say which: 'a.load', 'b.load'"):
        rd.Engine(graph, stubs={"load": len})


@pytest.mark.parametrize("make", [lambda: rd.takes("soon"), lambda: rd.takes("-1m"), lambda: rd.takes("0s")])
def test_R23_what_takes_no_time_is_refused(make):
    with pytest.raises(rd.InvalidValue):
        make()


@pytest.mark.parametrize("make", [lambda: rd.takes("1m", then=3), lambda: rd.fails_once(then="x")])
def test_R23_then_is_a_callable(make):
    with pytest.raises(rd.InvalidValue, match="must be a callable"):
        make()


@pytest.mark.parametrize(
    ("stub", "attempts", "output"),
    [
        (lambda items, run: f"{run.task} {items}", ["success"], ["each[0] 4", "each[1] 5"]),
        (rd.fails_once(then=lambda items: -items), ["failed", "success"], [-4, -5]),
        (rd.takes("20m", then=lambda items: items), ["success"], [4, 5]),
    ],
)
def test_R23_the_stub_of_a_mapped_task_is_executed_for_each_instance(stub, attempts, output):
    graph = rd.Graph("stubs")
    dag = graph.dag("job")
    dag.add(lambda: [4, 5], id="items")
    dag.add(lambda items: 1 / 0, id="each", map_over="items", retries=1, retry_delay="1m")
    with live(graph, stubs={"job.each": stub}) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        each = run.tasks["each"]
        assert each.output == output
        assert [[attempt.state for attempt in one.attempts] for one in each.instances] == [attempts, attempts]
        took = (run.ended - run.started).total_seconds() / 60
        assert took == (40 if isinstance(stub, type(rd.takes("1m"))) else len(attempts) - 1)


@pytest.mark.parametrize(
    ("stub", "why"),
    [
        (len, "'obj'"), (lambda extrakt: 1, "'extrakt'.*did you mean 'extract'"), (lambda run, *, more: 1, "'more'"),
        (rd.takes("1m", then=lambda nope: 1), "'nope'"), (rd.fails_once(then=lambda nope: 1), "'nope'"),
    ],
)  # fmt: skip
def test_R23_a_stub_that_needs_what_its_task_has_not_is_refused_at_the_opening(stub, why):
    with pytest.raises(rd.InvalidValue, match=rf"'mart\.load'.*{why}"):
        rd.Engine(sales(), stubs={"load": stub})
    for fits in (dict, lambda extract, run, more=1: 1, lambda **given: 1, lambda *given: 1, print):
        rd.Engine(sales(), stubs={"load": fits}).close()


@pytest.mark.parametrize("runner", [InlineWorkers, rd.ThreadRunner, rd.ProcessRunner])
def test_W20_what_ends_at_an_instant_gives_its_slot_back_before_slots_are_given_out_there(runner):
    """At 00:10 `first` ends and a clock ticks: what follows from the end goes before, and takes both slots."""
    graph = rd.Graph("order")
    graph.pool("two", 2)
    graph.dag("first").add(lambda: None, "t", pool="two")
    graph.dag("behind", on=rd.completed("first")).add(lambda: None, "t", pool="two", slots=2, priority=1)
    graph.dag("ticking", schedule="10 0 * * *").add(lambda: None, "t", pool="two")
    stubs = {f"{dag}.t": rd.takes("10m") for dag in graph.dags}
    with live(graph, stubs=stubs, runner=runner(9)) as engine:
        engine.start("first")
        engine.advance("1h")
        assert [minutes(engine, dag, "t") for dag in graph.dags] == [[(0, 10)], [(10, 20)], [(20, 30)]]


def test_W20_who_waits_for_a_run_as_its_stub_ends_does_not_hold_up_the_slots():
    graph = rd.Graph("waiting")
    graph.dag("child").add(lambda: None, "t")
    graph.dag("parent").add(lambda: None, "t")

    def wait(run):
        return run.start("child").wait().state

    stubs = {"parent.t": rd.takes("10m", then=wait), "child.t": rd.takes("5m")}
    with live(graph, stubs=stubs, runner=rd.ThreadRunner(1)) as engine:
        run = engine.start("parent")
        engine.advance("1h")
        assert (run.tasks["t"].output, minutes(engine, "child", "t")) == ("success", [(10, 15)])


def test_W20_time_moves_only_when_what_has_come_back_is_decided(monkeypatch):
    """The body ends just as it is asked whether one executes: what follows begins at that instant all the same."""
    graph = rd.Graph("ends")
    dag = graph.dag("job", schedule="10 0 * * *")
    gates = []

    def first():
        gates.append(gate := threading.Event())
        gate.wait()

    dag.add(lambda first: None, "second", after=[dag.add(first, "first")])
    executing = Turn.executing.fget

    def asked(turn):
        while turn.inflight:
            while gates:
                gates.pop().set()
        return executing(turn)

    monkeypatch.setattr(Turn, "executing", property(asked))
    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        engine.advance("1h")
        assert [minutes(engine, "job", task) for task in dag.tasks] == [[(10, 10)], [(10, 10)]]


def test_W20_a_retry_that_is_due_at_once_is_among_what_is_due_at_an_instant():
    """The one worker is free at the end of the first attempt: the second goes before the task behind."""
    graph = rd.Graph("retries")
    dag = graph.dag("job")
    dag.add(lambda: None, "first", retries=1, retry_delay="0")
    dag.add(lambda: None, "other")
    took = []

    def fails(run):
        took.append("first")
        raise ValueError("no")

    with live(graph, stubs={"first": fails, "other": lambda: took.append("other")}, runner=InlineWorkers(1)) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert took == ["first", "first", "other"]
