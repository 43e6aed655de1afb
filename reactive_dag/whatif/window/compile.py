"""Compiling a graph, a span of time and its sources into a window.

Owns the layout of a window under way. Runs are laid out one after another, their edges from one template a DAG; then
nodes are numbered anew, level by level. Raises NotStatic for what durations decide. O(nodes + edges), most of it in
NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reactive_dag.declare.internals import analysis_of, dag_settings_of, settings_of
from reactive_dag.whatif.window.arrays import END, LOST, MET, SOURCE, START, TASK, WAIT, Ints, Numbers, Window
from reactive_dag.whatif.window.awaited import LOST_WAIT, OVER, AwaitedNodes, Candidate
from reactive_dag.whatif.window.firings import Firings, Runs, followed
from reactive_dag.whatif.window.items import CauseItem
from reactive_dag.whatif.window.numbering import csr, levels, pointers, ragged
from reactive_dag.whatif.window.white_list import NotStatic, refused, said_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from reactive_dag.declare.graph import Graph
    from reactive_dag.declare.settings.task_settings import TaskSettings
    from reactive_dag.declare.wait import Wait
    from reactive_dag.triggers.base import Trigger
    from reactive_dag.whatif.question.names import TaskName
    from reactive_dag.whatif.question.question import OutsideSource


def compile_window(
    graph: Graph, begin: int, until: int, sources: tuple[OutsideSource, ...] = (), without: Container[str] = ()
) -> Window:
    """The window of a graph from `begin` (included) to `until` (not). O(nodes + edges). Raises NotStatic.

    `without` these DAGs, which no other one here follows or awaits.
    """
    analysis = analysis_of(graph)
    effective = {
        id: {label: trigger for label, (trigger, _) in analysis.effective(id).items()}
        for id, dag in graph.dags.items() if dag.triggers and id not in without
    }  # fmt: skip
    for id, triggers in effective.items():
        if why := refused(graph.dags[id], triggers.values()):
            raise NotStatic(why, id)
    firings = Firings(graph, begin, until, sources)
    for id in _in_order(graph, effective):
        with said_of(id):
            firings.add(graph.dags[id], effective[id])
    layout = Layout(firings)
    layout.wait(AwaitedNodes(graph, begin, until, firings.of_dag))
    return layout.window(graph, tuple([source.dataset for source in sources]))


def _in_order(graph: Graph, effective: dict[str, dict[str, Trigger]]) -> list[str]:
    """The DAGs with triggers, each behind those that it follows. O(DAGs + edges)."""
    above = {id: followed(graph, triggers.values()) & effective.keys() for id, triggers in effective.items()}
    below: dict[str, list[str]] = {}
    for id, dags in above.items():
        for dag in dags:
            below.setdefault(dag, []).append(id)
    left = {id: len(dags) for id, dags in above.items()}
    order = [id for id, count in left.items() if not count]
    for id in order:
        for each in below.get(id, ()):
            left[each] -= 1
            if not left[each]:
                order.append(each)
    return order


ROOT = (0,)
"""What a task needs that follows no other: the START of its run, which is its first node."""


class Layout:
    """The nodes of a window run by run: sources first, then of each run its START, its tasks and its END."""

    def __init__(self, firings: Firings) -> None:
        self.firings = firings
        self.made = [runs for runs in firings.of_dag.values() if runs.dates]
        self.sources = len(firings.events)
        self.nodes = firings.nodes
        self.ruled = frozenset[str]()
        self.tasks: list[TaskName] = []
        self.settings: list[TaskSettings] = []
        self.waits: list[Wait | None] = []
        self.first_task: list[int] = []
        self.needs: list[tuple[int, int]] = []
        """The edges of each DAG's template: (number in the run, number in the run), those of one DAG after another."""
        self.needs_ptr = [0]
        self.past: list[tuple[Ints, Ints]] = []
        self.candidates: list[tuple[int, int, int]] = []
        """Wait, what it awaits, and the START of its run; of one wait by ascending date."""
        self.kinds: dict[int, int] = {}
        """Waits that are over, or lost, as they begin."""
        for runs in self.made:
            self._take(runs)

    def _take(self, runs: Runs) -> None:
        """Number the tasks of a DAG, and make the template of its runs. O(tasks + edges)."""
        dag, plan = runs.dag, runs.plan
        self.first_task.append(len(self.tasks))
        tasks = [dag.tasks[id] for id in plan.ids]
        settings = [settings_of(task) for task in tasks]
        self.tasks += [(dag.id, id) for id in plan.ids]
        self.settings += settings
        self.waits += [task.wait for task in tasks]
        self.needs += [
            (need, at) for at, needs in enumerate(plan.needs, 1) for need in ([1 + each for each in needs] or ROOT)
        ]
        if any(each.trigger_rule != "all_success" for each in settings):
            self.ruled |= {dag.id}
        past = [at for at, each in enumerate(settings, 1) if each.depends_on_past]
        self.needs += [(1 + last, runs.stride - 1) for last in plan.last]
        self.needs_ptr.append(len(self.needs))
        if past:
            self._follow_past(runs, np.array(past))

    def _follow_past(self, runs: Runs, tasks: Ints) -> None:
        """Let tasks wait for themselves in the run before (R14). O(runs * tasks)."""
        if len(set(runs.dates)) < len(runs.dates):
            raise NotStatic(
                f"DAG {runs.dag.id!r} has several runs of a date and tasks with depends_on_past", runs.dag.id
            )
        first = runs.first + np.arange(len(runs.dates) - 1) * runs.stride
        before = (first[:, None] + tasks).ravel()
        self.past.append((before, before + runs.stride))

    def wait(self, awaited: AwaitedNodes) -> None:
        """Look up what all waits await. O(waits * log runs). Raises NotStatic."""
        for runs in self.made:
            if not runs.dag.waits:
                continue
            tz, last = runs.dag.tz, runs.first + runs.stride * len(runs.dates)
            for at, id in enumerate(runs.plan.ids):
                wait = runs.dag.tasks[id].wait
                if wait is None:
                    continue
                nodes = range(runs.first + 1 + at, last, runs.stride)
                with said_of(runs.dag.id):
                    self._take_awaited(nodes, awaited.of(runs, tz, wait))

    def _take_awaited(self, nodes: Iterable[int], awaited: Iterable[list[Candidate] | None]) -> None:
        for node, found in zip(nodes, awaited):
            if found is LOST_WAIT:
                self.kinds[node] = LOST
            elif found:
                self.candidates += [(node, awaits, start) for awaits, start in found]
            elif found is OVER:
                self.kinds[node] = MET

    # ------------------------------------------------------------------------------------- arrays

    def window(self, graph: Graph, sources: tuple[str, ...]) -> Window:
        """All of it as a window. O(nodes + edges). Raises NotStatic."""
        made, firings = self.made, self.firings
        counts = np.array([len(runs.dates) for runs in made], np.int64)
        strides = np.array([runs.stride for runs in made], np.int64)
        run_dag = np.repeat(np.arange(len(made)), counts)
        lengths = strides[run_dag]
        first = self.sources + pointers(lengths)[:-1]
        kind, run, subject = self._nodes(run_dag, lengths, first, strides)
        base = np.zeros(self.nodes, np.int64)
        base[: self.sources] = [tick for _, tick, _ in firings.events]
        base[first] = [base for runs in made for base in runs.bases]
        causes = [each or () for runs in made for each in runs.causes]
        source, target = self._edges(run_dag, first, causes)
        waits = np.array(self.candidates, np.int64).reshape(-1, 3)
        level = levels(
            np.concatenate((source, waits[:, 1], waits[:, 2])), np.concatenate((target, waits[:, 0], waits[:, 0])),
            self.nodes,
        )  # fmt: skip
        order = np.argsort(level, kind="stable")
        new = np.empty(self.nodes, np.int64)
        new[order] = np.arange(self.nodes)
        need_ptr, need_idx = csr(new[target], new[source], self.nodes)
        follow_ptr, follow_idx = csr(new[source], new[target], self.nodes)
        by_wait = np.argsort(new[waits[:, 0]], kind="stable")
        watch = np.unique(new[np.concatenate((waits[:, (1, 0)], waits[:, (2, 0)]))], axis=0)
        watch_ptr, watch_idx = csr(watch[:, 0], watch[:, 1], self.nodes)
        return Window(
            begin=firings.begin, until=firings.until, last_tick=firings.last_tick, on_failure=firings.on_failure,
            tasks=tuple(self.tasks), sources=sources, datasets=tuple(firings.datasets), labels=tuple(firings.labels),
            pools=dict(graph.pools), kind=kind[order], run=run[order], subject=subject[order], base=base[order],
            need_ptr=need_ptr, need_idx=need_idx, follow_ptr=follow_ptr, follow_idx=follow_idx, ruled=self.ruled,
            candidate_ptr=pointers(np.bincount(new[waits[:, 0]], minlength=self.nodes)),
            candidate_idx=new[waits[by_wait, 1]].astype(np.int32),
            candidate_start=new[waits[by_wait, 2]].astype(np.int32), watch_ptr=watch_ptr, watch_idx=watch_idx,
            level_ptr=pointers(np.bincount(level)), run_dag=run_dag.astype(np.int32),
            run_label=np.array([each for runs in made for each in runs.labels], np.int32),
            run_date=np.array([each for runs in made for each in runs.dates], np.int64),
            run_partition=tuple([each for runs in made for each in runs.partitions]),
            run_group=tuple([each for runs in made for each in runs.groups]),
            run_start=new[first].astype(np.int32), run_end=new[first + lengths - 1].astype(np.int32),
            run_ptr=pointers(lengths - 2), run_nodes=new[ragged(first + 1, lengths - 2)].astype(np.int32),
            cause_ptr=pointers(np.array([len(each) for each in causes], np.int64)),
            cause_node=new[np.array([item.node for each in causes for item in each], np.int64)].astype(np.int32),
            cause_dataset=np.array([item.dataset for each in causes for item in each], np.int32),
            cause_number=np.array([item.number for each in causes for item in each], np.int32),
            source_partition=tuple([partition for _, _, partition in firings.events]), settings=tuple(self.settings),
            waits=tuple(self.waits), dag_settings=tuple([dag_settings_of(runs.dag) for runs in made]),
            rank=_ranks(graph, [runs.dag.id for runs in made]), dags=tuple([runs.dag.id for runs in made]),
        )  # fmt: skip

    def _nodes(
        self, run_dag: Ints, lengths: Ints, first: Ints, strides: Ints
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Kind, run and subject of each node. O(nodes)."""
        run = np.repeat(np.arange(len(run_dag)), lengths)
        dag = run_dag[run]
        local = np.arange(len(run)) + self.sources - first[run]
        is_start, is_end = local == 0, local == strides[dag] - 1
        tasks = np.array([WAIT if wait else TASK for wait in self.waits] or [TASK], np.int8)
        subject = np.where(is_start | is_end, dag, np.array(self.first_task or [0])[dag] + local - 1)
        inside = np.where(is_start, START, np.where(is_end, END, tasks[np.where(is_start | is_end, 0, subject)]))
        kind = np.concatenate((np.full(self.sources, SOURCE, np.int8), inside.astype(np.int8)))
        for node, special in self.kinds.items():
            kind[node] = special
        outside = np.array([number for number, _, _ in self.firings.events], np.int64)
        return (
            kind, np.concatenate((np.full(self.sources, -1), run)).astype(np.int32),
            np.concatenate((outside, subject)).astype(np.int32),
        )  # fmt: skip

    def _edges(self, run_dag: Ints, first: Ints, causes: Iterable[Iterable[CauseItem]]) -> tuple[Ints, Ints]:
        """What follows what: inside of runs by the templates, then causes, then the past. O(edges)."""
        ptr = np.array(self.needs_ptr, np.int64)
        template = np.array(self.needs, np.int64).reshape(-1, 2)
        counts = np.diff(ptr)[run_dag]
        inside = template[ragged(ptr[run_dag], counts)] + np.repeat(first, counts)[:, None]
        caused = [(item.node, start) for start, each in zip(first.tolist(), causes) for item in each]
        edges = [inside, np.array(caused, np.int64).reshape(-1, 2)]
        edges += [np.stack(pair, axis=1) for pair in self.past]
        found = np.concatenate(edges)
        return found[:, 0], found[:, 1]


def _ranks(graph: Graph, dags: list[str]) -> Numbers:
    """The place of each DAG by height and id, as slots are given out. O(DAGs log DAGs)."""
    found, heights = np.empty(len(dags), np.int32), analysis_of(graph).heights
    found[sorted(range(len(dags)), key=lambda at: (heights[dags[at]], dags[at]))] = np.arange(len(dags))
    return found
