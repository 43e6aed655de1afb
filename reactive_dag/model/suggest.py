"""The "did you mean" of error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """A hint that begins with a semicolon, or nothing. O(known).

    >>> did_you_mean("ingset", ["ingest", "report"])
    "; did you mean 'ingest'?"
    """
    close = get_close_matches(name, list(known), n=1) if isinstance(name, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""
