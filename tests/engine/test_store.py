"""Who writes the store: the intake (I8), one active engine (X3), looking on, closing."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.model.records import EngineStarted, KeyConflict, Published, RunRequested, StartRequested
from tests.support.engines import START, kill, live, ns, of_kind, offset_of, opened, outputs, parts, states


def extras(run):
    return [event.extra for event in run.events]


def declared(name="stores"):
    graph = rd.Graph(name)
    a = graph.dataset("a")
    graph.dag("job", on=a)(extras)
    graph.dag("hourly", schedule="0 * * * *", catchup="all")(extras)
    return graph


# ------------------------------------------------------------------------------------------------------- I8


def test_I8_the_intake_is_taken_over_at_the_start_in_the_order_of_its_stamps(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(declared(), store)
    engine.publish("a", extra="first")
    engine.run_until_idle()
    kill(engine)
    log = rd.engine.engine.open_log(store)
    for hour, extra in ((1, "one"), (3, "three")):
        log.offer(Published(0, "a", 0, extra=extra), ns(f"2026-11-23T0{hour}:30Z"))
    log.offer(StartRequested(0, "job", 0, key="manual", logical_date=ns("2026-11-20T00:00Z")), ns("2026-11-23T04:30Z"))
    log.close()
    with live(declared(), store, "2026-11-23T05:30Z") as engine:
        started = of_kind(engine, EngineStarted)[-1]
        assert (started.at, started.until) == (ns(START), ns("2026-11-23T05:30Z"))
        engine.run_until_idle()
        facts = of_kind(engine, Published)
        assert [(fact.n, fact.extra, fact.at) for fact in facts] == [
            (0, "first", ns(START)), (1, "one", ns("2026-11-23T01:30Z")), (2, "three", ns("2026-11-23T03:30Z"))
        ]  # fmt: skip
        asked = [(record.dag, (record.at - ns(START)) // 60_000_000_000) for record in of_kind(engine, RunRequested)]
        assert asked == [
            ("job", 0), ("job", 270), ("hourly", 60), ("job", 90), ("hourly", 120), ("hourly", 180), ("job", 210),
            ("hourly", 240), ("hourly", 300),
        ]  # fmt: skip
        assert engine.runs("job", logical_date="2026-11-20")[0].state == "success"
        assert parts(engine).log.take_over() == []


def test_I8_the_engine_judges_what_the_intake_holds(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(declared(), store)
    engine.publish("a", key="k", extra=1)
    engine.start("job", key="s")
    engine.run_until_idle()
    kill(engine)
    log = rd.engine.engine.open_log(store)
    log.offer(Published(0, "a", 0, key="k", extra=1), ns(START))
    log.offer(Published(0, "a", 0, key="k", extra=2), ns(START))
    log.offer(StartRequested(0, "job", 0, key="s", payload=3), ns(START))
    log.offer(Published(0, "a", 0, extra="early"), ns("2026-11-22T00:00Z"))
    log.close()
    with live(declared(), store) as engine:
        engine.run_until_idle()
        assert len(of_kind(engine, KeyConflict)) == 2
        assert len(states(engine, "job")) == 3
        assert of_kind(engine, Published)[-1].at == ns(START), "at = max(stamp, previous at)"


def test_I8_an_offer_for_what_is_no_longer_declared_does_not_keep_the_store_shut(tmp_path):
    store = tmp_path / "s.db"
    opened(declared(), store).close()
    log = rd.engine.engine.open_log(store)
    log.offer(Published(0, "gone", 0, key="k"), ns(START))
    log.offer(StartRequested(0, "gone", 0), ns(START))
    log.close()
    with live(declared(), store) as engine:
        engine.run_until_idle()
        assert [fact.n for fact in of_kind(engine, Published)] == [0]
        with pytest.raises(rd.UnknownId):
            engine.publish("gone")
    graph = declared()
    graph.dataset("gone")
    graph.dag("gone")(extras)
    with live(graph, store) as engine:
        assert engine.publish("gone", key="k").duplicate
        assert engine.publish("gone").event.dataset == "gone"
        engine.run_until_idle()
        assert [fact.n for fact in of_kind(engine, Published)] == [0, 1]
        assert states(engine, "gone") == ["success"]


class Wall:
    """A clock of this machine that says what a test wants."""

    def __init__(self, text: str) -> None:
        self.text = text

    def now(self) -> int:
        return ns(self.text)


def offered(store, *stamps):
    """A store with events of other processes in its intake, and one tick behind it."""
    opened(declared(), store).close()
    log = rd.engine.engine.open_log(store)
    for number, stamp in enumerate(stamps):
        log.offer(Published(0, "a", 0, extra=number), ns(stamp))
    log.close()


def test_I8_a_stamp_ahead_of_the_clock_counts_from_now_and_is_reported(tmp_path, caplog):
    """A client's clock that is three days fast: no tick of those days runs, and what follows has this clock's time."""
    store, clock = tmp_path / "s.db", Wall("2026-11-23T00:30Z")
    offered(store, "2026-11-23T00:10Z", "2026-11-26T00:00Z", "2026-11-23T00:20Z")
    with caplog.at_level("WARNING", "reactive_dag.store"):
        engine = rd.Engine(declared(), store, clock=clock, runner=rd.InlineRunner())
    (said,) = [record.getMessage() for record in caplog.records]
    assert "1 of 3 facts" in said and "by up to 2d23h30m" in said
    engine.run_until_idle()
    now = ns("2026-11-23T00:30Z")
    assert [fact.at for fact in of_kind(engine, Published)] == [ns("2026-11-23T00:10Z"), now, now]
    assert engine.publish("a").at == engine.runs("job")[0].requested
    assert parts(engine).log.last_at == now
    assert engine.runs("hourly") == []
    clock.text = "2026-11-23T01:00Z"
    engine.run_until_idle()
    assert [run.logical_date for run in engine.runs("hourly")] == [rd.model.times.to_datetime(ns(clock.text))]
    engine.close()


def test_I8_a_stamp_ahead_of_the_clock_by_less_than_a_second_is_no_news(tmp_path, caplog):
    store = tmp_path / "s.db"
    offered(store, "2026-11-23T00:30:00.900Z")
    with caplog.at_level("WARNING", "reactive_dag.store"):
        engine = rd.Engine(declared(), store, clock=Wall("2026-11-23T00:30Z"), runner=rd.InlineRunner())
    assert not caplog.records
    assert of_kind(engine, Published)[0].at == ns("2026-11-23T00:30Z")
    engine.close()


def test_I8_a_stamp_ahead_of_the_clock_moves_a_virtual_one(tmp_path, caplog):
    store = tmp_path / "s.db"
    offered(store, "2026-11-23T02:30Z")
    with caplog.at_level("WARNING", "reactive_dag.store"), live(declared(), store) as engine:
        engine.run_until_idle()
        assert [fact.at for fact in of_kind(engine, Published)] == [ns("2026-11-23T02:30Z")]
        assert len(engine.runs("hourly")) == 2
        assert parts(engine).fold.clock.now() == ns("2026-11-23T02:30Z")
    assert not caplog.records


# ------------------------------------------------------------------------------------------------------- X3


def test_X3_a_second_engine_is_refused_and_told_who_holds_the_store(tmp_path):
    store = tmp_path / "s.db"
    code = f"""
        import sys
        import reactive_dag as rd
        graph = rd.Graph("stores")
        engine = rd.Engine(graph, {str(store)!r}, runner=None)
        print("open", flush=True)
        sys.stdin.readline()
    """
    home = str(Path(rd.__file__).parent.parent)
    command = [sys.executable, "-c", textwrap.dedent(code)]
    child = subprocess.Popen(command, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "open\n"
        with pytest.raises(rd.StoreInUse) as refused:
            opened(declared(), store)
        assert f"process {child.pid}" in str(refused.value) and "look on with read_only=True" in str(refused.value)
    finally:
        child.communicate("\n", timeout=30)
    opened(declared(), store).close()


def test_X3_the_engine_of_the_same_process_and_graph_is_closed_first(tmp_path):
    first = opened(declared(), f"sqlite:///{tmp_path}/s.db")
    first.publish("a", extra=1)
    with pytest.warns(rd.EngineReplaced, match="stores"):
        second = opened(declared(), tmp_path / "s.db")
    assert parts(first).closed and not parts(second).closed
    with pytest.raises(rd.EngineClosed, match="closed"):
        first.publish("a")
    second.run_until_idle()
    assert outputs(second, "job", "extras") == [[1]]
    second.close()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        opened(declared(), tmp_path / "s.db").close()


def test_X3_engines_in_memory_stand_side_by_side():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with live(declared(), "memory") as one, live(declared(), "memory") as other, live(declared()):
            one.publish("a")
            assert (offset_of(one), offset_of(other)) != (1, 1) and not parts(one).closed


def test_X3_a_store_of_another_graph_is_refused(tmp_path):
    opened(declared(), tmp_path / "s.db").close()
    with pytest.raises(rd.StoreError, match="holds graph 'stores', not 'other'"):
        opened(declared("other"), tmp_path / "s.db")
    opened(declared(), tmp_path / "s.db").close()


def test_X3_what_was_refused_holds_nothing(tmp_path):
    store = tmp_path / "s.db"
    first = opened(declared(), store)
    other = declared("other")
    with pytest.raises(rd.StoreInUse, match="this process"):
        opened(other, store)
    first.close()
    opened(declared(), store).close()
    (tmp_path / "x.db").write_text("no store")
    with pytest.raises(rd.NotAStore):
        opened(declared(), tmp_path / "x.db")
    (tmp_path / "x.db").unlink()
    opened(declared(), tmp_path / "x.db").close()


def test_X3_a_reader_stands_beside_the_active_engine(tmp_path):
    store = tmp_path / "s.db"
    with live(declared(), store) as engine:
        engine.publish("a", extra=1)
        engine.run_until_idle()
        with rd.Engine(declared(), store, read_only=True) as reader:
            assert outputs(reader, "job", "extras") == [[1]]
            assert reader.why(reader.runs("job")[0]).causes
            assert reader.events("a")[0].extra == 1
            for call in (
                lambda: reader.publish("a"), lambda: reader.start("job"), lambda: reader.pause("job"),
                reader.run_until_idle, lambda: reader.once("x", dict), lambda: reader.publish_many([("a", {})]),
            ):  # fmt: skip
                with pytest.raises(rd.UsageError, match="read_only"):
                    call()
    with pytest.raises(rd.NotAStore):
        rd.Engine(declared(), tmp_path / "none.db", read_only=True)


def test_an_engine_is_open_from_its_constructor_and_runs_only_when_told(tmp_path):
    engine = opened(declared(), tmp_path / "s.db")
    engine.publish("a", extra=1)
    assert engine.runs() == []
    engine.run_until_idle()
    assert states(engine) == ["job success"]
    engine.close()
    engine.close()
    for call in (lambda: engine.publish("a"), lambda: engine.start("job"), engine.run_until_idle):
        with pytest.raises(rd.EngineClosed):
            call()


def test_a_graph_that_is_not_right_opens_nothing(tmp_path):
    graph = declared()
    graph.dag("late", on=rd.completed("nope"))(extras)
    with pytest.raises(rd.GraphError, match="nope"):
        opened(graph, tmp_path / "s.db")
    assert not (tmp_path / "s.db").exists()


def test_X5_closing_gives_attempts_their_grace_and_keeps_what_they_gave(tmp_path):
    graph = rd.Graph("stores")
    started, release = threading.Event(), threading.Event()

    @graph.dag
    def job(run):
        started.set()
        assert release.wait(10)
        return "kept"

    engine = opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(1))
    engine.start(job)
    parts(engine).loop.settle()
    assert started.wait(10)
    closing = threading.Thread(target=engine.close, args=(10,))
    closing.start()
    release.set()
    closing.join(10)
    assert parts(engine).closed
    with live(graph, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert (run.state, run.tasks["job"].output, len(run.tasks["job"].attempts)) == ("success", "kept", 1)


def test_X5_an_attempt_that_outlives_its_grace_is_lost_and_reports_to_nobody(tmp_path):
    graph = rd.Graph("stores")
    started, release, times = threading.Event(), threading.Event(), []

    @graph.dag
    def job(run):
        times.append(run.attempt)
        started.set()
        assert len(times) > 1 or release.wait(10)
        return len(times)

    engine = opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(1))
    engine.start(job)
    parts(engine).loop.settle()
    assert started.wait(10)
    engine.close(grace=0)
    release.set()
    with live(graph, tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert [attempt.state for attempt in engine.runs("job")[0].tasks["job"].attempts] == ["lost", "success"]
