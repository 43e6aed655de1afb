"""How far the records of a future are written: what was recorded, what was applied, what is due when.

Owns `RecordState`, which the writer changes. O(nodes) to make.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from reactive_dag.model.records import RunStarted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactive_dag.model.records import AnyRecord, Json, Mark, PlanDeclared
    from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
    from reactive_dag.whatif.records.record_plan import RecordPlan, TriggerName

Apply: TypeAlias = Callable[[Any, int, int], None]
"""What follows from a record: given what it is about, its offset and the instant."""

NOT_YET, NOWHERE, NOBODY = -1, (0, 0, 0), RunStarted(0, -1, "", "")
"""The request of a run that was not requested, its place among others, its beginning."""


class RecordState:
    """What was recorded and applied so far of one future.

    `plans` are the records of the DAGs' plans; `clocked` put triggers with a clock into force, `others` the rest.
    """

    def __init__(
        self, outcome: WindowOutcome, plan: RecordPlan, plans: dict[str, PlanDeclared], clocked: Sequence[AnyRecord],
        others: Sequence[AnyRecord],
    ) -> None:  # fmt: skip
        of, window = outcome.of, outcome.window
        self.outcome, self.plan, self.of, self.window = outcome, plan, of, window
        self.out: list[AnyRecord] = [*clocked, *others]
        self.says_first = not others
        self.plans, self.plan_at = plans, dict[str, int]()
        self.run_of, self.end, self.delay = of.run_of, outcome.end, outcome.values.delay
        self.given = outcome.effects.outputs
        self.left, self.lacking, self.unfinished = [*plan.needs], [*plan.lacking], [*plan.tasks]
        self.outputs: list[Json] = [None] * window.size
        self.watching, self.done = bytearray(window.size), bytearray(window.size)
        """Waits that have begun, and nodes whose end was applied."""
        self.queued = bytearray(window.runs)
        """Runs that were requested, and not delayed: waits find them."""
        self.requests, self.order = [NOT_YET] * window.runs, [NOWHERE] * window.runs
        """Of each run the offset of its request, and its place among others: by request, height, DAG, offset."""
        self.begun: list[RunStarted] = [NOBODY] * window.runs
        self.ended_at: dict[int, int] = {}
        """The offset of the record of a node's end, where it causes a run."""
        self.events_at: dict[tuple[int, str], int] = {}
        self.marks: dict[int, Mark] = {}
        self.newest: dict[TriggerName, int] = {}
        self.counted: dict[str, int] = {}
        self.clocks, self.outside = dict(plan.ticks), dict[int, list[int]]()
        self.ends: dict[int, list[int]] = {}
        self.later: dict[int, list[int]] = {}
        self.timers: dict[int, list[int]] = {}
        self.follows: list[tuple[Apply, Any, int]] = []
        """What was recorded and not applied: how, to which node, run or event, the offset."""
        self.decided: list[int] = []
        self.to_begin: list[int] = []
        self.offered: list[tuple[int, tuple[int, int, int], int, int]] = []
        """Attempts that may begin: by priority, the order of runs and the place in the plan."""
