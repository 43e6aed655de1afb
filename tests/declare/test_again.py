"""What follows from a graph's declarations, made of an earlier version's answers, is what it is made of nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.declare.analysis.problems import errors_of, problems_of
from reactive_dag.declare.analysis.relations import GraphAnalysis
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import analysis_of, region_since, version_of
from reactive_dag.model.errors import CycleError, GraphError
from tests.support.profiles import examples

IDS = [*"abcdef"]
URIS = ["x", "y", "z"]

leaves = st.one_of(
    st.sampled_from(IDS).map(rd.completed),
    st.sampled_from(IDS).map(rd.completed),
    st.sampled_from(URIS).map(rd.updated),
    st.sampled_from(["0 2 * * *", "0 3 * * *"]).map(rd.cron),
    st.sampled_from(IDS).map(lambda id: rd.absent(rd.completed(id), for_="1h")),
)
triggers = st.one_of(
    st.none(),
    leaves,
    st.lists(leaves, min_size=2, max_size=3).map(lambda found: rd.any_of(*found)),
    st.lists(st.sampled_from(IDS).map(rd.completed), min_size=2, max_size=3).map(lambda found: rd.all_of(*found)),
    st.tuples(leaves, leaves).map(lambda pair: pair[0].with_latest(pair[1])),
    st.tuples(st.sampled_from(URIS), st.sampled_from(URIS)).map(lambda two: rd.updated(two[0]).batch(count=2)),
)
outlets = st.lists(st.sampled_from(URIS), max_size=1)
declared = st.one_of(
    st.tuples(st.just("declare"), st.sampled_from(IDS), triggers, outlets),
    st.tuples(st.just("declare"), st.sampled_from(IDS), triggers, outlets),
    st.tuples(st.just("declare"), st.sampled_from(IDS), st.sampled_from(IDS).map(rd.completed), outlets),
    st.tuples(st.just("declare"), st.sampled_from(IDS), st.sampled_from(URIS).map(rd.updated), outlets),
    st.tuples(st.just("star"), st.sampled_from(IDS)),
    st.tuples(st.just("remove"), st.sampled_from(IDS)),
    st.tuples(st.just("remove"), st.sampled_from(IDS)),
    st.tuples(
        st.just("task"), st.sampled_from(IDS), st.sampled_from(["s", "t"]), st.lists(st.sampled_from(URIS), max_size=1)
    ),
    st.tuples(st.just("wait"), st.sampled_from(IDS), st.sampled_from(IDS), st.sampled_from(["same", "1d"])),
    st.tuples(st.just("ask"), st.sampled_from(["heights", "origins", "problems", "effective"])),
)
steps = st.one_of(declared, declared, declared, st.tuples(st.just("include"), st.lists(declared, max_size=4)))


def nothing() -> None:
    """A body."""


def take(graph: Graph, step: tuple[Any, ...]) -> None:
    kind, *rest = step
    if kind == "declare":
        id, on, outlets = rest
        graph.register(rd.Dag(id, on=on, outlets=outlets), replace=True)
    elif kind == "include":
        other = Graph("other")
        for each in rest[0]:
            take(other, each)
        graph.include(other, replace=True)
    elif kind == "star":
        graph.register(rd.Dag(rest[0], on=rd.completed("*")), replace=True)
    elif kind == "ask":
        ask(graph, rest[0])
    elif rest[0] in graph.dags:
        dag = graph.dags[rest[0]]
        if kind == "remove":
            graph.remove(dag)
        elif kind == "task":
            dag.add(nothing, id=rest[1], outlets=rest[2])
        else:
            dag.wait_for(rest[1], id=f"w{len(dag.tasks)}", logical_date=rest[2])


def ask(graph: Graph, what: str) -> None:
    """Have one answer of this version, so that a later one is made of it."""
    found = analysis_of(graph)
    if what == "problems":
        graph.problems()
    elif what == "effective":
        for id in graph.dags:
            found.effective(id)
    else:
        getattr(found, what)


def answers(found: GraphAnalysis, twice: dict[str, str]) -> dict[str, object]:
    """All that a version of a graph is asked; the order of rows of `down` says nothing."""
    return {
        "producers": dict(found.producers), "consumers": dict(found.consumers), "up": dict(found.up),
        "triggering": dict(found.triggering), "counted": dict(found.counted),
        "down": {id: sorted(row) for id, row in found.down.items()}, "heights": found.heights,
        "origins": {id: found.origins[id] for id in found.dags}, "levels": found.levels,
        "effective": {id: found.effective(id) for id in found.dags}, "forms": found.forms, "order": found.ordered,
        "problems": problems_of(found, twice), "errors": errors_of(found, twice),
    }  # fmt: skip


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(steps, max_size=16), st.integers(1, 3))
def test_answers_made_of_earlier_ones_are_those_made_of_nothing(taken: list[tuple[Any, ...]], every: int) -> None:
    graph = Graph("g")
    for at, step in enumerate(taken):
        try:
            take(graph, step)
        except (CycleError, GraphError):
            continue
        if at % every == 0:
            answers(analysis_of(graph), graph._declared.twice)
    twice = graph._declared.twice
    assert answers(analysis_of(graph), twice) == answers(GraphAnalysis(dict(graph.dags)), twice)


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(steps, max_size=8), st.lists(steps, max_size=4))
def test_what_is_outside_of_the_region_is_as_it_was(first: list[tuple[Any, ...]], then: list[tuple[Any, ...]]) -> None:
    graph = Graph("g")
    for step in first:
        try:
            take(graph, step)
        except (CycleError, GraphError):
            continue
    before, version = answers(analysis_of(graph), {}), version_of(graph)
    for step in then:
        try:
            take(graph, step)
        except (CycleError, GraphError):
            continue
    region, after = region_since(graph, version), answers(analysis_of(graph), {})
    for name in ("heights", "origins", "effective"):
        was, now = before[name], after[name]
        assert isinstance(was, Mapping) and isinstance(now, Mapping)
        for id in {*was, *now}:
            assert region is None or id in region or was.get(id) == now.get(id), (name, id)
    if version == version_of(graph):
        assert region == set()


def test_two_dags_that_follow_each_other_are_gone_at_once() -> None:
    graph = Graph("g")
    graph.dag("a")
    graph.dag("b", on=rd.completed("a"))
    graph.dag("c", on=rd.completed("b"))
    assert graph.downstream("a") == {"b", "c"}
    graph.remove("b")
    graph.remove("c")
    assert answers(analysis_of(graph), {}) == answers(GraphAnalysis(dict(graph.dags)), {})


def test_a_dag_more_looks_at_what_follows_from_it_only() -> None:
    graph = Graph("g")
    for id in IDS:
        graph.dag(id, on=rd.completed(IDS[IDS.index(id) - 1]) if id != "a" else None).add(nothing, id="t")
    graph.check()
    version = version_of(graph)
    graph.dags["e"].add(nothing, id="u")
    graph.dag("g", on=rd.completed("b"))
    assert region_since(graph, version) == {"e", "f", "g"}
    assert region_since(graph, version_of(graph)) == set()
    assert region_since(graph, -1) is None
