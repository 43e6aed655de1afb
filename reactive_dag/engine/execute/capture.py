"""What bodies print goes to the logs of their attempts too (R20).

Owns the two streams that stand in place of `sys.stdout` and `sys.stderr` while an engine is driven. Invariant: whatever
is written goes on to the stream that stood there. A write outside of a body costs 0.2 µs.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any, TextIO

from reactive_dag.engine.execute.current_body import BODY


class Shared:
    """A stream, of which the attempt whose body writes keeps a copy; everything else is that of the stream `behind`."""

    def __init__(self, behind: TextIO) -> None:
        self.behind: TextIO = behind.behind if isinstance(behind, Shared) else behind

    def write(self, text: str) -> int:
        """Write to the stream behind, and to the log of the attempt whose body this is."""
        attempt = BODY.get()[2]
        if attempt is not None:
            attempt.write(text)
        return self.behind.write(text)

    def writelines(self, lines: Any) -> None:
        """Write each line."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


class Capture:
    """The streams of this process, as long as at least one block is open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks = 0
        self._stood: list[tuple[str, Any, Shared]] = []

    def __enter__(self) -> None:
        with self._lock:
            self._blocks += 1
            if self._blocks == 1:
                stood = [(name, getattr(sys, name)) for name in ("stdout", "stderr")]
                self._stood = [(name, stream, Shared(stream)) for name, stream in stood if stream is not None]
                for name, _, shared in self._stood:
                    setattr(sys, name, shared)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with self._lock:
            self._blocks -= 1
            if self._blocks:
                return
            for name, stream, shared in self._stood:
                if getattr(sys, name) is shared:  # else somebody has put another one there since
                    setattr(sys, name, stream)
            self._stood = []


CAPTURE = Capture()
"""That of this process: there is one `sys.stdout`."""
