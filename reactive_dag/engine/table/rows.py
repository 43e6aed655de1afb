"""The rows of runs, whatever their state: what queries read, and what the history keeps of a run that ends (R10).

Owns no state. Invariant: a run has one row at a time, that of its newest round, with the rounds before it in it.
O(tasks), of a run with several rounds O(tasks of all of them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.items.identity import Identities
from reactive_dag.engine.runs.history_rows import (
    as_of,
    ended_in_queue,
    ended_orphan,
    queued_again,
    queued_row,
    row_of,
)
from reactive_dag.engine.runs.logical_dates import LogicalDates
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.runs.statuses import RunStatuses
from reactive_dag.engine.table.rounds import Rounds
from reactive_dag.log.history import RunRow
from reactive_dag.model.records import Item, RunFinished, RunRequested, StartRequested


class Rows:
    """Makes the rows of one engine's runs. `key_of` gives a run's key (I4)."""

    def __init__(
        self, statuses: RunStatuses, identities: Identities, logical_dates: LogicalDates,
        reasons: Callable[[RunState], Mapping[int, str]], rounds: Rounds, dag_of: Callable[[str], Dag | None],
        key_of: Callable[[RunRequested], str],
    ) -> None:  # fmt: skip
        """`reasons` gives what the tasks of a live run wait for, in words."""
        self.statuses = statuses
        self.identities = identities
        self.logical_dates = logical_dates
        self.reasons = reasons
        self.rounds = rounds
        self.dag_of = dag_of
        self.key_of = key_of

    def row(self, offset: int) -> RunRow:
        """A run as a row, whatever its state. O(tasks)."""
        live, status = self.statuses.live.get(offset), self.statuses.between.get(offset)
        if live is not None:
            return self.live(live)
        request = self.identities.request
        if status is not None and status.orphan is not None:
            return self.live(status.orphan)
        ended = self.statuses.log.run(offset)
        if ended is None:
            return self._queued(offset, request(offset))
        return queued_again(ended) if offset in self.rounds.under_way else ended

    def _queued(self, offset: int, request: RunRequested) -> RunRow:
        info = self.logical_dates.info(request, self.dag_of(request.dag))
        sources = self.identities.sources(request.causes)
        return queued_row(offset, request, self.key_of(request), info, sources)

    def live(self, run: RunState, ended: RunFinished | None = None) -> RunRow:
        """The row of a live run, or of one that ends now. O(tasks)."""
        past = self.reasons(run) if ended is None else None
        if run.started.round == 1:
            return row_of(run, ended, past)
        before = self._before(run.run, run.started.round)
        replaced = self.rounds.replaced(run.run, before)
        return msgspec.structs.replace(row_of(run, ended, past, before), replaced=replaced)

    def causes(self, run: int) -> tuple[Item, ...]:
        """The items that caused a run, in order; in a later round those that took their places, there. O(causes)."""
        causes, live = self.identities.request(run).causes, self.statuses.live.get(run)
        if live is not None and live.started.round == 1:
            return causes
        row = self.row(run)
        newest = dict(row.replaced)
        return tuple([newest.get(each, each) for each in causes]) if newest else causes  # type: ignore[arg-type]

    def unlived(self, record: RunFinished) -> RunRow | None:
        """The row of a run that ends and never began, or whose DAG is no longer declared. O(tasks)."""
        status = self.statuses.get(record.run)
        if status is None:
            return None
        if status.orphan is None:
            return ended_in_queue(self.row(record.run), record)
        return ended_orphan(self.live(status.orphan, record))

    def params(self, offset: int) -> dict[str, object]:
        """The params of a run: the DAG's, with what its start gave. O(params)."""
        request = self.identities.request(offset)
        dag = self.dag_of(request.dag)
        params = {} if dag is None else dict(dag.params)
        cause = request.causes[0] if request.causes else None
        fact = self.identities.record(cause) if isinstance(cause, int) else None
        if isinstance(fact, StartRequested) and fact.params:
            params.update(fact.params)
        return params

    def _before(self, run: int, round: int) -> RunRow:
        return as_of(self.rounds.row(run), round - 1)
