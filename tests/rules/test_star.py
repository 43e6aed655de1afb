"""`completed("*")`: every DAG but this one and those that follow from it; whom it hears is part of its definition."""

from __future__ import annotations

import reactive_dag as rd
from reactive_dag.model.records import Registered
from tests.support.engines import kill, live, of_kind, opened, part, states


def nothing(run):
    return None


def failing(run):
    raise ValueError("no")


def fine(event):
    return event.dag != "never"


def estate(tags=("tier1",)):
    graph = rd.Graph("stars")
    graph.dag("one", tags=tags)(failing)
    graph.dag("two")(failing)
    graph.dag("alert", on=rd.completed("*", states="failed"))(failing)
    graph.dag("after", on=rd.completed("alert", states="failed"))(failing)
    graph.dag("tiered", on=rd.completed("*", states="failed", tags={"tier1"}).where(fine))(nothing)
    return graph


def heard(engine, dag):
    return sorted(event.dag for run in engine.runs(dag) for event in run.events)


def test_a_star_hears_every_dag_but_itself_and_those_that_follow_from_it():
    with live(estate()) as engine:
        for dag in ("one", "two"):
            engine.start(dag)
        engine.run_until_idle()
        assert heard(engine, "alert") == ["one", "two"]
        assert heard(engine, "tiered") == ["one"]
        assert len(states(engine, "after")) == 2


def test_two_stars_with_different_tags_in_one_trigger():
    graph = estate()
    on = rd.completed("*", tags={"a"}) | rd.completed("*", tags={"b"})
    graph.dag("both", on=on)(nothing)
    graph.dag("a", tags={"a"})(nothing)
    graph.dag("b", tags={"b"})(nothing)
    graph.dag("ab", tags={"a", "b"})(nothing)
    with live(graph) as engine:
        for dag in ("a", "b", "ab"):
            engine.start(dag)
        engine.run_until_idle()
        assert heard(engine, "both") == ["a", "ab", "b"], "an event is delivered to each part, and is one cause"
        assert [part(engine, "both", n).delivered for n in (0, 1)] == [2, 2]


def test_a_star_hears_dags_that_come_later():
    graph = estate()
    with live(graph) as engine:
        engine.run_until_idle()
        graph.dag("late", tags=["tier1"])(failing)
        engine.start("late")
        engine.run_until_idle()
        assert heard(engine, "alert") == heard(engine, "tiered") == ["late"]


def test_two_stars_that_would_hear_each_other():
    graph = rd.Graph("stars")
    graph.dag("up")(failing)
    graph.dag("a", on=rd.completed("*", states="any"))(nothing)
    graph.dag("b", on=rd.completed("*", states="any"))(nothing)
    with live(graph) as engine:
        engine.start("up")
        engine.run_until_idle("10s")
        assert (heard(engine, "a"), heard(engine, "b")) == (["b", "up"], ["up"]), "somebody has to be last"


def test_what_a_star_heard_is_read_back_as_it_was_whatever_the_tags_are_now(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(estate(), store)
    engine.start("one")
    engine.run_until_idle()
    assert heard(engine, "tiered") == ["one"]
    kill(engine)
    with live(estate(tags=()), store) as engine:
        engine.start("one")
        engine.run_until_idle()
        assert heard(engine, "tiered") == ["one"] and part(engine, "tiered").delivered == 1
        assert heard(engine, "alert") == ["one", "one"]
        changed = [record.dag for record in of_kind(engine, Registered)]
        assert changed.count("tiered") == 2 and changed.count("alert") == 1
