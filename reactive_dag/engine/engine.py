"""`Engine`: a graph, a log and a runner, put together. What each part does stands in its own file.

Owns the public calls, which validate, append and return; deciding is the loop's. Invariant: nothing is acknowledged
before it is as durable as the store can make it. A publish costs O(1) besides its `extra`.
"""

from __future__ import annotations

import asyncio
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from os import PathLike
from typing import TypeVar

import msgspec

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.options import whole
from reactive_dag.engine.arguments import check_arguments, chosen_runner
from reactive_dag.engine.drive.drain_loop import Loop
from reactive_dag.engine.drive.drive import Drive
from reactive_dag.engine.execute.event_loops import Loops
from reactive_dag.engine.execute.once import Turns, call_once
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.facts.publish import EventFields, Time
from reactive_dag.engine.facts.receipts import Receipt, Receipts
from reactive_dag.engine.fold.fold import Core
from reactive_dag.engine.fold.snapshots import recover
from reactive_dag.engine.inspect.queries import CLOSED, Asking
from reactive_dag.engine.inspect.run import Run
from reactive_dag.log.opening import Store, open_log
from reactive_dag.log.sqlite.files import parse_store
from reactive_dag.model.collector import calm_collector
from reactive_dag.model.errors import EngineClosed, EngineReplaced, NotAStore, StoreError, UsageError, said
from reactive_dag.model.records import (
    AnyRecord,
    Cancelled,
    EngineStarted,
    FaultsRetried,
    ObserverFault,
    Paused,
    Published,
    Resumed,
    TaskFinished,
    TaskRetry,
    TaskStarted,
)
from reactive_dag.model.times import SECOND, parse_duration, parse_time
from reactive_dag.streams.clock import MonotonicWall, VirtualClock
from reactive_dag.streams.observers import Feed
from reactive_dag.triggers.cell import MAX_PENDING
from reactive_dag.triggers.leaves.dataset import Dataset

T = TypeVar("T")
Span = str | timedelta | float
_OPEN: weakref.WeakValueDictionary[tuple[str, str], Engine] = weakref.WeakValueDictionary()
VERSION = "0.1.0"
GRAPH = "graph"
"""The name under which a store keeps the graph, for those who look without declaring it."""
GRAPH_ID = "graph id"


