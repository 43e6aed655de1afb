"""Backfills: runs of past dates (R9, R26)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.model.records import BackfillAsked, BackfillEnded, RunRequested
from tests.support.engines import dates, kill, live, ns, of_kind, opened, parts, states

FAILING: set[str] = set()


@pytest.fixture(autouse=True)
def nothing_fails():
    FAILING.clear()


def daily(**options) -> rd.Graph:
    """A DAG that runs each day at 02:00; a day that stands in `FAILING` fails."""
    graph = rd.Graph("past")

    @graph.dag(schedule="0 2 * * *", **options)
    def ingest(run):
        if f"{run.logical_date:%d}" in FAILING:
            raise ValueError(run.local_date)
        return f"{run.logical_date:%d}"

    return graph


def days(runs) -> list[str]:
    return [f"{run.logical_date:%d}" for run in runs]


def test_R26_a_backfill_requests_the_runs_of_past_dates_both_ends_included():
    with live(daily()) as engine:
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-11-03")
        assert backfill.state == "running" and not backfill.done and len(backfill.left) == 3
        engine.run_until_idle()
        assert days(backfill.runs) == ["01", "02", "03"] and states(engine, "ingest") == ["success"] * 3
        assert backfill.state == "success" and backfill.progress == {"dates": 3, "had_run": 0, "left": 0, "success": 3}
        (event,) = backfill.runs[0].events
        assert event.kind == "tick" and event.logical_date.isoformat() == "2026-11-01T02:00:00+00:00"
        assert "tick 2026-11-01T02:00:00Z (backfill 1)" in str(engine.why(backfill.runs[0]))
        assert repr(backfill) == ("<Backfill 1 of ingest 2026-11-01T02:00Z to 2026-11-03T02:00Z success, 3 of 3 ended>")
        assert engine.backfills() == [backfill] and backfill.to_json()["progress"]["success"] == 3


def test_R9_backfill_of_a_date_that_has_run_is_skipped_and_reported():
    with live(daily()) as engine:
        FAILING.add("24")
        engine.advance("2d")
        engine.start("ingest", logical_date="2026-11-21T02:00Z")
        engine.run_until_idle()
        FAILING.clear()
        backfill = engine.backfill("ingest", start="2026-11-20", end="2026-11-24").wait()
        assert days(backfill.runs) == ["20", "22"] and days(backfill.skipped) == ["21", "23", "24"]
        assert [run.state for run in backfill.skipped] == ["success", "success", "failed"]
        again = engine.backfill("ingest", start="2026-11-20", end="2026-11-24").wait()
        assert not again.runs and len(again.skipped) == 5 and again.state == "success"
        engine.advance("2d")
        assert len(engine.runs("ingest")) == 7


def test_R26_each_date_counts_once():
    graph = rd.Graph("past")

    @graph.dag(schedule="0 2 * * *")
    def ingest(run):
        if run.logical_date.day == 2:
            raise rd.SkipTask("a holiday")

    with live(graph) as engine:
        engine.start("ingest", logical_date="2026-11-01T02:00Z").wait()
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-11-03").wait()
        assert backfill.progress == {"dates": 3, "had_run": 1, "left": 0, "success": 1, "skipped": 1}
        assert "success, 3 of 3 ended, 1 skipped, 1 had run>" in repr(backfill)


def test_R26_dates_whose_runs_overlap_skipped_are_none_that_had_run():
    with live(daily(max_active_runs=1, overlap="skip")) as engine:
        engine.start("ingest")
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-11-03", max_active_runs=3).wait()
        assert backfill.progress == {"dates": 3, "had_run": 0, "left": 0, "skipped": 3}
        assert "success, 3 of 3 ended, 3 skipped>" in repr(backfill) and not backfill.skipped


def test_R26_the_tick_of_a_date_that_was_backfilled_is_a_duplicate():
    with live(daily(catchup="all", start="2026-11-20"), start="2026-11-22T12:00Z") as engine:
        backfill = engine.backfill("ingest", start="2026-11-20", end="2026-11-22")
        engine.run_until_idle()
        keys = [parts(engine).fold.runs.key_of(record) for record in of_kind(engine, RunRequested)]
        assert len(keys) == len(set(keys)) == 3 and len(backfill.runs) + len(backfill.skipped) == 3


def test_R26_what_is_missing_are_dates_without_a_success():
    with live(daily()) as engine:
        FAILING.update({"23", "24"})
        engine.advance("3d")
        FAILING.discard("23")
        backfill = engine.backfill("ingest", start="2026-11-22", end="2026-11-25", only="missing").wait()
        assert days(backfill.runs) == ["22", "23", "24"] and days(backfill.skipped) == ["25"]
        assert [(run.round, run.state) for run in backfill.runs] == [(1, "success"), (2, "success"), (2, "failed")]
        assert backfill.state == "failed"


def test_R26_again_gives_a_further_round_to_what_has_run():
    with live(daily()) as engine:
        engine.advance("1d")
        for number in (2, 3):
            backfill = engine.backfill("ingest", start="2026-11-22", end="2026-11-23", again=True).wait()
            assert [run.round for run in backfill.runs] == [number - 1, number] and not backfill.skipped
        assert len(engine.runs("ingest")) == 2


def test_R26_so_many_of_its_runs_are_unfinished_at_a_time():
    graph = rd.Graph("past")
    dag = graph.dag("slow", schedule="0 2 * * *")
    dag.task(lambda run: None, id="t", retries=1)
    most = []

    @dag.task(id="count", after=["t"])
    def count(run):
        most.append(len(engine.runs("slow", state={"running", "queued"})))

    with live(graph) as engine:
        backfill = engine.backfill("slow", start="2026-10-01", end="2026-10-20", max_active_runs=3).wait()
        assert max(most) == 3 and len(backfill.runs) == 20 and days(backfill.runs)[:3] == ["01", "02", "03"]


def test_R26_the_dags_own_limit_holds_where_none_is_given():
    with live(daily(max_active_runs=2)) as engine:
        backfill = engine.backfill("ingest", start="2026-10-01", end="2026-10-20")
        engine.pause("ingest")
        engine.run_until_idle()
        assert len(backfill.left) == 18 and engine.pending("ingest").queued == 2
        engine.resume("ingest")
        assert len(backfill.wait().runs) == 20


def test_R26_it_stops_at_a_failure_where_that_is_asked_for():
    FAILING.add("03")
    with live(daily()) as engine:
        backfill = engine.backfill(
            "ingest", start="2026-11-01", end="2026-11-09", max_active_runs=1, stop_on_failure=True
        ).wait()
        assert [run.state for run in backfill.runs] == ["success", "success", "failed"] and len(backfill.left) == 6
        assert backfill.state == "failed" and "the run of 2026-11-03T02:00:00Z failed" in backfill.reason
        all_at_once = engine.backfill("ingest", start="2026-10-01", end="2026-10-09", stop_on_failure=True).wait()
        assert all_at_once.state == "failed" and {run.state for run in all_at_once.runs} >= {"failed"}
        on = engine.backfill("ingest", start="2026-09-01", end="2026-09-05").wait()
        assert [run.state for run in on.runs] == ["success", "success", "failed", "success", "success"]


def test_R26_it_can_be_cancelled_what_runs_goes_on():
    with live(daily()) as engine:
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-11-09", max_active_runs=2)
        engine.pause("ingest")
        engine.run_until_idle()
        assert engine.pending("ingest").queued == 2 and len(backfill.left) == 7
        assert "backfill 1: 0 of 9 dates ended" in str(engine.pending("ingest"))
        engine.cancel(backfill, "wrong month")
        engine.run_until_idle()
        assert backfill.state == "cancelled" and backfill.reason == "wrong month"
        assert [run.state for run in backfill.runs] == ["cancelled"] * 2 and len(backfill.left) == 7
        engine.cancel(backfill)
        engine.resume("ingest")
        engine.run_until_idle()
        assert len(engine.runs("ingest")) == 2


def test_R26_it_ends_with_its_dag():
    graph = daily()
    with live(graph) as engine:
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-11-09", max_active_runs=2)
        engine.pause("ingest")
        engine.run_until_idle()
        graph.remove("ingest")
        engine.run_until_idle()
        assert backfill.state == "cancelled" and "was removed" in backfill.reason


def test_R26_of_a_dag_without_a_clock_the_partitions_are_the_dates():
    graph = rd.Graph("past")
    orders = graph.dataset("orders", partitions=rd.day("Europe/Berlin"))
    seen = []

    @graph.dag(
        on=rd.updated(orders).by("partition"), outlets=[graph.dataset("mart", partitions=rd.day("Europe/Berlin"))]
    )
    def build(run):
        seen.append(run.partition)

    with live(graph) as engine:
        engine.publish(orders, partition="2026-11-21")
        engine.run_until_idle()
        backfill = engine.backfill(build, start="2026-11-20", end="2026-11-22").wait()
        assert sorted(seen) == ["2026-11-20", "2026-11-21", "2026-11-22"]
        assert [run.partition for run in backfill.skipped] == ["2026-11-21"]


def is_even(event):
    return event.logical_date.day % 2 == 0


def raises(event):
    raise ValueError


def test_R26_the_functions_of_the_trigger_are_asked():
    graph = rd.Graph("past")
    clock, seen = rd.cron("0 2 * * *"), []
    graph.dag("even", on=clock.where(is_even).map(lambda event: event.logical_date.day)).task(
        lambda run: seen.append(run.payload), id="t"
    )
    graph.dag("joined", on=clock & rd.updated(graph.dataset("a")).where(is_even)).task(lambda run: None, id="t")
    graph.dag("odd", on=clock.where(raises)).task(lambda run: None, id="t")
    with live(graph) as engine:
        assert len(engine.backfill("even", start="2026-11-01", end="2026-11-05").wait().dates) == 2 and seen == [2, 4]
        assert len(engine.backfill("joined", start="2026-11-01", end="2026-11-05").wait().runs) == 5
        with pytest.raises(rd.InvalidValue, match="raised on 2026-11-01T02:00:00Z"):
            engine.backfill("odd", start="2026-11-01", end="2026-11-05")
        with pytest.raises(rd.InvalidValue, match=r"turns away all that is asked for \(1 date\)"):
            engine.backfill("even", start="2026-11-01", end="2026-11-01")


def test_R26_dates_are_those_of_the_dags_zone():
    graph = rd.Graph("past")
    graph.dag("b", schedule="30 0 * * *", tz="Europe/Berlin").task(lambda run: None, id="t")
    with live(graph) as engine:
        backfill = engine.backfill("b", start="2026-10-24", end="2026-10-26").wait()
        assert dates(engine, "b") == ["2026-10-23T22:30Z", "2026-10-24T22:30Z", "2026-10-25T23:30Z"]
        assert len(backfill.dates) == 3


def test_R26_what_is_not_due_yet_and_what_lies_outside_of_the_dag_is_left_out():
    with live(daily(start="2026-11-20", catchup="none"), start="2026-11-23T01:00Z") as engine:
        backfill = engine.backfill("ingest", start="2026-11-01", end="2026-12-31")
        assert [f"{each:%d}" for each in backfill.dates] == ["20", "21", "22"]


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"start": "2026-11-05", "end": "2026-11-01"}, rd.InvalidValue, "lies before start"),
        ({"start": "2026-12-05", "end": "2026-12-06"}, rd.InvalidValue, "yet to come"),
        ({"start": "2026-11-05T03:00Z", "end": "2026-11-05T04:00Z"}, rd.InvalidValue, "no date from"),
        ({"start": "yesterday"}, rd.InvalidValue, "start"),
        ({"max_active_runs": 0}, rd.InvalidValue, "max_active_runs must be at least 1"),
        ({"max_active_runs": True}, rd.InvalidValue, "max_active_runs must be a whole number"),
        ({"again": 1}, rd.InvalidValue, "again must be True or False"),
        ({"only": "failed"}, rd.InvalidValue, "only='failed' is unknown; write 'missing'"),
        ({"only": "missing", "again": True}, rd.UsageError, "again=True does all dates again"),
        ({"start": "1700-01-01"}, rd.InvalidValue, "more than 100000 dates"),
    ],
)
def test_R26_nonsense_is_refused_before_anything_is_recorded(given, error, says):
    with live(daily()) as engine:
        before = parts(engine).log.next_offset
        with pytest.raises(error, match=says):
            engine.backfill("ingest", **{"start": "2026-11-01", "end": "2026-11-03", **given})
        with pytest.raises(rd.UnknownId):
            engine.backfill("ingets", start="2026-11-01", end="2026-11-03")
        assert parts(engine).log.next_offset == before and engine.backfills() == []


def test_R26_a_dag_without_dates_says_so():
    graph = rd.Graph("past")
    graph.dag("hand").task(lambda run: None, id="t")
    with live(graph) as engine, pytest.raises(rd.UsageError, match="it runs on no clock"):
        engine.backfill("hand", start="2026-11-01", end="2026-11-03")


def story(engine) -> rd.Engine:
    """A backfill with a failure, while the clock goes on; asked for once."""
    if not engine.backfills():
        engine.backfill("ingest", start="2026-11-10", end="2026-11-24", max_active_runs=2)
    engine.advance(to="2026-11-25T12:00Z")


def report(engine) -> tuple:
    (backfill,) = engine.backfills()
    return (
        backfill.state, backfill.progress, days(backfill.runs), days(backfill.skipped),
        sorted((run.key, run.state) for run in engine.runs("ingest")),
    )  # fmt: skip


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("every", [1, 50_000])
def test_R26_a_backfill_outlives_crashes_at_any_commit(every, tmp_path, monkeypatch):
    FAILING.update({"12", "17"})
    with live(daily()) as engine:
        story(engine)
        expected = report(engine)
        assert expected[0] == "failed" and expected[1]["failed"] == 2
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", every)
    clock, deaths = rd.VirtualClock("2026-11-23T00:00Z"), 0
    while True:
        engine = opened(daily(), tmp_path / "s.db", clock=clock)
        left, commit = [3], parts(engine).log.commit

        def dies(left=left, commit=commit):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return commit()

        parts(engine).log.commit = dies
        try:
            story(engine)
        except Killed:
            deaths += 1
            assert deaths < 200
            continue
        finally:
            del parts(engine).log.commit
            kill(engine)
        break
    assert deaths > 5
    with live(daily(), tmp_path / "s.db", clock=clock) as engine:
        engine.run_until_idle()
        assert report(engine) == expected
        assert len(of_kind(engine, BackfillEnded)) == 1
        assert sorted(record.index for record in of_kind(engine, BackfillAsked)) == list(range(len(expected[2])))


def test_R26_the_report_outlives_the_engine(tmp_path):
    with live(daily(), tmp_path / "s.db") as engine:
        engine.backfill("ingest", start="2026-11-01", end="2026-11-03").wait()
        assert ns("2026-11-01T02:00Z")
    with rd.Engine(daily(), tmp_path / "s.db", read_only=True) as engine:
        (backfill,) = engine.backfills()
        assert backfill.state == "success" and days(backfill.runs) == ["01", "02", "03"]
