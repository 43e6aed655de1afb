"""When something ends, over many futures: quantiles, mean, chance to be in time.

Owns `FinishTime` and `Quantile`. Invariant: a future in which it does not succeed counts as one in which it never ends,
so it is never in time. O(futures log futures) once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, overload

import numpy as np
from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.model.times import first_instant, parse_time, to_datetime, wall_clock, zone
from reactive_dag.whatif.answers.show import Answer, clock_text, iso, to_moment
from reactive_dag.whatif.window.arrays import BEYOND

if TYPE_CHECKING:
    from reactive_dag.model.times import GivenTime
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.window.arrays import Ints

SHOWN = (0.05, 0.5, 0.95)


@frozen
class Quantile:
    """By `ends` it has ended in this `share` of the futures; None where not in so many."""

    share: float
    ends: datetime | None

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        return {"share": self.share, "ends": iso(self.ends)}


class FinishTime(Answer[Quantile]):
    """When `name` ended with success: `ends` has an instant (ns) a future, `date` is the logical date of its run.

    It prints as a table of quantiles.
    """

    columns = ("share", "has ended by")
    _row_type = Quantile
    right = frozenset({"share"})

    def __init__(
        self, name: str, date: int | None, ends: Ints, effects: Effects | None = None, due: int | None = None
    ) -> None:
        self.name = name
        self.date = date
        self.ends = ends
        self.due = due
        """Its deadline (ns): so long after its date, or the first tick after that; None without one."""
        self._effects = effects
        self._zone = "UTC" if effects is None else effects.zone

    @cached_property
    def rows(self) -> list[Quantile]:  # type: ignore[override]
        """Some quantiles. O(futures log futures) once."""
        return [Quantile(share, self._quantile(share)) for share in SHOWN]

    @property
    def title(self) -> str:
        """What ended, and how often it did."""
        rest = "" if self.succeeded == 1 else f", succeeds in {self.succeeded:.1%}"
        return f"finish of {self.name} in {self.n} futures{rest}"

    def _cells_of(self, rows: Sequence[Quantile]) -> list[tuple[str, ...]]:
        return [(f"{row.share:.0%}", clock_text(row.ends) or "never") for row in rows]

    @cached_property
    def _sorted(self) -> Ints:
        found: Ints = np.sort(self.ends)
        return found

    @property
    def n(self) -> int:
        """How many futures there are. O(1)."""
        return len(self.ends)

    @property
    def succeeded(self) -> float:
        """The share of futures in which it succeeded. O(log futures)."""
        return float(np.searchsorted(self._sorted, BEYOND)) / max(self.n, 1)

    @overload
    def quantile(self, q: float) -> datetime | None: ...

    @overload
    def quantile(self, q: Iterable[float]) -> list[datetime | None]: ...

    def quantile(self, q: float | Iterable[float]) -> datetime | list[datetime | None] | None:
        """The instant by which it has ended in this share of the futures; of several, a list. O(1) each.

        It is an instant that occurred: the earliest by which at least so many had ended; None where not so many end
        at all. Raises InvalidValue for a share outside 0 to 1.
        """
        if isinstance(q, Iterable):
            return [self._quantile(each) for each in q]
        return self._quantile(q)

    def _quantile(self, q: float) -> datetime | None:
        if isinstance(q, bool) or not isinstance(q, int | float) or not 0 <= q <= 1:
            raise InvalidValue(f"quantile({seen(q)}): a share is a number from 0 to 1")
        if not self.n:
            return None
        at = int(self._sorted[max(int(np.ceil(q * self.n)) - 1, 0)])
        return to_moment(at if at < BEYOND else None)

    @property
    def mean(self) -> datetime | None:
        """The mean of the instants at which it ended, over the futures in which it succeeded; None without. O(1)."""
        ended = self._sorted[: np.searchsorted(self._sorted, BEYOND)]
        if not len(ended):
            return None
        first = int(ended[0])
        return to_datetime(first + round(float((ended - first).mean())))

    def probability(self, before: GivenTime, tz: str = "UTC") -> float:
        """The share of futures in which it had ended with success before an instant. O(log futures).

        `before` is an instant, or a time of day such as "06:00": then the first one in the zone `tz` that comes after
        the logical date of the run. Raises InvalidValue.
        """
        due = self._due(before, tz)
        return float(np.searchsorted(self._sorted, due)) / max(self.n, 1)

    def _due(self, before: GivenTime, tz: str) -> int:
        place = zone(tz)
        of_day = _time_of_day(before)
        if of_day is None:
            return parse_time(before, tz, what="before")
        if self.date is None:
            raise InvalidValue(f"before={before!r}: {self.name} has no logical date; give an instant with its date")
        wall = datetime.combine(wall_clock(self.date, place).date(), of_day)
        due = first_instant(wall, place)
        return due if due > self.date else first_instant(wall + timedelta(days=1), place)

    def to_json(self) -> dict[str, object]:
        """Plain data. O(1)."""
        quantiles = {f"{share:g}": iso(self._quantile(share)) for share in SHOWN}
        about = {"name": self.name, "n": self.n, "succeeded": self.succeeded}
        return {**about, "quantiles": quantiles, "mean": iso(self.mean)}

    def __repr__(self) -> str:
        shown = ", ".join(f"p{share * 100:g} {clock_text(self._quantile(share)) or 'never'}" for share in SHOWN)
        rest = "" if self.succeeded == 1 else f", succeeds in {self.succeeded:.1%}"
        return f"<Finish {self.name!r} of {self.n} futures: {shown}{rest}>"


def _time_of_day(given: object) -> time | None:
    """A text such as "06:00" or "06:00:30"; None for anything else."""
    if isinstance(given, str) and len(given) <= len("06:00:00") and given.count(":") in (1, 2):
        try:
            return time.fromisoformat(given)
        except ValueError:
            raise InvalidValue(f"before={given!r} is no time of day; write one such as '06:00'") from None
    return None
