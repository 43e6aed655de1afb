"""Tables: text left, numbers right, states with their shapes, what is shortened with the whole in its title.

Owns `TableCell` and `table`. O(cells).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

from attrs import frozen

from reactive_dag.model.text import one_line
from reactive_dag.notebook.kit.markup import Markup, tag
from reactive_dag.notebook.kit.states import appearance_of, state_shown

BREAKS_AFTER = 48
"""A longer text breaks into lines."""


@frozen
class TableCell:
    """One cell: its text, the whole of it, and what is drawn in its place."""

    text: str
    whole: str = ""
    drawn: Markup | None = None


CellContent: TypeAlias = "TableCell | str"


def cell_of(text: str, is_state: bool = False) -> TableCell:
    """A text as a cell: with its whole where it is a short one, with its shape where it is a state. O(length).

    >>> from reactive_dag.model.text import Short
    >>> cell_of("orders").text, cell_of(Short("68", "6853")).whole
    ('orders', '6853')
    """
    whole = getattr(text, "whole", "")
    word, _, more = text.partition(" ")
    drawn = state_shown(word, f"{word} {more}".strip()) if is_state and appearance_of(word) is not None else None
    return TableCell(one_line(text), whole, drawn)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[CellContent]], *, right: Collection[str] = (),
    states: Collection[str] = (), label: str | None = None,
) -> Markup:  # fmt: skip
    """A table; the columns named in `right` are aligned there, those in `states` hold states. O(cells)."""
    named = [(name, name in right, name in states) for name in columns]
    head = tag(
        "tr", [tag("th", name, scope="col", class_="rd-right" if aligned else None) for name, aligned, _ in named]
    )
    body = [
        tag("tr", [_data(given, aligned, is_state) for given, (_, aligned, is_state) in zip(row, named, strict=True)])
        for row in rows
    ]
    return tag("table", tag("thead", head), tag("tbody", body), class_="rd-table", aria_label=label)


def _data(given: CellContent, right: bool, is_state: bool) -> Markup:
    cell = given if isinstance(given, TableCell) else cell_of(given, is_state)
    breaks = len(cell.text) > BREAKS_AFTER and cell.drawn is None
    kinds = [name for name, holds in (("rd-right", right), ("rd-long", breaks)) if holds]
    shown = cell.text if cell.drawn is None else cell.drawn
    return tag("td", shown, class_=" ".join(kinds) or None, title=cell.whole or None)


def titled(title: str, note: str, *below: str | Markup) -> tuple[list[Markup], list[Markup]]:
    """A line above a table, with a quiet remark beside it, and quiet lines below. O(length)."""
    remark = tag("span", f" · {note}" if title else note, class_="rd-quiet") if note else None
    above = [tag("div", tag("span", title, class_="rd-title") if title else None, remark)] if title or note else []
    return above, [tag("div", line, class_="rd-quiet") for line in below]
