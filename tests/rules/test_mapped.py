"""Mapped tasks: one instance an item, gathered in order, each with attempts of its own (R7, R3, R8)."""

from __future__ import annotations

import logging

import pytest

import reactive_dag as rd
from reactive_dag.model.records import TaskFinished
from tests.support.engines import live, of_kind, parts


def mapping(items: object, **options: object) -> tuple[rd.Graph, rd.Dag]:
    """A DAG `job` whose `each` is mapped over what `rows` gives; `total` gets what is gathered."""
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda run: items, id="rows")
    dag.add(work, id="each", map_over="rows", **options)
    dag.add(lambda each: each, id="total")
    return graph, dag


def work(run, rows):
    """What an instance does, as its item says."""
    if rows == "skip":
        raise rd.SkipTask("nothing to do")
    if rows == "bad" or (rows == "late" and run.attempt == 1):
        raise ValueError(f"no {rows}")
    return f"{run.task}: {rows}"


def played(graph: rd.Graph, **options: object) -> Seen:
    """The run that a start gives, at its end; every invariant, and the replay of the log, held."""
    with live(graph, **options) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        return Seen(run)


class Seen:
    """What was seen of a run whose engine is closed."""

    def __init__(self, run: rd.Run) -> None:
        self.state, self.error, self.tasks = run.state, run.error, run.tasks


# ---------------------------------------------------------------------------------------------- items


def test_R7_one_instance_for_each_item_gathered_in_order():
    run = played(mapping(["c", "a", "b"])[0])
    each = run.tasks["each"]
    assert each.output == run.tasks["total"].output == ["each[0]: c", "each[1]: a", "each[2]: b"]
    assert [one.id for one in each.instances] == ["each[0]", "each[1]", "each[2]"]
    assert {one.state for one in each.instances} == {"success"} and each.attempts == []
    assert run.tasks["each[1]"].output == "each[1]: a"
    with pytest.raises(KeyError):
        run.tasks["each[3]"]
    assert list(run.tasks) == ["rows", "each", "total"]


def test_R7_an_empty_list_succeeds_with_an_empty_list():
    run = played(mapping([])[0])
    assert run.state == "success" and run.tasks["each"].output == run.tasks["total"].output == []
    assert run.tasks["each"].instances == []


@pytest.mark.parametrize(("given", "kind"), [(None, "None"), ({"a": 1}, "dict"), ("text", "str"), (7, "int")])
def test_R7_what_is_no_list_fails_the_task(given, kind):
    run = played(mapping(given)[0])
    assert run.tasks["each"].state == "failed" and run.tasks["total"].state == "upstream_failed"
    assert run.error == f"each: it maps over 'rows', which gave no list but {kind}"


def test_R7_the_item_is_a_parameter_named_after_the_task_or_one_with_rd_item():
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda run: [1, 2], id="rows")
    dag.add(lambda row=rd.item(): row, id="explicit", map_over="rows")
    dag.add(lambda rows, row=rd.item(): [rows, row], id="both", map_over="rows")
    dag.add(lambda run: run.task, id="neither", map_over="rows")
    dag.add(lambda rows=rd.output("rows"), row=rd.item(): [rows, row], id="output", map_over="rows")
    run = played(graph)
    assert run.tasks["explicit"].output == [1, 2]
    assert run.tasks["both"].output == run.tasks["output"].output == [[[1, 2], 1], [[1, 2], 2]]
    assert run.tasks["neither"].output == ["neither[0]", "neither[1]"]


def test_R7_nested_mapping_has_one_instance_for_each_outer_one():
    graph, dag = mapping([3, 1, 2])
    dag.add(lambda item=rd.item(): item.upper(), id="inner", map_over="each")
    dag.add(lambda inner: len(inner), id="innermost", map_over="inner")
    run = played(graph)
    assert run.tasks["inner"].output == ["EACH[0]: 3", "EACH[1]: 1", "EACH[2]: 2"]
    assert run.tasks["innermost"].output == [10, 10, 10]


