"""Which runs consumed the items that a run made: what a rerun asks (R10).

Owns `Consumers`. Runs that ended are asked of the log, which has an index of them; of the unfinished ones an index is
made when it is first asked for, and kept from then on, so that it costs nothing where nobody asks. O(result) a look.
"""

from __future__ import annotations

from collections.abc import Iterable

from reactive_dag.engine.items.identity import Identities
from reactive_dag.engine.runs.statuses import RunStatuses
from reactive_dag.log.protocol import EventLog


class Consumers:
    """The consumers of one engine's runs."""

    def __init__(self, log: EventLog, statuses: RunStatuses, identities: Identities) -> None:
        self.log = log
        self.statuses = statuses
        self.identities = identities

    def of(self, source: int) -> list[int]:
        """The runs that were requested for items of a run, earliest request first. O(result + unfinished runs)."""
        found = {row.run for row in self.log.runs(source=source)}
        found.update(run for run in self._unfinished() if source in self.sources(run))
        return sorted(found)

    def _unfinished(self) -> Iterable[int]:
        statuses = self.statuses
        return [*statuses.queued, *statuses.between, *statuses.live]

    def sources(self, run: int) -> tuple[int, ...]:
        """The runs that made items among the causes of a run. O(1) where it has begun, else O(causes)."""
        live = self.statuses.live.get(run)
        if live is not None:
            return live.started.sources
        status = self.statuses.queued.get(run) or self.statuses.between.get(run)
        if status is not None and status.begun is not None:
            return status.begun.sources
        row = self.log.run(run) if status is None else None
        return row.sources if row is not None else self.identities.sources(self.identities.request(run).causes)
