"""The trigger on silence.

Owns `Absent`: `part` has not fired for `for_` nanoseconds, or not since the tick before (`at`); with `after`, only
once that has armed it (T9). It holds at most one pending item. Making one costs O(1).
"""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve, field, frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import GivenDuration, format_duration, parse_duration
from reactive_dag.triggers.base import Trigger, as_trigger
from reactive_dag.triggers.checks import optional_positive
from reactive_dag.triggers.leaves.schedule import Scheduled


def _optional(value: object) -> Trigger | None:
    return None if value is None else as_trigger(value)


@frozen(cache_hash=True)
class Absent(Trigger):
    """Fires when `part` was silent for `for_`, or at a tick of `at` with no `part` since the tick before."""

    kind: ClassVar[str] = "absent"

    part: Trigger = field(converter=as_trigger)
    for_: int | None = None
    at: Scheduled | None = None
    after: Trigger | None = field(default=None, converter=_optional)

    def __attrs_post_init__(self) -> None:
        optional_positive(self.for_, "for_ of absent()")
        if self.at is not None and not isinstance(self.at, Scheduled):
            raise InvalidValue(f"at= of absent() takes a clock such as rd.cron('0 6 * * *'), not {self.at!r}")
        if (self.for_ is None) == (self.at is None):
            raise InvalidValue(
                f"absent({self.part!r}) needs either for_= (how long the silence lasts) or at= (when to look)"
            )

    @property
    def parts(self) -> tuple[Trigger, ...]:
        """What must be silent and, if there is one, what arms it; `at` is its clock and no part. O(1)."""
        return (self.part,) if self.after is None else (self.part, self.after)

    def rebuilt(self, parts: tuple[Trigger, ...]) -> Trigger:
        """The same on other parts. O(1)."""
        return evolve(self, part=parts[0], after=parts[1] if len(parts) == 2 else None)

    def __repr__(self) -> str:
        how = f"at={self.at!r}" if self.for_ is None else f"for_={format_duration(self.for_)!r}"
        after = "" if self.after is None else f", after={self.after!r}"
        return f"rd.absent({self.part!r}, {how}{after})"


def absent(
    part: object, for_: GivenDuration | None = None, *, at: Scheduled | None = None, after: object = None
) -> Absent:
    """Fire when `part` was silent for `for_` (once per silence), or at a tick of `at` without one since the last. O(1).

    With `after=b`, only once each `b` has armed it. Raises InvalidValue unless exactly one of `for_` and `at` is given.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> absent(updated("mart"), for_="26h")
    rd.absent(rd.updated('mart'), for_='1d2h')
    """
    silence = None if for_ is None else parse_duration(for_, what="for_")
    return Absent(part, silence, at, after)
