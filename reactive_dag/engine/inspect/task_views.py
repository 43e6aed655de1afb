"""How a task of a run stands, as people see it: its state, attempts, output, error, and the instances of a mapped one.

Owns no state. A view costs O(attempts) to make; what an attempt logged and what is in a file is read when asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

import attrs

from reactive_dag.model.errors import UnknownId
from reactive_dag.model.payload import PlainForm, plain_form
from reactive_dag.model.records import Json
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import counted, seen
from reactive_dag.model.times import repr_of
from reactive_dag.triggers.checks import listed


@attrs.frozen(repr=False)
class Attempt(PlainForm):
    """One attempt of a task."""

    number: int
    state: str
    started: datetime | None
    ended: datetime | None
    error: str | None
    round: int = 1
    _log_text: Callable[[], str] | None = attrs.field(default=None, eq=False, repr=False, alias="log_text")

    def __repr__(self) -> str:
        return repr_of(self, "number", "state", "started", "ended", "error", *(("round",) if self.round != 1 else ()))

    @property
    def log(self) -> str:
        """What its body logged by `run.log` and printed: the newest 1 MiB; "" if nothing (R20)."""
        return "" if self._log_text is None else self._log_text()


@attrs.frozen(repr=False)
class TaskView(PlainForm):
    """How a task of a run stands."""

    id: str
    state: str
    attempts: list[Attempt]
    _recorded: Json = attrs.field(alias="recorded")
    error: str | None
    _read: Callable[[], object] | None = attrs.field(alias="read", eq=False)
    instances: list[TaskView] = attrs.Factory(list)
    """Of a mapped task, in order; one that waits for a slot is `queued` (R7)."""

    def __repr__(self) -> str:
        error = "" if self.error is None else f", error={seen(self.error)}"
        more = f", instances=<{len(self.instances)}>" if self.instances else ""
        said = f"id={self.id!r}, state={self.state!r}, attempts=<{len(self.attempts)}>"
        return f"TaskView({said}, output={seen(self._recorded)}{error}{more})"

    def to_json(self) -> dict[str, object]:
        """Plain data; of an output in a file where that is. O(attempts + instances)."""
        return {**super().to_json(), "output": plain_form(self._recorded)}

    @property
    def log(self) -> str:
        """What the newest attempt logged and printed; "" if nothing (R20)."""
        return self.attempts[-1].log if self.attempts else ""

    @property
    def output(self) -> Any:
        """What it returned: plain data, or what its file holds, read each time that it is asked for (R21).

        Raises OutputGone for a file that is not there as it was.
        """
        return self._recorded if self._read is None else self._read()


class TaskViews(dict[str, TaskView]):
    """The tasks of a run by id; an instance of a mapped one is there by its own, as in `tasks["eval[3]"]`.

    One that has not been touched yet is not among them, and by its id it is in the state "none".
    """

    def __init__(self, views: Mapping[str, TaskView], run: str, declared: Collection[str]) -> None:
        super().__init__(views)
        self._run = run
        self._declared = declared

    def __missing__(self, id: str) -> TaskView:
        mapped = self.get(id.partition("[")[0]) if isinstance(id, str) else None
        for each in () if mapped is None else mapped.instances:
            if each.id == id:
                return each
        if id in self._declared:
            return TaskView(id, "none", [], None, None, None)
        if mapped is not None:
            there = counted(len(mapped.instances), "instance")
            raise UnknownId(f"task {mapped.id!r} of {self._run} has {there}, and none is {id!r}")
        known = list(dict.fromkeys([*self, *self._declared]))
        hint = did_you_mean(id, known) if isinstance(id, str) else ""
        raise UnknownId(f"{self._run} has no task {seen(id)}{hint}; it has {listed(known) or 'none'}")
