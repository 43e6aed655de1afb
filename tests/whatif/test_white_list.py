"""Every option, setting and kind of trigger is handled by the window or refused, and what is handled is right (W30)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

import reactive_dag as rd
from reactive_dag.declare.settings.dag_settings import DagSettings
from reactive_dag.declare.settings.task_settings import TaskSettings
from reactive_dag.declare.wait import Wait
from reactive_dag.triggers.base import Trigger
from reactive_dag.whatif.loops.answering import window_of
from reactive_dag.whatif.window.white_list import TRIGGERS, NotStatic, unlisted
from tests.support.windows import nothing, of_reference, of_window

START = "2026-11-23T00:00Z"


def choose(run: rd.Run) -> list[str]:
    """A branch."""
    return []


def params_class() -> type:
    @attrs.frozen
    class Params:
        full: bool = False

    return Params


def a_date(date: object) -> object:
    """The date itself."""
    return date


def true(event: object) -> bool:
    """Whatever it is."""
    return True


def delay_of(attempt: object) -> str:
    """A retry's delay."""
    return "1m"


OF_DAG: dict[str, list[object]] = {
    "tz": ["Europe/Berlin"], "start": ["2026-11-23T05:00Z", "2026-11-23"], "bare": [],
    "end": ["2026-11-23T05:00Z", "2026-11-22"], "catchup": ["all", "none"], "max_catchup": [5],
    "paused": [True], "max_active_runs": [1, 5], "overlap": ["skip", "replace"],
    "timeout": ["5m", "9h"], "defaults": [{"retries": 1}], "tags": ["tier1"], "description": ["what it is"],
    "params": [{"full": False}, params_class()], "deadline": ["1m", rd.cron("0 6 * * *")],
}  # fmt: skip
OF_TASK: dict[str, list[object]] = {
    "retries": [2], "retry_delay": ["5m", delay_of], "backoff": ["exponential"], "max_delay": ["1h"], "jitter": [True],
    "retry_on": [ValueError], "timeout": ["10m", "20m", "9h"],
    "trigger_rule": ["all_done", "none_failed", "none_failed_min_one_success", "one_success", "one_failed"],
    "depends_on_past": [True], "priority": [3], "pool": ["narrow", "wide"], "slots": [2], "save": [rd.files("out")],
    "map_over": ["first"], "branch": [True], "teardown": [True],
}  # fmt: skip
OF_WAIT: dict[str, list[object]] = {
    "id": ["other"], "dag": ["up"], "tasks": [["first"], ["first", "second"]], "states": ["failed"],
    "failed_states": ["failed"], "skipped_states": ["skipped"],
    "logical_date": ["1h", ["2026-11-23T03:00Z"], a_date], "match": ["latest", "same_day"], "timeout": ["5m", "9h"],
    "poll": ["5m"], "mode": ["poke", "reschedule"], "soft_fail": [True], "since": ["start"], "missing": ["wait"],
    "after": [["second"]], "dataset": [None], "partition": [None],
}  # fmt: skip


def graph_with(of_dag: dict[str, Any], of_task: dict[str, Any], of_wait: dict[str, Any] | None) -> rd.Graph:
    """An hourly DAG with two tasks, and another that waits for it."""
    graph = rd.Graph("listed")
    graph.pool("narrow", slots=2)
    graph.pool("wide", slots=100)
    up = graph.dag("up", schedule="0 * * * *")
    up.add(nothing, id="first")
    up.add(nothing, id="second", after=["first"])
    down = graph.dag("down", schedule="0 */2 * * *", **of_dag)
    down.add(nothing, id="first")
    down.add(choose if of_task.get("branch") else nothing, id="second", after=["first"], **of_task)
    down.add(nothing, id="third", after=["second"])
    if of_wait is not None:
        down.wait_for(of_wait.pop("dag", "up"), **{"id": "waits", **of_wait})
    return graph


def judged(graph: rd.Graph) -> str:
    """ "refused", "binds" or "equal"; an assertion where the window is wrong."""
    simulation = rd.simulate(graph, start=START, until="9h", default_duration="20m")
    try:
        window_of(simulation.question)
    except NotStatic as why:
        assert "down" in str(why) or "rd." in str(why), why
        return "refused"
    if simulation.answer is None:
        return "binds"
    assert of_window(simulation.answer.window, simulation.answer.ends) == of_reference(simulation)
    return "binds" if simulation.method.evaluator == "event loop" else "equal"


@pytest.mark.parametrize("of", [DagSettings, TaskSettings, Wait])
def test_W30_every_option_is_on_a_list(of: type) -> None:
    assert not unlisted(of)
    samples = {DagSettings: OF_DAG, TaskSettings: OF_TASK, Wait: OF_WAIT}[of]
    assert samples.keys() == {each.name for each in attrs.fields(of)}, "give a sample of the new option"


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in OF_DAG.items() for v in values])
def test_W30_options_of_dags(name: str, value: object) -> None:
    options = {name: value} | ({"max_active_runs": 1} if name == "overlap" else {})
    found = judged(graph_with(options, {}, {}))
    assert found == ("refused" if name == "paused" else "binds" if value == "5m" else "equal")


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in OF_TASK.items() for v in values])
def test_W30_options_of_tasks(name: str, value: object) -> None:
    options = {name: value} | ({"pool": "narrow"} if name == "slots" else {})
    options |= {"retries": 1} if name in ("retry_delay", "backoff", "max_delay", "jitter") else {}
    options |= {"retry_delay": "1m", "backoff": "exponential"} if name == "max_delay" else {}
    found = judged(graph_with({}, options, None))
    refused = name in ("jitter", "map_over", "branch") or value in ("one_success", "one_failed") or value is delay_of
    assert found == ("refused" if refused else "binds" if value in ("10m", "20m") and name == "timeout" else "equal")


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in OF_WAIT.items() for v in values])
def test_W30_options_of_waits(name: str, value: object) -> None:
    options: dict[str, Any] = {} if name in ("dataset", "partition") else {name: value}
    options |= {"timeout": "3h"} if name == "soft_fail" else {}
    graph = graph_with({}, {}, options)
    if name in ("dataset", "partition"):
        orders = graph.dataset("orders")
        graph.dag("makes", schedule="0 * * * *", outlets=[orders])(nothing)
        graph.dags["down"].wait_for(orders, id="more", partition=None)
    kept = {"id", "dag", "match", "poll", "missing", "after", "soft_fail"} | {"timeout", "logical_date", "tasks"}
    found = judged(graph)
    refused = name not in kept or value in (["first", "second"], ["2026-11-23T03:00Z"]) or value is a_date
    assert found == ("refused" if refused else "binds" if value == "5m" and name == "timeout" else "equal")


