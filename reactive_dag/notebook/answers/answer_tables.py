"""A table of what a simulation was asked, drawn: its bars and lines as such, its times in the graph's zone.

O(cells that are shown).
"""

from __future__ import annotations

from collections.abc import Sequence

from reactive_dag.model.text import one_line
from reactive_dag.notebook.kit.bars import bar, curve
from reactive_dag.notebook.kit.tables import TableCell, cell_of, table, titled
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.whatif.answers.show import Bar, Curve, Instant, Table, shown_in
from reactive_dag.whatif.simulation import Simulation

STATE_COLUMNS = frozenset({"state"})


def draw_table(found: object) -> str:
    """A table as it stands in a notebook."""
    assert isinstance(found, Table)
    with shown_in(found.zone):
        title = one_line(found.title)
        rows, notes = found.shown()
    timed = any(isinstance(cell, Instant) for row in rows for cell in row)
    note = f"times in {found.zone}" if timed and found.zone not in title else ""
    above, below = titled(title, note, *notes)
    cells = [[_cell(text, name, row) for name, text in zip(found.columns, row)] for row in rows]
    columns = table(found.columns, cells, right=found.right, label=title) if rows else None
    return picture(above, columns, below)


def draw_simulation(found: object) -> str:
    """A simulation as its timeline."""
    assert isinstance(found, Simulation)
    return draw_table(found.timeline())


def _cell(text: str, column: str, row: Sequence[str]) -> TableCell:
    if isinstance(text, Bar):
        return TableCell(text, drawn=bar([(text.begin, text.end, text.state)], f"{row[0]} to {row[1]}: {text.state}"))
    if isinstance(text, Curve):
        return TableCell(text, drawn=curve(text.steps, f"{row[0]} over time"))
    return cell_of(text, column in STATE_COLUMNS)
