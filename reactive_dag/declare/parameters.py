"""What a task's function asks for, and where it comes from.

Owns `Parameter` (read from the function's signature), `Output` and `MappedItem` (the explicit spellings), `Binding`,
and `TaskLinks`: all that a task needs. A parameter is, in this order: `run`; a task of the DAG; one of the DAG's
params; its default; else nothing, which `problems()` reports with the nearest name. Reading a plain function's
parameters costs about 1 µs, binding them O(parameters).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from types import CodeType, FunctionType
from typing import Any, Literal, Protocol, TypeVar, cast

from attrs import field, frozen

from reactive_dag.model.callables import shown
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import text_at
from reactive_dag.triggers.checks import id_of

R = TypeVar("R")
Output_co = TypeVar("Output_co", covariant=True)


class TaskLike(Protocol[Output_co]):
    """A task where only its id, its DAG and what its function returns count."""

    @property
    def id(self) -> str:
        """Its id. O(1)."""

    @property
    def dag(self) -> str | None:
        """The id of its DAG, if it has one. O(1)."""

    def __call__(self, *args: Any, **kwargs: Any) -> Output_co:
        """Call its function."""


@frozen
class Output:
    """Stands as a parameter's default for the output of a task of the same DAG."""

    task: str
    dag: str | None = field(default=None, eq=False)


def output(task: TaskLike[R] | str) -> R:
    """The output of a task, as the default of a parameter: `def load(rows=rd.output(extract))`. O(1).

    To a type checker it is what the task returns. Raises InvalidValue for what is neither a task nor its id.

    >>> output("extract")
    Output(task='extract', dag=None)
    """
    return cast("R", Output(id_of(task, "the task of rd.output()"), text_at(task, "dag")))


@frozen
class MappedItem:
    """Stands as a parameter's default for the item of a mapped task's instance."""


def item() -> Any:
    """The item of a mapped task's instance, as the default of a parameter: `def load(row=rd.item())`. O(1).

    A parameter that is named after the task in `map_over=` is the item too; beside one with this default it is all that
    the task gave.

    >>> item()
    MappedItem()
    """
    return _ITEM


_ITEM = MappedItem()


@frozen
class Parameter:
    """One parameter of a function.

    `output` is the task that its default names with `rd.output`, `item` says that its default is `rd.item()`.
    """

    name: str
    has_default: bool = False
    output: Output | None = None
    item: bool = False


@frozen
class Binding:
    """Where a parameter comes from: the run, the output of task `ref`, an item of it, the param `ref`, its default."""

    name: str
    kind: Literal["run", "task", "item", "param", "default"]
    ref: str = ""


@frozen
class TaskLinks:
    """What a task needs and where its parameters come from.

    `unknown` are parameters that name nothing, `strangers` ids in `after=` and `rd.output` that are no task of the DAG.
    """

    needs: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    unknown: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


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
    return Parameter(name, True, default if isinstance(default, Output) else None, isinstance(default, MappedItem))


def links_of(
    parameters: tuple[Parameter, ...], after: tuple[str, ...], tasks: Collection[str], params: Collection[str],
    over: str | None = None,
) -> TaskLinks:  # fmt: skip
    """What a task needs among `tasks`, by its parameters, its `after=` and what it maps `over`. O(all of them).

    >>> links_of((Parameter("run"), Parameter("extract"), Parameter("nope")), ("check",), {"extract"}, ())
    ... # doctest: +NORMALIZE_WHITESPACE
    TaskLinks(needs=('extract',), bindings=(Binding(name='run', kind='run', ref=''),
        Binding(name='extract', kind='task', ref='extract')), unknown=('nope',), strangers=('check',))
    """
    item = None if any(parameter.item for parameter in parameters) else over
    found = [_binding(parameter, tasks, params, over, item) for parameter in parameters]
    bindings = tuple([each for each in found if each is not None])
    mapped = () if over is None else (over,)
    named = dict.fromkeys((*mapped, *[each.ref for each in bindings if each.kind == "task"], *after))
    return TaskLinks(
        tuple([each for each in named if each in tasks]),
        bindings,
        tuple([parameter.name for parameter, each in zip(parameters, found, strict=True) if each is None]),
        tuple([each for each in named if each not in tasks]),
    )


def _binding(
    parameter: Parameter, tasks: Collection[str], params: Collection[str], over: str | None, item: str | None
) -> Binding | None:
    name = parameter.name
    if parameter.output is not None:
        return Binding(name, "task", parameter.output.task)
    if parameter.item:
        return None if over is None else Binding(name, "item", over)
    if name == "run":
        return Binding(name, "run")
    if name == item:
        return Binding(name, "item", name)
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
