"""Group commit: a leader and those who ride along, writes that fail, Ctrl-C."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from reactive_dag.log import group as group_module
from reactive_dag.log.group import GroupCommit
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import StoreError, UsageError
from reactive_dag.model.records import Tick
from tests.support.log_kit import mixed, published, push, pushed

pytest_plugins = ["tests.support.log_fixtures"]


class Gated:
    """A flush that stops in the middle until it is let go, and tells when it is there."""

    def __init__(self, pushed: int = 0) -> None:
        self.pushed = pushed
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.flushes: list[int] = []
        self.group = GroupCommit(lambda: self.pushed, self.flush, lambda: self.group.done)

    def flush(self) -> int:
        taken = self.pushed
        self.entered.release()
        assert self.go.acquire(timeout=30)
        self.flushes.append(taken)
        return taken


class Committers:
    """Threads that commit, and what became of each."""

    def __init__(self, group: GroupCommit) -> None:
        self.group = group
        self.outcomes: list[object] = []
        self.threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        for _ in range(count):
            self.threads.append(threading.Thread(target=self._commit))
            self.threads[-1].start()

    def _commit(self) -> None:
        try:
            self.outcomes.append(self.group.commit())
        except StoreError as error:
            self.outcomes.append(error)

    def queued(self, count: int) -> None:
        """Return once this many threads stand behind the leader."""
        while len(self.group._turns) < count:
            os.sched_yield()  # gives the others their turn; no time has to pass

    def join(self) -> None:
        for thread in self.threads:
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_log_one_sync_serves_all_who_came_meanwhile() -> None:
    gated = Gated(pushed=1)
    committers = Committers(gated.group)
    committers.start(1)
    assert gated.entered.acquire(timeout=30)
    committers.start(19)
    committers.queued(19)
    gated.pushed = 20
    gated.go.release(2)
    committers.join()
    assert gated.flushes == [1, 20], "the first leader, and one for all the others"
    assert committers.outcomes.count(20) >= 19
    gated.group._check()


def test_log_who_comes_during_a_flush_waits_for_the_next() -> None:
    """What was pushed while a flush was under way is in none that has begun."""
    gated = Gated(pushed=5)
    committers = Committers(gated.group)
    committers.start(1)
    assert gated.entered.acquire(timeout=30)
    for _ in range(2):
        committers.start(1)
        committers.queued(1)
        gated.pushed += 1
        gated.go.release()
        assert gated.entered.acquire(timeout=30)
        assert not gated.entered.acquire(blocking=False), "only one is in there"
    gated.go.release()
    committers.join()
    assert gated.flushes == [5, 6, 7]


def test_log_a_lost_wake_up_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C may take a leader just before it wakes its successor."""
    monkeypatch.setattr(group_module, "RECHECK_SECONDS", 0.01)
    monkeypatch.setattr(group_module._Turn, "ring", lambda turn: None)
    gated = Gated(pushed=2)
    committers = Committers(gated.group)
    committers.start(3)
    committers.queued(2)
    gated.go.release(2)
    committers.join()
    assert committers.outcomes == [2] * 3


def test_log_who_is_interrupted_while_waiting_leaves_the_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupting:
        def acquire(self, timeout: float) -> bool:
            raise KeyboardInterrupt

    gated = Gated(pushed=1)
    committers = Committers(gated.group)
    committers.start(1)
    assert gated.entered.acquire(timeout=30)
    turn = group_module._Turn()
    turn.bell = Interrupting()  # type: ignore[assignment]
    monkeypatch.setattr(group_module, "_Turn", lambda: turn)
    with pytest.raises(KeyboardInterrupt):
        gated.group.commit()
    monkeypatch.undo()
    gated.go.release(2)
    committers.join()
    assert gated.group.commit() == 1, "nobody who left was handed the lead"
    gated.group._check()


def test_log_an_interrupted_leader_leaves_the_others_to_its_successor() -> None:
    entered, go = threading.Event(), threading.Event()
    leaders: list[threading.Thread] = []

    def flush() -> int:
        leaders.append(threading.current_thread())
        if len(leaders) == 1:
            entered.set()
            assert go.wait(30)
        if len(leaders) == 2:
            raise KeyboardInterrupt
        return 7

    def interrupted_commit() -> None:
        with pytest.raises(KeyboardInterrupt):
            group.commit()

    group = GroupCommit(lambda: 7, flush, lambda: 0)
    committers = Committers(group)
    committers.start(1)
    assert entered.wait(30)
    interrupted = threading.Thread(target=interrupted_commit)
    interrupted.start()
    committers.queued(1)
    committers.start(3)
    committers.queued(4)
    go.set()
    interrupted.join(30)
    committers.join()
    assert leaders[1] is interrupted
    assert len(leaders) == 3, "one successor wrote for all who rode along"
    assert committers.outcomes == [7] * 4
    group._check()


