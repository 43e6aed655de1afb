"""What becomes of runs beyond `max_active_runs` (R6): skip, replace, allow; live, after a crash, simulated, refused."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.model.records import Cancelled, RunFinished, RunRequested
from tests.support.engines import kill, live, of_kind, opened, parts, states

START = "2026-11-23T00:00Z"


def stubborn(overlap: str = "skip", limit: int | None = 1, **options: object) -> rd.Graph:
    """A DAG that is started by hand and whose runs stay active until `engine.cancel`, or a retry in a day."""
    graph = rd.Graph("overlap")

    @graph.dag(max_active_runs=limit, overlap=overlap, retries=1, retry_delay="1d", **options)
    def job(run: rd.Run) -> None:
        raise ConnectionError("not now")

    return graph


def settle(engine: rd.Engine) -> list[str]:
    """Do all that can be done now; the states of the runs, the oldest first."""
    with parts(engine).loop.driving():
        parts(engine).loop.settle()
    return states(engine, "job")


def started(engine: rd.Engine, count: int) -> list[rd.Run]:
    """So many starts, each decided before the next."""
    found = []
    for number in range(count):
        found.append(engine.start("job", key=str(number)))
        settle(engine)
    return found


def test_R6_skip_ends_a_run_beyond_the_limit_as_skipped() -> None:
    with live(stubborn(limit=2)) as engine:
        runs = started(engine, 4)
        assert states(engine, "job") == ["running", "running", "skipped", "skipped"]
        assert runs[2].error == "overlap='skip': as many runs were active as max_active_runs allows"
        assert runs[2].started is None and runs[2].ended is not None and not runs[2].tasks
        assert runs[2].error in str(engine.why(runs[2])) and runs[2].replaced_by is None
        engine.cancel(runs[0])
        settle(engine)
        engine.start("job")
        assert settle(engine)[-1] == "running"


def test_R6_skip_consumes_the_causes_and_is_a_second_step() -> None:
    graph = rd.Graph("causes")
    orders = graph.dataset("orders")
    job = graph.dag("job", on=orders, max_active_runs=1, overlap="skip")
    job.add(lambda: None, id="t", retries=1)
    graph.dag("told", on=rd.completed("job", states="skipped")).add(lambda: None, id="t")
    with live(graph) as engine:
        engine.publish_many([("orders", {}), ("orders", {})])
        engine.run_until_idle()
        assert states(engine, "job") == ["success", "skipped"] and states(engine, "told") == ["success"]
        (part,) = engine.pending("job").parts
        assert (part.delivered, part.consumed, part.pending) == (2, 2, 0)
        asked = [record for record in of_kind(engine, RunRequested) if record.dag == "job"]
        ended = [record for record in of_kind(engine, RunFinished) if record.dag == "job"]
        assert len(asked) == 2 and [record.state for record in ended] == ["skipped", "success"]


@pytest.mark.parametrize("several", [False, True])
def test_R6_skip_and_replace_count_queued_runs_as_active(several: bool) -> None:
    for overlap, expected in (("skip", ["queued", "skipped", "skipped"]), ("replace", ["cancelled"] * 2 + ["queued"])):
        with live(stubborn(overlap)) as engine:
            engine.pause("job")
            runs = started(engine, 3) if not several else [engine.start("job", key=str(n)) for n in range(3)]
            assert settle(engine) == expected
            engine.resume("job")
            assert sorted(settle(engine)) == sorted([*expected, "running"][1:] if overlap == "skip" else [
                "cancelled", "cancelled", "running"
            ])  # fmt: skip
            if overlap == "replace":
                assert [run.replaced_by for run in runs] == [runs[1].key, runs[2].key, None]


def test_R6_replace_ends_the_oldest_running_one_for_the_new_one() -> None:
    with live(stubborn("replace", 2)) as engine:
        runs = started(engine, 4)
        assert states(engine, "job") == ["cancelled", "cancelled", "running", "running"]
        assert [run.replaced_by for run in runs] == [runs[2].key, runs[3].key, None, None]
        assert runs[0].error == f"replaced by run {runs[2].key}" and runs[0].cancelled
        assert [attempt.state for attempt in runs[0].tasks["job"].attempts] == ["failed"]
        assert runs[0].events[0].key == "0", "its causes stay its own"
        assert f"replaced by run {runs[2].key}" in str(engine.why(runs[0]))
        said = [(record.run, record.replaced_by) for record in of_kind(engine, Cancelled)]
        assert said == [(runs[0]._offset, runs[2].key), (runs[1]._offset, runs[3].key)]
        assert runs[2].started == runs[2].requested


def test_R6_replace_tells_the_body_that_it_counts_no_more() -> None:
    graph, began, left = rd.Graph("told"), Event(), []

    @graph.dag(max_active_runs=1, overlap="replace")
    def job(run: rd.Run) -> None:
        if run.events[0].key == "first":
            began.set()
            for _ in iter(lambda: run.cancelled, True):
                began.wait(0.001)
            left.append(run.key)

    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        first = engine.start("job", key="first")
        settle(engine)
        assert began.wait(30)
        second = engine.start("job", key="second")
        engine.run_until_idle()
        assert left == [first.key] and (first.state, second.state) == ("cancelled", "success")


def test_R6_a_run_that_is_cancelled_as_others_come_is_not_replaced_twice() -> None:
    with live(stubborn("replace")) as engine:
        (first,) = started(engine, 1)
        engine.cancel(first, "enough")
        second = engine.start("job", key="second")
        assert settle(engine) == ["cancelled", "running"] and first.replaced_by is None
        assert second.state == "running" and len(of_kind(engine, Cancelled)) == 1


@pytest.mark.parametrize("overlap", ["skip", "replace"])
@pytest.mark.parametrize("every", [50_000, 1])
def test_R6_after_a_crash_each_run_has_the_end_that_was_recorded(
    tmp_path: Path, overlap: str, every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", every)
    first = opened(stubborn(overlap), tmp_path / "s.db")
    started(first, 3)
    expected = {run.key: (run.state, run.replaced_by, run.error) for run in first.runs("job")}
    kill(first)
    with live(stubborn(overlap), tmp_path / "s.db", clock=parts(first).fold.clock) as engine:
        settle(engine)
        assert {run.key: (run.state, run.replaced_by, run.error) for run in engine.runs("job")} == expected
        engine.start("job", key="3")
        settle(engine)
        after = ["running", "skipped", "skipped", "skipped"] if overlap == "skip" else ["cancelled"] * 3 + ["running"]
        assert states(engine, "job") == after


def test_R6_an_end_in_the_queue_that_no_decision_covers_yet_comes_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn ends between the decision that a run is skipped and its end, and a cancellation comes first."""
    first = opened(stubborn(), tmp_path / "s.db")
    (before,) = [run.key for run in started(first, 1)]
    skipped = first.start("job", key="1").key
    monkeypatch.setattr(turn_module, "MAX_RECORDS", 2)
    assert parts(first).turn.run()
    kill(first)
    monkeypatch.undo()
    with live(stubborn(), tmp_path / "s.db", clock=parts(first).fold.clock) as engine:
        engine.cancel(skipped)
        settle(engine)
        ends = [record.state for record in of_kind(engine, RunFinished) if record.key == skipped]
        assert len(ends) == 1 and engine.run(before).state == "running"


