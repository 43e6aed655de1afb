"""Which task of a DAG follows which, as arrays that the engine walks.

Owns `Plan`. Invariant: `needs` and `followers` mirror each other; ids stand in the order of declaration.
Cost: O(tasks + edges), once for each change of the DAG.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from reactive_dag.declare.parameters import TaskLinks
from reactive_dag.resolve.bulk import find_cycle


@frozen
class Plan:
    """The tasks of a DAG by number: what each needs, what follows it, and how many it waits for.

    `roots` need nothing, `last` are followed by nothing; `simple` says that there is one ordinary task and no more.
    """

    ids: Sequence[str]
    index: dict[str, int]
    needs: Sequence[tuple[int, ...]]
    followers: Sequence[tuple[int, ...]]
    counts: Sequence[int]
    roots: tuple[int, ...]
    last: tuple[int, ...]
    simple: bool

    def _check(self) -> None:
        forth = {(above, at) for at, row in enumerate(self.needs) for above in row}
        assert forth == {(at, below) for at, row in enumerate(self.followers) for below in row}
        assert list(self.counts) == list(map(len, self.needs)) and [self.index[each] for each in self.ids] == [
            *range(len(self.ids))
        ]


def plan_of(links: Mapping[str, TaskLinks], simple: bool) -> Plan:
    """The arrays of these tasks. O(tasks + edges).

    >>> plan_of({"load": TaskLinks(), "report": TaskLinks(needs=("load",))}, simple=False).followers
    ((1,), ())
    """
    ids = tuple(links)
    index = {each: at for at, each in enumerate(ids)}
    needs = tuple([tuple([index[above] for above in each.needs]) for each in links.values()])
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
        simple=simple,
    )


def circle_of(ids: Iterable[str], links: Mapping[str, TaskLinks]) -> tuple[str, ...] | None:
    """A circle among tasks, in the direction in which they would run, or None. O(tasks + edges)."""
    down: dict[str, list[str]] = {each: [] for each in ids}
    for each in down:
        for above in links[each].needs:
            down[above].append(each)
    return find_cycle(down, down)
