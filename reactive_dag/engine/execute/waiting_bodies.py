"""Bodies that wait for a run to end (R3): meanwhile others have their worker and their pool's slots.

Owns `WaitingBodies`. Invariant: an attempt that waits counts as under way and takes no slot; it goes on when what it
waits for is over and durable, its time is up, or nobody wants it any more, and only once there is a worker and room in
its pool again, before any attempt that has not begun; one whose process was killed needs neither. A look costs O(bodies
that wait).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from reactive_dag.engine.execute.assignment import Assignment, WorkerLost
from reactive_dag.engine.execute.current_body import BODY
from reactive_dag.engine.execute.runners import Runner
from reactive_dag.engine.tasks.retries import WAITED
from reactive_dag.model.errors import UsageError


def current_attempt(host: object) -> Assignment | None:
    """The attempt whose body executes here, if it is one of the engine of this host. O(1)."""
    owner, _, attempt = BODY.get()
    return attempt if owner is host and isinstance(attempt, Assignment) else None


class WaitingBody:
    """One call that waits for a run. `over` says whether that has ended, as far as the log is applied.

    `ends`: it waits for a limited time.
    """

    def __init__(self, job: Assignment, run: int, over: Callable[[], bool], ends: bool) -> None:
        self.job = job
        self.run = run
        self.over = over
        self.ends = ends
        self.judged = False
        self.refused: str | None = None
        self.hurried = False
        self.lost = False
        self.go_on = threading.Event()

    @property
    def wants_back(self) -> bool:
        """Whether it has nothing to wait for any more."""
        return self.hurried or self.refused is not None or self.job.stopped or self.job.over or self.over()


class WaitingBodies:
    """The bodies of one engine that wait. `wake` wakes the thread that drives."""

    def __init__(self, runner: Runner | None, wake: Callable[[], None]) -> None:
        self._runner = runner
        self._kills = runner is not None and runner.kills
        self._wake = wake
        self._lock = threading.Lock()
        self._closed = False
        self.bodies: list[WaitingBody] = []
        self.lent = 0
        """How many attempts wait: so many workers more may be given to others."""
        self.changes = 0
        """How often a body began to wait, or its time was up: what the thread that drives has to look at."""

    def wait(self, job: Assignment, run: int, over: Callable[[], bool], seconds: float | None) -> None:
        """Return once a run is over, or so many `seconds` have passed, or nobody wants this attempt any more.

        Raises WorkerLost where the engine closes (the attempt is made again at the next start), UsageError where that
        would never be.
        """
        body = WaitingBody(job, run, over, seconds is not None)
        with self._lock:
            body.lost = self._closed
            if not body.lost:
                self.bodies.append(body)
                if job.count_wait(1) == 1:
                    self._lend(1)
                self.changes += 1
        if not body.lost:
            self._wake()
            if not body.go_on.wait(seconds):
                with self._lock:
                    body.hurried = True
                    self.changes += 1
                self._wake()
                body.go_on.wait()
        if body.lost:
            raise WorkerLost(f"{job.name} {WAITED}")
        if body.refused is not None and not over():
            raise UsageError(body.refused)

    def refuse(self, why: Callable[[WaitingBody, list[WaitingBody]], str | None], stop: int) -> None:
        """Let no body wait for ever, as `why` says of one beside others; runs from `stop` on are not known yet."""
        with self._lock:
            for body in [body for body in self.bodies if not body.judged and body.run < stop]:
                others = [each for each in self.bodies if each is not body and each.refused is None]
                body.judged, body.refused = True, why(body, others)

    def _lend(self, more: int) -> None:
        self.lent += more
        if self._runner is not None:
            self._runner.lend(self.lent)

    def take_back(self, free: Callable[[Assignment], bool]) -> list[WaitingBody]:
        """Those that may go on now, in the order in which they began to wait; `free`: there is a slot for one."""
        with self._lock:
            back = []
            for body in [body for body in self.bodies if body.wants_back]:
                job = body.job
                if job.waits > 1 or (job.over and self._kills) or free(job):
                    if not job.count_wait(-1):
                        self._lend(-1)
                    self.bodies.remove(body)
                    back.append(body)
            return back

    def close(self) -> None:
        """The engine closes: nobody drives any more, so what waits is lost (R5)."""
        with self._lock:
            self._closed = True
            bodies, self.bodies = self.bodies, []
            for body in bodies:
                body.job.count_wait(-1)
                body.lost = True
                body.go_on.set()
            self._lend(-self.lent)
