"""What attempts logged and printed (R20): a text for each, kept beside the records.

Owns the logs of attempts under way. Invariant: a log has at most `LARGEST` bytes, its oldest lines are cut, and it says
so; it is kept in the commit of its attempt's end. A line costs O(its length), a log that nobody writes to nothing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from reactive_dag.log.protocol import EventLog
from reactive_dag.model.times import format_time

LARGEST = 1 << 20
"""Bytes of UTF-8 that are kept of an attempt's log."""
NAME = "log/"
"""How the names of these texts begin in the log."""


class AttemptLog:
    """The log of one attempt under way; several threads may write to it.

    >>> log = AttemptLog(lambda: 0)
    >>> log.write("printed\\n"); log.line("INFO", "logged"); log.text
    'printed\\n1970-01-01T00:00:00Z INFO logged\\n'
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._pieces: deque[str] = deque()
        self._size = self._cut = 0
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        """Append a text as it is. O(its length)."""
        size = _size(text)
        with self._lock:
            self._pieces.append(text)
            self._size += size
            while self._size > LARGEST:
                self._cut_oldest()

    def _cut_oldest(self) -> None:
        oldest = self._pieces.popleft()
        rest = oldest.encode(errors="replace")[self._size - LARGEST :].decode(errors="ignore")
        self._size -= _size(oldest)
        self._cut += _size(oldest)
        if rest:
            self._pieces.appendleft(rest)
            self._size += _size(rest)
            self._cut -= _size(rest)

    def line(self, level: str, message: str) -> None:
        """Append a line that says when it was logged, and how serious it is. O(its length)."""
        self.write(f"{format_time(self._now())} {level} {message}\n")

    @property
    def text(self) -> str:
        """All that is kept, after a note of what was cut. O(its length)."""
        with self._lock:
            found = "".join(self._pieces)
            if not self._cut:
                return found
            part, newline, rest = found.partition("\n")
            more, found = (_size(part + newline), rest) if newline and rest else (0, found)
            return f"[the oldest {self._cut + more:,} bytes were cut: a log keeps 1 MiB]\n{found}"


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="replace"))


class AttemptLogs:
    """The logs of an engine's attempts, by the attempt's key; `now` is the engine's clock."""

    def __init__(self, log: EventLog, now: Callable[[], int]) -> None:
        self._log = log
        self._now = now
        self._under_way: dict[str, AttemptLog] = {}

    def begin(self, key: str) -> AttemptLog:
        """The log of an attempt that writes for the first time. O(1)."""
        return self._under_way.setdefault(key, AttemptLog(self._now))

    def keep(self, key: str) -> None:
        """Keep the log of an attempt that ended, in the next commit; the log's lock is held. O(its length)."""
        self._log.set_meta(NAME + key, self._under_way.pop(key).text)

    def text(self, key: str) -> str:
        """What an attempt logged and printed, so far where it is under way; "" if nothing. O(its length)."""
        under_way = self._under_way.get(key)
        return (self._log.meta(NAME + key) or "") if under_way is None else under_way.text
