"""The estate format: what a file of it holds, and what is refused.

Owns the form (msgspec structs, one to a kind of entry) and `EstateFacts`, the same with its names looked up. Invariant:
facts that exist are right, so nothing is built of a file that is not; whatever is wrong is named with its place in the
file (`estate.json: dags[3].schedule: ...`). Cost: O(size), some 10 ms for 157 DAGs and 874 tasks.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, TypeAlias

import msgspec
from attrs import field, frozen

from reactive_dag.declare.settings.parsers import valid_name
from reactive_dag.declare.task import task_id
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Json
from reactive_dag.model.schedule import Schedule, from_word
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.times import parse_time
from reactive_dag.whatif.question.names import TaskName

_AGE = 3_000_000_000  # seconds, 95 years: what a duration may be
RetryCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
DelaySeconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_AGE)]
DeltaSeconds: TypeAlias = Annotated[int, msgspec.Meta(ge=-_AGE, le=_AGE)]
OffsetDays: TypeAlias = Annotated[int, msgspec.Meta(ge=-36_500, le=36_500)]

BY_HAND = "once"
"""The schedule of a DAG that is started by hand."""


class DagForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A DAG: `schedule` is five-field cron, a word (`once`, `hourly`, `daily`, `monthly`) or an interval (`3h`)."""

    id: str
    schedule: str
    start_date: str | None = None
    retries: RetryCount = 0
    retry_delay_s: DelaySeconds | None = None
    catchup: bool = False
    tags: tuple[str, ...] = ()


class TaskForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A task, with the tables that it writes and reads."""

    dag: str
    id: str
    produces: tuple[str, ...]
    consumes: tuple[str, ...]
    depends_on_past: bool = False
    partition_offset_days: OffsetDays = 0


class WaitForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A declared wait: `task` of `dag` awaits the other one at its own date, so many seconds earlier."""

    dag: str
    task: str
    external_dag: str
    external_task: str
    execution_delta_s: DeltaSeconds = 0


class EstateForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file; `source` says where the facts are from."""

    dags: tuple[DagForm, ...]
    tasks: tuple[TaskForm, ...]
    waits: tuple[WaitForm, ...] = ()
    external_datasets: tuple[str, ...] = ()
    source: dict[str, str] = {}


_ENTRIES = {"dags": DagForm, "tasks": TaskForm, "waits": WaitForm, "": EstateForm}


@frozen
class EstateFacts:
    """An estate with its names looked up: entries by number, schedules parsed.

    `producers` are the tasks by the table they write, `outside` the external datasets with the tasks that read each.
    """

    form: EstateForm
    place: str
    dags: dict[str, int] = field(factory=dict)
    tasks: dict[TaskName, int] = field(factory=dict)
    producers: dict[str, TaskName] = field(factory=dict)
    schedules: dict[str, Schedule | None] = field(factory=dict)
    outside: dict[str, list[str]] = field(factory=dict)

    def at(self, kind: str, number: int, rest: str = "") -> str:
        """The place of an entry, as messages name it. O(1)."""
        return f"{self.place}: {kind}[{number}]{rest}"


# ------------------------------------------------------------------------------------------------ reading


def read_bytes(data: bytes, place: str) -> EstateFacts:
    """The facts in a file's bytes. O(size). Raises InvalidValue for what is no estate, naming the place."""
    try:
        return checked(msgspec.json.decode(data, type=EstateForm), place)
    except msgspec.ValidationError as error:
        raise _explained(error, _plain(data, place), place) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        _plain(data, place)
        raise InvalidValue(f"{place} is no JSON file: {error}") from None


def read_data(data: object, place: str) -> EstateFacts:
    """The facts in plain JSON data. O(size). Raises InvalidValue for what is no estate, naming the place.

    >>> read_data({"dags": [{"id": "etl", "schedule": "0 99 * * *"}], "tasks": []}, "estate")
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: estate: dags[0].schedule: ...
    """
    try:
        return checked(msgspec.convert(data, EstateForm), place)
    except msgspec.ValidationError as error:
        raise _explained(error, data, place) from None


