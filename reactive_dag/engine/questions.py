"""What an engine can be asked: runs, events, reasons, what is pending, shared values, backfills, streams.

Owns no state but the parts that answer. Each call says its cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reactivex import Observable

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.settings.parsers import flag
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.facts.values import value_name
from reactive_dag.engine.inspect.backfill import Backfill
from reactive_dag.engine.inspect.outputs import OutputFile
from reactive_dag.engine.inspect.partition_list import PartitionList
from reactive_dag.engine.inspect.pending import Pending
from reactive_dag.engine.inspect.queries import Entry, FiringView
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.engine.inspect.why import Why
from reactive_dag.engine.parts import EngineParts
from reactive_dag.model.event import Event
from reactive_dag.model.partitions.given import GivenPartition
from reactive_dag.model.times import GivenTime
from reactive_dag.triggers.leaves.dataset import Dataset


class Questions:
    """The questions of an engine, answered by its parts."""

    _parts: EngineParts

    def runs(
        self, dag: Dag | str | None = None, *, state: str | Iterable[str] | None = None,
        logical_date: GivenTime | None = None, partition: GivenPartition | None = None, key: str | None = None,
        limit: int | None = None,
    ) -> RunList:  # fmt: skip
        """Runs, newest request first, in one state or several. O(log n + result) by DAG, state, date or key.

        `key` is a run's own key, or the one that a start by hand was given. Raises UnknownId, InvalidValue.
        """
        with self._parts.interrupts:
            return self._parts.queries.runs(
                dag, state=state, logical_date=logical_date, partition=partition, key=key, limit=limit
            )

    def run(self, key: Run | str) -> Run:
        """A run by its key, by the key that a start by hand was given, or by the first digits of its own.

        O(log n) a DAG; by first digits O(runs). Raises UnknownId where none is found, or more than one.
        """
        with self._parts.interrupts:
            return self._parts.queries.run(key)

    def outputs(self, *, unused: bool = False) -> list[OutputFile]:
        """The files of outputs saved by tasks declared now; with `unused` those that no recorded success names (R21).

        Those may be deleted, unless another store keeps its outputs in the same directory. O(files × log runs).
        """
        with self._parts.interrupts:
            return self._parts.queries.outputs(flag(unused, "engine.outputs(): unused"))

    def events(self, dataset: Dataset | str, *, limit: int | None = None) -> list[Event]:
        """A dataset's events, newest first. O(segments that hold one). Raises UnknownId."""
        with self._parts.interrupts:
            return self._parts.queries.events(dataset, limit=limit)

    def partitions(
        self, dataset: Dataset | str, start: GivenTime | None = None, end: GivenTime | None = None
    ) -> PartitionList:
        """Which partitions of a dataset are there, missing or failed, with the run that made each (T19).

        From `start` to `end`, both included; else from the first that is known, or its DAG's `start=`, to the newest
        whose period has ended. O(partitions + runs that are not well). Raises UnknownId, InvalidValue.
        """
        with self._parts.interrupts:
            return self._parts.queries.partitions(dataset, start, end)

    def why(self, what: Run | Dag | str, *, logical_date: GivenTime | None = None) -> Why:
        """Why a run happened: the tree of its causes, down to the first event; or why a DAG did not run: `.missing`.

        O(causes). Raises UnknownId.
        """
        with self._parts.interrupts:
            return self._parts.queries.why(what, logical_date=logical_date)

    def pending(self, dag: Dag | str) -> Pending:
        """What the triggers of a DAG hold and wait for. O(items pending). Raises UnknownId."""
        with self._parts.interrupts:
            return self._parts.queries.pending(dag)

    def backfills(self) -> list[Backfill]:
        """All backfills, newest first. O(result)."""
        return self._parts.backfills()

    def get(self, name: str, default: Any = None) -> Any:
        """What a value shared by DAGs holds, or `default` where it holds nothing (R22). O(1) in memory."""
        found = self._parts.host.value(value_name(name, "engine.get()"))
        return default if found is None else found

    # ------------------------------------------------------------------------------------- streams

    @property
    def records(self) -> Observable[Entry]:
        """Every record from now on, in log order, each with its offset; after it is durable (R12)."""
        return self._parts.queries.records

    def records_from(self, offset: int) -> Observable[Entry]:
        """Every record from an offset on: first what is there, then what comes."""
        return self._parts.queries.records_from(offset)

    def updates(self, dataset: Dataset | str) -> Observable[Event]:
        """A dataset's events. Raises UnknownId."""
        return self._parts.queries.updates(dataset)

    def completions(self, dag: Dag | str, *, task: AnyTask | str | None = None) -> Observable[Event]:
        """Ends of runs of a DAG, or of one of its tasks. Raises UnknownId."""
        return self._parts.queries.completions(dag, task=task)

    def firings(self, dag: Dag | str) -> Observable[FiringView]:
        """The decisions of a DAG's triggers. Raises UnknownId."""
        return self._parts.queries.firings(dag)

    @property
    def ready(self) -> Observable[frozenset[str]]:
        """The DAGs ready to run (G4), now and each time that changes."""
        return self._parts.queries.ready
