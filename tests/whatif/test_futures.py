"""Many futures: each is the simulation with those draws, whatever evaluates it."""

from __future__ import annotations

import _thread
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from random import Random

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.errors import InvalidValue, ReactiveDagError, UnknownId
from reactive_dag.whatif.futures.course_futures import CourseFutures, Point
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.futures.in_chunks import in_chunks
from reactive_dag.whatif.futures.window_futures import WindowFutures
from reactive_dag.whatif.loops.window_tools import WindowTools
from reactive_dag.whatif.question import distributions as drawn
from reactive_dag.whatif.window.arrays import BEYOND, END
from reactive_dag.whatif.window.arrays import START as BEGIN
from reactive_dag.whatif.window.white_list import NotStatic
from tests.support.loops import limited_question, window_of
from tests.support.profiles import examples
from tests.support.windows import graph_of, last_question, nothing

START = "2026-11-23T00:00Z"
HOUR = 3600 * 10**9


def compared(simulation: rd.Simulation | None, n: int = 4) -> Counter[str]:
    """How the futures of a question were evaluated, each equal to what the reference plays."""
    if simulation is None:
        return Counter({"refused": n})
    courses = CourseFutures(simulation.question, simulation._prepared, simulation.effects, 5)
    try:
        futures = WindowFutures(WindowTools(window_of(simulation)), simulation.effects, 5, courses.answer)
    except NotStatic:
        return Counter({"not static": n})
    chunk, window = futures.chunk(range(1, 1 + n)), futures.window
    for column in range(n):
        got: dict[Point, int] = {}
        for node, (kind, run) in enumerate(zip(window.kind.tolist(), window.run.tolist())):
            end = int(chunk.ends[node, column])
            if run >= 0 and kind != BEGIN and end < BEYOND:
                task = "" if kind == END else window.tasks[window.subject[node]][1]
                about = window.dags[window.run_dag[run]], int(window.run_date[run]), window.run_partition[run], task
                got[about] = max(end, got.get(about, 0))
        assert got | chunk.played.get(1 + column, {}) == courses.play(1 + column)
    played = len(chunk.played)
    return Counter({"levels": n - chunk.looped - played, "loop": chunk.looped, "reference": played})


