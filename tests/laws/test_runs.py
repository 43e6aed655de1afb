"""Laws of the engine at work: constant stack, failures are values, bounded state, nothing goes on after the end."""

from __future__ import annotations

import gc
import inspect
import sys
import threading
import weakref

import pytest

import reactive_dag as rd
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.records import ObserverFault, TriggerFault
from tests.support.engines import live, opened, parts, records_of, states
from tests.support.profiles import NIGHTLY

# ------------------------------------------------------------------------------------ constant stack


@pytest.mark.slow
def test_law_constant_stack():
    """A cascade of 100,000 hops at night, 20,000 in CI, each body of which runs inline, needs no deeper stack."""
    graph, deepest, times = rd.Graph("chain"), [0], 100 if NIGHTLY else 20

    def body(run):
        deepest[0] = max(deepest[0], len(inspect.stack(0)))

    with graph.bulk():
        source = graph.dataset("source")
        graph.dag("d0", on=source).add(body, id="t")
        for number in range(1, 1000):
            graph.dag(f"d{number}", on=rd.completed(f"d{number - 1}")).add(lambda run: None, id="t")
        graph.dag("end", on=rd.completed("d999")).add(body, id="t")
    with opened(graph) as engine:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(len(inspect.stack(0)) + 80)
        try:
            engine.publish_many([(source, {})] * times)
            engine.run_until_idle()
        finally:
            sys.setrecursionlimit(before)
        assert parts(engine).fold.runs.live == {} and deepest[0] < len(inspect.stack(0)) + 60
        assert states(engine, "end") == ["success"] * times


def test_law_constant_stack_of_a_body_that_publishes():
    graph, left = rd.Graph("round"), [3000]
    ball = graph.dataset("ball")

    def hit(run):
        left[0] -= 1
        if left[0]:
            engine.publish(ball)

    graph.dag("player", on=ball).add(hit, id="t")
    with opened(graph) as engine:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(len(inspect.stack(0)) + 80)
        try:
            engine.publish(ball)
            engine.run_until_idle()
        finally:
            sys.setrecursionlimit(before)
        assert left == [0] and parts(engine).fold.runs.live == {}


# ------------------------------------------------------------------------------------ failure is a value


class Odd(Exception):
    """An error that cannot even say what it is."""

    def __str__(self):
        raise ValueError("no text")


def broken(*given):
    raise Odd


def leaves(run):
    sys.exit(3)


def gives_what_no_json_is(run):
    return object()


@pytest.mark.parametrize("body", [broken, leaves, gives_what_no_json_is], ids=lambda body: body.__name__)
@pytest.mark.parametrize("runner", [rd.InlineRunner, lambda: rd.ThreadRunner(2)], ids=["inline", "threads"])
def test_law_failure_is_a_value(body, runner):
    """Whatever a body raises is the state of its run, on record; the others go on, and so does the engine."""
    graph = rd.Graph("failing")
    source = graph.dataset("source")
    graph.dag("bad", on=source).add(body, id="t", retries=1)
    graph.dag("good", on=source).add(lambda run: "well", id="t")
    graph.dag("after", on=rd.completed("bad", states="failed")).add(lambda run: run.events[0].state, id="t")
    errors = []
    with opened(graph, clock=None, runner=runner()) as engine:
        engine.completions("bad").subscribe(lambda event: None, errors.append)
        for _ in range(2):
            engine.publish(source)
            engine.run_until_idle(timeout="30s")
        assert states(engine, "bad") == ["failed"] * 2 and states(engine, "good") == ["success"] * 2
        assert [run.tasks["t"].output for run in engine.runs("after")] == ["failed"] * 2
        assert all(len(run.tasks["t"].attempts) == 2 and run.error for run in engine.runs("bad"))
        assert errors == [], "failures never travel as on_error"


