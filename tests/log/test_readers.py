"""The cache of decoded segments: bounded, and never wrong."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.log.sqlite.files import connect
from reactive_dag.log.sqlite.readers import KEPT_OPEN, Readers, SegmentCache
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import StoreError
from tests.support.log_kit import mixed, pushed

pytest_plugins = ["tests.support.log_fixtures"]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=80))
def test_log_cache_is_a_dict_that_forgets_the_least_recently_used(calls: list[tuple[bool, int]]) -> None:
    cache: SegmentCache = SegmentCache(limit=30)
    kept: OrderedDict[int, list[int]] = OrderedDict()
    for put, offset in calls:
        first = offset // 10 * 10
        if put:
            cache.put(first, list(range(first, first + 7)), 10)  # type: ignore[arg-type]
            kept.setdefault(first, list(range(first, first + 7)))
            while len(kept) > 3:
                kept.popitem(last=False)
        else:
            there = first in kept and offset < first + 7
            assert cache.get(offset) == ((first, kept[first]) if there else None)
            if there:
                kept.move_to_end(first)
        cache._check()


def test_law_bounded_state_of_the_segment_cache(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(5000))
    with SQLiteLog(store_path) as log:
        log._segments._cache._limit = 20_000
        for offset in range(0, 5000, 17):
            log.record(offset)
        assert log._segments._cache._size <= 20_000
        log._check()


def test_log_a_segment_larger_than_the_cache_is_read_all_the_same() -> None:
    cache = SegmentCache(limit=5)
    for first in (0, 10):
        cache.put(first, mixed(3), 100)
        assert cache.get(first + 1) == (first, mixed(3))
        cache._check()
    assert cache.get(1) is None


def test_law_bounded_state_of_the_connections(store_path: Path) -> None:
    """As many connections as read at once; few stay."""
    SQLiteLog(store_path).close()
    readers = Readers(store_path)
    taken = [readers._take() for _ in range(2 * KEPT_OPEN)]
    for db in taken:
        readers._put(db)
    assert len(readers._free) == KEPT_OPEN
    readers.close()
    with pytest.raises(StoreError, match="is closed"):
        readers.one("SELECT 1")


def test_log_a_connection_in_use_at_the_closing_is_closed_when_it_comes_back(store_path: Path) -> None:
    SQLiteLog(store_path).close()
    readers = Readers(store_path)
    db = readers._take()
    readers.close()
    readers._put(db)
    assert not readers._free


def test_log_many_threads_read_while_one_writes(store_path: Path) -> None:
    failed: list[BaseException] = []
    with SQLiteLog(store_path) as log:
        pushed(log, *mixed(1000))
        done = threading.Event()

        def read() -> None:
            try:
                while not done.is_set():
                    assert log.read(100, 900) == mixed(800, 100)
                    assert log.runs(dag="nobody") == [] and log.find("a", "b") is None
                    assert len(log.events("s3://lake/ds4", limit=5)) == 5
            except BaseException as error:
                failed.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for start in range(1000, 6000, 500):
            pushed(log, *mixed(500, start))
            log.release(start)
        done.set()
        for thread in threads:
            thread.join()
    assert not failed, failed[0]


def test_log_connections_sync_fully(store_path: Path) -> None:
    SQLiteLog(store_path).close()
    db = connect(store_path)
    assert db.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()
