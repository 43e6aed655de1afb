"""How states look: a colour, and a shape that says the same without it; in text the nearest character.

Owns `APPEARANCES`. One word for each, and the words that look like it (a kept deadline is a success). O(1).
"""

from __future__ import annotations

from attrs import frozen

from reactive_dag.notebook.kit.markup import Markup, joined, tag

RING = "M6 1.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4z"


@frozen
class Appearance:
    """A colour of the palette, a shape in a square of twelve, and its character."""

    colour: str
    shape: str
    mark: str
    full: str = ""
    """What of the shape is filled."""


APPEARANCES = {
    "success": Appearance("green", "M1.8 6.6 4.8 9.6 10.4 2.8", "✓"),
    "failed": Appearance("red", "M2.2 2.2 9.8 9.8M9.8 2.2 2.2 9.8", "✕"),
    "upstream_failed": Appearance("red", "M6 1.6 11 10.2H1z", "△"),
    "running": Appearance("blue", "", "▶", "M3 1.6 10.4 6 3 10.4z"),
    "queued": Appearance("blue", RING, "○"),
    "waiting": Appearance("orange", RING, "◐", "M6 1.8a4.2 4.2 0 0 0 0 8.4z"),
    "retrying": Appearance("orange", "M9.9 4.2A4.3 4.3 0 1 0 10.3 6.8M10.4 1.4v3h-3", "↻"),
    "skipped": Appearance("grey", "M2 2.4 5.4 6 2 9.6M6.4 2.4 9.8 6 6.4 9.6", "»"),
    "cancelled": Appearance("purple", f"{RING}M3.1 8.9 8.9 3.1", "⊘"),
    "missed": Appearance("purple", "", "◆", "M6 .8 11.2 6 6 11.2.8 6z"),
    "missing": Appearance("orange", "M6 1 11 6 6 11 1 6z", "◇"),
    "warning": Appearance("orange", "M6 1.6 11 10.2H1zM6 5v2.2M6 8.7v.1", "⚠"),
    "none": Appearance("grey", "M3 6h6", "–"),
}
SAME = {"kept": "success", "there": "success", "error": "failed", "paused": "none"}
"""Words that look like another."""


def appearance_of(state: str) -> Appearance | None:
    """How a state looks; None for a word that is none. O(1).

    >>> appearance_of("kept").mark, appearance_of("orders")
    ('✓', None)
    """
    return APPEARANCES.get(SAME.get(state, state))


def glyph(state: str) -> Markup:
    """The shape of a state, which says nothing to a screen reader: its word stands beside it. O(1)."""
    found = appearance_of(state) or APPEARANCES["none"]
    paths = joined(
        tag("path", d=found.full, class_="rd-full", stroke="none", fill="currentColor") if found.full else None,
        tag("path", d=found.shape) if found.shape else None,
    )
    return tag(
        "svg", paths, class_=f"rd-glyph rd-{found.colour}", viewBox="0 0 12 12", width=12, height=12, fill="none",
        stroke="currentColor", stroke_width=1.8, aria_hidden="true",
    )  # fmt: skip


def state_shown(state: str, said: str | None = None) -> Markup:
    """A state as its shape and its word, or what is `said` in its place. O(1)."""
    return tag("span", glyph(state), state if said is None else said, class_="rd-state")


def state_text(state: str) -> str:
    """A state in text. O(1).

    >>> state_text("success"), state_text("orders")
    ('✓ success', 'orders')
    """
    found = appearance_of(state)
    return state if found is None else f"{found.mark} {state}"
