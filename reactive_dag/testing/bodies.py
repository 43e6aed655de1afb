"""What tasks do in a scenario in place of their bodies: they succeed at once, unless the scenario says something else.

Owns `Behaviour`, a thing that it says of one task from an instant on, and `ScriptedBody`, the stub that follows them.
Invariant: what an attempt does follows from the changes that hold when it begins, whenever it ends; what a look of
`wait_until` gives from those that hold then. O(changes of the task) an attempt, of a task that is to fail, to return
something or to execute its body O(tasks of the run).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from attrs import frozen

from reactive_dag.declare.graph import Graph
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.execute.stubs import Lasting, called
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.times import MICROSECOND, from_datetime
from reactive_dag.whatif.question.names import TaskName
from reactive_dag.whatif.question.outputs import assumed_outputs

BehaviourKind: TypeAlias = Literal["fails", "takes", "returns", "body"]


@frozen(eq=False)
class Behaviour:
    """From `at` (ns) on the attempts of a task do something else.

    `value` is of "fails" the error, or None where they fail no more, and so many `times`; of "takes" how long (ns), of
    "returns" what, of "body" nothing. With a `partition` it concerns the runs of that one alone.
    """

    at: int
    task: TaskName
    kind: BehaviourKind
    value: Any = None
    times: int | None = None
    partition: str | None = None


class ScriptedBody(Lasting):
    """The stub of one task."""

    def __init__(self, task: AnyTask, usual: object, changes: Iterable[Behaviour], now: Callable[[], int]) -> None:
        """`usual` is what it returns where no change says so; `now` is the clock."""
        self._now = now
        self._task = task
        self._usual = usual
        self._changes = sorted(changes, key=lambda change: change.at)
        self._failed: Counter[Behaviour] = Counter()

    def span_at(self, now: int) -> int:
        """How long (ns) an attempt takes that begins at an instant."""
        change = self._newest(now, None, "takes")
        return 0 if change is None else change.value

    def __call__(self, run: Run, **arguments: object) -> object:
        """Fail, or give what the task returns."""
        if all(change.kind == "takes" for change in self._changes):
            return self._usual
        began = self._now() if self._task.kind == "until" else _began(run)  # each look is asked anew
        failing = self._newest(began, run, "fails")
        if failing is not None and failing.value is not None and self._failed[failing] != failing.times:
            self._failed[failing] += 1
            raise failing.value.with_traceback(None)
        change = self._newest(began, run, "returns", "body")
        if change is None:
            return self._usual
        value = self._task.fn if change.kind == "body" else change.value
        return called(value, {"run": run, **arguments}) if callable(value) else value

    def _newest(self, now: int, run: Run | None, *kinds: BehaviourKind) -> Behaviour | None:
        """What holds at an instant (for a run)."""
        found = [change for change in self._changes if change.kind in kinds and change.at <= now]
        if run is not None and any(change.partition is not None for change in found):
            found = [change for change in found if change.partition in (None, run.partition)]
        return found[-1] if found else None


def _began(run: Run) -> int:
    """When the attempt began that executes now, to the end of its microsecond."""
    task: str = run.task  # type: ignore[attr-defined]  # a context has it
    started = run.tasks[task].attempts[-1].started
    return 0 if started is None else from_datetime(started) + MICROSECOND - 1


def scripted(graph: Graph, changes: Iterable[Behaviour], now: Callable[[], int]) -> dict[str, ScriptedBody]:
    """A stub for each task of a graph, by its name. O(tasks + changes)."""
    of: dict[TaskName, list[Behaviour]] = {}
    for change in changes:
        of.setdefault(change.task, []).append(change)
    usual, found = assumed_outputs(graph.dags.values()), dict[str, ScriptedBody]()
    for dag in graph.dags.values():
        for task in dag.tasks.values():
            if task.kind != "wait":
                name, at_once = (dag.id, task.id), True if task.kind == "until" else None
                found[f"{dag.id}.{task.id}"] = ScriptedBody(task, usual.get(name, at_once), of.get(name, ()), now)
    return found