@settings(max_examples=examples(40), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W41_each_future_equals_the_reference(seed: int) -> None:
    simulation = last_question(seed)
    if simulation is not None:
        compared(simulation)


@settings(max_examples=examples(25), deadline=None)
@given(seed=st.integers(0, 10**9))
def test_W41_each_future_with_limits_equals_the_reference(seed: int) -> None:
    compared(limited_question(seed), 3)


def test_W41_every_way_of_evaluation_is_met() -> None:
    found = sum((compared(limited_question(seed), 3) for seed in range(30)), Counter[str]())
    assert found["levels"] >= 3 and found["loop"] > 20, found


def late_sales(**options: object) -> rd.Graph:
    """A DAG of two tasks side by side and one behind them, each day at two."""
    graph = rd.Graph("sales")
    dag = graph.dag("ingest", schedule="0 2 * * *", **options)  # type: ignore[arg-type]
    dag.add(lambda: None, id="orders")
    dag.add(lambda: None, id="prices")
    dag.add(lambda: None, id="load", after=["orders", "prices"])
    return graph


def simulated(graph: rd.Graph, until: str = "1d") -> rd.Simulation:
    """Two hours at most for each task."""
    spans = {"orders": drawn.uniform("0m", "2h"), "prices": "30m", "load": "15m"}
    return rd.simulate(graph, start=START, until=until, durations=spans)  # type: ignore[arg-type]


def test_W41_future_0_is_the_simulation_itself() -> None:
    base = simulated(late_sales())
    ends = base.futures(3).finish("ingest").ends
    run = base.runs[0]
    assert run.ended is not None and int(ends[0]) // 1000 * 1000 == int(run.ended.timestamp() * 1e6) * 1000
    assert int(base.futures(2, seed=9).finish("ingest").ends[0]) != int(ends[0])


def test_W41_the_number_of_threads_decides_nothing() -> None:
    base = simulated(late_sales())
    one, two = (in_chunks(lambda chunk: [*chunk], 300, 7, workers=workers) for workers in (1, 2))
    assert one == two
    assert base.futures(300).finish("ingest").ends.tolist() == base.futures(300).finish("ingest").ends.tolist()


def test_W41_ctrl_c_gives_what_is_done() -> None:
    def work(chunk: range) -> int:
        if chunk.start == 20:
            _thread.interrupt_main()
            raise KeyboardInterrupt
        return chunk.start

    assert in_chunks(work, 100, 10, workers=1) == [0, 10]


def test_W42_quantiles_are_instants_that_occurred() -> None:
    finish = FinishTime("d", 0, np.array([4 * HOUR, HOUR, 3 * HOUR, 2 * HOUR, BEYOND]))
    assert [each and each.hour for each in finish.quantile([0, 0.2, 0.21, 0.8, 1])] == [1, 1, 2, 4, None]
    assert finish.succeeded == 0.8
    assert finish.mean == datetime(1970, 1, 1, 2, 30, tzinfo=UTC)
    assert [finish.probability(before=f"0{hour}:00") for hour in (1, 2, 5)] == [0, 0.2, 0.8]


def test_W42_a_time_of_day_is_the_first_after_the_date_in_its_zone() -> None:
    date = 22 * HOUR
    finish = FinishTime("d", date, np.array([date + HOUR, date + 8 * HOUR]))
    assert finish.probability(before="23:30") == 0.5
    assert finish.probability(before="06:00") == 0.5
    assert finish.probability(before="06:00", tz="America/New_York") == 1
    assert finish.probability(before="1970-01-02T06:00:00.000001Z") == 1


@pytest.mark.parametrize("before", ["25:00", "6", "6 o'clock"])
def test_W42_nonsense_is_refused(before: str) -> None:
    finish = FinishTime("d", 0, np.array([HOUR]))
    with pytest.raises(InvalidValue):
        finish.probability(before=before)
    with pytest.raises(InvalidValue):
        finish.quantile(1.5)


def test_W42_the_known_chance_of_one_uniform_duration() -> None:
    futures = simulated(late_sales()).futures(4000, seed=3)
    finish = futures.finish("ingest.orders")
    assert abs(finish.probability(before="03:00") - 0.5) < 0.03
    middle = futures.finish("ingest").quantile(0.5)
    assert middle is not None and abs((middle - datetime(2026, 11, 23, 3, 15, tzinfo=UTC)).total_seconds()) < 180


def test_W42_a_failed_run_is_never_in_time() -> None:
    finish = simulated(late_sales()).what_if(rd.fail("load", 0.25)).futures(400, seed=1).finish("ingest")
    assert abs(finish.succeeded - 0.75) < 0.08
    assert finish.probability(before="2027-01-01T00:00Z") == finish.succeeded
    assert "succeeds in" in repr(finish)


def test_W42_futures_are_a_table_of_when_each_dag_lands() -> None:
    graph = late_sales()
    graph.dag("a<b>", schedule="0 1 * * *").add(lambda: None, id="work")
    graph.dag("never", schedule="0 1 1 1 *").add(lambda: None, id="rest")
    graph.dag("broken", schedule="0 0 * * *").add(lambda: None, id="crash")
    spans = {"orders": drawn.uniform("0m", "2h"), "prices": "30m", "ingest.load": "15m"}
    base = rd.simulate(graph, start=START, until="2d", durations=spans, default_duration="5m")  # type: ignore[arg-type]
    futures = base.what_if(rd.fail("broken.crash", 0.6), name="late").futures(200, seed=1)
    assert [row.dag for row in futures] == ["a<b>", "ingest", "broken"]
    first, row, broken = futures
    finish = futures.finish("ingest")
    assert [row.p50, row.p90, row.p99] == finish.quantile([0.5, 0.9, 0.99]) and row.p50 != row.p90 != row.p99
    assert row.logical_date == datetime(2026, 11, 24, 2, tzinfo=UTC) and row.fails == first.fails == 0
    assert broken.p50 is None and abs(broken.fails - 0.6) < 0.12
    text = str(futures)
    assert text.startswith("when the last run of each DAG lands: late, 200 futures\n") and f"{broken.fails:.1%}" in text
    shown = {line.split()[0]: line for line in text.splitlines()[2:]}
    assert f"{row.p50:%m-%d %H:%M}" in shown["ingest"] and "never" in shown["broken"] and "%" not in shown["ingest"]
    html = futures._repr_mimebundle_()["text/html"]
    assert "a&lt;b&gt;" in html and "a<b>" not in html and "p99" in html
    frame = futures.to_pandas()
    assert list(frame.columns) == ["dag", "logical_date", "p50", "p90", "p99", "fails"] and len(frame) == 3
    assert futures.to_json()["rows"] == [each.to_json() for each in futures]
    assert row.to_json()["p90"] == f"{row.p90:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z"


def test_W42_names() -> None:
    base = simulated(late_sales(), until="3d")
    futures = base.futures(5)
    assert futures.finish("ingest").date == futures.finish(base.runs[-1]).date
    assert futures.finish(base.runs[0].key).date != futures.finish("ingest").date
    assert futures.finish("ingest.load").name == "ingest.load"
    with pytest.raises(UnknownId, match="did you mean 'ingest'"):
        futures.finish("inest")
    with pytest.raises(InvalidValue, match="at least 1"):
        base.futures(0)
    assert futures.to_json()["n"] == 5
    assert "5, seed 0 (levels)" in repr(futures)


def test_W43_criticality_is_the_share_of_futures_on_the_path() -> None:
    found = simulated(late_sales()).futures(4000, seed=2).criticality("ingest").shares
    assert found["ingest.load"] == 1
    assert abs(found["ingest.orders"] - 0.75) < 0.03
    assert abs(found["ingest.orders"] + found["ingest.prices"] - 1) < 1e-9


def test_W43_the_path_goes_through_waits_to_other_dags() -> None:
    graph = late_sales()
    report = graph.dag("report", schedule="0 2 * * *")
    report.wait_for("ingest", id="wait")
    report.add(lambda: None, id="draw", after=["wait"])
    spans = {"orders": drawn.uniform("0m", "2h"), "prices": "30m", "load": "15m", "draw": "5m"}
    found = rd.simulate(graph, start=START, until="1d", durations=spans).futures(200).criticality("report").shares
    assert found["report.wait"] == found["ingest.load"] == 1


def test_W41_of_a_graph_that_is_static_in_part_the_reference_plays_the_rest() -> None:
    graph = late_sales()
    graph.dag("alarm", on=rd.absent(rd.completed("ingest"), "30m")).add(lambda: None, id="ring")
    base = rd.simulate(graph, start=START, until="1d", default_duration=drawn.uniform("0m", "2h"))
    futures = base.futures(20)
    assert futures.method.startswith("in parts: ")
    again = evolve(base.question, seed=0)
    assert again.seed == futures.seed
    ended = base.runs_of("ingest")[0].ended
    assert ended is not None and int(futures.finish("ingest").ends[0]) // 1000 == int(ended.timestamp() * 1e6)


def test_W42_what_starts_where_something_fails_is_no_run_of_the_window_and_is_there() -> None:
    graph = rd.Graph("heard")
    load = graph.dag("load", schedule="0 0 * * *")
    load.add(nothing, id="t")
    graph.dag("page", on=rd.completed(load, states="failed")).add(nothing, id="ring")
    base = rd.simulate(graph, start=START, until="1d", durations={"load": "20m"}, default_duration="5m")
    flaky = base.what_if(rd.fail(load, p=0.5))
    futures = flaky.futures(100, seed=1)
    failed = 1 - futures.finish("load").succeeded
    assert 0.3 < failed < 0.7 and "reference" in futures.method
    assert {row.dag: round(row.fails, 2) for row in futures} == {"load": round(failed, 2), "page": round(1 - failed, 2)}
    for name in ("page", "page.ring"):
        assert futures.finish(name).succeeded == pytest.approx(failed)
        assert futures.finish(name).quantile(0.1) == datetime(2026, 11, 23, 0, 25, tzinfo=UTC)
    assert futures.criticality("page").shares == {"load.t": pytest.approx(failed), "page.ring": pytest.approx(failed)}
    assert futures.criticality("load").shares == {"load.t": pytest.approx(1 - failed)}
    *_, last = flaky.futures_so_far(100, seed=1)
    assert last.finish("page").succeeded == pytest.approx(failed)


def test_W43_of_futures_that_the_reference_played() -> None:
    graph = late_sales()
    graph.dag("alarm", on=rd.absent(rd.completed("ingest"), "30m")).add(lambda: None, id="ring")
    spans = {"orders": drawn.uniform("0m", "2h"), "prices": "30m", "load": "15m", "ring": "1m"}
    base = rd.simulate(graph, start=START, until="2d", durations=spans)  # type: ignore[arg-type]
    futures, same = base.futures(60, seed=2), simulated(late_sales(), until="2d").futures(60, seed=2)
    assert futures.method.startswith("in parts") and same.method == "levels"
    assert futures.criticality("ingest").rows == same.criticality("ingest").rows
    assert futures.criticality("alarm").shares["alarm.ring"] == 1


def test_W43_a_task_counts_once_in_a_future() -> None:
    graph = rd.Graph("sales")
    dag = graph.dag("ingest", schedule="0 2 * * *")
    dag.add(lambda: None, id="load", depends_on_past=True)
    base = rd.simulate(graph, start=START, until="3d", default_duration="30h")
    assert base.futures(3).method == "levels"
    assert base.futures(3).criticality("ingest").shares == {"ingest.load": 1}


def test_W43_tables_say_what_is_assumed() -> None:
    spans = {"orders": drawn.uniform("0m", "2h"), "load": "15m"}
    base = rd.simulate(late_sales(), start=START, until="1d", durations=spans, default_duration="30m")  # type: ignore[arg-type]
    futures = base.futures(50)
    found, finish = futures.criticality("ingest"), futures.finish("ingest")
    assert {row.task: row.assumed for row in found} == {
        "ingest.orders": False, "ingest.prices": True, "ingest.load": False,
    }  # fmt: skip
    assert "ingest.load" in str(found) and "1 of 3 tasks take a duration that is assumed" in str(found)
    assert [row.share for row in finish] == [0.05, 0.5, 0.95] and finish[1].ends == finish.quantile(0.5)
    assert "1 of 3 tasks" in str(finish) and "assumed" not in str(simulated(late_sales()).futures(5).finish("ingest"))
    frame = finish.to_pandas()
    assert list(frame.columns) == ["share", "ends"] and str(frame["ends"].dt.tz) == "UTC"
    assert found.to_pandas()["task"].iloc[0] == "ingest.load" == found.to_json()[0]["task"]


@pytest.mark.parametrize("extra", [False, True], ids=["window", "reference"])
def test_W41_more_futures_than_fit_are_refused_before_any_is_evaluated(extra: bool) -> None:
    graph = rd.Graph("many")
    graph.dag("up", schedule="0 2 * * *").add(lambda: None, id="a")
    if extra:
        graph.dag("batched", on=rd.completed("up").batch(count=3)).add(lambda: None, id="b")
        graph.dag("still", on=rd.absent(rd.completed("batched"), for_="3h")).add(lambda: None, id="c")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration=rd.uniform("1m", "2m"))
    for n in (10**12, 10**30):
        with pytest.raises(InvalidValue, match=r"n=1,000,000,000,.* futures would take .* GB to keep"):
            base.futures(n)


