"""A graph that is static in part says what the reference says of all of it, instance by instance (W33, W34)."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

import reactive_dag as rd
from reactive_dag.model.errors import ReactiveDagError
from reactive_dag.whatif.futures.course_futures import CourseFutures, DatedDag
from reactive_dag.whatif.question.names import TaskName
from tests.support.parts import question_in_parts
from tests.support.profiles import examples
from tests.whatif.test_window_answers import compared_alike, told_alike, usage_alike

START = "2026-11-23T00:00Z"


def nothing() -> None:
    """A body."""


def alike(simulation: rd.Simulation) -> None:
    """What the parts say is what the reference says of the whole."""
    assert simulation.parts is not None, simulation.method
    told_alike(simulation.outcome, simulation.trace)
    usage_alike(simulation)


def chain(seed: int) -> list[rd.Simulation]:
    """A drawn question with its further ones."""
    found = question_in_parts(Random(seed))
    if found is None:
        return []
    base, changes = found
    asked = [base]
    for each in changes:
        try:
            asked.append(asked[-1].what_if(*each))  # type: ignore[arg-type]
        except ReactiveDagError:
            break
    return asked


@pytest.mark.parametrize("seed", range(examples(60)))
def test_W33_parts_say_what_the_reference_says_of_the_whole(seed: int) -> None:
    asked = chain(seed)
    for simulation in asked:
        if simulation.parts is not None:
            alike(simulation)
    if asked and asked[0].parts is not None:
        compared_alike(asked[0], asked[-1])


def test_W33_most_drawn_graphs_are_static_in_part() -> None:
    found = Counter(asked[0].parts is not None for seed in range(40) if (asked := chain(seed)))
    assert found[True] > found[False]


def futures_alike(simulation: rd.Simulation, n: int = 3) -> int:
    """Futures, one by one, are those that the reference plays: ends, and the tasks on paths; how many were in parts."""
    courses = CourseFutures(simulation.question, simulation._prepared, simulation.effects, 7)
    found = courses.chunk(range(n))
    paths: dict[DatedDag, Counter[TaskName]] = {}
    for future, ends in enumerate(found.ends):
        trace = courses._trace(future)
        assert ends == courses.play(future)
        for about, tasks in courses._paths(trace):
            paths.setdefault(about, Counter()).update(tasks)
    assert found.paths == paths
    return found.in_parts


@pytest.mark.parametrize("seed", range(1000, 1000 + examples(40)))
def test_W41_futures_in_parts_are_those_of_the_reference(seed: int) -> None:
    asked = chain(seed)
    if asked:
        futures_alike(asked[-1])


def test_W41_many_futures_are_answered_in_parts() -> None:
    base = asked_of(watched(), default_duration=rd.lognormal("20m", 0.6))
    assert futures_alike(base, 20) == 20
    assert base.futures(20).method.startswith("in parts: rd.absent(")
    assert futures_alike(base.what_if(rd.fail("load.t", 0.2)), 20) == 20


def watched(**rest: object) -> rd.Graph:
    """A DAG on the clock, one that follows it, one that a silence of that starts, and one beside them."""
    graph = rd.Graph("watched")
    graph.dag("load", schedule="0 * * * *").add(nothing, "t")
    graph.dag("mart", on=rd.completed("load")).add(nothing, "t")
    graph.dag("alarm", on=rd.absent(rd.completed("mart"), for_="65m")).add(nothing, "t", **rest)  # type: ignore[arg-type]
    graph.dag("other", schedule="30 2 * * *").add(nothing, "t")
    return graph


def asked_of(graph: rd.Graph, **asked: object) -> rd.Simulation:
    options: dict[str, object] = {"start": START, "until": "1d", "default_duration": "10m"}
    return rd.simulate(graph, **(options | asked))  # type: ignore[arg-type]


def test_W33_the_method_names_the_rest_and_why_it_is_not_static() -> None:
    base = asked_of(watched())
    assert repr(base.method) == (
        "one pass, and the reference for alarm: rd.absent(rd.completed('mart'), for_='1h5m') is Absent, whose firings "
        "depend on durations"
    )
    assert "trace" not in vars(base)  # nobody played the whole
    assert [len(base.runs_of(dag)) for dag in ("load", "mart", "alarm", "other")] == [24, 24, 0, 1]
    late = base.what_if(rd.delay("load", rd.uniform("1m", "50m")))
    assert late.runs_of("alarm")
    alike(late)


def test_W33_the_reference_plays_the_rest_and_its_border_alone() -> None:
    base = asked_of(watched())
    assert base.parts is not None
    assert base.parts.course.border.dags == {"mart"}
    assert {*base.parts.course.trace.by_dag} == {"mart"}  # not what requests its runs, nor what is beside it


def test_W34_what_does_not_reach_the_rest_plays_nothing() -> None:
    base = asked_of(watched())
    beside, behind = base.what_if(rd.delay("other", "1h")), base.what_if(rd.delay("mart", "5m"))
    assert base.parts and beside.parts and behind.parts
    assert (beside.method.evaluator, beside.method.rest) == ("incremental", ("alarm",))
    assert beside.parts.course is base.parts.course and behind.parts.course is not base.parts.course
    alike(beside)
    alike(behind)
    (row,) = beside.compare().rows
    assert row.dag == "other"


def test_W34_what_touches_the_rest_alone_leaves_the_window_as_it_was() -> None:
    base = asked_of(watched()).what_if(rd.duration("load.t", rd.uniform("1m", "50m")))
    late = base.what_if(rd.delay("alarm", "2h"))
    assert base.parts and late.parts and late.parts.course is not base.parts.course
    assert late.parts.window.passed.end == base.parts.window.passed.end
    alike(late)


def test_W33_what_shares_a_pool_with_the_rest_is_played_with_it() -> None:
    graph = watched(pool="one")
    graph.pool("one", 1)
    graph.dag("user", schedule="0 4 * * *").add(nothing, "t", pool="one")
    base = asked_of(graph)
    assert base.method.rest == ("alarm", "user")
    assert base.method.why.endswith("'user' shares pool 'one' with what is not static")
    alike(base)


def test_W33_a_pool_of_the_border_brings_all_that_use_it() -> None:
    graph = rd.Graph("pools")
    graph.pool("one", 1)
    graph.dag("first", schedule="0 * * * *").add(nothing, "t", pool="one", priority=1)
    graph.dag("second", schedule="0 * * * *").add(nothing, "t", pool="one")
    graph.dag("alarm", on=rd.absent(rd.completed("second"), for_="55m")).add(nothing, "t")
    base = asked_of(graph)
    assert base.parts and base.parts.course.border.dags == {"first", "second"}
    assert base.method.evaluator == "event loop"
    alike(base)


def test_W33_workers_are_shared_by_all() -> None:
    limited = asked_of(watched()).what_if(rd.workers(2))
    assert limited.method.evaluator == "reference"
    assert limited.method.why.endswith("; workers are shared with the rest")


def test_W33_an_alarm_on_failures_brings_only_what_fails() -> None:
    graph = watched()
    graph.dag("alert", on=rd.completed("*", states="failed")).add(nothing, "t")
    base = asked_of(graph)
    assert base.parts and base.parts.course.border.dags == {"mart"}
    assert base.method.rest == ("alarm", "alert")
    failing = base.what_if(rd.fail("other.t"))
    assert failing.parts and failing.parts.course.border.dags == {"mart", "other"}
    assert len(failing.runs_of("alert")) == 1
    alike(base)
    alike(failing)


def test_W33_whose_deadline_the_rest_hears_is_of_the_rest() -> None:
    graph = rd.Graph("deadlines")
    graph.dag("load", schedule="0 * * * *", deadline="5m").add(nothing, "t")
    graph.dag("other", schedule="0 3 * * *", deadline="5m").add(nothing, "t")
    graph.dag("late", on=rd.missed("load")).add(nothing, "t")
    base = asked_of(graph)
    assert base.method.rest == ("load", "late")
    alike(base)
    assert len(base.deadlines().missed) == 25


def test_W33_waits_of_the_border_end_as_in_the_window() -> None:
    graph = rd.Graph("waits")
    graph.dag("up", schedule="0 2 * * *").add(nothing, "t")
    down = graph.dag("down", schedule="0 1 * * *")
    down.wait_for("up", id="w", match="same_day")
    down.add(nothing, "t", after=["w"])
    graph.dag("alarm", on=rd.absent(rd.completed("down"), at=rd.cron("5 2 * * *"))).add(nothing, "t")
    base = asked_of(graph)
    assert base.parts and base.parts.course.border.dags == {"down"}
    assert [f"{run.started:%H:%M}" for run in base.runs_of("alarm")] == ["02:05"]
    alike(base)


def test_W33_a_wait_of_the_rest_names_what_a_run_of_the_border_gave() -> None:
    graph = rd.Graph("outputs")
    graph.dag("up", schedule="0 2 * * *").add(nothing, "t")
    middle = graph.dag("middle", schedule="0 1 * * *")
    middle.wait_for("up", id="w", match="same_day")
    middle.add(nothing, "t", after=["w"])
    down = graph.dag("down", schedule="0 3 * * *")
    down.wait_for("middle", id="w", states={"success", "failed"}, match="same_day")
    base = asked_of(graph, outputs={"up.t": [1, 2], "middle.t": 3})
    assert base.method.rest == ("down",)
    (run,) = base.runs_of("down")
    assert "trace" not in vars(base)
    assert run.tasks["w"].output["results"]["w"]["results"] == {"t": [1, 2]}
    alike(base)


def test_W33_what_goes_on_beyond_the_end_is_seen_by_the_rest() -> None:
    """A window that is open at the end closes as long as anything goes on, in the static part too."""
    graph = rd.Graph("beyond")
    users, orders = graph.dataset("users"), graph.dataset("orders")
    graph.dag("long", schedule="50 23 * * *").add(nothing, "t")
    graph.dag("gathers", on=(rd.updated(users) | rd.updated(orders)).batch(max_wait="3h")).add(nothing, "t")
    graph.dag("quiet", on=rd.absent(rd.updated(users), for_="3h")).add(nothing, "t")
    sources = {users: rd.cron("0 23 * * *"), orders: rd.cron("30 23 * * *")}
    for length in ("5m", "7h"):
        alike(asked_of(graph, sources=sources, durations={"long": length}))


def test_W33_the_reference_plays_all_where_the_order_of_one_instant_may_decide() -> None:
    """Two runs without duration end at one instant, in turns that the course of the rest does not know."""
    graph = rd.Graph("turns")
    graph.dag("first", schedule="0 * * * *").add(nothing, "t")
    graph.dag("second", on=rd.completed("first")).add(nothing, "t")
    graph.dag("third", on=rd.completed("first")).add(nothing, "t")
    graph.dag("rest", on=rd.sequence(rd.completed("third"), rd.completed("second"))).add(nothing, "t")
    at_once = asked_of(graph, default_duration="0s")
    assert "depends on what happens first at one instant" in at_once.method.why
    told_alike(at_once.outcome, at_once.trace)  # type: ignore[arg-type]
    alike(asked_of(graph, durations={"first": "0s", "second": "5m", "third": "6m"}, default_duration="1m"))


def test_W33_a_run_of_the_border_has_its_date_partition_cascade_and_key() -> None:
    graph = rd.Graph("cascades")
    users, orders = graph.dataset("users", partitions=rd.day("Europe/Berlin")), graph.dataset("orders")
    graph.dag("up", on=rd.updated(users)).add(nothing, "t", outlets=[orders])
    graph.dag("one", on=rd.completed("up")).add(nothing, "t")
    graph.dag("two", on=rd.completed("up")).add(nothing, "t")
    graph.dag("rest", on=rd.all_of(rd.completed("one"), rd.completed("two")).debounce("5m")).add(nothing, "t")
    graph.dag("next", on=rd.updated(orders).throttle("90m")).add(nothing, "t")
    base = asked_of(graph, sources={users: rd.cron("30 */2 * * *")}, durations={"two": "3m"}, default_duration="2m")
    assert base.method.rest == ("rest", "next")
    assert base.runs_of("rest") and base.runs_of("next")
    alike(base)


def test_W59_a_tick_that_causes_no_run_is_the_last_that_happened() -> None:
    """What never ends has waited until then; as the reference counts."""
    graph = rd.Graph("ticks")
    graph.dag("never", schedule="0 4 1 * *").add(nothing, "t")
    graph.dag("joins", on=rd.all_of(rd.completed("never"), rd.cron("0 * * * *")).by("logical_date")).add(nothing, "t")
    waits = graph.dag("waits", schedule="0 1 * * *")
    waits.wait_for("never", id="w", match="same_day")
    base = asked_of(graph)
    assert base.answer is not None
    assert base.outcome.over == base.trace.over
    assert f"{base.critical_path('waits')[-1].waited}" == "22:00:00"


def test_W59_the_end_of_a_deadline_is_the_last_that_happened() -> None:
    graph = rd.Graph("deadlines")
    graph.dag("short", schedule="0 1 * * *", deadline="3h").add(nothing, "t")
    waits = graph.dag("waits", schedule="0 1 * * *", deadline="3h")
    waits.wait_for("short", id="w", logical_date="1m")
    base = asked_of(graph)
    assert base.answer is not None and base.outcome.over == base.trace.over


def test_W33_what_an_answer_finds_not_to_be_static_goes_to_the_rest() -> None:
    """Who hears that something failed, where something does; all else is answered by the window."""
    graph = rd.Graph("failures")
    graph.dag("load", schedule="0 * * * *").add(nothing, "t")
    graph.dag("mart", schedule="0 * * * *").add(nothing, "t")
    graph.dag("alert", on=rd.completed("*", states="failed")).add(nothing, "t")
    base = asked_of(graph)
    assert base.answer is not None and base.method.rest == ()
    failing = base.what_if(rd.fail("load.t", 0.5))
    assert (failing.method.evaluator, failing.method.rest) == ("event loop", ("alert",))
    assert failing.method.why == "rd.completed('*', states='failed') hears what does not succeed"
    assert failing.parts and failing.parts.course.border.dags == {"load"}
    assert 0 < len(failing.runs_of("alert")) < 24
    alike(failing)
    assert failing.what_if(rd.delay("mart", "5m")).method.rest == ("alert",)


def test_W33_of_rules_only_those_beside_a_failure_are_played() -> None:
    graph = rd.Graph("rules")
    for id in ("one", "two"):
        dag = graph.dag(id, schedule="0 1 * * *")
        dag.add(nothing, "t")
        dag.add(nothing, "clean", after=["t"], trigger_rule="all_done")
    failing = asked_of(graph).what_if(rd.fail("one.t"))
    assert failing.method.rest == ("one",)
    alike(failing)


def test_W33_runs_that_are_skipped_are_played_by_the_reference_alone() -> None:
    graph = rd.Graph("skips")
    graph.dag("busy", schedule="0 * * * *", max_active_runs=1, overlap="skip").add(nothing, "t")
    graph.dag("other", schedule="0 * * * *").add(nothing, "t")
    base = asked_of(graph, durations={"busy": "90m"})
    assert base.method.rest == ("busy",)
    assert Counter(run.state for run in base.runs_of("busy"))["skipped"] == 12
    alike(base)


def test_W33_a_wait_that_is_lost_as_it_begins_is_played_by_the_reference_alone() -> None:
    graph = rd.Graph("lost")
    graph.dag("never", on=rd.all_of(rd.cron("0 1 * * *"), rd.completed("load")).by("logical_date")).add(nothing, "t")
    graph.dag("load", schedule="0 * * * *", end="2026-11-23T00:30Z").add(nothing, "t")
    waits = graph.dag("waits", schedule="0 1 * * *")
    waits.wait_for("never", id="w")
    graph.dag("beside", schedule="0 1 * * *").add(nothing, "t")
    base = asked_of(graph)
    told_alike(base.outcome, base.trace)  # type: ignore[arg-type]
    assert base.method.rest in (("waits",), ("never", "waits"))


def test_W33_what_a_trigger_hears_twice_is_one_thing() -> None:
    graph = rd.Graph("twice")
    dag = graph.dag("load", schedule="0 * * * *")
    dag.add(nothing, "t")
    dag.add(nothing, "u", after=["t"])  # given up with `t`, in no time
    graph.dag("hears", on=rd.completed("load", states="failed") | rd.completed("*", states="failed")).add(nothing, "t")
    failing = asked_of(graph).what_if(rd.fail("load.t", 0.5))
    assert failing.method.rest == ("hears",)
    alike(failing)
