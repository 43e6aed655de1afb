"""Logical dates that somebody gives are shown whole (R1), and texts of errors are kept whole (R8)."""

from __future__ import annotations

import pandas
import pytest

import reactive_dag as rd
from reactive_dag.model.records import Published
from tests.support.engines import live, of_kind, parts

FINER = ["2026-11-23T00:00:00.000000001Z", pandas.Timestamp("2026-11-23T00:00:00.000001001Z")]


def graph_of(body: object = lambda: None) -> rd.Graph:
    graph = rd.Graph("dates")
    graph.dataset("orders")
    graph.dag("job").add(body, id="t", outlets=[graph.dataset("made")])
    return graph


@pytest.mark.parametrize("date", FINER)
def test_R1_a_given_date_finer_than_a_microsecond_is_refused(date) -> None:
    def body(run: rd.Run) -> None:
        run.publish("made", logical_date=date)

    with live(graph_of(body)) as engine:
        before = parts(engine).log.next_offset
        with pytest.raises(rd.InvalidValue, match="is finer than a microsecond"):
            engine.start("job", logical_date=date)
        with pytest.raises(rd.InvalidValue, match="is finer than a microsecond"):
            engine.publish("orders", logical_date=date)
        assert parts(engine).log.next_offset == before
        run = engine.start("job", logical_date="2026-11-23T00:00:00.000001Z")
        engine.run_until_idle()
        assert run.logical_date.microsecond == 1
        assert run.state == "failed" and "is finer than a microsecond" in run.tasks["t"].error
        assert not of_kind(engine, Published)


def test_R1_a_wait_for_a_date_finer_than_a_microsecond_fails_at_once() -> None:
    graph = graph_of()
    late = graph.dag("late")
    late.wait_for("job", logical_date=lambda date: FINER, timeout="1d", id="wait")
    with live(graph) as engine:
        run = engine.start("late", logical_date="2026-11-23")
        engine.run_until_idle()
        assert run.state == "failed" and "is finer than a microsecond" in run.tasks["wait"].error


def test_R1_now_is_a_date_in_whole_microseconds() -> None:
    with live(graph_of(), clock=rd.VirtualClock("2026-11-23T00:00:00.123456789Z")) as engine:
        run = engine.start("job", logical_date="now")
        assert [each.key for each in engine.runs("job", logical_date=run.logical_date)] == [run.key]
        assert run.logical_date.isoformat() == "2026-11-23T00:00:00.123456+00:00"


@pytest.mark.parametrize("runner", [rd.InlineRunner, lambda: rd.ThreadRunner(2), lambda: rd.ProcessRunner(1)])
def test_R8_a_lone_surrogate_in_the_text_of_an_error_is_escaped(tmp_path, runner) -> None:
    def body() -> None:
        raise ValueError("a\ud800b")

    with live(graph_of(body), tmp_path / "s.db", runner=runner()) as engine:
        run = engine.start("job")
        engine.run_until_idle(timeout="60s")
        assert run.tasks["t"].error.startswith("ValueError: a\\ud800b")


def test_R8_a_text_that_names_or_explains_has_a_bounded_length() -> None:
    graph = rd.Graph("long")
    graph.dataset("loose")
    graph.dag("job").add(lambda run: run.once("x" * 70_000, int), id="only", outlets=["loose"])
    long = "x" * 65_537
    with live(graph) as engine:
        run = engine.start("job", key=long[1:])
        for call in (
            lambda: engine.start("job", key=long),
            lambda: engine.publish("loose", key=long),
            lambda: engine.publish("loose", partition=long),
            lambda: engine.publish("loose", partition=long[1:] + "ü"),
            lambda: engine.set(long, 1),
            lambda: engine.cancel(run, long),
            lambda: engine.mark(run, None, "failed", long),
        ):
            with pytest.raises(rd.InvalidValue, match="has 65,537 characters, more than 65,536"):
                call()
        engine.run_until_idle()
        assert run.state == "failed" and "70,000 characters" in str(run.error)
