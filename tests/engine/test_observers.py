"""Streams of the engine: records, updates, completions, firings, ready; who raises harms nobody (R12, G4)."""

from __future__ import annotations

import threading

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Decided, ObserverFault, Published, RunFinished
from reactive_dag.streams.scheduler import VirtualScheduler
from tests.support.engines import kill, live, of_kind, opened, outputs, parts, records_of, states


def nothing(run):
    return None


def declared():
    graph = rd.Graph("watched")
    a = graph.dataset("a")
    b = graph.dataset("b")
    dag = graph.dag("up", on=a)
    dag.add(lambda run: run.events[0].extra, id="first", outlets=[b])
    dag.add(lambda first: first and 1 / 0, id="second")
    graph.dag("down", on=rd.completed("up"))(nothing)
    return graph


def test_records_are_every_record_in_log_order(tmp_path):
    with live(declared(), tmp_path / "s.db") as engine:
        seen = []
        engine.records.subscribe(seen.append)
        engine.publish("a")
        engine.run_until_idle()
        first = seen[0].offset
        assert [entry.offset for entry in seen] == list(range(first, first + len(seen)))
        assert [entry.record for entry in seen] == parts(engine).log.read(first, first + len(seen))
        assert (seen[0].kind, seen[0].at) == ("Published", parts(engine).fold.clock.now())


def test_records_from_replays_and_then_goes_on():
    with live(declared()) as engine:
        engine.publish("a")
        engine.run_until_idle()
        seen = []
        engine.records_from(0).subscribe(lambda entry: seen.append(entry.offset))
        engine.publish("a")
        engine.run_until_idle()
        assert seen == list(range(parts(engine).log.committed))
        with pytest.raises(rd.InvalidValue):
            engine.records_from(-1)


def test_updates_completions_and_firings():
    with live(declared()) as engine:
        seen = {"a": [], "b": [], "up": [], "first": [], "second": [], "fired": []}
        engine.updates("a").subscribe(lambda e: seen["a"].append(e.extra))
        engine.updates(engine.graph.datasets["b"]).subscribe(lambda e: seen["b"].append(e.run))
        engine.completions("up").subscribe(lambda e: seen["up"].append((e.dag, e.state)))
        engine.completions("up", task="first").subscribe(lambda e: seen["first"].append((e.task, e.state)))
        engine.completions(engine.graph.dags["up"], task=engine.graph.dags["up"].tasks["second"]).subscribe(
            lambda e: seen["second"].append(e.state)
        )
        engine.firings("down").subscribe(lambda f: seen["fired"].append((f.dag, f.label, f.run, len(f.events))))
        engine.publish("a", extra=0)
        engine.publish("a", extra=1)
        engine.run_until_idle()
        good, bad = reversed(engine.runs("up"))
        assert seen["a"] == [0, 1] and seen["b"] == [good.key, bad.key]
        assert seen["up"] == [("up", "success"), ("up", "failed")]
        assert seen["first"] == [("first", "success")] * 2 and seen["second"] == ["success", "failed"]
        assert seen["fired"] == [("down", "", engine.runs("down")[0], 1)]


@pytest.mark.parametrize("ask", ["updates", "completions", "firings"])
def test_streams_of_what_is_not_there_are_refused(ask):
    with live(declared()) as engine:
        with pytest.raises(rd.UnknownId, match="nope"):
            getattr(engine, ask)("nope")
        with pytest.raises(rd.UnknownId, match="first"):
            engine.completions("up", task="frist")


def test_a_retried_attempt_is_no_completion_of_its_task():
    graph = rd.Graph("watched")

    @graph.dag(retries=1)
    def job(run):
        if run.attempt == 1:
            raise ValueError("again")

    with live(graph) as engine:
        seen = []
        engine.completions(job, task="job").subscribe(lambda event: seen.append(event.state))
        engine.start(job)
        engine.run_until_idle()
        assert seen == ["success"]


def test_R12_observers_run_after_the_record_is_durable(tmp_path):
    with live(declared(), tmp_path / "s.db") as engine:
        early = []
        log = parts(engine).log
        engine.records.subscribe(lambda entry: entry.offset < log.committed or early.append(entry))
        for _ in range(3):
            engine.publish("a")
            engine.run_until_idle()
        assert early == []


@pytest.mark.parametrize("store", ["memory", "file"])
def test_R12_a_publish_that_nobody_drains_is_shown(store, tmp_path):
    with live(declared(), tmp_path / "s.db" if store == "file" else None) as engine:
        heard = threading.Event()
        engine.updates("a").subscribe(lambda event: heard.set())
        engine.publish("a")
        assert heard.wait(10)


def test_R12_an_observer_that_raises_is_recorded_on_its_dag_and_the_others_go_on(tmp_path):
    with live(declared(), tmp_path / "s.db") as engine:
        seen = []

        def raising(event):
            raise LookupError(f"no {event.dag}")

        engine.completions("up").subscribe(raising)
        engine.completions("up").subscribe(lambda event: seen.append(event.state))
        engine.publish("a")
        engine.publish("a")
        engine.run_until_idle("10s")
        told = [(fault.dag, fault.error) for fault in of_kind(engine, ObserverFault)]
        assert told == [("up", "LookupError: no up")] * 2
        assert seen == ["success"] * 2 and states(engine, "down") == ["success"] * 2


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_R12_an_observer_of_everything_that_always_raises_comes_to_an_end(tmp_path):
    with live(declared(), tmp_path / "s.db") as engine:

        def raising(entry):
            raise LookupError(entry.kind)

        engine.records.subscribe(raising)
        engine.publish("a")
        engine.run_until_idle("10s")
        faults = of_kind(engine, ObserverFault)
        shown = [record for record in records_of(engine) if not isinstance(record, (ObserverFault, Decided))]
        assert 0 < len(faults) <= len(shown)


