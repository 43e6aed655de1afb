"""A marble diagram as SVG: a line a dataset or DAG, events as marbles, runs as bars, and what each firing took joined.

What lies on each other is drawn in lanes, below each other; a marble that nothing took is hollow. O(events + runs).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from reactive_dag.model.text import counted
from reactive_dag.notebook.kit.markup import Markup, number, tag
from reactive_dag.notebook.kit.states import APPEARANCES, appearance_of, glyph, state_shown
from reactive_dag.notebook.kit.tables import titled
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.notebook.kit.times import Axis, took_text
from reactive_dag.notebook.streams.lines import DATASET, DiagramData, Marble, RunMarble, StreamLine, Took

WIDTH, RIGHT, MOST_NAME = 540, 44, 22
"""How wide the lines are, what is free behind them for the arrow, and so many characters of a name are shown."""
TOP, LANE, SPACE = 26, 20, 24
"""How high the axis, a lane, and what lies between two lines are."""
RADIUS, BAR, GLYPH = 6.0, 10.0, 12.0
CHARACTER = 7.2
"""So wide at most is a character of a name."""
MOST_LANES = 4
"""So many lanes a line has; what finds none lies over the last."""


@frozen
class MarkPlace:
    """Where the middle of something stands."""

    x: float
    y: float


class _Layout:
    """Where everything stands."""

    def __init__(self, of: DiagramData) -> None:
        self.of = of
        self.left = min(max(len(line.shown) for line in of.lines), MOST_NAME) * CHARACTER + 20
        self.axis = Axis(of.start, of.end, of.tz, WIDTH)
        self.rows: list[tuple[StreamLine, float, int]] = []
        """Each line, the height of its first lane, and how many lanes it has."""
        self.places: dict[tuple[str, str, datetime], MarkPlace] = {}
        """Of each event and run, by its line, letter and instant."""
        self._lane_of: dict[tuple[str, str], float] = {}
        y = float(TOP + SPACE)
        for line in of.lines:
            lanes = self._put(line, y)
            self.rows.append((line, y, lanes))
            y += lanes * LANE + SPACE
        self.height = y

    def x(self, time: datetime) -> float:
        """Where an instant stands."""
        return self.left + WIDTH * self.axis.share(time)

    def _put(self, line: StreamLine, y: float) -> int:
        """Give each thing of a line the first lane that is free there; how many lanes there are."""
        free: list[float] = []
        for begin, end, key in sorted(self._extents(line)):
            lane = next((n for n, until in enumerate(free) if until <= begin), len(free))
            lane = min(lane, MOST_LANES - 1)
            free[lane : lane + 1] = [end]
            self.places[key] = MarkPlace(self.x(key[2]), y + lane * LANE)
            self._lane_of[key[:2]] = y + lane * LANE
        return max(len(free), 1)

    def _extents(self, line: StreamLine) -> Iterator[tuple[float, float, tuple[str, str, datetime]]]:
        for marble in line.marbles:
            x = self.x(marble.at)
            yield x - RADIUS - 1, x + RADIUS + 1, (line.name, marble.letter, marble.at)
        for firing in line.firings:
            end = max(self.x(self._until(firing)), self.x(firing.at) + RADIUS) + GLYPH + 4
            yield self.x(firing.at) - RADIUS, end, (line.name, firing.letter, firing.at)

    def _until(self, firing: RunMarble) -> datetime:
        if not firing.stretches:
            return firing.at if firing.state != "queued" else self.of.end
        return firing.ended or self.of.end

    def until(self, firing: RunMarble) -> float:
        """Where the bar of a run ends."""
        return self.x(self._until(firing))

    def came_from(self, took: Took) -> MarkPlace | None:
        """Where what a firing took stands: a marble, or the end of a run."""
        found = self.places.get((took.line, took.letter, took.at))
        if found is not None:
            return found
        lane = self._lane_of.get((took.line, took.letter)) if took.letter else None
        return None if lane is None else MarkPlace(self.x(took.at), lane)


def draw_marbles(found: object) -> str:
    """A marble diagram as it stands in a notebook."""
    assert isinstance(found, DiagramData)
    above, below = titled(found.title, found.tz.note, *found.left_out)
    if not any(line.marbles or line.firings for line in found.lines):
        return picture(above, tag("div", "nothing happened", class_="rd-quiet"))
    return picture(above, marbles_svg(found), _legend(found), below)


def marbles_svg(of: DiagramData) -> Markup:
    """The diagram alone, as SVG. O(events + runs)."""
    layout = _Layout(of)
    width, height = layout.left + WIDTH + RIGHT, layout.height
    events = counted(len(of.marbles), "event")
    label = f"{of.title}: {events}, {counted(len(of.firings), 'run')}"
    return tag(
        "svg", list(_ticks(layout)), [_row(layout, *row) for row in layout.rows],
        [_gathered(layout, firing) for firing in of.firings], [_joined(layout, firing) for firing in of.firings],
        [_marble(layout, line, each) for line in of.lines for each in line.marbles],
        [_run(layout, each) for line in of.lines for each in line.firings],
        role="img", aria_label=label, width=width, height=height, viewBox=f"0 0 {number(width)} {number(height)}",
    )  # fmt: skip


def _ticks(layout: _Layout) -> Iterator[Markup]:
    for share, text in layout.axis.ticks(8):
        x = layout.left + WIDTH * share
        yield tag("line", x1=x, x2=x, y1=20, y2=layout.height - SPACE / 2, stroke="var(--rd-edge)")
        yield tag("text", text, x=x, y=14, text_anchor="middle", class_="rd-quiet")


def _row(layout: _Layout, line: StreamLine, y: float, lanes: int) -> Markup:
    """The name of a line, and the line with its arrow."""
    half = (MOST_NAME - 1) // 2
    name = line.shown if len(line.shown) <= MOST_NAME else f"{line.shown[:half]}…{line.shown[-half:]}"
    end = layout.left + WIDTH + RIGHT - 8
    arrow = f"M{number(end - 6)} {number(y - 4)}L{number(end)} {number(y)}L{number(end - 6)} {number(y + 4)}"
    return tag(
        "g", tag("text", tag("title", line.name), name, x=0, y=y + 4),
        tag("line", x1=layout.left - 10, x2=end, y1=y, y2=y, stroke="var(--rd-quiet)"),
        tag("path", d=arrow, fill="none", stroke="var(--rd-quiet)"), class_="rd-quiet" if line.kind != "dag" else None,
    )  # fmt: skip


def _joined(layout: _Layout, firing: RunMarble) -> Iterator[Markup]:
    """Lines from what a firing took to where it stands; what only rides along is dashed."""
    to = layout.places[firing.line, firing.letter, firing.at]
    for took in firing.took:
        start = layout.came_from(took)
        if start is None:
            continue
        down = 1 if to.y >= start.y else -1
        y1, y2 = start.y + down * RADIUS, to.y - down * (BAR / 2 + 1)
        bend = max(abs(y2 - y1) * 0.45, 8) * down
        path = (
            f"M{number(start.x)} {number(y1)}C{number(start.x)} {number(y1 + bend)} "
            f"{number(to.x)} {number(y2 - bend)} {number(to.x)} {number(y2)}"
        )
        yield tag("path", d=path, fill="none", stroke="currentColor", class_="rd-quiet rd-join",
                  stroke_dasharray="3 3" if took.rides else None)  # fmt: skip


def _marble(layout: _Layout, line: StreamLine, marble: Marble) -> Markup:
    at = layout.places[line.name, marble.letter, marble.at]
    colour = "green" if line.kind == DATASET else "orange"
    title = tag("title", marble.text + ("" if marble.taken else "; no run shown here took it"))
    fill = "currentColor" if marble.taken else "var(--rd-page)"
    if line.kind == DATASET:
        shape = tag("circle", title, cx=at.x, cy=at.y, r=RADIUS - 1, fill=fill, stroke="currentColor", stroke_width=2)
    else:
        x, y, r = at.x, at.y, RADIUS
        corners = ((x, y - r), (x + r, y), (x, y + r), (x - r, y))
        points = " ".join(f"{number(a)},{number(b)}" for a, b in corners)
        shape = tag("polygon", title, points=points, fill=fill, stroke="currentColor", stroke_width=1.5)
    return tag("g", tag("g", shape, class_=f"rd-{colour}"), _letter(marble.letter, at.x, at.y - RADIUS - 4))


def _letter(letter: str, x: float, y: float) -> Markup | None:
    return tag("text", letter, x=x, y=y, text_anchor="middle", class_="rd-quiet") if letter else None


def _run(layout: _Layout, firing: RunMarble) -> Markup:
    at, end = layout.places[firing.line, firing.letter, firing.at], layout.until(firing)
    parts: list[Markup] = []
    begin = layout.x(firing.stretches[0].begin) if firing.stretches else end
    if begin > at.x:
        parts.append(tag("line", x1=at.x, x2=begin, y1=at.y, y2=at.y, stroke="currentColor", stroke_width=2,
                         stroke_dasharray="2 2", class_="rd-blue"))  # fmt: skip
    for stretch in firing.stretches:
        left, right = layout.x(stretch.begin), layout.x(stretch.end or layout.of.end)
        parts.append(_stretch(left, max(right - left, 3), at.y, stretch.state))
    mark = tag("svg", glyph(firing.state), x=max(end, at.x + 3) + 3, y=at.y - GLYPH / 2, width=GLYPH, height=GLYPH)
    notch = tag("line", x1=at.x, x2=at.x, y1=at.y - BAR / 2 - 2, y2=at.y + BAR / 2 + 2, stroke="currentColor",
                stroke_width=2, class_="rd-ink")  # fmt: skip
    return tag(
        "g", tag("title", _said(layout, firing)), parts, notch, mark, _letter(firing.letter, at.x, at.y + BAR / 2 + 14)
    )


def _stretch(x: float, width: float, y: float, state: str) -> Markup:
    found = appearance_of(state) or APPEARANCES["none"]
    hollow = found.colour in ("orange", "grey", "blue")
    return tag(
        "rect", x=x, y=y - BAR / 2, width=width, height=BAR, rx=2, class_=f"rd-{found.colour}", stroke="currentColor",
        fill="var(--rd-page)" if hollow else "currentColor",
    )  # fmt: skip


def _gathered(layout: _Layout, firing: RunMarble) -> Markup | None:
    """From when on its trigger gathered: from the first of what it took."""
    at = layout.places[firing.line, firing.letter, firing.at]
    begin = layout.x(firing.opened)
    if at.x - begin < 2:
        return None
    return tag(
        "rect", tag("title", f"gathered for {took_text(firing.opened, firing.at)}"), x=begin, y=at.y - 2,
        width=at.x - begin, height=4, class_="rd-orange rd-window", fill="currentColor",
    )  # fmt: skip


def _said(layout: _Layout, firing: RunMarble) -> str:
    tz = layout.of.tz
    run = f"run {firing.letter} of {firing.line}{f' ({firing.label})' if firing.label else ''} {firing.about}".strip()
    lines = [f"{run}: {firing.state}", f"requested {tz.text(firing.at)}"]
    if took := took_text(firing.opened, firing.at) if firing.opened < firing.at else "":
        lines.append(f"gathered for {took}")
    if firing.stretches:
        lines.append(f"began {tz.text(firing.stretches[0].begin)}, took "
                     f"{took_text(firing.stretches[0].begin, firing.ended) or 'no end yet'}")  # fmt: skip
    return "\n".join([*lines, f"took {firing.took_text}", f"key {firing.run}"])


def _legend(of: DiagramData) -> Markup:
    """What the marks mean, of those that there are."""
    states = dict.fromkeys(firing.state for firing in of.firings)
    left = any(not marble.taken for marble in of.marbles)
    gathered = any(firing.opened < firing.at for firing in of.firings)
    texts: list[Markup | str] = [state_shown(state, f"run: {state}") for state in states]
    if gathered:
        texts.append(tag("span", _window_sign(), "gathering"))
    if left:
        texts.append(tag("span", _hollow_sign(), "no run took it"))
    return tag("div", [(text, " \u2003") for text in texts], class_="rd-quiet")


def _window_sign() -> Markup:
    bar = tag("rect", x=0, y=4, width=18, height=4, fill="currentColor")
    return tag("svg", bar, class_="rd-glyph rd-orange", width=18, height=12, viewBox="0 0 18 12", aria_hidden="true")


def _hollow_sign() -> Markup:
    ring = tag("circle", cx=6, cy=6, r=4.5, fill="none", stroke="currentColor", stroke_width=2)
    return tag("svg", ring, class_="rd-glyph rd-green", width=12, height=12, viewBox="0 0 12 12", aria_hidden="true")
