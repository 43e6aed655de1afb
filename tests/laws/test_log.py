"""Laws of the engine and its log: replay equals live, one request for each key, one order, persist before emit.

`replay_equals_live` plays random histories on a graph in which everything occurs (zoo.py), with deaths at any commit
and turns cut short, and compares the canonical state bit for bit: live, from the records alone, from every snapshot.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.engine.drive.driving_thread import DrivingThread
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.model.records import Published, RunFinished, RunRequested, RunStarted, TaskFinished, TaskStarted
from reactive_dag.testing.canonical import canonical, described
from tests.support.engines import opened, parts, records_of
from tests.support.profiles import examples
from tests.support.strategies import triggers
from tests.support.volatile import VolatileLog
from tests.support.world import World, same
from tests.support.zoo import extra, operations, play, zoo

# ------------------------------------------------------------------------------------ replay equals live


@settings(max_examples=examples(150))
@given(st.tuples(triggers(2), triggers(2)), operations(), st.sampled_from([4096, 4096, 3, 7]))
def test_law_replay_equals_live(random_triggers, history, turn):
    """Whatever happens, and however turns and snapshots fall: the log gives the live state again, bit for bit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn_module, "MAX_RECORDS", turn)
        world = declared(*random_triggers)
        for operation in history:
            play(world, operation)
            world.check()
        world.settle()
        world.check()
        world.check_replay()


def declared(*random_triggers):
    graph, worlds = rd.Graph("zoo"), []
    zoo(graph, lambda run: worlds[0].body(run))
    for number, trigger in enumerate(random_triggers):
        extra(graph, lambda run: worlds[0].body(run), f"x{number}", trigger)
    worlds.append(World(graph))
    return worlds[0]


def test_law_replay_equals_live_when_no_turn_is_whole():
    """A snapshot that is taken while more is to be decided holds what waits for another definition, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn_module, "MAX_RECORDS", 5)
        patch.setattr(turn_module, "SNAPSHOT_EVERY", 4)
        world = declared()
        extra(world.graph, world.body, "x0", rd.updated("a") & rd.updated("b"))
        world.settle()
        for number in range(12):
            world.engine.publish_many([("a", {"extra": number}), ("b", {}), ("a", {"partition": "2026-11-22"})])
            extra(world.graph, world.body, "x0", rd.updated("a").batch(count=3 + number % 2) | rd.updated("b"))
        world.settle()
        assert len(world.log.saved) > 10
        world.check_replay()
        world.die()
        world.open()
        world.settle()
        world.check_replay()


def test_law_replay_equals_live_holds_no_offset():
    """The canonical state of one history is the same wherever its records stand."""
    states = []
    for shift in (0, 3):
        world = declared()
        for _ in range(shift):
            world.settle()
            with world.log.lock:
                world.log.push(rd.model.records.Tick(world.log.last_at))
        for number in range(6):
            world.engine.publish("a", extra=number)
            world.settle()
            world.finish(0, lambda run: 1)
        world.advance(10**10)
        states.append(canonical(world.core))
    assert states[0] == states[1]


# ------------------------------------------------------------------------------------ one request for each key


def test_law_one_request_per_key():
    """Threads that publish the same keys, deaths between and a schedule that is edited: each cause is asked once."""
    graph = rd.Graph("once")
    orders = graph.dataset("orders")
    graph.dag("each", on=orders).add(lambda run: None, id="t")
    graph.dag("twice", on=rd.updated(orders) | rd.updated(orders).debounce("2s")).add(lambda run: None, id="t")
    world = World(graph)
    for round in range(4):
        graph.dag("hourly", on=rd.every("10s") if round % 2 else rd.every("5s")).add(lambda run: None, id="t")
        threads = [threading.Thread(target=publish_keys, args=(world.engine, orders, round)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        world.killed_while(lambda: world.advance(30 * 10**9), 2 + round)
        if parts(world.engine).closed:
            world.open()
        world.advance(30 * 10**9)
        world.check()
    requests = [record for record in world.log.read(0, world.log.next_offset) if isinstance(record, RunRequested)]
    asked = Counter(record.dag for record in requests)
    assert asked["each"] == 4 * 25 == len(world.log.events("orders"))
    assert asked["twice"] == 4 * 25 + 4, "and once for all of a round, after its pause"
    ticks = [record.causes[0].due for record in requests if record.dag == "hourly"]
    assert len(ticks) == len(set(ticks)) > 10


def publish_keys(engine, dataset, round):
    for number in range(25):
        engine.publish(dataset, key=f"order {round} {number}")


# ------------------------------------------------------------------------------------ one order


def test_law_one_order(tmp_path):
    """With many threads on all sides: offsets and instants rise together, causes stand before effects, and each
    observer sees exactly the log."""
    graph = chain_of_three()
    with opened(graph, tmp_path / "s.db", clock=None, runner=rd.ThreadRunner(4)) as engine, engine.background():
        seen = []
        engine.records_from(0).subscribe(lambda entry: seen.append((entry.offset, entry.record)))
        threads = [threading.Thread(target=publish_many_times, args=(engine, 20)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        engine.run_until_idle(timeout="60s")
        records = records_of(engine)
        parts(engine).observers.wait_idle(len(records), 30.0)
        assert seen == list(enumerate(records))
        assert len(engine.runs("last", state="success")) == 6 * 20
    facts = [record for record in records if isinstance(record, Published | TaskStarted | TaskFinished | RunFinished)]
    assert [record.at for record in facts] == sorted(record.at for record in facts)
    assert [event.n for event in records if isinstance(event, Published) and event.run < 0] == list(range(120))
    for offset, record in enumerate(records):
        if isinstance(record, RunRequested):
            assert all(cause < offset for cause in record.causes)
        elif isinstance(record, RunStarted | RunFinished | TaskStarted | TaskFinished):
            assert record.run < offset


def chain_of_three():
    graph = rd.Graph("order")
    source, mart = graph.dataset("source"), graph.dataset("mart")
    graph.dag("first", on=source).add(lambda run: run.events[0].extra, id="t", outlets=[mart])
    graph.dag("second", on=mart).add(lambda run: None, id="t")
    graph.dag("last", on=rd.completed("first") & rd.completed("second")).add(lambda run: None, id="t")
    return graph


def publish_many_times(engine, count):
    for number in range(count):
        engine.publish("source", extra=number)


# ------------------------------------------------------------------------------------ persist before emit


class SlowLog(VolatileLog):
    """A log that commits when it is let."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()

    def commit(self):
        assert self.gate.wait(30), "the test lets every commit through in the end"
        return super().commit()


