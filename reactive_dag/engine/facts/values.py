"""Values shared by DAGs (R22): plain data under a name, the newest of which stands.

Invariant: `newest` names the last record of each name that holds a value, known as soon as that record is pushed; one
whose time has passed is dropped when a later value comes. Reading and setting cost O(log n) besides the value; state:
an entry a name.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from reactive_dag.log.protocol import EventLog
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.payload import plain
from reactive_dag.model.records import GivenValue, ValueSet
from reactive_dag.model.text import text_in
from reactive_dag.model.times import NEVER, GivenDuration, parse_duration

ValuesSnapshot = list[tuple[str, int, int]]
"""Each name with the offset of its record and the instant from which it holds no more."""


class Values:
    """The shared values of one engine."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.newest: dict[str, tuple[int, int]] = {}
        self._ends: list[tuple[int, str]] = []

    def get(self, name: str, now: int) -> ValueSet | None:
        """The record that says what a name holds at an instant (ns); None where it holds nothing. O(1) in memory."""
        offset, expires = self.newest.get(name, (-1, NEVER))
        if offset < 0 or expires <= now:
            return None
        record = self.log.record(offset)
        assert isinstance(record, ValueSet), record
        return record

    def push(self, at: int, given: Iterable[GivenValue], run: int = -1, task: str = "") -> int:
        """Push values that are right (the log's lock is held); the last one's offset. O(log n) each."""
        offset = -1
        for each in given:
            expires = None if each.ttl is None else min(at + each.ttl, NEVER - 1)
            record = ValueSet(at, each.name, each.value, expires, run, task)
            offset = self.log.push(record)
            self.note(offset, record)
        return offset

    def note(self, offset: int, record: ValueSet) -> None:
        """Take what a record says, in the order of the log. O(log n) amortised."""
        ends = self._ends
        while ends and ends[0][0] <= record.at:
            end, name = heapq.heappop(ends)
            if self.newest.get(name, (-1, NEVER))[1] == end:
                del self.newest[name]
        if record.value is None:
            self.newest.pop(record.name, None)
            return
        expires = NEVER if record.expires is None else record.expires
        self.newest[record.name] = offset, expires
        if expires < NEVER:
            heapq.heappush(ends, (expires, record.name))
            if len(ends) > 2 * len(self.newest) + 64:
                self._sweep()

    def _sweep(self) -> None:
        """Wait for no end but those of the newest values. O(names)."""
        self._ends = [(expires, name) for name, (_, expires) in self.newest.items() if expires < NEVER]
        heapq.heapify(self._ends)

    def snapshot(self) -> ValuesSnapshot:
        """What a restored engine needs of it. O(names)."""
        return [(name, offset, expires) for name, (offset, expires) in self.newest.items()]

    def restore(self, state: ValuesSnapshot) -> None:
        """Take what `snapshot` gave. O(names)."""
        self.newest = {name: (offset, expires) for name, offset, expires in state}
        self._sweep()

    def _check(self) -> None:
        """Each name's record says so, and each end is waited for. O(names)."""
        ends = set(self._ends)
        for name, (offset, expires) in self.newest.items():
            record = self.log.record(offset)
            assert isinstance(record, ValueSet) and record.name == name and record.value is not None, name
            assert expires == NEVER or (expires, name) in ends, f"nobody waits for the end of {name!r}"


def value_name(name: object, where: str) -> str:
    """The name of a shared value as plain text. O(1). Raises InvalidValue for one that is none, or empty."""
    found = text_in(name, f"{where}: the name of a value")
    if not found:
        raise InvalidValue(f"{where}: the name of a value is empty; give it one")
    return found


def given_value(name: object, value: object, ttl: GivenDuration | None, where: str) -> GivenValue:
    """A value to be set, as plain data. O(value). Raises InvalidValue.

    >>> given_value("rate", {"eur": 1.1}, "1h", "engine.set()")
    GivenValue(name='rate', value={'eur': 1.1}, ttl=3600000000000)
    """
    known = value_name(name, where)
    span = None if ttl is None else parse_duration(ttl, what=f"{where}: ttl")
    return GivenValue(known, None if value is None else plain(value, f"{where}: value {known!r}"), span)
