"""Drawings and other pictures of what is declared, which upper wings give.

Owns the one table of them: (class, MIME type) to a function, or to its name "module:function", which is imported when
a picture is first asked for. Nothing here knows who draws; where nothing is registered there is only text. A picture
that is asked for with options (`graph.draw`) is one of the type DRAWN.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeAlias

Picture: TypeAlias = Callable[[object], str]

_pictures: dict[tuple[str, str], Picture | str] = {}
_views: dict[str, str] = {}
DRAWN = "drawing"
"""Where the others have a MIME type: the function gives a `SavablePicture`, and takes options."""


class SavablePicture(Protocol):
    """A drawing as a value: in a notebook it shows itself."""

    def save(self, path: str | Path) -> Path:
        """Write it as a file, .svg or .html."""


def register(kind: str, mime: str, picture: Picture | str) -> None:
    """Let `picture` draw objects of the class named `kind` as `mime`; the last one registered counts. O(1).

    >>> register("Example", "text/html", lambda thing: f"<b>{thing}</b>")
    >>> bundle("Example", 3)
    {'text/plain': '3', 'text/html': '<b>3</b>'}
    """
    _pictures[kind, mime] = picture


def bundle(kind: str, thing: object) -> dict[str, str]:
    """What a notebook shows for `thing`: how it prints, and every picture registered for its kind. O(pictures).

    A picture of the type text/plain stands in the place of how it prints.
    """
    found = {
        mime: _loaded(of, mime, picture)(thing)
        for (of, mime), picture in list(_pictures.items())
        if of == kind and mime != DRAWN
    }
    return {"text/plain": found.pop("text/plain") if "text/plain" in found else str(thing), **found}


def drawing(kind: str, thing: object, **options: Any) -> SavablePicture:
    """A drawing of `thing` with options. Costs what the one who draws it says."""
    draws: Callable[..., SavablePicture] = _loaded(kind, DRAWN, _pictures[kind, DRAWN])  # type: ignore[assignment]
    return draws(thing, **options)


def register_view(kind: str, place: str) -> None:
    """Let `place` ("module:function") make what stays alive in a cell for objects of the class named `kind`. O(1)."""
    _views[kind] = place


def view_of(kind: str, thing: object) -> Any:
    """What stays alive in a cell for `thing`. Costs what the one who makes it says."""
    module, _, function = _views[kind].partition(":")
    return getattr(import_module(module), function)(thing)


def _loaded(kind: str, mime: str, picture: Picture | str) -> Picture:
    if not isinstance(picture, str):
        return picture
    module, _, function = picture.partition(":")
    found: Picture = getattr(import_module(module), function)
    _pictures[kind, mime] = found
    return found