class Engine(Asking):
    """Runs a graph: opens its store and recovers; executes only when driven.

    `store`: a path or `sqlite:///…` (durable), None for memory. `runner`: `ThreadRunner(8)` unless given, under a
    `VirtualClock` `InlineRunner()`; `None` decides and records and executes nothing. Raises GraphError for a graph that
    is not right, StoreError for a store that cannot be used.
    """

    @calm_collector()
    def __init__(
        self, graph: Graph, store: Store = None, *, runner: Runner | str | None = "default",
        clock: VirtualClock | MonotonicWall | None = None, read_only: bool = False, max_pending: int = MAX_PENDING,
    ) -> None:  # fmt: skip
        whole(max_pending, "max_pending", 1)
        check_arguments(graph, runner, clock)
        if not read_only:
            graph.check()
            graph.bind()
        self.graph = graph
        self.read_only = read_only
        self.closed = False
        self.changed = True
        self.runner = chosen_runner(runner, clock, read_only)
        path = parse_store(store) if isinstance(store, str | PathLike) else None
        self.name = None if path is None else (graph.id, str(path.resolve()))
        self._replace()
        self._log = open_log(store, read_only=read_only)
        try:
            self._refuse_foreign()
            self.core = Core(
                graph, self._log, MonotonicWall() if clock is None else clock,
                executing=self.runner is not None, max_pending=max_pending,
            )  # fmt: skip
            recover(self.core)
            self._open()
        except BaseException:
            self.closed = True
            self._log.close()
            raise

    def _open(self) -> None:
        """Put together what works on the recovered core, and say that an engine is here."""
        self.loops = Loops()
        self.turns = Turns()
        self.feed: Feed[AnyRecord] = Feed(self._log, on_fault=self._observer_raised)
        self.loop = Loop(self)
        self.acknowledging = self.loop.acknowledging
        self.drive = Drive(self)
        self._unsubscribe = self.graph.subscribe(self._graph_changed)
        if self.read_only:
            return
        self._begin()
        if self.name is not None:
            _OPEN[self.name] = self

    def _refuse_foreign(self) -> None:
        """A store holds one graph: another one would take everything in it for removed."""
        there = self._log.meta(GRAPH_ID)
        if there is not None and there != self.graph.id:
            raise StoreError(
                f"this store holds graph {there!r}, not {self.graph.id!r}; give {self.graph.id!r} a store of its own"
            )

    @classmethod
    def look(cls, store: str) -> Engine:
        """A read-only engine on a store, with the graph as the store itself remembers it. O(snapshot + tail).

        Raises StoreError for a store that no engine has opened yet.
        """
        log = open_log(store, read_only=True)
        text = log.meta(GRAPH)
        if text is None:
            log.close()
            raise NotAStore(f"{store}: no engine has run on this store yet, so there is no graph to look at")
        return cls(Graph.from_json(msgspec.json.decode(text)), store=log, read_only=True)

    # ------------------------------------------------------------------------------------- open and close

    def _replace(self) -> None:
        """An engine of the same process and graph is closed first: a notebook cell that is run again (X3)."""
        if self.name is None or self.read_only:
            return
        there = _OPEN.get(self.name)
        if there is not None and not there.closed:
            warnings.warn(
                f"an engine of graph {self.graph.id!r} on {self.name[1]!r} was open in this process; it is closed now",
                EngineReplaced, stacklevel=3,
            )  # fmt: skip
            there.close()

    def _begin(self) -> None:
        """Say that an engine is here, and since when nobody was (I8); then take the intake over."""
        log = self._log
        with log.lock:
            last, now = log.last_at, self.core.clock.now()
            log.set_meta(GRAPH_ID, self.graph.id)
            log.push(EngineStarted(last or now, max(now, last), VERSION))
            while offered := log.take_over():
                for _, fact in offered:
                    self.core.take_in(fact)
                log.done([id for id, _ in offered])
        self.take_up_changes()
        log.commit()

    def take_up_changes(self) -> None:
        """Record what of the graph's definitions changed since (T11), as one change. O(DAGs) if there was a change."""
        if not self.changed or self.read_only or self.graph.in_bulk:
            return
        self.changed = False
        with self._log.lock:
            records = self.core.definitions.changes(self.core.stamp())
            if records and self._log.durable:
                self._log.set_meta(GRAPH, msgspec.json.encode(self.graph.to_json()).decode())
            self.core.definitions.ahead(records, self._log.push_many(records), self.core.cursor)
            heights = self.graph.view.heights
            self.core.wiring.reorder(heights.get)
            if not self.loop.recovering:
                self.core.runs.start_all_that_may()

    def _graph_changed(self, dag: str | None) -> None:
        self.changed = True
        self.loop.wake()

    def close(self, grace: Span = 30) -> None:
        """Let go: attempts have `grace` to end, what is recorded stays. Doing it again does nothing."""
        if self.closed:
            return
        self._unsubscribe()
        try:
            self.drive.stop()
        finally:
            if self.runner is not None:
                self.runner.close(_span(grace) / SECOND)
            self.closed = True
            self.loops.close()
            self.feed.close(5.0)
            self.shut = True
            self._log.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Engine:
        self.loops.home = asyncio.get_running_loop()
        self.drive.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.close)

    @contextmanager
    def background(self) -> Iterator[Engine]:
        """Drive the engine on a thread of its own until the end of the block: for notebooks and web servers."""
        self._check_open()
        self.drive.start()
        try:
            yield self
        finally:
            self.drive.stop()

    # ------------------------------------------------------------------------------------- facts

    def publish(
        self, dataset: Dataset | str, *, partition: str | None = None, logical_date: Time | None = None,
        time: Time | None = None, kind: str = "updated", extra: object = None, key: str | None = None,
        source: str | None = None,
    ) -> Receipt:  # fmt: skip
        """Record that a dataset changed; the durable record, with `.duplicate` set if its key was there already (I5).

        O(1) and one commit, shared with others'. Raises UnknownId, InvalidValue, before anything is written.
        """
        if self.closed or self.read_only or self.changed:
            self._ready()
        core = self.core
        if partition is extra is key is logical_date is time is source is None and kind == "updated":
            offset = core.publishing.push_plain(core, dataset)
            self.acknowledging.durable(offset)
            return Receipt(core, offset, False)
        origin, rest = core.publishing.prepare(
            dataset, {"partition": partition, "logical_date": logical_date, "time": time, "kind": kind,
                      "extra": extra, "key": key, "source": source},
        )  # fmt: skip
        with self._log.lock:
            offset, duplicate = core.publishing.push(core.stamp(), origin, rest)
        self.acknowledging.durable(offset)
        return Receipt(core, offset, duplicate)

    async def apublish(self, dataset: Dataset | str, **fields: object) -> Receipt:
        """`publish` without blocking the event loop; coroutines that wait at one time share a commit."""
        if self.changed:
            await asyncio.to_thread(self._ready)
        self._ready()
        source, rest = self.core.publishing.prepare(dataset, fields)  # type: ignore[arg-type]
        with self._log.lock:
            offset, duplicate = self.core.publishing.push(self.core.stamp(), source, rest)
        await self.acknowledging.adurable(offset)
        return Receipt(self.core, offset, duplicate)

    def publish_many(self, events: Iterable[tuple[Dataset | str, EventFields]]) -> Receipts:
        """Record many events in one commit: all or, if one is wrong, none (T15). O(events).

        Raises UnknownId, InvalidValue, before anything is written.
        """
        self._ready()
        with self._log.lock:
            offsets = self.core.publishing.push_all(self.core.stamp(), events)
        if offsets.last >= 0:
            self.acknowledging.durable(offsets.last)
        return Receipts(self.core, offsets)

    def start(
        self, dag: Dag | str, *, params: object = None, payload: object = None, logical_date: Time | None = None,
        partition: str | None = None, key: str | None = None,
    ) -> Run:  # fmt: skip
        """Ask for a run by hand; a second start with the same key gives the first one's run (I5).

        Raises UnknownId for a DAG or a param that is not there, InvalidValue for a value that cannot be kept.
        """
        self._ready()
        with self._log.lock:
            run = self.core.starting.push(self.core.stamp(), dag, params, payload, logical_date, partition, key)
        self.acknowledging.durable(run)
        return Run(self, run)

    def cancel(self, run: Run | str, reason: str = "") -> None:
        """Cancel a run: what has not ended in it is cancelled, with no retries. One that has ended stays as it is."""
        offset = self.run(run).offset
        self._append(lambda at: Cancelled(at, offset, reason))

    def pause(self, dag: Dag | str) -> None:
        """Hold the DAG's firings and queued runs back until `resume`; what runs goes on (T12)."""
        id = self.dag_id(dag)
        self._append(lambda at: Paused(at, id))

    def resume(self, dag: Dag | str) -> None:
        """Let go what a pause held back, as the DAG's `catchup` says (T12)."""
        id = self.dag_id(dag)
        self._append(lambda at: Resumed(at, id))

    def retry_faults(self, dag: Dag | str) -> None:
        """Deliver the items again that a raising `where`, `by` or `map` left parked (T10)."""
        id = self.dag_id(dag)
        self._append(lambda at: FaultsRetried(at, id))

    def once(self, key: str, fn: Callable[..., T], ttl: Span | None = None) -> T:
        """Do something once for this graph, ever (or until `ttl` has passed): what `fn` gave is recorded (X2)."""
        self._check_open()
        return call_once(self, "", key, fn, None if ttl is None else _span(ttl))

    def _append(self, make: Callable[[int], AnyRecord]) -> None:
        self._ready()
        with self._log.lock:
            offset = self._log.push(make(self.core.stamp()))
        self.acknowledging.durable(offset)

    # ------------------------------------------------------------------------------------- driving

    def run_until_idle(self, timeout: Span | None = None) -> None:
        """Work until nothing is left to do now: waits and timers of triggers to come do not count.

        Under a virtual clock time jumps to retries. Raises NotIdle after `timeout`, naming what it waits for.
        """
        self._check_open()
        self.drive.until_idle(None if timeout is None else _span(timeout))

    async def idle(self, timeout: Span | None = None) -> None:
        """`run_until_idle` without blocking the event loop."""
        await asyncio.to_thread(self.run_until_idle, timeout)

    def advance(self, by: Span | None = None, *, to: Time | None = None) -> None:
        """Move virtual time, stopping at each due instant until nothing is left to do at it.

        Raises UsageError on a clock that is not virtual, or when both or none of `by` and `to` are given.
        """
        self._check_open()
        if (by is None) == (to is None):
            raise UsageError("engine.advance() takes a duration or to=, one of the two")
        target = self.core.clock.now() + _span(by) if by is not None else parse_time(to, what="to")  # type: ignore[arg-type]
        self.drive.advance(target)

    def wait_for_run(self, run: int, timeout: Span | None) -> None:
        """Wait until a run has ended (`Run.wait`)."""
        self._check_open()
        self.drive.wait_for_run(run, None if timeout is None else _span(timeout))

    # ------------------------------------------------------------------------------------- inside

    def _ready(self) -> None:
        """Before a fact is recorded: a changed graph is taken up first, so that it sees that fact (R11, T11)."""
        self._check_open()
        if self.changed and not self.graph.in_bulk:
            with self.loop.turn_lock:
                self.take_up_changes()

    def _check_open(self) -> None:
        if self.closed:
            raise EngineClosed(CLOSED)
        if self.read_only:
            raise UsageError("this engine is read_only: it looks, and runs and records nothing")

    def _observer_raised(self, error: Exception, offset: int) -> None:
        if self.closed:
            return
        dag = self._dag_of(self._log.record(offset))
        with self._log.lock:
            self._log.push(ObserverFault(self.core.stamp(), said(error), dag))
        self.loop.wake()

    def _dag_of(self, record: AnyRecord) -> str:
        """The DAG that a record is about; "" if it is about none."""
        if isinstance(record, (Published, TaskStarted, TaskFinished, TaskRetry)):
            return self.core.run_of(record.run).dag if record.run >= 0 else ""
        return getattr(record, "dag", "")

    def __repr__(self) -> str:
        state = "closed" if self.closed else "read only" if self.read_only else "open"
        return f"<Engine {self.graph.id!r} {state}, {self._log.next_offset} records>"


def _span(value: Span) -> int:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value * SECOND)
    return parse_duration(value, zero_ok=True)  # type: ignore[arg-type]
