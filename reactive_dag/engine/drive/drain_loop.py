"""The drain loop: turn after turn, the inline runner's bodies between them, and sleep where nothing is left to do.

Owns when a turn is made and when the driving thread sleeps; what a turn does is turn.py's. Invariant: one thread drains
at a time. A turn costs what its records reach; waiting costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reactive_dag.engine.drive.commit_waiter import CommitWaiter
from reactive_dag.engine.drive.driving_thread import DrivingThread
from reactive_dag.engine.drive.graph_changes import GraphChanges
from reactive_dag.engine.drive.interrupts import Interrupts
from reactive_dag.engine.drive.turn import Turn
from reactive_dag.engine.execute.capture import CAPTURE
from reactive_dag.engine.execute.current_body import BODY
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.model.times import SECOND
from reactive_dag.streams.clock import VirtualClock

BODY_SLICE = SECOND // 20
"""How long (ns) inline bodies execute between two commits, but for the last of them."""
MAX_SLEEP = 3600 * SECOND


class DrainLoop:
    """Drains one engine's log."""

    def __init__(
        self, fold: Fold, turn: Turn, changes: GraphChanges, runner: Runner | None, interrupts: Interrupts,
        driving_thread: DrivingThread, commits: CommitWaiter,
    ) -> None:  # fmt: skip
        self._fold = fold
        self._log = fold.log
        self._turn = turn
        self._changes = changes
        self._runner = runner
        self._interrupts = interrupts
        self._driving_thread = driving_thread
        self._commits = commits
        self._may_stop = not isinstance(fold.clock, VirtualClock)
        """Whether time goes on while this process does not: the machine sleeps, or somebody stopped it (R9)."""

    @contextmanager
    def driving(self, wait: bool = True) -> Iterator[bool]:
        """This thread drives the engine until the end of the block; with `wait=False` only if no other does."""
        mine = False
        try:
            with self._interrupts, self._driving_thread.driving(wait) as mine:
                if mine:
                    with CAPTURE:
                        yield mine
                else:
                    yield mine
        finally:
            if mine:
                self._commits.wake_all()

    def settle(self, enough: Callable[[], bool] | None = None) -> None:
        """Work until nothing can be done at this instant, or `enough()`: runs may start runs without an end."""
        while self.step():
            self._interrupts.check()
            if enough is not None and enough():
                break

    def step(self) -> bool:
        """One turn and what the inline runner has; whether there was anything to do."""
        worked = self._turn.run()
        runner = self._runner
        if runner is not None and runner.inline and self._turn.inflight:
            outer = BODY.get()
            self._driving_thread.begin_body()
            self._commits.wake_all()
            try:
                with self._interrupts.let_through():
                    worked = self._run_inline(runner) or worked
            finally:
                BODY.set(outer)  # an interrupt may have come before the attempt did so
                self._driving_thread.end_body()
        return worked

    def _run_inline(self, runner: Runner) -> bool:
        """Execute what was handed out, as much of it as may stay uncommitted together; whether there was anything."""
        until, worked = self._fold.clock.now() + BODY_SLICE, False
        while runner.run_next():
            worked = True
            if self._log.last_at >= until:  # what one body did must not wait for all the others to be durable
                break
        return worked

    # ------------------------------------------------------------------------------------- sleep

    def progress(self) -> tuple[int, int, int]:
        """How far log and attempts are: while this stays the same there is nothing new to do. O(1)."""
        return self._log.next_offset, self._turn.returned, self._turn.waiting.changes

    def sleep(self, progress: tuple[int, int, int], unless: Callable[[], bool] = lambda: False) -> None:
        """Sleep until a record, a result, or the next due timer comes; not at all if there was `progress` since."""
        now = self._fold.clock.now()
        due = min(self._fold.timers.due, self._turn.next_end, now + MAX_SLEEP)
        with self._asleep(now):
            if self.progress() == progress and due > now and not self._changes.ready and not unless():
                self._listen((due - now) / SECOND)

    def sleep_briefly(self, seconds: float, progress: tuple[int, int, int]) -> None:
        """Sleep until something happens, at most so long; not at all if there was `progress` since."""
        with self._asleep(self._fold.clock.now()):
            if self.progress() == progress:
                self._listen(seconds)

    def _listen(self, seconds: float) -> None:
        with self._interrupts.let_through():
            self._driving_thread.listen(seconds)

    @contextmanager
    def _asleep(self, now: int) -> Iterator[None]:
        """Until the end of the block this thread can be woken, and whoever finds that it overslept says so (R9)."""
        due, outbox = self._fold.timers.due, self._fold.outbox
        if self._may_stop and due > now:
            outbox.expect_at(due)
        self._driving_thread.fall_asleep()
        try:
            yield
        finally:
            self._driving_thread.stay_awake()
            outbox.woke()

    @property
    def busy(self) -> bool:
        """Whether something executes, or could start, or will be tried again (the tour's idle, negated). O(1)."""
        fold = self._fold
        return bool(
            self._turn.busy or fold.runs.flow.retries or fold.cursor < self._log.next_offset
            or fold.timers.due <= fold.clock.now()
        )  # fmt: skip
