"""The colours, each with a value for a light and one for a dark page, and how far they stand out.

The hues are those of Okabe and Ito ("Color Universal Design", 2008; Wong, Nature Methods 8, 441, 2011), which people
with any common colour blindness can tell apart; on a light page they are darker, so that a mark or a word in one
of them has a contrast of 4.5 to 1 with what it lies on (WCAG 2, AA). The tests compute that. No colour means
something by itself: each state has a shape too (states.py).
"""

from __future__ import annotations

from attrs import frozen


@frozen
class Colour:
    """One colour: its value on a light page, on a dark one, and the variables of the notebook that it takes instead."""

    light: str
    dark: str
    instead: tuple[str, ...] = ()

    @property
    def css(self) -> str:
        """Its value in the style sheet. O(1).

        >>> Colour("#000", "#fff", ("--jp-a",)).css
        'var(--jp-a, light-dark(#000, #fff))'
        """
        value = f"light-dark({self.light}, {self.dark})"
        for name in reversed(self.instead):
            value = f"var({name}, {value})"
        return value


SURFACES = {
    "page": Colour("#ffffff", "#111111", ("--jp-layout-color0", "--vscode-editor-background")),
    "stripe": Colour("#f6f8fa", "#1c1f24"),
    "edge": Colour("#d0d7de", "#3d444d"),
}
"""What things lie on, and the lines between them."""

INKS = {
    "ink": Colour("#1f2328", "#e6edf3", ("--jp-content-font-color1", "--vscode-editor-foreground")),
    "quiet": Colour("#57606a", "#9ea7b3"),
    "green": Colour("#00734f", "#2bb58a"),
    "red": Colour("#b04300", "#f0803c"),
    "blue": Colour("#00639c", "#56b4e9"),
    "orange": Colour("#855a00", "#e69f00"),
    "purple": Colour("#99396f", "#d992bd"),
    "grey": Colour("#5c6670", "#9ea7b3"),
}
"""What stands on them: words, marks, lines of a graph."""


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21, as WCAG 2 defines it. O(1).

    >>> contrast("#000000", "#ffffff")
    21.0
    """
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
