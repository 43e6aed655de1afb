"""Warnings about bodies that call what their declaration does not let them (G3, R3, R5)."""

from __future__ import annotations

import pytest

import reactive_dag as rd


def warned(graph: rd.Graph) -> list[tuple[str, tuple[str, ...]]]:
    """The warnings about bodies; none of them is an error."""
    graph.check()
    return [(each.kind, each.ids[1:]) for each in graph.problems() if each.kind in KINDS]


KINDS = ("retry_without_retries", "no_outlets")


def again(run):
    raise rd.RetryTask(after="5m")


def again_inside(run):
    def ask():
        raise rd.RetryTask("not there yet")

    ask()


def publishes(run):
    run.publish("mart", extra={"rows": 10})


def publishes_inside(run):
    return [run.unchanged(each) for each in ("mart",)]


class Client:
    """Something else that publishes."""

    def publish(self, what: str) -> None: ...


def publishes_elsewhere(run):
    Client().publish("mart")
    return run.key


@pytest.mark.parametrize("body", [again, again_inside])
def test_G3_a_body_that_asks_for_another_attempt_and_has_no_retries(body) -> None:
    graph = rd.Graph("shop")
    graph.dag("job").add(body, id="load")
    assert warned(graph) == [("retry_without_retries", ("job.load",))]
    assert "give it retries=" in next(each.text for each in graph.problems())
    with_default = rd.Graph("shop")
    with_default.dag("job", defaults={"retries": 1}).add(body, id="load")
    assert warned(with_default) == []


@pytest.mark.parametrize("body", [publishes, publishes_inside])
def test_G3_a_body_that_publishes_and_has_no_outlets(body) -> None:
    graph = rd.Graph("shop")
    mart = graph.dataset("mart")
    many = graph.dag("many", outlets=[mart])
    many.add(publishes_elsewhere, id="first")
    many.add(body, id="load")
    assert warned(graph) == [("no_outlets", ("many.load",))]
    [problem] = graph.problems()
    assert "'mart' of its DAG is recorded when the run succeeds" in problem.text and problem.severity == "warning"
    own = rd.Graph("shop")
    own.dag("many").add(body, id="load", outlets=["mart"])
    own.dag("one", outlets=["other"])(body)  # of a DAG that is one function the outlets are its task's
    assert warned(own) == []


def test_G3_bodies_of_a_loaded_graph_are_not_looked_at() -> None:
    graph = rd.Graph("shop")
    graph.dag("job").add(publishes)
    assert warned(graph) and not warned(rd.Graph.from_json(graph.to_json()))


def test_R5_retry_task_without_retries_fails_and_says_why() -> None:
    graph = rd.Graph("shop")
    graph.dag("job")(again)
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        run = engine.start("job").wait()
        assert run.state == "failed" and len(run.tasks["again"].attempts) == 1
        assert run.error.startswith("again: RetryTask: after 5m (the task has no retries=)\n")


def test_R3_a_task_that_publishes_to_its_dags_outlet_is_told_whose_it_is() -> None:
    graph = rd.Graph("shop")
    graph.dag("many", outlets=["mart"]).add(publishes, id="load")
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        run = engine.start("many").wait()
        assert "outlets=['mart'] (its DAG's is recorded when the run succeeds)" in run.error
        assert engine.events("mart") == []
