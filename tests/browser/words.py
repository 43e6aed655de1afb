"""The words of the pictures in a page, and how far they stand out from what they lie on (N2)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from reactive_dag.notebook.kit.palette import contrast
from tests.browser.page import Notebook

WORDS = """() => {
    const parsed = text => (text.match(/[0-9.]+/g) || []).map(Number);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parsed(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const picture of document.querySelectorAll('.rd'))
        for (const each of picture.querySelectorAll('*')) {
            const own = [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
            if (!own || each.closest('title, style')) continue;
            const style = getComputedStyle(each);
            const ink = parsed(each instanceof SVGElement ? style.fill : style.color);
            found.push([each.textContent.slice(0, 40), ink, behind(each)]);
        }
    return found;
}"""
"""Each element of a picture that has text of its own: the text, its colour, and the one behind it."""


@frozen
class Word:
    """A text, its colour, and the one behind it, as #rrggbb."""

    text: str
    ink: str
    behind: str


def hexed(page: list[float], ink: list[float]) -> str:
    """A colour as #rrggbb; one that lets something through is mixed with what lies behind it."""
    share = ink[3] if len(ink) > 3 else 1.0
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(ink, page))


def words_of(book: Notebook) -> list[Word]:
    """All words of the pictures that a notebook shows."""
    return [Word(text, hexed(page, ink), hexed(page, page)) for text, ink, page in book.page.evaluate(WORDS)]


def pale(words: Iterable[Word]) -> list[Word]:
    """Those with too little contrast (WCAG 2, AA)."""
    return [word for word in words if contrast(word.ink, word.behind) < 4.5]
