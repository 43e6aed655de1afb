"""What follows from the declarations as a whole: what is up- and downstream, heights, origins, joins.

Owns `GraphAnalysis` of the DAGs of one version of a graph, which works out each answer when it is first asked for. At
this level a DAG is one node; edges lead through datasets, completions and waits. *Height* is the longest path of
those; silences are followed by `upstream` and `downstream` only. DAGs in a circle of waits share one height.
Cost: O(DAGs + edges) for each kind of question the first time, in a later version of the graph what changed since and
what follows from it, however many DAGs there are beside; a dataset of p producers and c consumers is p*c edges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias, TypeVar, cast

from reactive_dag.declare.analysis.edges import Edge, edges_of
from reactive_dag.declare.analysis.layers import Layers
from reactive_dag.declare.analysis.neighbours import Neighbours
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.named_triggers import settled
from reactive_dag.declare.settings.pool import NO_POOLS, Pool
from reactive_dag.resolve.heights import heights
from reactive_dag.resolve.origins import origins
from reactive_dag.resolve.ready import Form
from reactive_dag.resolve.search import reach
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.implicit_joins import effective, origin_sources
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Feedback, Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.walks import leaves

_SELF = "\0"

T = TypeVar("T")

Effective: TypeAlias = dict[str, tuple[Trigger, str]]
"""The triggers of a DAG by label, each with its implicit join, and that rule in words."""


class GraphAnalysis:
    """All answers about these DAGs and pools, which must not change meanwhile.

    With `before`, the analysis of an earlier version, and the ids `changed` since, answers are made of its answers:
    only those about DAGs in `region` (what changed, and all that follows from it) are worked out anew. `region` is None
    where everything is: without `before`, and where a DAG listens to "*". `places` number the DAGs in the order of
    declaration; without them that of `dags` counts. `kept` is what other wings worked out for this version, under names
    of their own; it goes with the version.
    """

    def __init__(
        self, dags: Mapping[str, Dag], before: GraphAnalysis | None = None, changed: Iterable[str] = (),
        pools: Mapping[str, Pool] = NO_POOLS, places: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        self.pools = pools
        self.kept: dict[str, object] = {}
        self.region: set[str] | None = None
        self._answers: dict[str, object] = {}
        self._outdated: dict[str, tuple[object, set[str]]] = {}
        self._effective: dict[str, Effective] = {}
        self._effective_before: Layers[Effective] = Layers()
        self._zones: dict[str, str | None] = {}
        if places is None:
            places = {id: at for at, id in enumerate(dags)}
        if before is None:
            self.dags: Layers[Dag] = Layers(dict(dags))
            self.places: Layers[int] = Layers(dict(places))
            self.neighbours, _ = Neighbours().after(dags, dags, self.place)
            self._starred = _starred(dags, dags)
            return
        ids = set(changed)
        here = [id for id in ids if id in dags]
        gone = [id for id in ids if id not in dags]
        self.dags = before.dags.after({id: dags[id] for id in here}, gone)
        self.places = before.places.after({id: places[id] for id in here}, gone)
        self.neighbours, beside = before.neighbours.after(self.dags, ids, self.place)
        self._starred = (before._starred - ids) | _starred(self.dags, ids)
        if not self._starred and not before._starred:
            self._follow(before, beside | reach(beside, self.neighbours.down))

    def place(self, id: str) -> int:
        """Where a DAG stands in the order of declaration. O(1)."""
        return self.places[id]

    @cached_property
    def ordered(self) -> list[str]:
        """All DAGs in the order of declaration. O(DAGs)."""
        return sorted(self.dags, key=self.places.flat().__getitem__)

    def _follow(self, before: GraphAnalysis, region: set[str]) -> None:
        """Take over the answers about DAGs outside of the region."""
        self.region = region
        worked_out = {id: row for id, row in dict(before._effective).items() if id not in region}
        self._effective_before = before._effective_before.after(worked_out, region)
        for name, (answer, since) in before._outdated.items():
            since |= region  # not a copy, which would cost all changes since: for `before` it is more than need be
            self._outdated[name] = answer, since
        for name, answer in before._answers.items():
            self._outdated[name] = answer, set(region)

    def renewed(self, name: str, make: Callable[[], T], again: Callable[[T, set[str]], T]) -> T:
        """An answer of this version: from nothing by `make`, or by `again` from an earlier one.

        `again` is given that one, which it must not change, and the DAGs about which it no longer holds (those that are
        gone among them). Costs what they do, once.
        """
        if name not in self._answers:
            earlier = self._outdated.pop(name, None)
            self._answers[name] = make() if earlier is None else again(cast("T", earlier[0]), set(earlier[1]))
        return cast("T", self._answers[name])

    # -------------------------------------------------------------------------------------- neighbours

    @property
    def producers(self) -> Mapping[str, tuple[str, ...]]:
        """The DAGs that produce each dataset, by uri, in order of declaration. O(1)."""
        return self.neighbours.producers

    @property
    def consumers(self) -> Mapping[str, tuple[str, ...]]:
        """The DAGs that hear a dataset, by uri, in order of declaration; a silence counts, and riding along. O(1)."""
        return self.neighbours.consumers

    @property
    def triggering(self) -> Mapping[str, list[str]]:
        """What each DAG follows directly by a trigger; a "*" left out. No circle is possible here. O(1)."""
        return self.neighbours.triggering

    @property
    def counted(self) -> Mapping[str, list[str]]:
        """What each DAG follows directly, by trigger or wait; a "*" left out. O(1)."""
        return self.neighbours.counted

    @cached_property
    def up(self) -> Mapping[str, list[str]]:
        """What each DAG follows directly in any way, silences, "*" and what only rides along too."""
        if not self.stars:
            return self.neighbours.up
        return {
            id: list(dict.fromkeys((*above, *sorted(self.stars.get(id, ())))))
            for id, above in self.neighbours.up.flat().items()
        }

    @cached_property
    def down(self) -> Mapping[str, list[str]]:
        """What follows each DAG directly in any way."""
        return turned(dict(self.up)) if self.stars else self.neighbours.down

    @cached_property
    def stars(self) -> dict[str, frozenset[str]]:
        """For each DAG with a "*": those it hears, which are all but itself and those that follow from it.

        Where two listen to each other so, the one with the lesser id hears the other: somebody has to be last.
        """
        listening = sorted(self._starred)
        if not listening:
            return {}
        below = turned(self._without_stars())
        found: dict[str, frozenset[str]] = {}
        for id in listening:
            heard = self.dags.flat().keys() - reach((id,), below) - {id}
            found[id] = frozenset(heard & self._tagged(id))
            for each in found[id]:
                below.setdefault(each, []).append(id)
        return found

    def _without_stars(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for id, above in self.neighbours.counted.flat().items():
            silent = [s for s in self.dags[id]._read_sources() if isinstance(s, Absent | Missed | Feedback)]
            heard = [leaf for source in silent for leaf in leaves(source)]
            found[id] = [*above, *(each for leaf in heard for each in self.neighbours.heard_by(leaf, self.dags))]
        return found

    def _tagged(self, id: str) -> set[str]:
        sources = self.dags[id]._read_sources()
        wanted = [source.tags for source in sources if _is_star(source) and isinstance(source, Completed)]
        return {each for each, dag in self.dags.flat().items() if any(tags <= dag.tags for tags in wanted)}

    def heard(self, id: str, tags: frozenset[str] = frozenset()) -> frozenset[str]:
        """The DAGs that a `completed("*", tags=...)` of this DAG hears. O(DAGs)."""
        found = self.stars.get(id, frozenset())
        return found if not tags else frozenset(each for each in found if tags <= self.dags[each].tags)

    def upstream(self, ids: Iterable[str]) -> set[str]:
        """All that these follow, transitively, without themselves unless they do. O(what is found)."""
        return reach(ids, self.up)

    def downstream(self, ids: Iterable[str]) -> set[str]:
        """All that follows these, transitively, without themselves unless they do. O(what is found)."""
        return reach(ids, self.down)

    # ------------------------------------------------------------------------------------------ order

    @property
    def heights(self) -> Layers[int]:
        """The longest path of trigger edges and waits that ends at each DAG. O(DAGs + edges) once, then O(region)."""
        return self.renewed("heights", self._all_heights, self._heights_again)

    def _all_heights(self) -> Layers[int]:
        above = self.neighbours.counted.flat()
        if self.stars:
            above = {id: [*row, *self.stars.get(id, ())] for id, row in above.items()}
        return Layers(heights(self.dags, turned(above)))

    def _heights_again(self, before: Layers[int], region: set[str]) -> Layers[int]:
        inside = {id: self.counted[id] for id in region if id in self.dags}
        least = {
            id: 1 + max([before[each] for each in row if each not in region and each in before], default=-1)
            for id, row in inside.items()
        }
        within = {id: [each for each in row if each in inside] for id, row in inside.items()}
        return before.after(heights(inside, turned(within), least), region - inside.keys())

    @cached_property
    def levels(self) -> list[list[str]]:
        """The DAGs of each height, in the order of declaration."""
        found: list[list[str]] = [[] for _ in range(1 + max(self.heights.flat().values(), default=-1))]
        for id in self.ordered:
            found[self.heights[id]].append(id)
        return found

    @cached_property
    def edges(self) -> list[Edge]:
        """Every edge that is drawn, in the order of declaration, each once."""
        return list(dict.fromkeys(edge for id in self.ordered for edge in edges_of(self.dags[id])))

    # ---------------------------------------------------------------------------------- origins, joins

    @property
    def origins(self) -> Mapping[str, frozenset[str]]:
        """The DAGs, and outside datasets ("dataset <uri>"), that each DAG's events go back to (T8); datasets' too."""
        return self.renewed("origins", lambda: self._origins_again(Layers(), set(self.dags)), self._origins_again)

    def _origins_again(self, before: Layers[frozenset[str]], region: set[str]) -> Layers[frozenset[str]]:
        above: dict[str, list[str]] = {}
        for id in region:
            dag = self.dags.get(id)
            if dag is None:
                continue
            above[id] = self._origins_above(id, dag)
            uris = [source.dataset.uri for source in dag._read_sources() if isinstance(source, Updated)]
            for uri in (*uris, *self.neighbours.produced.get(id, ())):
                above[f"dataset {uri}"] = list(self.producers.get(uri, ()))
        outside = before.after({}, region | above.keys())
        new = origins(above, above, known=outside)
        return outside.after({id: frozenset([each.removeprefix(_SELF) for each in new[id]]) for id in above})

    def _origins_above(self, id: str, dag: Dag) -> list[str]:
        found: list[str] = []
        for trigger in dag._written.values():
            for source in origin_sources(trigger) or (None,):
                if isinstance(source, Feedback):
                    continue  # what comes back goes back to where it began
                if isinstance(source, Updated):
                    found.append(f"dataset {source.dataset.uri}")
                elif isinstance(source, Completed):
                    found.extend(self.stars.get(id, ()) if source.dag == "*" else (source.dag,))
                else:
                    found.append(_SELF + id)
        return list(dict.fromkeys(found))

    def zone_of_origins(self, id: str) -> str | None:
        """The zone on which those origins of a DAG agree that have one (R1). O(origins) once."""
        if id not in self._zones:
            zones = {self._zone(each) for each in self.origins.get(id, ()) if each != id} - {None}
            self._zones[id] = zones.pop() if len(zones) == 1 else None
        return self._zones[id]

    def _zone(self, origin: str) -> str | None:
        """The zone that an origin says itself: by option, clock or outlets, a dataset by its calendar."""
        dag = self.dags.get(origin)
        if dag is None:
            return self._calendar_zone(origin.removeprefix("dataset "))
        return dag._own_zone() or dag._zone_of_outlets()

    def _calendar_zone(self, uri: str) -> str | None:
        """The zone of a dataset's calendar, which all that hear it have."""
        for id in self.consumers.get(uri, ()):
            for source in self.dags[id]._read_sources():
                if isinstance(source, Updated) and source.dataset.uri == uri:
                    of = source.dataset.partitions
                    return None if of is None or of.calendar is None else of.calendar.tz
        return None

    def effective(self, id: str) -> Effective:
        """Each trigger with its implicit join (T8), and that rule in words. O(size) once."""
        found = self._effective.get(id) or self._effective_before.get(id)
        if found is None:
            found = {
                label: effective(settled(each), self._origins_of) for label, each in self.dags[id].triggers.items()
            }
            self._effective[id] = found
        return found

    def _origins_of(self, id: str) -> frozenset[str]:
        return self.origins.get(id, frozenset())

    # ------------------------------------------------------------------------------------------ readiness

    @cached_property
    def forms(self) -> dict[str, Form | None]:
        """Each DAG's triggers as a boolean form of upstream DAGs (G4)."""
        return {id: _any([self._form(id, each) for each in self.dags[id].triggers.values()]) for id in self.ordered}

    def _form(self, id: str, trigger: Trigger) -> Form | None:
        if isinstance(trigger, Completed):
            return _any(sorted(self.heard(id, trigger.tags))) if trigger.dag == "*" else trigger.dag
        if isinstance(trigger, Updated):
            return None if isinstance(trigger, Feedback) else _any(self.producers.get(trigger.dataset.uri, ()))
        parts = tuple([self._form(id, part) for part in trigger.drives])
        if len(parts) < 2:
            return parts[0] if parts else None
        return (
            ("any" if trigger.needs == 1 else "at_least" if trigger.needs < len(parts) else "all"),
            trigger.needs,
            parts,
        )


def _any(forms: Iterable[Form | None]) -> Form | None:
    found = tuple(forms)
    return found[0] if len(found) == 1 else ("any", 1, found) if found else None


def _starred(dags: Mapping[str, Dag], ids: Iterable[str]) -> set[str]:
    """Those of these DAGs that listen to "*". O(their sources)."""
    return {id for id in ids if id in dags and any(_is_star(source) for source in dags[id]._read_sources())}


def _is_star(source: Trigger) -> bool:
    return isinstance(source, Completed) and source.dag == "*"


def turned(rows: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """The edges reversed: from each target to its sources. O(nodes + edges)."""
    found: dict[str, list[str]] = {id: [] for id in rows}
    for id, row in rows.items():
        for each in row:
            found.setdefault(each, []).append(id)
    return found


def nodes_of(edges: Iterable[Edge], dags: Mapping[str, Dag]) -> Iterator[tuple[str, str]]:
    """Every node of the drawing with its kind: DAGs, their tasks, and the ends of the edges. O(nodes + edges)."""
    for id, dag in dags.items():
        yield id, "dag"
        yield from ((f"{id}.{task}", "task") for task in dag.tasks)
    for edge in edges:
        yield edge.source, edge.source_kind
        yield edge.target, edge.target_kind
