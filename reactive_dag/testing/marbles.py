"""Marbles: what happened as lines of text, one a dataset or DAG, one character a frame.

`-` is nothing, a letter an event or run of what the letter stands for, `o` one of nothing in particular, `#` a run that
failed, `x` one that was cancelled or skipped, `(ab)` several in one frame, which together are one frame wide; a `|` at
the end and blanks mean nothing. Owns the reading and drawing of lines. O(characters).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from attrs import frozen

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.text import seen
from reactive_dag.notebook.streams.frames import NO_EVENT, framed

Letters: TypeAlias = "tuple[tuple[str, Mapping[str, Any]], ...]"
"""Letters, and the fields of an event that each stands for; a later one of the same letter counts."""

ANY, FAILED, NOT_DONE = "o", "#", "x"
MOST_FRAMES = 500
"""So many frames at most are drawn."""


@frozen
class MarbleLine:
    """A name, and what stands in which frame."""

    name: str
    marks: tuple[tuple[int, str], ...]

    @property
    def sorted_marks(self) -> list[tuple[int, str]]:
        """In order: what happens in one frame has none."""
        return sorted(self.marks)


def lines_of(text: str) -> list[MarbleLine]:
    """The marble lines of a text. O(its length). Raises InvalidValue for one that is none.

    >>> lines_of("orders -a(bc)-|")
    [MarbleLine(name='orders', marks=((1, 'a'), (2, 'b'), (2, 'c')))]
    """
    if not isinstance(text, str):
        raise InvalidValue(f"marble lines are text, not {seen(text)}")
    found = [_line(line) for line in text.splitlines() if line.strip()]
    twice = {line.name for line in found if sum(line.name == other.name for other in found) > 1}
    if twice:
        raise InvalidValue(f"two marble lines are called {min(twice)!r}; write what happens there in one")
    return found


def _line(line: str) -> MarbleLine:
    name, *rest = line.split()
    frame, inside, marks = 0, False, list[tuple[int, str]]()
    text = "".join(rest)
    for place, char in enumerate(text):
        if char == "|" and place == len(text) - 1 and not inside:
            break
        if char in "()":
            if inside == (char == "("):
                raise InvalidValue(f"the marbles of {name!r}, {text!r}: the parentheses do not match")
            inside = char == "("
        elif char.isalnum() or char == FAILED:
            marks.append((frame, char))
        elif char != NO_EVENT or inside:
            raise InvalidValue(
                f"the marbles of {name!r}, {text!r}: {char!r} is none; write '-', letters, digits, '#' or '(ab)'"
            )
        frame += not inside
    if inside:
        raise InvalidValue(f"the marbles of {name!r}, {text!r}: the parentheses do not match")
    if not rest:
        raise InvalidValue(
            f"the line {line.strip()!r} has a name and no marbles; '-' is a frame in which nothing happens"
        )
    return MarbleLine(name, tuple(marks))


def drawn(lines: Sequence[MarbleLine], frames: int) -> list[str]:
    """The marbles of each line, the frames below each other. O(lines * frames)."""
    frames = max([frames, *(frame + 1 for line in lines for frame, _ in line.marks)])
    cells = [[""] * min(frames, MOST_FRAMES) for _ in lines]
    for row, line in zip(cells, lines):
        for frame, mark in line.sorted_marks:
            if frame < len(row):
                row[frame] += mark
    more = "" if frames <= MOST_FRAMES else " …"
    return ["".join(row).rstrip() + more for row in framed(cells)]


# ------------------------------------------------------------------------------------------------ letters


def letters_of(given: Mapping[str, object]) -> Letters:
    """What a user says that letters stand for. O(given). Raises InvalidValue."""
    found: list[tuple[str, Mapping[str, Any]]] = []
    for letter, value in given.items():
        if len(letter) != 1 or letter in (ANY, NOT_DONE):
            raise InvalidValue(
                f"letters(): {letter!r} is no letter of a marble line; give one, not {ANY!r} or {NOT_DONE!r}"
            )
        if not isinstance(value, str | Mapping):
            raise InvalidValue(f"letters(): {letter}= is a partition or a dict of an event's fields, not {seen(value)}")
        found.append((letter, {"partition": value} if isinstance(value, str) else dict(value)))
    return tuple(found)


def fields_of(letter: str, letters: Letters) -> dict[str, Any]:
    """The fields of an event that a letter stands for. O(letters). Raises InvalidValue for what nobody publishes."""
    if letter in (FAILED, NOT_DONE):
        raise InvalidValue(f"{letter!r} is how a run ends, which nobody publishes or starts; say .fails(task)")
    given = dict(letters).get(letter)
    return dict(given) if given is not None else {} if letter == ANY else {"partition": letter}


def letter_of(partition: str | None, date: str, letters: Letters) -> str:
    """The letter of an event or run with a partition, or a date as the scenario writes it. O(letters)."""
    for letter, fields in reversed(letters):
        if fields.get("partition", fields.get("logical_date")) in (partition or date, date):
            return letter
    return partition if partition is not None and len(partition) == 1 and partition.isalnum() else ANY
