"""Writes the records of one future of a window, instant by instant, in the order of the engine's fold (I1, W20).

Owns `RecordWriter`. It decides nothing: when each node begins and ends is known, and what is left is the order in which
the fold comes to it. Facts that follow from a record stand behind all that was there when it was applied, requests
behind the facts of the same turn. Invariant: the records are those of the reference, one by one. Some 1.5 µs a record.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from reactive_dag.model.records import (
    Mark,
    Published,
    RunFinished,
    RunRequested,
    RunStarted,
    TaskFinished,
    TaskStarted,
    Tick,
)
from reactive_dag.model.times import format_time
from reactive_dag.whatif.records.record_state import RecordState
from reactive_dag.whatif.window.arrays import BEYOND, MET, TASK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactive_dag.model.records import AnyRecord, Item, Json
    from reactive_dag.whatif.outcome.window_runs import Cause
    from reactive_dag.whatif.records.record_plan import MadeEvent, Nodes, Runs
    from reactive_dag.whatif.records.record_state import Apply


class RecordWriter(RecordState):
    """Writes one future."""

    def write(self) -> list[AnyRecord]:
        """All records. O(records log records)."""
        begin, instants = self.window.begin, self._instants()
        if begin in self.clocks:
            self._step(begin, self.says_first)
            self._settle(begin)
        rare, ends = self.rare, self.ends
        for now in instants:
            if now in rare:
                self._play(now)
            while now in ends:  # what takes no time ends in a turn of its own (W20)
                self._end_attempts(now)
                if self.follows or self.decided:
                    self._settle(now)
                elif self.offered:
                    self._begin_attempts(now)
        return self.out

    def _instants(self) -> list[int]:
        """All instants at which something may happen. O(nodes log nodes)."""
        window, begin, delay = self.window, self.outcome.begin, np.array(self.delay)
        self.rare = {*self.clocks, *[begin[node] for node in np.flatnonzero(delay).tolist()]}
        """Those at which more than attempts' ends may be due."""
        for node in range(len(window.source_partition)):
            self.outside.setdefault(self.end[node], []).append(node)
        self.rare.update(self.outside)
        ends = self.outcome.ends[window.kind == TASK]
        found = np.unique(np.concatenate((ends, np.array([*self.rare], np.int64))))
        instants: list[int] = found[found < BEYOND].tolist()
        return instants

    def _play(self, now: int) -> None:
        """What happens at an instant: timers, ends, what was delayed, outside; then what may begin."""
        if now in self.clocks or now in self.timers:
            self._step(now, True)
        if now in self.ends:
            self._end_attempts(now)
        self._decide(now)
        for node in self.later.pop(now, ()):
            self._offer(node, now)
        for node in self.outside.pop(now, ()):
            self._publish_outside(node, now)
        self._settle(now)

    def _step(self, now: int, said: bool) -> None:
        """Timers step: delayed runs queue, clocks tick."""
        if said:
            self.out.append(Tick(now))
        for run in self.timers.pop(now, ()):
            self._queue(run)
        for run in self.clocks.pop(now, ()):
            name = self.plan.requests[run][:2]
            self.marks[run] = Mark("tick", now, self.newest.get(name, -1))
            self._cause((run,))
        self._decide(now)

    def _settle(self, now: int) -> None:
        """Decide what is there, and begin what may begin, until nothing is left to do."""
        while True:
            if self.follows or self.decided:
                self._decide(now)
            if self.to_begin:
                self._begin_runs(now)
            elif self.offered:
                self._begin_attempts(now)
            else:
                return

    def _push(self, record: AnyRecord, apply: Apply, to: object) -> None:
        self.follows.append((apply, to, len(self.out)))
        self.out.append(record)

    def _decide(self, now: int) -> None:
        """Apply what was recorded, with all that follows from it at this instant."""
        while self.follows or self.decided:
            decided, self.decided = self.decided, []
            for run in decided:
                self._request(run, now)
            batch, self.follows = self.follows, []
            for apply, to, offset in batch:
                apply(to, offset, now)

    # ------------------------------------------------------------------------------------- requests

    def _cause(self, runs: Runs) -> None:
        """Something that causes these runs was applied."""
        for run in runs:
            self.lacking[run] = rest = self.lacking[run] - 1
            if not rest:
                self.decided.append(run)

    def _reach(self, node: int, offset: int) -> None:
        """Tell triggers of the end of a task or a run."""
        self.ended_at[node] = offset
        for name in self.plan.tells[node]:
            self.newest[name] = offset
        self._cause(self.plan.caused[node])

    def _heard(self, event: MadeEvent, offset: int, now: int) -> None:
        """An event was applied: clocks in the triggers that hear it tick behind it."""
        for name in event.tells:
            self.newest[name] = offset
        self._cause(event.causes)

    def _publish_outside(self, node: int, now: int) -> None:
        (event,) = self.plan.events[node]
        number = self.counted.get(event.dataset, 0)
        self.counted[event.dataset] = number + 1
        self.events_at[node, event.dataset] = len(self.out)
        tick = int(self.window.base[node])
        self._push(Published(now, event.dataset, number, event.partition, tick), self._heard, event)

    def _request(self, run: int, now: int) -> None:
        dag, label, keyed, group = self.plan.requests[run]
        self.requests[run] = offset = len(self.out)
        self.order[run] = now, self.plan.ranks[run], offset
        mark = self.marks.get(run)
        causes = self._causes(run, mark) if self.plan.causes[run] else (mark,)
        key = self.outcome.key(run) if keyed else None
        record = RunRequested(now, dag, label, causes, None, False, key, None if group is None else [*group])  # type: ignore[arg-type]
        self._push(record, self._requested, run)

    def _causes(self, run: int, mark: Mark | None) -> tuple[Item, ...]:
        """The items that caused a run, in the order of delivery."""
        datasets = self.window.datasets
        facts = sorted([
            self.ended_at[node] if dataset < 0 else self.events_at[node, datasets[dataset]]
            for node, dataset, _ in self.plan.causes[run]
        ])  # fmt: skip
        if mark is None:
            return tuple(facts)
        behind = sum(fact <= mark.after for fact in facts)
        return (*facts[:behind], mark, *facts[behind:])

    def _requested(self, run: int, offset: int, now: int) -> None:
        if delay := self.delay[self.of.start[run]]:
            self.timers.setdefault(now + delay, []).append(run)
        else:
            self._queue(run)

    def _queue(self, run: int) -> None:
        self.queued[run] = 1
        self.to_begin.append(run)

    # ------------------------------------------------------------------------------------- runs

    def _begin_runs(self, now: int) -> None:
        """Let the queued runs begin, in the order of their requests."""
        runs, self.to_begin = self.to_begin, []
        runs.sort(key=self.order.__getitem__)
        for run in runs:
            dag, causes, key = self.plan.requests[run][0], self.plan.causes[run], self.outcome.key(run)
            if dag not in self.plan_at:
                self.plan_at[dag] = len(self.out)
                self.out.append(replace(self.plans[dag], at=now))
            self.begun[run] = begun = RunStarted(
                now, self.requests[run], dag, key, self.plan.dates[run], self.window.run_partition[run],
                (causes and self._cascade(run)) or key, 1, self.plan_at[dag],
                self._sources(causes) if causes else (),
            )  # fmt: skip
            self._push(begun, self._run_started, run)

    def _sources(self, causes: Sequence[Cause]) -> tuple[int, ...]:
        """The runs that made some causes."""
        return tuple(sorted({self.requests[by] for node, _, _ in causes if (by := self.run_of[node]) >= 0}))

    def _cascade(self, run: int) -> str:
        """The cascade that a run belongs to, "" for one of its own (T8)."""
        if run in self.marks or self.plan.requests[run][0] in self.plan.originals:
            return ""
        found = {self._cascade_of(node) for node, _, _ in self.plan.causes[run]}
        return found.pop() if len(found) == 1 else ""

    def _cascade_of(self, node: int) -> str:
        if self.run_of[node] >= 0:
            begun: RunStarted = self.begun[self.run_of[node]]
            return begun.cascade
        event = self.out[self.events_at[node, self.plan.events[node][0].dataset]]
        assert isinstance(event, Published), event
        return f"{event.dataset}#{event.n}"

    def _run_started(self, run: int, offset: int, now: int) -> None:
        self._go_on(self.plan.roots[run], now)

    def _run_finished(self, run: int, offset: int, now: int) -> None:
        node = self.of.end[run]
        self.done[node] = 1
        events = self.plan.events[node]
        if events:
            self._publish(self.begun[run], node, "", events, now)
        self._tell_waits(node, now)
        self._reach(node, offset)

    # ------------------------------------------------------------------------------------- tasks

    def _go_on(self, tasks: Nodes, now: int) -> None:
        """One thing fewer is lacking for these tasks."""
        left = self.left
        for task in tasks:
            left[task] = rest = left[task] - 1
            if not rest:
                if delay := self.delay[task]:
                    self.later.setdefault(now + delay, []).append(task)
                else:
                    self._offer(task, now)

    def _offer(self, node: int, now: int) -> None:
        """A task may go, or a wait begins."""
        date, run = self.plan.awaits[node], self.run_of[node]
        if date is None:
            self.offered.append((self.plan.priorities[node], self.order[run], self.plan.places[node], node))
        else:
            began = TaskStarted(now, self.requests[run], self.plan.names[node], 1, [date])
            self._push(began, self._wait_started, node)

    def _begin_attempts(self, now: int) -> None:
        offered, self.offered = self.offered, []
        if len(offered) > 1:
            offered.sort()
        out, names, ends, end = self.out, self.plan.names, self.ends, self.end
        for _, (_, _, request), _, node in offered:
            out.append(TaskStarted(now, request, names[node]))
            if (at := end[node]) in ends:
                ends[at].append(node)
            else:
                ends[at] = [node]

    def _end_attempts(self, now: int) -> None:
        """Attempts end, in the order in which they began; what follows from them stands behind all of that."""
        out, plan, requests, run_of = self.out, self.plan, self.requests, self.run_of
        nodes, first, given = self.ends.pop(now), len(out), self.given
        for node in nodes:
            output = self._given(node) if given else None
            out.append(TaskFinished(now, requests[run_of[node]], plan.names[node], "success", 1, output))
        if len(nodes) == 1:  # mostly
            self._finished(nodes[0], first, now)
            return
        for offset, node in enumerate(nodes, first):
            self._finished(node, offset, now)

    def _given(self, node: int) -> Json:
        """What a task gives."""
        self.outputs[node] = found = self.given.get(self.window.tasks[self.of.subject[node]])
        return found

    def _finished(self, node: int, offset: int, now: int) -> None:
        """A task succeeded: its events, who hears or awaits it, what follows it in its run."""
        run, name, quiet, events, reaches, direct, others = self.plan.steps[node]
        self.done[node] = 1
        begun = self.begun[run]
        if quiet is not None:
            self.out.append(
                Published(
                    now, quiet[0], 0, quiet[1], begun.logical_date, None, "updated", None, None, None, begun.run, name,
                    begun.cascade,
                )
            )  # fmt: skip
        elif events:
            self._publish(begun, node, name, events, now)
        if reaches:
            self._reach(node, offset)
            self._tell_waits(node, now)
        if direct:
            left, delay = self.left, self.delay
            for task, priority, place in direct:
                left[task] = rest = left[task] - 1
                if not rest:
                    if delay[task]:
                        self.later.setdefault(now + delay[task], []).append(task)
                    else:
                        self.offered.append((priority, self.order[run], place, task))
        if others:
            self._go_on(others, now)
        self.unfinished[run] = rest = self.unfinished[run] - 1
        if not rest:
            self._push(RunFinished.of(begun, "success", now), self._run_finished, run)

    def _publish(self, begun: RunStarted, node: int, task: str, events: tuple[MadeEvent, ...], now: int) -> None:
        """The events that a success publishes."""
        for event in events:
            record = Published(
                now, event.dataset, event.number, event.partition, begun.logical_date, None, "updated", None, None,
                None, begun.run, task, begun.cascade,
            )  # fmt: skip
            if event.causes or event.tells:
                self.events_at[node, event.dataset] = len(self.out)
                self._push(record, self._heard, event)
            else:
                self.out.append(record)

    # ------------------------------------------------------------------------------------- waits

    def _tell_waits(self, node: int, now: int) -> None:
        """The waits that await a node look, in the order of their runs' requests and their places there (R27)."""
        watching = [wait for wait in self.window.watches[node] if self.watching[wait]]
        if len(watching) > 1:
            watching.sort(key=lambda wait: (self.requests[self.run_of[wait]], self.plan.places[wait]))
        for wait in watching:
            self._look(wait, now)

    def _wait_started(self, node: int, offset: int, now: int) -> None:
        self.watching[node] = 1
        if self.of.kind[node] == MET:
            self._end_wait(node, None, now)
        else:
            self._look(node, now)

    def _look(self, wait: int, now: int) -> None:
        """A wait looks at the run of the highest date that is there."""
        for awaited, start in self.window.candidates[wait] or ():
            if self.queued[self.run_of[start]]:
                if self.done[awaited]:
                    self._end_wait(wait, self._named(awaited), now)
                return

    def _end_wait(self, node: int, output: Json, now: int) -> None:
        self.watching[node], self.outputs[node] = 0, output
        offset, name = self.requests[self.run_of[node]], self.plan.names[node]
        record = TaskFinished(now, offset, name, "success", 1, output, None, None, False)
        self._push(record, self._finished, node)

    def _named(self, awaited: int) -> Json:
        """What a wait gives: the run that it awaited, and what the tasks that it awaited gave."""
        run = self.run_of[awaited]
        last, begun, names = self.of.end[run], self.begun[run], self.plan.names
        nodes = self.of.tasks(run) if awaited == last else (awaited,)
        return {
            "key": begun.key, "logical_date": _date_text(self.plan.dates[run]), "partition": begun.partition,
            "state": "success" if self.done[last] else "running",
            "results": {names[n]: output for n in nodes if (output := self.outputs[n]) is not None},
        }  # fmt: skip


_date_text = lru_cache(1024)(format_time)
