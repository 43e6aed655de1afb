"""What is judged when somebody asks for a rerun, before it is recorded (R10). Owns no state; O(tasks)."""

from __future__ import annotations

from collections.abc import Iterable

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import plan_of
from reactive_dag.engine.table.rounds import tasks_again
from reactive_dag.log.history import RunRow
from reactive_dag.model.errors import InvalidValue, UnknownId, UsageError
from reactive_dag.model.records import FINAL_RUN_STATES, RerunRequested
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import counted, seen
from reactive_dag.triggers.checks import id_of


def rerun_asked(
    row: RunRow, dag: Dag | None, downstream: object, only: object, tasks: Iterable[object] | None
) -> RerunRequested:
    """The request for the next round of a run, but for its instant. O(tasks).

    Raises InvalidValue for arguments that are none, UnknownId for a task that is not there, UsageError where there is
    nothing to do.
    """
    where = f"engine.rerun() of run {row.key[:8]} of DAG {row.dag!r}"
    if dag is None:
        raise UsageError(f"{where}: the DAG is not declared any more, so nothing can execute its tasks")
    if not isinstance(downstream, bool):
        raise InvalidValue(f"{where}: downstream={seen(downstream)} is neither True nor False")
    if only not in (None, "failed"):
        raise InvalidValue(f'{where}: only={seen(only)} is unknown; it is "failed", or left out')
    if only is not None and tasks is not None:
        raise UsageError(f"{where}: give only= or tasks=, not both")
    names = () if tasks is None else _tasks(row, dag, tasks, where)
    asked = RerunRequested(0, row.run, names, only is not None, downstream)
    states = {task.task: task.state for task in row.tasks}
    plan = plan_of(dag)
    teardowns = [dag.tasks[id].teardown for id in plan.ids]
    if only is not None and row.state in FINAL_RUN_STATES and not tasks_again(asked, plan, states, teardowns):
        raise UsageError(f'{where}: no task of it failed, so only="failed" leaves nothing to do; leave only= out')
    return asked


def _tasks(row: RunRow, dag: Dag, tasks: Iterable[object], where: str) -> tuple[str, ...]:
    if isinstance(tasks, str) or not isinstance(tasks, Iterable):
        tasks = [tasks]
    names = tuple(dict.fromkeys(id_of(task, f"{where}: tasks=") for task in tasks))
    for name in names:
        check_named(name, row, dag, where)
    if not names:
        raise InvalidValue(f"{where}: tasks=[] names none; leave it out for all")
    return names


def check_named(name: str, row: RunRow, dag: Dag, where: str) -> None:
    """Raise UnknownId unless a task of the DAG, or an instance in the row of the run, has this id. O(tasks)."""
    if name in dag.tasks:
        return
    mapped = name.partition("[")[0]
    instances = next((task.instances for task in row.tasks if task.task == mapped), None)
    if instances is None:
        raise UnknownId(f"{where}: it has no task {name!r}{did_you_mean(name, dag.tasks)}")
    if all(each.task != name for each in instances):
        raise UnknownId(f"{where}: task {mapped!r} has {counted(len(instances), 'instance')}, and none is {name!r}")
