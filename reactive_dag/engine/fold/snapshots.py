"""Snapshots of the core's state, and recovery: the newest snapshot, then the log's tail (law `replay_equals_live`).

Invariant: restoring a snapshot and replaying the records behind it gives the state that replaying everything gives.
Costs O(triggers + live and queued runs + pending items) each way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.collector import calm_collector
from reactive_dag.model.errors import StoreTooNew
from reactive_dag.model.records import Registered, RunStarted, TaskFinished, TaskRetry, TaskStarted
from reactive_dag.triggers.firing import Firing
from reactive_dag.triggers.machine.pack import pack, unpack

if TYPE_CHECKING:
    from reactive_dag.engine.fold.fold import Fold

FORMAT = 1


class RunPlain(msgspec.Struct, array_like=True):
    """A live run, as a snapshot holds it: tasks by id, since the plan may have changed when it is read."""

    started: RunStarted
    cancelled: bool
    tasks: dict[str, tuple[str | None, int, int, int, int, int | None, TaskFinished | None, list[Any], bool]]


class ActiveTriggerPlain(msgspec.Struct, array_like=True):
    """A trigger at work. `backlog`: leaf parts and facts that wait for the definition that replaces it.

    `definition`: its own, where the newest that was applied is another one, which an even newer one has overtaken.
    """

    dag: str
    label: str
    number: int
    definition: Registered | None
    circuit: Any
    held: list[Any]
    redefined: dict[str, int]
    stale_from: int | None
    backlog: list[tuple[int, int]]


class Plain(msgspec.Struct, array_like=True):
    """All state of a core."""

    format: int
    cursor: int
    registered: list[Registered]
    numbers: list[tuple[str, str, int]]
    triggers: list[ActiveTriggerPlain]
    paused: list[str]
    queued: dict[str, list[int]]
    active: dict[str, int]
    live: list[RunPlain]
    retries: list[TaskRetry]
    watches: list[tuple[TaskStarted, list[int] | None]]
    counted: dict[str, int]
    starts: dict[str, int]
    stopping: dict[int, str | None]


_DECODER = msgspec.msgpack.Decoder(Plain)


def save(core: Fold) -> bytes:
    """The state of a core as bytes, at a turn's end (nothing undecided is lost: the log holds it)."""
    return msgspec.msgpack.encode(plain(core))


def plain(core: Fold) -> Plain:
    """The state of a core as plain data."""
    runs, definitions = core.runs, core.definitions
    queued, active = _queues(core)
    return Plain(
        FORMAT, core.cursor, list(definitions.known.values()),
        [(dag, label, number) for (dag, label), number in definitions.numbers.items()],
        [_active(core, active) for active in core.router.triggers.values()],
        sorted(runs.paused), queued, active,
        [_run(core, run) for run in runs.live.values()] + [RunPlain(run, False, {}) for run in runs.orphans.values()],
        list(runs.flow.retries.values()),
        [(watch.record, sorted(watch.ended) if watch.ended is not None else None)
         for watches in core.waits.watches.values() for watch in watches.values()],
        {name: source.next for name, source in core.publishing.states.items()} | {
            name: n for name, n in core.publishing.counted.items() if name not in core.publishing.states},
        dict(core.starting.numbers), dict(runs.stopping),
    )  # fmt: skip


def _active(core: Fold, active: ActiveTrigger) -> ActiveTriggerPlain:
    known = core.definitions.known.get(active.name)
    definition = None if known is not None and known.digest == active.digest else active.record
    held = [[pack(f.items), f.payload, f.mapped, pack(f.key), list(f.parts)] for f in active.held]
    places = {id(leaf.trigger): leaf.index for leaf in active.circuit.leaves}
    backlog = [(places[id(leaf)], item) for leaf, item in active.backlog if isinstance(item, int)]
    return ActiveTriggerPlain(
        active.dag, active.label, active.number, definition, active.circuit.snapshot(), held, active.redefined,
        active.stale_from, backlog,
    )  # fmt: skip


