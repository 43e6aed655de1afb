"""What a scenario is given, judged where it is written, as the engine that plays it would.

Owns no state. What depends on what has happened until then (whether there is such a run) the engine judges when the
scenario is played, and says at which place of it. O(fields).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date as date_type
from inspect import signature
from typing import Any

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import params_of, sources_of
from reactive_dag.declare.parameters import TaskLike
from reactive_dag.declare.settings.parsers import limit, only_known
from reactive_dag.declare.wait import mapped_task
from reactive_dag.engine.deciding.backfill_turns import runs_of, turns_lacking, turns_within
from reactive_dag.engine.engine import Engine
from reactive_dag.engine.facts.event_fields import VALIDATORS, partition_of_date
from reactive_dag.engine.facts.start import check_partition, check_said
from reactive_dag.engine.runs.logical_dates import calendar_of_outlets, partitions_of
from reactive_dag.engine.table.marks import GIVEN_STATES
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.payload import plain
from reactive_dag.model.scalars import own
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_in
from reactive_dag.model.times import parse_date
from reactive_dag.triggers.checks import choice_of, id_of
from reactive_dag.triggers.leaves.dataset import Dataset, Updated
from reactive_dag.triggers.leaves.schedule import Scheduled

Fields = Mapping[str, Any]


def judge_names(verb: Callable[..., object], fields: Fields) -> None:
    """Refuse fields that a verb of the engine does not take. Raises UnknownOption."""
    known = [*signature(verb).parameters][2:]  # behind `self`, and what it is about
    only_known(fields, known, f"{verb.__name__}()")


def judge_publish(dataset: Dataset, fields: Fields, tick: int | None = None) -> None:
    """Judge an event that is to be published; `tick` is its date where it says none. Raises InvalidValue."""
    judge_names(Engine.publish, fields)
    found = {name: VALIDATORS[name](dataset, value) for name, value in fields.items() if value is not None}
    if dataset.partitions is not None and "partition" not in found:
        partition_of_date(dataset, dataset.partitions, found.get("logical_date", tick))


def judge_start(graph: Graph, dag: Dag, fields: Fields, tick: int | None = None) -> None:
    """Judge a start by hand; `tick` is its date where it says none. Raises UnknownId, InvalidValue."""
    judge_names(Engine.start, fields)
    date, params, where = fields.get("logical_date"), fields.get("params"), f"start({dag.id!r})"
    is_now = isinstance(date, str) and exact(date) == "now"
    place = fields.get("partition")
    which_run(dag, None if isinstance(own(place), date_type) else place, None if is_now else date)
    plain(fields.get("payload"), f"{where}: payload")
    known = params_of(dag)
    given = {} if params is None else plain(known.of_object(params), f"{where}: params")
    if not isinstance(given, Mapping):
        raise InvalidValue(f"{where}: params={seen(params)} must be a dict of the DAG's params")
    known.merged(given, where)
    if place is None:
        when = 0 if is_now else tick if date is None else parse_date(date, dag.tz)
        check_said(dag, when, calendar_of_outlets(dag), where)
    elif isinstance(own(place), str):
        check_partition(str(place), partitions_of(dag, graph), where)


def which_run(dag: Dag, partition: object, date: object) -> dict[str, object]:
    """What says which run of a DAG is meant: its partition, its date, or none of them. Raises InvalidValue."""
    found: dict[str, object] = {} if partition is None else {"partition": text_in(partition, "partition")}
    if date is not None:
        parse_date(date, dag.tz)  # type: ignore[arg-type]
        found["logical_date"] = date
    return found


def judge_mark(dag: Dag, task: object, state: object, reason: object) -> None:
    """Judge a mark by hand. Raises UnknownId, InvalidValue."""
    choice_of(state, GIVEN_STATES, "mark(): the state")
    text_in(reason, "mark(): the reason")
    if task is not None:
        _judge_task(dag, task, "mark()")


def judge_rerun(dag: Dag, options: Fields) -> None:
    """Judge another round. Raises UnknownId, InvalidValue."""
    judge_names(Engine.rerun, options)
    tasks = options.get("tasks")
    if options.get("only") is not None:
        choice_of(options["only"], ("failed",), "rerun(): only")
    if tasks is not None and not isinstance(tasks, str):
        for task in tasks:
            _judge_task(dag, task, "rerun(tasks=)")


def judge_backfill(graph: Graph, dag: Dag, fields: Fields, now: int) -> None:
    """Judge a backfill that is asked for at an instant. O(its dates). Raises InvalidValue, UsageError."""
    judge_names(Engine.backfill, fields)
    where, (start, end, only) = f"backfill({dag.id!r})", (fields.get(name) for name in ("start", "end", "only"))
    limit(fields.get("max_active_runs"), f"{where}: max_active_runs")
    if only is not None:
        choice_of(only, ("missing",), f"{where}: only")
    if (start, end, only) == (None, None, "missing"):
        divided = [each.partitions for each in dag.produces if each.partitions is not None]
        turns_lacking(dag, [(of, ()) for of in divided], now, runs_of(dag, graph), where)
    else:
        turns_within(dag, start, end, now, runs_of(dag, graph), where)


def judge_failing(graph: Graph, dag: Dag, partition: str) -> None:
    """Judge of which partition the runs are that are to fail. Raises InvalidValue for one that no run can have."""
    told = [source for source in sources_of(dag) if not isinstance(source, Scheduled)]
    if all(isinstance(each, Updated) and graph.datasets[each.dataset.uri].partitions is not None for each in told):
        check_partition(partition, partitions_of(dag, graph), f"fails(): {dag.id!r}")


def error_of(given: object) -> BaseException:
    """What a task raises that fails: an error as it is, a text in one. Raises InvalidValue for anything else."""
    if isinstance(given, BaseException):
        return given
    if given is not None and not isinstance(given, str):
        raise InvalidValue(f"fails(error=) must be an error such as OSError('no disk'), or its text, not {seen(given)}")
    return RuntimeError(given or "fails, as the scenario says")


def _judge_task(dag: Dag, task: TaskLike[Any] | object, what: str) -> None:
    name = id_of(task, f"{what}: a task")
    if mapped_task(name)[0] not in dag.tasks:
        raise UnknownId(f"{what}: DAG {dag.id!r} has no task {name!r}{did_you_mean(name, dag.tasks)}")
