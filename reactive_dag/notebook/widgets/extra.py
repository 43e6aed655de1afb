"""What needs the extra `notebook` says so. Owns no state. O(1)."""

from __future__ import annotations

from importlib.util import find_spec


def need_anywidget(what: str) -> None:
    """Go on where anywidget is installed. O(1). Raises ImportError."""
    if find_spec("anywidget") is None:
        raise ImportError(f"{what} needs anywidget: pip install 'reactive-dag[notebook]'")