def test_R7_an_instance_over_a_skipped_one_is_skipped_unless_its_rule_lets_it_run():
    graph, dag = mapping(["a", "skip"])
    dag.add(lambda each: each, id="inner", map_over="each")
    dag.add(lambda each: each, id="whatever", map_over="each", trigger_rule="all_done")
    run = played(graph)
    assert run.tasks["each"].output == ["each[0]: a", None] and run.state == "success"
    assert [one.state for one in run.tasks["inner"].instances] == ["success", "skipped"]
    assert run.tasks["whatever"].output == ["each[0]: a", None]


def test_R7_all_instances_skipped_skip_the_task():
    run = played(mapping(["skip", "skip"])[0])
    assert run.tasks["each"].state == run.tasks["total"].state == "skipped"
    assert run.tasks["each"].output is None and len(run.tasks["each"].instances) == 2


@pytest.mark.parametrize(("end", "state"), [(rd.SkipTask("no"), "skipped"), (ValueError("no"), "upstream_failed")])
def test_R7_a_task_whose_list_never_comes_has_no_instances(end, state):
    graph = rd.Graph("mapped")
    dag = graph.dag("job")

    def rows(run):
        raise end

    dag.add(rows, id="rows")
    dag.add(work, id="each", map_over="rows", trigger_rule="all_done")
    run = played(graph)
    assert run.tasks["each"].state == state and run.tasks["each"].instances == []


def test_R7_a_rule_that_is_met_early_still_waits_for_the_list():
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda run: 1, id="quick", priority=9)
    dag.add(lambda run: [1], id="rows")
    dag.add(lambda rows: rows, id="each", map_over="rows", after="quick", trigger_rule="one_success")
    assert played(graph).tasks["each"].output == [1]


def test_R7_an_item_can_be_the_run_that_a_wait_awaited():
    graph = rd.Graph("mapped")
    graph.dag("up").add(lambda run: run.partition, id="t")
    dag = graph.dag("job")
    dag.wait_for("up", logical_date=["2026-11-21", "2026-11-22"], timeout="1h", id="both")
    dag.add(lambda both: f"{both.dag} {both.logical_date:%d}", id="each", map_over="both")
    with live(graph) as engine:
        for day in ("2026-11-21", "2026-11-22"):
            engine.start("up", logical_date=day)
        run = engine.start("job")
        engine.run_until_idle()
        assert run.tasks["each"].output == ["up 21", "up 22"]


# ---------------------------------------------------------------------------------------------- ends


def test_R7_each_instance_has_its_own_retries_and_failures_are_named():
    run = played(mapping(["late", "bad", "a"], retries=1)[0])
    late, bad, _ = run.tasks["each"].instances
    assert [one.state for one in late.attempts] == ["failed", "success"]
    assert [one.state for one in bad.attempts] == ["failed", "failed"] and bad.state == "failed"
    assert run.tasks["each"].error == "1 of 3 instances failed: each[1]: ValueError: no bad"
    assert run.error == f"each: {run.tasks['each'].error}" and run.tasks["each"].output is None


def test_R7_what_runs_behind_a_failed_mapped_task_gets_the_list_with_none_for_what_failed():
    graph, dag = mapping(["a", "bad", "b"])
    dag.add(lambda each: each, id="worked", trigger_rule="all_done")
    run = played(graph)
    first, _, last = (one.output for one in run.tasks["each"].instances)
    assert run.tasks["each"].state == "failed" and run.tasks["worked"].output == [first, None, last]


def test_R7_many_failures_are_counted():
    run = played(mapping(["bad"] * 9)[0])
    assert run.error.startswith("each: 9 of 9 instances failed: each[0]: ") and run.error.endswith("; and 6 more")


