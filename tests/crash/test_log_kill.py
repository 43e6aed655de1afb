"""X1: the process is killed at every write and sync of the log; what was acknowledged is there, nothing half is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from reactive_dag.log.history import RunRow, TaskRow
from reactive_dag.log.ledger import Ledger
from reactive_dag.log.sqlite.schema import LOG_TABLES
from reactive_dag.log.sqlite.store import SQLiteLog
from tests.support.log_kit import T0, CountedLog, in_child, mixed, published, push, pushed

pytest_plugins = ["tests.support.log_fixtures"]

STEPS = 6


def _step(log: SQLiteLog, n: int) -> int:
    """Step `n` of the workload: records that take one segment or several, and one of everything that is noted."""
    with log.lock:
        first = log.push_many(mixed(4 if n % 2 else 400, log.next_offset))
        log.note_key("step", str(n), first)
        log.note_run(RunRow(first, "dag", "success", f"key{n}", tasks=(TaskRow("load", "success", output=n),)))
        if n % 2:
            log.save_snapshot(first, b"before %d" % n)
        log.set_meta("step", str(n))
        log.done([id for id, _ in log.take_over()])
    return log.next_offset


def _work(path: Path) -> Callable[[Callable[[str], None]], None]:
    def work(tell: Callable[[str], None]) -> None:
        log = CountedLog(path)
        for n in range(STEPS):
            log.offer(published(n, "offered"), T0 + n)
            tell(f"offered {n}")
            stop = _step(log, n)
            log.commit()
            tell(f"committed {n} {stop}")
        log.close()
        tell(f"points {CountedLog.point}")

    return work


def _points(path: Path) -> int:
    """How many points the workload has when nobody kills it."""
    lines, code = in_child(_work(path))
    assert code == 0
    return int(lines[-1].split()[1])


def test_X1_killed_at_every_write_and_sync(tmp_path: Path) -> None:
    points = _points(tmp_path / "whole.db")
    assert points > 60
    for point in range(1, points + 1):
        path = tmp_path / f"killed{point}.db"
        lines, code = in_child(_work(path), kill_at=point)
        assert code == -9, f"point {point} was not reached"
        _judge(path, lines, point)


def _judge(path: Path, lines: list[str], point: int) -> None:
    """The store holds all steps that were acknowledged, perhaps the one under way, and no part of one."""
    acknowledged = sum(line.startswith("committed") for line in lines)
    offered = sum(line.startswith("offered") for line in lines)
    with SQLiteLog(path) as log:
        there = 0 if (text := log.meta("step")) is None else int(text) + 1
        assert acknowledged <= there <= acknowledged + 1, f"at point {point}"
        stops = [int(line.split()[2]) for line in lines if line.startswith("committed")]
        assert stops == [_stop(n + 1) for n in range(acknowledged)]
        stop = _stop(there)
        assert log.next_offset == log.committed == stop
        assert log.read(0, 10_000) == mixed(stop)
        assert len(log.runs()) == there
        assert [log.find("step", str(n)) is not None for n in range(STEPS)] == [n < there for n in range(STEPS)]
        snapshot = log.load_snapshot()
        assert (snapshot and snapshot[1]) == (b"before %d" % ((there // 2) * 2 - 1) if there >= 2 else None)
        # An offer is taken over by the step behind it: it waits exactly if that step is not there.
        waiting = [fact.n for _, fact in log.take_over()]
        assert waiting == list(range(there, offered))
        assert all("torn" in note for note in log.reports)
        log._check()
        for n in range(there, STEPS):
            _step(log, n)
        assert log.commit() == _stop(STEPS)


def _stop(steps: int) -> int:
    """The offset after this many steps."""
    return sum(4 if n % 2 else 400 for n in range(steps))


@pytest.mark.parametrize("point", range(12, 60, 6))
def test_X1_killed_while_threads_share_commits(store_path: Path, point: int) -> None:
    def work(tell: Callable[[str], None]) -> None:
        log = CountedLog(store_path)

        def publish(thread: int) -> None:
            for n in range(200):
                offset = push(log, published(n, f"ds{thread}"))
                log.commit()
                tell(f"{thread} {n} {offset}")

        threads = [threading.Thread(target=publish, args=(thread,)) for thread in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    lines, code = in_child(work, kill_at=CREATION + point)
    assert code == -9
    with SQLiteLog(store_path) as log:
        records = log.read(0, 10_000)
        assert len(records) == log.next_offset >= len(lines)
        for line in lines:
            thread, n, offset = map(int, line.split())
            assert records[offset] == published(n, f"ds{thread}")


CREATION = len(LOG_TABLES) + 5
"""Writes that make a new store: the tables, two marks, begin and commit."""


def test_X1_killed_while_a_store_is_made_leaves_one_that_opens(tmp_path: Path) -> None:
    def work(tell: Callable[[str], None]) -> None:
        CountedLog(tmp_path / f"new{CountedLog.kill_at}.db")
        tell(str(CountedLog.point))

    lines, _ = in_child(work)
    assert lines == [str(CREATION)]
    for point in range(1, CREATION + 1):
        assert in_child(work, kill_at=point) == ([], -9)
        with SQLiteLog(tmp_path / f"new{point}.db") as log:
            assert log.next_offset == 0
            assert pushed(log, *mixed(3)) == 0


def test_X1_a_ledger_knows_what_was_acknowledged(store_path: Path) -> None:
    def work(tell: Callable[[str], None]) -> None:
        ledger = Ledger(store_path)
        for n in range(50):
            assert ledger.add(f"key{n}")
            tell(str(n))
            if n == 30:
                CountedLog.kill_at = 1
                CountedLog._reach(CountedLog.__new__(CountedLog))

    assert in_child(work)[1] == -9
    with Ledger(store_path) as ledger:
        assert [ledger.seen(f"key{n}") for n in range(33)] == [True] * 31 + [False] * 2
