"""Makes the plan of a window's records.

Owns `record_plan`, and the plans that are known. O(nodes + edges), O(1) after the first time. Raises NotStatic where
the records follow from more than a window holds: deadlines, events in several partitions or without the one by which
they are keyed, clocks joined with each other.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from reactive_dag.declare.internals import analysis_of, plan_of
from reactive_dag.model.partitions.products import Periods
from reactive_dag.triggers.functions.by import By
from reactive_dag.triggers.joins.all_of import AllOf
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import leaves, walk
from reactive_dag.whatif.records.record_plan import MadeEvent, Nodes, RecordPlan, Request, Runs, TriggerName, Triggers
from reactive_dag.whatif.window.arrays import MET, SOURCE, WAIT
from reactive_dag.whatif.window.awaited import AwaitedNodes
from reactive_dag.whatif.window.firings import AUTOMATIC, ticks_between
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reactive_dag.declare.graph import Graph
    from reactive_dag.triggers.base import Trigger
    from reactive_dag.triggers.leaves.dataset import Dataset
    from reactive_dag.whatif.outcome.window_runs import WindowRuns


def record_plan(of: WindowRuns, graph: Graph) -> RecordPlan:
    """The plan of a window's records. O(nodes + edges), then O(1). Raises NotStatic."""
    found = _known.get(of)
    if found is None:
        found = _known[of] = Planning(of, graph).plan()
    return found


_known: WeakKeyDictionary[WindowRuns, RecordPlan] = WeakKeyDictionary()


