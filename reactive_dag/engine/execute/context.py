"""The run's context: what the body of an attempt may ask and do (semantics R3, R5, X2).

Invariant: nothing that a body publishes is recorded before its attempt has succeeded, and then all of it is, in one
commit. Each call costs O(1) besides its payload.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.task import AnyTask
from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.engine.execute.once import OnceCalls
from reactive_dag.engine.execute.run_log import RunLog
from reactive_dag.engine.facts.event_fields import check_key, check_kind, check_partition
from reactive_dag.engine.facts.start import StartedBy, StartFields
from reactive_dag.engine.facts.values import given_value, value_name
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.errors import UndeclaredOutlet
from reactive_dag.model.partitions.given import GivenPartition
from reactive_dag.model.payload import copied, plain
from reactive_dag.model.records import UNCHANGED, GivenValue, OutletEvent
from reactive_dag.model.text import exact, seen, text_at
from reactive_dag.model.times import GivenDuration, GivenTime, parse_date, parse_time, to_datetime
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.keys import JoinKey, KeySpec
from reactive_dag.triggers.leaves.dataset import Dataset

T = TypeVar("T")
StartChild = Callable[["Dag | str", StartFields, StartedBy], int]
"""Starts a run from a body: the DAG, what was given, and who starts it."""
BRIEFING = (
    "key", "dag", "task", "attempt", "round", "label", "requested", "started", "logical_date", "local_date",
    "data_interval", "partition", "partitions", "dimensions", "missing", "correction", "group", "events", "payload",
    "params", "results",
)  # fmt: skip
"""What a run shows that stays as it is while a body executes."""


class OutletEvents:
    """What a body published to its task's outlets, kept until the attempt has succeeded."""

    def __init__(self, task: AnyTask) -> None:
        self.outlets = task.outlets
        self.mapped = task.map_over is not None
        self.said: list[OutletEvent] = []
        self.unchanged: set[str] = set()

    def to_record(self) -> list[OutletEvent] | None:
        """What the success of this attempt records: the calls, and one automatic event for each outlet without one."""
        if not self.said and not self.unchanged:
            return None
        about = {event.dataset for event in self.said} | self.unchanged
        if self.mapped:  # the mapped task publishes, for all its instances (R3)
            heard = {event.dataset for event in self.said}
            return [*self.said, *(OutletEvent(id, kind=UNCHANGED) for id in sorted(self.unchanged - heard))]
        return [*self.said, *(OutletEvent(outlet.id) for outlet in self.outlets if outlet.id not in about)]