def test_law_persist_before_emit():
    """What no commit holds is not acknowledged, not shown to observers and not run."""
    graph, log, happened = rd.Graph("slow"), SlowLog(), []
    source = graph.dataset("source")
    graph.dag("work", on=source).add(lambda run: happened.append("ran"), id="t")
    with opened(graph, log, clock=None, runner=rd.ThreadRunner(2)) as engine, engine.background():
        engine.run_until_idle(timeout="30s")
        engine.updates(source).subscribe(lambda event: happened.append("shown"))
        log.gate.clear()
        publisher = threading.Thread(target=lambda: (engine.publish(source), happened.append("acknowledged")))
        publisher.start()
        wait_until(lambda: any(isinstance(record, Published) for record in log.read(0, log.next_offset)))
        assert happened == []
        log.gate.set()
        publisher.join(30)
        engine.run_until_idle(timeout="30s")
        assert sorted(happened) == ["acknowledged", "ran", "shown"]


def wait_until(true):
    limit = time.monotonic() + 30
    while not true():
        assert time.monotonic() < limit
        threading.Event().wait(0.002)


def test_I6_nobody_commits_half_a_turn(monkeypatch):
    """A publisher that would commit by itself, while the driver decides, waits for the end of the turn."""
    graph, publishers, receipts = rd.Graph("half"), [], []
    source = graph.dataset("source")
    graph.dag("work", on=source).add(lambda run: None, id="t")

    def publish_elsewhere():
        publishers.append(threading.Thread(target=lambda: receipts.append(engine.publish(source))))
        publishers[0].start()
        publishers[0].join(0.2)

    def flush():
        decided()
        if not publishers:
            publish_elsewhere()

    with opened(graph, VolatileLog()) as engine:
        decided = parts(engine).fold.flush
        monkeypatch.setattr(parts(engine).fold, "flush", flush)
        monkeypatch.setattr(DrivingThread, "will_commit", property(lambda driver: False))
        engine.publish(source)
        engine.run_until_idle()
        publishers[0].join(30)
        engine.run_until_idle()
        assert len(receipts) == 1 and len(engine.runs("work", state="success")) == 2


# ------------------------------------------------------------------------------------ conservation


@settings(max_examples=examples(60))
@given(triggers(2), operations())
def test_law_conservation(trigger, history):
    """For every leaf part of every trigger: delivered = consumed + pending + dropped by name, pauses included."""
    world = declared(trigger)
    for operation in history:
        play(world, operation)
        for dag in world.graph.dags:
            for part in world.engine.pending(dag).parts:
                assert part.delivered == part.consumed + part.pending + sum(part.dropped.values()), part
                assert min(part.delivered, part.consumed, part.pending, *part.dropped.values(), 0) == 0, part


def test_replayed_cores_are_told_apart():
    """The comparison itself can fail: one record less is another state."""
    world = declared()
    world.engine.publish("a", extra=1)
    world.settle()
    log = world.log.records_only(world.log.next_offset)
    world.engine.publish("a", extra=2)
    world.settle()
    again = Fold(world.graph, log, world.clock)
    again.replay(0, log.segments_from(0))
    with pytest.raises(AssertionError, match="differs"):
        same(described(world.core), described(again))
