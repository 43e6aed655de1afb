"""What a store keeps of its graph is the graph that the newest engine has, after live changes and restarts too."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import kept_graph
from reactive_dag.engine.kept import look_at


def nothing() -> None:
    """A body."""


def small() -> rd.Graph:
    graph = rd.Graph("g")
    graph.dataset("orders", partitions=rd.day("Europe/Berlin"))
    graph.dag("a", schedule="0 2 * * *", outlets=["x"]).add(nothing, id="t")
    graph.dag("b", on=rd.updated("x")).add(nothing, id="t")
    graph.dag("c", on=rd.completed("b")).add(nothing, id="t", retries=2)
    return graph


def kept(store: Path) -> dict[str, object]:
    with look_at(str(store)) as there:
        return there.graph.to_json()


def test_a_store_keeps_the_graph_through_changes(tmp_path: Path) -> None:
    graph, store = small(), tmp_path / "s.db"
    with rd.Engine(graph, store, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        engine.run_until_idle()
        assert kept(store) == graph.to_json()
        graph.dag("d", on=rd.completed("a")).add(nothing, id="t")
        engine.run_until_idle()
        assert kept(store) == graph.to_json()
        graph.dags["b"].add(nothing, id="u", retries=3)
        graph.remove("c")
        engine.run_until_idle()
        engine.publish("x")
        assert kept(store) == graph.to_json()
    again = small()
    with rd.Engine(again, store, clock=rd.VirtualClock("2026-11-23T01:00Z")) as engine:
        engine.run_until_idle()
    assert kept(store) == again.to_json()


def test_X1_a_kept_dag_that_is_gone_is_damage(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    with rd.Engine(small(), store, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        engine.run_until_idle()
    with closing(sqlite3.connect(store)) as db, db:
        assert db.execute("DELETE FROM meta WHERE name = 'graph dag b'").rowcount == 1
    with pytest.raises(rd.StoreDamaged, match="DAG 'b'"):
        look_at(str(store))


def test_a_change_writes_what_changed_only(tmp_path: Path) -> None:
    graph = small()
    with rd.Engine(graph, tmp_path / "s.db", clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        engine.run_until_idle()
        log, names = engine._parts.log, list[str]()
        set_meta = log.set_meta
        log.set_meta = lambda name, text: (names.append(name), set_meta(name, text))[1]  # type: ignore[method-assign]
        graph.dags["c"].add(nothing, id="u")
        engine.run_until_idle()
        del log.set_meta
    assert sorted(names) == ["graph change 1", "graph changes", "graph dag c"]


@pytest.mark.parametrize("most", [1, 64])
def test_a_store_keeps_the_graph_through_many_changes_of_all_kinds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(kept_graph, "MOST_CHANGES", most)
    graph, store = small(), tmp_path / "s.db"

    def moved() -> None:
        graph.remove("a")
        graph.dag("a", on=rd.updated("orders")).add(nothing, id="t")

    def refused() -> None:
        with pytest.raises(rd.CycleError):
            graph.dag("e", on=rd.updated("new") & rd.completed("e"))

    def bulk() -> None:
        with graph.bulk():
            graph.remove("d")
            graph.dag("f", on=rd.completed("b"), outlets=["y"])

    def taken_back() -> None:
        with pytest.raises(ZeroDivisionError), graph.bulk():
            graph.remove("b")
            raise ZeroDivisionError

    changes = [
        lambda: graph.pool("p", slots=3),
        lambda: graph.dag("d", on=rd.updated("z")).add(nothing, id="t", pool="p"),
        moved,
        refused,
        lambda: graph.dataset("alone", metadata={"owner": "bi"}),
        lambda: graph.dag("b", on=rd.updated(graph.dataset("x", metadata={"owner": "bi"}))).add(nothing, id="t"),
        lambda: graph.pool("p", slots=4),
        bulk,
        taken_back,
        lambda: graph.remove("c"),
    ]
    for change in changes:
        with rd.Engine(graph, store, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
            change()
            graph.dag("last", on=rd.completed("b")).add(nothing, id="t")
            engine.run_until_idle()
            assert list(graph.dags) and kept(store) == graph.to_json()
        assert kept(store) == graph.to_json()
    with rd.Engine(graph, store, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        for change in changes[2:6]:
            change()
            engine.run_until_idle()
        assert kept(store) == graph.to_json()
