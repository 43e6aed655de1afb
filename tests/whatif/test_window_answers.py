"""Answers from arrays are those of the reference: runs, timelines, critical paths, comparisons, slack (W59)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from msgspec.structs import replace

import reactive_dag as rd
from reactive_dag.whatif.answers.critical_path import hops, steps_of
from reactive_dag.whatif.answers.slack import slack_of
from reactive_dag.whatif.answers.timeline import timeline_of
from reactive_dag.whatif.answers.usage import WORKERS, usage_of
from reactive_dag.whatif.comparison.compare import compared
from reactive_dag.whatif.outcome.outcome import Outcome
from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
from tests.support.profiles import examples
from tests.support.windows import question


def runs_of(outcome: Outcome) -> list[object]:
    """Every run as a row, under no number, in the order of time."""
    rows = [replace(outcome.row(run), run=0, cascade="", sources=()) for run in outcome.runs]
    assert [row.requested for row in rows] == sorted(row.requested or 0 for row in rows)
    return sorted(rows, key=lambda row: (row.requested or 0, row.key))


def paths_of(outcome: Outcome) -> dict[str, object]:
    """The critical path to each run."""
    return {outcome.head(run).key: steps_of(outcome, hops(outcome, run)) for run in outcome.runs}


def told_alike(mine: WindowOutcome, reference: Outcome) -> None:
    """Every answer about one outcome is the same."""
    assert runs_of(mine) == runs_of(reference)
    assert mine.by_key.keys() == reference.by_key.keys()
    assert paths_of(mine) == paths_of(reference)
    rows, others = timeline_of(mine, mine.runs), timeline_of(reference, reference.runs)
    assert Counter(rows) == Counter(others) and [row.start for row in rows] == [row.start for row in others]
    assert list(mine.unfinished()) == list(reference.unfinished()) and list(mine.left()) == list(reference.left())
    slack, other = slack_of(mine), slack_of(reference)
    assert Counter(slack) == Counter(other) and slack.title == other.title
    assert usage_of(mine, {WORKERS: None}, {}).to_json() == usage_of(reference, {WORKERS: None}, {}).to_json()


@pytest.mark.parametrize("seed", range(examples(150)))
def test_W59_answers_from_arrays_are_those_of_the_reference(seed: int) -> None:
    random = Random(seed)
    asked = question(random)
    if asked is None:
        return
    base, further = asked
    late = base
    for changes in further:
        late = late.what_if(*changes)  # type: ignore[arg-type]
    for each in (base, late):
        if isinstance(each.outcome, WindowOutcome):
            told_alike(each.outcome, each.trace)
    found = compared(base.outcome, late.outcome, base.effects, late.effects, "late", "base")
    assert found.to_json() == compared(base.trace, late.trace, base.effects, late.effects, "late", "base").to_json()


def test_W56_of_what_ended_at_one_instant_the_path_goes_on_by_name_and_place() -> None:
    graph = rd.Graph("ties")
    first, second = graph.dag("b", schedule="0 1 * * *"), graph.dag("a", schedule="0 1 * * *")
    for dag in (first, second):
        dag.add(lambda: None, "one")
        dag.add(lambda: None, "two")
        dag.add(lambda: None, "three", after=["two", "one"])
    graph.dag("both", on=rd.completed("a") & rd.completed("b")).add(lambda: None, "t")
    course = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="10m")
    names = [step.name for step in course.critical_path("both")]
    assert names == ["tick 2026-11-23T01:00:00Z", "b.two", "b.three", "both.t"]
