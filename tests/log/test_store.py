"""What every store does, on both: append, read, keys, runs, events, snapshots, texts; I1, I5, and the log's laws."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest

from reactive_dag.log.history import RunQuery, RunRow, TaskRow
from reactive_dag.log.opening import open_log
from reactive_dag.log.protocol import EventLog
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.log.sqlite.views import select_runs
from reactive_dag.model.errors import StoreError, UsageError
from reactive_dag.model.records import Published, Tick
from reactive_dag.model.times import NEVER
from tests.support.log_kit import T0, Box, mixed, published, push, pushed

pytest_plugins = ["tests.support.log_fixtures"]

# ------------------------------------------------------------------------------------------ append and read


def test_log_offsets_begin_at_zero_and_leave_no_gap(event_log: EventLog) -> None:
    assert (event_log.next_offset, event_log.last_at, event_log.committed) == (0, -NEVER, 0)
    assert push(event_log, Tick(5)) == 0
    assert push(event_log, Tick(6), Tick(7)) == 1
    assert push(event_log) == 3
    assert (event_log.next_offset, event_log.last_at, event_log.committed) == (3, 7, 0)
    assert event_log.commit() == 3 == event_log.committed


def test_log_reads_what_was_pushed_before_and_after_the_commit_and_a_restart(log_box: Box) -> None:
    records = mixed(1000)
    push(log_box.log, *records[:300])
    assert log_box.log.read(0, 400) == records[:300]
    log_box.log.commit()
    push(log_box.log, *records[300:])
    assert log_box.log.read(290, 310) == records[290:310]
    again = log_box.again()
    assert again.read(0, 1000) == records == again.read(-5, 5000)
    assert (again.next_offset, again.committed, again.last_at) == (1000, 1000, T0 + 999)
    assert [again.record(offset) for offset in (0, 255, 256, 999)] == [records[n] for n in (0, 255, 256, 999)]
    assert again.read(5, 5) == [] == again.read(1000, 1001) == again.read(7, 3)


@pytest.mark.parametrize("offset", [-1, 3, 10**9])
def test_log_record_names_an_offset_that_is_not_there(log_box: Box, offset: int) -> None:
    pushed(log_box.log, *mixed(3))
    for log in log_box.both():
        with pytest.raises(UsageError, match=f"no record {offset}: it has 0 to 2"):
            log.record(offset)


def test_log_segments_from_gives_everything_once_in_order(log_box: Box) -> None:
    records = mixed(900)
    for start in range(0, 900, 90):
        push(log_box.log, *records[start : start + 90])
        if start % 180 == 0:
            log_box.log.commit()
    for log in log_box.both():
        for start in (0, 1, 89, 90, 600, 899, 900):
            pieces = list(log.segments_from(start))
            assert list(itertools.chain.from_iterable(piece for _, piece in pieces)) == records[start:]
            assert [first for first, _ in pieces] == [
                start + sum(len(piece) for _, piece in pieces[:n]) for n in range(len(pieces))
            ]


def test_log_release_forgets_nothing_that_can_be_asked_for(log_box: Box) -> None:
    records = mixed(6000)
    for start in range(0, 6000, 500):
        push(log_box.log, *records[start : start + 500])
        log_box.log.release(start + 500)  # not committed yet: kept
        log_box.log._check()  # type: ignore[attr-defined]
        if start != 5500:
            log_box.log.commit()
            log_box.log.release(start)
    assert log_box.log.read(0, 6000) == records
    assert [log_box.log.record(n) for n in range(0, 6000, 371)] == records[::371]


def test_log_release_keeps_the_tail_short(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        for start in range(0, 50_000, 500):
            pushed(log, *mixed(500, start))
            log.release(start + 500)
            assert len(log._tail[1]) <= 3000


def test_log_last_at_survives_decisions_of_earlier_instants(log_box: Box) -> None:
    pushed(log_box.log, Tick(10), Tick(50))
    pushed(log_box.log, Tick(20))
    assert log_box.again().last_at == 50


def test_log_of_the_engine_takes_a_log_that_is_open(event_log: EventLog) -> None:
    assert open_log(event_log) is event_log


# ------------------------------------------------------------------------------------------------------ laws


def test_I1_at_is_given_with_the_offset(log_box: Box) -> None:
    """Many threads read one clock and push in the critical section: `at` never goes back along the offsets."""
    log, clock = log_box.log, itertools.count(T0)
    order: dict[int, list[int]] = {}

    def publish(thread: int) -> None:
        for n in range(200):
            with log.lock:
                at = max(next(clock) - (n % 3) * 50, log.last_at)
                offset = log.push(published(n, f"ds{thread}", at=at))
                assert log.last_at == at
            order.setdefault(thread, []).append(offset)
            if n % 50 == 0:
                assert log.commit() > offset

    _threads(publish, 8)
    records = log_box.again().read(0, 1600)
    ats = [record.at for record in records]
    assert ats == sorted(ats)
    assert len(records) == 1600


def test_law_one_order(log_box: Box) -> None:
    """What threads append has one order: pushed, committed, read back and replayed alike, each thread's own kept."""
    log = log_box.log
    mine: dict[int, list[int]] = {thread: [] for thread in range(8)}

    def publish(thread: int) -> None:
        for n in range(100):
            mine[thread].append(offset := push(log, published(n, f"ds{thread}")))
            if n % 7 == thread % 7:
                assert log.commit() > offset

    _threads(publish, 8)
    pushed_order = log.read(0, 800)
    assert sorted(itertools.chain.from_iterable(mine.values())) == list(range(800))
    for thread, offsets in mine.items():
        assert offsets == sorted(offsets)
        assert [(log.record(offset).dataset, log.record(offset).n) for offset in offsets] == [  # type: ignore[union-attr]
            (f"ds{thread}", n) for n in range(100)
        ]
    again = log_box.again()
    assert again.read(0, 800) == pushed_order
    assert [record for _, piece in again.segments_from(0) for record in piece] == pushed_order