def test_R12_each_subscription_has_its_own_cursor_and_a_slow_one_stalls_nobody():
    with live(declared(), runner=rd.InlineRunner()) as engine:
        hold, seen, slow = threading.Event(), [], []
        engine.updates("a").subscribe(lambda e: (hold.wait(10), slow.append(e.extra)))
        engine.publish("a", extra=0)
        parts(engine).loop.settle()
        assert states(engine, "up") == ["success"], "the engine is not held up by its observer"
        engine.updates("a").subscribe(lambda e: seen.append(e.extra))
        engine.publish("a", extra=None)
        hold.set()
        engine.run_until_idle("10s")
        assert (slow, seen) == ([0, None], [None])


def test_R12_callbacks_run_on_one_observer_thread_unless_a_scheduler_says_else():
    with live(declared()) as engine:
        threads, virtual = set(), []
        scheduler = VirtualScheduler(parts(engine).fold.clock)
        for _ in range(2):
            engine.records.subscribe(lambda entry: threads.add(threading.current_thread().name))
        engine.updates("a").subscribe(lambda e: virtual.append(e.extra), scheduler=scheduler)
        engine.publish("a", extra=3)
        engine.run_until_idle("10s")
        assert threads == {"reactive_dag observers"}
        assert virtual == []
        scheduler.advance()
        assert virtual == [3]


def test_R12_an_observer_may_publish_and_may_not_wait():
    with live(declared()) as engine:
        refused = []

        def react(event):
            if event.extra == 0:
                engine.publish("a", extra=None)
            try:
                engine.run_until_idle()
            except rd.UsageError as error:
                refused.append(str(error))

        engine.updates("a").subscribe(react)
        engine.publish("a", extra=0)
        engine.run_until_idle("10s")
        assert [event.extra for event in engine.events("a")] == [None, 0]
        assert len(refused) == 2


def test_R12_two_labels_on_one_upstream_both_fire():
    graph = rd.Graph("watched")
    a = graph.dataset("a")
    graph.dag("job", on={"x": a, "y": rd.updated(a)})(lambda_label)
    with live(graph) as engine:
        engine.publish(a)
        engine.run_until_idle()
        assert outputs(engine, "job", "lambda_label") == ["x", "y"]
        assert len({run.key for run in engine.runs("job")}) == 2


def lambda_label(run):
    return run.label


def test_a_subscription_that_ends_hears_no_more():
    with live(declared()) as engine:
        seen = []
        subscription = engine.updates("a").subscribe(lambda event: seen.append(event.extra))
        engine.publish("a", extra=0)
        engine.run_until_idle()
        subscription.dispose()
        engine.publish("a", extra=None)
        engine.run_until_idle()
        assert seen == [0]


def test_closing_hands_over_and_completes(tmp_path):
    engine = opened(declared(), tmp_path / "s.db")
    seen, done = [], threading.Event()
    engine.updates("a").subscribe(seen.append, on_completed=done.set)
    engine.publish("a")
    engine.close()
    assert done.wait(10) and len(seen) == 1


# ------------------------------------------------------------------------------------------------------- G4


def layered():
    graph = rd.Graph("ready")
    for name in "ab":
        graph.dag(name)(nothing)
    graph.dag("c", on=rd.completed("a") & rd.completed("b"), paused=True)(nothing)
    graph.dag("d", on=rd.completed("a") | rd.completed("c"), paused=True)(nothing)
    return graph


def shown(engine):
    found = []
    engine.ready.subscribe(lambda ready: found.append("".join(sorted(ready))))
    return found


def test_G4_ready_is_given_now_and_each_time_it_changes():
    with live(layered()) as engine:
        found = shown(engine)
        for dag in "ab":
            engine.start(dag)
            engine.run_until_idle()
        assert found == ["ab", "bd", "cd"]
        engine.resume("c")
        engine.run_until_idle()
        assert found == ["ab", "bd", "cd", "d"]


def test_G4_ready_goes_back_to_the_engines_own_history(tmp_path):
    engine = opened(layered(), tmp_path / "s.db")
    engine.start("a")
    engine.start("b")
    engine.run_until_idle()
    kill(engine)
    with live(layered(), tmp_path / "s.db") as engine:
        assert shown(engine) == ["cd"]


def test_G4_of_what_ended_at_one_instant_the_order_counts():
    graph = rd.Graph("ready")
    graph.dag("a")(nothing)
    graph.dag("b", on=rd.completed("a"))(nothing)
    with live(graph) as engine:
        engine.start("a")
        engine.run_until_idle()
        assert len({record.at for record in of_kind(engine, RunFinished)}) == 1
        assert shown(engine) == [""], "b ran after a: none is ready again"


def test_G4_ready_follows_a_graph_that_changes():
    graph = layered()
    with live(graph) as engine:
        found = shown(engine)
        engine.start("a")
        engine.run_until_idle()
        graph.dag("e", on=rd.completed("a"), paused=True)(nothing)
        engine.start("b")
        engine.run_until_idle()
        assert found[-1] == "cde"


def test_events_are_published_in_the_order_of_the_log():
    with live(declared()) as engine:
        engine.publish_many([("a", {"extra": n}) for n in range(5)])
        assert [event.extra for event in engine.events("a", limit=3)] == [4, 3, 2]
        assert len(of_kind(engine, Published)) == 5
