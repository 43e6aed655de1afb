"""One engine in a world where everything that happens is decided by the test: facts, outcomes of bodies, time, deaths.

`ManualRunner` keeps the attempts it is handed until somebody says which one ends, and how. `World` is an engine with
such a runner on a log that can die; after each step `check` asks every part for its invariants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import reactive_dag as rd
from reactive_dag.engine.execute.assignment import Assignment
from reactive_dag.engine.execute.runners import LocalRunner
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.fold.snapshots import restored
from reactive_dag.model.records import RunRequested
from reactive_dag.testing.canonical import described
from tests.support.engines import drop, parts, records_of
from tests.support.sitting import Sitting
from tests.support.volatile import Killed, VolatileLog, twice

START = "2026-11-23T00:00Z"
LATENESS = "2s"
"""So little that restarts within a story miss ticks, and do not."""


class ManualRunner(LocalRunner):
    """Takes attempts and executes none before it is told to."""

    workers = ahead = 10_000
    inline = False

    def __init__(self) -> None:
        self.jobs: list[Assignment | Sitting] = []
        self.lent = 0
        self.moving: Sitting | None = None

    def submit(self, assignment: Assignment) -> None:
        self.jobs.append(assignment)

    def lend(self, attempts: int) -> None:
        if attempts > self.lent and self.moving is not None:
            self.moving.is_waiting()
        self.lent = attempts

    def run_next(self) -> bool:
        return False

    def close(self, grace: float) -> None:
        self.jobs.clear()


class World:
    """A graph, a clock, a log that can die, and an engine on it."""

    def __init__(self, graph: rd.Graph, log: VolatileLog | None = None) -> None:
        self.graph = graph
        self.clock = rd.VirtualClock(START)
        self.log = log or VolatileLog()
        self.removed_with_runs = False
        self.outcome: Callable[[rd.Run], object] = lambda run: None
        self.ran: list[tuple[str, str, int]] = []
        self.open()

    def open(self) -> None:
        """A process starts, with the graph as it is now."""
        self.runner = ManualRunner()
        self.sitting: list[Sitting] = []
        self.engine = rd.Engine(self.graph, self.log, runner=self.runner, clock=self.clock, max_lateness=LATENESS)

    @property
    def core(self) -> Fold:
        return parts(self.engine).fold

    def body(self, run: rd.Run, **inputs: object) -> object:
        """What every task does: as the test says."""
        self.ran.append((run.key, run.task, run.attempt))
        return self.outcome(run)

    # ------------------------------------------------------------------------------------ what happens

    def settle(self) -> None:
        """Do all that can be done at this instant."""
        with parts(self.engine).loop.driving():
            parts(self.engine).loop.settle()
        for each in [each for each in self.sitting if not each.job.waits]:
            each.back.wait()
            self.sitting.remove(each)
            self.runner.jobs.append(each)

    def finish(self, number: int, outcome: Callable[[rd.Run], object]) -> tuple[str, str, int] | None:
        """Let one of the attempts under way end (the number is taken modulo); which one that was."""
        if not self.runner.jobs:
            return None
        before, self.outcome = len(self.ran), outcome
        job = self.runner.jobs.pop(number % len(self.runner.jobs))
        if isinstance(job, Sitting):
            return self._finish_sitting(job, outcome)
        job.execute()
        return self.ran[-1] if len(self.ran) > before else None

    def sit(self, number: int) -> tuple[str, str, int] | None:
        """Let the body of one of the attempts under way start a run and wait for it; which one that was."""
        job = self.runner.jobs[number % len(self.runner.jobs)]
        if isinstance(job, Sitting):
            return self.finish(number, lambda run: None)
        self.runner.jobs.remove(job)
        each = self.runner.moving = Sitting(job)
        before, self.outcome = len(self.ran), each.body
        if each.begin():
            self.sitting.append(each)
            each.name = self.ran[-1]
        return self.ran[-1] if len(self.ran) > before else None

    def _finish_sitting(self, each: Sitting, outcome: Callable[[rd.Run], object]) -> tuple[str, str, int] | None:
        went = not each.job.over
        each.finish(outcome)
        return each.name if went else None

    def _leave(self) -> None:
        """No body outlives its process."""
        turn = parts(self.engine).turn
        turn.waiting.close()
        for body in turn._take_going_on():
            body.lost = True
            body.go_on.set()
        for each in [*self.sitting, *self.runner.jobs]:
            if isinstance(each, Sitting):
                each.leave()

    def advance(self, span: int) -> None:
        """Let time pass, stopping where something is due."""
        target = self.clock.now() + span
        self.settle()
        while self.core.timers.due <= target:
            self.clock.advance_to(max(self.core.timers.due, self.clock.now()))
            self.settle()
        self.clock.advance_to(target)
        self.settle()

    def die(self) -> None:
        """SIGKILL, now; nothing is open any more."""
        drop(self.engine)
        self.log = self.log.survivor()
        self._leave()

    def close(self) -> None:
        """Leave as one should."""
        self.settle()
        self._leave()
        self.engine.close()

    def killed_while(self, work: Callable[[], None], commits: int) -> bool:
        """Do some work, and die at the n-th commit from now, before it is made; whether it came to that."""
        self.log.dies_at = self.log.commits + commits
        try:
            work()
        except Killed:
            self.die()
            return True
        self.log.dies_at = None
        return False

    # ------------------------------------------------------------------------------------ what must hold

    def check(self) -> None:
        """Every invariant, conservation among them, and one request for each key."""
        check(self.engine)

    def check_replay(self) -> None:
        """The log gives the same state again, from nothing and from every snapshot (law replay_equals_live).

        Under the same definitions, that is: of a run whose DAG was removed a later process knows only the end.
        """
        assert self.core.cursor == self.log.next_offset, "not settled"
        if self.removed_with_runs:
            return
        live = described(self.core)
        for again in self.replayed():
            same(live, described(again))

    def replayed(self) -> Iterable[Fold]:
        """Cores that read the log: from nothing (the records alone), and from each snapshot that was kept."""
        bare = Fold(self.graph, self.log.records_only(self.log.next_offset), self.clock)
        bare.replay(0, bare.log.segments_from(0))
        yield bare
        log = self.log.copied(self.log.next_offset, self.log.kept + self.log._since)
        for _, (blob,) in self.log.saved:
            core = Fold(self.graph, log, self.clock)
            start = restored(core, blob)
            core.replay(start, log.segments_from(start))
            yield core


def check(engine: rd.Engine) -> None:
    """Every `_check` there is, and that no key was requested twice."""
    core = parts(engine).fold
    core._check()
    parts(engine).log._check()
    records = records_of(engine)
    keys = [core.runs.key_of(record) for record in records if type(record) is RunRequested]
    assert not twice(keys), "a key was requested twice"


def same(one: dict, other: dict) -> None:
    """Two described states are equal; says where they are not."""
    for part, value in one.items():
        assert other[part] == value, f"{part} differs"
    assert other.keys() == one.keys()
