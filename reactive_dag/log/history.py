"""Rows of the run history: what is kept of a run that ended, and how a query selects rows.

A row is written once, in the commit that ends its run, and replaced when a later round of the run ends. It is a view
of the log: the records remain the truth. `RunRows` holds rows in memory, for the memory log and for what a store has
not committed yet; adding costs O(1), the sorting is done by the first query that follows, O(log n) a new row; a query
then costs O(rows it looks at) along the narrowest index.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec
from sortedcontainers import SortedSet

from reactive_dag.model.records import Json, OutletEvent

AttemptRow: TypeAlias = tuple[int, int | None, int, str, str | None]
"""One attempt: its number, start (ns, None if it never ran), end (ns), state, error text."""


class TaskRow(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """How a task of an ended run ended. Times are ns UTC; with `saved` the output names the file of the value (R21).

    A mapped task has its `instances`, and no output of its own; an instance keeps what it said of the outlets (R7).

    >>> TaskRow("load", "success", ((1, 10, 20, "success", None),), {"rows": 3}).attempts[0][0]
    1
    """

    task: str
    state: str
    attempts: tuple[AttemptRow, ...] = ()
    output: Json = None
    error: str | None = None
    saved: bool = False
    instances: tuple[TaskRow, ...] | None = None
    round: int = 1
    publishes: list[OutletEvent] | None = None

    @property
    def given(self) -> Json:
        """What the task gave; of a mapped one what its instances gave, in order. O(instances)."""
        if self.instances is None or self.state != "success":
            return self.output
        return [each.output for each in self.instances]

    @property
    def any_saved(self) -> bool:
        """Whether its value, or one of its instances', is in a file. O(instances)."""
        return self.saved or any(each.saved for each in self.instances or ())