A, B = rd.completed("up"), rd.completed("side")
TRIGGERS_OF: dict[str, Callable[[], Trigger]] = {
    "Scheduled": lambda: rd.cron("30 * * * *"), "Completed": lambda: A, "Updated": lambda: rd.updated("made"),
    "AnyOf": lambda: A | B, "AllOf": lambda: A & B, "By": lambda: (A & rd.updated("made")).by("logical_date"),
    "Feedback": lambda: rd.updated("made", feedback=True, max_depth=1), "Missed": lambda: rd.missed("late"),
    "Absent": lambda: rd.absent(A, for_="1h"), "AtLeast": lambda: rd.at_least(1, A, B),
    "Sequence": lambda: rd.sequence(A, B), "Within": lambda: (A & B).within("1h"), "Batch": lambda: A.batch(count=2),
    "Debounce": lambda: A.debounce("5m"), "Throttle": lambda: A.throttle("2h"),
    "Reset": lambda: (A & B).reset(at=rd.cron("0 5 * * *")), "WithLatest": lambda: A.with_latest(B),
    "Where": lambda: A.where(true), "Map": lambda: A.map(a_date),
    "Rollup": lambda: A.rollup(rd.day("UTC"), of=rd.hour("UTC")),
}  # fmt: skip
"""One trigger of each kind there is."""


def kinds(of: type = Trigger) -> set[type]:
    """The classes of triggers that can be written."""
    found = {each for each in of.__subclasses__() if each.__module__.startswith("reactive_dag.")}
    return {each for one in found for each in kinds(one) | ({one} if "kind" in vars(one) else set())}


def test_W30_every_kind_of_trigger_has_a_sample() -> None:
    inside_of_others = {"ByPeriod"}  # of a rollup
    assert {each.__name__ for each in kinds()} - inside_of_others == TRIGGERS_OF.keys()


@pytest.mark.parametrize("name", TRIGGERS_OF)
def test_W30_kinds_of_triggers(name: str) -> None:
    graph = graph_with({}, {}, None)
    made = graph.dataset("made")
    side = graph.dag("side", schedule="0 * * * *")
    side.add(nothing, id="only", outlets=[made])
    graph.dag("late", schedule="0 * * * *", deadline="10m")(nothing)
    down = graph.dag("down_of_all", on=TRIGGERS_OF[name]())
    down.add(nothing, id="only")
    handled = {each.__name__ for each in TRIGGERS}
    assert judged(graph) == ("equal" if name in handled else "refused")


@pytest.mark.parametrize(
    "trigger",
    [
        rd.completed("*", states="any"),
        rd.updated("made") & rd.updated("more"), rd.all_of(A, B, consume="latest"), A | rd.completed("up") & B,
        (A & B).by("logical_date", ttl="1h"), (A & B).by(a_date),
        (rd.updated("made") & rd.updated("more")).by("region"),
        (A & B).by("logical_date", max_keys=3),
    ],
    ids=str,
)  # fmt: skip
def test_W30_triggers_in_another_form_are_refused(trigger: rd.Trigger) -> None:
    graph = graph_with({}, {}, None)
    partitions = rd.hour("UTC") * rd.values("eu", name="region")
    made = [graph.dataset(name, partitions=partitions) for name in ("made", "more")]
    side = graph.dag("side", schedule="0 * * * *")
    side.add(nothing, id="only", outlets=made)
    graph.dag("down_of_all", on=trigger).add(nothing, id="only")
    assert judged(graph) == "refused"


@pytest.mark.parametrize(
    "states", ["failed", "any", {"success", "failed"}, "cancelled"], ids=["failed", "any", "both", "cancelled"]
)
def test_W30_who_hears_failures_hears_none_where_nothing_fails(states: str) -> None:
    graph = graph_with({}, {"retries": 1}, None)
    graph.dag("hears", on=rd.completed("down", states=states) | rd.completed("*", states="failed"))(nothing)
    assert judged(graph) == "equal"
    base = rd.simulate(graph, start=START, until="9h", default_duration="20m")
    failed = base.what_if(rd.fail("down.first"))
    assert failed.method.rest == ("hears",) and failed.runs_of("hears")


def test_W30_kinds_of_events_that_no_success_publishes_start_nothing() -> None:
    graph = graph_with({}, {}, None)
    made = graph.dataset("made")
    graph.dag("side", schedule="0 * * * *", outlets=[made])(nothing)
    graph.dag("hears", on=rd.updated(made, kinds={"created", "deleted"}))(nothing)
    assert judged(graph) == "equal"
