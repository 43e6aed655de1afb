"""A live engine takes up one changed DAG in O(what changed): it executes and takes what it does in a small graph."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.declare.analysis.layers import Layers

SIZES = 100, 1600
Change = Callable[[rd.Graph, int], object]


def nothing() -> None:
    """A body."""


def wide(n: int) -> rd.Graph:
    """n DAGs side by side, each with a dataset and a follower."""
    graph = rd.Graph("wide")
    with graph.bulk():
        for at in range(n):
            graph.dag(f"d{at}", on=graph.dataset(f"s{at}")).add(nothing, id="t")
            graph.dag(f"e{at}", on=rd.completed(f"d{at}")).add(nothing, id="t")
    return graph


def lines_of(work: Callable[[], object]) -> int:
    """How many lines of Python are executed: a loop over all DAGs is seen."""
    found = 0

    def local(frame: FrameType, event: str, arg: object) -> object:
        nonlocal found
        found += event == "line"
        return local

    before = sys.gettrace()
    sys.settrace(local)
    try:
        work()
    finally:
        sys.settrace(before)
    return found


def memory_of(work: Callable[[], object]) -> int:
    """How many bytes are taken at most: a copy of a table of all DAGs is seen, in whatever language it is made."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


CHANGES: dict[str, Change] = {
    "one more": lambda graph, n: graph.dag(f"more{n}", on=rd.completed(f"d{n}")).add(nothing, id="t"),
    "another trigger": lambda graph, n: graph.dag(f"e{n}", on=rd.updated(f"s{n}")).add(nothing, id="t"),
    "another height": lambda graph, n: graph.dag(f"d{n}", on=rd.completed(f"d{n + 1}")).add(nothing, id="t"),
    "one task more": lambda graph, n: graph.dags[f"d{n}"].add(nothing, id="u", after=["t"]),
    "one less": lambda graph, n: graph.remove(f"e{n}"),
    "a dataset with many consumers": lambda graph, n: graph.dag(f"d{n}", on=graph.datasets["s0"], outlets=[f"x{n}"]),
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("on_disk", [False, True])
def test_R11_a_change_costs_what_changed_whatever_is_beside(name: str, on_disk: bool, tmp_path: Path) -> None:
    found = []
    for size in SIZES:
        graph = wide(size)
        store = tmp_path / f"{size}.db" if on_disk else None
        with rd.Engine(graph, store, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
            numbers = count(1)

            def work(
                graph: rd.Graph = graph, engine: rd.Engine = engine, numbers: count[int] = numbers
            ) -> None:  # one change, taken up and checked
                CHANGES[name](graph, next(numbers))
                engine.run_until_idle()
                graph.check()

            work()
            found.append((lines_of(work), memory_of(work)))
    (small_lines, small_memory), (large_lines, large_memory) = found
    assert large_lines < 1.2 * small_lines + 20, "something goes through all DAGs"
    assert large_memory < 1.5 * small_memory + 10_000, "something copies what all DAGs have"


@given(
    st.lists(st.tuples(st.dictionaries(st.sampled_from("abcdef"), st.integers()), st.sets(st.sampled_from("abcdef"))))
)
def test_layers_are_the_table_that_was_made_and_changed(changes: list[tuple[dict[str, int], set[str]]]) -> None:
    table, layers = dict[str, int](), Layers[int]()
    for rows, gone in changes:
        before, kept = dict(table), layers
        layers = layers.after(rows, gone)
        table = {id: row for id, row in table.items() if id not in gone} | rows
        layers._check()
        assert dict(layers) == table and len(layers) == len(table) and bool(layers) == bool(table)
        assert all(
            layers.get(id, "none") == table.get(id, "none") and (id in layers) == (id in table) for id in "abcdef"
        )
        assert dict(kept) == before, "a table never changes"
