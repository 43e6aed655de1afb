"""Which partitions of a dataset are there, missing or failed, read from the log and from runs (T19).

Owns no state. Costs O(partitions + runs of its DAGs that have not ended, or did not end well).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from reactive_dag.declare.analysis.expected import (
    first_instant_of,
    last_instant_of,
    partitions_within,
    refuse_dates,
)
from reactive_dag.engine.inspect.fold_host import FoldHost
from reactive_dag.engine.inspect.partition_list import PartitionList, PartitionRow, PartitionState
from reactive_dag.log.history import RunRow
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import Published
from reactive_dag.model.times import GivenTime, to_datetime
from reactive_dag.triggers.leaves.dataset import Dataset

Bounds = tuple[GivenTime | None, GivenTime | None]
NOT_WELL = ("failed", "cancelled")


class PartitionStates:
    """The partitions of one dataset. `unfinished` gives the runs of a DAG that have not ended."""

    def __init__(self, host: FoldHost, dataset: Dataset, unfinished: Callable[[str], Iterable[int]]) -> None:
        self.host = host
        self.fold = host.fold
        self.dataset = dataset
        self.of = dataset.partitions
        self.unfinished = unfinished
        self.where = f"engine.partitions({dataset.uri!r})"

    def listed(self, start: GivenTime | None, end: GivenTime | None) -> PartitionList:
        """The partitions from `start` to `end`, else from the first known to the newest that has ended.

        Raises InvalidValue.
        """
        events = self.fold.log.partitions(self.dataset.uri)
        made_by = self._newest_runs()
        known = [*events, *(each for each in made_by if each not in events)]
        if self.of is None and (start is not None or end is not None):
            raise InvalidValue(f"{self.where}: it is not partitioned, so it has no dates; leave start and end out")
        texts = sorted(known) if self.of is None else self._ordered(self.of, known, (start, end))
        rows = [self._row(each, events.get(each), made_by.get(each)) for each in texts]
        return PartitionList(self.dataset.uri, rows)

    def _row(self, partition: str, offset: int | None, run: RunRow | None) -> PartitionRow:
        event = None if offset is None else self.fold.log.record(offset)
        assert event is None or isinstance(event, Published), event
        known = self.of.split(partition) if self.of is not None and self.of.fits(partition) else {}
        at = None if event is None else to_datetime(event.at)
        if event is not None and event.kind != "deleted":
            maker = self.host.run_of(event.run) if event.run >= 0 else None
            key, dag = (None, None) if maker is None else (maker.key, maker.dag)
            return PartitionRow(partition=partition, state="there", at=at, run=key, dag=dag, dimensions=known)
        if run is None:
            return PartitionRow(partition=partition, state="missing", at=at, dimensions=known)
        state: PartitionState = "failed" if run.state in NOT_WELL else "running"
        return PartitionRow(
            partition=partition, state=state, at=at, run=run.key, dag=run.dag, error=run.error, dimensions=known
        )

    # ------------------------------------------------------------------------------------- which there should be

    def _ordered(self, of: Partitions, known: Sequence[str], bounds: Bounds) -> list[str]:
        """Those that there should be with those that are known, by time and then by value; what fits no more last."""
        if of.calendar is None:
            refuse_dates(of, *bounds, self.where)
            expected = of.of_instant(0)
        else:
            expected, known = self._within(of, known, bounds)
        places = [{text: at for at, text in enumerate(each.texts(0))} for each in of.dimensions]

        def rank(partition: str) -> tuple[object, ...]:
            if not of.fits(partition):
                return 1, partition
            texts = of.split(partition).values()
            return 0, of.time(partition) or 0, tuple([at.get(text, 0) for at, text in zip(places, texts)])

        return sorted({*expected, *known}, key=rank)

    def _within(self, of: Partitions, known: Sequence[str], bounds: Bounds) -> tuple[list[str], list[str]]:
        """Those that there should be within the bounds, and those of the known that lie within."""
        calendar = of.calendar
        assert calendar is not None, of
        times = {each: time for each in known if of.fits(each) and (time := of.time(each)) is not None}
        start, end = bounds
        try:
            if start is not None:
                first: int | None = first_instant_of(start, calendar)
            else:
                dags = [self.fold.graph.dags[id] for id in self.fold.graph.producers(self.dataset)]
                first = min([*times.values(), *(dag.start for dag in dags if dag.start is not None)], default=None)
            if end is not None:
                last = last_instant_of(end, calendar)
            else:  # what goes on is not due yet
                last = calendar.span(calendar.of(self.fold.clock.now()))[0] - 1
        except InvalidValue as error:
            raise InvalidValue(f"{self.where}: {error}") from None
        expected = [] if first is None or last < first else partitions_within(of, first, last, self.where)
        low, high = first if start is not None else None, last if end is not None else None
        if low is None and high is None:
            return expected, list(known)
        return expected, [
            each for each, at in times.items() if (low is None or low <= at) and (high is None or at <= high)
        ]  # fmt: skip

    # ------------------------------------------------------------------------------------- what runs say

    def _newest_runs(self) -> dict[str, RunRow]:
        """The newest run for each partition among those that have not ended, or did not end well."""
        found: dict[str, RunRow] = {}
        for row in sorted(self._runs(), key=lambda row: row.run):
            for partition in self._made_by(row):
                found[partition] = row
        return found

    def _runs(self) -> Iterator[RunRow]:
        for dag in self.fold.graph.producers(self.dataset):
            live = [*self.unfinished(dag)]
            yield from map(self.host.row, live)
            for state in NOT_WELL:
                yield from (row for row in self.fold.log.runs(dag=dag, state=state) if row.run not in live)

    def _made_by(self, row: RunRow) -> list[str]:
        """The partitions of the dataset that a run is to make, as far as is known before it says so (R3)."""
        of, partition, date = self.of, row.partition, row.logical_date
        if of is None or of.fits(partition):
            return [] if partition is None else [partition]
        dates = self.fold.runs.logical_dates
        known = dates.dimensions(self.fold.runs.request(row.run), partition)
        own = of.made_of(known, date)
        if own is not None:
            return [own]
        if date is not None and of.calendar is not None:  # of which values it does not say: of all
            others = [each.name for each in of.dimensions if each.calendar is None and each.name in known]
            return [each for each in of.of_instant(date) if all(of.split(each)[name] == known[name] for name in others)]
        return [text for text, _ in dates.of_causes(row.run) if of.fits(text)]
