"""`Run`: one run as people see it, whatever its state. It reads its host when asked and holds nothing itself.

Each property costs a look-up of the run's row: O(tasks).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator, Mapping
from datetime import date, datetime
from functools import cached_property, partial
from typing import Any, TypeVar

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import params_of
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.data_interval import DataInterval
from reactive_dag.engine.inspect.task_views import Attempt, TaskView, TaskViews
from reactive_dag.engine.outputs.references import load_of, outputs_of, value_of_row
from reactive_dag.engine.runs.history_rows import REPLACED
from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.model import pictures
from reactive_dag.model.errors import UsageError
from reactive_dag.model.event import Event
from reactive_dag.model.partitions.given import GivenPartition
from reactive_dag.model.payload import StaysHere, copied, plain_form
from reactive_dag.model.records import FINAL_RUN_STATES, Item, Json, RunFinished, TaskFinished
from reactive_dag.model.text import MOST_NAMES, first_of, one_line
from reactive_dag.model.times import NEVER, GivenDuration, GivenTime, to_datetime, zone
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.triggers.machine.rollups import missing_of

T = TypeVar("T")
UNDER_WAY = ("running", "waiting")
"""States of an attempt that has not ended: its row says when it began twice."""


class Run(StaysHere):
    """One run of a DAG. Two are equal when they are the same run of the same engine's log."""

    _instead = "pickle its .key or .to_json()"

    def __init__(self, host: Host, offset: int) -> None:
        self._host = host
        self._offset = offset

    @property
    def _row(self) -> RunRow:
        return self._host.head(self._offset)

    @property
    def key(self) -> str:
        """The run's key: a hash of what caused it (I4)."""
        return self._row.key

    @property
    def dag(self) -> str:
        """The DAG's id."""
        return self._row.dag

    @property
    def label(self) -> str:
        """The name of the trigger that fired, where `on=` names several; else ""."""
        return self._row.label

    @property
    def state(self) -> str:
        """`queued` `running` `success` `failed` `cancelled` `skipped`."""
        return self._row.state

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled; inside a body, whether that happened meanwhile (R5)."""
        return self.state == "cancelled"

    @property
    def error(self) -> str | None:
        """What failed first, with the task's id; of a run that ended before its time, why."""
        return self._row.error

    @property
    def replaced_by(self) -> str | None:
        """The key of the run that took its place under `overlap="replace"` (R6)."""
        error = self._row.error if self.state == "cancelled" else None
        return error.removeprefix(REPLACED) if error and error.startswith(REPLACED) else None

    @property
    def round(self) -> int:
        """Which round of the run this is; the first is 1."""
        return self._row.round

    @property
    def logical_date(self) -> datetime | None:
        """The date that the run stands for, in UTC (R1)."""
        return _time(self._row.logical_date)

    @property
    def local_date(self) -> date | None:
        """The logical date's day in the DAG's zone."""
        value = self._row.logical_date
        dag = self._host.graph.dags.get(self.dag)
        return None if value is None else to_datetime(value).astimezone(zone((dag and dag.tz) or "UTC")).date()

    @property
    def partition(self) -> str | None:
        """The partition on which all causes agree (R1)."""
        return self._row.partition

    @property
    def dimensions(self) -> dict[str, str]:
        """What the partition has in each dimension, by name, as in `{"day": "2026-11-23", "region": "eu"}` (T19)."""
        return self._host.dimensions(self._offset)

    @property
    def partitions(self) -> list[str]:
        """All partitions among the causes but those that only ride along, each once, in order of delivery."""
        events = map(self._host.event, self._host.request(self._offset).driving)
        return list(dict.fromkeys(event.partition for event in events if event.partition is not None))

    @property
    def missing(self) -> list[str]:
        """Of a run that a rollup fired: the finer partitions that were not there (T18)."""
        rollup = self._host.request(self._offset).rollup
        if rollup is None or not rollup.lacking:
            return []
        return missing_of(rollup, self._host.record(rollup.definition))

    @property
    def correction(self) -> bool:
        """Whether a rollup fired it for what came after its period had fired (T18)."""
        rollup = self._host.request(self._offset).rollup
        return rollup is not None and rollup.correction

    @property
    def requested(self) -> datetime | None:
        """When the run was requested."""
        return _time(self._row.requested)

    @property
    def started(self) -> datetime | None:
        """When it began."""
        return _time(self._row.started)

    @property
    def ended(self) -> datetime | None:
        """When it ended."""
        return _time(self._row.ended)

    @property
    def deadline(self) -> datetime | None:
        """By when it is to have succeeded, if its DAG has a deadline (R13)."""
        about = self._host.request(self._offset).deadline
        return None if about is None or about.due >= NEVER else to_datetime(about.due)

    def to_json(self) -> dict[str, object]:
        """Plain data, without its tasks: each of those has its own. O(1)."""
        return {
            "dag": self.dag, "state": self.state, "logical_date": plain_form(self.logical_date),
            "partition": self.partition, "requested": plain_form(self.requested), "started": plain_form(self.started),
            "ended": plain_form(self.ended), "key": self.key, "round": self.round, "error": self.error,
            **self._rollup_json(),
        }  # fmt: skip

    def _rollup_json(self) -> dict[str, object]:
        """Of a run that a rollup fired, in short: it can lack thousands of partitions."""
        if self._host.request(self._offset).rollup is None:
            return {}
        missing = self.missing
        return {"correction": self.correction, "missing": {"count": len(missing), "first": missing[:MOST_NAMES]}}

    @property
    def tasks(self) -> TaskViews:
        """How each task stands; one that has not been touched yet is not among them: by its id it is "none"."""
        row, dag = self._host.row(self._offset), self.dag
        before: dict[str, dict[int, TaskRow]] = {}  # by round: an instance that was kept stands in later rounds, too
        for then in row.earlier:
            for task in then.tasks:
                for each in (task, *(task.instances or ())):
                    before.setdefault(each.task, {}).setdefault(each.round, each)
        declared = self._host.graph.dags.get(dag)
        views = {task.task: self._view((dag, row.key), task, before) for task in row.tasks}
        return TaskViews(views, f"run {row.key[:8]} of {dag!r}", () if declared is None else declared.tasks)

    def _view(self, run: tuple[str, str], row: TaskRow, before: Mapping[str, Mapping[int, TaskRow]]) -> TaskView:
        """A task of a run (DAG and key) as it stands, behind its attempts of rounds `before`. O(attempts)."""
        text, key, dag = self._host.log_text, f"{run[1]}/{row.task}", run[0]
        earlier = [then for round, then in before.get(row.task, {}).items() if round != row.round]
        attempts = [
            Attempt(
                *(n, state, _time(began), None if state in UNDER_WAY else _time(ended), error, then.round),
                log_text=partial(text, f"{key}/{then.round}.{n}"),
            )
            for then in (*earlier, row)
            for n, began, ended, state, error in then.attempts
        ]
        instances = [self._view(run, each, before) for each in row.instances or ()]
        read = partial(value_of_row, load_of(self._host.graph, dag, row.task), dag, row) if row.any_saved else None
        return TaskView(row.task, row.state, attempts, row.given, row.error, read, instances)

    @property
    def _causes(self) -> tuple[Item, ...]:
        """The items that the firing consumed, in order of delivery."""
        return self._host.causes(self._offset)

    @property
    def events(self) -> list[Event]:
        """Every event that caused this run, none lost (T13). O(causes)."""
        return [self._host.event(cause) for cause in self._causes]

    @property
    def payload(self) -> Json:
        """What `.map` or the start gave, else the event of a leaf, else the list of a composite's events (T13)."""
        request = self._host.request(self._offset)
        if request.mapped:
            return copied(request.payload)
        events = self.events
        dag = self._host.graph.dags.get(request.dag)
        trigger = None if dag is None or events[0].kind == "start" else dag.triggers.get(request.label)
        many = len(events) > 1 or (trigger is not None and trigger.payload_is_list)
        return events if many else events[0]

    @property
    def params(self) -> Any:
        """The DAG's params, with what the start gave: a dict, or an object of the class that the DAG types them by."""
        given = copied(self._host.params(self._offset))
        dag = self._host.graph.dags.get(self.dag)
        return given if dag is None else params_of(dag).typed(given)

    @cached_property
    def results(self) -> dict[str, Mapping[str, Any]]:
        """The outputs of the newest run of each DAG among the causes: by DAG, then by task (R1). O(causes).

        One that is in a file is read each time that it is asked for (R21).
        """
        found: dict[str, Mapping[str, Any]] = {}
        for cause in self._causes:
            fact = self._host.record(cause) if isinstance(cause, int) else None
            if isinstance(fact, RunFinished):
                rows = [row for row in self._host.row(fact.run).tasks if row.state == "success"]
                found[fact.dag] = outputs_of(self._host.graph, fact.dag, rows)
            elif isinstance(fact, TaskFinished):
                dag = self._host.run_of(fact.run).dag
                found[dag] = outputs_of(self._host.graph, dag, [self._row_of(fact)])
        return found

    def _row_of(self, done: TaskFinished) -> TaskRow:
        """How a task ended, as a row: the success of a mapped one does not hold what its instances gave."""
        if not done.attempt:
            rows = self._host.row(done.run).tasks
            if (found := next((row for row in rows if row.task == done.task), None)) is not None:
                return found
        return TaskRow(done.task, done.state, (), done.output, None, done.saved)

    @property
    def data_interval(self) -> DataInterval:
        """The partition's span, else from the schedule's own tick before to this one (R1)."""
        start, end = self._host.interval(self._offset)
        return DataInterval(_time(start), _time(end))

    @property
    def previous(self) -> Run | None:
        """The newest run of the same DAG with a lower logical date (for an undated run: requested before it)."""
        found = self._host.previous(self._offset)
        return None if found is None else Run(self._host, found)

    # ------------------------------------------------------------------------------ only inside a body

    attempt: int
    """Which attempt of the task this is, from 1: inside a task's body."""

    def publish(
        self, dataset: Dataset | str, *, partition: GivenPartition | None = None, logical_date: GivenTime | None = None,
        time: GivenTime | None = None, kind: str = "updated", extra: object = None, key: str | None = None,
    ) -> None:  # fmt: skip
        """Say that a dataset changed: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("publish", "engine.publish(...) publishes from outside")

    def unchanged(self, dataset: Dataset | str) -> None:
        """Say that an outlet did not change: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("unchanged", "it speaks of one attempt's outlets")

    def start(
        self, dag: Dag | str, *, params: object = None, payload: object = None, logical_date: GivenTime | None = None,
        partition: GivenPartition | None = None, key: str | None = None,
    ) -> Run:  # fmt: skip
        """Start a run of another DAG: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("start", "engine.start(...) starts one from outside")

    def once(self, name: str, fn: Callable[..., T]) -> T:
        """Do something once for this run and task: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("once", "engine.once(key, fn) is the graph-wide one")

    def get(self, name: str, default: Any = None) -> Any:
        """What a value shared by DAGs holds: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("get", "engine.get(name) reads it")

    def set(self, name: str, value: object, *, ttl: GivenDuration | None = None) -> None:
        """Set a value shared by DAGs: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("set", "engine.set(name, value) sets it")

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the run: inside a task's body. Raises UsageError elsewhere."""
        raise _outside("log", "use a logger of your own")

    # ---------------------------------------------------------------------------------------------- wait

    def wait(self, timeout: GivenDuration | float | None = None) -> Run:
        """Wait until the run has ended, driving the engine if nothing else does. Raises NotIdle after `timeout`."""
        self._host.wait_for_run(self._offset, timeout)
        return self

    def __await__(self) -> Generator[object, None, Run]:
        return asyncio.to_thread(self.wait).__await__()

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.state in FINAL_RUN_STATES

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (other._host, other._offset) == (self._host, self._offset)

    def __hash__(self) -> int:
        return hash(self._offset)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Run", self)

    def __repr__(self) -> str:
        if self._host.closed or self._host.failed:
            return f"<Run of a {'closed' if self._host.closed else 'failed'} engine>"
        row = self._row
        when = "" if row.logical_date is None else f" {to_datetime(row.logical_date):%Y-%m-%dT%H:%MZ}"
        error = f": {one_line(row.error.splitlines()[0])}" if row.error else ""
        about = "".join([f", {one_line(text)}" for text in (rollup_text(self),) if text])
        return f"<Run {row.dag}{when} {row.state} {row.key[:8]}{error}{about}>"


def rollup_text(run: Run) -> str:
    """Of a run that a rollup fired: whether it is a correction, and without what it ran; "" if neither (T18)."""
    missing = run.missing
    without = [f"without {len(missing)}: {first_of(missing)}"] if missing else []
    return ", ".join([*(["correction"] if run.correction else []), *without])


def _outside(what: str, instead: str) -> UsageError:
    return UsageError(f"run.{what} belongs into a task's body; {instead}")


def _time(value: int | None) -> datetime | None:
    return None if value is None else to_datetime(value)
