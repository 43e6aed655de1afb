"""Drawings and other pictures of what is declared, which upper wings give.

Owns the one table of them: (class, MIME type) to a function, or to its name "module:function", which is imported when
a picture is first asked for. Nothing here knows who draws; where nothing is registered there is only text.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

Picture: TypeAlias = Callable[[object], str]

_pictures: dict[tuple[str, str], Picture | str] = {}


def register(kind: str, mime: str, picture: Picture | str) -> None:
    """Let `picture` draw objects of the class named `kind` as `mime`; the last one registered counts. O(1).

    >>> register("Example", "text/html", lambda thing: f"<b>{thing}</b>")
    >>> bundle("Example", 3)
    {'text/plain': '3', 'text/html': '<b>3</b>'}
    """
    _pictures[kind, mime] = picture


def bundle(kind: str, thing: object) -> dict[str, str]:
    """What a notebook shows for `thing`: its text, and every picture registered for its kind. O(pictures)."""
    found = {"text/plain": repr(thing)}
    for (of, mime), picture in list(_pictures.items()):
        if of == kind:
            found[mime] = _loaded(of, mime, picture)(thing)
    return found


def _loaded(kind: str, mime: str, picture: Picture | str) -> Picture:
    if not isinstance(picture, str):
        return picture
    module, _, function = picture.partition(":")
    found: Picture = getattr(import_module(module), function)
    _pictures[kind, mime] = found
    return found
