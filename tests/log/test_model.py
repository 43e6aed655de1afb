"""Both stores against lists and dicts: whatever is pushed, noted, committed, released, reopened, asked for."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reactive_dag.log.codec import SEGMENT_RECORDS
from reactive_dag.log.history import RunRow
from reactive_dag.log.memory import MemoryLog
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import StoreError
from reactive_dag.model.records import AnyRecord, Published
from reactive_dag.model.times import NEVER
from tests.support.log_kit import T0, mixed, published
from tests.support.profiles import examples

NAMES = st.sampled_from(["a", "b", "c"])


class Stores(RuleBasedStateMachine):
    """What is committed survives a crash of the SQLite log; what is not is as if it had never been."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.sqlite = SQLiteLog(self.directory / "log.db")
        self.memory = MemoryLog()
        self.records: list[AnyRecord] = []
        self.keys: dict[tuple[str, str], int] = {}
        self.runs: dict[int, RunRow] = {}
        self.texts: dict[str, str] = {}
        self.kept = (0, {}, {}, {})  # type: ignore[var-annotated]

    @property
    def logs(self) -> tuple[SQLiteLog | MemoryLog, ...]:
        return (self.sqlite, self.memory)

    def teardown(self) -> None:
        self.sqlite.close()
        shutil.rmtree(self.directory)

    @rule(count=st.sampled_from([0, 1, 3, SEGMENT_RECORDS, 2 * SEGMENT_RECORDS + 5]))
    def push_many(self, count: int) -> None:
        more = mixed(count, len(self.records))
        for log in self.logs:
            with log.lock:
                assert log.push_many(more) == len(self.records)
        self.records += more

    @rule(dataset=NAMES, partitions=st.lists(st.sampled_from(["eu", "us", "ä|2026-11-23", ""]), max_size=5))
    def publish_partitions(self, dataset: str, partitions: list[str]) -> None:
        more = [published(len(self.records) + n, dataset, partition=each) for n, each in enumerate(partitions)]
        for log in self.logs:
            with log.lock:
                log.push_many(more)
        self.records += more

    @rule(dataset=NAMES, key=NAMES)
    def publish(self, dataset: str, key: str) -> None:
        offset = len(self.records)
        record = published(offset, dataset, key=key)
        for log in self.logs:
            with log.lock:
                assert log.push(record) == offset
                if log.find(dataset, key) is None:
                    log.note_key(dataset, key, offset)
        self.records.append(record)
        self.keys.setdefault((dataset, key), offset)

    @rule(run=st.integers(0, 9), dag=NAMES, state=st.sampled_from(["success", "failed"]), date=st.none() | st.just(T0))
    def end_run(self, run: int, dag: str, state: str, date: int | None) -> None:
        # A run keeps its DAG and date in every round.
        before = self.runs.get(run)
        row = RunRow(
            run, before.dag if before else dag, state, f"key{run}", "", before.logical_date if before else date
        )
        for log in self.logs:
            with log.lock:
                log.note_run(row)
        self.runs[run] = row

    @rule(name=NAMES, text=st.text(max_size=3))
    def set_text(self, name: str, text: str) -> None:
        for log in self.logs:
            with log.lock:
                log.set_meta(name, text)
        self.texts[name] = text

    @rule()
    def commit(self) -> None:
        for log in self.logs:
            assert log.commit() == len(self.records)
        self.kept = (len(self.records), dict(self.keys), dict(self.runs), dict(self.texts))

    @precondition(lambda self: self.records)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        upto = data.draw(st.integers(0, len(self.records)))
        for log in self.logs:
            log.release(upto)

    @rule()
    def reopen(self) -> None:
        self.commit()
        self.sqlite.close()
        self.sqlite = SQLiteLog(self.directory / "log.db")

    @rule()
    def crash(self) -> None:
        """What was not committed is gone; the memory log, which cannot crash and go on, is made anew."""
        self.sqlite._group.fail(StoreError("crashed"))
        self.sqlite.close()
        self.sqlite = SQLiteLog(self.directory / "log.db")
        count, self.keys, self.runs, self.texts = self.kept[0], *(dict(kept) for kept in self.kept[1:])
        self.records = self.records[:count]
        self.memory = MemoryLog()
        with self.memory.lock:
            self.memory.push_many(self.records)
            for (dataset, key), offset in self.keys.items():
                self.memory.note_key(dataset, key, offset)
            for row in self.runs.values():
                self.memory.note_run(row)
            for name, text in self.texts.items():
                self.memory.set_meta(name, text)
        self.memory.commit()

    @rule(start=st.integers(0, 1500), count=st.integers(0, 700))
    def read(self, start: int, count: int) -> None:
        for log in self.logs:
            assert log.read(start, start + count) == self.records[start : start + count]
            pieces = [record for _, piece in log.segments_from(start) for record in piece]
            assert pieces == self.records[start:]

    @rule(
        dataset=st.sampled_from(["a", "b", "s3://lake/ds4"]),
        limit=st.none() | st.integers(0, 5),
        top=st.integers(0, 999),
    )
    def events(self, dataset: str, limit: int | None, top: int) -> None:
        every = list(enumerate(self.records))[:top][::-1]
        found = [(n, r) for n, r in every if isinstance(r, Published) and r.dataset == dataset][:limit]
        for log in self.logs:
            assert log.events(dataset, limit=limit, before=top) == found

    @rule(dataset=st.sampled_from(["a", "b", "s3://lake/ds4", "nobody"]))
    def partitions(self, dataset: str) -> None:
        events = [(n, r) for n, r in enumerate(self.records) if isinstance(r, Published) and r.dataset == dataset]
        found = {event.partition: offset for offset, event in events if event.partition is not None}
        for log in self.logs:
            assert list(log.partitions(dataset).items()) == sorted(found.items())
            for partition in ("eu", "us", "2026-11-22", "nowhere"):
                assert log.newest_event(dataset, partition) == found.get(partition)

    @rule(
        dag=st.none() | NAMES,
        state=st.none() | st.just("failed"),
        date=st.none() | st.just(T0),
        limit=st.integers(0, 4),
    )
    def history(self, dag: str | None, state: str | None, date: int | None, limit: int) -> None:
        rows = sorted(self.runs.values(), key=lambda row: -row.run)
        found = [
            row
            for row in rows
            if dag in (None, row.dag) and state in (None, row.state) and date in (None, row.logical_date)
        ]
        for log in self.logs:
            assert log.runs(dag=dag, state=state, logical_date=date, limit=limit) == found[:limit]
            if dag is not None:
                dates = [row.logical_date for row in rows if row.dag == dag and row.logical_date is not None]
                assert log.latest_date(dag, T0) == max(dates, default=None)

    @invariant()
    def agrees(self) -> None:
        for log in self.logs:
            log._check()
            assert log.next_offset == len(self.records)
            assert log.last_at == max((record.at for record in self.records), default=-NEVER)
            assert log.committed >= self.kept[0]
            for name in ("a", "b", "c"):
                assert log.meta(name) == self.texts.get(name)
                assert [log.find(name, key) for key in "abc"] == [self.keys.get((name, key)) for key in "abc"]
            assert [log.run(run) for run in range(10)] == [self.runs.get(run) for run in range(10)]


TestStores = Stores.TestCase
TestStores.settings = settings(max_examples=examples(25), stateful_step_count=30, deadline=None)
