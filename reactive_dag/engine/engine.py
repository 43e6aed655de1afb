"""`Engine`: the public calls, which validate, append and return. What works behind them is put together in parts.py.

Invariant: nothing is acknowledged before it is as durable as the store can make it. A publish costs O(1) besides its
`extra`.
"""

from __future__ import annotations

import asyncio
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from os import PathLike
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.settings.parsers import whole
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.arguments import allowed_lateness, check_arguments, chosen_runner, nanoseconds
from reactive_dag.engine.drive.drive import Background
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.execute.stubs import Stubs
from reactive_dag.engine.facts.publish import EventFields
from reactive_dag.engine.facts.receipts import Receipt, Receipts
from reactive_dag.engine.facts.start import StartFields
from reactive_dag.engine.facts.values import given_value
from reactive_dag.engine.inspect.backfill import Backfill
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.summary import Summary
from reactive_dag.engine.parts import opened
from reactive_dag.engine.questions import Questions
from reactive_dag.engine.table.marks import mark_asked
from reactive_dag.engine.table.reruns import rerun_asked
from reactive_dag.log.opening import GivenStore, open_log
from reactive_dag.log.sqlite.files import one_name, parse_store
from reactive_dag.model import pictures
from reactive_dag.model.collector import calm_collector
from reactive_dag.model.errors import EngineReplaced, UsageError
from reactive_dag.model.partitions.given import GivenPartition
from reactive_dag.model.records import Cancelled, FaultsRetried, Paused, Resumed
from reactive_dag.model.text import counted, text_in
from reactive_dag.model.times import GivenDuration, GivenTime, parse_time
from reactive_dag.streams.clock import MonotonicWall, VirtualClock
from reactive_dag.triggers.cell import MAX_PENDING
from reactive_dag.triggers.leaves.dataset import Dataset

T = TypeVar("T")
UPDATED: Final = "updated"
_OPEN: weakref.WeakValueDictionary[tuple[str, str], Engine] = weakref.WeakValueDictionary()


