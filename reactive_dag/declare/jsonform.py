"""A graph as a JSON file (G5).

Owns the form. Invariant: what `graph_out` wrote, `fill` reads into an equal graph, and imports nothing: functions come
back as references by name, or as a digest beside their source; the parameters of a task are written too, so that a
loaded graph resolves and checks. Options at their default are left out. Whatever is not right is named with its place
in the data. All costs are O(graph).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from attrs import evolve

from reactive_dag.declare.dag import Dag, dag_at
from reactive_dag.declare.parameters import Output, Parameter
from reactive_dag.declare.settings.dag_settings import DAG_PARSERS, DagOptions
from reactive_dag.declare.settings.files import OutputFiles
from reactive_dag.declare.settings.looking import RESCHEDULE, Until
from reactive_dag.declare.settings.params import Params
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.settings.task_settings import TASK_PARSERS, TaskOptions
from reactive_dag.declare.task import AnyTask, loaded_task, until_task, wait_task
from reactive_dag.declare.wait import OF_DAGS, OF_DATASETS, WaitOptions, event_wait_of, wait_of
from reactive_dag.declare.wait_tasks import task_options
from reactive_dag.model.calendar import partitions_from_json
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import InvalidValue, ReactiveDagError
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.records import Json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen
from reactive_dag.model.times import parse_time
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import listed
from reactive_dag.triggers.leaves.dataset import Dataset

FORM = 1
"""The version of this form; a newer one is refused."""


class DeclareDataset(Protocol):
    """`graph.dataset`."""

    def __call__(self, uri: str, partitions: Partitions | None = None, metadata: Json = None) -> Dataset:
        """The dataset of that uri."""


# --------------------------------------------------------------------------------------------------- out


def graph_out(
    id: str, datasets: Mapping[str, Dataset], pools: Mapping[str, Pool], dags: Mapping[str, Dag]
) -> dict[str, Json]:
    """A graph as plain JSON data. O(graph)."""
    return {**head_out(id, datasets, pools), "dags": [dag.to_json() for dag in list(dags.values())]}


def head_out(id: str, datasets: Mapping[str, Dataset], pools: Mapping[str, Pool]) -> dict[str, Json]:
    """What of a graph is not its DAGs. O(datasets + pools)."""
    found = [each.to_json() for each in list(datasets.values())]
    shared = {"pools": [each.to_json() for each in list(pools.values())]} if pools else {}
    return {"reactive_dag": FORM, "id": id, "datasets": found, **shared}


def written(data: Json) -> str:
    """The text of the file. O(size)."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


# ---------------------------------------------------------------------------------------------------- in


