"""What is known of the futures of a simulation, for who asks it again or asks a further question.

Owns `KeptEnds`. Invariant: nothing is kept that somebody else does not hold, but for the last answer of each simulation
up to `MOST_BYTES`; of a further question's it is only the rows that are others. O(1), O(questions between) to find.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from reactive_dag.whatif.futures.future_ends import EndsInWindow, FutureEnds

if TYPE_CHECKING:
    from reactive_dag.whatif.question.effects import Effects, Touched

MOST_BYTES = 2**26
"""The last answer is kept up to so many bytes: 64 MB, 500 futures of 16,000 nodes."""


class KeptEnds:
    """The ends of a simulation's futures; `before` has those of the question that it follows on."""

    def __init__(self, effects: Effects, before: KeptEnds | None) -> None:
        self._touched = effects.touched
        self._before = before
        self._held: WeakValueDictionary[tuple[int, int], FutureEnds] = WeakValueDictionary()
        self._last: FutureEnds | None = None

    def known(self, n: int, seed: int) -> FutureEnds | None:
        """Those of `n` futures of a seed, where they are still there. O(1)."""
        return self._held.get((n, seed))

    def before(self, n: int, seed: int) -> tuple[EndsInWindow, Touched] | None:
        """Those of the nearest question before that has as many of this seed, and what was touched since. O(depth)."""
        touched, at = self._touched, self._before
        while at is not None:
            found = at.known(n, seed)
            if isinstance(found, EndsInWindow):
                return found, touched
            touched, at = touched.and_of(at._touched), at._before
        return None

    def keep(self, n: int, seed: int, ends: FutureEnds) -> None:
        """Know these, unless Ctrl-C left some out. O(1)."""
        if ends.n == n:
            self._held[n, seed] = ends
            self._last = ends if ends.bytes <= MOST_BYTES else None