def _queues(core: Fold) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Queues and counts as if what began, but is not applied yet, still waited."""
    queued = {dag: list(queue) for dag, queue in core.runs.queued.items() if queue}
    active = {dag: count for dag, count in core.runs.active.items() if count}
    for offset in sorted(core.runs.begun, reverse=True):
        dag = core.runs.request(offset).dag
        queued.setdefault(dag, []).insert(0, offset)
        active[dag] -= 1
    return queued, active


def _run(core: Fold, run: RunState) -> RunPlain:
    tasks = {}
    startable = core.runs.flow.startable
    for index, id in enumerate(run.plan.ids):
        tasks[id] = (
            run.states[index], run.asked[index], run.attempt[index], run.lost[index], run.fails[index],
            run.open.get(index), run.results[index], run.attempts.get(index, []), (run.run, index) in startable,
        )  # fmt: skip
    return RunPlain(run.started, run.cancelled, tasks)


def recover(core: Fold) -> None:
    """Bring a fresh core to the state of its log. O(snapshot + tail)."""
    with calm_collector():
        found = core.log.load_snapshot()
        start = 0
        if found is not None:
            start = restored(core, found[1])
        core.replay(start, core.log.segments_from(start))


def restored(core: Fold, blob: bytes) -> int:
    """Bring a fresh core to the state that `save` wrote; the offset from which the log goes on. O(size)."""
    state = _DECODER.decode(blob)
    if state.format > FORMAT:
        raise StoreTooNew(f"the snapshot has format {state.format}; this version of reactive_dag reads up to {FORMAT}")
    core.cursor = state.cursor
    with core.outbox.replay():
        _restore_triggers(core, state)
        _restore_runs(core, state)
    return state.cursor


def _restore_triggers(core: Fold, state: Plain) -> None:
    definitions = core.definitions
    definitions.numbers = {(dag, label): number for dag, label, number in state.numbers}
    for record in state.registered:
        name = record.dag, record.label
        definitions.known[name] = record
        definitions.latest[name] = -1, record
    for kept in state.triggers:
        active = definitions.activated(kept.definition or definitions.known[kept.dag, kept.label])
        _refill(active, kept)
        core.router.add(active)
        core.router.schedule(active)


def _refill(active: ActiveTrigger, kept: ActiveTriggerPlain) -> None:
    active.circuit.restore(kept.circuit)
    active.number, active.redefined, active.stale_from = kept.number, kept.redefined, kept.stale_from
    active.backlog = [(active.circuit.leaves[part].trigger, item) for part, item in kept.backlog]
    active.held = [
        Firing(unpack(items), payload, mapped, unpack(key), parts) for items, payload, mapped, key, parts in kept.held
    ]


def _restore_runs(core: Fold, state: Plain) -> None:
    runs = core.runs
    runs.paused.update(state.paused)
    runs.gone = {dag for dag, _, _ in state.numbers} - {record.dag for record in state.registered}
    runs.active = dict(state.active)
    core.starting.numbers = dict(state.starts)
    runs.stopping = dict(state.stopping)
    core.publishing.counted = dict(state.counted)
    for dag, offsets in state.queued.items():
        runs.queue_of(dag).extend(offsets)
    for kept in state.live:
        _restore_run(core, kept)
    for retry in state.retries:
        runs.flow.task_retry(retry)
    for record, ended in state.watches:
        _restore_watch(core, record, ended)
    for run in runs.live.values():
        _resume(core, run)


def _restore_watch(core: Fold, record: TaskStarted, ended: list[int] | None) -> None:
    run = core.runs.live.get(record.run)
    index = -1 if run is None else run.plan.index.get(record.task, -1)
    if run is not None and index >= 0 and run.tasks[index].wait is not None:
        core.waits.keep(run, index, record).ended = None if ended is None else set(ended)


def _restore_run(core: Fold, kept: RunPlain) -> None:
    begun = kept.started
    dag = core.runs.dag_of(begun.dag)
    if dag is None:
        core.runs.orphans[begun.run] = begun
        return
    run = core.runs.state_of(begun, core.runs.request(begun.run), dag)
    run.cancelled = kept.cancelled
    core.runs.live[begun.run] = run
    core.by_date.add(begun.dag, begun.run, begun.logical_date, begun.cascade)
    for id, (state, asked, attempt, lost, fails, opened, result, attempts, startable) in kept.tasks.items():
        index = run.plan.index.get(id)
        if index is None:
            continue
        run.asked[index], run.attempt[index] = asked, attempt
        if lost or fails:
            core.runs.flow.losses = True
            run.note_lost(index, lost)
            run.note_fails(index, fails)
        if result is not None:
            run.settle(index, result.state, result)
        run.states[index] = state
        if opened is not None:
            run.open[index] = opened
        if attempts:
            run.attempts[index] = [tuple(one) for one in attempts]
        if startable:
            core.runs.flow.offer(run, index)


def _resume(core: Fold, run: RunState) -> None:
    """What waited for its past does so again; an open attempt's timeout counts from its start."""
    flow = core.runs.flow
    for index, task in enumerate(run.tasks):
        if index in run.open:
            if task.kind != "wait":
                flow.watch_timeout(run, index)
        elif not run.asked[index] and not run.final(index):
            flow.consider(run, index)
