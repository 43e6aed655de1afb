"""What a callable of a user raised: of a trigger (T10), or of an option of a task.

Owns `CallableFault`: the way in which whoever asks a `where`, `by` or `map` tells the trigger that there is no
answer. The item is parked, the siblings go on. It never leaves the library.
"""

from __future__ import annotations

from collections.abc import Iterable

from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import ReactiveDagError, said
from reactive_dag.model.text import writable


class CallableFault(ReactiveDagError):
    """A callable raised: which function, where it stands, and what it said."""

    def __init__(self, function: str, place: str, error: str) -> None:
        super().__init__(f"{function} ({place}) raised {error}")
        self.function = function
        self.place = place
        self.error = error


def asked(call: Call, given: object) -> object:
    """What a callable gives for one value; of what can be iterated a list. Raises CallableFault for what it raises."""
    try:
        answer = call.fn(given)
        return list(answer) if isinstance(answer, Iterable) and not isinstance(answer, str) else answer
    except BaseException as error:
        raise_ctrl_c(error)
        raise CallableFault(writable(call.text), writable(call.place), said(error)) from error
