"""`rd.Ledger`: each key is new once, whoever asks, and a file remembers."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.log.ledger import Ledger
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import InvalidValue, NotAStore, StoreError, StoreInUse
from reactive_dag.model.times import SECOND
from tests.support.log_kit import in_child

Make = Callable[..., Ledger]


@pytest.fixture(params=["memory", "sqlite"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Opens ledgers of one kind; on SQLite the same file each time."""
    made: list[Ledger] = []

    def open_ledger(**options: object) -> Ledger:
        for ledger in made:
            ledger.close()
        store = None if request.param == "memory" else f"sqlite:///{tmp_path}/seen.db"
        made.append(Ledger(store, **options))  # type: ignore[arg-type]
        return made[-1]

    yield open_ledger
    for ledger in made:
        ledger.close()


def test_log_ledger_each_key_is_new_once(make: Make) -> None:
    ledger = make()
    assert [ledger.add(key) for key in ("a", "b", "a", "a", "b")] == [True, True, False, False, False]
    assert (ledger.seen("a"), ledger.seen("c"), ledger.seen("c")) == (True, False, True)


def test_log_ledger_keys_are_plain_data(make: Make) -> None:
    ledger = make()
    keys = ["1", 1, 1.5, True, None, b"1", ("a", 1), ("a", "1"), {"b": 1, "a": 2}]
    assert [ledger.add(key) for key in keys] == [True] * len(keys)
    assert not ledger.add({"a": 2, "b": 1}), "the order of a dict is no part of it"
    assert not ledger.add(["a", 1])
    for bad in (object(), 2**70, {("a",): object}):
        with pytest.raises(InvalidValue, match="cannot be a ledger's key"):
            ledger.add(bad)


def test_log_ledger_ttl_counts_in_the_time_of_the_caller(make: Make) -> None:
    ledger = make(ttl="10s")
    assert ledger.add("a", now=0)
    assert ledger.seen("a", now=10 * SECOND - 1)
    assert ledger.add("a", now=10 * SECOND), "known for ttl after it was entered, not after it was last asked for"
    assert ledger.seen("a", now=15 * SECOND)
    assert make(ttl=timedelta(days=1)).seen("b", now=0) is False


def test_log_ledger_without_now_takes_the_machines_time(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0, 5 * SECOND, 11 * SECOND])
    monkeypatch.setattr("time.time_ns", lambda: next(times))
    ledger = make(ttl="10s")
    assert [ledger.add("a") for _ in range(3)] == [True, False, True]


def test_log_ledger_bounded_state(tmp_path: Path) -> None:
    memory, file = Ledger(ttl="10s"), Ledger(tmp_path / "seen.db", ttl="10s")
    for n in range(200):
        for ledger in (memory, file):
            assert ledger.add(f"key{n}", now=n * SECOND)
    assert len(memory._entries._expires) <= 11  # type: ignore[attr-defined]
    assert file._entries._readers.one("SELECT count(*) FROM seen")[0] <= 12  # type: ignore[attr-defined]
    file.close()


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30)), max_size=30))
def test_log_ledger_ttl_is_that_of_a_dict(calls: list[tuple[int, int]]) -> None:
    ledger, known = Ledger(ttl="5s"), {}
    for key, seconds in sorted(calls, key=lambda call: call[1]):
        now = seconds * SECOND
        new = known.get(key, -1) <= now
        if new:
            known[key] = now + 5 * SECOND
        assert ledger.add(key, now) is new
        ledger._check()


def test_log_ledger_of_many_threads_tells_one_that_a_key_is_new(make: Make) -> None:
    ledger = make()
    told: list[str] = []

    def ask() -> None:
        for n in range(60):
            if ledger.add(f"key{n}"):
                told.append(f"key{n}")

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == sorted(f"key{n}" for n in range(60))
    ledger._check()


def test_log_ledger_law_persist_before_emit(tmp_path: Path) -> None:
    """Whoever is told about a key, new or seen, is told when another connection can see it."""
    with Ledger(tmp_path / "seen.db") as ledger:
        readers = ledger._entries._readers  # type: ignore[attr-defined]
        for n in range(20):
            assert ledger.add(n)
            assert readers.one("SELECT count(*) FROM seen")[0] == n + 1


def test_log_ledger_on_a_file_remembers(tmp_path: Path) -> None:
    path = tmp_path / "seen.db"
    with Ledger(path, ttl="1h") as ledger:
        assert ledger.add("a", now=0)
    with Ledger(path, ttl="1h") as ledger:
        assert ledger.seen("a", now=5)
        assert ledger.add("b", now=5)
    ledger.close()
    with pytest.raises(StoreError, match="closed"):
        ledger.add("c", now=5)


@pytest.mark.parametrize(("ttl", "said"), [("0s", "ttl"), ("soon", "ttl"), (5, "ttl")])
def test_log_ledger_refuses_nonsense(ttl: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        Ledger(ttl=ttl)


def test_log_ledger_refuses_the_file_of_a_log(tmp_path: Path) -> None:
    SQLiteLog(tmp_path / "a.db").close()
    with pytest.raises(NotAStore):
        Ledger(tmp_path / "a.db")


# ---------------------------------------------------------------------------------- several of one process (X3)


def test_X3_a_ledger_that_is_opened_again_is_shared(tmp_path: Path) -> None:
    """A cell that is run again, another name of the file, a ledger that is garbage: one file, one answer."""
    path = tmp_path / "seen.db"
    first = Ledger(path)
    assert first.add("a")
    (tmp_path / "link.db").symlink_to(path)
    second = Ledger(f"sqlite:///{tmp_path}/link.db", ttl="1h")
    assert second.seen("a") and second.add("b") and first.seen("b")
    first.close()
    first.close()
    with pytest.raises(StoreError, match="closed"):
        first.add("c")
    assert second.add("c"), "it is closed when the last one is"
    for _ in range(3):
        second = Ledger(path)
    assert second.seen("c")
    second.close()
    assert in_child(lambda tell: tell(str(Ledger(path).seen("c")))) == (["True"], 0)


def test_X3_a_ledger_of_another_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "seen.db"

    def refused(tell: Callable[[str], None]) -> None:
        try:
            Ledger(path)
        except StoreInUse as error:
            tell(str(error))

    with Ledger(path):
        (said,), code = in_child(refused)
        assert code == 0 and f"a ledger of process {os.getpid()} on" in said and "or use another file" in said


def test_X3_a_ledger_whose_entries_failed_or_lost_their_file_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "seen.db"
    first = Ledger(path)
    assert first.add("a")
    path.unlink()
    with Ledger(path) as second:
        assert second.add("a")
        second._entries._group.fail(OSError("no space left"))  # type: ignore[attr-defined]
        with Ledger(path) as third:
            assert third.seen("a") and third.add("b")
    with pytest.raises(StoreError):
        first.add("b")


def test_X3_ledgers_that_come_and_go_on_many_threads(tmp_path: Path) -> None:
    path, told = tmp_path / "seen.db", list[int]()

    def ask() -> None:
        for n in range(30):
            with Ledger(path) as ledger:
                if ledger.add(n):
                    told.append(n)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told) == list(range(30))
