"""What the fold of a simulation does otherwise, as a parameter: a live engine takes the defaults.

Owns no state but the caches that folds of one graph may share.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, frozen

from reactive_dag.declare.settings.pool import Pool
from reactive_dag.engine.deciding.router import BeforeFire
from reactive_dag.engine.runs.logical_dates import OutletCalendars
from reactive_dag.engine.runs.task_arrays import TaskArraysByDag
from reactive_dag.engine.table.table import DelayRun
from reactive_dag.engine.tasks.awaited_dates import KnownDates
from reactive_dag.engine.tasks.flow import DelayFirst


@frozen
class GraphCaches:
    """What is worked out from the declarations alone."""

    arrays: TaskArraysByDag = Factory(TaskArraysByDag)
    awaited: KnownDates = Factory(KnownDates)
    calendars: OutletCalendars = Factory(OutletCalendars)


@frozen
class FoldHooks:
    """What a fold calls where somebody else may have a say, and what it is told beside its graph.

    `delay_first` says whether somebody else offers an attempt later that may begin for the first time. `delay_run`
    says how long (ns) after its request a run is queued. `done_before`: the date before which all that is awaited
    counts as done in time. `capacities`: the slots of pools that are others than declared.
    """

    before_fire: BeforeFire | None = None
    delay_first: DelayFirst | None = None
    delay_run: DelayRun | None = None
    done_before: int | None = None
    capacities: Mapping[str, int] = Factory(dict)
    caches: GraphCaches = Factory(GraphCaches)

    def resized(self, pools: Mapping[str, Pool]) -> Mapping[str, Pool]:
        """The declared pools, some with other slots. O(1), with other slots O(pools)."""
        other = {id: Pool(id, slots) for id, slots in self.capacities.items()}
        return {**pools, **other} if other else pools
