"""`Queries`: what an engine, or a course that is over, can be asked: runs, events, reasons, what is pending, streams.

Owns no state: answers are read from the fold and its log. Costs stand with each call.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from string import hexdigits

import attrs
from reactivex import Observable

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.settings.parsers import whole
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.inspect.fold_host import FoldHost
from reactive_dag.engine.inspect.outputs import OutputFile, output_files
from reactive_dag.engine.inspect.partition_list import PartitionList
from reactive_dag.engine.inspect.partition_states import PartitionStates
from reactive_dag.engine.inspect.pending import Pending, pending
from reactive_dag.engine.inspect.ready import ready_stream
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.engine.inspect.why import Why, unfinished, why_not, why_run
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.event import Event
from reactive_dag.model.partitions.given import GivenPartition
from reactive_dag.model.records import (
    RUN_STATES,
    AnyRecord,
    Published,
    RunFinished,
    RunRequested,
    TaskFinished,
)
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import text_in
from reactive_dag.model.times import GivenTime, parse_time
from reactive_dag.streams.observers import Observers
from reactive_dag.triggers.checks import id_of, listed, names_of
from reactive_dag.triggers.leaves.dataset import Dataset


@attrs.frozen
class Entry:
    """One record of the log, with its offset."""

    offset: int
    record: AnyRecord

    @property
    def kind(self) -> str:
        """The record's kind: the name of its class."""
        return type(self.record).__name__

    @property
    def at(self) -> int:
        """Its instant, ns UTC."""
        return self.record.at


@attrs.frozen
class FiringView:
    """A trigger's decision: which DAG is to run, since when, because of what."""

    run: Run
    dag: str
    label: str
    events: list[Event]


def _states(state: str | Iterable[str] | None) -> set[str | None]:
    """The states asked for; None asks for any. Raises InvalidValue."""
    if state is None:
        return {None}
    found = names_of(state, "state")
    for each in sorted(found):
        if each not in RUN_STATES:
            raise InvalidValue(f"state={each!r} is unknown; it is one of {', '.join(RUN_STATES)}")
    return {*found}