class RunContext(Run):
    """One attempt of one task, as its body sees it: the run, and what may be done in its name."""

    def __init__(
        self, host: Host, assignment: Assignment, once_calls: OnceCalls, outlet_events: OutletEvents | None,
        values: dict[str, GivenValue], start_child: StartChild,
    ) -> None:  # fmt: skip
        """`values` takes what the body sets (R22)."""
        super().__init__(host, assignment.run.run)
        self._assignment = assignment
        self._task = assignment.task
        self.attempt = assignment.attempt
        self._once_calls = once_calls
        self._outlet_events = outlet_events
        self._values = values
        self._start_child = start_child
        self._children: dict[str, int] = {}

    @property
    def task(self) -> str:
        """The task's id."""
        return self._assignment.arrays.ids[self._assignment.index]

    @property
    def cancelled(self) -> bool:
        """Whether the run was cancelled meanwhile: nothing that this body still does counts (R5)."""
        return self._assignment.stopped

    @property
    def group(self) -> Any:
        """The key under which the trigger joined its items: a tuple where it has several names; None without one.

        Dates are aware datetimes, as those of events.
        """
        request = self._host.request(self._offset)
        if not request.group:
            return None
        graph = self._host.graph
        found = graph.effective(request.dag).get(request.label) if request.dag in graph.dags else None
        names = [] if found is None else _keys_of(found)
        dated = [name == "logical_date" or isinstance(name, JoinKey) for name in names]
        dated += [False] * (len(request.group) - len(dated))
        key = tuple(to_datetime(v) if of and isinstance(v, int) else v for v, of in zip(request.group, dated))
        return key[0] if len(key) == 1 else key

    @property
    def log(self) -> RunLog:
        """A logger that names the run, `reactive_dag.run`; the attempt keeps what is logged (R20)."""
        about = {"dag": self.dag, "task": self.task, "run": self.key, "attempt": self.attempt}
        return RunLog(about, self._assignment.write_line)

    def publish(
        self, dataset: Dataset | str, *, partition: GivenPartition | None = None, logical_date: GivenTime | None = None,
        time: GivenTime | None = None, kind: str = "updated", extra: object = None, key: str | None = None,
    ) -> None:  # fmt: skip
        """Say that a dataset changed: recorded in the commit of this task's success, once for each call (R3).

        Raises UndeclaredOutlet for a dataset that is not among the task's outlets, InvalidValue for a wrong field.
        """
        declared = self._outlet(dataset)
        where = f"run.publish({declared.id!r}) in {self.dag}.{self.task}"
        place, sort = check_partition(declared, partition, where), check_kind(kind, where)
        calendar = None if declared.partitions is None else declared.partitions.calendar
        tz = None if calendar is None else calendar.tz
        date = None if logical_date is None else parse_date(logical_date, tz)
        when = None if time is None else parse_time(time, tz, what="time")
        told = None if extra is None else plain(extra, f"{where}: extra")
        said = OutletEvent(declared.id, place, date, told, sort, check_key(key, where), when)
        assert self._outlet_events is not None  # the dataset is an outlet, so the task has some
        self._outlet_events.said.append(said)

    def unchanged(self, dataset: Dataset | str) -> None:
        """Say that an outlet did not change: no automatic event for it. Raises UndeclaredOutlet."""
        declared = self._outlet(dataset)
        assert self._outlet_events is not None
        self._outlet_events.unchanged.add(declared.id)

    def start(
        self, dag: Dag | str, *, params: object = None, payload: object = None, logical_date: GivenTime | None = None,
        partition: GivenPartition | None = None, key: str | None = None,
    ) -> Run:  # fmt: skip
        """Ask for a run of another DAG, at once: `.wait()` for it gives the worker and the pool's slots back (R3).

        It has this run's date, partition and cascade unless told. Without a key it is the n-th of that DAG that this
        task starts, so a retry, a restart and a later round get the same run. Raises as `engine.start`.
        """
        begun, task = self._assignment.run.started, self._assignment.arrays.ids[self._assignment.index]
        given = StartFields(params, payload, logical_date, partition, key)
        return Run(self._host, self._start_child(dag, given, StartedBy(begun, task, self._children)))

    def once(self, name: str, fn: Callable[..., T]) -> T:
        """Do something once for this run and task, whatever is retried or restarted: what `fn` gave is recorded (X2).

        `fn` may take `key`, for the other side's idempotency. A crash between the effect and its record runs it again.
        """
        return self._once_calls.call(f"{self.key}/{self.task}", name, fn, None)

    def get(self, name: str, default: Any = None) -> Any:
        """What a value shared by DAGs holds, this body's own before others'; `default` where nothing (R22). O(1)."""
        known = value_name(name, "run.get()")
        own = self._values.get(known)
        found = self._host.value(known) if own is None else copied(own.value)
        return default if found is None else found

    def set(self, name: str, value: object, *, ttl: GivenDuration | None = None) -> None:
        """Set a value shared by DAGs: recorded in the commit of this task's success (R22). None forgets it.

        It holds until it is set again, or `ttl` has passed. Raises InvalidValue for what is no plain data.
        """
        given = given_value(name, value, ttl, f"run.set() in {self.dag}.{self.task}")
        self._values[given.name] = given

    def _outlet(self, dataset: Dataset | str) -> Dataset:
        name = exact(dataset) if isinstance(dataset, str) else text_at(dataset, "id") or seen(dataset)
        found = next((outlet for outlet in self._task.outlets if outlet.id == name), None)
        if found is None:
            known = ", ".join(repr(outlet.id) for outlet in self._task.outlets) or "none"
            dag = self._host.graph.dags.get(self.dag)
            of_dag = dag is not None and any(outlet.id == name for outlet in dag.outlets)
            besides = " (its DAG's is recorded when the run succeeds)" if of_dag else ""
            raise UndeclaredOutlet(
                f"{self.dag}.{self.task} published to {name!r}, which is not among its outlets ({known}); "
                f"declare it where the task is: outlets=[{name!r}]{besides}"
            )
        return found


def briefing_of(run: RunContext) -> dict[str, object]:
    """All of a run that stays as it is while the attempt executes, by name. O(causes).

    What cannot be answered is not in it: whoever asks the run itself for it gets the error.
    """
    found: dict[str, object] = {}
    for name in BRIEFING:
        with suppress(Exception):
            found[name] = getattr(run, name)
    return found


def _keys_of(trigger: Trigger) -> list[KeySpec]:
    """The keys of what fires a trigger, the outermost `.by` first. O(size)."""
    below = () if trigger.dates_anew else trigger.drives
    return [*trigger.keys_inside, *[key for part in below for key in _keys_of(part)]]