def parsed_file(path: Path) -> Json:
    """The data of a file. O(size). Raises InvalidValue for one that is no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{path.name} is no JSON file: {error}") from None
    except RecursionError:
        raise InvalidValue(f"{path.name} is nested too deeply to be a graph that somebody saved") from None


def id_in(data: Json, place: str) -> str:
    """The id of the graph in `data`. O(1). Raises InvalidValue for data that is no graph of a form known here."""
    form = data.get("reactive_dag") if isinstance(data, dict) else None
    if type(form) is not int:
        raise InvalidValue(f'{place} is no saved graph: it must be an object with "reactive_dag": {FORM}')
    if form > FORM:
        raise InvalidValue(
            f"{place} has form {form}, and this version reads up to {FORM}; install a newer reactive_dag"
        )
    _only(data, ("reactive_dag", "id", "datasets", "pools", "dags"), place)
    return cast("str", data.get("id"))


def fill(
    data: Json, place: str, dataset: DeclareDataset, pool: Callable[[str, int], Pool], register: Callable[[Dag], Dag]
) -> None:
    """Declare what is in `data`. O(graph). Raises InvalidValue naming the place of what is not right."""
    for at, each in enumerate(_list(data.get("datasets", []), f"{place}: datasets")):
        where = f"{place}: datasets[{at}]"
        _only(each, ("uri", "partitions", "metadata"), where)
        partitions = each.get("partitions")
        try:
            found = None if partitions is None else partitions_from_json(partitions)
            dataset(each.get("uri"), found, each.get("metadata"))
        except ReactiveDagError as error:
            raise InvalidValue(f"{where}: {error}") from None
    for at, each in enumerate(_list(data.get("pools", []), f"{place}: pools")):
        where = f"{place}: pools[{at}]"
        _only(each, ("id", "slots"), where)
        try:
            pool(each.get("id"), each.get("slots"))
        except ReactiveDagError as error:
            raise InvalidValue(f"{where}: {error}") from None
    ids: set[Json] = set()
    for at, each in enumerate(_list(data.get("dags", []), f"{place}: dags")):
        where = f"{place}: dags[{at}]"
        _only(each, ("id", "on", "outlets", "tasks", "start", "end", *DAG_PARSERS), where)
        id = _text(each.get("id"), f"{where}.id")
        if id in ids:
            raise InvalidValue(f"{where}: DAG {id!r} is there twice; give one of them another id")
        ids.add(id)
        made = register(dag_at(where, id, _options_in(each, where, dataset)))
        _fill_tasks(made, each, where)


def _options_in(data: dict[str, Json], place: str, dataset: DeclareDataset) -> DagOptions:
    options: dict[str, Any] = {key: value for key, value in data.items() if key not in ("id", "on", "tasks")}
    if "on" in data:
        options["on"] = _triggers_in(dataset, data["on"], f"{place}.on")
    if "defaults" in data:
        options["defaults"] = _settings_in(data["defaults"], f"{place}.defaults")
    if isinstance(data.get("deadline"), dict):
        options["deadline"] = _trigger_in(dataset, data["deadline"], f"{place}.deadline")
    if "params" in data:
        options["params"] = _params_in(data["params"], f"{place}.params")
    return cast("DagOptions", options)


def _fill_tasks(made: Dag, data: dict[str, Json], place: str) -> None:
    for at, each in enumerate(_list(data.get("tasks", []), f"{place}.tasks")):
        task = _task_in(each, lambda: made.tz, f"{place}.tasks[{at}]")
        if task.id in made.tasks:
            raise InvalidValue(f"{place}.tasks[{at}]: task {task.id!r} is there twice; give one of them another id")
        made.add(task)


def _triggers_in(dataset: DeclareDataset, data: Json, place: str) -> Trigger | dict[str, Trigger]:
    if not isinstance(data, dict):
        raise InvalidValue(f"{place}: expected an object of triggers by name, not {seen(data)}")
    found: dict[str, Trigger] = {}
    for label, each in data.items():
        found[label] = _trigger_in(dataset, each, f"{place}[{label!r}]")
    return found[""] if list(found) == [""] else found


def _trigger_in(dataset: DeclareDataset, data: Json, place: str) -> Trigger:
    try:
        return Trigger.from_json(data, dataset)
    except InvalidValue as error:
        raise InvalidValue(f"{place}: {error}") from None


def _settings_in(data: Json, place: str) -> dict[str, Any]:
    _only(data, TASK_PARSERS, place)
    return {name: _save_in(value, place) if name == "save" else _call_in(value) for name, value in data.items()}


def _save_in(value: Json, place: str) -> OutputFiles | None:
    try:
        return None if value is None else OutputFiles.from_json(value)
    except InvalidValue as error:
        raise InvalidValue(f"{place}: {error}") from None


def _call_in(value: Json) -> Any:
    return Call.from_json(value["call"]) if isinstance(value, dict) and "call" in value else value


def _params_in(data: Json, place: str) -> Params:
    _only(data, ("names", "defaults", "type"), place)
    cls = None if data.get("type") is None else Call.from_json(data["type"])
    names = tuple(_text(each, f"{place}.names") for each in _list(data.get("names"), f"{place}.names"))
    return Params(names, data.get("defaults", {}), cls)


def _task_in(data: Json, tz: Callable[[], str], place: str) -> AnyTask:
    try:
        if isinstance(data, dict) and "wait" in data:
            return _wait_in(data, tz, place)
        _only(data, ("id", "fn", "parameters", "outlets", "after", "until", *TASK_PARSERS), place)
        given = {key: value for key, value in data.items() if key in TASK_PARSERS}
        others = {key: value for key, value in data.items() if key in ("outlets", "after")}
        options = cast("TaskOptions", {**others, **_settings_in(given, place)})
        parameters = [_parameter_in(each, place) for each in _list(data.get("parameters", []), f"{place}.parameters")]
        call = Call.from_json(data.get("fn"))
        made = loaded_task(_text(data.get("id"), f"{place}.id"), call, tuple(parameters), options, place)
        return until_task(made, _until_in(data["until"], f"{place}.until")) if "until" in data else made
    except InvalidValue as error:
        raise error if place in str(error) else InvalidValue(f"{place}: {error}") from None


def _until_in(data: Json, place: str) -> Until:
    _only(data, ("poll", "mode", "soft_fail"), place)
    return Until.of(data.get("poll"), data.get("mode", RESCHEDULE), data.get("soft_fail", False))


def _parameter_in(data: Json, place: str) -> Parameter:
    _only(data, ("name", "default", "output", "item"), f"{place}.parameters")
    output, item = data.get("output"), bool(data.get("item", False))
    name = _text(data.get("name"), f"{place}.parameters")
    return Parameter(name, bool(data.get("default", False)), None if output is None else Output(output), item)


def _wait_in(data: Json, tz: Callable[[], str], place: str) -> AnyTask:
    _only(data, ("id", "wait"), place)
    given = data["wait"]
    _only(given, ("dag", "dataset", "after", *OF_DAGS, *OF_DATASETS), f"{place}.wait")
    apart = ("dag", "dataset", "after", "logical_date", "partition")
    options = cast("WaitOptions", {key: _call_in(value) for key, value in given.items() if key not in apart})
    id, after = _text(data.get("id"), f"{place}.id"), tuple(_list(given.get("after", []), f"{place}.wait.after"))
    if "dataset" in given:
        dataset = Dataset(_text(given["dataset"], f"{place}.wait.dataset"))
        asked = given.get("partition", "same")
        if isinstance(asked, dict):
            asked, offset = "same", _offset_in(asked, f"{place}.wait.partition")
        else:
            offset = None
        found = event_wait_of(dataset, {**options, "partition": asked}, id=id, after=after)
        found = found if offset is None else evolve(found, partition=offset)
    else:
        found = wait_of(given.get("dag"), None, options, id=id, after=after, tz=tz)
        dates = given.get("logical_date", "same")
        if dates != "same":
            found = evolve(found, logical_date=_dates_in(dates, f"{place}.wait.logical_date"))
    return wait_task(found, place, task_options(options, f"{place}.wait"))


def _offset_in(data: Json, place: str) -> int | Call:
    """What a partition is worked out from. Raises InvalidValue."""
    found = _dates_in(data, place)
    if isinstance(found, tuple):
        raise InvalidValue(f'{place}: {seen(data)} is none of "same", a text, texts, {{"earlier": ns}}, {{"call": …}}')
    return found


def _dates_in(data: Json, place: str) -> int | Call | tuple[int, ...]:
    match data:
        case {"call": form}:
            return Call.from_json(form)
        case {"earlier": int(offset)}:
            return offset
        case {"dates": [*dates]} if dates:
            return tuple(sorted({parse_time(each) for each in dates}))
    raise InvalidValue(
        f'{place}: {seen(data)} is none of "same", {{"earlier": ns}}, {{"dates": [...]}}, {{"call": ...}}'
    )


def _only(data: Json, known: Iterable[str], place: str) -> None:
    if not isinstance(data, dict):
        raise InvalidValue(f"{place}: expected an object, not {seen(data)}")
    for key in data:
        if key not in known:
            raise InvalidValue(f"{place}: there is no {seen(key)}{did_you_mean(key, known)}; known are {listed(known)}")


def _list(data: Json, place: str) -> list[Json]:
    if not isinstance(data, list):
        raise InvalidValue(f"{place}: expected a list, not {seen(data)}")
    return data


def _text(data: Json, place: str) -> str:
    if not isinstance(data, str):
        raise InvalidValue(f"{place}: expected text, not {seen(data)}")
    return data
