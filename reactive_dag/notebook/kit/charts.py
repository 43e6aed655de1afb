"""Charts over time: rows with a label, bars and marks on one axis, what was before behind them, a note at the end.

Owns `Chart`, the plain data, and its drawing: Gantt charts, chains and shifts are such. O(rows + bars).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from reactive_dag.model.text import one_line
from reactive_dag.notebook.kit.markup import Markup, number, tag
from reactive_dag.notebook.kit.states import APPEARANCES, appearance_of, glyph
from reactive_dag.notebook.kit.times import Axis, Zone

ROW, BAR, THIN, GLYPH, TOP = 24, 10, 4, 12, 26
"""The heights of a row, a bar, a line of waiting; the size of a shape; what the axis takes above."""
CHARACTER = 7.2
"""How wide a character is, about."""
MOST_LABEL, MOST_NOTE = 34, 44
"""So many characters of a label and of a note are shown."""
WHOLE, LEAST = 820, 300
"""How wide a chart is, and its axis at least."""
HOLLOW = frozenset({"orange", "grey"})


@frozen
class ChartBar:
    """Something that lasted: when, in which state, and what is said of it. `thin`: it only waited.

    One with a `colour` of its own is no state, and shows no shape of one.
    """

    begin: datetime
    end: datetime
    state: str
    said: str = ""
    thin: bool = False
    colour: str = ""


@frozen
class ChartRow:
    """One row. `behind`: when it was before; `joined`: it follows the row above.

    `marks` are instants that stand out, as diamonds of a colour; `ends` is where the shape of a state stands, where
    that is not behind the last bar.
    """

    label: str
    bars: tuple[ChartBar, ...] = ()
    behind: tuple[ChartBar, ...] = ()
    marks: tuple[tuple[datetime, str, str], ...] = ()
    ends: tuple[datetime, str] | None = None
    note: str = ""
    whole: str = ""
    joined: bool = False

    @property
    def begin(self) -> datetime | None:
        """When the first of it that does not wait began."""
        times = [bar.begin for bar in self.bars if not bar.thin] + [at for at, _, _ in self.marks]
        return min(times, default=None)

    @property
    def end(self) -> datetime | None:
        """When the last of it ended."""
        return max([bar.end for bar in self.bars] + [at for at, _, _ in self.marks], default=None)


@frozen
class Chart:
    """A chart. `lines` are instants that stand out, with what they are: deadlines, quantiles. `more` is left out."""

    title: str
    rows: tuple[ChartRow, ...]
    zone: str = "UTC"
    lines: tuple[tuple[datetime, str], ...] = ()
    more: int = 0
    note: str = ""
    """What its marks mean."""

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first instant to the last; None where there is nothing. O(bars)."""
        times = [time for row in self.rows for bar in (*row.bars, *row.behind) for time in (bar.begin, bar.end)]
        times += [at for row in self.rows for at, _, _ in row.marks] + [at for at, _ in self.lines]
        return (min(times), max(times)) if times else None


class _Canvas:
    """Where the columns of a chart stand, and where an instant lies."""

    def __init__(self, chart: Chart, span: tuple[datetime, datetime]) -> None:
        labels = max((len(row.label) for row in chart.rows), default=0)
        notes = max((len(row.note) for row in chart.rows), default=0)
        self.left = min(labels, MOST_LABEL) * CHARACTER + 14
        right = min(notes, MOST_NOTE) * CHARACTER + GLYPH + 18
        self.width = max(WHOLE - self.left - right, LEAST)
        self.whole = self.left + self.width + right
        self.height = TOP + len(chart.rows) * ROW + 6 + (16 if chart.lines else 0)
        self.top = TOP + (16 if chart.lines else 0)
        self.axis = Axis(*span, Zone(chart.zone), self.width)

    def x(self, time: datetime) -> float:
        return self.left + self.width * self.axis.share(time)

    def y(self, row: int) -> float:
        return self.top + row * ROW + ROW / 2


def chart_svg(chart: Chart) -> Markup | None:
    """The chart as SVG; None where nothing is on it. O(rows + bars)."""
    span = chart.span
    if span is None:
        return None
    canvas = _Canvas(chart, span)
    rows = [_row(canvas, n, row, chart.rows[n - 1] if n else None) for n, row in enumerate(chart.rows)]
    return tag(
        "svg", list(_ticks(canvas)), list(_lines(canvas, chart)), rows, role="img", aria_label=one_line(chart.title),
        width=canvas.whole, height=canvas.height, viewBox=f"0 0 {number(canvas.whole)} {number(canvas.height)}",
    )  # fmt: skip


def _ticks(canvas: _Canvas) -> Iterator[Markup]:
    for share, text in canvas.axis.ticks(7):
        x = canvas.left + canvas.width * share
        yield tag("line", x1=x, x2=x, y1=canvas.top - 6, y2=canvas.height, stroke="var(--rd-edge)")
        anchor = "start" if share < 0.04 else "end" if share > 0.96 else "middle"
        yield tag("text", text, x=x, y=14, text_anchor=anchor, class_="rd-quiet")


