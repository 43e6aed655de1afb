"""What bodies call that their declaration does not let them, as far as their code shows it (R3, R5).

Owns no state. A look at names, not a proof: what a body calls through other functions is not seen. O(code).
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from functools import lru_cache
from types import CodeType, FunctionType

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.task import AnyTask

_OF_OUTLETS = ("publish", "unchanged")
"""The calls of `run` that are about outlets."""
_OF_CELLS = ("MAKE_CELL", "COPY_FREE_VARS", "LOAD_CLOSURE")
"""Steps that hand a variable to a function inside, whose own code says what it does with it."""


def body_warnings(dag: Dag, task: AnyTask) -> Iterator[tuple[str, str]]:
    """The kind and the text of each. O(code)."""
    if task.kind != "task" or task._ref is not None or not isinstance(task.fn, FunctionType):
        return
    code = task.fn.__code__
    if task.retries == 0 and _names(code, "RetryTask"):
        yield (
            "retry_without_retries",
            f"task {dag.id + '.' + task.id!r} asks for another attempt with rd.RetryTask, and has none left after its "
            "first; give it retries=",
        )
    if not task.outlets:
        for name in _OF_OUTLETS:
            if _names(code, name) and _calls_run(code, name):
                yield "no_outlets", _without_outlets(dag, task, name)
                return


def _without_outlets(dag: Dag, task: AnyTask, call: str) -> str:
    said = f"task {dag.id + '.' + task.id!r} calls run.{call}, which is refused"
    if not dag.outlets:
        return f"{said}: it has no outlets=; give it those that it changes"
    known = ", ".join(repr(each.uri) for each in dag.outlets)
    return f"{said}: {known} of its DAG is recorded when the run succeeds; give the task outlets= of its own instead"


def _names(code: CodeType, name: str) -> bool:
    """Whether a function, or one inside it, has a name that is no variable. O(names)."""
    return name in code.co_names or any(isinstance(each, CodeType) and _names(each, name) for each in code.co_consts)


def _calls_run(code: CodeType, name: str) -> bool:
    """Whether a function, or one inside it, takes this attribute of `run`. O(code)."""
    before: object = None
    for step in dis.get_instructions(code):
        if step.argval == name and (before == "run" or (isinstance(before, tuple) and before[-1:] == ("run",))):
            return True
        before = step.argval
    return any(isinstance(each, CodeType) and _calls_run(each, name) for each in code.co_consts)


def may_publish(task: AnyTask) -> bool:
    """Whether a body may say something of its outlets: False only where its code shows that. O(code)."""
    fn = task.fn
    if task._ref is not None or not isinstance(fn, FunctionType) or fn.__dict__:
        return True
    return _may_publish(fn.__code__)


@lru_cache(1024)
def _may_publish(code: CodeType) -> bool:
    steps = [step for step in dis.get_instructions(code) if step.opname not in _OF_CELLS]
    for step, after in zip(steps, [*steps[1:], None]):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if "run" in names:
            reads = after is not None and after.opname in ("LOAD_ATTR", "LOAD_METHOD") and names[-1] == "run"
            if (
                not reads
                or names.count("run") > 1
                or "run" in names[:-1]
                or after is None
                or after.argval in _OF_OUTLETS
            ):
                return True
    return any(isinstance(each, CodeType) and _may_publish(each) for each in code.co_consts)