def _plain(data: bytes, place: str) -> Json:
    """Read again, to show what is there; Python's own reader tells the line where a file breaks off."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"{place} is no JSON file: {error}") from None


def _explained(error: msgspec.ValidationError, data: Json, place: str) -> InvalidValue:
    """The error with its place in our words, and what stands there."""
    text, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`").lstrip(".")
    where = f"{place}: {path}" if path else place
    unknown = re.search(r"unknown field `(.*)`", text)
    if unknown:
        known = _ENTRIES[path.partition("[")[0]].__struct_fields__
        hint = did_you_mean(unknown[1], known) or f"; known are {', '.join(known)}"
        return InvalidValue(f"{where}: there is no {unknown[1]!r} in an estate{hint}")
    missing = re.search(r"missing required field `(.*)`", text)
    if missing:
        return InvalidValue(f"{where}: {missing[1]!r} is missing; it stands there: {_short(_found(data, path))}")
    return InvalidValue(f"{where}: {text[0].lower()}{text[1:]}; it stands there: {_short(_found(data, path))}")


def _found(data: Json, path: str) -> Json:
    for key, number in re.findall(r"(\w+)|\[(\d+)\]", path):
        data = data[key] if key and not number else data[int(number)]
    return data


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


# ------------------------------------------------------------------------------------------------ checking


def checked(form: EstateForm, place: str) -> EstateFacts:
    """The form with its names looked up. O(size). Raises InvalidValue, naming the place of what is not right."""
    facts = EstateFacts(form, place)
    for number, dag in enumerate(form.dags):
        _dag(facts, number, dag)
    for number, task in enumerate(form.tasks):
        _task(facts, number, task)
    _external(facts)
    for number, task in enumerate(form.tasks):
        _consumes(facts, number, task)
    for number, wait in enumerate(form.waits):
        _wait(facts, number, wait)
    return facts


def _dag(facts: EstateFacts, number: int, dag: DagForm) -> None:
    before = facts.dags.setdefault(dag.id, number)
    if before != number:
        raise _twice(facts.at("dags", number, ".id"), f"DAG {dag.id!r}", facts.at("dags", before))
    try:
        rest = ".id"
        _dag_id(dag.id)
        rest = ".schedule"
        facts.schedules[dag.id] = None if dag.schedule == BY_HAND else from_word(dag.schedule)
        rest = ".start_date"
        if dag.start_date is not None:
            parse_time(dag.start_date, "UTC", what="the start")
        for at, tag in enumerate(dag.tags):
            rest = f".tags[{at}]"
            valid_name(tag, "a tag")
    except InvalidValue as error:
        raise InvalidValue(f"{facts.at('dags', number, rest)}: {error}") from None


def _dag_id(id: str) -> None:
    if valid_name(id, "the id of a DAG") == "*":
        raise InvalidValue("'*' stands for every DAG; choose another id")


def _task(facts: EstateFacts, number: int, task: TaskForm) -> None:
    if task.dag not in facts.dags:
        raise _unknown(facts.at("tasks", number, ".dag"), f"DAG {task.dag!r}", did_you_mean(task.dag, facts.dags))
    key = (task.dag, task.id)
    before = facts.tasks.setdefault(key, number)
    if before != number:
        what = f"task {task.id!r} of DAG {task.dag!r}"
        raise _twice(facts.at("tasks", number, ".id"), what, facts.at("tasks", before))
    try:
        task_id(_task, task.id)  # any function: the id is given
    except InvalidValue as error:
        raise InvalidValue(f"{facts.at('tasks', number, '.id')}: {error}") from None
    for at, table in enumerate(task.produces):
        where = facts.at("tasks", number, f".produces[{at}]")
        other = facts.producers.setdefault(_table(table, where), key)
        if other != key or table in task.produces[:at]:
            raise InvalidValue(
                f"{where}: table {table!r} is produced by {'.'.join(other)!r} already "
                f"({facts.at('tasks', facts.tasks[other])}); a table has one producer"
            )


def _external(facts: EstateFacts) -> None:
    for at, table in enumerate(facts.form.external_datasets):
        where = facts.at("external_datasets", at)
        if _table(table, where) in facts.outside:
            before = facts.at("external_datasets", facts.form.external_datasets.index(table))
            raise _twice(where, f"dataset {table!r}", before)
        facts.outside[table] = []
        maker = facts.producers.get(table)
        if maker is not None:
            raise InvalidValue(
                f"{where}: {table!r} comes from outside, and {'.'.join(maker)!r} produces it "
                f"({facts.at('tasks', facts.tasks[maker])}); take it out of one"
            )


def _consumes(facts: EstateFacts, number: int, task: TaskForm) -> None:
    for at, table in enumerate(task.consumes):
        readers = facts.outside.get(table)
        if readers is not None:
            readers.append(f"{task.dag}.{task.id}")
        elif table not in facts.producers:
            hint = did_you_mean(table, [*facts.producers, *facts.outside]) or "; if it is from outside, name it there"
            raise InvalidValue(
                f"{facts.at('tasks', number, f'.consumes[{at}]')}: no task produces table {table!r}, and it is not "
                f"among external_datasets{hint}"
            )


def _wait(facts: EstateFacts, number: int, wait: WaitForm) -> None:
    if wait.dag not in facts.dags:
        raise _unknown(facts.at("waits", number, ".dag"), f"DAG {wait.dag!r}", did_you_mean(wait.dag, facts.dags))
    if (wait.dag, wait.task) not in facts.tasks:
        own = [task for dag, task in facts.tasks if dag == wait.dag]
        what = f"task {wait.task!r} in DAG {wait.dag!r}"
        raise _unknown(facts.at("waits", number, ".task"), what, did_you_mean(wait.task, own))


def _table(table: str, where: str) -> str:
    try:
        return valid_name(table, "the name of a table")
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


def _twice(where: str, what: str, before: str) -> InvalidValue:
    return InvalidValue(f"{where}: {what} is there already ({before}); give one of them another name")


def _unknown(where: str, what: str, hint: str) -> InvalidValue:
    return InvalidValue(f"{where}: this estate has no {what}{hint or '; declare it or mend its name'}")
