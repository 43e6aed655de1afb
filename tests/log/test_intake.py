"""I8: what other processes append, how the engine takes it over, and that nothing of it is lost or doubled."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from reactive_dag.log.protocol import EventLog
from reactive_dag.log.sqlite.intake import SQLiteIntake
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import StoreDamaged
from reactive_dag.model.records import Published, StartRequested
from tests.support.log_kit import T0, Box, CountedLog, in_child, published, push, pushed
from tests.support.places import ROOT

pytest_plugins = ["tests.support.log_fixtures"]


def take_in(log: EventLog) -> int:
    """What an engine does: take over, give offset and `at = max(stamp, previous at)`, and be done, in one commit."""
    with log.lock:
        offered = log.take_over()
        for _, fact in offered:
            log.push(msgspec.structs.replace(fact, at=max(fact.at, log.last_at)))
        log.done([id for id, _ in offered])
    log.commit()
    return len(offered)


def test_I8_intake(log_box: Box) -> None:
    """Offered facts keep their order and their stamps, are taken over once, and go when their commit is there."""
    log = log_box.log
    pushed(log, published(0, at=T0 + 50))
    log.offer(published(-1, key="a", extra={"rows": 1}), T0 + 40)
    log.offer(StartRequested(0, "report", -1, params={"full": True}), T0 + 60)
    assert log.next_offset == 1, "the intake is not the log"
    assert log.take_over() == [
        (1, published(-1, at=T0 + 40, key="a", extra={"rows": 1})),
        (2, StartRequested(T0 + 60, "report", -1, params={"full": True})),
    ]
    assert log.take_over() == [], "nothing is taken over twice"
    with log.lock:
        for fact in (published(1, at=T0 + 50, key="a", extra={"rows": 1}), StartRequested(T0 + 60, "report", 0)):
            log.push(fact)
        log.done([1, 2])
    log.offer(published(-1), T0 + 70)
    again = log_box.again()
    assert again.read(1, 9)[0].at == T0 + 50, "at = max(stamp, previous at)"
    assert again.take_over() == [(3, published(-1, at=T0 + 70))]


def test_I8_intake_what_was_taken_over_and_not_committed_is_there_again(store_path: Path) -> None:
    def work(tell) -> None:  # type: ignore[no-untyped-def]
        log = CountedLog(store_path)
        log.offer(published(-1), T0)
        with log.lock:
            [(id, fact)] = log.take_over()
            log.push(fact)
            log.done([id])
        CountedLog.kill_at = CountedLog.point + 2
        log.commit()

    assert in_child(work)[1] == -9
    with SQLiteLog(store_path) as log:
        assert log.next_offset == 0
        assert take_in(log) == 1
    with SQLiteLog(store_path) as log:
        assert log.take_over() == []
        assert log.read(0, 9) == [published(-1, at=T0)]


def test_I8_intake_takes_pieces_in_order(event_log: EventLog) -> None:
    for n in range(25):
        event_log.offer(published(n), T0 + n)
    taken = []
    while piece := event_log.take_over(limit=10):
        taken.append([fact.at - T0 for _, fact in piece])
    assert taken == [list(range(10)), list(range(10, 20)), list(range(20, 25))]


CLIENT = """
import sys
from pathlib import Path
from tests.support.log_kit import T0, published
from reactive_dag.log.sqlite.intake import SQLiteIntake

with SQLiteIntake(Path(sys.argv[1])) as intake:
    for n in range(40):
        intake.offer(published(n, "offered"), T0 + n)
        print(n, flush=True)
"""


def test_I8_intake_from_another_process_while_the_engine_writes(store_path: Path) -> None:
    """A client and an engine write the same file at once; each acknowledged fact is in the log once, in order."""
    # A process of its own: SQLite is not made to be carried over a fork.
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with SQLiteLog(store_path) as log:
        with subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(store_path)], stdout=subprocess.PIPE, env=env
        ) as client:
            mine = 0
            while client.poll() is None:
                pushed(log, published(mine, "mine"))
                mine += 1
                take_in(log)
            assert client.stdout is not None
            assert client.stdout.read().split() == [b"%d" % n for n in range(40)]
        take_in(log)
    with SQLiteLog(store_path) as log:
        records = [record for _, piece in log.segments_from(0) for record in piece]
        assert [r.n for r in records if isinstance(r, Published) and r.dataset == "offered"] == list(range(40))
        assert [r.n for r in records if isinstance(r, Published) and r.dataset == "mine"] == list(range(mine))
        assert log.take_over() == []


def test_I8_intake_tells_what_the_store_held_then(store_path: Path) -> None:
    with SQLiteLog(store_path) as log, SQLiteIntake(store_path) as intake:
        with log.lock:
            log.note_key("orders", "a", log.push(published(0)))
        assert intake.find("orders", "a") is None, "not committed"
        log.commit()
        assert intake.find("orders", "a") == 0


def test_I8_intake_a_client_that_is_killed_leaves_what_was_acknowledged(store_path: Path) -> None:
    SQLiteLog(store_path).close()

    def work(tell) -> None:  # type: ignore[no-untyped-def]
        intake = SQLiteIntake(store_path)
        for n in range(10):
            intake.offer(published(n), T0 + n)
            tell(str(n))
            if n == 6:
                CountedLog.kill_at = CountedLog.point + 1
                CountedLog._reach(CountedLog.__new__(CountedLog))

    lines, code = in_child(work)
    assert (len(lines), code) == (7, -9)
    with SQLiteLog(store_path) as log:
        assert [fact.at - T0 for _, fact in log.take_over()] == list(range(7))


@pytest.mark.parametrize(("sql", "said"), [("crc = crc + 1", "checksum"), ("crc = 0, data = x''", "checksum")])
def test_I8_intake_damage_names_the_fact(store_path: Path, sql: str, said: str) -> None:
    with SQLiteLog(store_path) as log:
        log.offer(published(0), T0)
        db = sqlite3.connect(store_path)
        db.execute(f"UPDATE intake SET {sql}")
        db.commit()
        db.close()
        with pytest.raises(StoreDamaged, match=rf"fact 1 of the intake cannot be read: .*{said}"):
            log.take_over()
        push(log, published(1))