def _lines(canvas: _Canvas, chart: Chart) -> Iterator[Markup]:
    for at, said in chart.lines:
        x = canvas.x(at)
        yield tag("line", tag("title", said), x1=x, x2=x, y1=TOP + 4, y2=canvas.height, stroke="currentColor",
                  stroke_width=1.5, stroke_dasharray="5 3", class_="rd-purple")  # fmt: skip
        share = canvas.axis.share(at)
        anchor = "start" if share < 0.1 else "end" if share > 0.9 else "middle"
        yield tag("text", one_line(said), x=x, y=TOP + 2, text_anchor=anchor, class_="rd-purple")


def _row(canvas: _Canvas, n: int, row: ChartRow, above: ChartRow | None) -> Markup:
    y = canvas.y(n)
    label = one_line(row.label)
    half = (MOST_LABEL - 1) // 2
    shown = label if len(label) <= MOST_LABEL else f"{label[:half]}…{label[-half:]}"
    note = one_line(row.note)
    short = note if len(note) <= MOST_NOTE else f"{note[: MOST_NOTE - 1]}…"
    end = row.end
    last = next((bar.state for bar in reversed(row.bars) if not bar.thin and not bar.colour), None)
    at = canvas.x(end) + 4 if end is not None else 0.0
    return tag(
        "g",
        tag("rect", x=0, y=y - ROW / 2, width=canvas.whole, height=ROW, fill="var(--rd-stripe)") if n % 2 else None,
        tag("title", one_line(row.whole)) if row.whole else None,
        tag("text", shown, x=2, y=y + 4), [_behind(canvas, y, bar) for bar in row.behind],
        _joint(canvas, y, row, above) if row.joined else None, [_bar(canvas, y, bar) for bar in row.bars],
        [_mark(canvas, y, *mark) for mark in row.marks],
        None if row.ends is None else _end(canvas, y, *row.ends),
        tag("svg", glyph(last), x=at, y=y - GLYPH / 2, width=GLYPH, height=GLYPH) if last else None,
        tag("text", short, x=canvas.left + canvas.width + GLYPH + 10, y=y + 4, class_="rd-quiet") if note else None,
    )  # fmt: skip


def _bar(canvas: _Canvas, y: float, bar: ChartBar) -> Markup:
    colour = bar.colour or (appearance_of(bar.state) or APPEARANCES["none"]).colour
    left, height = canvas.x(bar.begin), THIN if bar.thin else BAR
    hollow = colour in HOLLOW and not bar.thin and not bar.colour
    return tag(
        "rect", tag("title", bar.said or bar.state), x=left, y=y - height / 2,
        width=max(canvas.x(bar.end) - left, 2.5), height=height, rx=1.5, class_=f"rd-{colour}",
        fill="var(--rd-page)" if hollow else "currentColor", stroke="currentColor" if hollow else None,
        stroke_width=1.5 if hollow else None,
    )  # fmt: skip


def _behind(canvas: _Canvas, y: float, bar: ChartBar) -> Markup:
    left = canvas.x(bar.begin)
    if bar.begin == bar.end:
        return tag("circle", tag("title", bar.said), cx=left, cy=y, r=4, fill="none", stroke="currentColor",
                   stroke_width=1.5, class_="rd-grey")  # fmt: skip
    return tag(
        "rect", tag("title", bar.said), x=left, y=y - BAR / 2 - 3, width=max(canvas.x(bar.end) - left, 2.5),
        height=BAR + 6, rx=2, fill="none", stroke="currentColor", stroke_dasharray="3 2", class_="rd-grey",
    )  # fmt: skip


def _end(canvas: _Canvas, y: float, time: datetime, state: str) -> Markup:
    """The shape of a state at an instant, on a ground of its own."""
    x = canvas.x(time)
    ground = tag("circle", cx=x, cy=y, r=GLYPH / 2 + 2, fill="var(--rd-page)")
    shape = tag("svg", glyph(state), x=x - GLYPH / 2, y=y - GLYPH / 2, width=GLYPH, height=GLYPH)
    return tag("g", tag("title", state), ground, shape)


def _mark(canvas: _Canvas, y: float, time: datetime, said: str, colour: str) -> Markup:
    x, r = canvas.x(time), 5.0
    corners = ((x, y - r), (x + r, y), (x, y + r), (x - r, y))
    points = " ".join(f"{number(a)},{number(b)}" for a, b in corners)
    return tag("polygon", tag("title", said), points=points, fill="currentColor", class_=f"rd-{colour}")


def _joint(canvas: _Canvas, y: float, row: ChartRow, above: ChartRow | None) -> Markup | None:
    """A line from the end of the row above down to where this one begins."""
    start, begin = None if above is None else above.end, row.begin
    if start is None or begin is None:
        return None
    x = canvas.x(start)
    path = f"M{number(x)} {number(y - ROW + BAR / 2)}V{number(y)}H{number(max(canvas.x(begin), x))}"
    return tag("path", d=path, fill="none", stroke="currentColor", class_="rd-quiet")