def test_R6_a_simulation_skips_and_replaces_alike() -> None:
    found = {}
    for overlap in ("skip", "replace"):
        graph = rd.Graph("simulated")
        job = graph.dag("job", schedule="*/10 * * * *", max_active_runs=1, overlap=overlap)
        job.add(lambda: None, id="a")
        job.add(lambda a: None, id="b")
        runs = rd.simulate(graph, start=START, until="1h", default_duration="8m").runs
        found[overlap] = [run.state for run in runs]
    assert found["skip"] == ["success", "skipped"] * 3
    assert found["replace"] == ["cancelled"] * 5 + ["success"]


def test_R6_a_limit_and_an_overlap_that_change_hold_from_then_on() -> None:
    graph = stubborn("queue")

    def declared(overlap: str, limit: int | None) -> None:
        graph.dag("job", max_active_runs=limit, overlap=overlap).add(
            lambda: 1 / 0, id="job", retries=1, retry_delay="1d"
        )

    with live(graph) as engine:
        started(engine, 3)
        assert states(engine, "job") == ["running", "queued", "queued"]
        declared("skip", 2)
        assert settle(engine) == ["running", "running", "skipped"]
        declared("replace", 1)
        assert settle(engine) == ["running", "running", "skipped"], "what runs goes on until another comes"
        engine.start("job")
        assert settle(engine) == ["cancelled", "cancelled", "skipped", "running"]
        declared("allow", None)
        for _ in range(3):
            engine.start("job")
        assert settle(engine)[-4:] == ["running"] * 4