def test_R7_each_instance_has_its_own_timeout():
    graph = rd.Graph("mapped")
    clock, dag = rd.VirtualClock("2026-11-23T00:00Z"), graph.dag("job")
    dag.add(lambda run: [1, 90, 1], id="rows")

    def each(rows):
        clock.advance_to(clock.now() + rows * 10**9)
        return rows

    dag.add(each, map_over="rows", timeout="1m")
    with live(graph, clock=clock) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert [one.state for one in run.tasks["each"].instances] == ["success", "failed", "success"]
        assert run.error == "each: 1 of 3 instances failed: each[1]: timed out after 1m"


def test_R7_the_payload_limit_counts_for_each_instance():
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda run: [700_000, 700_000, 1_100_000], id="rows")
    dag.add(lambda rows: "x" * rows, id="each", map_over="rows")
    with live(graph) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert [one.state for one in run.tasks["each"].instances] == ["success", "success", "failed"]
        assert "the output of job.each[2] takes 1,100,002 bytes" in run.error


def test_R7_once_counts_for_each_instance():
    done = []
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda run: [1, 2], id="rows")

    def each(run, rows):
        run.once("effect", lambda: done.append(rows))
        if run.attempt == 1:
            raise ValueError("again")

    dag.add(each, map_over="rows", retries=1)
    assert played(graph).state == "success" and done == [1, 2]


def test_R7_logs_name_the_instance(caplog):
    with caplog.at_level(logging.WARNING):
        played(mapping(["a", "bad"])[0])
    assert [record.message for record in caplog.records if "job.each[1] failed in attempt 1" in record.message]


def test_R7_a_run_shows_instances_while_it_runs():
    graph, _ = mapping(["a", "b", "late"], retries=1, retry_delay="5m")
    with live(graph) as engine:
        run = engine.start("job")
        loop = parts(engine).loop
        with loop.driving():
            loop.settle()
        found = {task.id: task.state for task in run.tasks["each"].instances}
        assert run.tasks["each"].state == "running" and run.tasks["each"].output is None
        assert found == {"each[0]": "success", "each[1]": "success", "each[2]": "retrying"}
        engine.run_until_idle()
        assert run.state == "success"


def test_R7_a_cancelled_run_cancels_its_instances_once():
    graph, _ = mapping(["a", "late"], retries=1, retry_delay="5m")
    with live(graph) as engine:
        run = engine.start("job")
        with parts(engine).loop.driving():
            parts(engine).loop.settle()
        engine.cancel(run)
        engine.run_until_idle()
        assert run.state == "cancelled" and run.tasks["each"].state == "cancelled"
        assert [one.state for one in run.tasks["each"].instances] == ["success", "cancelled"]
        ended = [record.task for record in of_kind(engine, TaskFinished) if record.state == "cancelled"]
        assert sorted(ended) == ["each", "each[1]", "total"]


def test_R7_a_mapped_task_that_would_go_as_its_run_is_cancelled_gets_no_instances():
    """What it follows ends by the cancellation, which is its end too: instances would have none, and so the run."""
    graph = rd.Graph("cancelled")
    job = graph.dag("job")
    job.add(lambda: [1, 2], id="rows")
    job.add(lambda: 1 / 0, id="slow", retries=1, retry_delay="1h")
    job.add(lambda rows: rows, id="each", map_over="rows", after=["slow"], trigger_rule="all_done")
    with live(graph) as engine:
        run = engine.start("job")
        with parts(engine).loop.driving():
            parts(engine).loop.settle()
        engine.cancel(run)
        engine.run_until_idle()
        assert run.state == "cancelled" and not parts(engine).fold.slots.startable
        assert run.tasks["each"].state == "cancelled" and not run.tasks["each"].instances


def test_R7_a_simulated_run_that_times_out_ends_so_too():
    graph = rd.Graph("late")
    job = graph.dag("job", schedule="@daily", timeout="10m")
    job.add(lambda: [1, 2], id="rows")
    job.add(lambda: None, id="slow")
    job.add(lambda rows: rows, id="each", map_over="rows", after=["slow"], trigger_rule="all_done")
    asked = {"durations": {"slow": "1h"}, "default_duration": "1m", "outputs": {"rows": [1, 2]}}
    (run,) = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", **asked).runs
    assert (run.state, run.error) == ("failed", "timed out after 10m")


