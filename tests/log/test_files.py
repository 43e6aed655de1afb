"""The file of a store: what bad input gets, who may open it, and what opening reports. Nothing foreign is touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import struct
from pathlib import Path

import pytest

from reactive_dag.log.ledger import Ledger
from reactive_dag.log.memory import MemoryLog
from reactive_dag.log.opening import open_log
from reactive_dag.log.sqlite import schema
from reactive_dag.log.sqlite.files import parse_store
from reactive_dag.log.sqlite.intake import SQLiteIntake
from reactive_dag.log.sqlite.lease import Lease
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.log.sqlite.wal import wal_frames
from reactive_dag.model.errors import (
    InvalidValue,
    NotAStore,
    StoreDamaged,
    StoreError,
    StoreInUse,
    StoreTooNew,
    UsageError,
)
from reactive_dag.model.records import Tick
from tests.support.log_kit import CountedLog, in_child, mixed, push, pushed

pytest_plugins = ["tests.support.log_fixtures"]


# ------------------------------------------------------------------------------------------------- which file


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///rel.db", "rel.db"),
        ("sqlite:///a/b c.db", "a/b c.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
        ("plain.db", "plain.db"),
        ("/abs/plain.db", "/abs/plain.db"),
        (Path("some.db"), "some.db"),
        ("memory", None),
    ],
)
def test_log_store_texts(text: str, path: str | None) -> None:
    assert parse_store(text) == (None if path is None else Path(path))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgresql://host/db", "no store is called 'postgresql' here"),
        ("sqlite://rel.db", "three slashes"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "None for a log in memory"),
        ("", "names no file"),
        ("sqlite:///a.db?mode=ro", "names no file"),
    ],
)
def test_log_store_texts_that_are_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        open_log(text)


def test_log_open_log_takes_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_log(), MemoryLog)
    assert isinstance(open_log("memory"), MemoryLog)
    for store in ("sqlite:///a.db", f"sqlite:///{tmp_path}/a.db", "a.db", tmp_path / "a.db"):
        log = open_log(store)
        assert isinstance(log, SQLiteLog) and log.durable
        pushed(log, Tick(1))
        log.close()
    log = open_log("a.db", read_only=True)
    assert log.next_offset == 4
    log.close()
    with pytest.raises(UsageError, match="read_only"):
        open_log(None, read_only=True)
    with pytest.raises(InvalidValue, match="is no store"):
        open_log(7)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------- not ours, too new


def _files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def _sqlite_of_somebody(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE segments (first INTEGER PRIMARY KEY)")
    db.commit()
    db.close()


FOREIGN = {
    "text": lambda path: path.write_text("a shopping list\n" * 50),
    "short": lambda path: path.write_bytes(b"SQLite format 3\0"),
    "sqlite": _sqlite_of_somebody,
    "ledger": lambda path: Ledger(path).close(),
}


@pytest.mark.parametrize("make", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("open_it", [SQLiteLog, SQLiteIntake, lambda p: SQLiteLog(p, read_only=True)], ids=range(3))
def test_log_a_file_that_is_no_store_is_refused_and_not_touched(store_path: Path, make, open_it) -> None:  # type: ignore[no-untyped-def]
    make(store_path)
    content, files = store_path.read_bytes(), _files(store_path.parent)
    with pytest.raises(NotAStore, match=r"store\.db is .*name another file"):
        open_it(store_path)
    assert store_path.read_bytes() == content
    assert _files(store_path.parent) == files


def test_log_a_directory_and_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(NotAStore, match="is a directory"):
        SQLiteLog(tmp_path)
    with pytest.raises(StoreError, match="does not exist; make it first"):
        SQLiteLog(tmp_path / "nowhere" / "a.db")
    assert _files(tmp_path) == []


@pytest.mark.parametrize("read_only", [False, True])
def test_log_a_store_of_a_newer_version_is_refused_and_not_touched(store_path: Path, read_only: bool) -> None:
    SQLiteLog(store_path).close()
    db = sqlite3.connect(store_path)
    db.execute(f"PRAGMA user_version={schema.STORE_FORMAT + 1}")
    db.close()
    content = store_path.read_bytes()
    with pytest.raises(
        StoreTooNew,
        match=rf"has format {schema.STORE_FORMAT + 1}, and this version .* reads up to {schema.STORE_FORMAT}",
    ):
        SQLiteLog(store_path, read_only=read_only)
    assert store_path.read_bytes() == content


def test_log_nobody_looks_at_a_store_that_is_not_there(store_path: Path) -> None:
    for look in (lambda: SQLiteLog(store_path, read_only=True), lambda: SQLiteIntake(store_path)):
        with pytest.raises(NotAStore, match="there is no store yet"):
            look()
    assert _files(store_path.parent) == []


def test_log_an_empty_file_becomes_a_store(store_path: Path) -> None:
    store_path.touch()
    with SQLiteLog(store_path) as log:
        assert log.next_offset == 0


# ------------------------------------------------------------------------------------------------------- damage


def _damage(path: Path, sql: str, *params: object) -> bytes:
    db = sqlite3.connect(path)
    db.execute(sql, params)
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path.read_bytes()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE segments SET data = zeroblob(length(data)) WHERE first = 256", "checksum differs"),
        ("UPDATE segments SET data = substr(data, 2) WHERE first = 256", "checksum differs"),
        ("UPDATE segments SET crc = crc + 1 WHERE first = 256", "checksum differs"),
        ("UPDATE segments SET count = 255 WHERE first = 256", "checksum differs"),
        ("DELETE FROM segments WHERE first = 256", "no segment has the record at offset 256"),
    ],
)
def test_X1_damage_names_its_place_and_changes_nothing(store_path: Path, sql: str, said: str) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(1000))
    content = _damage(store_path, sql)
    with SQLiteLog(store_path) as log:
        reads = (
            lambda: list(log.segments_from(0)),
            lambda: log.read(0, 1000),
            lambda: log.record(256),
            lambda: log.events("s3://lake/ds4"),
        )
        for read in reads[: 3 if sql.startswith("DELETE") else 4]:
            with pytest.raises(StoreDamaged, match=said) as caught:
                read()
            assert "store.db" in str(caught.value) and "256" in str(caught.value)
            assert "Nothing was changed" in str(caught.value)
        assert log.read(0, 256) == mixed(256), "what is whole can be read"
    assert store_path.read_bytes() == content


def test_X1_a_damaged_last_segment_stops_the_opening(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(300))
    content = _damage(store_path, "UPDATE segments SET data = x'00' WHERE first = 256")
    for read_only in (False, True):
        with pytest.raises(StoreDamaged, match=r"segment at offset 256 \(44 records\)"):
            SQLiteLog(store_path, read_only=read_only)
    assert store_path.read_bytes() == content
    with pytest.raises(StoreDamaged):
        SQLiteLog(store_path)  # the lock was let go


def test_X1_pages_that_are_no_pages_are_damage(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(3000))
    content = bytearray(store_path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    store_path.write_bytes(content)
    with pytest.raises(StoreDamaged, match="put a good copy"):
        SQLiteLog(store_path)
    assert store_path.read_bytes() == content


def test_X1_a_snapshot_that_does_not_read_is_passed_over_and_reported(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        for upto in (5, 9):
            with log.lock:
                log.push_many(mixed(5))
                log.save_snapshot(upto, b"state %d" % upto)
            log.commit()
    _damage(store_path, "UPDATE snapshots SET data = x'00' WHERE upto = 9")
    with SQLiteLog(store_path) as log:
        assert log.load_snapshot() == (5, b"state 5")
        assert "snapshot at offset 9 cannot be read" in log.reports[0]


def test_X1_a_torn_last_write_is_cut_off_and_reported(store_path: Path, tmp_path: Path) -> None:
    """Every way in which the last transaction can be half on disk: the log opens without it, and says so."""
    log = SQLiteLog(store_path)
    pushed(log, *mixed(300))
    whole = (tmp_path / "store.db-wal").stat().st_size
    push(log, *mixed(2000, 300))
    log.commit()
    wal = (tmp_path / "store.db-wal").read_bytes()
    frame = 24 + struct.unpack(">8xI20x", wal[:32])[0]
    cuts = [whole + 1, whole + 24, whole + frame, whole + frame + 10, len(wal) - 1, len(wal) - frame]
    for number, cut in enumerate(cuts):
        copy = tmp_path / str(number) / "copy.db"
        copy.parent.mkdir()
        shutil.copy(store_path, copy)
        (copy.parent / "copy.db-wal").write_bytes(wal[:cut])
        with SQLiteLog(copy) as again:
            assert again.read(0, 5000) == mixed(300), f"cut at {cut}"
            assert len(again.reports) == 1 and "the last write was torn and has been cut off" in again.reports[0]
            pushed(again, *mixed(10, 300))
        with SQLiteLog(copy) as again:
            assert again.next_offset == 310
            assert again.reports == ()
    log.close()


def test_X1_a_torn_page_in_the_last_write_is_cut_off_and_reported(store_path: Path, tmp_path: Path) -> None:
    log = SQLiteLog(store_path)
    pushed(log, *mixed(300))
    whole = (tmp_path / "store.db-wal").stat().st_size
    pushed(log, *mixed(2000, 300))
    wal = bytearray((tmp_path / "store.db-wal").read_bytes())
    wal[whole + 3000] ^= 1
    copy = tmp_path / "copy.db"
    shutil.copy(store_path, copy)
    (tmp_path / "copy.db-wal").write_bytes(wal)
    with SQLiteLog(copy) as again:
        assert again.next_offset == 300
        assert "torn" in again.reports[0]
    log.close()


def test_X1_a_store_that_was_left_without_a_word_opens_whole_and_reports_nothing(store_path: Path) -> None:
    def work(tell) -> None:  # type: ignore[no-untyped-def]
        log = CountedLog(store_path)
        pushed(log, *mixed(600))
        CountedLog.kill_at = CountedLog.point + 1
        push(log, *mixed(1, 600))
        log.commit()

    assert in_child(work) == ([], -9)
    assert wal_frames(store_path).frames > 0
    with SQLiteLog(store_path) as log:
        assert (log.next_offset, log.reports) == (600, ())


# -------------------------------------------------------------------------------------------------- who has it


def test_X3_a_second_engine_is_refused_and_told_who_has_it(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        with pytest.raises(StoreInUse, match=r"in use by an engine of this process on .+, since \d{4}-") as caught:
            SQLiteLog(store_path)
        assert "Close that one first; or look on with read_only=True" in str(caught.value)
        pushed(log, Tick(1))
    SQLiteLog(store_path).close()


def test_X3_another_process_is_refused_until_the_first_is_killed(store_path: Path) -> None:
    def work(tell) -> None:  # type: ignore[no-untyped-def]
        try:
            SQLiteLog(store_path)
        except StoreInUse as error:
            tell(str(error))

    with SQLiteLog(store_path):
        lines, code = in_child(work)
        assert code == 0 and f"an engine of process {os.getpid()} on" in lines[0]

    def die(tell) -> None:  # type: ignore[no-untyped-def]
        CountedLog.kill_at = 10**9
        log = CountedLog(store_path)
        push(log, Tick(1))
        CountedLog.kill_at = CountedLog.point + 1
        log.commit()

    assert in_child(die)[1] == -9
    SQLiteLog(store_path).close()


def test_X3_a_forked_child_neither_keeps_the_store_nor_writes_to_it(store_path: Path) -> None:
    log = SQLiteLog(store_path)
    pushed(log, Tick(1))
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(write_end)
            try:
                pushed(log, Tick(2))
            except StoreError as error:
                assert "before this one was forked" in str(error)
                os.read(read_end, 1)  # lives on until the parent says so
                os._exit(0)
        finally:
            os._exit(1)
    log.close()
    SQLiteLog(store_path).close()  # though the child lives
    os.write(write_end, b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    os.close(read_end)
    os.close(write_end)
    with SQLiteLog(store_path) as log:
        assert log.next_offset == 1


def test_X3_a_copy_of_the_lock_in_a_child_not_yet_awake_keeps_nothing(store_path: Path) -> None:
    lease = Lease(store_path)
    copy = os.dup(lease._file.fileno())  # what a fork leaves in the child until its handlers have run
    lease.close()
    Lease(store_path).close()
    os.close(copy)


def test_X3_a_reader_stands_beside_the_engine(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(300))
        with SQLiteLog(store_path, read_only=True) as reader:
            assert reader.read(0, 999) == mixed(300)
            pushed(log, *mixed(300, 300))
            assert reader.next_offset == 300
        with SQLiteLog(store_path, read_only=True) as reader:
            assert reader.next_offset == 600 == reader.committed
            assert reader.read(0, 999) == mixed(600)
            assert [first for first, _ in reader.segments_from(0)] == [0, 256, 300, 556]
            for write in (lambda: push(reader, Tick(1)), lambda: reader.push(Tick(1))):
                with pytest.raises(StoreError, match="read_only=True"):
                    write()
            assert reader.commit() == 600
            reader._check()
    with SQLiteLog(store_path, read_only=True) as reader:
        assert reader.next_offset == 600
        SQLiteLog(store_path).close()


def test_log_a_path_is_followed_to_the_one_file(store_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = store_path.with_name("link.db")
    link.symlink_to(store_path)
    monkeypatch.chdir(store_path.parent)
    with SQLiteLog(store_path):
        for other in (link, Path("store.db"), Path("link.db")):
            with pytest.raises(StoreInUse):
                SQLiteLog(other)
