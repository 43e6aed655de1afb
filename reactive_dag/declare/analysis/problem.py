"""One thing that is not right with a graph, and the errors among many as one message. Costs O(1), O(problems)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.model import pictures
from reactive_dag.model.payload import PlainForm
from reactive_dag.model.text import counted, one_line

Severity = Literal["error", "warning"]


@frozen
class Problem(PlainForm):
    """One thing that is not right: what kind, how bad, which ids, where it is declared, and what to do about it."""

    kind: str
    severity: Severity
    ids: tuple[str, ...]
    place: str
    text: str

    def __str__(self) -> str:
        return one_line(f"{self.severity}: {self.text} ({self.place})")


class Problems(list[Problem]):
    """All problems of a graph, errors first."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Problems", self)


def an_error(dag: Dag, kind: str, ids: Iterable[str], text: str, place: str | None = None) -> Problem:
    """An error of a DAG, at its place or another. O(1)."""
    return Problem(kind, "error", (dag.id, *ids), dag.place if place is None else place, text)


def a_warning(dag: Dag, kind: str, ids: Iterable[str], text: str, place: str | None = None) -> Problem:
    """A warning about a DAG, at its place or another. O(1)."""
    return Problem(kind, "warning", (dag.id, *ids), dag.place if place is None else place, text)


def cycle_problem(path: tuple[str, ...], text: str, place: str) -> Problem:
    """The cycle that a bulk would be refused for. O(1)."""
    return Problem("cycle", "error", path, place, text)


def summary(found: Iterable[Problem]) -> str:
    """The errors among these problems as one message, or "". O(problems)."""
    errors = [problem for problem in found if problem.severity == "error"]
    if not errors:
        return ""
    rows = [f"  {at}. {problem.text} ({problem.place})" for at, problem in enumerate(errors[:20], 1)]
    more = [f"  and {len(errors) - 20} more: see graph.problems()"] if len(errors) > 20 else []
    return "\n".join([f"{counted(len(errors), 'problem')} in this graph:", *rows, *more])
