"""What the callables of triggers answer: asked live, recorded, and read back in the same order at a replay (I6, T10).

Invariant: a replay calls no callable; it asks in the same order as the live run did, so a queue per trigger is enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from reactive_dag.model.callables import Call
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.payload import plain
from reactive_dag.model.records import Answers, AnyRecord, Duplicate, Item, Json, Mark, TriggerFault
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.firing import resolved

if TYPE_CHECKING:
    from reactive_dag.engine.core import Core

Name = tuple[str, str]
"""A trigger: its DAG and label."""


class Answering:
    """The callables' answers of the turn that is being decided, or of the group that is being replayed."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.given: dict[Name, list[Json]] = {}
        self._recorded: dict[Name, deque[Json]] = {}
        self._duplicates: set[str] = set()

    def recorded(self, group: Iterable[AnyRecord]) -> None:
        """Take what the records of one group say was answered. O(group)."""
        self._duplicates = {r.key for r in group if type(r) is Duplicate}
        for record in group:
            if type(record) is Answers:
                self._recorded.setdefault((record.dag, record.label), deque()).extend(record.values)

    def was_duplicate(self, key: str) -> bool:
        """Whether this group dropped a firing of that key."""
        return key in self._duplicates

    def take(self) -> list[AnyRecord]:
        """The `Answers` records of this turn, one a trigger."""
        at = self.core.log.last_at
        records: list[AnyRecord] = [Answers(at, dag, label, values) for (dag, label), values in self.given.items()]
        self.given = {}
        return records

    def ask(self, name: Name, kind: str, call: Call, given: object, item: object, at: int) -> object:
        """The answer of one callable: `where` a bool, `by` a key, `map` a payload. Raises CallableFault."""
        if self.core.replaying:
            return self._recall(name, kind)
        try:
            answer = self._answer(kind, call, given, item)
        except Exception as error:  # a user's callable may raise anything: its item is parked, its siblings go on
            self.given.setdefault(name, []).append(None)
            fault = CallableFault(call.text, call.place, f"{type(error).__name__}: {error}")
            first = item[0] if isinstance(item, list) and item else item
            self.core.decide(TriggerFault(at, *name, _ref(first), fault.function, fault.place, fault.error))
            raise fault from error
        self.given.setdefault(name, []).append([answer])
        return as_key(answer) if kind == "by" else answer

    def _answer(self, kind: str, call: Call, given: object, item: object) -> Json:
        if kind == "map":
            return plain(call.fn(resolved(given, self.core.view)), f"what {call.text} gave")
        event = self.core.view(item) if isinstance(item, (int, Mark)) else resolved(given, self.core.view)
        answer = call.fn(event)
        return bool(answer) if kind == "where" else plain(answer, f"the key that {call.text} gave")

    def _recall(self, name: Name, kind: str) -> object:
        queue = self._recorded.get(name)
        if not queue:
            raise StoreDamaged(f"trigger {name[0]!r} {name[1]!r}: the log holds fewer answers than its facts ask for")
        answer = queue.popleft()
        if answer is None:
            raise CallableFault("recorded", "the log", "raised when it was asked")
        return as_key(answer[0]) if kind == "by" else answer[0]


def as_key(value: object) -> object:
    """A key that can be hashed: lists become tuples."""
    return tuple(as_key(item) for item in value) if isinstance(value, list) else value


def _ref(item: object) -> Item:
    return item if isinstance(item, (int, Mark)) else -1
