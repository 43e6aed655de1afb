"""Snapshots of a fold, and recovery: the newest snapshot, then the log's tail (law `replay_equals_live`).

Each part says what it needs (`snapshot`) and takes it back (`restore`). Invariant: restoring a snapshot and replaying
the records behind it gives the state that replaying everything gives. Costs O(triggers + unfinished runs + pending
items) each way.
"""

from __future__ import annotations

import msgspec

from reactive_dag.engine.deciding.backfills import BackfillSnapshot
from reactive_dag.engine.deciding.deadlines import DeadlinesSnapshot
from reactive_dag.engine.deciding.definitions import DefinitionsSnapshot
from reactive_dag.engine.deciding.downstream import DownstreamSnapshot
from reactive_dag.engine.facts.values import ValuesSnapshot
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.limits.slots import SlotsSnapshot
from reactive_dag.engine.table.table import RunsSnapshot
from reactive_dag.engine.tasks.looks import LookSnapshot
from reactive_dag.model.collector import calm_collector
from reactive_dag.model.errors import StoreTooNew
from reactive_dag.model.records import TaskRetry, TaskStarted

FORMAT = 2


class Snapshot(msgspec.Struct, array_like=True):
    """All state of a fold."""

    format: int
    cursor: int
    definitions: DefinitionsSnapshot
    slots: SlotsSnapshot
    runs: RunsSnapshot
    retries: list[TaskRetry]
    waits: list[tuple[TaskStarted, list[int] | None]]
    looks: list[LookSnapshot]
    published: dict[str, int]
    starts: dict[str, int]
    values: ValuesSnapshot
    downstream: DownstreamSnapshot
    deadlines: DeadlinesSnapshot
    backfills: tuple[int, list[BackfillSnapshot]]


_DECODER = msgspec.msgpack.Decoder(Snapshot)


def save(fold: Fold) -> bytes:
    """The state of a fold as bytes, at a turn's end (nothing undecided is lost: the log holds it)."""
    return msgspec.msgpack.encode(
        Snapshot(
            FORMAT, fold.cursor, fold.definitions.snapshot(), fold.slots.snapshot(), fold.runs.snapshot(),
            fold.runs.flow.snapshot(), fold.waits.snapshot(), fold.waits.looks.snapshot(),
            fold.publishing.snapshot(), fold.starting.numbers,
            fold.values.snapshot(), fold.downstream.snapshot(), fold.deadlines.snapshot(),
            fold.backfills.snapshot(),
        )
    )  # fmt: skip


def recover(fold: Fold) -> None:
    """Bring a fresh fold to the state of its log. O(snapshot + tail)."""
    with calm_collector():
        found = fold.log.load_snapshot()
        start = 0
        if found is not None:
            start = restored(fold, found[1])
        fold.replay(start, fold.log.segments_from(start))


def restored(fold: Fold, blob: bytes) -> int:
    """Bring a fresh fold to the state that `save` wrote; the offset from which the log goes on. O(size)."""
    state = _DECODER.decode(blob)
    if state.format > FORMAT:
        raise StoreTooNew(f"the snapshot has format {state.format}; this version of reactive_dag reads up to {FORMAT}")
    fold.cursor = state.cursor
    with fold.outbox.replay():
        fold.definitions.restore(state.definitions)
        fold.publishing.restore(state.published)
        fold.starting.restore(state.starts)
        fold.values.restore(state.values)
        fold.downstream.restore(state.downstream)
        fold.deadlines.restore(state.deadlines)
        fold.backfills.restore(state.backfills)
        fold.runs.restore(state.runs, state.slots[1])
        fold.slots.restore(state.slots)
        fold.waits.restore(state.waits)
        fold.runs.flow.restore(state.retries)
        fold.waits.looks.restore(state.looks)
    return state.cursor
