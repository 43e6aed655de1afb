"""Bit rot anywhere in a store: whoever opens it and asks everything gets the right answer, or an error of ours (X1).

One store that has everything is made once; each example changes one value of a row, or one byte of the file, in a copy.
"""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.records import Published
from tests.support.engines import kill, ns, opened, parts
from tests.support.log_kit import CountedLog, in_child, mixed, push, pushed

DAY = rd.day("UTC")
KEYS = ("k0", "k1", "k2")
DATE = "2026-11-23T02:00Z"


def rotting() -> rd.Graph:
    """DAGs that end in every way, by dataset, by date and by hand."""
    graph = rd.Graph("rotting")
    orders = graph.dataset("orders", partitions=DAY)
    plain = graph.dataset("plain")

    @graph.dag(on=orders)
    def load(run):
        return {"rows": 3}

    @graph.dag(on=rd.completed(load))
    def follows(run):
        return run.events[0].run

    @graph.dag(on=plain)
    def picky(run):
        if run.events[0].extra == 1:
            raise rd.SkipTask("nothing new")
        assert run.events[0].extra == 2, "odd"

    @graph.dag(schedule="0 * * * *", catchup="all")
    def hourly(run):
        return None

    @graph.dag
    def byhand(run):
        return run.params

    return graph


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with something in each of its tables."""
    path = tmp_path_factory.mktemp("rot") / "s.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 40)
        engine = opened(rotting(), path)
        for n, key in enumerate(KEYS):
            engine.publish("orders", partition=f"2026-11-2{n}", key=key, extra={"n": n})
            engine.publish("plain", extra=n)
            engine.start("byhand", key=f"hand{n}")
            engine.advance("1h")
        engine.advance("3h")
        kill(engine)
    log = SQLiteLog(path)
    for n in range(2):
        log.offer(Published(0, "plain", 0, extra=n, key=f"offered{n}"), ns("2026-11-23T07:00Z"))
    log.close()
    yield path


class Answers(dict[str, object]):
    """What a store answers, by the question; too much to be shown."""

    def __repr__(self) -> str:
        return f"<{len(self)} answers>"


def answers(path: Path) -> Answers:
    """All that can be asked of the store at `path`, once an engine has opened it and worked."""
    engine = opened(rotting(), path, "2026-11-23T07:30Z")
    try:
        engine.run_until_idle()
        log = parts(engine).log
        runs = {
            f"runs {given}": [described(run) for run in engine.runs(**given)]
            for given in (
                {}, *({"state": state} for state in ("success", "failed", "skipped")),
                *({"dag": dag} for dag in engine.graph.dags), {"dag": "hourly", "logical_date": DATE},
                {"partition": "2026-11-21"}, {"key": "hand1"}, {"dag": "load", "limit": 1},
            )
        }  # fmt: skip
        return Answers({
            **runs,
            "events": [event for name in ("orders", "plain") for event in engine.events(name)],
            "why": [str(engine.why(run)) for run in engine.runs()],
            "pending": [str(engine.pending(dag)) for dag in engine.graph.dags],
            "previous": [run.previous and run.previous.key for run in engine.runs("hourly")],
            "keys": [log.find("dataset:orders", key) for key in KEYS],
            "known": [engine.publish("orders", partition="2026-11-20", key=key).duplicate for key in KEYS],
            "hand": [engine.start("byhand", key=f"hand{n}").key for n in range(3)],
            "records": log.read(0, log.next_offset),
            "consumers": [[row.run for row in log.runs(source=run._offset)] for run in engine.runs("load")],
            "latest": log.latest_date("hourly", ns(DATE)),
        })  # fmt: skip
    finally:
        kill(engine)


def described(run: rd.Run) -> list[object]:
    tasks = [[task.id, task.state, task.output, task.error, task.attempts] for task in run.tasks.values()]
    about = [run.key, run.dag, run.label, run.state, run.logical_date, run.partition, run.round, run.error]
    return [*about, run.requested, run.started, run.ended, tasks]


def copied(whole: Path) -> Path:
    """A copy of the store for one example."""
    path = whole.parent / f"{uuid.uuid4().hex}.db"
    shutil.copy(whole, path)
    return path


def removed(path: Path) -> None:
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


@pytest.fixture(scope="module")
def right(whole: Path) -> Answers:
    """What the store answers while it is sound."""
    path = copied(whole)
    try:
        return answers(path)
    finally:
        removed(path)


def test_X1_the_store_has_something_in_every_table(whole: Path, right: Answers) -> None:
    db = sqlite3.connect(whole)
    counts = {table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}
    db.close()
    assert min(counts.values()) >= 1 and counts["snapshots"] == counts["intake"] == 2, counts
    assert len(right["events"]) > 5 and right["known"] == [True] * 3  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- values

TABLES = ("segments", "sources", "keys", "runs", "consumers", "snapshots", "intake", "home", "meta")


def changed(value: object, how: int) -> object:
    """Another value, as a flipped bit would make it: of the same type, or of another."""
    match value:
        case _ if how % 5 == 0:
            return f"x{value!r}" if isinstance(value, int) else how
        case None:
            return how
        case int():
            return value ^ (1 << how % 40)
        case str() if value:
            place = how % len(value)
            return value[:place] + chr(ord(value[place]) ^ 1) + value[place + 1 :]
        case bytes() if value:
            place = how % len(value)
            return value[:place] + bytes([value[place] ^ 1 << how % 8]) + value[place + 1 :]
    return value


def change(path: Path, table: str, row: int, column: int, how: int) -> bool:
    """Change one value of one row; whether the table took it."""
    db = sqlite3.connect(path, isolation_level=None)
    try:
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
        old = rows[row % len(rows)]
        new = list(old)
        column %= len(new)
        new[column] = changed(old[column], how)
        names = [name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")]
        where = " AND ".join(f"{name} IS ?" for name in names)
        db.execute("BEGIN")
        db.execute(f"DELETE FROM {table} WHERE {where}", old)
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(new))})", new)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except (sqlite3.Error, UnicodeError):
        return False
    finally:
        db.close()
    return tuple(new) != old


@given(st.sampled_from(TABLES), st.integers(0, 99), st.integers(0, 14), st.integers(1, 10**6))
def test_X1_a_changed_value_of_any_table_is_damage_or_changes_no_answer(
    whole: Path, right: Answers, table: str, row: int, column: int, how: int
) -> None:
    path = copied(whole)
    try:
        assume(change(path, table, row, column, how))
        try:
            found = answers(path)
        except rd.StoreError as error:
            assert "damaged" in type(error).__name__.lower() and path.name in str(error), repr(error)
        else:
            assert [name for name in right if found[name] != right[name]] == []
            assert table in ("home", "snapshots"), "these alone may be wrong without a word: nothing is read from them"
    finally:
        removed(path)


@pytest.mark.parametrize("table", TABLES)
def test_X1_a_table_that_is_gone_is_damage(whole: Path, table: str) -> None:
    path = copied(whole)
    db = sqlite3.connect(path)
    db.execute(f"DROP TABLE {table}")
    db.commit()
    db.close()
    with pytest.raises(rd.StoreDamaged, match=r"is not as it was made|no such table"):
        answers(path)


def test_X1_an_index_that_is_gone_is_damage(whole: Path) -> None:
    assert sum(sql.startswith("CREATE INDEX") for sql in schema.LOG_TABLES) == 6
    path = copied(whole)
    db = sqlite3.connect(path)
    db.execute("DROP INDEX runs_key")
    db.commit()
    db.close()
    with pytest.raises(rd.StoreDamaged, match="runs_key"):
        answers(path)


# -------------------------------------------------------------------------------------------------------- bytes


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_X1_a_changed_byte_of_the_file_raises_our_own_error_or_changes_no_answer(
    whole: Path, right: Answers, place: int, flip: int
) -> None:
    path = copied(whole)
    try:
        content = bytearray(path.read_bytes())
        content[place % len(content)] ^= flip
        path.write_bytes(content)
        try:
            found = answers(path)
        except rd.StoreError:
            return
        assert [name for name in right if found[name] != right[name]] == []
    finally:
        removed(path)


# ------------------------------------------------------------------------------------------ the write-ahead log


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a process left without a word: its commits are in the write-ahead log alone."""
    path = tmp_path_factory.mktemp("wal") / "s.db"

    def work(tell: Callable[[str], None]) -> None:
        log = CountedLog(path)
        for n in range(4):
            pushed(log, *mixed(300, n * 300))
        CountedLog.kill_at = CountedLog.point + 1
        push(log, *mixed(1))
        log.commit()

    assert in_child(work)[1] == -9
    return path


@given(st.integers(0, 10**9), st.integers(1, 255))
def test_X1_a_changed_byte_of_the_write_ahead_log_loses_no_commit_in_silence(
    crashed: Path, place: int, flip: int
) -> None:
    path = copied(crashed)
    wal = path.with_name(f"{path.name}-wal")
    content = bytearray(crashed.with_name("s.db-wal").read_bytes())
    content[place % len(content)] ^= flip
    wal.write_bytes(content)
    try:
        for _ in range(2):
            try:
                with SQLiteLog(path) as log:
                    end, reports = log.next_offset, log.reports
            except rd.StoreError:
                assert wal.read_bytes() == content
            else:
                assert end == 1200 or (end == 900 and reports), "the last write may have been torn"
                break
    finally:
        removed(path)
