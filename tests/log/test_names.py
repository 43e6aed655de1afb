"""The names of a store's file: several are one store (X3), and one that is lost while the store is open is noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reactive_dag.log.ledger import Ledger
from reactive_dag.log.sqlite.intake import SQLiteIntake
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import NotAStore, StoreError, StoreInUse
from tests.support.log_kit import T0, CountedLog, in_child, mixed, published, push, pushed
from tests.support.places import ROOT

pytest_plugins = ["tests.support.log_fixtures"]


@pytest.fixture
def linked(store_path: Path) -> Path:
    """Another name of the store, in another directory; whoever asks for it makes the store first."""
    other = store_path.parent / "elsewhere"
    other.mkdir()
    return other / "linked.db"


def _link(store_path: Path, linked: Path) -> None:
    os.link(store_path, linked)


# -------------------------------------------------------------------------------------------------- hard links


def test_X3_a_hard_link_is_one_store(store_path: Path, linked: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(10))
        _link(store_path, linked)
        with pytest.raises(StoreInUse, match="this process"):
            SQLiteLog(linked)
        with SQLiteLog(linked, read_only=True) as reader, SQLiteIntake(linked) as intake:
            assert reader.read(0, 99) == mixed(10)
            intake.offer(published(0), T0)
        assert [fact.at for _, fact in log.take_over()] == [T0]
    with SQLiteLog(linked) as log:
        assert log.read(0, 99) == mixed(10)
        pushed(log, *mixed(10, 10))
    with SQLiteLog(store_path) as log:
        assert log.read(0, 99) == mixed(20)
    assert [path.name for path in linked.parent.iterdir()] == ["linked.db"]


def test_X1_a_hard_link_leads_to_what_a_crash_left_beside_the_first_name(store_path: Path, linked: Path) -> None:
    def work(tell) -> None:  # type: ignore[no-untyped-def]
        log = CountedLog(store_path)
        pushed(log, *mixed(600))
        CountedLog.kill_at = CountedLog.point + 1
        push(log, *mixed(1, 600))
        log.commit()

    assert in_child(work)[1] == -9
    _link(store_path, linked)
    with SQLiteLog(linked) as log:
        assert log.next_offset == 600


def test_X3_a_store_that_was_moved_and_linked_is_one_store_too(store_path: Path, linked: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(10))
    moved = store_path.rename(store_path.with_name("moved.db"))
    with SQLiteLog(moved) as log:
        _link(moved, linked)
        with pytest.raises(StoreInUse):
            SQLiteLog(linked)
        pushed(log, *mixed(10, 10))
    moved.rename(store_path)
    with SQLiteLog(linked) as log:
        assert log.next_offset == 20


def test_X3_a_ledger_with_two_names_is_one(store_path: Path, linked: Path) -> None:
    with Ledger(store_path) as ledger:
        assert ledger.add("a")
    _link(store_path, linked)
    with Ledger(linked) as ledger:
        assert not ledger.add("a")
    assert [path.name for path in linked.parent.iterdir()] == ["linked.db"]


def test_log_a_foreign_file_with_two_names_is_refused_and_not_touched(store_path: Path, linked: Path) -> None:
    store_path.write_text("a shopping list\n" * 50)
    _link(store_path, linked)
    with pytest.raises(NotAStore):
        SQLiteLog(linked)
    assert [path.name for path in linked.parent.iterdir()] == ["linked.db"]


# ----------------------------------------------------------------------------------------- deleted and replaced


def _replace(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.rename(path)


LOST: dict[str, Callable[[Path], None]] = {"deleted": Path.unlink, "replaced": _replace}


@pytest.mark.parametrize("how", LOST)
@pytest.mark.parametrize("name", ["store.db", "store.db-wal", "store.db.lock"])
def test_X1_a_file_that_is_lost_while_open_is_noticed_at_the_next_commit(store_path: Path, name: str, how: str) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(10))
        LOST[how](store_path.with_name(name))
        push(log, *mixed(1, 10))
        for _ in range(2):
            with pytest.raises(StoreError, match=rf"{name} was {how} while it was open"):
                log.commit()
        assert log.committed == 10


@pytest.mark.parametrize("how", LOST)
def test_I8_a_client_notices_that_the_store_is_lost(store_path: Path, how: str) -> None:
    SQLiteLog(store_path).close()
    with SQLiteIntake(store_path) as intake:
        intake.offer(published(0), T0)
        LOST[how](store_path)
        with pytest.raises(StoreError, match=f"was {how} while it was open"):
            intake.offer(published(1), T0)


@pytest.mark.parametrize("how", LOST)
def test_a_ledger_notices_that_its_file_is_lost(store_path: Path, how: str) -> None:
    with Ledger(store_path) as ledger:
        assert ledger.add("a")
        LOST[how](store_path)
        with pytest.raises(StoreError, match=f"was {how} while it was open"):
            ledger.add("b")


CLIENT = """
import sys
from pathlib import Path
from tests.support.log_kit import T0, published
from reactive_dag.log.sqlite.intake import SQLiteIntake

with SQLiteIntake(Path(sys.argv[1])) as intake:
    intake.offer(published(0), T0)
"""


def _refused(error: type[StoreError], open_it: Callable[[Path], object], path: Path) -> None:
    with pytest.raises(error):
        open_it(path)


LOOKS: dict[str, Callable[[Path], object]] = {
    "reader": lambda path: SQLiteLog(path, read_only=True).close(),
    "client": lambda path: SQLiteIntake(path).close(),
    "refused": lambda path: _refused(StoreInUse, SQLiteLog, path),
    "ledger": lambda path: _refused(NotAStore, Ledger, path),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_X1_a_look_from_the_same_process_takes_no_lock_from_the_store(
    store_path: Path, look: Callable[[Path], object]
) -> None:
    """Without its locks, the write-ahead log would be deleted by the next process that comes and goes."""
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(10))
        look(store_path)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", CLIENT, str(store_path)], check=True, env=env)
        pushed(log, *mixed(10, 10))
    with SQLiteLog(store_path) as log:
        assert log.read(0, 99) == mixed(20)
