"""A store that failed: whatever is asked afterwards raises what made it fail, and nothing is acknowledged (I6, X1)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.log.memory import MemoryLog
from reactive_dag.log.sqlite.store import SQLiteLog
from tests.support.engines import driven, kill, live, opened, parts, states

FAULT = "disk I/O error"


class BrokenDisk(SQLiteLog):
    """A store whose commits fail from when it is told so."""

    broken = False

    def _sync(self) -> None:
        if self.broken:
            raise sqlite3.OperationalError(FAULT)
        super()._sync()


def asked(engine: rd.Engine, run: rd.Run) -> dict[str, Callable[[], object]]:
    """Everything that an engine and a run can be asked."""
    return {
        "run_until_idle": engine.run_until_idle,
        "advance": lambda: engine.advance("1h"),
        "idle": lambda: asyncio.run(engine.idle()),
        "runs": engine.runs,
        "runs of": lambda: engine.runs("job", state="success"),
        "run": lambda: engine.run(run.key),
        "events": lambda: engine.events("a"),
        "why": lambda: engine.why("job"),
        "pending": lambda: engine.pending("job"),
        "publish": lambda: engine.publish("a"),
        "publish a known key": lambda: engine.publish("a", key="first"),
        "apublish": lambda: asyncio.run(engine.apublish("a")),
        "publish_many": lambda: engine.publish_many([("a", {})]),
        "start": lambda: engine.start("job"),
        "cancel": lambda: engine.cancel(run),
        "pause": lambda: engine.pause("job"),
        "resume": lambda: engine.resume("job"),
        "retry_faults": lambda: engine.retry_faults("job"),
        "once": lambda: engine.once("key", int),
        "ready": lambda: engine.ready,
        "state": lambda: run.state,
        "tasks": lambda: run.tasks,
        "why of a run": lambda: engine.why(run),
        "run.wait": run.wait,
    }


def assert_all_raise(engine: rd.Engine, run: rd.Run, said: str) -> None:
    for name, call in asked(engine, run).items():
        with pytest.raises(rd.StoreError, match=said):
            pytest.fail(f"{name} gave {call()!r}")
    assert "failed" in repr(engine) and "failed" in repr(run)


def begun(store: object) -> tuple[rd.Engine, rd.Run]:
    """An engine with one run that is recorded."""
    engine = opened(driven(), store)
    engine.publish("a", extra=1, key="first")
    engine.run_until_idle()
    (run,) = engine.runs("job")
    return engine, run


def test_I6_after_a_failed_commit_everything_raises_its_cause(tmp_path: Path) -> None:
    log = BrokenDisk(tmp_path / "s.db")
    engine, run = begun(log)
    log.broken = True
    with pytest.raises(rd.StoreError, match=FAULT):
        engine.publish("a", extra=2)
    log.broken = False
    assert_all_raise(engine, run, FAULT)
    engine.close()
    with live(driven(), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert states(engine, "job") == ["success"]


def test_I6_after_a_commit_that_failed_in_a_turn_too(tmp_path: Path) -> None:
    log = BrokenDisk(tmp_path / "s.db")
    engine, run = begun(log)
    engine.publish("a", extra=2)
    log.broken = True
    with pytest.raises(rd.StoreError, match=FAULT):
        engine.run_until_idle()
    assert_all_raise(engine, run, FAULT)
    kill(engine)
    with live(driven(), tmp_path / "s.db") as engine:
        engine.run_until_idle()
        assert states(engine, "job") == ["success", "success"]


def test_I6_whoever_waits_for_a_background_engine_hears_of_it(tmp_path: Path) -> None:
    log = BrokenDisk(tmp_path / "s.db")
    engine, run = begun(log)
    with pytest.raises(rd.StoreError, match=FAULT), engine.background():
        log.broken = True
        with pytest.raises(rd.StoreError, match=FAULT):
            engine.publish("a", extra=2)
        assert_all_raise(engine, run, FAULT)
        engine.run_until_idle()
    kill(engine)


def test_I6_a_full_disk(tmp_path: Path) -> None:
    log = SQLiteLog(tmp_path / "s.db")
    engine, run = begun(log)
    pages = log._db.execute("PRAGMA page_count").fetchone()[0]
    log._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(rd.StoreError, match="full"):
        engine.publish("a", extra="x" * 500_000)
    assert_all_raise(engine, run, "full")
    kill(engine)


def test_X1_a_store_that_was_deleted_under_an_engine(tmp_path: Path) -> None:
    engine, run = begun(tmp_path / "s.db")
    (tmp_path / "s.db").unlink()
    with pytest.raises(rd.StoreError, match="deleted while it was open"):
        engine.publish("a")
    assert_all_raise(engine, run, "deleted while it was open")
    kill(engine)


def test_I6_an_engine_in_memory_that_failed_in_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, run = begun(MemoryLog())
    engine.publish("a", extra=2)

    def drain(limit: int) -> int:
        raise RuntimeError("half a turn")

    monkeypatch.setattr(parts(engine).fold, "drain", drain)
    with pytest.raises(RuntimeError, match="half a turn"):
        engine.run_until_idle()
    monkeypatch.undo()
    assert_all_raise(engine, run, "half a turn")


def test_X3_a_hard_link_is_one_store_of_this_process(tmp_path: Path) -> None:
    first = opened(driven(), tmp_path / "s.db")
    first.publish("a", extra=1)
    (tmp_path / "other.db").hardlink_to(tmp_path / "s.db")
    with pytest.warns(rd.EngineReplaced):
        second = opened(driven(), tmp_path / "other.db")
    assert parts(first).closed
    assert len(second.events("a")) == 1
    second.close()


def test_X1_what_opening_reports_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Torn(SQLiteLog):
        """Reports what a torn last write would make it report."""

        reports = ("s.db: the last write was torn",)

    with caplog.at_level("WARNING", "reactive_dag.store"), live(driven(), Torn(tmp_path / "s.db")):
        pass
    assert [record.getMessage() for record in caplog.records] == ["s.db: the last write was torn"]
