"""What each DAG says of its neighbours, and what follows it directly: the rows that every other answer is made of.

Owns `Neighbours`, which never change: a version of a graph has its own, made of those of the version before and of the
DAGs that changed since. Invariant: they are what the declarations of these DAGs give from nothing.
Cost: O(DAGs + edges) the first time; then what the changed DAGs name, and copies of the tables (some 10 ns a DAG each).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from attrs import Factory, evolve, frozen

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.wait import Wait
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.walks import leaves

Uses: TypeAlias = dict[str, tuple[str, ...]]
"""What each DAG uses, datasets by uri or other DAGs; or the other way round, the DAGs that use each."""


@frozen
class Neighbours:
    """What the DAGs of one version use, name and follow directly.

    `produced` and `heard` are the datasets of each DAG by uri, `named` the DAGs in its triggers and waits, declared or
    not; `producers`, `consumers` and `naming` say the same from the other end, producers and consumers in the order of
    declaration. `triggering` is what a DAG follows by a trigger, `counted` by a trigger or a wait, `up` in any way (a
    silence, a missed deadline, riding along); `down` is what follows it in any way. A "*" is left out of all of them.
    """

    produced: Uses = Factory(dict)
    heard: Uses = Factory(dict)
    named: Uses = Factory(dict)
    producers: Uses = Factory(dict)
    consumers: Uses = Factory(dict)
    naming: Uses = Factory(dict)
    triggering: dict[str, list[str]] = Factory(dict)
    counted: dict[str, list[str]] = Factory(dict)
    up: dict[str, list[str]] = Factory(dict)
    down: dict[str, list[str]] = Factory(dict)

    def after(self, dags: Mapping[str, Dag], changed: Iterable[str]) -> tuple[Neighbours, set[str]]:
        """Those of `dags`, of which `changed` came, went or changed; and the DAGs for which a row here is another.

        O(what the changed DAGs name), and a copy of each table.
        """
        ids = set(changed)
        gone = {id for id in ids if id not in dags}
        produced, producers, made = _related(self.produced, self.producers, dags, ids, _produced)
        heard, consumers, _ = _related(self.heard, self.consumers, dags, ids, _heard)
        named, naming, _ = _related(self.named, self.naming, dags, ids, _named)
        beside = ids.union(*[consumers.get(uri, ()) for uri in made])
        beside.update(*[naming.get(id, ()) for id in ids if (id in dags) != (id in self.up)])
        found = evolve(
            self, produced=produced, heard=heard, named=named, producers=producers, consumers=consumers, naming=naming,
            triggering=dict(self.triggering), counted=dict(self.counted), up=dict(self.up), down=dict(self.down),
        )  # fmt: skip
        found._lay(dags, beside - gone, gone)
        return found, beside

    def _lay(self, dags: Mapping[str, Dag], ids: Iterable[str], gone: Iterable[str]) -> None:
        """Work out the rows of these DAGs, and take away those that are gone; while this is being made."""
        own: set[str] = set()
        for id in ids:
            dag, before = dags[id], self.up.get(id, ())
            above = [each for source in dag._read_sources() for each in self.above(source, dags)]
            self.triggering[id] = row = list(dict.fromkeys(above)) if len(above) > 1 else above
            waits = [each for wait in dag.waits for each in self._awaited(wait, dags)]
            self.counted[id] = row = list(dict.fromkeys((*row, *waits))) if waits else row
            self.up[id] = now = self._with_silences(dag, row, dags)
            self._turn(id, before, now, own)
        for id in gone:
            self._turn(id, self.up.pop(id, ()), (), own)
        for id in gone:
            for table in (self.triggering, self.counted, self.down):
                table.pop(id, None)

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
            return self.producers.get(source.dataset.uri, ())
        if isinstance(source, Completed):
            return (source.dag,) if source.dag in dags else ()
        return ()

    def heard_by(self, leaf: Trigger, dags: Mapping[str, Dag]) -> Iterable[str]:
        """The DAGs among these that a leaf hears in any way, their deadlines too. O(result)."""
        if isinstance(leaf, Missed):
            return (leaf.dag,) if leaf.dag in dags else ()
        return self.above(leaf, dags)

    def _with_silences(self, dag: Dag, row: list[str], dags: Mapping[str, Dag]) -> list[str]:
        silent = [source for source in dag._read_sources() if isinstance(source, Absent | Missed)]
        aside = (*silent, *dag._read_riders())
        if not aside:
            return row
        heard = [each for source in aside for leaf in leaves(source) for each in self.heard_by(leaf, dags)]
        return list(dict.fromkeys((*row, *heard)))

    def _turn(self, id: str, before: Iterable[str], now: Iterable[str], own: set[str]) -> None:
        """Keep `down` true for a DAG whose `up` is another; rows in `own` are no other version's."""
        down = self.down
        down.setdefault(id, [])
        before = set(before)
        for above in before.symmetric_difference(now):
            if above not in own:
                down[above] = list(down.get(above, ()))
                own.add(above)
            if above in before:
                down[above].remove(id)
            else:
                down[above].append(id)


def _related(
    rows: Uses, turned: Uses, dags: Mapping[str, Dag], ids: set[str], of: Callable[[Dag], tuple[str, ...]]
) -> tuple[Uses, Uses, set[str]]:
    """What each DAG uses and who uses each thing after a change, and the things whose users are others."""
    rows, turned = dict(rows), dict(turned)
    members: dict[str, set[str]] = {}
    for id in ids:
        before = rows.pop(id, ())
        now = of(dags[id]) if id in dags else ()
        if now:
            rows[id] = now
        for thing in set(before).symmetric_difference(now):
            users = members.setdefault(thing, set(turned.get(thing, ())))
            (users.discard if thing in before else users.add)(id)
    place: dict[str, int] = {}
    for thing, users in members.items():
        if len(users) > 1 and not place:
            place = {id: at for at, id in enumerate(dags)}
        if users:
            turned[thing] = tuple(sorted(users, key=place.__getitem__)) if len(users) > 1 else tuple(users)
        else:
            turned.pop(thing, None)
    return rows, turned, set(members)


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