def test_log_a_failed_flush_tells_everybody() -> None:
    def flush() -> int:
        committers.start(2)
        committers.queued(2)
        raise OSError("no space left on device")

    group = GroupCommit(lambda: 3, flush, lambda: 0)
    committers = Committers(group)
    told: list[str] = []
    group.call(0, lambda: told.append("told"))
    with pytest.raises(StoreError, match="takes nothing more: no space left on device") as caught:
        group.commit()
    assert isinstance(caught.value.__cause__, OSError)
    committers.join()
    assert all(isinstance(outcome, StoreError) for outcome in committers.outcomes)
    assert told == ["told"]
    with pytest.raises(StoreError):
        group.commit()
    group._check()


# ------------------------------------------------------------------------------------------- on the SQLite log


class Failing(SQLiteLog):
    """Raises `raises` at the next sync, or right after it."""

    raises: BaseException | None = None
    after = False

    def _sync(self) -> None:
        fault, self.raises = self.raises, None
        if self.after or fault is None:
            super()._sync()
        if fault is not None:
            raise fault


def test_log_a_failed_write_poisons_the_log_and_leaves_the_store_as_it_was(store_path: Path) -> None:
    with Failing(store_path) as log:
        pushed(log, *mixed(5))
        log.raises = sqlite3.OperationalError("disk I/O error")
        offset = push(log, Tick(10**19 // 10))
        with log.lock:
            log.note_key("a", "b", offset)
        with pytest.raises(StoreError, match=r"takes nothing more: .*disk I/O error"):
            log.commit()
        for later in (lambda: push(log, Tick(1)), log.commit):
            with pytest.raises(StoreError, match="disk I/O error"):
                later()
        assert log.committed == 5
        assert log.read(0, 5) == mixed(5), "what is committed can still be read"
    with SQLiteLog(store_path) as log:
        assert (log.next_offset, log.find("a", "b")) == (5, None)


@pytest.mark.parametrize("after", [False, True])
def test_log_an_interrupt_while_committing_loses_nothing_and_doubles_nothing(store_path: Path, after: bool) -> None:
    with Failing(store_path) as log:
        log.after, log.raises = after, KeyboardInterrupt()
        with log.lock:
            log.note_key("a", "b", log.push_many(mixed(600)))
            log.set_meta("name", "text")
        with pytest.raises(KeyboardInterrupt):
            log.commit()
        log._check()
        assert log.committed == (600 if after else 0)
        assert (log.find("a", "b"), log.meta("name")) == (0, "text")
        pushed(log, *mixed(100, 600))
    with SQLiteLog(store_path) as log:
        assert log.read(0, 1000) == mixed(700)
        assert (log.find("a", "b"), log.meta("name")) == (0, "text")


class Interrupted(SQLiteLog):
    """Is interrupted once before its n-th write."""

    left = -1

    def _write(self, sql: str, params: Sequence[object] = ()) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        super()._write(sql, params)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_log_an_interrupt_before_any_write_leaves_the_log_usable(store_path: Path, at: int) -> None:
    with Interrupted(store_path) as log:
        log.left = at
        with log.lock:
            log.note_key("a", "b", log.push(published(0)))
        with pytest.raises(KeyboardInterrupt):
            log.commit()
        log._check()
        assert log.commit() == 1
    with SQLiteLog(store_path) as log:
        assert (log.read(0, 9), log.find("a", "b")) == ([published(0)], 0)


def test_log_commit_with_the_lock_held_is_a_usage_error(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        with log.lock:
            log.push(Tick(1))
            with pytest.raises(UsageError, match="lock held"):
                log.commit()
        assert log.commit() == 1


def test_I6_a_commit_leaves_no_gap(store_path: Path) -> None:
    """After every sync the store holds the records from 0 to `committed`, each once; keys and rows only with theirs."""
    stops: list[int] = []

    class Watched(SQLiteLog):
        def _sync(self) -> None:
            super()._sync()
            with SQLiteLog(store_path, read_only=True) as other:
                first, records = list(other.segments_from(0))[-1]
                assert first + len(records) == other.next_offset >= self.committed
                for n in range(other.next_offset):
                    assert other.find("n", str(n)) == n
                assert other.find("n", str(other.next_offset)) is None
                stops.append(other.next_offset)

    with SQLiteLog(store_path) as log:
        pushed(log, Tick(0))
        with log.lock:
            log.note_key("n", "0", 0)
    with Watched(store_path) as log:

        def publish(thread: int) -> None:
            for n in range(25):
                with log.lock:
                    offset = log.push(published(n, f"ds{thread}"))
                    log.note_key("n", str(offset), offset)
                log.commit()

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stops == sorted(stops) and stops[-1] == 101
