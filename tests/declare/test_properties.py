"""The graph against a naive one: every DAG as its tasks, cycles looked for from nothing after each change (G1)."""

from __future__ import annotations

from graphlib import CycleError as Circle
from graphlib import TopologicalSorter

from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import analysis_of
from reactive_dag.model.errors import CycleError
from tests.support.profiles import examples

IDS = ["a", "b", "c", "d"]
TASKS = ["s", "t"]
URIS = ["x", "y"]


@frozen
class Plan:
    """One declaration: what fires it, what it and its tasks produce, what its tasks wait for and follow."""

    completed: list[tuple[str, str | None]]
    updated: list[str]
    outlets: list[str]
    tasks: list[tuple[str, list[str], list[str]]]  # id, after, outlets
    waits: list[tuple[str, str | None, bool]]  # dag, task, an earlier date
    silent: list[str]


awaited = st.tuples(st.sampled_from(IDS), st.sampled_from([None, *TASKS]))
plans = st.builds(
    Plan,
    completed=st.lists(awaited, max_size=2),
    updated=st.lists(st.sampled_from(URIS), max_size=1),
    outlets=st.lists(st.sampled_from(URIS), max_size=1),
    tasks=st.lists(
        st.tuples(
            st.sampled_from(TASKS),
            st.lists(st.integers(0, 1), max_size=1).map(lambda found: [f"w{at}" for at in found]),
            st.lists(st.sampled_from(URIS), max_size=1),
        ),
        max_size=2,
        unique_by=lambda task: task[0],
    ),
    waits=st.lists(st.tuples(st.sampled_from(IDS), st.sampled_from([None, *TASKS]), st.booleans()), max_size=2),
    silent=st.lists(st.sampled_from(IDS), max_size=1),
)


def declare(id: str, plan: Plan) -> Dag:
    leaves = [rd.completed(dag, task=task) for dag, task in plan.completed]
    leaves += [rd.updated(uri) for uri in plan.updated]
    leaves += [rd.absent(rd.completed(dag), for_="1h") for dag in plan.silent]
    dag = Dag(id, on=rd.any_of(*leaves) if leaves else None, outlets=plan.outlets)
    for at, (other, task, earlier) in enumerate(plan.waits):
        dag.wait_for(other, task=task, id=f"w{at}", logical_date="1d" if earlier else "same")
    for name, after, outlets in plan.tasks:
        dag.add(lambda run: 1, id=name, after=after, outlets=outlets)
    return dag


def naive(plans: dict[str, Plan]) -> dict[tuple[str, ...], set[tuple[str, ...]]]:
    """Every DAG as start, tasks and end, whether it waits or not; each node with what it follows."""
    up: dict[tuple[str, ...], set[tuple[str, ...]]] = {}

    def edge(tail: tuple[str, ...], head: tuple[str, ...]) -> None:
        up.setdefault(head, set()).add(tail)

    def end(dag: str, task: str | None) -> tuple[str, ...]:
        return ("end", dag) if task is None else ("task", dag, task)

    for id, plan in plans.items():
        for dag, task in plan.completed:
            edge(end(dag, task), ("start", id))
        for uri in plan.updated:
            edge(("set", uri), ("start", id))
        for uri in plan.outlets:
            edge(("end", id), ("set", uri))
        edge(("start", id), ("end", id))
        tasks = [(name, after, outlets) for name, after, outlets in plan.tasks]
        for at, (dag, task, earlier) in enumerate(plan.waits):
            tasks.append((f"w{at}", [], []))
            if not earlier:
                edge(end(dag, task), ("task", id, f"w{at}"))
        names = {name for name, _, _ in tasks}
        for name, after, outlets in tasks:
            edge(("start", id), ("task", id, name))
            edge(("task", id, name), ("end", id))
            for above in after:
                if above in names:
                    edge(("task", id, above), ("task", id, name))
            for uri in outlets:
                edge(("task", id, name), ("set", uri))
    return up


