"""Bars and lines over time that stand in a cell: what a Gantt chart and a use of slots are made of. O(points)."""

from __future__ import annotations

from collections.abc import Sequence

from reactive_dag.notebook.kit.markup import Markup, joined, number, tag
from reactive_dag.notebook.kit.states import APPEARANCES, appearance_of

WIDTH, HEIGHT, THIN = 240, 14, 2
"""Of a line with bars, and the width of a bar for what took no time."""


def bar(spans: Sequence[tuple[float, float, str]], label: str) -> Markup:
    """Bars on one line: begin and end as shares of it, and the state of each, which is in its title. O(spans).

    What waits is hollow, what runs on is open at its end.
    """
    return tag(
        "svg", tag("line", x1=0, x2=WIDTH, y1=HEIGHT - 0.5, y2=HEIGHT - 0.5, stroke="var(--rd-edge)"),
        [_span(*span) for span in spans], role="img", aria_label=label, width=WIDTH, height=HEIGHT,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
    )  # fmt: skip


def _span(begin: float, end: float, state: str) -> Markup:
    found = appearance_of(state) or APPEARANCES["none"]
    left = min(begin * WIDTH, WIDTH - THIN)
    size = max((end - begin) * WIDTH, THIN)
    hollow = found.colour in ("orange", "grey")
    inset = 0.75 if hollow and size > THIN else 0.0
    return tag(
        "rect", tag("title", state), x=left + inset, y=2 + inset, width=size - 2 * inset, height=HEIGHT - 5 - 2 * inset,
        rx=1.5, class_=f"rd-{found.colour}", fill="none" if inset else "currentColor",
        stroke="currentColor" if inset else None, stroke_width=1.5 if inset else None,
    )  # fmt: skip


def curve(steps: Sequence[tuple[float, float]], label: str) -> Markup:
    """A filled line that steps: (share of the width, share of the height) of each change. O(steps)."""
    height = 2 * HEIGHT
    points, level = [f"0,{height}"], float(height)
    for at, share in steps:
        x = number(WIDTH * at)
        points.append(f"{x},{number(level)}")
        level = height - (height - 1) * share
        points.append(f"{x},{number(level)}")
    shape = tag("polygon", points=" ".join([*points, f"{WIDTH},{height}"]), fill="currentColor", class_="rd-blue")
    base = tag("line", x1=0, x2=WIDTH, y1=height - 0.5, y2=height - 0.5, stroke="var(--rd-edge)")
    top = tag("line", x1=0, x2=WIDTH, y1=0.5, y2=0.5, stroke="var(--rd-edge)", stroke_dasharray="2 3")
    return tag(
        "svg", joined(top, shape, base), role="img", aria_label=label, width=WIDTH, height=height,
        viewBox=f"0 0 {WIDTH} {height}",
    )  # fmt: skip
