"""Engines for tests: in virtual time, killed without warning, and folded again from their log.

`live(graph)` is an engine until the end of the block; at its end every invariant is checked, and the log is applied
anew from nothing, which must give the same state (law replay_equals_live).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import reactive_dag as rd
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.parts import EngineParts
from reactive_dag.model.errors import StoreError
from reactive_dag.model.records import AnyRecord, Mark
from reactive_dag.model.times import parse_time
from reactive_dag.testing.canonical import described

START = "2026-11-23T00:00Z"


def ns(text: str) -> int:
    """An instant as the engine has it."""
    return parse_time(text)


def opened(graph: rd.Graph, store: object = None, start: str = START, **options: object) -> rd.Engine:
    """An engine in virtual time, unless another clock is given."""
    options.setdefault("clock", rd.VirtualClock(start))
    return rd.Engine(graph, store, **options)


@contextmanager
def live(graph: rd.Graph, store: object = None, start: str = START, **options: object) -> Iterator[rd.Engine]:
    """An engine for the length of a block, and what must hold of it at the end."""
    engine = opened(graph, store, start, **options)
    try:
        yield engine
        if not parts(engine).closed:
            verify(engine)
    finally:
        engine.close()


def parts(engine: rd.Engine) -> EngineParts:
    """What works inside an engine."""
    return engine._parts


def records_of(engine: rd.Engine) -> list[AnyRecord]:
    """All that is recorded."""
    log = parts(engine).log
    return log.read(0, log.next_offset)


def drop(engine: rd.Engine) -> None:
    """The engine of a process that is gone: it follows its graph no more, and records nothing."""
    parts(engine).changes.close()
    parts(engine).turn.close()
    parts(engine).closed = True


def kill(engine: rd.Engine) -> None:
    """What SIGKILL leaves: what no commit holds is gone, so is the lock on the store; nothing is told or flushed."""
    drop(engine)
    log = parts(engine).log
    if log.durable:
        log._refuse("killed")
        log._group.fail(StoreError("killed"))
        log._let_go()


def now_is(engine: rd.Engine) -> str:
    """The engine's clock, as text."""
    return rd.model.times.format_time(parts(engine).fold.clock.now())


def of_kind(engine: rd.Engine, *kinds: type) -> list:
    """The records of some kinds, in log order."""
    return [record for record in records_of(engine) if isinstance(record, kinds)]


def states(engine: rd.Engine, dag: object = None) -> list[str]:
    """The states of runs, oldest request first; of all DAGs with their names."""
    runs = reversed(engine.runs(dag))
    return [run.state if dag is not None else f"{run.dag} {run.state}" for run in runs]


def outputs(engine: rd.Engine, dag: str, task: str | None = None) -> list:
    """What a task of each run gave, oldest request first."""
    return [run.tasks[task or dag].output for run in reversed(engine.runs(dag))]


def dates(engine: rd.Engine, dag: str) -> list[str]:
    """The logical dates of runs, oldest request first."""
    return [f"{run.logical_date:%Y-%m-%dT%H:%MZ}" if run.logical_date else "" for run in reversed(engine.runs(dag))]


def offset_of(engine: rd.Engine) -> int:
    """How many records there are."""
    return parts(engine).log.next_offset


def part(engine: rd.Engine, dag: str, index: int = 0):
    """One leaf part, as `engine.pending` shows it."""
    return engine.pending(dag).parts[index]


# --------------------------------------------------------------------------------------------------- laws


def verify(engine: rd.Engine) -> None:
    """The invariants of every stateful part, conservation, and that the log folds to the same state again."""
    core = parts(engine).fold
    core._check()
    parts(engine).log._check()
    if core.cursor == parts(engine).log.next_offset:
        assert described(folded(engine)) == described(core)


def folded(engine: rd.Engine) -> Fold:
    """A core that has applied the engine's log from nothing."""
    fold, log = parts(engine).fold, parts(engine).log
    again = Fold(engine.graph, log, fold.clock, executing=fold.outbox.executing, max_pending=fold.max_pending)
    again.replay(0, log.segments_from(0))
    return again


def tick(text: str) -> Mark:
    """A tick, as a cause."""
    return Mark("tick", ns(text))


# --------------------------------------------------------------------------------- a graph to drive


def driven() -> rd.Graph:
    """A DAG that gives back what its event carries."""
    graph = rd.Graph("driving")
    a = graph.dataset("a")
    graph.dag("job", on=a)(gives_extra)
    return graph


def gives_extra(run):
    return run.events[0].extra


def fails_first(run):
    if run.attempt == 1:
        raise ValueError("again")
