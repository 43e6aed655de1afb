"""HTML and SVG that escape by construction: text becomes markup in one place, and it is escaped there.

Owns `Markup`, text that is markup already. Invariant: nothing else makes one from a string that somebody gave (a test
holds that the class is named nowhere else but for the style sheet). O(length).
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

from reactive_dag.model.text import one_line

WITHOUT_END = frozenset(
    {"br", "col", "hr", "img", "input", "meta", "path", "rect", "circle", "line", "polygon", "polyline", "use"}
)
"""Elements that are written without an end where nothing is inside."""


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


Content: TypeAlias = "str | Iterable[Content] | None"
Value: TypeAlias = "str | float | bool | None"


def tag(name: str, *inside: Content, **attributes: Value) -> Markup:
    """An element. O(length).

    Text inside is escaped, markup stays, None is nothing. `class_` is `class`, and `stroke_width` is `stroke-width`;
    an attribute that is None or False is left out, True is its name alone, numbers have at most two decimals, and of
    a text what moves a cursor is escaped, but for its lines.

    >>> tag("b", "<script>", class_="a", title='"', hidden=None)
    '<b class="a" title="&quot;">&lt;script&gt;</b>'
    >>> tag("path", d="M0 0", stroke_width=1.0)
    '<path d="M0 0" stroke-width="1"/>'
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    content = joined(*inside)
    if not content and name in WITHOUT_END:
        return Markup(f"<{name}{given}/>")
    return Markup(f"<{name}{given}>{content}</{name}>")


def joined(*inside: Content) -> Markup:
    """Texts and markup behind each other. O(length).

    >>> joined("a < b", [tag("i", "c"), None])
    'a &lt; b<i>c</i>'
    """
    return Markup("".join(_written(each) for each in inside))


def _written(inside: Content) -> str:
    if inside is None:
        return ""
    if isinstance(inside, str):
        return inside if type(inside) is Markup else escape(str.__str__(inside))
    return "".join(map(_written, inside))


def _attribute(key: str, value: Value) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if isinstance(value, float | int):
        return f' {name}="{number(value)}"'
    lines = "&#10;".join(escape(one_line(line)) for line in str.__str__(value).split("\n"))
    return f' {name}="{lines}"'


def number(value: float) -> str:
    """A number as SVG has it: at most two decimals. O(1).

    >>> number(1), number(0.126), number(-0.001)
    ('1', '0.13', '0')
    """
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
