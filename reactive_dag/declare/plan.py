"""Which task of a DAG follows which, as arrays that the engine walks.

Owns `Links` (what one task needs, by name) and `Plan` (the same for all, by number). Invariant: `needs` and `followers`
mirror each other; ids stand in the order of declaration. Cost: O(tasks + edges), once for each change of the DAG.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.declare.parameters import Binding, bind
from reactive_dag.resolve.bulk import find_cycle

if TYPE_CHECKING:
    from reactive_dag.declare.params import Params
    from reactive_dag.declare.task import AnyTask


@frozen
class Links:
    """What a task needs and where its parameters come from.

    `unknown` are parameters that name nothing, `strangers` ids in `after=` and `rd.output` that are no task here.
    """

    needs: tuple[str, ...] = ()
    bindings: tuple[Binding, ...] = ()
    unknown: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()


@frozen
class Plan:
    """The tasks of a DAG by number: what each needs, what follows it, and how many it waits for.

    `roots` need nothing, `last` are followed by nothing; `simple` says that there is one ordinary task and no more.
    """

    ids: tuple[str, ...]
    index: dict[str, int]
    needs: tuple[tuple[int, ...], ...]
    followers: tuple[tuple[int, ...], ...]
    counts: tuple[int, ...]
    roots: tuple[int, ...]
    last: tuple[int, ...]
    simple: bool

    def _check(self) -> None:
        forth = {(above, at) for at, row in enumerate(self.needs) for above in row}
        assert forth == {(at, below) for at, row in enumerate(self.followers) for below in row}
        assert self.counts == tuple(map(len, self.needs)) and [self.index[each] for each in self.ids] == [
            *range(len(self.ids))
        ]


def links_of(task: AnyTask, tasks: Mapping[str, AnyTask], params: Params) -> Links:
    """What a task needs among `tasks`. O(parameters and `after`)."""
    bound = bind(task.parameters, tasks, params.names)
    asked = dict.fromkeys((*bound.needs, *task.after))
    return Links(
        tuple([each for each in asked if each in tasks]),
        bound.bindings,
        bound.unknown,
        tuple([each for each in asked if each not in tasks]),
    )


def plan_of(tasks: Mapping[str, AnyTask], links: Mapping[str, Links]) -> Plan:
    """The arrays of these tasks. O(tasks + edges)."""
    ids = tuple(tasks)
    index = {each: at for at, each in enumerate(ids)}
    needs = tuple([tuple([index[above] for above in links[each].needs]) for each in ids])
    followers: list[list[int]] = [[] for _ in ids]
    for at, row in enumerate(needs):
        for above in row:
            followers[above].append(at)
    return Plan(
        ids=ids,
        index=index,
        needs=needs,
        followers=tuple(map(tuple, followers)),
        counts=tuple(map(len, needs)),
        roots=tuple([at for at, row in enumerate(needs) if not row]),
        last=tuple([at for at, row in enumerate(followers) if not row]),
        simple=len(ids) == 1 and tasks[ids[0]].kind == "task",
    )


def circle_of(ids: Iterable[str], links: Mapping[str, Links]) -> tuple[str, ...] | None:
    """A circle among tasks, in the direction in which they would run, or None. O(tasks + edges)."""
    down: dict[str, list[str]] = {each: [] for each in ids}
    for each in down:
        for above in links[each].needs:
            down[above].append(each)
    return find_cycle(down, down)
