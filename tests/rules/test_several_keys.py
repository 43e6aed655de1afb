"""Functions that give several keys, and items without a date under a calendar key (T7, I4, I6)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.calendar import day
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Answers, RunRequested
from reactive_dag.model.times import HOUR
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from tests.support.driving import Fact, Pair
from tests.support.engines import kill, live, of_kind, opened

a, b = updated("a"), updated("b")


def tags(event):
    return event.extra["tags"] if isinstance(event, rd.Event) else event.extra


def test_T7_a_list_gives_several_keys_one_delivery_each():
    pair = Pair(a.by(tags).batch(count=9))
    pair.go(Fact("a", extra=["x", "y"]), Fact("a", extra=["x", "x"]), Fact("a", extra="y"))
    assert pair.count(0) == (4, 0, 4, {})
    pair = Pair((a & b).by(tags))
    fired = pair.go(Fact("a", extra=["x", "y"]), Fact("b", extra=["y", "z"]), Fact("b", extra=["x"]))
    assert [(firing.items, firing.key, firing.split) for firing in fired] == [
        ([0, 1], ("y",), True),
        ([0, 2], ("x",), True),
    ]
    assert [pair.count(0), pair.count(1)] == [(2, 2, 0, {}), (3, 2, 1, {})]


def test_T7_a_tuple_is_one_compound_key_and_an_empty_list_none():
    pair = Pair(a.by(tags))
    assert [firing.key for firing in pair.go(Fact("a", extra=("x", "y")))] == [(("x", "y"),)]
    assert pair.go(Fact("a", extra=[]), Fact("a", extra=["x", None])) != []
    assert pair.count(0) == (4, 2, 0, {"no_key": 2})


def test_T7_several_names_make_every_compound_key():
    fired = Pair(a.by(tags, "partition")).go(Fact("a", extra=["x", "y"], partition="p"))
    assert [firing.key for firing in fired] == [("x", "p"), ("y", "p")]


def test_T7_what_is_parked_under_one_of_several_keys_comes_back_under_that_key():
    broken = True

    def ask(kind, fn, payload, item):
        if kind == "where" and broken:
            raise CallableFault("f", "here", "it was to")
        return ["x", "y"]

    compiled = CompiledTrigger(a.batch(count=1).where(bool).by(tags), ask=ask)
    assert compiled.feed((0,), 7, 0, Fact("a")) is None and compiled.parked == [(0, 7), (0, 7)]
    again = CompiledTrigger(a.batch(count=1).where(bool).by(tags), ask=ask)
    again.restore(compiled.snapshot())
    broken = False
    fired = again.retry_parked(5, lambda item: Fact("a"))
    assert [(firing.key, firing.split) for firing in fired] == [(("x",), True), (("y",), True)]
    again._check()


def test_T7_undated_arrival_puts_what_has_no_date_into_the_period_of_its_instant():
    pair = Pair((a & b).by(day(), undated="arrival"))
    assert pair.items("a", Fact("b", logical_date=HOUR)) == [[0, 1]]
    pair = Pair((a & b).by(day()))
    pair.go("a")
    assert pair.count(0) == (1, 0, 0, {"no_key": 1})


def test_T7_undated_is_for_calendar_keys_only():
    for keys in (("partition",), (len,), (None,), ("logical_date",)):
        with pytest.raises(InvalidValue, match="undated"):
            a.by(*keys, undated="arrival")
    with pytest.raises(InvalidValue, match="undated of"):
        a.by(day(), undated="drop")
    trigger = a.by(day(), "partition", undated="arrival")
    assert rd.Trigger.from_json(trigger.to_json()) == trigger
    assert repr(trigger) == "rd.updated('a').by(rd.day(\"UTC\"), 'partition', undated='arrival')"
    assert trigger.digest != a.by(day(), "partition").digest


def graph_with(trigger):
    graph = rd.Graph("g")
    for uri in "ab":
        graph.dataset(uri)
    graph.dag("d", on=trigger).task(id="t")(lambda run: run.group)
    return graph


def test_I4_firings_of_equal_items_under_several_keys_are_different_runs(tmp_path):
    graph, store = graph_with(a.by(tags)), f"sqlite:///{tmp_path}/g.db"
    engine = opened(graph, store)
    engine.publish("a", extra={"tags": ["x", "y"]})
    engine.publish("a", extra={"tags": "z"})
    engine.run_until_idle()
    keys = {run.tasks["t"].output: run.key for run in engine.runs("d")}
    assert len(set(keys.values())) == 3 and keys.keys() == {"x", "y", "z"}
    (one, other, alone) = of_kind(engine, RunRequested)
    assert one.causes == other.causes and alone.key is None, "only where an item had several keys"
    kill(engine)
    with live(graph, store) as engine:
        assert {run.tasks["t"].output: run.key for run in engine.runs("d")} == keys


def test_I6_recorded_keys_replay_without_the_function(tmp_path):
    store = f"sqlite:///{tmp_path}/g.db"
    engine = opened(graph_with((a & b).by(tags)), store)
    engine.publish("a", extra={"tags": ["x", "y"]})
    engine.publish("a", extra={"tags": ("u", "v")})
    engine.run_until_idle()
    recorded = [answer for record in of_kind(engine, Answers) for (answer,) in record.values]
    assert recorded == [["x", "y"], ["u", "v"]], "what was published is JSON: a tuple comes back as a list"
    kill(engine)
    with live(graph_with((a & b).by(tags)), store) as engine:
        assert engine.pending("d").parts[0].pending == 4
        engine.publish("b", extra={"tags": ["y", "u"]})
        engine.run_until_idle()
        assert sorted(run.tasks["t"].output for run in engine.runs("d")) == ["u", "y"]


def pair_of(event):
    return ("p", event.extra)


def test_I6_a_tuple_stays_one_key_in_the_log(tmp_path):
    store = f"sqlite:///{tmp_path}/g.db"
    engine = opened(graph_with((a & b).by(pair_of)), store)
    engine.publish("a", extra=1)
    engine.run_until_idle()
    assert [record.values for record in of_kind(engine, Answers)] == [[[[["p", 1]]]]]
    kill(engine)
    with live(graph_with((a & b).by(pair_of)), store) as engine:
        engine.publish("b", extra=1)
        engine.run_until_idle()
        assert len(engine.runs("d")) == 1


def test_T7_undated_arrival_live():
    graph = graph_with((a & b).by(rd.day("UTC"), undated="arrival"))
    with live(graph, start="2026-11-23T12:00Z") as engine:
        engine.publish("a")
        engine.publish("b", logical_date="2026-11-23")
        engine.run_until_idle()
        assert [run.tasks["t"].output for run in engine.runs("d")] == ["2026-11-23"]
