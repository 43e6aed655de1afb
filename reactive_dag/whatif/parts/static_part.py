"""Which part of a graph is static, and what the rest takes from it.

Owns `StaticPart`. What is static, and follows nothing that is not, is compiled to a window, unless it shares a limit
with the rest. The *border* are the DAGs of it that the rest hears or awaits. Invariant: nothing of the rest decides
when anything of the static part happens. O(DAGs + edges) besides what compiling costs, once for each DAG that turns out
not to be static as it is compiled.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

from reactive_dag.declare.internals import analysis_of, settings_of
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.walks import walk
from reactive_dag.whatif.loops.checks import lost_in
from reactive_dag.whatif.window.compile import compile_window
from reactive_dag.whatif.window.remembered import remembered
from reactive_dag.whatif.window.white_list import NotStatic, refused

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.wait import Wait
    from reactive_dag.triggers.base import Trigger
    from reactive_dag.whatif.question.question import Question
    from reactive_dag.whatif.window.arrays import Window

MOST_PARTS = 8
"""So many static parts of one version of a graph at most are remembered."""

REASONS_SHOWN = 3
"""So many reasons at most are told."""


Reasons: TypeAlias = tuple[tuple[str, str], ...]
"""Why DAGs are not static."""


@frozen(eq=False)
class HeardEnds:
    """A part of a trigger that hears how the runs of these DAGs end, but only in these states."""

    dags: frozenset[str]
    states: frozenset[str]


@frozen(eq=False)
class StaticPart:
    """The static part of a graph, `dags`, as a window; `rest` are the other DAGs with triggers, `why` says why.

    Of the static part the rest needs the `border`, of which its waits see the `awaited`, and of what `stars` hear the
    DAGs that end so. `datasets` are those whose events the rest hears or awaits. `users` are the static DAGs that share
    a pool, by DAG. `told` are reasons that nothing but an answer gave. `joins` says whether a trigger of the static
    part keeps items until others come.
    """

    window: Window
    dags: frozenset[str]
    rest: tuple[str, ...]
    why: str
    border: frozenset[str]
    awaited: frozenset[str]
    stars: tuple[HeardEnds, ...]
    datasets: frozenset[str]
    users: dict[str, frozenset[str]]
    told: Reasons
    joins: bool

    def played(self, ended: dict[str, set[str]]) -> frozenset[str]:
        """The static DAGs that the reference plays too, by the states in which runs of each `ended`. O(DAGs)."""
        found = set(self.border)
        for star in self.stars:
            found |= {dag for dag in star.dags if not star.states.isdisjoint(ended.get(dag, ()))}
        for dag in list(found):
            found |= self.users.get(dag, frozenset())
        return frozenset(found)


def part_of(question: Question, told: Reasons = ()) -> StaticPart:
    """The static part of a question's graph, as it is now, without the DAGs that are `told` not to be static.

    O(1), the first time as compiling. Raises NotStatic.
    """
    return remembered(question, StaticPart, MOST_PARTS, lambda: _Parting(question, told).parted(), told)


class _Parting:
    """Parts one graph: `reasons` says of DAGs why they are not static, `rest` are those and what follows them."""

    def __init__(self, question: Question, told: Reasons) -> None:
        self.question = question
        self.graph: Graph = question.graph
        self.analysis = analysis_of(question.graph)
        self.triggers: dict[str, list[Trigger]] = {
            id: [trigger for trigger, _ in self.analysis.effective(id).values()]
            for id, dag in self.graph.dags.items() if dag.triggers
        }  # fmt: skip
        self.told = told
        self.reasons: dict[str, str] = dict(told)
        self.rest: set[str] = set()

    def parted(self) -> StaticPart:
        """The static part. Raises NotStatic where there is none."""
        for id, triggers in self.triggers.items():
            if why := refused(self.graph.dags[id], triggers):
                self.reasons[id] = why
        while True:
            self._settle()
            if len(self.rest) == len(self.triggers):
                raise NotStatic(self._why())
            try:
                return self._made(self._compiled())
            except NotStatic as why:
                if not why.dags:
                    raise
                self.reasons |= dict.fromkeys(why.dags, str(why))

    def _compiled(self) -> Window:
        asked = self.question
        window = compile_window(self.graph, asked.start, asked.until, asked.sources, self.rest)
        if lost := lost_in(window):
            raise NotStatic("a wait awaits what never comes, and fails", *lost)
        return window

    def _why(self) -> str:
        told = list(dict.fromkeys(self.reasons.values()))
        more = len(told) - REASONS_SHOWN
        return "; ".join(told[:REASONS_SHOWN]) + (f"; and {more} more" if more > 0 else "")

    # ------------------------------------------------------------------------------------- what goes with what

    def _settle(self) -> None:
        """Let the rest be what is not static, with what follows it, hears it or shares a limit with it."""
        while True:
            size = len(self.rest)
            self.rest |= self.reasons.keys()
            self.rest |= self.analysis.downstream(self.rest) & self.triggers.keys()
            if self.rest:
                self._share()
            if len(self.rest) == size:
                return

    def _share(self) -> None:
        for id in self.rest:
            for part in self._leaves(id):
                if isinstance(part, Missed) and part.dag in self.triggers and part.dag not in self.rest:
                    self.reasons.setdefault(part.dag, f"{id!r} hears that {part.dag!r} missed a deadline")
        pools = {pool for id in self.rest for pool in self._pools(id)}
        for id in self.triggers.keys() - self.rest:
            shared = pools & self._pools(id)
            if shared:
                self.reasons.setdefault(id, f"{id!r} shares pool {min(shared)!r} with what is not static")

    def _pools(self, id: str) -> set[str]:
        pools = (settings_of(task).pool for task in self.graph.dags[id].tasks.values())
        return {pool for pool in pools if pool is not None}

    def _leaves(self, id: str) -> Iterator[Trigger]:
        for trigger in self.triggers[id]:
            yield from walk(trigger)

    # ------------------------------------------------------------------------------------- what the rest needs

    def _made(self, window: Window) -> StaticPart:
        static = self.triggers.keys() - self.rest
        border, datasets, stars = set[str](), set[str](), list[HeardEnds]()
        for id in self.rest:
            waits = list(self._waits(self.graph.dags[id]))
            border |= {wait.dag for wait in waits}
            datasets |= {wait.dataset.uri for wait in waits if wait.dataset is not None}
            for part in self._leaves(id):
                if isinstance(part, Updated):
                    datasets.add(part.dataset.uri)
                elif isinstance(part, Completed) and part.dag == "*":
                    stars.append(HeardEnds(self.analysis.heard(id, part.tags) & static, part.states))
                elif isinstance(part, Completed):
                    border.add(part.dag)
        border.update(*[self.graph.producers(uri) for uri in datasets])
        users = {id: self._pools(id) for id in static}
        by_pool = {pool: frozenset(id for id in static if pool in users[id]) for pool in set().union(*users.values())}
        return StaticPart(
            window, frozenset(static), tuple([id for id in self.triggers if id in self.rest]), self._why(),
            frozenset(border & static),
            frozenset(wait.dag for id in self.rest for wait in self._waits(self.graph.dags[id])) & static,
            tuple(stars), frozenset(datasets), _beside(users, by_pool),
            self.told, any(part.gathers or part.joins for id in static for part in self._leaves(id)),
        )  # fmt: skip

    def _waits(self, dag: Dag) -> Iterator[Wait]:
        return (task.wait for task in dag.tasks.values() if task.wait is not None)


def _beside(pools: dict[str, set[str]], users: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """For each DAG with pools all that share one with it, or with one of these. O(DAGs * pools)."""
    found: dict[str, frozenset[str]] = {}
    for id, own in pools.items():
        if not own or id in found:
            continue
        together, waiting = {id}, [id]
        while waiting:
            for pool in pools[waiting.pop()]:
                fresh = users[pool] - together
                together |= fresh
                waiting += fresh
        found |= dict.fromkeys(together, frozenset(together))
    return found
