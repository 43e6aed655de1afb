"""The use of limits over time: slots in use as an area, the bound as a dashed line, how many wait as a line of its own.

Owns `UsagePicture`, the plain data. O(changes of what is shown).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from attrs import frozen

from reactive_dag.model.text import one_line
from reactive_dag.notebook.kit.markup import Markup, number, tag
from reactive_dag.notebook.kit.times import Axis, Zone
from reactive_dag.whatif.answers.usage import Usage, UsageRow

WIDTH, HIGH, APART, TOP, LEFT, RIGHT = 640, 44, 26, 24, 190, 60
MOST_LIMITS, MOST_LABEL = 12, 24


@frozen
class LimitPicture:
    """One limit: from each instant on so many slots are in use and so many wait; `slots` is the bound, if any."""

    limit: str
    slots: int | None
    steps: tuple[tuple[datetime, int, int], ...]

    @property
    def top(self) -> int:
        """The most that there is of anything."""
        return max([self.slots or 0, *(used for _, used, _ in self.steps), *(waits for _, _, waits in self.steps), 1])


@frozen
class UsagePicture:
    """The limits that were used, those for which most waited first; `more` is how many are left out."""

    title: str
    limits: tuple[LimitPicture, ...]
    begin: datetime
    end: datetime
    zone: Zone
    more: int

    @classmethod
    def of(cls, found: Usage) -> UsagePicture | None:
        """What is drawn of a use of limits; None where nothing was used. O(changes)."""
        used = sorted((row for row in found.rows if row.most), key=lambda row: -row.waited)
        limits = tuple(_limit(found, row) for row in used[:MOST_LIMITS])
        times = [at for limit in limits for at, _, _ in limit.steps]
        if not times:
            return None
        return cls(found.title, limits, min(times), max(times), Zone(found.zone), len(used) - len(limits))


def _limit(found: Usage, row: UsageRow) -> LimitPicture:
    return LimitPicture(row.limit, row.slots, tuple(found.over_time(row.limit)))


def usage_svg(found: Usage) -> Markup | None:
    """The use of limits as SVG; None where nothing was used. O(changes)."""
    data = UsagePicture.of(found)
    if data is None:
        return None
    axis = Axis(data.begin, data.end, data.zone, WIDTH)
    whole, height = LEFT + WIDTH + RIGHT, TOP + len(data.limits) * (HIGH + APART)
    bands = [_band(limit, axis, TOP + n * (HIGH + APART)) for n, limit in enumerate(data.limits)]
    drawn = tag(
        "svg", list(_ticks(axis, height)), bands, role="img", aria_label=one_line(data.title), width=whole,
        height=height, viewBox=f"0 0 {whole} {height}",
    )  # fmt: skip
    more = tag("div", f"… and {data.more} more in the table", class_="rd-quiet") if data.more else None
    return tag("div", drawn, _legend(), more)


def _ticks(axis: Axis, height: float) -> Iterator[Markup]:
    for share, text in axis.ticks(6):
        x = LEFT + WIDTH * share
        yield tag("line", x1=x, x2=x, y1=TOP - 6, y2=height - APART + 4, stroke="var(--rd-edge)")
        yield tag("text", text, x=x, y=12, text_anchor="middle", class_="rd-quiet")


def _band(limit: LimitPicture, axis: Axis, y: float) -> Markup:
    top, bottom = limit.top, y + HIGH
    share = HIGH / top
    used = _stairs(axis, bottom, share, [(at, count) for at, count, _ in limit.steps])
    waits = _stairs(axis, bottom, share, [(at, count) for at, _, count in limit.steps])
    area = [(LEFT, bottom), *used, (LEFT + WIDTH, bottom)]
    most = max(count for _, count, _ in limit.steps)
    longest = max(count for _, _, count in limit.steps)
    bounded = "" if limit.slots is None else f" of {limit.slots}"
    said = f"{limit.limit}: at most {most}{bounded} in use, {longest} waiting"
    label = one_line(limit.limit)
    shown = label if len(label) <= MOST_LABEL else f"{label[: MOST_LABEL - 1]}…"
    bound = None if limit.slots is None else bottom - limit.slots * share
    dashed = {"stroke": "currentColor", "stroke_dasharray": "4 3", "class_": "rd-quiet"}
    return tag(
        "g", tag("title", said), tag("text", shown, x=2, y=bottom - HIGH / 2 + 4),
        tag("polygon", points=_points(area), fill="currentColor", class_="rd-blue"),
        tag("line", x1=LEFT, x2=LEFT + WIDTH, y1=bottom, y2=bottom, stroke="var(--rd-quiet)"),
        None if bound is None else tag("line", x1=LEFT, x2=LEFT + WIDTH, y1=bound, y2=bound, **dashed),
        None if bound is None else tag("text", str(limit.slots), x=LEFT + WIDTH + 6, y=bound + 4, class_="rd-quiet"),
        tag("polyline", points=_points(waits), fill="none", stroke="currentColor", stroke_width=2, class_="rd-orange")
        if longest else None,
        tag("text", "0", x=LEFT - 8, y=bottom + 4, text_anchor="end", class_="rd-quiet"),
        tag("text", str(top), x=LEFT - 8, y=y + 6, text_anchor="end", class_="rd-quiet"),
    )  # fmt: skip


def _stairs(
    axis: Axis, bottom: float, share: float, steps: Sequence[tuple[datetime, int]]
) -> list[tuple[float, float]]:  # fmt: skip
    level = bottom
    found: list[tuple[float, float]] = [(LEFT, bottom)]
    for at, count in steps:
        x = LEFT + WIDTH * axis.share(at)
        found.append((x, level))
        level = bottom - count * share
        found.append((x, level))
    return [*found, (LEFT + WIDTH, level)]


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{number(x)},{number(y)}" for x, y in places)


def _legend() -> Markup:
    def sign(colour: str, high: float) -> Markup:
        bar = tag("rect", x=0, y=6 - high / 2, width=14, height=high, fill="currentColor")
        return tag("svg", bar, class_=f"rd-glyph rd-{colour}", width=14, height=12, viewBox="0 0 14 12",
                   aria_hidden="true")  # fmt: skip

    texts = [(sign("blue", 10), "in use"), (sign("orange", 2), "waiting"), (tag("span", "┄ "), "slots")]
    return tag("div", [tag("span", mark, said, " \u2003") for mark, said in texts], class_="rd-quiet")