@pytest.mark.parametrize("seed", range(60))
def test_W43_of_what_ended_at_one_instant_the_path_is_that_of_the_simulation(seed: int) -> None:
    r = Random(seed)
    try:
        graph, sources = graph_of(r)
        spans = {dag: f"{r.choice((5, 10))}m" for dag in graph.dags}  # so that many end together
        base = rd.simulate(graph, start=START, until="1d", sources=sources, durations=spans)
    except ReactiveDagError:
        return
    futures = base.futures(1)
    for dag in graph.dags if futures.method == "levels" else ():
        dates = {run.logical_date: run for run in base.runs_of(dag) if run.logical_date is not None}
        last = dates[max(dates)] if dates else None
        if last is not None and futures.finish(dag).succeeded:
            path = {step.name for step in base.critical_path(last) if step.kind in ("task", "wait")}
            assert set(futures.criticality(dag).shares) == path, dag


FORKED = """
import threading
import reactive_dag as rd
from reactive_dag.whatif.futures.in_chunks import in_chunks
from reactive_dag.whatif.outcome.course_runs import CourseRuns

graph = rd.Graph("forked")
graph.dag("up", schedule="0 2 * * *").add(lambda: None, id="a")
asked = {"start": "2026-11-23T00:00Z", "until": "3d", "default_duration": "1m"}
held, lock = threading.Event(), getattr(vars(CourseRuns)["by_dag"], "lock", threading.RLock())

def hold():
    with lock:
        held.set()
        threading.Event().wait()

threading.Thread(target=hold, daemon=True).start()
held.wait()
work = lambda chunk: len(rd.simulate(graph, **asked).trace.by_dag["up"])
print(in_chunks(work, 4, 1, processes=True, workers=2, progress=False))
"""


def test_W41_processes_do_not_wait_for_what_a_thread_was_about_as_they_were_forked() -> None:
    """In Python 3.11 a thread that works out a cached property locks it for every object of the class."""
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=100)
    assert done.stdout.strip() == "[3, 3, 3, 3]", done.stderr
