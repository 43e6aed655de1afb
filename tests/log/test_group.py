"""Group commit: leaders and followers, a committer that comes and goes, writes that fail, Ctrl-C."""

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
from tests.support.log_kit import mixed, published, push

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


class Waiters:
    """Threads that wait for offsets, and what became of each."""

    def __init__(self, group: GroupCommit) -> None:
        self.group = group
        self.outcomes: dict[int, object] = {}
        self.threads: list[threading.Thread] = []

    def wait(self, *offsets: int) -> None:
        for offset in offsets:
            thread = threading.Thread(target=self._wait, args=(offset,))
            thread.start()
            self.threads.append(thread)

    def _wait(self, offset: int) -> None:
        try:
            self.outcomes[offset] = self.group.wait(offset)
        except StoreError as error:
            self.outcomes[offset] = error

    def queued(self, count: int) -> None:
        """Return once this many threads stand behind the leader."""
        while len(self.group._waiters) < count:
            os.sched_yield()  # gives the others their turn; no time has to pass

    def join(self) -> None:
        for thread in self.threads:
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_log_one_sync_serves_all_who_came_meanwhile() -> None:
    gated = Gated(pushed=1)
    waiters = Waiters(gated.group)
    waiters.wait(0)
    assert gated.entered.acquire(timeout=30)
    waiters.wait(*range(1, 20))
    waiters.queued(19)
    gated.pushed = 20
    gated.go.release(2)
    waiters.join()
    assert gated.flushes == [1, 20], "the first leader, and one for all the others"
    assert set(waiters.outcomes.values()) == {True}
    gated.group._check()


def test_log_waiters_leave_the_commit_to_the_committer() -> None:
    gated = Gated(pushed=3)
    gated.group.set_committer(True)
    waiters = Waiters(gated.group)
    waiters.wait(0, 1, 2)
    waiters.queued(3)
    assert not gated.flushes
    gated.go.release()
    assert gated.group.commit() == 3
    waiters.join()
    assert gated.flushes == [3]


def test_log_the_committer_may_wait_for_its_own_commit() -> None:
    gated = Gated(pushed=3)
    gated.group.set_committer(True)
    gated.go.release()
    assert gated.group.wait(2)


def test_log_a_committer_that_leaves_wakes_one_who_commits() -> None:
    gated = Gated(pushed=3)
    gated.group.set_committer(True)
    waiters = Waiters(gated.group)
    waiters.wait(0, 1, 2)
    waiters.queued(3)
    gated.go.release(3)
    gated.group.set_committer(False)
    waiters.join()
    assert gated.flushes == [3]


def test_log_a_committer_that_dies_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_module, "PATIENCE", 0.01)
    gated = Gated(pushed=2)
    drainer = threading.Thread(target=lambda: gated.group.set_committer(True))
    drainer.start()
    drainer.join()
    gated.go.release(3)
    waiters = Waiters(gated.group)
    waiters.wait(0, 1)
    waiters.join()
    assert set(waiters.outcomes.values()) == {True}


def test_log_wait_gives_up_after_its_timeout() -> None:
    gated = Gated(pushed=1)
    drainer = threading.Event()
    thread = threading.Thread(target=lambda: (gated.group.set_committer(True), drainer.wait(30)))
    thread.start()
    while gated.group._committer is None:
        os.sched_yield()
    assert gated.group.wait(0, timeout=0.0) is False
    assert gated.group.wait(0, timeout=0.01) is False
    gated.group._check()
    gated.go.release()
    assert gated.group.commit() == 1
    assert gated.group.wait(0, timeout=0.0) is True
    drainer.set()
    thread.join()


