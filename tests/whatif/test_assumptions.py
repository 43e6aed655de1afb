"""What rests on a duration that nobody gave says so, beside each answer."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.whatif.test_answers import nothing


def pair() -> rd.Graph:
    """a -> b."""
    graph = rd.Graph("pair")
    graph.dag("a", schedule="0 1 * * *", deadline="1h").add(nothing, "t")
    graph.dag("b", on=rd.completed("a")).add(nothing, "t")
    return graph


def played(**asked: object) -> rd.Simulation:
    return rd.simulate(pair(), start="2026-11-23T00:00Z", until="1d", **asked)  # type: ignore[arg-type]


NOTE = "1 of 2 tasks take a duration that is assumed (default_duration, or a spread)"


@pytest.mark.parametrize(
    "asked",
    [
        {"durations": {"a": "10m"}, "default_duration": "5m"},
        {"durations": {"a.t": "10m", "b": rd.spread_durations("5m", "5m")}},
        {"durations": {"a": "10m", "b.t": rd.spread_durations("5m", "5m")}},
        {"durations": {"a": "10m"}, "default_duration": rd.spread_durations("5m", "5m")},
    ],
    ids=["default", "spread of a DAG", "spread of a task", "spread as default"],
)
def test_W58_a_default_and_a_spread_are_assumptions(asked: dict[str, object]) -> None:
    course = played(**asked)
    path = course.critical_path("b")
    assert [(step.name, step.assumed) for step in path][1:] == [("a.t", False), ("b.t", True)]
    assert path.assumed == NOTE and "~5m" in str(path) and "~10m" not in str(path)
    assert [(row.dag, row.assumed) for row in course.timeline()] == [("a", False), ("b", True)]
    late = course.what_if(rd.delay("a", "1h"))
    answers = (course.timeline(), course.slack(), course.usage(), course.deadlines(), late.compare())
    assert all(answer.assumed == NOTE and str(answer).endswith(NOTE) for answer in answers)
    assert late.compare().to_json()["assumed"] == NOTE


def test_W58_what_is_given_is_no_assumption() -> None:
    course = played(durations={"a": "10m", "b": "5m"}, default_duration="1h")
    late = course.what_if(rd.delay("a", "1h"))
    for answer in (course.critical_path("b"), course.timeline(), course.slack(), course.usage(), late.compare()):
        assert answer.assumed == "" and "assumed" not in str(answer)


def test_W58_an_intervention_gives_what_was_assumed_and_a_factor_of_it_does_not() -> None:
    course = played(default_duration="10m")
    assert course.critical_path("b").assumed.startswith("2 of 2 tasks")
    assert course.what_if(rd.duration("b", "7m")).critical_path("b").assumed == NOTE
    assert course.what_if(rd.duration("b", times=2)).critical_path("b").assumed.startswith("2 of 2 tasks")


def test_W58_a_path_without_an_assumed_step_rests_on_none() -> None:
    course = played(durations={"a": "10m"}, default_duration="5m")
    assert course.critical_path("a").assumed == "" and course.critical_path("b").assumed == NOTE
