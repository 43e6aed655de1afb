"""What `graph.problems()` gives: errors first, each with what it is about and where. O(problems that are shown)."""

from __future__ import annotations

from reactive_dag.declare.analysis.problem import Problems
from reactive_dag.model.text import counted
from reactive_dag.notebook.kit.states import state_shown
from reactive_dag.notebook.kit.tables import table, titled
from reactive_dag.notebook.kit.theme import picture

MOST_PROBLEMS = 200
NAMES = ("severity", "what", "kind", "where")


def heading(found: Problems) -> str:
    """How many errors and warnings. O(problems)."""
    errors = sum(problem.severity == "error" for problem in found)
    return f"{counted(errors, 'error')}, {counted(len(found) - errors, 'warning')}" if found else "no problems"


def problems_text(found: object) -> str:
    """Problems as text, one a line."""
    assert isinstance(found, Problems)
    return "\n".join([heading(found), *[f"  {problem}" for problem in found[:MOST_PROBLEMS]], *_more(found)])


def draw_problems(found: object) -> str:
    """Problems as a table."""
    assert isinstance(found, Problems)
    if not found:
        return picture(state_shown("success", heading(found)))
    above, below = titled(heading(found), "", *_more(found))
    rows = [[problem.severity, problem.text, problem.kind, problem.place] for problem in found[:MOST_PROBLEMS]]
    return picture(above, table(NAMES, rows, states={"severity"}, label=heading(found)), below)


def _more(found: Problems) -> list[str]:
    return [f"… and {len(found) - MOST_PROBLEMS} more: the list has them all"] if len(found) > MOST_PROBLEMS else []
