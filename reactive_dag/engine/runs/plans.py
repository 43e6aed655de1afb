"""The recorded plans of DAGs: which tasks, edges and rules a run has, from its beginning to its end (R11).

Owns `Plans`. Invariant: a plan is written once a definition, before the first `RunStarted` that names it; a run that is
read back has the tasks that it began with, whatever is declared now. O(1), a plan that is met first O(tasks).
"""

from __future__ import annotations

import msgspec

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.runs.task_arrays import TaskArrays, TaskArraysByDag
from reactive_dag.log.protocol import EventLog
from reactive_dag.model.records import PlanDeclared, RunStarted

PlansSnapshot = dict[str, tuple[str, int]]
"""The digest of each DAG's newest plan, and the offset of its record."""


class Plans:
    """The newest recorded plan of each DAG."""

    def __init__(self, log: EventLog, arrays: TaskArraysByDag) -> None:
        self.log = log
        self.arrays = arrays
        self._newest: PlansSnapshot = {}
        self._found: dict[str, tuple[TaskArrays, int]] = {}

    def newest(self, dag: str) -> int:
        """Where the newest plan of a DAG is recorded, -1 if there is none. O(1)."""
        return self._newest.get(dag, ("", -1))[1]

    def record(self, at: int, dag: str, arrays: TaskArrays) -> int:
        """Where the plan of a DAG is recorded, which it is from now on; the log's lock is held. O(1)."""
        found = self._found.get(dag)
        if found is not None and found[0] is arrays:
            return found[1]
        plan = arrays.declared(dag)
        digest, offset = self._newest.get(dag, ("", -1))
        if digest != plan.digest:
            offset = self.log.push(msgspec.structs.replace(plan, at=at))
            self._newest[dag] = plan.digest, offset
        self._found[dag] = arrays, offset
        return offset

    def plan_declared(self, offset: int, record: PlanDeclared) -> None:
        """A plan stands in the log: runs that begin with it name this record. O(1)."""
        if self.newest(record.dag) < offset:
            self._newest[record.dag] = record.digest, offset

    def arrays_of(self, begun: RunStarted, dag: Dag) -> TaskArrays:
        """The tasks that a run began with. O(1), a plan that is met first O(tasks)."""
        plan = self.log.record(begun.plan) if begun.plan >= 0 else None
        return self.arrays.of_plan(dag, plan) if isinstance(plan, PlanDeclared) else self.arrays.of(dag)

    def left(self, begun: RunStarted) -> TaskArrays:
        """The tasks of a run whose DAG is declared no more: nobody can execute them. O(tasks + edges)."""
        plan, nobody = self.log.record(begun.plan) if begun.plan >= 0 else None, Dag(begun.dag)
        return TaskArrays.recorded(nobody, plan) if isinstance(plan, PlanDeclared) else TaskArrays.of(nobody)

    def taken_anew(self, dag: Dag, arrays: TaskArrays) -> TaskArrays:
        """The arrays of the same plan with the bodies that a DAG has now. O(1), what is met first O(tasks)."""
        return self.arrays.of_plan(dag, arrays.declared(dag.id), arrays)

    def snapshot(self) -> PlansSnapshot:
        """What a restored engine needs of it. O(DAGs)."""
        return self._newest

    def restore(self, newest: PlansSnapshot) -> None:
        """Take what `snapshot` gave. O(DAGs)."""
        self._newest.update(newest)

    def _check(self) -> None:
        """Each plan stands where it is said to. O(DAGs)."""
        for dag, (digest, offset) in self._newest.items():
            record = self.log.record(offset)
            assert isinstance(record, PlanDeclared) and (record.dag, record.digest) == (dag, digest), record
