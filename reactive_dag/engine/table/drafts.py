"""Drafts of queued runs: the `RunStarted` that each would append, made when it queues, appended when it may begin.

Owns `Drafts`. Invariant: waits find a queued run by the date and cascade of its draft (R14); a draft of an earlier
version of the graph is made anew before its run begins (R11). O(causes) to make, O(1) to append.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.runs.by_date import RunsByDate
from reactive_dag.engine.runs.logical_dates import LogicalDates
from reactive_dag.engine.runs.plans import Plans
from reactive_dag.engine.runs.statuses import RunStatus, RunStatuses, StartingRun
from reactive_dag.engine.table.rounds import Rounds
from reactive_dag.model.records import RunRequested, RunStarted


class Drafts:
    """The drafts of one engine. `key_of` gives a run's key (I4)."""

    def __init__(
        self, outbox: Outbox, statuses: RunStatuses, dag_of: Callable[[str], Dag | None], by_date: RunsByDate,
        logical_dates: LogicalDates, plans: Plans, rounds: Rounds, key_of: Callable[[RunRequested], str],
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self.statuses = statuses
        self.dag_of = dag_of
        self.by_date = by_date
        self.logical_dates = logical_dates
        self.plans = plans
        self.rounds = rounds
        self.key_of = key_of
        self._version = 0
        """How often all drafts became outdated."""

    def outdate(self) -> None:
        """What queued runs would say may be another now. O(1)."""
        self._version += 1

    def make(self, offset: int, request: RunRequested, dag: Dag) -> RunStatus:
        """The status of a queued run with the `RunStarted` that it would append now, but for instant and plan.

        Waits find it by its date from now on (R14). O(causes).
        """
        date, partition, cascade = self.logical_dates.info(request, dag)
        key = self.key_of(request)
        if not cascade:
            cascade = key
        self.by_date.add(dag.id, offset, date, cascade)
        sources = self.logical_dates.identities.sources(request.causes)
        draft = RunStarted(request.at, offset, dag.id, key, date, partition, cascade, sources=sources)
        return RunStatus("queued", False, draft, self._version, request)

    def make_round(self, offset: int, request: RunRequested) -> RunStatus:
        """The status of a run whose next round is queued: it stands for what its first stood for (R10). O(1)."""
        draft = self.rounds.draft(offset, request)
        self.by_date.add(draft.dag, offset, draft.logical_date, draft.cascade)
        order = self.rounds.request(offset).at, 0, draft.dag, offset
        return RunStatus("queued", False, draft, self._version, request, order)

    def renew(self, queued: Iterable[int]) -> None:
        """Queued runs stand for what they would say now; a round says what its first did. O(their causes)."""
        for run in queued if self.outbox.executing else ():
            request, before = self.logical_dates.identities.request(run), self.statuses.queued[run].begun
            dag = self.dag_of(request.dag)
            if run not in self.rounds.under_way and dag is not None:
                self.statuses.enter(run, self._make_anew(run, request, dag, before))
            elif run in self.rounds.under_way and before is None:
                self.statuses.enter(run, self.make_round(run, request))

    def begin(self, starting: Iterable[StartingRun]) -> None:
        """Append that runs begin, which have their places. O(1) each, where the graph has changed O(causes)."""
        log, version = self.outbox.log, self._version
        with log.lock:
            at = self.outbox.stamp()
            for order, dag, arrays, request, queued in starting:
                draft = queued.begun
                if draft is None or queued.version != version:
                    draft = self._begun_anew(order[3], request, dag, draft)
                plan = self.plans.record(at, dag.id, arrays)
                about = draft.key, draft.logical_date, draft.partition, draft.cascade, draft.round, plan, draft.sources
                log.push(RunStarted(at, draft.run, dag.id, *about))

    def _begun_anew(self, run: int, request: RunRequested, dag: Dag, before: RunStarted | None) -> RunStarted:
        if before is not None and before.round > 1:
            return before
        draft = self._make_anew(run, request, dag, before).begun
        assert draft is not None
        return draft

    def _make_anew(self, run: int, request: RunRequested, dag: Dag, before: RunStarted | None) -> RunStatus:
        if before is not None:
            self.by_date.forget(dag.id, run, before.logical_date, before.cascade)
        return self.make(run, request, dag)
