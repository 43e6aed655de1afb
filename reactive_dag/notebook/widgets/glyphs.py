"""The shapes of states as plain data, for scripts that draw them. O(states)."""

from __future__ import annotations

from reactive_dag.notebook.kit.states import APPEARANCES, SAME


def marks() -> dict[str, str]:
    """The character of each state. O(states).

    >>> marks()["success"]
    '✓'
    """
    return {state: look.mark for state, look in APPEARANCES.items()}


def glyphs() -> dict[str, list[str]]:
    """Of each state, and of each word that looks like one: colour, lines, what is filled. O(states).

    >>> glyphs()["success"][0], glyphs()["kept"] == glyphs()["success"]
    ('green', True)
    """
    found = {state: [look.colour, look.shape, look.full] for state, look in APPEARANCES.items()}
    return {**found, **{word: found[state] for word, state in SAME.items()}}
