"""What a simulation was asked, drawn: a chart where time is what matters, and the table with all that is said.

Bars and lines of a table are drawn as such, its times stand in the graph's zone. O(cells that are shown).
"""

from __future__ import annotations

from collections.abc import Sequence

from reactive_dag.model.text import one_line
from reactive_dag.notebook.answers.answer_charts import comparison_chart, landing_chart, path_chart, timeline_chart
from reactive_dag.notebook.answers.finish_chart import finish_svg
from reactive_dag.notebook.answers.usage_chart import usage_svg
from reactive_dag.notebook.kit.bars import bar, curve
from reactive_dag.notebook.kit.charts import Chart, chart_svg
from reactive_dag.notebook.kit.markup import Markup, tag
from reactive_dag.notebook.kit.tables import TableCell, cell_of, table, titled
from reactive_dag.notebook.kit.theme import picture
from reactive_dag.whatif.answers.critical_path import CriticalPath
from reactive_dag.whatif.answers.show import Bar, Curve, Instant, Table, shown_in
from reactive_dag.whatif.answers.timeline import Timeline
from reactive_dag.whatif.answers.usage import Usage
from reactive_dag.whatif.comparison.compare import Comparison
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.futures.futures import Futures
from reactive_dag.whatif.simulation import Simulation

STATE_COLUMNS = frozenset({"state", ""})


def draw_table(found: object) -> str:
    """An answer as it stands in a notebook."""
    assert isinstance(found, Table)
    return _drawn(found, _svg(found))


def draw_simulation(found: object) -> str:
    """A simulation as its timeline; behind it that of the one that it was asked from."""
    assert isinstance(found, Simulation)
    timeline = found.timeline()
    base = None if found.parent is None else found.parent.outcome
    return _drawn(timeline, _chart(timeline_chart(timeline, base)) if len(timeline) else None)


def _svg(found: Table) -> Markup | None:
    """The chart of an answer, if there is one."""
    if isinstance(found, FinishTime):
        return finish_svg(found)
    if isinstance(found, Usage):
        return usage_svg(found)
    with shown_in(found.zone):
        chart = chart_of(found)
    return None if chart is None else _chart(chart)


def chart_of(found: Table) -> Chart | None:
    """The chart of a timeline, path, comparison or of many futures; None for other tables. O(rows)."""
    if isinstance(found, Timeline):
        return timeline_chart(found) if len(found) else None
    if isinstance(found, CriticalPath):
        return path_chart(found)
    if isinstance(found, Comparison):
        return comparison_chart(found)
    return landing_chart(found) if isinstance(found, Futures) else None


def _chart(chart: Chart) -> Markup | None:
    drawn = chart_svg(chart)
    more = f"… and {chart.more} more in the table" if chart.more else ""
    below = "; ".join(filter(None, (more, chart.note)))
    if drawn is None or not below:
        return drawn
    return tag("div", drawn, tag("div", below, class_="rd-quiet"))


def _drawn(found: Table, chart: Markup | None) -> str:
    with shown_in(found.zone):
        title = one_line(found.title)
        rows, notes = found.shown()
    timed = any(isinstance(cell, Instant) for row in rows for cell in row)
    note = f"times in {found.zone}" if timed and found.zone not in title else ""
    above, below = titled(title, note, *notes)
    cells = [[_cell(text, name, row) for name, text in zip(found.columns, row)] for row in rows]
    columns = table(found.columns, cells, right=found.right, label=title) if rows else None
    if chart is not None and columns is not None:
        columns = tag("details", tag("summary", "as a table", class_="rd-quiet"), columns)
    return picture(above, chart, columns, below)


def _cell(text: str, column: str, row: Sequence[str]) -> TableCell:
    if isinstance(text, Bar):
        return TableCell(text, drawn=bar([(text.begin, text.end, text.state)], f"{row[0]} to {row[1]}: {text.state}"))
    if isinstance(text, Curve):
        return TableCell(text, drawn=curve(text.steps, f"{row[0]} over time"))
    return cell_of(text, column in STATE_COLUMNS)