def test_law_persist_before_emit(store_path: Path) -> None:
    """`commit` returns only when another connection sees the record, and never while its sync is under way."""
    returned: list[int] = []

    class Watched(SQLiteLog):
        def _sync(self) -> None:
            waiting = self.next_offset
            assert all(offset < self.committed for offset in returned)
            super()._sync()
            assert self.committed < waiting, "nobody is told before the sync is over"

    with Watched(store_path) as log:

        def publish(thread: int) -> None:
            for n in range(40):
                offset = push(log, published(n, f"ds{thread}"))
                assert log.commit() > offset
                returned.append(offset)
                assert log.committed > offset
                with SQLiteLog(store_path, read_only=True) as other:
                    assert other.next_offset > offset

        _threads(publish, 6)
        assert sorted(returned) == list(range(240))


def _threads(work, count: int) -> None:  # type: ignore[no-untyped-def]
    failed: list[BaseException] = []

    def guarded(thread: int) -> None:
        try:
            work(thread)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


# -------------------------------------------------------------------------------------------- commit


def test_log_when_committed_calls_once(event_log: EventLog) -> None:
    told: list[str] = []
    offset = push(event_log, Tick(1), Tick(2))
    event_log.when_committed(offset, lambda: told.append("first"))
    event_log.when_committed(offset + 1, lambda: told.append("second"))
    event_log.when_committed(offset + 2, lambda: told.append("later"))
    assert told == []
    event_log.commit()
    assert told == ["first", "second"]
    event_log.when_committed(offset, lambda: told.append("at once"))
    assert told[-1] == "at once"
    pushed(event_log, Tick(3))
    assert told[-1] == "later"
    event_log.commit()
    assert len(told) == 4


def test_log_takes_nothing_after_it_was_closed(event_log: EventLog) -> None:
    push(event_log, Tick(1))
    event_log.close()
    event_log.close()
    with pytest.raises(StoreError, match="closed"):
        push(event_log, Tick(2))
    with pytest.raises(StoreError, match="closed"), event_log.lock:
        event_log.push(Tick(2))


# ------------------------------------------------------------------------------------------------------ keys


def test_I5_keys_are_found_before_and_after_the_commit(log_box: Box) -> None:
    log = log_box.log
    assert log.find("orders", "a") is None
    with log.lock:
        log.note_key("orders", "a", log.push(published(0)))
        log.note_key("users", "a", log.push(published(1)))
        log.note_key("orders", "", log.push(published(2)))
    for now in log_box.both():
        assert now.find("orders", "a") == 0
        assert now.find("users", "a") == 1, "nothing crosses"
        assert now.find("orders", "") == 2
        assert now.find("orders", "b") is None


