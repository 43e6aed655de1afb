"""What a task's function asks for, and where it comes from.

Owns `Parameter` (read from the function's signature), `Output` (the explicit spelling) and `Binding`. A parameter is,
in this order: `run`; a task of the DAG; one of the DAG's params; its default; else nothing, which `problems()` reports
with the nearest name. Reading a plain function's parameters costs about 1 µs, binding them O(parameters).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar, cast

from attrs import field, frozen

from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.triggers.checks import id_of

if TYPE_CHECKING:
    from reactive_dag.declare.task import Task

P = ParamSpec("P")
R = TypeVar("R")


@frozen
class Output:
    """Stands as a parameter's default for the output of a task of the same DAG."""

    task: str
    dag: str | None = field(default=None, eq=False)


def output(task: Task[P, R] | str) -> R:
    """The output of a task, as the default of a parameter: `def load(rows=rd.output(extract))`. O(1).

    To a type checker it is what the task returns. Raises InvalidValue for what is neither a task nor its id.

    >>> output("extract")
    Output(task='extract', dag=None)
    """
    return cast("R", Output(id_of(task, "the task of rd.output()"), getattr(task, "dag_id", None)))


@frozen
class Parameter:
    """One parameter of a function. `output` is the task that its default names with `rd.output`."""

    name: str
    has_default: bool = False
    output: Output | None = None


@frozen
class Binding:
    """Where one parameter comes from: the run, the output of task `ref`, the param `ref`, or its own default."""

    name: str
    kind: Literal["run", "task", "param", "default"]
    ref: str = ""


@frozen
class Bound:
    """All bindings of one task; `unknown` are the parameters that name nothing."""

    bindings: tuple[Binding, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The tasks whose output is asked for. O(parameters)."""
        return tuple(binding.ref for binding in self.bindings if binding.kind == "task")


def parameters_of(fn: Callable[..., object]) -> tuple[Parameter, ...]:
    """The parameters that a function is called with by name. O(parameters).

    `*args` and `**kwargs` are left out. Raises InvalidValue for a positional-only parameter, and for something whose
    signature cannot be read.

    >>> def load(rows, run, limit=10, users=output("users")): ...
    >>> [(p.name, p.has_default, p.output and p.output.task) for p in parameters_of(load)]
    [('rows', False, None), ('run', False, None), ('limit', True, None), ('users', True, 'users')]
    """
    if type(fn) is FunctionType and not fn.__dict__ and not fn.__code__.co_posonlyargcount:
        return _plain(fn, fn.__code__)
    return tuple(_from_signature(fn))


def _plain(fn: FunctionType, code: CodeType) -> tuple[Parameter, ...]:
    count = code.co_argcount
    names = code.co_varnames[: count + code.co_kwonlyargcount]
    defaults = fn.__defaults__ or ()
    given: dict[str, object] = dict(zip(names[count - len(defaults) : count], defaults, strict=True))
    given.update(fn.__kwdefaults__ or {})
    return tuple([_parameter(name, given[name]) if name in given else Parameter(name) for name in names])


def _from_signature(fn: Callable[..., object]) -> list[Parameter]:
    try:
        found = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"the parameters of {shown(fn)} cannot be read ({error}); wrap it in a function") from None
    for each in found:
        if each.kind is each.POSITIONAL_ONLY:
            raise InvalidValue(
                f"parameter {each.name!r} of {shown(fn)} is positional-only: remove the '/', tasks are called by name"
            )
    named = [each for each in found if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    return [Parameter(p.name) if p.default is p.empty else _parameter(p.name, p.default) for p in named]


def _parameter(name: str, default: object) -> Parameter:
    return Parameter(name, True, default if isinstance(default, Output) else None)


def bind(parameters: tuple[Parameter, ...], tasks: Collection[str], params: Collection[str]) -> Bound:
    """Where each parameter comes from, by the one order. O(parameters).

    >>> bind((Parameter("run"), Parameter("extract"), Parameter("full", True), Parameter("nope")), {"extract"}, ())
    ... # doctest: +NORMALIZE_WHITESPACE
    Bound(bindings=(Binding(name='run', kind='run', ref=''), Binding(name='extract', kind='task', ref='extract'),
        Binding(name='full', kind='default', ref='')), unknown=('nope',))
    """
    bindings = [_binding(parameter, tasks, params) for parameter in parameters]
    unknown = tuple(p.name for p, found in zip(parameters, bindings, strict=True) if found is None)
    return Bound(tuple(found for found in bindings if found is not None), unknown)


def _binding(parameter: Parameter, tasks: Collection[str], params: Collection[str]) -> Binding | None:
    name = parameter.name
    if parameter.output is not None:
        return Binding(name, "task", parameter.output.task)
    if name == "run":
        return Binding(name, "run")
    if name in tasks:
        return Binding(name, "task", name)
    if name in params:
        return Binding(name, "param", name)
    return Binding(name, "default") if parameter.has_default else None


def advice(name: str, tasks: Collection[str], params: Collection[str]) -> str:
    """What to do about a parameter that names nothing. O(names)."""
    near = did_you_mean(name, {*tasks, *params, "run"})
    known = ", ".join(map(repr, [*tasks][:10])) or "none"
    return (
        f"a parameter is `run`, a task of the same DAG (here {known}), one of its params "
        f"({', '.join(map(repr, params)) or 'none'}), or has a default{near}"
    )
