"""What a notebook shows of a thing."""

from __future__ import annotations


def html(thing: object) -> str:
    """The picture of a thing."""
    return thing._repr_mimebundle_()["text/html"]


def plain(thing: object) -> str:
    """Its text, where no picture can be."""
    return thing._repr_mimebundle_()["text/plain"]
