"""How large a node is: as its text wants it, measured without a browser.

Owns the widths of letters, those of a wide sans serif (DejaVu Sans), so that the text fits in narrower ones too.
O(length) each.
"""

from __future__ import annotations

from unicodedata import east_asian_width

from reactive_dag.model.text import one_line
from reactive_dag.notebook.graphs.shown import ShownKind, ShownNode

LETTER = 12.0
"""The size of a node's text, and of its second line a pixel less."""
LONGEST_LABEL = 40
NARROW, WIDE = frozenset("ijlIft.,:;'|!()[]{}-/\\ r"), frozenset("mwMWGOQCDHNUK%@&#→…")
PADDING: dict[ShownKind, float] = {"task": 26, "dag": 28}
"""Left and right of the text together, the glyph included."""
HEIGHT, WITH_NOTE, PORT = 30.0, 44.0, 2.0


def fitted(text: str) -> str:
    """A text for a box: one line, and of a long one its two ends. O(length).

    >>> fitted("s3://lake/orders")
    's3://lake/orders'
    """
    line = one_line(text)
    half = LONGEST_LABEL // 2
    return line if len(line) <= LONGEST_LABEL else f"{line[: half - 1]}…{line[-half:]}"


def text_width(text: str, size: float = LETTER) -> float:
    """How wide a text is at most, in pixels. O(length).

    >>> text_width("mill") < text_width("mmmm")
    True
    """
    ems = sum(map(_ems, text))
    return round(ems * size, 1)


def _ems(letter: str) -> float:
    if letter in NARROW:
        return 0.38
    if letter in WIDE or letter.isupper():
        return 0.8
    return 1.0 if east_asian_width(letter) in "WF" else 0.61


def box_size(node: ShownNode) -> tuple[float, float]:
    """Width and height of a node. O(length)."""
    if node.kind == "port":
        return PORT, PORT
    width = max(text_width(node.label), text_width(node.note, LETTER - 1)) + PADDING.get(node.kind, 42)
    return max(width, HEIGHT), WITH_NOTE if node.note else HEIGHT
