"""Instants and lengths of time as a picture writes them: in one zone, which it names once; and the axis of a span.

Owns `Zone` and `Axis`. O(1) an instant.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from reactive_dag.model.text import Short
from reactive_dag.model.times import MICROSECOND, format_duration, zone
from reactive_dag.notebook.kit.markup import Markup, tag

TICK_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400, 7 * 86400)
)
"""How far ticks of an axis may be apart: what a clock or a calendar shows."""


@frozen
class Zone:
    """The zone of a picture.

    >>> from reactive_dag.model.times import to_datetime
    >>> Zone("Europe/Berlin").text(to_datetime(0)), Zone("Europe/Berlin").text(None)
    ('1970-01-01 01:00', '')
    """

    name: str = "UTC"

    def text(self, time: datetime | None) -> str:
        """An instant as day and time of day; its whole has the offset and the zone. O(1)."""
        if time is None:
            return ""
        local = time.astimezone(zone(self.name))
        whole = f"{local.isoformat()} {self.name}"
        return Short(f"{local:%Y-%m-%d %H:%M}{_seconds(local)}", whole)

    def date(self, time: datetime | None) -> str:
        """A logical date: at midnight of the zone it is a day. O(1)."""
        text = self.text(time)
        return Short(text[:10], text.whole) if isinstance(text, Short) and text.endswith(" 00:00") else text

    @property
    def note(self) -> str:
        """What says once in which zone the times are."""
        return f"times in {self.name}"


def _seconds(local: datetime) -> str:
    if local.microsecond:
        return f":{local:%S}.{local.microsecond // 1000:03}"
    return f":{local:%S}" if local.second else ""


def took_text(started: datetime | None, ended: datetime | None) -> str:
    """How long something took, "" where it did not begin or end. O(1).

    >>> from reactive_dag.model.times import to_datetime
    >>> took_text(to_datetime(0), to_datetime(90 * 10**9)), took_text(None, None)
    ('1m30s', '')
    """
    if started is None or ended is None:
        return ""
    took = ended - started
    seconds = took / timedelta(seconds=1)
    if 1 <= seconds < 60 and took.microseconds:
        return f"{seconds:.1f}s"
    if seconds >= 1:
        took = timedelta(seconds=round(seconds))
    return format_duration(took // timedelta(microseconds=1) * MICROSECOND) if took else "0s"


@frozen
class Axis:
    """A span of time as a line that is so wide, with a few ticks at round times of its zone."""

    begin: datetime
    end: datetime
    zone: Zone = Zone()
    width: float = 240.0

    def share(self, time: datetime) -> float:
        """Where an instant stands, from 0 to 1. O(1)."""
        whole = (self.end - self.begin) / timedelta(microseconds=1)
        return min(max((time - self.begin) / timedelta(microseconds=1) / whole, 0.0), 1.0) if whole else 0.0

    def ticks(self, most: int = 4) -> list[tuple[float, str]]:
        """At most so many round instants: where each stands (from 0 to 1), and its text. O(most).

        >>> from reactive_dag.model.times import to_datetime
        >>> Axis(to_datetime(0), to_datetime(2 * 3600 * 10**9)).ticks()
        [(0.0, '00:00'), (0.5, '01:00'), (1.0, '02:00')]
        """
        span = self.end - self.begin
        step = next((each for each in TICK_STEPS if span <= each * (most - 1)), None)
        if not span or step is None:
            return [(0.0, f"{self.begin.astimezone(zone(self.zone.name)):%m-%d}")]
        tz = zone(self.zone.name)
        local = self.begin.astimezone(tz).replace(tzinfo=None)
        day = local.replace(hour=0, minute=0, second=0, microsecond=0)
        at = day + -(-(local - day) // step) * step
        form = "%H:%M:%S" if step < TICK_STEPS[4] else "%H:%M" if step < timedelta(days=1) else "%m-%d"
        found: list[tuple[float, str]] = []
        while (instant := at.replace(tzinfo=tz)) <= self.end and len(found) < most + 2:
            if instant >= self.begin:
                found.append((self.share(instant), f"{at:{form}}"))
            at += step
        return found

    def drawn(self) -> Markup:
        """The ticks with their texts, to stand above bars of the same width. O(ticks)."""
        ticks = self.ticks()
        marks = [
            (
                tag("line", x1=self.width * at, x2=self.width * at, y1=13, y2=18, stroke="currentColor"),
                tag("text", text, x=self.width * at, y=10, text_anchor=_anchor(at), class_="rd-tick"),
            )
            for at, text in ticks
        ]
        label = "time axis: " + ", ".join(text for _, text in ticks)
        return tag(
            "svg", marks, role="img", aria_label=label, class_="rd-quiet", width=self.width, height=18,
            viewBox=f"0 0 {self.width:g} 18",
        )  # fmt: skip


def _anchor(share: float) -> str:
    return "start" if share < 0.08 else "end" if share > 0.92 else "middle"
