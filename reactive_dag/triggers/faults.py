"""What a callable of a trigger raised (T10).

Owns `CallableFault`: the way in which whoever asks a `where`, `by` or `map` tells the trigger that there is no
answer. The item is parked, the siblings go on. It never leaves the library.
"""

from __future__ import annotations

from reactive_dag.model.errors import ReactiveDagError


class CallableFault(ReactiveDagError):
    """A `where`, `by` or `map` raised: which function, where it stands, and what it said."""

    def __init__(self, function: str, place: str, error: str) -> None:
        super().__init__(f"{function} ({place}) raised {error}")
        self.function = function
        self.place = place
        self.error = error
