"""What a wait awaits, worked out once, when it begins: the dates of runs, or the partitions of a dataset.

Owns no state. What a user's callable says is recorded with the beginning (`TaskStarted.awaits`), so nothing is asked
again. O(dates). Raises ReactiveDagError for what cannot be awaited, and whatever the callable raises.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date as date_type
from typing import TYPE_CHECKING, Any

from reactive_dag.declare.wait import mapped_task
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import ReactiveDagError
from reactive_dag.model.partitions.given import instant_in
from reactive_dag.model.scalars import own
from reactive_dag.model.text import seen, text_in, writable
from reactive_dag.model.times import NEVER, parse_date, to_datetime
from reactive_dag.triggers.faults import CallableFault, asked

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.wait import Wait
    from reactive_dag.engine.runs.logical_dates import LogicalDates
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.triggers.leaves.dataset import Dataset

Awaits = tuple[list[int | str] | None, bool]
"""What is awaited (None: the cascade, or any event), and whether the wait's result is a list."""


class Awaited:
    """Works it out for the waits of one engine."""

    def __init__(self, logical_dates: LogicalDates, dag_of: Callable[[str], Dag | None]) -> None:
        self.logical_dates = logical_dates
        self.dag_of = dag_of

    def of(self, run: RunState, wait: Wait) -> Awaits:
        """What a wait of a run awaits. O(dates)."""
        if wait.dataset is not None:
            return self._partitions(run, wait, wait.dataset)
        return self._dates(run, wait)

    def _partitions(self, run: RunState, wait: Wait, dataset: Dataset) -> Awaits:
        """The partitions that a wait of a run awaits (R28). O(partitions)."""
        spec, date = wait.partition, run.started.logical_date
        if spec is None or isinstance(spec, tuple):
            return None if spec is None else [*spec], spec is not None
        if isinstance(spec, str) and spec != "same":
            return [spec], False
        if spec == "same":
            return self._same_partition(run, wait, dataset)
        if date is None:
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id}: this run has no logical date, from which {wait.when} could be told; "
                "give the run a date, or name the partition"
            )
        if isinstance(spec, int):
            wall = self.logical_dates.named_wall(run.request, run.dag, date)
            return self._of_date(run, wait, dataset, wait.awaited_from(date, run.dag.tz, wall))
        assert isinstance(spec, Call)
        found, several = _answers(
            run, wait, "partition", spec, date, lambda given: self._partition_of(run, wait, dataset, given)
        )  # fmt: skip
        return [*dict.fromkeys(found)], several

    def _same_partition(self, run: RunState, wait: Wait, dataset: Dataset) -> Awaits:
        """The run's own partition where the dataset can have it, else those of the run's date."""
        own, partitions = run.started.partition, dataset.partitions
        if own is not None and (partitions is None or partitions.fits(own)):
            return [own], False
        return (None, False) if partitions is None else self._of_date(run, wait, dataset, run.started.logical_date)

    def _of_date(self, run: RunState, wait: Wait, dataset: Dataset, date: int | None) -> Awaits:
        """The partitions of a date that have what the run has in the other dimensions: one, or all there are (T19)."""
        partitions = dataset.partitions
        assert partitions is not None
        known = {} if partitions.is_dated else self.logical_dates.of_run(run.started)
        made = partitions.made_of(known, date)
        if made is not None:
            return [made], False
        others = [each.name for each in partitions.dimensions if each.calendar is None and each.name in known]
        if date is None or partitions.calendar is None:
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id}: this run has neither a partition of {dataset.uri!r} ({partitions!r}) nor "
                "a date that has one; give the run a date, or name the partition"
            )
        all_of = partitions.of_instant(date)
        return [each for each in all_of if all(partitions.split(each)[name] == known[name] for name in others)], True

    def _partition_of(self, run: RunState, wait: Wait, dataset: Dataset, given: object) -> str:
        """A partition that a user's callable gave, as text; a date stands for its partition."""
        partitions, given = dataset.partitions, own(given)
        if isinstance(given, date_type) and partitions is not None:
            calendar = partitions.calendar
            if calendar is None:
                raise ReactiveDagError(f"{seen(given)} is a date, and {partitions!r} has no calendar: give its text")
            found, _ = self._of_date(run, wait, dataset, instant_in(given, calendar, "partition"))
            if found is not None and len(found) == 1:
                return str(found[0])
        if not isinstance(given, str):
            raise ReactiveDagError(f"{seen(given)} is no partition: give its text, or a date")
        if partitions is not None:
            partitions.check(given)
        return text_in(given, "partition")

    def _dates(self, run: RunState, wait: Wait) -> Awaits:
        """The dates that a wait of a run awaits. O(dates)."""
        if self.dag_of(wait.dag) is None and wait.missing == "error":
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id} waits for {wait.dag!r}, which no graph declares; "
                'declare it, or wait for it to come with missing="wait"'
            )
        self._refuse_unknown_tasks(run, wait)
        date = run.started.logical_date
        spec = wait.logical_date
        if isinstance(spec, tuple):
            return [*sorted(set(spec))], True
        if date is None:
            return self._undated(run, wait), False
        if spec == "same":
            return [date], False
        if isinstance(spec, int):
            wall = self.logical_dates.named_wall(run.request, run.dag, date)
            return [wait.awaited_from(date, run.dag.tz, wall)], False
        assert isinstance(spec, Call)
        dates, several = _answers(run, wait, "logical_date", spec, date, lambda each: parse_date(each, run.dag.tz))
        return [*sorted(set(dates))], several

    def _refuse_unknown_tasks(self, run: RunState, wait: Wait) -> None:
        dag = self.dag_of(wait.dag)
        if dag is None or wait.missing == "wait":
            return
        unknown = [task for task in wait.tasks if mapped_task(task)[0] not in dag.tasks]
        if unknown:
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id} waits for task {unknown[0]!r} of DAG {wait.dag!r}, which has no such task; "
                'declare it, or wait for it to come with missing="wait"'
            )

    def _undated(self, run: RunState, wait: Wait) -> list[int | str] | None:
        if wait.match == "latest":
            return [NEVER]
        why = f"from which {wait.when} could be told"
        if wait.logical_date == "same":
            origins = self.logical_dates.graph.origins
            if None in (self.dag_of(wait.dag), self.dag_of(run.dag.id)):  # R11: a run of a removed DAG goes on
                return None
            if origins(run.dag.id) & origins(wait.dag):
                return None
            why = f"and shares no origin with {wait.dag!r}"
        raise ReactiveDagError(
            f"{run.dag.id}.{wait.id}: this run has no logical date, {why}; "
            'give the run a date, or wait with match="latest"'
        )


def _answers(
    run: RunState, wait: Wait, option: str, call: Call, date: int, read: Callable[[Any], Any]
) -> tuple[list[Any], bool]:
    """What a user's callable gives for a run's date, each one read, and whether it gave several. O(answers).

    Raises ReactiveDagError that names the wait, the function and its place.
    """
    where = f"{run.dag.id}.{wait.id}: {option}="
    try:
        given = asked(call, to_datetime(date))
    except CallableFault as fault:
        raise ReactiveDagError(f"{where}{fault}") from fault
    where += writable(f"{call.text} ({call.place})")
    answers = given if isinstance(given, list) else [given]
    if not answers:
        raise ReactiveDagError(f"{where} gave none at all; give at least one")
    try:
        return [read(each) for each in answers], answers is given
    except ReactiveDagError as error:
        raise ReactiveDagError(f"{where}: {error}") from error