class Engine(Questions):
    """Runs a graph: opens its store and recovers; executes only when driven.

    `store`: a path or `sqlite:///…` (durable), None for memory. `runner`: `ThreadRunner(8)` unless given, under a
    `VirtualClock` `InlineRunner()`; `None` decides and records and executes nothing. `stubs`: callables that are
    executed in place of the bodies of tasks ("dag.task", or an id that only one DAG has), for tests. Raises GraphError
    for a graph that is not right, StoreError for a store that cannot be used.
    """

    @calm_collector()
    def __init__(
        self, graph: Graph, store: GivenStore = None, *, runner: Runner | str | None = "default",
        clock: VirtualClock | MonotonicWall | None = None, read_only: bool = False, max_pending: int = MAX_PENDING,
        max_lateness: GivenDuration | float = "60s", stubs: Mapping[Any, Callable[..., object]] | None = None,
    ) -> None:  # fmt: skip
        max_pending = whole(max_pending, "max_pending", 1)
        lateness = allowed_lateness(max_lateness)
        check_arguments(graph, runner, clock)
        if not read_only:
            self._prepare(graph)
        chosen_stubs = None if stubs is None else Stubs(graph, stubs)
        self.graph = graph
        path = parse_store(store) if isinstance(store, str | PathLike) else None
        name = None if path is None or read_only else (graph.id, str(one_name(path)))
        _close_other(name)
        self._parts = opened(
            graph, open_log(store, read_only=read_only), MonotonicWall() if clock is None else clock,
            chosen_runner(runner, clock, read_only), read_only=read_only, max_pending=max_pending,
            max_lateness=lateness, stubs=chosen_stubs,
        )  # fmt: skip
        if name is not None:
            _OPEN[name] = self

    def _prepare(self, graph: Graph) -> None:
        graph.check()
        graph.bind()

    # ------------------------------------------------------------------------------------- open and close

    def close(self, grace: GivenDuration | float = 30) -> None:
        """Let go: attempts have `grace` to end, what is recorded stays. Doing it again does nothing.

        Raises UsageError in a body of this engine, and inside `async with`, whose end closes it.
        """
        self._parts.refuse_in_body("engine.close()", "close it outside")
        self._parts.refuse_to_block("engine.close()", "leave the `async with` block")
        self._parts.close(nanoseconds(grace))

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    async def __aenter__(self) -> Engine:
        self._parts.event_loops.use_running_loop()
        if not self._parts.read_only:
            self._parts.drive.start(self)
        return self

    async def __aexit__(self, *error: object) -> None:
        await asyncio.to_thread(self.close)

    def background(self) -> AbstractContextManager[Engine]:
        """Drive the engine on a thread of its own until the end of the block: for notebooks and web servers."""
        self._parts.check_open()
        self._parts.refuse_in_body("engine.background()", "the engine is driven already")
        return Background(self._parts.drive, self)

    def __repr__(self) -> str:
        parts = self._parts
        open_as = "read only" if parts.read_only else "open"
        state = "closed" if parts.closed else "failed" if parts.host.failed else open_as
        return f"<Engine {self.graph.id!r} {state}, {counted(parts.log.next_offset, 'record')}>"

    # ------------------------------------------------------------------------------------- facts

    def publish(
        self, dataset: Dataset | str, *, partition: GivenPartition | None = None, logical_date: GivenTime | None = None,
        time: GivenTime | None = None, kind: str = UPDATED, extra: object = None, key: str | None = None,
        source: str | None = None,
    ) -> Receipt:  # fmt: skip
        """Record that a dataset changed; the durable record, with `.duplicate` set if its key was there already (I5).

        O(1) and one commit, shared with others'. Raises UnknownId, InvalidValue, before anything is written.
        """
        parts = self._parts
        if parts.closed or parts.read_only or parts.changes.any:
            parts.get_ready()
        fields: EventFields = {}
        if not (partition is extra is key is logical_date is time is source is None and kind is UPDATED):
            fields = {"partition": partition, "logical_date": logical_date, "time": time, "kind": kind,
                      "extra": extra, "key": key, "source": source}  # fmt: skip
        fold = parts.fold
        if key is None:
            offset, duplicate = fold.publishing.publish(fold.outbox, dataset, fields)
        else:
            with parts.interrupts:
                offset, duplicate = fold.publishing.publish(fold.outbox, dataset, fields)
        parts.commits.durable(offset)
        return Receipt(fold.identities, offset, duplicate)

    async def apublish(self, dataset: Dataset | str, **fields: object) -> Receipt:
        """`publish` without blocking the event loop; coroutines that wait at one time share a commit."""
        parts = self._parts
        if parts.changes.any:
            await asyncio.to_thread(parts.get_ready)
        parts.get_ready()
        offset, duplicate = parts.fold.publishing.publish(parts.fold.outbox, dataset, fields)  # type: ignore[arg-type]
        await parts.commits.adurable(offset)
        return Receipt(parts.fold.identities, offset, duplicate)

    def publish_many(self, events: Iterable[tuple[Dataset | str, EventFields]]) -> Receipts:
        """Record many events in one commit: all or, if one is wrong, none (T15). O(events).

        Raises UnknownId, InvalidValue, before anything is written.
        """
        parts, fold = self._parts, self._parts.fold
        parts.get_ready()
        if isinstance(events, Iterator):
            events = list(events)  # it may publish while it is asked, and be interrupted: that comes before
        with parts.interrupts, parts.log.lock:
            offsets = fold.publishing.push_all(fold.outbox.stamp(), events)
        if offsets.last >= 0:
            parts.commits.durable(offsets.last)
        return Receipts(fold.identities, offsets)

    def start(
        self, dag: Dag | str, *, params: object = None, payload: object = None, logical_date: GivenTime | None = None,
        partition: GivenPartition | None = None, key: str | None = None,
    ) -> Run:  # fmt: skip
        """Ask for a run by hand; a second start with the same key gives the first one's run, unchanged (I5).

        What differs from the first start is logged as a warning. Raises UnknownId for a DAG or a param that is not
        there, InvalidValue for a value that cannot be kept.
        """
        parts, fold = self._parts, self._parts.fold
        parts.get_ready()
        with parts.interrupts, parts.log.lock:
            given = StartFields(params, payload, logical_date, partition, key)
            run = fold.starting.push(fold.outbox.stamp(), dag, given)
        parts.commits.durable(run)
        return Run(parts.host, run)

    def cancel(self, run: Run | Backfill | str, reason: str = "") -> None:
        """Cancel a run: what has not ended in it is cancelled, with no retries. One that has ended stays as it is.

        A coroutine is cancelled at its next `await`, a thread is told: `run.cancelled` (R5). A teardown still runs, and
        is cancelled by a second call (R18). Of a backfill only what has not begun is cancelled (R26).
        """
        told = text_in(reason, "engine.cancel(): reason")
        if isinstance(run, Backfill):
            self._parts.cancel_backfill(run, told)
            return
        offset = self.run(run)._offset
        again = self._parts.turn.is_cancelled(offset)
        self._parts.append(lambda at: Cancelled(at, offset, told))
        self._parts.turn.stopping.stop_run(offset, again)

    def mark(self, run: Run | str, task: AnyTask | str | None, state: str, reason: str = "") -> Run:
        """Give a task of a run a final state by hand, or with None the run: "success", "failed" or "skipped" (R19).

        What executes of it counts no more; of what has ended it is a round that keeps the rest. O(tasks). Raises
        UnknownId, InvalidValue, UsageError where the state cannot be given, UndatedOutlet.
        """
        parts = self._parts
        parts.get_ready()
        found = self.run(run)
        row, fold = parts.host.row(found._offset), parts.fold
        live, dag = fold.runs.live.get(row.run), self.graph.dags.get(row.dag)
        asked = mark_asked(row, dag, live, fold.publishing, task, state, reason)
        ending = not asked.task and parts.turn.is_cancelled(row.run)
        parts.append(lambda at: replace(asked, at=at))
        if not ending:  # else it tears down, and has the mark when that is done
            parts.turn.stopping.stop_marked(row.run, asked.task)
        return found

    def rerun(
        self, run: Run | str, *, downstream: bool = False, only: str | None = None,
        tasks: Iterable[AnyTask | str] | None = None,
    ) -> Run:  # fmt: skip
        """Run a run once more: its next round, under the same key; of one that has not ended, as soon as it has (R10).

        `only="failed"` keeps the tasks that succeeded, `tasks=` does those again with what follows them; `downstream`
        gives a round to each run that consumed what this one makes anew. Until the round begins the run shows the one
        before; `.wait()` waits for the round. O(tasks). Raises UnknownId, InvalidValue, UsageError where there is
        nothing to do.
        """
        parts = self._parts
        parts.check_open()
        found = self.run(run)
        row = parts.host.row(found._offset)
        asked = rerun_asked(row, self.graph.dags.get(row.dag), downstream, only, tasks)
        parts.append(lambda at: replace(asked, at=at))
        return found

    def backfill(
        self, dag: Dag | str, start: GivenTime | None = None, end: GivenTime | None = None, *,
        max_active_runs: int | None = None, stop_on_failure: bool = False, again: bool = False, only: str | None = None,
    ) -> Backfill:  # fmt: skip
        """Ask for the runs of past dates, both ends included; dates that have run are skipped and reported (R26).

        `again=True` gives those a further round, `only="missing"` those whose run failed or was cancelled; without
        start and end it asks for what is missing of the partitions that the DAG writes. Static values have no dates.
        `max_active_runs` of its runs are unfinished at a time (the DAG's own limit unless given); where neither says,
        all begin at once, and `stop_on_failure` finds nothing that it could stop. O(dates * log n).
        Raises UnknownId, InvalidValue, UsageError, before anything is recorded.
        """
        return self._parts.backfill(
            dag, start, end, max_active_runs=max_active_runs, stop_on_failure=stop_on_failure, again=again, only=only
        )

    def pause(self, dag: Dag | str) -> None:
        """Hold the DAG's firings and queued runs back until `resume`; what runs goes on (T12)."""
        id = self._parts.queries.dag_id(dag)
        self._parts.append(lambda at: Paused(at, id))

    def resume(self, dag: Dag | str) -> None:
        """Let go what a pause held back, as the DAG's `catchup` says (T12)."""
        id = self._parts.queries.dag_id(dag)
        self._parts.append(lambda at: Resumed(at, id))

    def retry_faults(self, dag: Dag | str) -> None:
        """Deliver the items again that a raising `where`, `by` or `map` left parked (T10)."""
        id = self._parts.queries.dag_id(dag)
        self._parts.append(lambda at: FaultsRetried(at, id))

    def once(self, key: str, fn: Callable[..., T], ttl: GivenDuration | float | None = None) -> T:
        """Do something once for this graph, ever (or until `ttl` has passed): what `fn` gave is recorded (X2)."""
        self._parts.check_open()
        return self._parts.once_calls.call("", key, fn, None if ttl is None else nanoseconds(ttl))

    def set(self, name: str, value: object, *, ttl: GivenDuration | None = None) -> None:
        """Set a value shared by DAGs, durable on return; None forgets it, `ttl` does so later (R22). One commit.

        Raises InvalidValue for what is no plain data.
        """
        parts, given = self._parts, given_value(name, value, ttl, "engine.set()")
        parts.get_ready()
        with parts.interrupts, parts.log.lock:
            offset = parts.fold.values.push(parts.fold.outbox.stamp(), [given])
        parts.commits.durable(offset)

    def view(self) -> Any:
        """What goes on, in a notebook: the graph with its states, the last records, what triggers hold; publish, start.

        Ten frames a second at most, of the newest state. It ends with the engine, and does not keep it alive. O(DAGs).
        Raises ImportError without the extra `notebook`.
        """
        self._parts.host.fold  # noqa: B018  # raises where it is closed
        return pictures.view_of("Engine", self)

    # ------------------------------------------------------------------------------------- driving

    def run_until_idle(self, timeout: GivenDuration | float | None = None) -> Summary:
        """Work until nothing is left to do now; what ended. Waits and timers of triggers to come do not count.

        Under a virtual clock time jumps to retries, and goes on as long as clocks begin runs that have some. Raises
        NotIdle after `timeout`, naming what it waits for.
        """
        self._parts.check_open()
        self._parts.refuse_to_block("engine.run_until_idle()", "await engine.idle()")
        return self._parts.drive.until_idle(None if timeout is None else nanoseconds(timeout))

    async def idle(self, timeout: GivenDuration | float | None = None) -> Summary:
        """`run_until_idle` without blocking the event loop."""
        return await asyncio.to_thread(self.run_until_idle, timeout)

    def advance(self, by: GivenDuration | float | None = None, *, to: GivenTime | None = None) -> Summary:
        """Move virtual time, stopping at each due instant until nothing is left to do at it; what ended.

        Raises UsageError on a clock that is not virtual, or when both or none of `by` and `to` are given.
        """
        parts = self._parts
        parts.check_open()
        if (by is None) == (to is None):
            raise UsageError("engine.advance() takes a duration or to=, one of the two")
        target = parts.fold.clock.now() + nanoseconds(by) if by is not None else parse_time(to, what="to")  # type: ignore[arg-type]
        parts.refuse_to_block("engine.advance()", "await asyncio.to_thread(engine.advance, ...)")
        return parts.drive.advance(target)


def _close_other(name: tuple[str, str] | None) -> None:
    """Close an engine of the same process, graph and store: a notebook cell that is run again (X3)."""
    there = None if name is None else _OPEN.get(name)
    if name is not None and there is not None and not there._parts.closed:
        warnings.warn(
            f"an engine of graph {name[0]!r} on {name[1]!r} was open in this process; it is closed now, and "
            "this one goes on with its store (close an engine with engine.close() before another is opened)",
            EngineReplaced, stacklevel=3,
        )  # fmt: skip
        there.close()