def test_R7_depends_on_past_asks_for_the_gathered_task():
    graph = rd.Graph("mapped")
    dag = graph.dag("job")
    dag.add(lambda run: ["bad" if run.local_date.day == 1 else "a"], id="rows")
    dag.add(work, id="each", map_over="rows", depends_on_past=True)
    with live(graph) as engine:
        first, second = (engine.start("job", logical_date=f"2026-11-0{day}") for day in (1, 2))
        engine.run_until_idle()
        assert first.tasks["each"].state == "failed" and second.tasks["each"].state == "waiting"
        assert "its own success" in second.tasks["each"].error


# ---------------------------------------------------------------------------------------------- what others see


def test_R7_followers_by_trigger_and_wait_get_what_is_gathered():
    graph, _ = mapping(["a", "b"])
    graph.dag("by_run", on=rd.completed("job")).add(lambda run: run.results["job"]["each"], id="t")
    graph.dag("by_task", on=rd.completed("job", task="each")).add(lambda run: run.results["job"], id="t")
    waiting = graph.dag("waiting")
    waiting.wait_for("job", task="each", timeout="1h", match="latest", id="up")
    waiting.add(lambda up: up.tasks["each"].output, id="t")
    with live(graph) as engine:
        engine.start("job", logical_date="2026-11-22")
        engine.start("waiting", logical_date="2026-11-22")
        engine.run_until_idle()
        gathered = ["each[0]: a", "each[1]: b"]
        assert engine.runs("by_run")[0].tasks["t"].output == gathered
        assert engine.runs("by_task")[0].tasks["t"].output == {"each": gathered}
        assert engine.runs("waiting")[0].tasks["t"].output == gathered
        assert engine.runs("waiting")[0].tasks["up"].output["results"] == {"each": gathered}
        assert len(engine.runs("by_task")) == 1


def publishing(say: object, items: list[object]) -> list[object]:
    """What is published by a mapped task whose instances do what `say` says."""
    graph = rd.Graph("mapped")
    out, dag = graph.dataset("out"), graph.dag("job")
    dag.add(lambda run: items, id="rows")
    dag.add(lambda run, rows: say(run, rows), id="each", map_over="rows", outlets=[out])
    graph.dag("follows", on=out).add(lambda run: len(run.events), id="t")
    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert len(engine.runs("follows")) == len(engine.events("out"))
        return [event.extra for event in reversed(engine.events("out"))]


def test_R3_outlets_of_a_mapped_task_are_recorded_once_with_the_gathered_success():
    assert publishing(lambda run, item: None, [1, 2, 3]) == [None]
    assert publishing(lambda run, item: None, []) == [None]
    assert publishing(lambda run, item: run.publish("out", extra=item), [3, 1, 2]) == [3, 1, 2]
    assert publishing(lambda run, item: item > 1 and run.publish("out", extra=item), [1, 2]) == [2]
    assert publishing(lambda run, item: run.unchanged("out"), [1, 2]) == []
    assert publishing(lambda run, item: item > 1 and run.unchanged("out"), [1, 2]) == [None]
    assert publishing(lambda run, item: [run.publish("out"), run.publish("out")], [1]) == [None, None]


def test_R3_a_mapped_task_that_fails_publishes_nothing():
    def say(run, item):
        run.publish("out", extra=item)
        if item == 2:
            raise ValueError("no")

    assert publishing(say, [1, 2]) == []


def test_R3_an_empty_mapped_task_whose_outlet_has_no_date_fails_by_name():
    graph = rd.Graph("mapped")
    out, dag = graph.dataset("out", partitions=rd.day()), graph.dag("job", on=graph.dataset("in"))
    dag.add(lambda run: [], id="rows")
    dag.add(work, id="each", map_over="rows", outlets=[out])
    with live(graph) as engine:
        engine.publish("in")
        engine.run_until_idle()
        assert "UndatedOutlet" in engine.runs("job")[0].error and engine.events("out") == []
