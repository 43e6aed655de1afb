"""A log whose process can die: in memory, but what no commit took is lost when it is reopened.

`VolatileLog` behaves as a durable store: `survivor()` is what another process would open after a SIGKILL now.
`dies_at` counts commits up to the one that is never made. With it crashes cost microseconds, so that a state machine
can have thousands; the same steps run on SQLite too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reactive_dag.log.history import RunRow
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.records import (
    Answers,
    AnyRecord,
    Decided,
    Duplicate,
    Expired,
    RunFinished,
    RunRequested,
    StartRequested,
    TaskRetry,
    TriggerFault,
)

FOLLOWS = (Answers, Duplicate, Expired, RunFinished, TaskRetry, TriggerFault)
"""Records that only follow from others; a wait may also begin as a change of the graph is taken up (R11)."""


class Killed(BaseException):
    """The process is no more: nobody catches this but the test."""


class VolatileLog(MemoryLog):
    """A memory log that forgets what was not committed, once `survivor` is asked."""

    durable = True

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[object, ...]] = []
        self._since: list[tuple[object, ...]] = []
        self.saved: list[tuple[int, list[bytes]]] = []
        self.commits = 0
        self.dies_at: int | None = None

    def note_key(self, scope: str, key: str, offset: int) -> None:
        super().note_key(scope, key, offset)
        self._since.append(("note_key", scope, key, offset))

    def note_run(self, row: RunRow) -> None:
        super().note_run(row)
        self._since.append(("note_run", row))

    def save_snapshot(self, upto: int, blob: bytes) -> None:
        super().save_snapshot(upto, blob)
        self._since.append(("save_snapshot", upto, blob))

    def set_meta(self, name: str, text: str) -> None:
        super().set_meta(name, text)
        self._since.append(("set_meta", name, text))

    def done(self, ids: Iterable[int]) -> None:
        ids = list(ids)
        super().done(ids)
        self._since.append(("done", ids))

    def commit(self) -> int:
        self.commits += 1
        if self.dies_at is not None and self.commits >= self.dies_at:
            raise Killed
        with self.lock:
            self.check_whole(self.read(self.committed, self.next_offset))
            self.kept += self._since
            self.saved += [(upto, blob) for name, upto, *blob in self._since if name == "save_snapshot"]
            self._since = []
        return super().commit()

    def check_whole(self, batch: list[AnyRecord]) -> None:
        """What follows from facts is committed together with the offset that says so, never half of it (I6)."""
        follows = [
            at
            for at, record in enumerate(batch)
            if isinstance(record, FOLLOWS)
            or (isinstance(record, RunRequested) and not (at and isinstance(batch[at - 1], StartRequested)))
        ]
        ends = [at for at, record in enumerate(batch) if type(record) is Decided]
        assert not follows or (ends and ends[-1] > follows[-1]), "a commit holds half a turn"

    def survivor(self) -> VolatileLog:
        """The store as the next process finds it."""
        return self.copied(self.committed, self.kept, self.saved)

    def copied(self, upto: int, noted: Iterable[tuple[object, ...]] = (), saved: Iterable = ()) -> VolatileLog:
        """The records below `upto`, with these notes."""
        found = type(self)()
        records: list[AnyRecord] = self.read(0, upto)
        with found.lock:
            found.push_many(records)
            found.last_at = max((record.at for record in records), default=0)
            for name, *arguments in noted:
                getattr(MemoryLog, str(name))(found, *arguments)
        found.kept = list(noted)
        found.saved = [each for each in saved if each[0] <= upto]
        found._intake = dict(self._intake)
        found._offered = self._offered
        MemoryLog.commit(found)
        return found

    def records_only(self, upto: int) -> MemoryLog:
        """The records below `upto`, and no view of them: whoever replays has to make those."""
        found = MemoryLog()
        records = self.read(0, upto)
        with found.lock:
            found.push_many(records)
            found.last_at = max((record.at for record in records), default=0)
        found.commit()
        return found


def twice(values: Iterable[object]) -> list[object]:
    """What is there more than once."""
    return [value for value, count in Counter(values).items() if count > 1]
