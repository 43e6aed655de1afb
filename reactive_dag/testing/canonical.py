"""The state of a core as canonical bytes: what cores that decided the same facts agree on, bit for bit.

Owns the encoding behind the law `replay_equals_live`: definitions, trigger states, ledger, run table, timers, numbers.
Invariant: it holds no offset. Items and runs stand by their identity (I3, I4), instants are those of facts and due
times, and what has no order of its own is sorted. Costs O(records + state): for tests and for comparing two stores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.model.records import Json, OnceDone, Published, RunRequested, StartRequested, ValueSet
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.firing import resolved
from reactive_dag.triggers.machine.pack import pack, pack_firing

if TYPE_CHECKING:
    from reactive_dag.engine.fold.fold import Fold
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.engine.tasks.watches import Watch
    from reactive_dag.log.history import RunRow, TaskRow


def canonical(core: Fold) -> bytes:
    """The state of a core that has applied its whole log, as bytes. O(records + state)."""
    return msgspec.json.encode(described(core), order="deterministic")


def described(core: Fold) -> dict[str, Json]:
    """What `canonical` encodes, as plain data in which a difference can be looked for. O(records + state)."""
    records = core.log.read(0, core.cursor)
    runs = core.runs
    return {
        "definitions": sorted(
            [*name, known.digest, core.definitions.numbers[name], _without_offset(known.options)]
            for name, known in core.definitions.known.items()
        ),
        "triggers": [_trigger(core, active) for _, active in sorted(core.router.triggers.items())],
        "paused": sorted(core.slots.paused),
        "ledger": sorted(_requested(core, record) for record in records if type(record) is RunRequested),
        "ended": sorted((_ended(row) for row in core.log.runs()), key=repr),
        "live": sorted((_live(run) for run in runs.live.values()), key=repr),
        "queued": {dag: [runs.row(run).key for run in queue] for dag, queue in core.slots.queues.items() if queue},
        "active": {dag: count for dag, count in core.statuses.active.items() if count},
        "rounds": sorted(_rounds(core), key=repr),
        "startable": sorted(_task(core, *place) for place in core.slots.startable - core.waits.looks.owed),
        "owed": sorted(_task(core, *place) for place in core.waits.looks.owed),
        "past": sorted([dag, task, *_task(core, *each)] for dag, task, *each in runs.flow.past),
        "waits": sorted(_wait(core, watch) for watch in core.waits.watches),
        "timers": sorted(_timers(core), key=repr),
        "numbers": _numbers(core),
        "starts": {dag: count for dag, count in core.starting.numbers.items() if count},
        "keys": sorted(_keys(core, records)),
        "deadlines": _deadlines(core),
        "backfills": _backfills(core),
        "values": sorted(_values(core), key=repr),
        "once": sorted(
            [record.scope, record.name, record.at, record.expires or 0, record.value]
            for record in records if type(record) is OnceDone
        ),
    }  # fmt: skip


def _rounds(core: Fold) -> list[list[Json]]:
    """The rounds that are asked for, and how far reruns with `downstream` are."""
    rounds, record = core.runs.rounds, core.log.record
    found: list[list[Json]] = [[_key(core, run), "under way", record(at).at] for run, at in rounds.under_way.items()]
    found += [[_key(core, run), "waits", [record(at).at for at in all]] for run, all in rounds.waiting.items()]
    for origin, wave in core.downstream.waves.items():
        states = [[_key(core, run), state] for run, state in wave.runs.items()]
        made = [[_key(core, run), [each[:-1] for each in items]] for run, items in wave.items.items()]
        found.append(["downstream", record(origin).at, sorted(states), sorted(made)])
    return found


def _key(core: Fold, run: int) -> str:
    return core.runs.key_of(core.runs.request(run))


def _without_offset(options: Json) -> dict[str, Json]:
    return {name: value for name, value in (options or {}).items() if name != "since"}


def _trigger(core: Fold, active: ActiveTrigger) -> list[Json]:
    identity = core.identities.identity
    held = [
        [[identity(i) for i in f.items], repr(resolved(f.payload, identity)), pack(f.key), list(f.parts),
         [identity(i) for i in f.riders], f.split, [[part, identity(i)] for part, i in f.pairs],
         pack_firing(f)[8], [identity(i) for i in f.rest]]
        for f in active.held
    ]  # fmt: skip
    waiting = [[repr(leaf), identity(item)] for leaf, item in active.backlog]
    return [
        active.dag, active.label, active.digest, active.number, active.catchup, active.max_catchup,
        active.circuit.canonical(identity), held, active.redefined, active.stale_from is not None, waiting,
    ]  # fmt: skip


def _requested(core: Fold, record: RunRequested) -> list[Json]:
    about = [record.at, record.payload, record.mapped, pack(record.group)]
    if record.rollup is not None:
        about.append([record.rollup.periods, record.rollup.lacking, record.rollup.correction])
    causes = [core.identities.identity(cause) for cause in record.causes]
    return [record.dag, record.label, core.runs.key_of(record), causes, repr(about)]


def _ended(row: RunRow) -> list[Json]:
    fields: list[Json] = msgspec.to_builtins(row)
    earlier = [[*msgspec.to_builtins(then)[:5], [_ended_task(task) for task in then.tasks]] for then in row.earlier]
    return [*fields[1:13], [_ended_task(task) for task in row.tasks], earlier]


def _ended_task(task: TaskRow) -> list[Json]:
    instances = [_ended_task(each) for each in task.instances or ()]
    return [task.task, task.state, task.attempts, task.output, task.error, task.round, instances]


def _live(run: RunState) -> list[Json]:
    begun = run.started
    tasks = [
        [
            task, run.states[index], run.asked[index], run.attempt[index], run.lost[index], run.fails[index],
            run.open.get(index), run.attempts.get(index, []), _result(run, index),
        ]
        for index, task in enumerate(run.plan.ids)
    ]  # fmt: skip
    about = [begun.at, begun.dag, begun.key, begun.logical_date, begun.partition, begun.cascade, begun.round]
    stopped = None if run.stopped is None else [run.stopped.state, run.stopped.replaced_by]
    return [
        *about,
        run.request.at,
        run.request.label,
        run.request.payload,
        stopped,
        run.unfinished,
        tasks,
    ]


def _result(run: RunState, index: int) -> Json:
    done = run.results[index]
    return None if done is None else [done.at, done.state, done.attempt, done.output, done.error]


def _task(core: Fold, run: int, index: int) -> list[Json]:
    live = core.runs.live[run]
    return [live.started.key, live.plan.ids[index]]


def _wait(core: Fold, watch: Watch) -> list[Json]:
    ended = None if watch.ended is None else sorted(core.run_of(run).key for run in watch.ended)
    begun = watch.run.started
    if watch.wait.dataset is not None:
        record, identity = core.log.record, core.identities.fact_identity
        ended = sorted(f"{key} {identity(record(offset))}" for key, offset in watch.events.items())
    looking = core.waits.looks.of_place.get(watch.place)
    looks = None if looking is None else [looking.number, looking.at, looking.seen]
    return [begun.key, watch.wait.id, watch.record.at, repr([watch.record.awaits, watch.several, ended, looks])]


def _timers(core: Fold) -> list[list[Json]]:
    """What will step, and when. A timer that stands for nothing any more is none."""
    found: list[list[Json]] = [
        [active.circuit.due, "trigger", *name]
        for name, active in core.router.triggers.items()
        if active.circuit.due != NEVER
    ]
    found += [
        [retry.due, "retry", *_task(core, run, index), retry.attempt]
        for (run, index), retry in core.runs.flow.retries.of_task.items()
    ]
    for run in core.runs.live.values():
        for index, begun in run.open.items():
            timeout = run.tasks[index].timeout
            if timeout is not None:
                found.append([begun + timeout, "timeout", run.started.key, run.plan.ids[index]])
    for watch in core.waits.watches:
        if watch.wait.timeout is not None:
            found.append([watch.record.at + watch.wait.timeout, "wait", watch.run.started.key, watch.wait.id])
    found += [
        [looking.next, "look", *_task(core, looking.run.run, looking.index), looking.number, looking.at, looking.seen]
        for looking in core.waits.looks
    ]  # fmt: skip
    return found


def _numbers(core: Fold) -> dict[str, int]:
    return {name: number for name, number in core.publishing.counted.items() if number}


def _backfills(core: Fold) -> list[Json]:
    """What is still asked for of past dates."""
    number, kept = core.backfills.snapshot()
    rows = [[core.backfills.number, each.asked, each.on_the_way, len(each.open), each.is_well] for each in kept]
    keys = [[-1 if run < 0 else core.runs.row(run).key for run in each.runs] for each in kept]
    return [number, rows, keys, [[sorted(each.skipped), each.stopping, each.is_cancelled] for each in kept]]


def _deadlines(core: Fold) -> list[Json]:
    """What is to have succeeded by when."""
    watched, waiting = core.deadlines.snapshot()
    return [sorted(map(msgspec.to_builtins, watched)), sorted(map(msgspec.to_builtins, waiting))]


def _values(core: Fold) -> list[list[Json]]:
    """What each shared value holds."""
    records = {name: core.log.record(offset) for name, (offset, _) in core.values.newest.items()}
    return [[name, each.value, each.expires, each.task] for name, each in records.items() if isinstance(each, ValueSet)]


def _keys(core: Fold, records: list[Json]) -> list[list[Json]]:
    """The keys that callers gave, each with what it stands for."""
    return [
        [type(record).__name__, record.key, core.identities.fact_identity(record)]
        for record in records
        if isinstance(record, Published | StartRequested) and record.key is not None
    ]