def test_R6_allow_is_no_limit() -> None:
    with live(stubborn("allow", None)) as engine:
        started(engine, 5)
        assert states(engine, "job") == ["running"] * 5


@pytest.mark.parametrize(
    ("overlap", "limit", "text"),
    [
        ("allow", 2, "overlap='allow' is no limit, beside max_active_runs=2; give one of the two"),
        ("skip", None, "overlap='skip' needs a limit; give max_active_runs="),
        ("replace", None, "overlap='replace' needs a limit; give max_active_runs="),
        ("wait", 1, "overlap"),
    ],
)
def test_R6_an_overlap_that_means_nothing_is_refused_where_it_is_written(
    overlap: str, limit: int | None, text: str
) -> None:
    with pytest.raises(rd.InvalidValue, match=text) as caught:
        stubborn(overlap, limit)
    assert "test_overlap.py" in str(caught.value)


def test_R6_goes_through_json() -> None:
    graph = stubborn("replace", 3)
    again = rd.Graph.from_json(graph.to_json())
    assert again.to_json() == graph.to_json() and again.dags["job"].overlap == "replace"


def test_R14_skip_and_replace_count_a_run_that_waits_for_its_past_as_active() -> None:
    """It keeps its place, and a run that was skipped passes the question on."""
    graph = rd.Graph("past")

    @graph.dag(schedule="0 0 * * *", max_active_runs=1, overlap="skip", depends_on_past=True)
    def job(run: rd.Run) -> None:
        if f"{run.logical_date:%d}" == "24":
            raise ValueError("broken")

    with live(graph) as engine:
        engine.advance("4d")
        assert states(engine, "job") == ["failed", "running", "skipped", "skipped"]
        assert engine.runs("job", state="running")[0].tasks["job"].state == "waiting"
    follows = rd.Graph("follows")
    later = follows.dag("job", max_active_runs=1, overlap="skip")
    later.add(lambda: None, id="t", depends_on_past=True)
    with live(follows) as engine:
        for dates in (("2026-11-20", "2026-11-21"), ("2026-11-22",)):
            for date in dates:
                engine.start("job", logical_date=date)
            engine.run_until_idle()
        assert states(engine, "job") == ["success", "skipped", "success"]


@pytest.mark.parametrize(
    ("overlap", "expected"), [("skip", ["running", "skipped"]), ("replace", ["cancelled", "running"])]
)
def test_R6_a_round_that_was_asked_for_waits_its_turn(overlap: str, expected: list[str]) -> None:
    graph, fails = rd.Graph("rounds"), [True]

    @graph.dag(max_active_runs=1, overlap=overlap)
    def job(run: rd.Run) -> None:
        if fails[0]:
            raise rd.FailTask("not now")

    with live(graph) as engine:
        old = engine.start("job", key="old")
        engine.run_until_idle()
        graph.dag("job", max_active_runs=1, overlap=overlap).add(lambda: 1 / 0, id="job", retries=1, retry_delay="1h")
        engine.start("job", key="active")
        settle(engine)
        engine.rerun(old)
        assert settle(engine) == ["queued", "running"]
        engine.start("job", key="more")
        assert settle(engine) == ["queued", *expected]
