"""Python's garbage collector, held back for the length of a block in which nearly all that is made is kept.

Owns no state. Never on import, never for longer than the block. O(1).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

CALM = 100_000
"""So many new objects at least between two looks of the collector, while a log is read back or a course is played."""


@contextmanager
def calm_collector() -> Iterator[None]:
    """Until the end of the block the collector looks less often: most of what it would look through is kept.

    >>> with calm_collector():
    ...     gc.get_threshold()[0] >= CALM
    True
    """
    before = gc.get_threshold()
    gc.set_threshold(max(before[0], CALM), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep the collector from looking through a graph again and again while it is being declared.

    All that is made meanwhile is kept, so there is nothing to find: with 50,000 DAGs that takes a third of the time.

    >>> with paused_collector():
    ...     gc.isenabled()
    False
    """
    paused = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if paused:
            gc.enable()