class Planning:
    """Makes the plan of one window."""

    def __init__(self, of: WindowRuns, graph: Graph) -> None:
        self.of = of
        self.window = of.window
        self.graph = graph
        self.dags = [graph.dags[id] for id in self.window.dags]
        self.outlets = [graph.dags[dag].tasks[task].outlets for dag, task in self.window.tasks]
        analysis = analysis_of(graph)
        self.triggers: dict[TriggerName, Trigger] = {
            (id, label): trigger for id, dag in graph.dags.items() if dag.triggers
            for label, (trigger, _) in analysis.effective(id).items()
        }  # fmt: skip
        self._ranks, self._labels = self.window.rank[of.run_dag].tolist(), self.window.run_label.tolist()

    def plan(self) -> RecordPlan:
        """All of it. Raises NotStatic."""
        of, window = self.of, self.window
        if any(dag.deadline is not None for dag in self.graph.dags.values()):
            raise NotStatic("DAGs have deadlines")
        size, runs = window.size, range(window.runs)
        ended, heard = self._caused()
        told, told_of = self._told()
        events, nodes = self._events(heard, told_of), _Nodes(size)
        self._refuse_keyless(events)
        roots = [self._lay_out(run, nodes) for run in runs]
        reaches = [bool(node in ended or node in told or watches) for node, watches in enumerate(window.watches)]
        direct = [tuple([(n, nodes.priorities[n], nodes.places[n]) for n in each]) for each in nodes.direct]
        steps = [*zip(of.run_of, nodes.names, map(_quiet, events), events, reaches, direct, nodes.others)]
        return RecordPlan(
            steps, nodes.names, nodes.priorities, nodes.places, self._awaits(), nodes.needs, events,
            [ended.get(node, ()) for node in range(size)], [told.get(node, ()) for node in range(size)],
            self._requests(), window.run_date.tolist(), self._ranks, roots, [len(of.tasks(run)) for run in runs],
            [tuple(of.causes(run)) for run in runs],
            [len(of.causes(run)) + bool(window.base[of.start[run]]) for run in runs], self._ticks(),
            frozenset([id for id in window.dags if id in self.graph.origins(id)]),
        )  # fmt: skip

    def _lay_out(self, run: int, found: _Nodes) -> Nodes:
        """Note what follows each task of a run; the tasks that need nothing. O(edges)."""
        nodes, plan = self.of.tasks(run), plan_of(self.dags[self.of.run_dag[run]])
        settings = [self.window.settings[self.of.subject[node]] for node in nodes]
        kind = self.of.kind
        plain = [kind[n] not in (WAIT, MET) and s.trigger_rule == "all_success" for n, s in zip(nodes, settings)]
        for at, node in enumerate(nodes):
            behind = plan.followers[at]
            found.names[node], found.places[node], found.priorities[node] = plan.ids[at], at, -settings[at].priority
            found.direct[node] = tuple([nodes[each] for each in behind if plain[each]])
            found.others[node] = tuple([nodes[each] for each in behind if not plain[each]])
            found.needs[node] = len(plan.needs[at]) or 1
        before = run - 1
        if before >= 0 and self.of.run_dag[before] == self.of.run_dag[run]:
            for node, past, each in zip(nodes, self.of.tasks(before), settings):
                if each.depends_on_past:
                    found.others[past] += (node,)
                    found.needs[node] += 1
        return tuple([nodes[at] for at in plan.roots])

    def _requests(self) -> list[Request]:
        """What the request of each run says. O(runs)."""
        window, repeats = self.window, {name: _repeats(trigger) for name, trigger in self.triggers.items()}
        names = [(window.dags[dag], window.labels[label]) for dag, label in zip(self.of.run_dag, self._labels)]
        return [(*name, repeats[name], group or None) for name, group in zip(names, window.run_group)]

    # ------------------------------------------------------------------------------------- causes

    def _caused(self) -> tuple[dict[int, Runs], dict[tuple[int, str], Runs]]:
        """The runs that the end of a node causes, and those that an event of it (node, dataset) does."""
        ended: dict[int, list[int]] = {}
        heard: dict[tuple[int, str], list[int]] = {}
        for run in range(self.window.runs):
            for node, dataset, _ in self.of.causes(run):
                if dataset < 0:
                    ended.setdefault(node, []).append(run)
                else:
                    heard.setdefault((node, self.window.datasets[dataset]), []).append(run)
        return {name: self._in_order(runs) for name, runs in ended.items()}, {
            name: self._in_order(runs) for name, runs in heard.items()
        }

    def _in_order(self, runs: Iterable[int]) -> Runs:
        """Runs in the order of their triggers: by height, DAG and label."""
        labels = self.window.labels
        return tuple(sorted(runs, key=lambda run: (self._ranks[run], labels[self._labels[run]])))

    def _ticks(self) -> dict[int, Runs]:
        """The instants at which a clock is due, and the runs that it causes then. Raises NotStatic."""
        found: dict[int, list[int]] = {}
        for run in range(self.window.runs):
            if tick := int(self.window.base[self.of.start[run]]):
                found.setdefault(tick, []).append(run)
        for (id, _), trigger in self._mixed():
            dag = self.graph.dags[id]
            begin = max(self.window.begin, self.window.begin if dag.start is None else dag.start)
            until = self.window.until if dag.end is None else min(self.window.until, dag.end + 1)
            for part in walk(trigger):
                if isinstance(part, AllOf) and sum(map(_has_clock, part.parts)) > 1:
                    raise NotStatic("clocks are joined with each other")
                for tick in ticks_between(part.schedule, begin, until) if isinstance(part, Scheduled) else ():
                    found.setdefault(tick, [])
        return {tick: self._in_order(runs) for tick, runs in found.items()}

    def _refuse_keyless(self, events: Iterable[tuple[MadeEvent, ...]]) -> None:
        """Raise NotStatic where a trigger may drop an item that has no partition, and says so in a record (T7)."""
        keyed = [
            trigger for trigger in self.triggers.values() if isinstance(trigger, By) and "partition" in trigger.keys
        ]
        heard = [leaf for trigger in keyed for leaf in leaves(trigger)]
        uris = {leaf.dataset.uri for leaf in heard if isinstance(leaf, Updated)}
        dags = {leaf.dag for leaf in heard if isinstance(leaf, Completed)}
        if (
            any(isinstance(leaf, Scheduled) for leaf in heard)
            or (uris and any(e.partition is None and e.dataset in uris for each in events for e in each))
            or any(p is None and self.dags[d].id in dags for p, d in zip(self.window.run_partition, self.of.run_dag))
        ):
            raise NotStatic("items without a partition are dropped by a trigger that is keyed by it")

    def _mixed(self) -> list[tuple[TriggerName, Trigger]]:
        """The triggers with a clock that are more than one clock."""
        return [
            (name, trigger) for name, trigger in self.triggers.items()
            if not isinstance(trigger, Scheduled) and _has_clock(trigger)
        ]  # fmt: skip

    def _told(self) -> tuple[Mapping[int, Triggers], Mapping[str, Triggers]]:
        """The triggers with a clock that hear the end of a node, and those that hear a dataset."""
        ended: dict[int, dict[TriggerName, None]] = {}
        heard: dict[str, dict[TriggerName, None]] = {}
        for name, trigger in self._mixed():
            for leaf in leaves(trigger):
                if isinstance(leaf, Completed) and "success" in leaf.states:
                    for node in self._ends_of(leaf):
                        ended.setdefault(node, {})[name] = None
                elif isinstance(leaf, Updated) and AUTOMATIC in leaf.kinds:
                    heard.setdefault(leaf.dataset.uri, {})[name] = None
        return {node: tuple(names) for node, names in ended.items()}, {
            uri: tuple(names) for uri, names in heard.items()
        }

    def _ends_of(self, leaf: Completed) -> list[int]:
        window = self.window
        if leaf.task is not None:
            return [int(node) for node in window.nodes_of_task((leaf.dag, leaf.task))]
        return [self.of.end[run] for run in range(window.runs) if window.dags[self.of.run_dag[run]] == leaf.dag]

    # ------------------------------------------------------------------------------------- events and waits

    def _events(
        self, heard: Mapping[tuple[int, str], Runs], told: Mapping[str, Triggers]
    ) -> list[tuple[MadeEvent, ...]]:  # fmt: skip
        """What each node publishes; of one from outside the event itself. Raises NotStatic."""
        of, window = self.of, self.window
        found: list[tuple[MadeEvent, ...]] = [()] * window.size
        for node in range(len(window.source_partition)):
            uri, partition = window.sources[of.subject[node]], window.source_partition[node]
            assert of.kind[node] == SOURCE, node
            found[node] = (MadeEvent(uri, 0, partition, heard.get((node, uri), ()), told.get(uri, ())),)
        for run in range(window.runs):
            of_tasks = [(node, self.outlets[of.subject[node]]) for node in of.tasks(run)]
            for node, outlets in chain(of_tasks, [(of.end[run], self.dags[of.run_dag[run]].outlets)]):
                if outlets:
                    found[node] = tuple([
                        MadeEvent(each.uri, number, partition, heard.get((node, each.uri), ()), told.get(each.uri, ()))
                        for each, number, partition in self._published(run, outlets)
                    ])  # fmt: skip
        return found

    def _published(self, run: int, outlets: Sequence[Dataset]) -> list[tuple[Dataset, int, str | None]]:
        """The events of outlets that a run publishes: dataset, number and partition (R3, T19). O(outlets)."""
        own, date, numbers = self.window.run_partition[run], int(self.window.run_date[run]), dict[str, int]()
        found: list[tuple[Dataset, int, str | None]] = []
        for outlet in outlets:
            number = numbers.get(outlet.uri, 0)
            numbers[outlet.uri] = number + 1
            partitions = self.graph.datasets[outlet.uri].partitions
            if partitions is None or partitions.fits(own):
                found.append((outlet, number, own))
            elif isinstance(partitions, Periods):
                found.append((outlet, number, partitions.of(date)))
            else:
                raise NotStatic(f"runs publish {outlet.uri!r} in several partitions")
        return found

    def _awaits(self) -> list[int | None]:
        """The date that each wait awaits. O(nodes)."""
        of, window = self.of, self.window
        dated = AwaitedNodes(self.graph, window.begin, window.until, {})
        zones = [dag.tz for dag in self.dags]
        found: list[int | None] = [None] * window.size
        for node, kind in enumerate(of.kind):
            wait = window.waits[of.subject[node]] if kind in (WAIT, MET) else None
            if wait is not None:
                run = of.run_of[node]
                number = of.run_dag[run]
                found[node] = dated.date(self.dags[number], zones[number], wait, int(window.run_date[run]))
        return found


class _Nodes:
    """What is noted of each node while runs are laid out."""

    def __init__(self, size: int) -> None:
        self.names, self.places, self.priorities, self.needs = [""] * size, [0] * size, [0] * size, [0] * size
        self.direct: list[Nodes] = [()] * size
        self.others: list[Nodes] = [()] * size


def _quiet(events: tuple[MadeEvent, ...]) -> tuple[str, str | None] | None:
    """Dataset and partition of the only event, if nobody hears it."""
    alone = len(events) == 1 and not (events[0].causes or events[0].tells)
    return (events[0].dataset, events[0].partition) if alone else None


def _repeats(trigger: Trigger) -> bool:
    """Whether two firings could have equal causes, so that each request bears its key. O(size)."""
    return any(
        isinstance(part, Scheduled) or (isinstance(part, Completed) and part.dag == "*") for part in walk(trigger)
    )


def _has_clock(trigger: Trigger) -> bool:
    return any(isinstance(part, Scheduled) for part in walk(trigger))