def is_acyclic(plans: dict[str, Plan]) -> bool:
    try:
        TopologicalSorter(naive(plans)).prepare()
    except Circle:
        return False
    return True


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(IDS), st.one_of(st.none(), plans)), max_size=7))
def test_G1_step_by_step_is_the_naive_check(steps):
    graph, kept = Graph("g"), {}
    for id, plan in steps:
        if plan is None:
            if id in kept:
                graph.remove(id)
                del kept[id]
        else:
            fine = is_acyclic({**kept, id: plan}) if not _names_the_unknown({**kept, id: plan}) else None
            before = graph.edges
            try:
                graph.register(declare(id, plan), replace=True)
                kept[id] = plan
                assert fine is not False
            except CycleError as error:
                assert fine is not True
                assert error.path[0] == error.path[-1] and graph.edges == before
        graph._check()
    with_bulk = Graph("g")
    with with_bulk.bulk():
        for id in graph.dags:
            with_bulk.register(declare(id, kept[id]))
    with_bulk._check()
    assert with_bulk.edges == graph.edges and with_bulk.levels() == graph.levels()
    assert Graph.from_json(graph.to_json()).edges == graph.edges


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(IDS), plans), max_size=4, unique_by=lambda step: step[0]))
def test_G1_tasks_added_one_by_one_lay_the_edges_of_all_at_once(steps):
    """A task that no other needs lays its own edges only; what comes of it is what declaring all at once gives."""
    grown, at_once = Graph("g"), Graph("g")
    for id, plan in steps:
        whole = declare(id, plan)
        refused, before = False, grown.edges
        try:
            dag = grown.dag(id, on=whole.triggers.get(""), outlets=plan.outlets)
            for task in whole.tasks.values():
                before = grown.edges
                dag.add(task)
                grown._check()
        except CycleError:
            refused = True
            assert grown.edges == before
        grown._check()
        try:
            at_once.register(whole)
        except CycleError:
            assert refused or _names_the_unknown(dict(steps))
            return
        assert not refused or _names_the_unknown(dict(steps))
        if refused:
            return
    assert sorted(map(str, grown.edges)) == sorted(map(str, at_once.edges)) and grown.levels() == at_once.levels()


def _names_the_unknown(plans: dict[str, Plan]) -> bool:
    """Whether a task is named that its DAG has not: `problems()` says so, and either answer to a cycle will do."""
    asked = [each for plan in plans.values() for each in plan.completed]
    asked += [(dag, task) for plan in plans.values() for dag, task, _ in plan.waits]
    has = {id: {name for name, _, _ in plan.tasks} for id, plan in plans.items()}
    return any(task is not None and dag in has and task not in has[dag] for dag, task in asked)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(IDS), plans), max_size=6, unique_by=lambda step: step[0]))
def test_G1_heights_rise_along_triggers_and_waits(steps):
    graph = Graph("g")
    for id, plan in steps:
        try:
            graph.register(declare(id, plan))
        except CycleError:
            continue
    view = analysis_of(graph)
    for id, above in view.counted.items():
        for each in above:
            together = id in view.upstream((each,)) and each in view.upstream((id,))
            assert graph.height(each) < graph.height(id) or (together and graph.height(each) == graph.height(id))
    order = graph.order()
    assert sorted(order) == sorted(graph.dags)


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(IDS),
            st.lists(st.sampled_from([*IDS, "*"]), max_size=2),
            st.sets(st.sampled_from(["one", "two"])),
            st.sets(st.sampled_from(["one", "two"]), max_size=1),
        ),
        max_size=5,
    )
)
def test_stars_never_lead_round(steps):
    graph = Graph("g")
    for id, heard, tags, wanted in steps:
        leaves = [rd.completed(each, tags=wanted if each == "*" else ()) for each in heard]
        try:
            graph.register(Dag(id, on=rd.any_of(*leaves) if leaves else None, tags=tags), replace=True)
        except CycleError:
            continue
    for id in graph.dags:
        assert id not in graph.upstream(id) and id not in analysis_of(graph).upstream((id,))
        for each in analysis_of(graph).heard(id):
            assert graph.height(each) < graph.height(id)
