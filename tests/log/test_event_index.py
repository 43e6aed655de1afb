"""A log in memory is asked for a dataset's newest events, and looks no further than it must."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from reactive_dag.log.event_index import PIECE, EventIndex
from reactive_dag.log.memory import MemoryLog
from reactive_dag.model.records import AnyRecord, Published, Tick
from tests.support.log_kit import T0, published, pushed

STEP = st.one_of(
    st.lists(st.sampled_from(["a", "b", ""]), max_size=12),
    st.tuples(st.sampled_from("abc"), st.none() | st.integers(0, 5), st.none() | st.integers(0, 60)),
)


@given(st.lists(STEP, max_size=20))
def test_log_events_are_those_of_a_scan(steps: list) -> None:
    log = MemoryLog()
    for step in steps:
        if isinstance(step, list):
            start = log.next_offset
            pushed(log, *[published(start + n, name) if name else Tick(T0 + start + n) for n, name in enumerate(step)])
            continue
        source, limit, before = step
        records = enumerate(log.read(0, log.next_offset))
        scan = [(at, record) for at, record in records if isinstance(record, Published) and record.dataset == source]
        wanted = [found for found in reversed(scan) if before is None or found[0] < before][:limit]
        assert log.events(source, limit, before) == wanted
        log._check()


class Counted(Sequence):
    """Records that count how many of them were looked at."""

    def __init__(self, records: list[AnyRecord]) -> None:
        self.records, self.looks = records, 0

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]
        self.looks += 1
        return self.records[at]


def test_log_the_first_question_looks_at_a_piece_and_later_ones_at_what_is_new() -> None:
    records = Counted([published(n, "rare" if n == 10 else "often") for n in range(5 * PIECE)])
    index = EventIndex()
    top = 5 * PIECE
    assert index.newest("often", records, 10, None) == list(range(top - 1, top - 11, -1))
    assert records.looks == PIECE
    assert index.newest("often", records, 10, top - 100) == list(range(top - 101, top - 111, -1))
    assert records.looks == PIECE
    records.records.append(published(top, "often"))
    assert index.newest("often", records, 1, None) == [top]
    assert records.looks == PIECE + 1
    assert index.newest("rare", records, 1, None) == [10]
    assert index.newest("rare", records, None, None) == [10]
    assert records.looks == 5 * PIECE + 1
