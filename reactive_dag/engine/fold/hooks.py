"""What the fold of a simulation does otherwise, as a parameter: a live engine takes the defaults.

Owns no state but the caches that folds of one graph may share.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import Factory, frozen

from reactive_dag.engine.deciding.router import BeforeFire
from reactive_dag.engine.runs.logical_dates import OutletCalendars
from reactive_dag.engine.runs.task_arrays import TaskArraysByDag
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

    `delay_first` says whether somebody else offers an attempt later that may begin for the first time. `delays`: how
    long (ns) after its request each run of a DAG is queued. `done_before`: the date before which all that is awaited
    counts as done in time.
    """

    before_fire: BeforeFire | None = None
    delay_first: DelayFirst | None = None
    delays: Mapping[str, int] = Factory(dict)
    done_before: int | None = None
    caches: GraphCaches = Factory(GraphCaches)
