"""What a name means in a finished course: one of its DAGs, or one of its runs.

Owns no state. Invariant: a DAG is known by that course, so one that the graph has lost since is known too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import known_dag
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import text_in
from reactive_dag.whatif.question.names import given_name

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph
    from reactive_dag.whatif.outcome.outcome import Outcome


class MeantRuns:
    """Finds the runs that are meant in one course of a graph."""

    def __init__(self, graph: Graph, outcome: Outcome) -> None:
        self._graph = graph
        self._outcome = outcome

    def of_dag(self, dag: Dag | str) -> Sequence[int]:
        """The runs of a DAG, in the order of their requests. O(1). Raises UnknownId for one that is in neither."""
        id = dag.id if isinstance(dag, Dag) else dag
        if isinstance(id, str) and id in self._outcome.by_dag:
            return self._outcome.by_dag[id]
        return self._outcome.by_dag.get(known_dag(self._graph, dag), ())

    def of_key(self, key: Run | str) -> int:
        """A run by its key, or by the first digits of it. O(runs). Raises UnknownId where that is not one run."""
        known, text = self._outcome.by_key, key.key if isinstance(key, Run) else text_in(key, "the key of a run")
        if text in known:
            return known[text]
        found = [run for name, run in known.items() if text and name.startswith(text)]
        if len(found) != 1:
            problem = f"{len(found)} runs have keys that begin with" if found else "no run has key"
            raise UnknownId(f"{problem} {text!r}; .runs lists them{did_you_mean(text, self._graph.dags)}")
        return found[0]

    def last_of(self, given: Dag | Run | str) -> int:
        """The run that is meant; of a DAG the one that ends last, before which comes one that does not. O(runs).

        Raises UnknownId for what is not here, and for a DAG that never ran.
        """
        if isinstance(given, Run):
            return self.of_key(given)
        name = given_name(given, "this question").text
        runs = self._outcome.by_dag.get(name)
        if runs:
            return max(runs, key=self._rank)
        if name in self._graph.dags:
            raise UnknownId(f"DAG {name!r} never ran in this course; .why({name!r}) says what it lacked")
        try:
            return self.of_key(name)
        except UnknownId:
            hint = did_you_mean(name, {*self._graph.dags, *self._outcome.by_dag})
            raise UnknownId(f"no DAG {name!r} in graph {self._graph.id!r}, nor a run of that key{hint}") from None

    def _rank(self, run: int) -> tuple[bool, int, int]:
        ended = self._outcome.ended(run)
        return ended is None, ended or 0, run
