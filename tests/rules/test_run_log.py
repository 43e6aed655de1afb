"""What an attempt logged and printed (R20): kept, of each attempt and round, over restarts, cut at 1 MiB."""

from __future__ import annotations

import logging
import sys
import threading

import pytest

import reactive_dag as rd
from reactive_dag.engine.inspect.attempt_logs import LARGEST, AttemptLog
from tests.support.engines import kill, live, opened, parts

RUNNERS = [rd.InlineRunner, lambda: rd.ThreadRunner(4)]
NOW = "2026-11-23T00:00:00Z"


def one(body, **options):
    graph = rd.Graph("logs")
    graph.dag("job").add(body, id="only", **options)
    return graph


def log_of(graph, **options):
    with live(graph, **options) as engine:
        run = engine.start("job")
        engine.run_until_idle("20s")
        return run.tasks["only"].log


@pytest.mark.parametrize("runner", RUNNERS)
def test_R20_what_is_logged_and_printed_is_kept_in_order(runner, capsys):
    def body(run):
        print("first", 1)
        run.log.info("rows: %d", 3)
        print("second", file=sys.stderr)
        run.log.warning("late by %(by)s", {"by": "2h"})
        run.log.debug("not kept")

    stdout, stderr = sys.stdout, sys.stderr
    wanted = f"first 1\n{NOW} INFO rows: 3\nsecond\n{NOW} WARNING late by 2h\n"
    assert log_of(one(body), runner=runner()) == wanted
    seen = capsys.readouterr()
    assert seen.out == "first 1\n" and "second\n" in seen.err  # they are seen as before
    assert (sys.stdout, sys.stderr) == (stdout, stderr)


def test_R20_the_logger_hears_it_too(caplog):
    def body(run):
        run.log.info("rows: %d", 3, stacklevel=1)

    with caplog.at_level(logging.INFO, "reactive_dag.run"):
        assert log_of(one(body)) == f"{NOW} INFO rows: 3\n"
    (record,) = caplog.records
    assert (record.message, record.dag, record.task, record.funcName) == ("rows: 3", "job", "only", "body")