def test_log_commits_one_after_the_other() -> None:
    gated = Gated(pushed=5)
    threads = [threading.Thread(target=gated.group.commit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert gated.entered.acquire(timeout=30)
        assert not gated.entered.acquire(blocking=False), "only one is in there"
        gated.go.release()
    for thread in threads:
        thread.join(timeout=30)
    assert gated.flushes == [5] * 4


def test_log_a_failed_flush_tells_everybody() -> None:
    def flush() -> int:
        assert threading.current_thread() is threading.main_thread()
        waiters.queued(2)
        raise OSError("no space left on device")

    group = GroupCommit(lambda: 3, flush, lambda: 0)
    waiters = Waiters(group)
    group.set_committer(True)
    waiters.wait(1, 2)
    told: list[str] = []
    group.call(0, lambda: told.append("told"))
    with pytest.raises(StoreError, match="takes nothing more: no space left on device") as caught:
        group.commit()
    assert isinstance(caught.value.__cause__, OSError)
    waiters.join()
    assert all(isinstance(outcome, StoreError) for outcome in waiters.outcomes.values())
    assert told == ["told"]
    with pytest.raises(StoreError):
        group.wait(5)
    group._check()


# ------------------------------------------------------------------------------------------- on the SQLite log


class Failing(SQLiteLog):
    """Raises `fault` at the next sync, or right after it."""

    fault: BaseException | None = None
    after = False

    def _sync(self) -> None:
        fault, self.fault = self.fault, None
        if self.after or fault is None:
            super()._sync()
        if fault is not None:
            raise fault


def test_log_a_failed_write_poisons_the_log_and_leaves_the_store_as_it_was(store_path: Path) -> None:
    with Failing(store_path) as log:
        log.wait(push(log, *mixed(5)))
        log.fault = sqlite3.OperationalError("disk I/O error")
        offset = push(log, Tick(10**19 // 10))
        with log.lock:
            log.note_key("a", "b", offset)
        with pytest.raises(StoreError, match=r"takes nothing more: .*disk I/O error"):
            log.wait(offset)
        for later in (lambda: push(log, Tick(1)), lambda: log.wait(offset), log.commit):
            with pytest.raises(StoreError, match="disk I/O error"):
                later()
        assert log.committed == 5
        assert log.read(0, 5) == mixed(5), "what is committed can still be read"
    with SQLiteLog(store_path) as log:
        assert (log.next_offset, log.find("a", "b")) == (5, None)


def test_log_a_record_that_cannot_be_encoded_is_fatal_and_writes_nothing(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        push(log, published(0), published(1, extra={"big": 2**70}))
        with pytest.raises(StoreError, match="takes nothing more"):
            log.commit()
    with SQLiteLog(store_path) as log:
        assert log.next_offset == 0


@pytest.mark.parametrize("after", [False, True])
def test_log_an_interrupt_while_committing_loses_nothing_and_doubles_nothing(store_path: Path, after: bool) -> None:
    with Failing(store_path) as log:
        log.after, log.fault = after, KeyboardInterrupt()
        with log.lock:
            log.note_key("a", "b", log.push_many(mixed(600)))
            log.set_meta("name", "text")
        with pytest.raises(KeyboardInterrupt):
            log.wait(0)
        log._check()
        assert log.committed == (600 if after else 0)
        assert (log.find("a", "b"), log.meta("name")) == (0, "text")
        log.wait(push(log, *mixed(100, 600)))
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
            offset = log.push(Tick(1))
            with pytest.raises(UsageError, match="lock held"):
                log.commit()
            with pytest.raises(UsageError, match="lock held"):
                log.wait(offset)
        assert log.wait(offset)


def test_I6_a_commit_leaves_no_gap(store_path: Path) -> None:
    """After every sync the store holds the records from 0 to `committed`, each once; keys and rows only with theirs."""
    stops: list[int] = []

    class Watched(SQLiteLog):
        def _sync(self) -> None:
            super()._sync()
            other.refresh()
            assert list(other.segments_from(0))[-1][0] + len(list(other.segments_from(0))[-1][1]) == other.next_offset
            assert other.next_offset >= self.committed
            for n in range(other.next_offset):
                assert other.find("n", str(n)) == n
            assert other.find("n", str(other.next_offset)) is None
            stops.append(other.next_offset)

    with SQLiteLog(store_path) as log:
        log.wait(push(log, Tick(0)))
        with log.lock:
            log.note_key("n", "0", 0)
    with Watched(store_path) as log, SQLiteLog(store_path, read_only=True) as other:

        def publish(thread: int) -> None:
            for n in range(25):
                with log.lock:
                    offset = log.push(published(n, f"ds{thread}"))
                    log.note_key("n", str(offset), offset)
                log.wait(offset)

        threads = [threading.Thread(target=publish, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert stops == sorted(stops) and stops[-1] == 101