def test_I5_keys_are_an_index_and_not_memory(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        log._keys._limit = 10
        for start in range(0, 100, 5):
            with log.lock:
                for n in range(start, start + 5):
                    log.note_key("orders", str(n), log.push(published(n)))
            log.commit()
        assert not log._noted.keys and not log._writing.keys
        assert len(log._keys._new) + len(log._keys._old) <= 20
        assert [log.find("orders", str(n)) for n in range(100)] == list(range(100))


# ------------------------------------------------------------------------------------------------------ runs


def _rows() -> list[RunRow]:
    states = ("success", "failed", "success", "cancelled", "skipped")
    return [
        RunRow(
            n * 3, f"dag{n % 3}", states[n % 5], f"key{n}", "", None if n % 4 == 0 else T0 + n // 6 * 10**9,
            f"2026-11-{n % 28 + 1:02}", f"cascade{n % 2}", 1, T0, T0 + 1, T0 + n, None,
            (TaskRow("load", "success", ((1, T0, T0 + 1, "success", None),), {"rows": [n, None, 1.5, "ü"]}),),
        )
        for n in range(60)
    ]  # fmt: skip


QUERIES = [
    {}, {"dag": "dag1"}, {"dag": "dag1", "state": "success"}, {"state": "failed"}, {"dag": "dag1", "limit": 3},
    {"limit": 7}, {"dag": "dag2", "logical_date": T0 + 2 * 10**9}, {"logical_date": T0 + 2 * 10**9}, {"key": "key17"},
    {"key": "key17", "dag": "dag1"}, {"partition": "2026-11-05"}, {"dag": "dag0", "before": 90},
    {"dag": "dag0", "before": 90, "limit": 2, "state": "success"}, {"dag": "nobody"}, {"limit": 0},
    {"dag": "dag0", "cascade": "cascade0"}, {"dag": "dag1", "cascade": "cascade0", "limit": 1, "before": 100},
    {"dag": "dag1", "partition": "2026-11-05", "limit": 4}, {"state": "success", "before": 50, "limit": 3},
]  # fmt: skip


def _expected(rows: list[RunRow], query: dict[str, object]) -> list[RunRow]:
    asked = {name: value for name, value in query.items() if name not in ("limit", "before")}
    before = query.get("before", 10**9)
    found = [
        row
        for row in sorted(rows, key=lambda row: -row.run)
        if all(getattr(row, name) == value for name, value in asked.items())
        and row.run < before  # type: ignore[operator]
        and ("cascade" not in asked or row.logical_date is None)
    ]
    return found[: query.get("limit")]  # type: ignore[misc]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_log_runs_newest_first(log_box: Box, query: dict[str, object]) -> None:
    rows = _rows()
    for upto in (40, 60):  # the second part is not committed when it is first asked for
        with log_box.log.lock:
            for row in rows[upto - 20 if upto == 60 else 0 : upto]:
                log_box.log.note_run(row)
        assert log_box.log.runs(**query) == _expected(rows[:upto], query)  # type: ignore[arg-type]
        if upto == 40:
            log_box.log.commit()
    assert log_box.again().runs(**query) == _expected(rows, query)  # type: ignore[arg-type]


def test_log_a_later_round_replaces_the_row(log_box: Box) -> None:
    for state, ended in (("failed", T0 + 1), ("success", T0 + 2)):
        with log_box.log.lock:
            log_box.log.note_run(RunRow(7, "dag", state, "key", ended=ended, logical_date=5))
            log_box.log.note_run(RunRow(8, "dag", "failed", "key8", ended=ended, logical_date=5))
        for log in log_box.both():
            assert [row.state for row in log.runs(dag="dag")] == ["failed", state]
            assert [row.run for row in log.runs(state="success")] == ([7] if state == "success" else [])
            assert [row.run for row in log.runs(state="failed", limit=1)] == [8]
            found = log.run(7)
            assert found is not None and (found.state, found.ended) == (state, ended)
    assert log_box.log.run(9) is None


def test_log_latest_date(log_box: Box) -> None:
    for n, committed in ((10, True), (30, True), (20, False), (None, False)):
        with log_box.log.lock:
            log_box.log.note_run(RunRow((n or 0) + 1, "dag", "success", f"k{n}", logical_date=n))
        if committed:
            log_box.log.commit()
    for log in log_box.both():
        assert [log.latest_date("dag", high) for high in (5, 10, 19, 20, 29, 10**18)] == [None, 10, 10, 20, 20, 30]
        assert log.latest_date("other", 100) is None


# ---------------------------------------------------------------------------------------------------- events


def test_log_events_of_a_dataset_newest_first(log_box: Box) -> None:
    records = mixed(1500)
    of = [(n, r) for n, r in enumerate(records) if isinstance(r, Published) and r.dataset == "s3://lake/ds4"][::-1]
    for start in range(0, 1500, 300):
        push(log_box.log, *records[start : start + 300])
        if start < 1200:
            log_box.log.commit()
    for log in log_box.both():
        assert log.events("s3://lake/ds4") == of
        assert log.events("s3://lake/ds4", limit=3) == of[:3]
        for before in (0, 1, 299, 300, 301, 1350, 1500, 9999):
            older = [(offset, event) for offset, event in of if offset < before]
            assert log.events("s3://lake/ds4", before=before) == older
            assert log.events("s3://lake/ds4", limit=2, before=before) == older[:2]
        assert log.events("nobody") == [] == log.events("s3://lake/ds4", limit=0)
        pushed(log)


# --------------------------------------------------------------------------------------- snapshots and texts


def test_log_keeps_the_two_newest_snapshots(log_box: Box) -> None:
    assert log_box.log.load_snapshot() is None
    for upto in (5, 9, 12):
        with log_box.log.lock:
            log_box.log.push_many(mixed(6))
            log_box.log.save_snapshot(upto, b"state %d" % upto)
        assert log_box.log.load_snapshot() == (upto, b"state %d" % upto)
        log_box.log.commit()
    assert log_box.again().load_snapshot() == (12, b"state 12")
    if isinstance(log_box.log, SQLiteLog):
        assert log_box.log._readers.all("SELECT upto FROM snapshots") == [(9,), (12,)]


def test_log_small_texts(log_box: Box) -> None:
    assert log_box.log.meta("graph") is None
    for text in ("sales", "säles"):
        with log_box.log.lock:
            log_box.log.set_meta("graph", text)
        assert log_box.log.meta("graph") == text
        assert log_box.again().meta("graph") == text


def test_log_queries_go_along_an_index(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        for query, index in (
            ({"dag": "a"}, "runs_dag_state"),
            ({"dag": "a", "before": 9}, "runs_dag_state"),
            ({"dag": "a", "state": "failed"}, "runs_dag_state"),
            ({"dag": "a", "partition": "p"}, "runs_dag_partition"),
            ({"dag": "a", "state": "failed", "partition": "p", "before": 9}, "runs_dag_partition"),
            ({"dag": "a", "logical_date": 5, "partition": "p"}, "runs_dag_date"),
            ({"state": "failed"}, "runs_state"),
            ({"key": "k", "dag": "a", "state": "failed"}, "runs_key"),
            ({"dag": "a", "logical_date": 5}, "runs_dag_date"),
            ({"dag": "a", "logical_date": 5, "state": "failed", "before": 9}, "runs_dag_date"),
            ({"dag": "a", "cascade": "c", "before": 9}, "runs_dag_cascade"),
        ):
            sql, params = select_runs(RunQuery(**query), 10)
            plan = " ".join(row[3] for row in log._readers.all(f"EXPLAIN QUERY PLAN {sql}", params))
            assert f"USING INDEX {index}" in plan and "SCAN" not in plan and "TEMP B-TREE" not in plan, (query, plan)
        sql = "SELECT max(logical_date) FROM runs WHERE dag = 'a' AND logical_date <= 5"
        assert "runs_dag_date" in str(log._readers.all(f"EXPLAIN QUERY PLAN {sql}"))


def test_log_hidden_rows_do_not_shorten_a_page(store_path: Path) -> None:
    """Rows that a round not yet committed replaces are passed over, however many there are."""
    with SQLiteLog(store_path) as log:
        for state in ("failed", "success"):
            with log.lock:
                for run in range(20):
                    log.note_run(RunRow(run, "dag", "failed" if run < 5 else state, f"k{run}"))
            if state == "failed":
                log.commit()
        assert [row.run for row in log.runs(dag="dag", state="failed", limit=3)] == [4, 3, 2]
        assert [row.run for row in log.runs(dag="dag", limit=3)] == [19, 18, 17]


def test_log_partitions_of_a_dataset_with_the_newest_event_of_each(log_box: Box) -> None:
    push(log_box.log, published(0, "a", partition="us"), published(1, "a"), published(2, "b", partition="us"))
    assert log_box.log.partitions("a") == {"us": 0}, "what was pushed counts"
    log_box.log.commit()
    push(log_box.log, published(3, "a", partition="eu"), published(4, "a", partition="us", kind="deleted"))
    for log in log_box.both():
        assert list(log.partitions("a").items()) == [("eu", 3), ("us", 4)], "in order of text"
        assert log.partitions("nobody") == {}
        assert [log.newest_event("a", name) for name in ("eu", "us", "asia")] == [3, 4, None]
        assert log.newest_event("b", "us") == 2


def test_log_a_store_opened_to_be_read_has_the_partitions_of_that_instant(store_path: Path) -> None:
    with SQLiteLog(store_path) as log:
        pushed(log, published(0, "a", partition="us"), published(1, "a", partition="eu"))
        reader = SQLiteLog(store_path, read_only=True)
        pushed(log, published(2, "a", partition="us"), published(3, "a", partition="asia"))
        assert log.partitions("a") == {"asia": 3, "eu": 1, "us": 2}
        assert reader.partitions("a") == {"eu": 1, "us": 0}
        assert [reader.newest_event("a", name) for name in ("us", "asia")] == [0, None]
        reader.close()