class RoundRow(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A round of a run before its newest; `tasks` are those that the round after it did not keep."""

    round: int
    state: str
    started: int | None
    ended: int | None
    error: str | None
    tasks: tuple[TaskRow, ...] = ()


class RunRow(msgspec.Struct, frozen=True, gc=False, array_like=True, omit_defaults=True):
    """A run that ended. `run` is the offset of its `RunRequested`; times are ns UTC.

    `earlier` are its rounds before this one, `sources` the runs that made items among its causes, `replaced` the causes
    for which another item stands in this round.

    >>> RunRow(7, "report", "success", "k7").round
    1
    """

    run: int
    dag: str
    state: str
    key: str
    label: str = ""
    logical_date: int | None = None
    partition: str | None = None
    cascade: str = ""
    round: int = 1
    requested: int | None = None
    started: int | None = None
    ended: int | None = None
    error: str | None = None
    tasks: tuple[TaskRow, ...] = ()
    earlier: tuple[RoundRow, ...] = ()
    sources: tuple[int, ...] = ()
    replaced: tuple[tuple[int, int], ...] = ()


class RunQuery(msgspec.Struct, frozen=True):
    """What a query asks for; a field that is None fits every row.

    `before` is a run's offset: only older ones. `cascade` asks for the undated runs of a cascade (T8), `source` for
    those that consumed items of a run.
    """

    dag: str | None = None
    state: str | None = None
    logical_date: int | None = None
    partition: str | None = None
    key: str | None = None
    before: int | None = None
    cascade: str | None = None
    source: int | None = None

    def matches(self, row: RunRow) -> bool:
        """Whether a row is asked for. O(1)."""
        return (
            (self.dag is None or row.dag == self.dag)
            and (self.state is None or row.state == self.state)
            and (self.logical_date is None or row.logical_date == self.logical_date)
            and (self.partition is None or row.partition == self.partition)
            and (self.key is None or row.key == self.key)
            and (self.before is None or row.run < self.before)
            and (self.cascade is None or (row.cascade == self.cascade and row.logical_date is None))
            and (self.source is None or self.source in row.sources)
        )


class RunRows:
    """Run rows in memory, by run, with the indexes that queries need.

    >>> table = RunRows()
    >>> table.add(RunRow(3, "a", "success", "k3"))
    >>> table.add(RunRow(9, "a", "failed", "k9"))
    >>> [row.run for row in table.select(RunQuery(dag="a"))], table.get(3).key
    ([9, 3], 'k3')
    """

    __slots__ = ("_fresh", "_index", "rows")

    def __init__(self) -> None:
        self.rows: dict[int, RunRow] = {}
        self._fresh: list[RunRow] = []
        self._index: dict[tuple[object, ...], SortedSet] = {}

    def add(self, row: RunRow) -> None:
        """Take a row; one of the same run is replaced. O(1)."""
        self._fresh.append(row)
        self.rows[row.run] = row

    def updated(self, newer: RunRows) -> RunRows:
        """These rows and newer ones, in a table of its own. O(n)."""
        both = RunRows()
        for row in (*self.rows.values(), *newer.rows.values()):
            both.add(row)
        return both

    def get(self, run: int) -> RunRow | None:
        """The row of a run. O(1)."""
        return self.rows.get(run)

    def select(self, query: RunQuery, limit: int | None = None) -> list[RunRow]:
        """The rows asked for, newest first. O(rows along the narrowest index until `limit` are found)."""
        self._sort()
        found: list[RunRow] = []
        for row in self._along(query):
            if limit is not None and len(found) >= limit:
                break
            if query.matches(row):
                found.append(row)
        return found

    def latest_date(self, dag: str, high: int) -> int | None:
        """The highest logical date of a DAG's runs that is not above `high` (ns). O(log n)."""
        self._sort()
        dates = self._index.get(("dates", dag), ())
        return next(dates.irange(maximum=high, reverse=True), None) if dates else None

    def _along(self, query: RunQuery) -> Iterator[RunRow]:
        runs = self._index.get(_narrowest(query))
        if runs is None:
            return iter(())
        return (self.rows[run] for run in runs.irange(maximum=query.before, reverse=True))

    def _sort(self) -> None:
        """Bring the rows added since the last query into the indexes. O(log n) each."""
        fresh, self._fresh = self._fresh, []
        for row in fresh:
            for name in _names(row):
                index = self._index.get(name)
                if index is None:
                    index = self._index[name] = SortedSet()
                index.add(row.logical_date if name[:1] == ("dates",) else row.run)

    def _check(self) -> None:
        """Every row stands in each index that it names."""
        self._sort()
        for row in self.rows.values():
            runs = [self._index[name] for name in _names(row) if name[:1] != ("dates",)]
            assert all(row.run in index for index in runs), f"run {row.run} is missing in an index"


def _names(row: RunRow) -> tuple[tuple[object, ...], ...]:
    """The indexes a row stands in. One that was replaced may leave its run in an old one: `matches` sorts it out."""
    by_run: tuple[tuple[object, ...], ...]
    by_run = ((), ("dag", row.dag), ("state", row.state), ("dag state", row.dag, row.state), ("key", row.key))
    if row.sources:
        by_run += tuple([("source", source) for source in row.sources])
    if row.partition is not None:
        by_run += (("partition", row.dag, row.partition),)
    if row.logical_date is None:
        return (*by_run, ("cascade", row.dag, row.cascade))
    return (*by_run, ("date", row.dag, row.logical_date), ("dates", row.dag))


def _narrowest(query: RunQuery) -> tuple[object, ...]:
    if query.source is not None:
        return ("source", query.source)
    if query.key is not None:
        return ("key", query.key)
    if query.dag is not None and query.logical_date is not None:
        return ("date", query.dag, query.logical_date)
    if query.dag is not None and query.partition is not None:
        return ("partition", query.dag, query.partition)
    if query.dag is not None and query.cascade is not None:
        return ("cascade", query.dag, query.cascade)
    if query.dag is not None and query.state is not None:
        return ("dag state", query.dag, query.state)
    if query.dag is not None:
        return ("dag", query.dag)
    return ("state", query.state) if query.state is not None else ()