def test_R20_tracebacks_and_wrong_arguments_are_kept(monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    def body(run):
        try:
            raise KeyError("gone")
        except KeyError:
            run.log.exception("failed")
        run.log.info("%d", "text")

    found = log_of(one(body))
    assert "ERROR failed\nTraceback" in found and "KeyError: 'gone'" in found and "TypeError" in found


@pytest.mark.parametrize("runner", RUNNERS)
def test_R20_each_attempt_has_its_own(runner):
    def body(run):
        print("attempt", run.attempt)
        if run.attempt < 3:
            raise ValueError("again")

    with live(one(body, retries=2), runner=runner()) as engine:
        run = engine.start("job")
        engine.run_until_idle("20s")
        task = run.tasks["only"]
        assert [attempt.log for attempt in task.attempts] == [f"attempt {n}\n" for n in (1, 2, 3)]
        assert task.log == "attempt 3\n"


def test_R20_attempts_at_one_time_do_not_mix():
    graph, both = rd.Graph("logs"), threading.Barrier(2, timeout=20)
    dag = graph.dag("job")

    def body(run):
        for _ in range(50):
            both.wait()
            print(run.task)

    for id in ("a", "b"):
        dag.add(body, id=id)
    with live(graph, runner=rd.ThreadRunner(2)) as engine:
        run = engine.start("job")
        engine.run_until_idle("20s")
        assert {id: set(task.log.split()) for id, task in run.tasks.items()} == {"a": {"a"}, "b": {"b"}}
        assert run.tasks["a"].log.count("a") == 50


def test_R20_coroutines_have_theirs():
    async def body(run):
        print(run.task)

    assert log_of(one(body)) == "only\n"


def test_R20_what_nobody_writes_is_empty():
    assert log_of(one(lambda run: None)) == ""
    with live(one(lambda run: None)) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        assert parts(engine).log.meta(f"log/{run.key}/only/1.1") is None


def test_R20_it_is_read_while_the_attempt_executes():
    found, go_on = [], threading.Event()

    def body(run):
        print("so far")
        found.append(run.tasks["only"].log)
        go_on.set()

    with live(one(body), runner=rd.ThreadRunner(1)) as engine:
        engine.start("job")
        engine.run_until_idle("20s")
    assert found == ["so far\n"]


@pytest.mark.parametrize("ended", [False, True])
def test_R20_it_is_in_the_store_with_the_end_of_the_attempt(tmp_path, ended):
    def body(run):
        print("attempt", run.attempt)

    engine = opened(one(body), tmp_path / "s.db")
    engine.start("job")
    if ended:
        engine.run_until_idle()
    else:
        while parts(engine).turn.run():
            pass
        parts(engine).runner.run_next()  # its end is in no commit
    kill(engine)
    with live(one(body), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        task = engine.runs("job")[0].tasks["only"]
        assert [attempt.log for attempt in task.attempts] == (["attempt 1\n"] if ended else ["", "attempt 2\n"])
    with rd.Engine(one(body), tmp_path / "s.db", read_only=True) as engine:
        assert engine.runs("job")[0].tasks["only"].log == f"attempt {1 if ended else 2}\n"


def test_R20_a_rerun_keeps_the_logs_of_earlier_rounds():
    def body(run):
        print("round", run.round)

    with live(one(body)) as engine:
        run = engine.start("job")
        engine.run_until_idle()
        engine.rerun(run)
        engine.run_until_idle()
        assert [attempt.log for attempt in run.tasks["only"].attempts] == ["round 1\n", "round 2\n"]


@pytest.mark.parametrize("text", ["x" * 99, "ä" * 99, "€\ud800" * 33])
def test_R20_beyond_1_MiB_the_oldest_lines_are_cut_with_a_note(text):
    log, lines = AttemptLog(lambda: 0), LARGEST // 60
    for number in range(lines):
        log.write(f"{number} {text}\n")
    note, *kept = log.text.splitlines()
    assert note.startswith("[the oldest ") and note.endswith("bytes were cut: a log keeps 1 MiB]")
    assert kept[-1] == f"{lines - 1} {text}" and kept[0].endswith(f" {text}")
    size = len("\n".join(kept).encode(errors="replace"))
    assert LARGEST - 500 < size <= LARGEST
    cut = int(note.split()[2].replace(",", ""))
    assert cut + size + 1 == sum(len(f"{n} {text}\n".encode(errors="replace")) for n in range(lines))


def test_R20_one_line_beyond_1_MiB_keeps_its_end():
    log = AttemptLog(lambda: 0)
    log.write("a" * LARGEST + "the end")
    assert log.text.endswith("athe end") and len(log.text) < LARGEST + 100


def test_R20_a_run_s_logger_is_none_outside_of_a_body():
    with live(one(lambda run: None)) as engine, pytest.raises(rd.UsageError, match="body"):
        _ = engine.start("job").log


def test_R20_a_process_without_streams_runs_all_the_same(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert log_of(one(lambda run: run.log.info("logged") or print("nowhere"))) == f"{NOW} INFO logged\n"
    assert sys.stdout is None


def test_R20_streams_that_are_replaced_meanwhile_are_left_alone(capsys):
    class Other:
        def __init__(self):
            self.texts = []

        def write(self, text):
            self.texts.append(text)
            return len(text)

    other, outer = Other(), sys.stdout

    def body(run):
        sys.stdout = other
        print("swallowed")

    try:
        assert log_of(one(body)) == ""
        assert sys.stdout is other and other.texts == ["swallowed", "\n"]
    finally:
        sys.stdout = outer
    assert log_of(one(lambda: print("seen"))) == "seen\n" and capsys.readouterr().out == "seen\n"