def test_law_failure_is_a_value_of_everything_that_can_be_given():
    """Delays, dates, filters, keys, payloads and observers that raise are on record; each spoils only its own."""
    graph = rd.Graph("failing")
    source = graph.dataset("source")
    graph.dag("delay", on=source).add(broken, id="t", retries=3, retry_delay=broken)
    later = graph.dag("later", on=source)
    later.add(_retry_nonsense, id="t", retries=1)
    waits = graph.dag("waits", on=source)
    waits.wait_for("good", logical_date=broken, id="w")
    graph.dag("where", on=rd.updated(source).where(broken)).add(lambda run: None, id="t")
    graph.dag("by", on=rd.updated(source).by(broken)).add(lambda run: None, id="t")
    graph.dag("map", on=rd.updated(source).map(broken)).add(lambda run: None, id="t")
    graph.dag("good", on=source).add(lambda run: "well", id="t")
    with live(graph) as engine:
        engine.updates(source).subscribe(broken)
        engine.publish(source, logical_date="2026-11-23")
        engine.run_until_idle()
        assert states(engine, "delay") == states(engine, "later") == states(engine, "waits") == ["failed"]
        assert states(engine, "good") == ["success"]
        engine.publish(source)
        engine.run_until_idle()
        assert states(engine, "good") == ["success"] * 2
        records = records_of(engine)
        faults = [record.dag for record in records if isinstance(record, TriggerFault)]
        assert sorted(faults) == ["by", "by", "map", "map", "where", "where"]
        assert any(isinstance(record, ObserverFault) for record in records)


def _retry_nonsense(run):
    raise rd.RetryTask(after="never, or so")


# ------------------------------------------------------------------------------------ bounded state


def test_law_bounded_state():
    """What has ended leaves nothing behind in the engine: the log and its indexes have it."""
    graph = rd.Graph("many")
    source, mart = graph.dataset("source"), graph.dataset("mart")
    graph.dag("first", on=source, outlets=[mart]).add(lambda run: None, id="t", retries=1, timeout="5m")
    graph.dag("fails", on=source).add(broken, id="t", retries=2, retry_delay="10s")
    waits = graph.dag("waits", on=rd.completed("first"), max_active_runs=1)
    waits.wait_for("fails", states="failed", timeout="10m")
    graph.dag("batch", on=rd.updated(mart).batch(count=3, max_wait="1m")).add(lambda run: None, id="t")
    graph.dag("keyed", on=(source & mart).by("partition")).add(lambda run: None, id="t")
    sizes = []
    with live(graph) as engine:
        for number in range(60):
            engine.publish(source, partition=f"p{number}", key=f"k{number}")
            engine.run_until_idle()
            engine.advance("20m")
            sizes.append(held(engine))
    assert max(sizes[5:]) <= sizes[5] + 3, sizes


def held(engine):
    """How many things the engine's own containers hold, the log's left out."""
    inner = parts(engine)
    core = inner.fold
    owners = [
        core.runs, core.runs.flow, core.waits, core.timers, core.by_date, core.calls, core.router, core.definitions,
        inner.turn, inner.loop, inner.driving_thread, inner.commits, inner.once_calls, inner.once_calls.locks,
    ]  # fmt: skip
    return sum(size(value) for owner in owners for value in vars_of(owner).values())


def vars_of(owner):
    slots = [name for kind in type(owner).__mro__ for name in getattr(kind, "__slots__", ())]
    return {**getattr(owner, "__dict__", {}), **{name: getattr(owner, name) for name in slots if hasattr(owner, name)}}


def size(value):
    if isinstance(value, dict):
        return len(value) + sum(size(each) for each in value.values() if isinstance(each, dict | list | set))
    return len(value) if hasattr(value, "__len__") and not isinstance(value, str) else 0


# ------------------------------------------------------------------------------------ dispose stops everything


def test_law_dispose_stops_everything(tmp_path):
    """After the end of an engine: no thread of its own, no lock on the store, nobody is told, and it is freed."""
    graph = rd.Graph("ending")
    source = graph.dataset("source")

    async def body(run):
        return "done"

    graph.dag("work", on=source).add(body, id="t")
    before = set(threading.enumerate())
    seen, completed = [], []
    engine = opened(graph, tmp_path / "s.db", clock=None, runner=rd.ThreadRunner(3))
    subscription = engine.updates(source).subscribe(seen.append)
    engine.records.subscribe(lambda entry: None, on_completed=lambda: completed.append(1))
    with engine.background():
        engine.publish(source, extra=1)
        engine.run_until_idle(timeout="30s")
        subscription.dispose()
        engine.publish(source, extra=2)
        engine.run_until_idle(timeout="30s")
    engine.close()
    assert [event.extra for event in seen] == [1] and completed == [1]
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    with pytest.raises(rd.EngineClosed):
        engine.publish(source)
    with SQLiteLog(tmp_path / "s.db") as log:
        assert log.next_offset > 0
    gone = weakref.ref(engine)
    del engine, subscription
    gc.collect()
    assert gone() is None, "the graph listens to it no more"
