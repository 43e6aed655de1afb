"""What the callables of triggers answer: asked live, recorded, and read back in the same order at a replay (I6, T10).

Invariant: a replay calls no callable; it asks in the same order as the live run did, so a queue per trigger is enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.items.events import event_of
from reactive_dag.engine.items.identity import Identities
from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import StoreDamaged, said
from reactive_dag.model.event import Event
from reactive_dag.model.payload import plain
from reactive_dag.model.records import (
    Answers,
    AnyRecord,
    Duplicate,
    Item,
    Json,
    Mark,
    Record,
    RunDeadline,
    RunRequested,
    TriggerFault,
)
from reactive_dag.model.text import writable
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.firing import resolved

Name = tuple[str, str]
"""A trigger: its DAG and label."""


class RecordedCalls:
    """The callables' answers of the turn that is being decided, or of the group that is being replayed."""

    def __init__(self, outbox: Outbox, identities: Identities) -> None:
        self.outbox = outbox
        self.identities = identities
        self.given: dict[Name, list[Json]] = {}
        self._recorded: dict[Name, deque[Json]] = {}
        self._verdicts: dict[Name, deque[bool]] = {}
        self._deadlines: dict[Name, deque[RunDeadline]] = {}

    def recorded(self, records: Iterable[AnyRecord]) -> None:
        """Take what records out of the log say was answered; each record once. O(records)."""
        for record in records:
            if type(record) is Answers:
                self._recorded.setdefault((record.dag, record.label), deque()).extend(record.values)
            elif type(record) is RunRequested or type(record) is Duplicate:
                name, repeated = (record.dag, record.label), type(record) is Duplicate
                if record.key is not None:
                    self._verdicts.setdefault(name, deque()).append(repeated)
                if type(record) is RunRequested and record.deadline is not None and not record.deadline.by_hand:
                    self._deadlines.setdefault(name, deque()).append(record.deadline)

    def was_duplicate(self, name: Name) -> bool:
        """Whether the next firing of a trigger whose keys can repeat was dropped as a duplicate."""
        queue = self._verdicts.get(name)
        if not queue:
            raise _too_few(name, "firings")
        return queue.popleft()

    def deadline(self, name: Name) -> RunDeadline:
        """The deadline that was recorded with the next firing of a trigger whose DAG has one."""
        queue = self._deadlines.get(name)
        if not queue:
            raise _too_few(name, "deadlines")
        return queue.popleft()

    def take(self) -> list[AnyRecord]:
        """The `Answers` records of this turn, one a trigger."""
        at = self.outbox.log.last_at
        records: list[AnyRecord] = [Answers(at, dag, label, values) for (dag, label), values in self.given.items()]
        self.given = {}
        return records

    def ask(self, name: Name, kind: str, call: Call, given: object, item: object, at: int) -> object:
        """The answer of one callable: `where` and `until` a bool, `by` keys, `map` a payload. Raises CallableFault."""
        if self.outbox.replaying:
            return self._recall(name, kind)
        try:
            answer = self.answer(kind, call, given, item)
        except BaseException as error:  # a user's callable may raise anything: its item is parked, its siblings go on
            raise_ctrl_c(error)
            self.given.setdefault(name, []).append(None)
            fault = CallableFault(writable(call.text), writable(call.place), said(error))
            first = item[0] if isinstance(item, list) and item else item
            self.outbox.decide(TriggerFault(at, *name, _ref(first), fault.function, fault.place, fault.error))
            raise fault from error
        self.given.setdefault(name, []).append([answer])
        return answer

    def payload(self, payload: object) -> Json:
        """The payload of a firing as plain data. Raises InvalidValue."""
        return plain(resolved(payload, self._event), "the payload")

    def _event(self, item: Item) -> Event:
        return event_of(self.identities, item)

    def answer(self, kind: str, call: Call, given: object, item: object) -> Json:
        """What a callable says, as plain data; nothing is recorded. The callable's cost. Raises what it raises."""
        if isinstance(given, (Record, Mark)) and isinstance(item, (int, Mark)):
            answer = call.fn(self._event(item))  # directly behind a leaf: the payload so far is the event itself
        else:
            answer = call.fn(resolved(given, self._event))
        if kind in ("where", "until"):
            return bool(answer)
        if kind == "by" and type(answer) is not list:
            answer = [answer]  # a list gives several keys; JSON would not tell it from a tuple, which is one
        return plain(answer, f"what {call.text} gave")

    def _recall(self, name: Name, kind: str) -> object:
        queue = self._recorded.get(name)
        if not queue:
            raise _too_few(name, "answers")
        answer = queue.popleft()
        if answer is None:
            raise CallableFault("recorded", "the log", "raised when it was asked")
        return answer[0]


def _too_few(name: Name, what: str) -> StoreDamaged:
    return StoreDamaged(f"trigger {name[1]!r} of DAG {name[0]!r}: the log holds fewer {what} than its facts ask for")


def _ref(item: object) -> Item:
    return item if isinstance(item, (int, Mark)) else -1
