"""What each DAG says of its neighbours, and what follows it directly: the rows that every other answer is made of.

Owns `Neighbours`, which never change: a version of a graph has its own, made of those of the version before and of the
DAGs that changed since. Invariant: they are what the declarations of these DAGs give from nothing.
Cost: O(DAGs + edges) the first time; then what the changed DAGs name, and the rows that change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from attrs import Factory, evolve, frozen

from reactive_dag.declare.analysis.layers import Layers
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.wait import Wait
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Feedback, Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.walks import leaves

Uses: TypeAlias = Layers[tuple[str, ...]]
"""What each DAG uses, datasets by uri or other DAGs; or the other way round, the DAGs that use each."""
NeighbourRows: TypeAlias = dict[str, list[str]]


@frozen
class Neighbours:
    """What the DAGs of one version use, name and follow directly.

    `produced` and `heard` are the datasets of each DAG by uri, `named` the DAGs in its triggers and waits, declared or
    not; `producers`, `consumers` and `naming` say the same from the other end, producers and consumers in the order of
    declaration. `triggering` is what a DAG follows by a trigger, `counted` by a trigger or a wait, `up` in any way (a
    silence, a missed deadline, riding along); `down` is what follows it in any way. A "*" is left out of all of them.
    """

    produced: Uses = Factory(Layers)
    heard: Uses = Factory(Layers)
    named: Uses = Factory(Layers)
    producers: Uses = Factory(Layers)
    consumers: Uses = Factory(Layers)
    naming: Uses = Factory(Layers)
    triggering: Layers[list[str]] = Factory(Layers)
    counted: Layers[list[str]] = Factory(Layers)
    up: Layers[list[str]] = Factory(Layers)
    down: Layers[list[str]] = Factory(Layers)

    def after(
        self, dags: Mapping[str, Dag], changed: Iterable[str], place: Callable[[str], int]
    ) -> tuple[Neighbours, set[str]]:
        """Those of `dags`, of which `changed` came, went or changed; and the DAGs for which a row here is another.

        `place` says where a DAG stands in the order of declaration. O(what the changed DAGs name, and those rows).
        """
        ids = set(changed)
        gone = {id for id in ids if id not in dags}
        produced, producers, made = _related(self.produced, self.producers, dags, ids, _produced, place)
        heard, consumers, _ = _related(self.heard, self.consumers, dags, ids, _heard, place)
        named, naming, _ = _related(self.named, self.naming, dags, ids, _named, place)
        beside = ids.union(*[consumers.get(uri, ()) for uri in made])
        beside.update(*[naming.get(id, ()) for id in ids if (id in dags) != (id in self.up)])
        found = evolve(
            self, produced=produced, heard=heard, named=named, producers=producers, consumers=consumers, naming=naming
        )
        return found._laid(dags, beside - gone, gone), beside

    def _laid(self, dags: Mapping[str, Dag], ids: Iterable[str], gone: set[str]) -> Neighbours:
        """With the rows of these DAGs worked out, and without those that are gone."""
        triggering: NeighbourRows = {}
        counted: NeighbourRows = {}
        up: NeighbourRows = {}
        down: NeighbourRows = {}
        for id in ids:
            dag = dags[id]
            above = [each for source in dag._read_sources() for each in self.above(source, dags)]
            triggering[id] = row = list(dict.fromkeys(above)) if len(above) > 1 else above
            waits = [each for wait in dag.waits for each in self._awaited(wait, dags)]
            counted[id] = row = list(dict.fromkeys((*row, *waits))) if waits else row
            up[id] = now = self._with_silences(dag, row, dags)
            self._turn(id, now, down)
        for id in gone:
            self._turn(id, (), down)
        for id in gone:
            down.pop(id, None)
        return evolve(
            self, triggering=self.triggering.after(triggering, gone), counted=self.counted.after(counted, gone),
            up=self.up.after(up, gone), down=self.down.after(down, gone),
        )  # fmt: skip

    def _awaited(self, wait: Wait, dags: Mapping[str, Dag]) -> Iterable[str]:
        """The DAGs among these that a wait is for, or that produce the dataset that it is for. O(result)."""
        if wait.dataset is not None:
            return self.producers.get(wait.dataset.uri, ())
        return (wait.dag,) if wait.dag in dags else ()

    def uses(self, ids: Iterable[str]) -> set[str]:
        """The datasets that these DAGs produce or hear, by uri. O(result)."""
        return {uri for id in ids for table in (self.produced, self.heard) for uri in table.get(id, ())}

    def above(self, source: Trigger, dags: Mapping[str, Dag]) -> Iterable[str]:
        """The DAGs among these that a source listens to, those of a "*" left out. O(result)."""
        if isinstance(source, Updated):
            return () if isinstance(source, Feedback) else self.producers.get(source.dataset.uri, ())
        if isinstance(source, Completed):
            return (source.dag,) if source.dag in dags else ()
        return ()

    def heard_by(self, leaf: Trigger, dags: Mapping[str, Dag]) -> Iterable[str]:
        """The DAGs among these that a leaf hears in any way, their deadlines too. O(result)."""
        if isinstance(leaf, Missed):
            return (leaf.dag,) if leaf.dag in dags else ()
        if isinstance(leaf, Feedback):
            return self.producers.get(leaf.dataset.uri, ())
        return self.above(leaf, dags)

    def _with_silences(self, dag: Dag, row: list[str], dags: Mapping[str, Dag]) -> list[str]:
        silent = [source for source in dag._read_sources() if isinstance(source, Absent | Missed | Feedback)]
        aside = (*silent, *dag._read_riders())
        if not aside:
            return row
        heard = [each for source in aside for leaf in leaves(source) for each in self.heard_by(leaf, dags)]
        return list(dict.fromkeys((*row, *heard)))

    def _turn(self, id: str, now: Iterable[str], down: NeighbourRows) -> None:
        """Keep `down` true for a DAG whose `up` is another from now on; `down` has the rows that change."""
        if id not in self.down:
            down.setdefault(id, [])
        before = set(self.up.get(id, ()))
        for above in before.symmetric_difference(now):
            if above not in down:
                down[above] = list(self.down.get(above, ()))
            if above in before:
                down[above].remove(id)
            else:
                down[above].append(id)


def _related(
    rows: Uses, turned: Uses, dags: Mapping[str, Dag], ids: set[str], of: Callable[[Dag], tuple[str, ...]],
    place: Callable[[str], int],
) -> tuple[Uses, Uses, set[str]]:  # fmt: skip
    """What each DAG uses and who uses each thing after a change, and the things whose users are others."""
    new: dict[str, tuple[str, ...]] = {}
    members: dict[str, set[str]] = {}
    for id in ids:
        before = rows.get(id, ())
        now = of(dags[id]) if id in dags else ()
        if now:
            new[id] = now
        for thing in set(before).symmetric_difference(now):
            users = members.setdefault(thing, set(turned.get(thing, ())))
            (users.discard if thing in before else users.add)(id)
    found = {thing: tuple(sorted(users, key=place) if len(users) > 1 else users) for thing, users in members.items()}
    used = {thing: users for thing, users in found.items() if users}
    gone = [id for id in ids if id not in new]
    return rows.after(new, gone), turned.after(used, members.keys() - used.keys()), set(members)


def _produced(dag: Dag) -> tuple[str, ...]:
    return tuple([each.uri for each in dag.produces])


def _heard(dag: Dag) -> tuple[str, ...]:
    sources = (*dag._read_sources(), *dag._read_riders())
    uris = [leaf.dataset.uri for source in sources for leaf in leaves(source) if isinstance(leaf, Updated)]
    uris += [wait.dataset.uri for wait in dag.waits if wait.dataset is not None]
    return tuple(dict.fromkeys(uris)) if len(uris) > 1 else tuple(uris)


def _named(dag: Dag) -> tuple[str, ...]:
    sources = (*dag._read_sources(), *dag._read_riders())
    found = [leaf.dag for source in sources for leaf in leaves(source) if isinstance(leaf, Completed | Missed)]
    found += [wait.dag for wait in dag.waits if wait.dag]
    return tuple(dict.fromkeys([each for each in found if each != "*"]))