class Queries:
    """Answers from one fold.

    `observers` hands over the streams; `turn_lock` is held where an answer must not come from the middle of a turn.
    For a fold that is over construct `Queries(FoldHost(fold, refuse), Observers(fold.log))`: `refuse` raises when a run
    is waited for, and the streams give what is recorded, on the thread of the observers.
    """

    def __init__(
        self, host: FoldHost, observers: Observers[AnyRecord], turn_lock: AbstractContextManager[object] | None = None
    ) -> None:
        self.host = host
        self.observers = observers
        self._turn_lock = nullcontext() if turn_lock is None else turn_lock

    @property
    def _fold(self) -> Fold:
        return self.host.fold

    def dag_id(self, dag: Dag | str) -> str:
        """The id of a DAG of this graph. Raises UnknownId."""
        return self._fold.starting.dag(dag).id

    def _dataset_id(self, dataset: Dataset | str) -> str:
        return self._fold.publishing.dataset_of(dataset).id

    # ------------------------------------------------------------------------------------- runs

    def runs(
        self, dag: Dag | str | None = None, *, state: str | Iterable[str] | None = None,
        logical_date: GivenTime | None = None, partition: GivenPartition | None = None, key: str | None = None,
        limit: int | None = None,
    ) -> RunList:  # fmt: skip
        """Runs, newest request first, in one state or several. O(log n + result) by DAG, state, date or key.

        `key` is a run's own key, or the one that a start by hand was given. Raises UnknownId, InvalidValue.
        """
        graph, log = self._fold.graph, self._fold.log
        name = None if dag is None else self._known_dag(dag)
        partition = None if partition is None else self._partition(name, partition)
        key = None if key is None else text_in(key, "engine.runs(): key")
        if limit is not None:
            limit = whole(limit, "limit", 0)
        states = _states(state)
        date = None
        if logical_date is not None:
            declared = graph.dags.get(name or "")
            date = parse_time(logical_date, None if declared is None else declared.tz, what="logical_date")
        found: list[int] = []
        newest_only = limit if date is None and partition is None and key is None else None
        for one in states:
            with self._turn_lock:  # what is queued changes in a turn
                unfinished = dict.fromkeys(self._unfinished(name, one, newest_only))
            found.extend(offset for offset in unfinished if self._matches(offset, date, partition, key))
            if one not in ("queued", "running"):
                again = self._fold.runs.rounds.under_way if one is not None else ()
                most = None if limit is None else limit + len(again)
                rows = log.runs(dag=name, state=one, logical_date=date, partition=partition, key=key, limit=most)
                found.extend(row.run for row in rows if row.run not in again)
        if key is not None:
            found.extend(run for run in self._started(name, key, states) if self._matches(run, date, partition, None))
        newest = sorted(set(found), reverse=True)[:limit]
        return RunList(Run(self.host, offset) for offset in newest)

    def _partition(self, dag: str | None, given: GivenPartition) -> str:
        """A partition as text; a date is read as a start of that DAG reads it."""
        declared = self._fold.graph.dags.get(dag or "")
        if declared is None:
            return text_in(given, "engine.runs(): partition")
        return self._fold.starting.partition_of(declared, given, f"engine.runs({dag!r})") or ""

    def _known_dag(self, dag: Dag | str) -> str:
        name, graph = id_of(dag, "a DAG"), self._fold.graph
        if name not in graph.dags and not self._fold.log.runs(dag=name, limit=1):
            raise UnknownId(f"no DAG {name!r} in graph {graph.id!r}{did_you_mean(name, graph.dags)}")
        return name

    def _unfinished(self, dag: str | None, state: str | None, limit: int | None) -> Iterator[int]:
        """Runs that have not ended; of queued ones the newest `limit`, or more. O(running + undecided + result)."""
        runs = self._fold.runs
        if state in (None, "running"):
            yield from (offset for offset, run in list(runs.live.items()) if dag in (None, run.dag.id))
            orphans = self._fold.statuses.orphans()
            yield from (offset for offset, run in orphans.items() if dag in (None, run.started.dag))
        if state in (None, "queued"):
            yield from self._undecided(dag)
            yield from runs.not_begun(dag, limit)

    def _undecided(self, dag: str | None) -> Iterator[int]:
        """Runs whose requests the cursor has not reached: started by hand, while the engine was not driven."""
        log, first = self._fold.log, self._fold.cursor
        for offset, record in enumerate(log.read(first, log.next_offset), first):
            if type(record) is RunRequested and dag in (None, record.dag) and offset not in self._fold.runs.live:
                yield offset

    def _started(self, dag: str | None, key: str, states: Container[str | None]) -> Iterator[int]:
        """The runs that starts by hand with this key asked for. O(log n) a DAG."""
        for name in list(self._fold.graph.dags) if dag is None else [dag]:
            run = self._fold.starting.keyed(name, key)
            if run is not None and (None in states or self._fold.runs.row(run).state in states):
                yield run

    def _matches(self, offset: int, date: int | None, partition: str | None, key: str | None) -> bool:
        if date is None and partition is None and key is None:
            return True
        row = self.host.row(offset)
        return (
            (date is None or row.logical_date == date)
            and (partition is None or row.partition == partition)
            and (key is None or row.key == key)
        )

    def run(self, key: Run | str) -> Run:
        """A run by its key, by the key that a start by hand was given, or by the first digits of its own.

        O(log n) a DAG; by first digits O(runs). Raises UnknownId where none is found, or more than one.
        """
        if isinstance(key, Run):
            return key
        key = text_in(key, "the key of a run")
        found: Sequence[Run] = self.runs(key=key)
        if len(found) > 1:
            raise UnknownId(f"starts of {listed(run.dag for run in found)} have key {key!r}; engine.runs(dag, key=...)")
        if not found and set(key) <= set(hexdigits):
            found = [run for run in self.runs() if run.key.startswith(key)]
        if len(found) != 1:
            problem = "no run has key" if not found else f"{len(found)} runs have keys that begin with"
            raise UnknownId(f"{problem} {key!r}; engine.runs() lists them{did_you_mean(key, self._fold.graph.dags)}")
        return found[0]

    def outputs(self, unused: bool) -> list[OutputFile]:
        """The files of saved outputs, or those that no recorded success names. O(files × log runs)."""
        found = output_files(self._fold.graph, lambda key: next((run._row for run in self.runs(key=key)), None))
        return [file for file in found if file.unused or not unused]

    def events(self, dataset: Dataset | str, *, limit: int | None = None) -> list[Event]:
        """A dataset's events, newest first. O(segments that hold one). Raises UnknownId."""
        if limit is not None:
            limit = whole(limit, "limit", 0)
        return [self.host.event(offset) for offset, _ in self._fold.log.events(self._dataset_id(dataset), limit=limit)]

    def partitions(
        self, dataset: Dataset | str, start: GivenTime | None = None, end: GivenTime | None = None
    ) -> PartitionList:
        """Which partitions of a dataset are there, missing or failed. O(partitions + runs that are not well).

        Raises UnknownId, InvalidValue.
        """
        declared = self._fold.publishing.dataset_of(dataset)
        with self._turn_lock:  # what is queued changes in a turn
            return PartitionStates(self.host, declared, self._going_on).listed(start, end)

    def _going_on(self, dag: str) -> list[int]:
        """The runs of a DAG that have not ended, each once."""
        return list(dict.fromkeys(self._unfinished(dag, None, None)))

    # ------------------------------------------------------------------------------------- reasons

    def why(self, what: Run | Dag | str, *, logical_date: GivenTime | None = None) -> Why:
        """Why a run happened: the tree of its causes, down to the first event; or why a DAG did not run: `.missing`.

        Of a run that has not ended `.missing` is what it waits for. O(causes + what waits). Raises UnknownId.
        """
        if isinstance(what, Run):
            return self._why_run(what)
        name = id_of(what, "engine.why(): a run, a DAG, or the key or id of one")
        dags = self._fold.graph.dags
        if name not in dags:
            return self._why_run(self.run(name))
        if logical_date is None:
            return why_not(self._fold, name, None, next(iter(self.runs(name, limit=1)), None))
        found = self.runs(name, logical_date=logical_date, limit=1)
        if found:
            return self._why_run(found[0])
        return why_not(self._fold, name, parse_time(logical_date, dags[name].tz, what="logical_date"))

    def _why_run(self, run: Run) -> Why:
        with self._turn_lock:
            waits = unfinished(self._fold, run)
        return why_run(self.host, run, waits)

    def pending(self, dag: Dag | str) -> Pending:
        """What the triggers of a DAG hold and wait for. O(items pending). Raises UnknownId."""
        name = self.dag_id(dag)
        with self._turn_lock:  # not in the middle of a turn, which changes what is pending
            return pending(self._fold, name)

    # ------------------------------------------------------------------------------------- streams

    @property
    def records(self) -> Observable[Entry]:
        """Every record from now on, in log order, each with its offset; after it is durable (R12)."""
        return self.observers.observe(Entry)

    def records_from(self, offset: int) -> Observable[Entry]:
        """Every record from an offset on: first what is there, then what comes."""
        return self.observers.observe(Entry, whole(offset, "offset", 0))

    def updates(self, dataset: Dataset | str) -> Observable[Event]:
        """A dataset's events. Raises UnknownId."""
        name = self._dataset_id(dataset)
        return self._items(lambda record: isinstance(record, Published) and record.dataset == name)

    def completions(self, dag: Dag | str, *, task: AnyTask | str | None = None) -> Observable[Event]:
        """Ends of runs of a DAG, or of one of its tasks. Raises UnknownId."""
        name = self.dag_id(dag)
        wanted = None if task is None else id_of(task, "a task")
        if wanted is None:
            return self._items(lambda record: type(record) is RunFinished and record.dag == name)
        if wanted not in self._fold.graph.dags[name].tasks:
            raise UnknownId(
                f"DAG {name!r} has no task {wanted!r}{did_you_mean(wanted, self._fold.graph.dags[name].tasks)}"
            )
        return self._items(lambda record: self._is_end_of(record, name, wanted))

    def _is_end_of(self, record: AnyRecord, dag: str, task: str) -> bool:
        if type(record) is not TaskFinished or record.task != task or record.state == "lost":
            return False
        if self.host.run_of(record.run).dag != dag:
            return False
        row = self.host.row(record.run)
        return any(done.task == task and done.state == record.state for done in row.tasks)

    def _items(self, wanted: Callable[[AnyRecord], bool]) -> Observable[Event]:
        return self.observers.observe(lambda offset, record: self.host.event(offset) if wanted(record) else None)

    def firings(self, dag: Dag | str) -> Observable[FiringView]:
        """The decisions of a DAG's triggers. Raises UnknownId."""
        name = self.dag_id(dag)
        return self.observers.observe(
            lambda offset, record: self._firing(offset, record)
            if type(record) is RunRequested and record.dag == name else None
        )  # fmt: skip

    def _firing(self, offset: int, record: RunRequested) -> FiringView:
        events = [self.host.event(cause) for cause in record.causes]
        return FiringView(Run(self.host, offset), record.dag, record.label, events)

    @property
    def ready(self) -> Observable[frozenset[str]]:
        """The DAGs ready to run (G4), now and each time that changes."""
        return ready_stream(self._fold.graph, self._fold.log, self.observers)
