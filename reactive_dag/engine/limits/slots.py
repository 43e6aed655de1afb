"""The one place that says whether a run or an attempt may start, and in which order (R5, R6, R16, T12).

Owns the queues of runs, the pauses, and the attempts that could be handed out. A run may begin if its DAG is declared,
has tasks, is not paused, and has room (`max_active_runs`); an attempt if a worker is free and its pool has room, and if
it is none of several that may be what kills the process. Slots are given out when all that is due at an instant is
decided, in this order: priority, then the instant of the request, height, DAG id, number of the request, position of
the task. So neither the grouping of commits nor the order in which things were found ready decides. Runner and
simulator both ask here.

An offer costs O(1), in a pool O(log of what waits there), giving out O(DAGs looked at + what was offered and what
starts, each * log of what waits).
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections import deque
from collections.abc import Callable, Mapping
from operator import itemgetter

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.limits.cut_off import follows_a_body
from reactive_dag.engine.limits.pools import PoolLines, ReadyAttempt, UnderWay
from reactive_dag.engine.runs.state import RunOrder, RunState
from reactive_dag.engine.runs.statuses import RunStatus, RunStatuses, StartingRun
from reactive_dag.engine.runs.task_arrays import TaskArrays, TaskArraysByDag
from reactive_dag.model.records import RunRequested

SUSPECT = 2
"""A task lost so often in a row may be what kills the process: one such at a time, so that only it is lost again."""

AttemptKey = tuple[int, int]
"""A run and the number of a task: an attempt that may start, or has."""


class Slots:
    """What may start, of the runs and tasks of one engine. `request` gives the record that asked for a run."""

    def __init__(
        self, outbox: Outbox, statuses: RunStatuses, arrays: TaskArraysByDag, dag_of: Callable[[str], Dag | None],
        heights: dict[str, int], request: Callable[[int], RunRequested], pools: Callable[[], Mapping[str, Pool]],
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self.statuses = statuses
        self.arrays = arrays
        self.dag_of = dag_of
        self.heights = heights
        self.request = request
        self.paused: set[str] = set()
        self.queues: dict[str, deque[int]] = {}
        self.startable: set[AttemptKey] = set()
        self._offered: list[ReadyAttempt] = []
        self._ready: list[ReadyAttempt] = []
        """A heap of what was offered before attempts were given out last."""
        self.pooled = PoolLines(pools)
        self.to_look: set[str] = set()
        self._dated: dict[str, tuple[deque[int], int]] = {}
        """The queues of DAGs with tasks that wait for their past, by date, and which run stood last in the queue."""
        self._returning: dict[str, list[tuple[int, int]]] = {}
        """Runs that gave their place back and are to have one again: date and run, in order."""
        self._returned: list[RunState] = []
        self._begun: dict[str, list[int]] = {}
        """The runs of DAGs with `overlap="replace"`, as they began; some may have ended."""
        self._overlapping: list[tuple[str, int, int | None]] = []
        """Runs that are not to be beside others: the DAG, the run, and the one that takes its place."""
        self._prioritized = False
        self._suspected = False
        self.with_waits = False
        """Whether a wait ever waited for a worker."""

    # ------------------------------------------------------------------------------------- runs

    def queue(self, dag: str, run: int) -> None:
        """Take a run that is to begin when it may. O(1)."""
        try:
            self.queues[dag].append(run)
        except KeyError:
            self.queues[dag] = deque((run,))
        self.to_look.add(dag)

    def queue_again(self, dag: str, run: int, later: int) -> None:
        """Take a run of which a further round is to begin when it may, before the last `later` that wait. O(those)."""
        self._dated.pop(dag, None)
        self.queue(dag, run)
        if later:
            queue = self.queues[dag]
            queue.pop()
            queue.insert(len(queue) - later, run)

    def unqueue(self, dag: str, run: int) -> None:
        """A queued run will not begin here. O(place in the queue)."""
        self.queues[dag].remove(run)

    def queued(self, dag: str) -> list[int]:
        """The queued runs of a DAG, in order. O(result)."""
        return list(self.queues.get(dag, ()))

    def reconsider(self, dag: str) -> None:
        """Something that held runs of a DAG back has changed. O(1)."""
        if self.queues.get(dag) or dag in self._returning:
            self.to_look.add(dag)

    def reconsider_all(self) -> None:
        """Whatever held runs back may be over. O(DAGs)."""
        self.to_look.update(self.queues)

    def graph_changed(self, heights: Mapping[str, int | None], prioritized: bool) -> None:
        """Of these DAGs heights (None: it is gone), limits or priorities may be other ones. O(those).

        Where there are pools and one of them has live runs, O(attempts that wait). Where a task has a priority, no
        attempt is handed out before a worker is free: it might have to wait behind it.
        """
        self._prioritized = prioritized
        for dag, height in heights.items():
            if height is None:
                self.heights.pop(dag, None)
            else:
                self.heights[dag] = height
            self._begun.pop(dag, None)
            self._dated.pop(dag, None)
            self.reconsider(dag)
        if self.pooled.pools() and self.statuses.may_be_live(heights):
            self._line_up_again()

    def take_runs(self) -> list[StartingRun]:
        """The runs that begin now, in order; each has its place from here on. O(DAGs to look at + what begins)."""
        if not self.to_look or not self.outbox.executing:
            return []
        looking, self.to_look = self.to_look, set()
        found: list[StartingRun] = []
        for name in looking:
            dag, queue = self.dag_of(name), self.queues.get(name)
            if name in self._returning:
                self._take_back(name, dag)
            if queue and dag is not None:
                self._take_of(dag, queue, found)
            if not queue:
                self.queues.pop(name, None)
        if len(found) > 1:
            found.sort(key=_order_of)
        return found

    def _take_of(self, dag: Dag, queue: deque[int], found: list[StartingRun]) -> None:
        """The runs of one DAG for which there is room."""
        statuses, name, arrays = self.statuses, dag.id, self.arrays.of(dag)
        if not arrays.size:
            return
        if arrays.overlap:
            self._judge_overlap(name, arrays, queue)
        if name in self.paused:
            return
        line = self._in_order_of_date(name, queue) if arrays.has_past and len(queue) > 1 else queue
        limit, height = arrays.limit, self.heights.get(name, 0)
        while queue and (limit is None or statuses.active.get(name, 0) < limit):
            run = line.popleft()
            if line is not queue:
                queue.remove(run)
            queued = statuses.queued[run]
            request = queued.request or self.request(run)
            order = request.at if queued.order is None else queued.order[0], height, name, run
            statuses.begin(run, name, RunStatus("beginning", True, queued.begun, -1, request, order, arrays))
            if arrays.overlap and name in self._begun:
                self._begun[name].append(run)
            found.append((order, dag, arrays, request, queued))
        if line is not queue and queue:
            self._dated[name] = line, queue[-1]

    def _judge_overlap(self, name: str, arrays: TaskArrays, queue: deque[int]) -> None:
        """Of the active runs and the queued ones, which count as active, as many stay as may be (R6). O(those)."""
        limit, queued = arrays.limit or 0, self.statuses.queued
        fresh = [run for run in queue if queued[run].order is None]  # a round that was asked for waits its turn (R10)
        if arrays.overlap == "skip":
            room = limit - self.statuses.active.get(name, 0) - (len(queue) - len(fresh))
            found: list[tuple[str, int, int | None]] = [(name, run, None) for run in fresh[max(room, 0) :]]
        else:
            running = self._running(name)
            line = [*running, *fresh]
            most = len(line) - limit if fresh else 0
            found = [(name, run, line[max(at + limit, len(running))]) for at, run in enumerate(line[: max(most, 0)])]
        if found or len(fresh) < len(queue):
            self._overlapping += found
            gone = {run for _, run, _ in found}
            kept = [run for run in queue if run not in gone]
            if arrays.overlap == "replace":  # what takes the place of another does so before a round that waits
                kept.sort(key=lambda run: queued[run].order is not None)
            queue.clear()
            queue.extend(kept)
            self._dated.pop(name, None)

    def take_overlapping(self) -> list[tuple[str, int, int | None]]:
        """The runs that are to be skipped (None) or replaced by another, by DAG and in order. O(result * log)."""
        found, self._overlapping = self._overlapping, []
        return sorted(found, key=itemgetter(0))

    def _running(self, name: str) -> list[int]:
        """The live runs of a DAG that nobody has stopped, oldest first. O(result), the first time O(live runs)."""
        live, begun = self.statuses.live, self._begun.get(name)
        if begun is None:
            begun = [run.run for run in live.values() if run.started.dag == name]
        self._begun[name] = sorted([run for run in begun if run in live and not live[run].cancelled])
        return self._begun[name]

    def _in_order_of_date(self, name: str, queue: deque[int]) -> deque[int]:
        """The runs of a queue by date (R14). O(1), where others are queued O(those * log).

        The queue stays as it is: its order counts again when no task waits for its past any more.
        """
        line, last = self._dated.pop(name, (deque[int](), -1))
        fits = (len(line), last) == (len(queue), queue[-1])
        return line if fits else deque(sorted(queue, key=self._date_of))

    def _date_of(self, run: int) -> int:
        """The logical date of a queued run; one without is before all."""
        begun = self.statuses.queued[run].begun
        return -(2**63) if begun is None or begun.logical_date is None else begun.logical_date

    # ------------------------------------------------------------------------------------- the past (R14)

    def park(self, run: RunState) -> None:
        """A run in which nothing executes gives its place back. O(1)."""
        self.statuses.park(run.run, run.started.dag)
        self.reconsider(run.started.dag)

    def is_parked(self, run: int) -> bool:
        """Whether it gave its place back. O(1)."""
        return run in self.statuses.parked

    def come_back(self, run: RunState) -> None:
        """It is to take a place again, before any queued run. O(log of those)."""
        waiting = self._returning.setdefault(run.started.dag, [])
        entry = run.started.logical_date or 0, run.run
        if entry not in waiting:
            insort(waiting, entry)
        self.to_look.add(run.started.dag)

    def _take_back(self, name: str, dag: Dag | None) -> None:
        waiting, statuses = self._returning.pop(name), self.statuses
        limit = None if dag is None else self.arrays.of(dag).limit
        while waiting and (limit is None or statuses.active.get(name, 0) < limit):
            _, run = waiting.pop(0)
            if run in statuses.parked:
                statuses.take_back(run, name)
                self._returned.append(statuses.live[run])
        if waiting:
            self._returning[name] = waiting

    def take_returned(self) -> list[RunState]:
        """The runs that have a place again, in order. O(result * log)."""
        returned, self._returned = self._returned, []
        return sorted(returned, key=lambda run: run.order)

    def order(self, run: int, request: RunRequested) -> RunOrder:
        """The place of a run among others. O(1)."""
        return request.at, self.heights.get(request.dag, 0), request.dag, run

    # ------------------------------------------------------------------------------------- attempts

    def offer(self, run: RunState, index: int) -> None:
        """Take an attempt that is to start when it may. O(1)."""
        arrays = run.arrays
        self.startable.add((run.run, index))
        if run.lost is not arrays.zeros and run.lost[index] >= SUSPECT:
            self._suspected = True
        if arrays.has_pools and (pool := arrays.pools[index]) is not None:
            self.pooled.add(pool, (arrays.priorities[index], run.order, index))
        else:
            self._offered.append((arrays.priorities[index], run.order, index))

    def offer_wait(self, run: RunState, index: int) -> None:
        """Take a wait that is to begin when it may, and holds its worker and slots until its end. O(1)."""
        self.with_waits = True
        self.offer(run, index)

    def _line_up_again(self) -> None:
        """The pools of tasks may be other ones. O(attempts that wait)."""
        self._offered, self._ready = [], []
        self.pooled.lines.clear()
        for run, index in list(self.startable):
            self.offer(self.statuses.live[run], index)

    def withdraw(self, run: int, index: int) -> None:
        """An attempt has started, or will not. O(1)."""
        self.startable.discard((run, index))

    def take_attempts(
        self, under_way: Mapping[AttemptKey, UnderWay], workers: int, ahead: int
    ) -> list[tuple[RunState, int]]:
        """The attempts that start now, in order, as long as no more than `ahead` are handed out for `workers` workers.

        An attempt with a timeout, and a wait, is handed out to a free worker only, since its time begins then.
        """
        taken: list[tuple[RunState, int]] = []
        kept: list[tuple[str, ReadyAttempt]] = []
        ready, pool = self._ready, ""
        for entry in self._offered:
            heapq.heappush(ready, entry)
        self._offered.clear()
        pools = self.pooled.round(ready, under_way) if self.pooled.lines else None
        out, most = len(under_way), workers if self._prioritized else ahead
        suspects = self._suspected and any(job.run.lost[job.index] >= SUSPECT for job in list(under_way.values()))
        while out < most:
            if pools is None:
                if not ready:
                    break
                entry = heapq.heappop(ready)
            elif (found := pools.pop()) is not None:
                entry, pool = found, pools.pool
            else:
                break
            place = entry[1][3], entry[2]
            run = self.statuses.live.get(place[0])
            if run is None or place not in self.startable or entry[1] is not run.order:
                continue  # it ended meanwhile, or was offered in an earlier round
            suspect = self._suspected and run.lost[place[1]] >= SUSPECT
            if run.arrays.prompt[place[1]] and out >= workers:
                kept.append((pool, entry))
                break
            held = run.arrays.teardowns[place[1]] and follows_a_body(run, place[1], under_way)
            if held or place in under_way or (suspect and suspects) or not (pools is None or pools.fits(run, place[1])):
                kept.append((pool, entry))
                continue
            suspects = suspects or suspect
            self.startable.discard(place)
            taken.append((run, place[1]))
            out += 1
        for pool, entry in kept:
            if pool:
                self.pooled.add(pool, entry)
            else:
                heapq.heappush(ready, entry)
        return taken

    def waiting_for_pools(self) -> list[tuple[RunState, int, str]]:
        """The attempts that wait for slots of a pool, in order, and for what, in words. O(n log n) in what waits."""
        found = []
        for pool, (_, order, index) in sorted(self.pooled.waiting(), key=itemgetter(1)):
            run = self.statuses.live.get(order[3])
            if run is not None and order is run.order and (order[3], index) in self.startable:
                found.append((run, index, self.pooled.why(pool, run.arrays.slots[index])))
        return found

    # ------------------------------------------------------------------------------------- state

    def snapshot(self) -> SlotsSnapshot:
        """What a restored engine needs of it. O(queued runs + attempts that wait)."""
        queues = {dag: list(queue) for dag, queue in self.queues.items() if queue}
        startable = [(run, self.statuses.live[run].plan.ids[index]) for run, index in sorted(self.startable)]
        return sorted(self.paused), queues, startable

    def restore(self, state: SlotsSnapshot) -> None:
        """Take what `snapshot` gave; the live runs are there already. O(queued runs + attempts)."""
        paused, queues, startable = state
        self.paused.update(paused)
        self.queues = {dag: deque(queue) for dag, queue in queues.items()}
        for run, task in startable:
            live = self.statuses.live.get(run)
            index = -1 if live is None else live.plan.index.get(task, -1)
            if live is not None and index >= 0:
                self.with_waits = self.with_waits or live.arrays.waits[index]
                self.offer(live, index)

    def _check(self) -> None:
        """What is queued is queued once; what may start waits, of a live run, neither over nor open. O(what waits)."""
        queued = [run for queue in self.queues.values() for run in queue]
        named = self.statuses.queued.keys()
        assert len(queued) == len(named) and set(queued) == named, (queued, named)
        pooled = [entry for _, entry in self.pooled.waiting()]
        waiting = {(order[3], index) for _, order, index in (*self._offered, *self._ready, *pooled)}
        for place in self.startable:
            assert place in waiting and place[0] in self.statuses.live, place
            run = self.statuses.live[place[0]]
            assert not run.final(place[1]), place
            assert place[1] not in run.open or run.arrays.untils[place[1]] is not None, place


SlotsSnapshot = tuple[list[str], dict[str, list[int]], list[tuple[int, str]]]
"""The paused DAGs, the queues of runs, and the attempts that could start: run and task."""

_order_of = itemgetter(0)
