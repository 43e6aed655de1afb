"""Options, functions, parameters and waits as plain JSON data: the part of a graph's form (G5) below its tasks."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import fields

from reactive_dag.declare.parameters import Parameter
from reactive_dag.declare.settings.dag_settings import differing
from reactive_dag.declare.settings.files import OutputFiles
from reactive_dag.declare.settings.params import Params
from reactive_dag.declare.wait import Wait
from reactive_dag.model.callables import AnyCallable, Call
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.times import format_duration, format_time
from reactive_dag.triggers.base import Trigger

_DURATIONS = ("retry_delay", "max_delay", "timeout", "poll", "deadline")


def settings_out(values: Mapping[str, object]) -> dict[str, Json]:
    """Options as plain JSON data. O(their size)."""
    return {name: _setting_out(name, value) for name, value in values.items()}


def _setting_out(name: str, value: object) -> Json:
    if isinstance(value, Call):
        return {"call": value.to_json()}
    if name in _DURATIONS and isinstance(value, int):
        return format_duration(value)
    if name in ("start", "end") and isinstance(value, int):
        return format_time(value)
    if isinstance(value, Trigger):
        return value.to_json()
    if isinstance(value, frozenset | tuple):
        return sorted(value) if isinstance(value, frozenset) else list(value)
    if isinstance(value, Params):
        return _params_out(value)
    if isinstance(value, OutputFiles):
        return value.to_json()
    if name == "defaults":
        return settings_out(differing(value))  # type: ignore[arg-type]
    return value


def _params_out(params: Params) -> Json:
    cls = {} if params.type is None else {"type": Call.of(params.type).to_json()}
    return {"names": list(params.names), "defaults": dict(params.defaults), **cls}


def function_out(fn: AnyCallable) -> Json:
    """A task's body; it is not compared, so one without a stable identity is only named. O(its size)."""
    try:
        return Call(fn).to_json()
    except InvalidValue:
        return {"digest": "", "source": getattr(fn, "__qualname__", type(fn).__qualname__)}


def parameter_out(parameter: Parameter) -> Json:
    """A parameter of a body as plain JSON data. O(1)."""
    output = {} if parameter.output is None else {"output": parameter.output.task}
    item = {"item": True} if parameter.item else {}
    return {"name": parameter.name, **({"default": True} if parameter.has_default else {}), **output, **item}


def wait_out(wait: Wait) -> Json:
    """A wait, without its id, as plain JSON data. O(its size)."""
    given = {each.name: getattr(wait, each.name) for each in fields(Wait)}
    aside = {"id", "logical_date", "dataset", "partition"}
    kept = {each.name for each in fields(Wait) if given[each.name] != each.default} - aside
    out = settings_out({name: value for name, value in given.items() if name in kept})
    if wait.dataset is not None:
        out["dataset"] = wait.dataset.uri
    if wait.logical_date != "same":
        out["logical_date"] = _dates_out(wait.logical_date)
    if wait.partition != "same":
        out["partition"] = _partitions_out(wait.partition)
    return out


def _partitions_out(value: str | int | Call | tuple[str, ...] | None) -> Json:
    return list(value) if isinstance(value, tuple) else value if isinstance(value, str | None) else _dates_out(value)


def _dates_out(value: str | int | Call | tuple[int, ...]) -> Json:
    if isinstance(value, Call):
        return {"call": value.to_json()}
    if isinstance(value, tuple):
        return {"dates": [format_time(each) for each in value]}
    return {"earlier": value}


def dag_out(
    id: str, triggers: Mapping[str, Trigger], outlets: list[Json], settings: Mapping[str, object], tasks: list[Json]
) -> dict[str, Json]:  # fmt: skip
    """A DAG, with the uris of its outlets, its settings that are not the default, and its tasks. O(its size)."""
    found: dict[str, Json] = {"id": id}
    if triggers:
        found["on"] = {label: trigger.to_json() for label, trigger in triggers.items()}
    if outlets:
        found["outlets"] = outlets
    found.update(settings_out(settings))
    if tasks:
        found["tasks"] = tasks
    return found
