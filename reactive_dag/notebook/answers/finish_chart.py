"""When something lands, over many futures: how often when, as columns, with quantiles and the deadline as lines.

Owns `FinishPicture`, the plain data. O(futures).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from attrs import frozen

from reactive_dag.model.times import to_datetime
from reactive_dag.notebook.kit.markup import Markup, number, tag
from reactive_dag.notebook.kit.times import Axis, Zone
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.window.arrays import BEYOND

COLUMNS, WIDTH, HEIGHT, TOP, BOTTOM, MARGIN = 48, 720, 110, 40, 22, 60
QUANTILES = (0.5, 0.9, 0.99)


@frozen
class FinishPicture:
    """How many futures land in each of the columns between the first and the last; lines are (instant, text, colour).

    `never` is the share of futures that do not land at all.
    """

    title: str
    begin: datetime
    end: datetime
    counts: tuple[int, ...]
    lines: tuple[tuple[datetime, str, str], ...]
    never: float
    zone: Zone

    @classmethod
    def of(cls, found: FinishTime) -> FinishPicture | None:
        """What is drawn of a finish; None where no future lands. O(futures)."""
        landed = found.ends[found.ends < BEYOND]
        if not len(landed):
            return None
        first, last = int(landed.min()), int(landed.max())
        due = found.due
        begin, end = (first, last) if due is None else (min(first, due), max(last, due))
        edge = max(end - begin, 1)
        counts = np.bincount(np.minimum((landed - begin) * COLUMNS // edge, COLUMNS - 1), minlength=COLUMNS)
        lines = [(at, f"p{share * 100:g}", "quiet") for share in QUANTILES if (at := found.quantile(share)) is not None]
        if due is not None:
            in_time = np.count_nonzero(landed < due) / max(found.n, 1)
            lines.append((to_datetime(due), f"deadline: {in_time:.0%} in time", "purple"))
        return cls(
            found.title, to_datetime(begin), to_datetime(end), tuple(map(int, counts)), tuple(lines),
            1 - found.succeeded, Zone(found.zone),
        )  # fmt: skip


def finish_svg(found: FinishTime) -> Markup | None:
    """A finish as SVG; None where no future lands. O(futures)."""
    data = FinishPicture.of(found)
    if data is None:
        return None
    axis = Axis(data.begin, data.end, data.zone, WIDTH)
    whole, height = WIDTH + 2 * MARGIN, TOP + HEIGHT + BOTTOM
    said = ", ".join(f"{text} {data.zone.text(at)}" for at, text, _ in data.lines)
    return tag(
        "svg", list(_columns(data)), list(_axis(axis)), list(_lines(data, axis)), role="img",
        aria_label=f"{data.title}: {said}", width=whole, height=height, viewBox=f"0 0 {whole} {height}",
    )  # fmt: skip


def _columns(data: FinishPicture) -> Iterator[Markup]:
    most, wide = max(data.counts), WIDTH / COLUMNS
    for n, count in enumerate(data.counts):
        if count:
            high = max(HEIGHT * count / most, 1)
            yield tag(
                "rect", tag("title", f"{count} of {sum(data.counts)} futures"), x=MARGIN + n * wide + 0.5,
                y=TOP + HEIGHT - high, width=wide - 1, height=high, fill="currentColor", class_="rd-blue",
            )  # fmt: skip


def _axis(axis: Axis) -> Iterator[Markup]:
    y = TOP + HEIGHT
    yield tag("line", x1=MARGIN, x2=MARGIN + WIDTH, y1=y, y2=y, stroke="var(--rd-quiet)")
    for share, text in axis.ticks(6):
        x = MARGIN + WIDTH * share
        yield tag("line", x1=x, x2=x, y1=y, y2=y + 4, stroke="var(--rd-quiet)")
        yield tag("text", text, x=x, y=y + 17, text_anchor="middle", class_="rd-quiet")


def _lines(data: FinishPicture, axis: Axis) -> Iterator[Markup]:
    """Quantiles and the deadline; names that would lie on each other stand on two lines."""
    ends = [-1.0, -1.0]
    for at, text, colour in sorted(data.lines):
        x = MARGIN + WIDTH * axis.share(at)
        half = len(text) * 3.6
        level = next((n for n, end in enumerate(ends) if end < x - half), 1)
        ends[level] = x + half + 4
        y = 14 + 15 * (1 - level)
        dashed = "5 3" if colour == "purple" else None
        said = f"{text} {data.zone.text(at)}"
        yield tag("line", tag("title", said), x1=x, x2=x, y1=y + 4, y2=TOP + HEIGHT, stroke="currentColor",
                  stroke_width=1.5, stroke_dasharray=dashed, class_=f"rd-{colour}")  # fmt: skip
        anchor = "start" if x - half < 0 else "end" if x + half > WIDTH + 2 * MARGIN else "middle"
        yield tag("text", tag("title", said), text, x=number(x), y=y, text_anchor=anchor, class_=f"rd-{colour}")
