"""The log of an engine and the facts of the naive model, as lines that can be compared one by one.

Left out is what only says how far somebody has come (ticks, `Decided`) or how a decision was reached (answers, drops).
"""

from __future__ import annotations

from reactive_dag.model.records import (
    BackfillAsked,
    BackfillEnded,
    BackfillRequested,
    Cancelled,
    DeadlineMissed,
    EngineStarted,
    KeyConflict,
    Looked,
    Marked,
    OnceDone,
    Paused,
    Published,
    Registered,
    Removed,
    Republished,
    RerunRequested,
    Resumed,
    RunFinished,
    RunRequested,
    RunStarted,
    StartRequested,
    TaskFinished,
    TaskRetry,
    TaskStarted,
)


def of_log(core, start, stop):
    """What an engine's log says, from one offset up to another."""
    for record in core.log.read(start, stop):
        make = LINES.get(type(record))
        if make is not None:
            yield make(core, record)


def _key(core, run):
    return core.runs.key_of(core.runs.request(run))


def _cancelled(core, offset):
    record = core.log.record(offset)
    return f"backfill {record.n}" if isinstance(record, BackfillRequested) else _key(core, offset)


def _published(core, record):
    about = record.kind, record.partition, record.logical_date, record.extra, record.key, record.cascade
    return "published", record.at, core.identities.fact_identity(record), *about


LINES = {
    Published: _published,
    Republished: _published,
    BackfillRequested: lambda c, r: (
        "backfill", r.at, r.n, r.dag, [(d.date, d.again) for d in r.dates], r.limit, r.stop_on_failure),
    BackfillAsked: lambda c, r: ("asked", r.at, r.n, r.index, r.round or int(r.run < 0), r.run < 0),
    BackfillEnded: lambda c, r: ("backfill_ended", r.at, r.n, r.state, r.skipped),
    Marked: lambda c, r: ("mark", r.at, _key(c, r.run), r.task, r.state),
    RerunRequested: lambda c, r: (
        "rerun", r.at, _key(c, r.run), r.tasks, r.only_failed, r.downstream or r.origin >= 0,
        sorted((c.identities.identity(old), c.log.record(new).at) for old, new in r.replaced)),
    StartRequested: lambda c, r: ("start", r.at, c.identities.fact_identity(r), r.key),
    DeadlineMissed: lambda c, r: ("missed", r.at, r.dag, r.key, r.logical_date, r.partition),
    RunRequested: lambda c, r: (
        "requested", r.at, r.dag, c.runs.key_of(r), [c.identities.identity(i) for i in r.causes], r.group or []),
    RunStarted: lambda c, r: ("run_started", r.at, r.key, r.round, r.logical_date, r.partition, r.cascade),
    TaskStarted: lambda c, r: ("task_started", r.at, _key(c, r.run), r.task, r.attempt),
    TaskFinished: lambda c, r: ("finished", r.at, _key(c, r.run), r.task, r.state, r.attempt, r.retry),
    Looked: lambda c, r: ("looked", r.at, _key(c, r.run), r.task, r.attempt, r.number),
    TaskRetry: lambda c, r: ("retry", r.at, _key(c, r.run), r.task, r.attempt, r.due),
    RunFinished: lambda c, r: ("run_finished", r.at, r.key, r.round, r.state, r.logical_date, r.partition, r.cascade),
    Cancelled: lambda c, r: ("cancelled", r.at, _cancelled(c, r.run), r.state, r.replaced_by),
    Paused: lambda c, r: ("paused", r.at, r.dag),
    Resumed: lambda c, r: ("resumed", r.at, r.dag),
    Registered: lambda c, r: ("registered", r.at, r.dag, r.digest),
    Removed: lambda c, r: ("removed", r.at, r.dag),
    EngineStarted: lambda c, r: ("engine", r.until),
    KeyConflict: lambda c, r: ("conflict", r.at, r.key),
    OnceDone: lambda c, r: ("once", r.at, r.scope.split("/")[0]),
}  # fmt: skip


def of_model(model, start):
    """What the model says, from one fact on."""
    for fact in model.facts[start:]:
        make = TOLD.get(fact.what)
        if make is not None:
            yield (fact.what, *([] if fact.what == "engine" else [fact.at]), *make(model, fact))


def _of_cancelled(fact):
    return f"backfill {fact.of.n}" if fact.of else fact.run.key if fact.run else fact.key


TOLD = {
    "published": lambda m, f: (f.ident, f.kind, f.partition, f.logical_date, f.extra, f.key, f.cascade),
    "start": lambda m, f: (f.ident, f.key),
    "missed": lambda m, f: (f.dag, f.key, f.logical_date, f.partition),
    "requested": lambda m, f: (f.dag, f.key, [m.identity(i) for i in f.causes], f.group),
    "run_started": lambda m, f: (f.run.key, f.round, f.run.logical_date, f.run.partition, f.run.cascade),
    "task_started": lambda m, f: (f.run.key, f.task, f.attempt),
    "finished": lambda m, f: (f.run.key, f.task, f.state, f.attempt, f.retry),
    "looked": lambda m, f: (f.run.key, f.task, f.attempt, f.count),
    "retry": lambda m, f: (f.run.key, f.task, f.attempt, f.due),
    "backfill": lambda m, f: (f.n, f.dag, [(date, again) for date, _, again in f.dates], f.most, f.stop),
    "asked": lambda m, f: (f.n, f.index, f.run_round, f.is_new),
    "backfill_ended": lambda m, f: (f.n, f.state, f.skipped),
    "mark": lambda m, f: (f.run.key, f.task, f.state),
    "rerun": lambda m, f: (
        f.run.key,
        f.tasks,
        f.only,
        f.wave is not None,
        sorted((m.identity(old), m.facts[new].at) for old, new in f.replaced),
    ),
    "run_finished": lambda m, f: (f.run.key, f.round, f.state, f.logical_date, f.partition, f.cascade),
    "cancelled": lambda m, f: (_of_cancelled(f), f.ending, f.by),
    "paused": lambda m, f: (f.dag,),
    "resumed": lambda m, f: (f.dag,),
    "registered": lambda m, f: (f.dag, "" if f.trigger is None else f.trigger.digest),
    "removed": lambda m, f: (f.dag,),
    "engine": lambda m, f: (f.until,),
    "conflict": lambda m, f: (f.key,),
    "once": lambda m, f: (f.run.key,),
}
