"""Waiting for another DAG: one decision function for every wait (semantics, "Waiting for another DAG").

A wait is a task without a body. It reacts to the records of the awaited DAG; nothing polls. Invariant: a watch is kept
from the `TaskStarted` of its wait to its end, which is judged once; a DAG that nobody awaits has no entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import attrs

from reactive_dag.declare.wait import Wait
from reactive_dag.engine.items.timers import RUNS_FIRST, Timer
from reactive_dag.engine.runs.awaited_dates import AwaitedDates, KnownDates
from reactive_dag.engine.runs.by_date import AwaitedRun, RunsByDate
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.callables import Call
from reactive_dag.model.errors import ReactiveDagError, said
from reactive_dag.model.records import TaskFinished, TaskStarted
from reactive_dag.model.times import NEVER, format_duration, format_time, parse_time, to_datetime

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.items.timers import Timers
    from reactive_dag.engine.runs.logical_dates import LogicalDates

SUCCEED, FAIL, SKIP, WAITING = "success", "failed", "skipped", "waiting"
ORDER = {FAIL: 0, SKIP: 1, WAITING: 2, SUCCEED: 3}
"""What wins over what."""


class Verdict(NamedTuple):
    """What a wait decides about one date, and because of what: a DAG or a task, and its state."""

    state: str
    wait: Wait | None
    date: int | None
    name: str = ""
    found: str = ""

    @property
    def why(self) -> str:
        """The reason in words, made when somebody asks."""
        if self.wait is None:
            return "before the start: done in time"
        what = _what(self.wait, self.date)
        if self.state == SUCCEED:
            return what
        return f"{self.name} is {self.found} ({what})" if self.name else f"{what}: no run yet"


@attrs.define(eq=False)
class Watch:
    """One wait that is under way."""

    run: RunState
    index: int
    record: TaskStarted
    wait: Wait
    dates: list[int] | None
    several: bool
    ended: set[int] | None
    verdict: Verdict | None = None
    timer: Timer | None = None
    over: bool = False

    @property
    def why(self) -> str:
        """What it saw when it looked last."""
        return "" if self.verdict is None else self.verdict.why


def judge_run(wait: Wait, seen: AwaitedRun | None, date: int | None) -> Verdict:
    """What one awaited run means: failure wins over skipping, both over success; else the reason to go on waiting.

    O(tasks awaited).
    """
    if seen is None:
        return Verdict(WAITING, wait, date)
    worst, about = SUCCEED, ("", "")
    for task in wait.tasks or ("",):
        state = seen.tasks.get(task, "") if task else seen.state
        if state not in wait.states:
            word = FAIL if state in wait.failed_states else SKIP if state in wait.skipped_states else WAITING
            if ORDER[word] < ORDER[worst]:
                worst, about = word, (f"{wait.dag}.{task}" if task else wait.dag, state or "not done")
    return Verdict(worst, wait, date, *about)


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """Several dates: one failure fails, one skip skips, all successes succeed. O(dates)."""
    return min(verdicts, key=lambda verdict: ORDER[verdict.state])


class Waits:
    """The waits under way, by awaited DAG. `done_before` is the date before which everything counts as done in time."""

    def __init__(
        self, outbox: Outbox, timers: Timers, live: Mapping[int, RunState], by_date: RunsByDate,
        logical_dates: LogicalDates, dag_of: Callable[[str], Dag | None], known: KnownDates,
        done_before: int | None = None,
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self.timers = timers
        self.live = live
        self.by_date = by_date
        self.logical_dates = logical_dates
        self.dag_of = dag_of
        self.done_before = done_before
        self.watches: dict[str, dict[tuple[int, int], Watch]] = {}
        self.by_task: dict[tuple[str, str], dict[tuple[int, int], Watch]] = {}
        self.awaited_dates = AwaitedDates(logical_dates, dag_of, known)

    # ------------------------------------------------------------------------------------- begin

    def start(self, run: RunState, index: int) -> None:
        """A wait may begin: settle which dates it awaits and say so in its `TaskStarted`."""
        if self.outbox.replaying:
            return
        wait = run.tasks[index].wait
        assert wait is not None
        offset, task = run.run, run.plan.ids[index]
        try:
            awaits, several = self.awaited(run, wait)
        except Exception as error:  # a user's callable may raise anything: it fails this task
            why = str(error) if isinstance(error, ReactiveDagError) else said(error)
            self.outbox.fact(lambda at: TaskFinished(at, offset, task, FAIL, 0, error=why, retry=False))
            return
        log = self.outbox.log
        with log.lock:
            log.push(TaskStarted(self.outbox.stamp(), offset, task, 1, awaits, several))

    def awaited(self, run: RunState, wait: Wait) -> tuple[list[int] | None, bool]:
        """The dates a wait is for (None: its cascade), and whether its result is a list."""
        if self.dag_of(wait.dag) is None and wait.missing == "error":
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id} waits for {wait.dag!r}, which no graph declares; "
                'declare it, or wait for it to come with missing="wait"'
            )
        self._refuse_unknown_tasks(run, wait)
        date = run.started.logical_date
        spec = wait.logical_date
        if isinstance(spec, tuple):
            return sorted(set(spec)), True
        if date is None:
            return self._undated(run, wait), False
        if spec == "same":
            return [date], False
        if isinstance(spec, int):
            wall = self.logical_dates.named_wall(run.request, run.dag, date)
            return [wait.awaited_from(date, run.dag.tz, wall)], False
        assert isinstance(spec, Call)
        return _dates_of(spec.fn(to_datetime(date)), run, wait)

    def _refuse_unknown_tasks(self, run: RunState, wait: Wait) -> None:
        dag = self.dag_of(wait.dag)
        if dag is None or wait.missing == "wait":
            return
        unknown = [task for task in wait.tasks if task not in dag.tasks]
        if unknown:
            raise ReactiveDagError(
                f"{run.dag.id}.{wait.id} waits for task {unknown[0]!r} of DAG {wait.dag!r}, which has no such task; "
                'declare it, or wait for it to come with missing="wait"'
            )

    def _undated(self, run: RunState, wait: Wait) -> list[int] | None:
        if wait.match == "latest":
            return [NEVER]
        why = f"from which {wait.when} could be told"
        if wait.logical_date == "same":
            origins = self.logical_dates.graph.origins
            if self.dag_of(wait.dag) is None or origins(run.dag.id) & origins(wait.dag):
                return None
            why = f"and shares no origin with {wait.dag!r}"
        raise ReactiveDagError(
            f"{run.dag.id}.{wait.id}: this run has no logical date, {why}; "
            'give the run a date, or wait with match="latest"'
        )

    def watching(self, run: RunState, index: int, record: TaskStarted) -> None:
        """The wait's `TaskStarted` was applied: look once, and if that decides nothing watch on, up to the timeout."""
        watch = _watch(run, index, record)
        self.look(watch)
        if not watch.over:
            self._keep(watch)

    def _keep(self, watch: Watch) -> None:
        run, index, wait = watch.run, watch.index, watch.wait
        self.watches.setdefault(wait.dag, {})[run.run, index] = watch
        for task in wait.tasks:
            self.by_task.setdefault((wait.dag, task), {})[run.run, index] = watch
        if wait.timeout is not None:
            self._set_timeout(watch, watch.record.at + wait.timeout)

    def _set_timeout(self, watch: Watch, due: int) -> None:
        def wake(now: int) -> None:
            if self._under_way(watch):
                assert watch.wait.timeout is not None
                state = SKIP if watch.wait.soft_fail else FAIL
                span, what = format_duration(watch.wait.timeout), watch.wait.what
                why = f"timed out after {span} of waiting for {what}; last seen: {watch.why}"
                self._end(watch, state, why, [])

        watch.timer = self.timers.set(due, RUNS_FIRST, watch.run.dag.id, watch.wait.id, wake)

    # ------------------------------------------------------------------------------------- look

    def on_run_changed(self, dag: str, ended: int | None = None) -> None:
        """Something about the runs of `dag` was recorded (one began or ended): look at the waits for it. O(waits)."""
        watches = self.watches.get(dag)
        if not watches:
            return
        for watch in list(watches.values()):
            if ended is not None and watch.ended is not None:
                watch.ended.add(ended)
            self.look(watch)

    def on_task_ended(self, dag: str, task: str) -> None:
        """A task of a run of `dag` has its state: look at the waits for that task. O(waits)."""
        for watch in list(self.by_task.get((dag, task), {}).values()):
            self.look(watch)

    def forget(self, run: RunState, index: int) -> None:
        """A wait has ended. O(1)."""
        wait, place = run.tasks[index].wait, (run.run, index)
        assert wait is not None
        watch = _pop(self.watches, wait.dag, place)
        if watch is not None:
            for task in wait.tasks:
                _pop(self.by_task, (wait.dag, task), place)
            self.timers.drop(watch.timer)

    def snapshot(self) -> list[tuple[TaskStarted, list[int] | None]]:
        """The waits under way: how each began, and the runs that ended since, where those count. O(watches)."""
        watches = [watch for all in self.watches.values() for watch in all.values()]
        return [(watch.record, None if watch.ended is None else sorted(watch.ended)) for watch in watches]

    def restore(self, kept: Iterable[tuple[TaskStarted, list[int] | None]]) -> None:
        """Watch again, for waits that there are still. O(watches)."""
        for record, ended in kept:
            run = self.live.get(record.run)
            index = -1 if run is None else run.plan.index.get(record.task, -1)
            if run is not None and index >= 0 and run.tasks[index].wait is not None:
                self._keep(_watch(run, index, record, ended))

    def look_again(self) -> None:
        """Judge every wait: after a replay, which judges none. O(watches)."""
        for dag in list(self.watches):
            self.on_run_changed(dag)

    def gone(self, dag: str) -> None:
        """The awaited DAG was removed: its waits fail at once."""
        for watch in list(self.watches.get(dag, {}).values()):
            if watch.wait.missing == "error":
                self._end(watch, FAIL, f"{dag} was removed while {watch.wait.id} waited for it", [])

    def look(self, watch: Watch) -> None:
        """Judge one wait now; end it if it is decided."""
        if self.outbox.replaying or not self._under_way(watch):
            return
        dates: Sequence[int | None] = NO_DATE if watch.dates is None else watch.dates
        found = [self.find(watch, date) for date in dates]
        if len(found) == 1:
            verdict = self._judge(watch, found[0], dates[0])
        else:
            verdict = combine([self._judge(watch, seen, date) for seen, date in zip(found, dates)])
        watch.verdict = verdict
        if verdict.state == WAITING:
            return
        state = SKIP if verdict.state == FAIL and watch.wait.soft_fail else verdict.state
        self._end(watch, state, "" if state == SUCCEED else verdict.why, found)

    def _judge(self, watch: Watch, seen: AwaitedRun | None, date: int | None) -> Verdict:
        return IN_TIME if seen is DONE else judge_run(watch.wait, self._since(watch, seen), date)

    def _since(self, watch: Watch, seen: AwaitedRun | None) -> AwaitedRun | None:
        return seen if seen is None or watch.ended is None or seen.run in watch.ended else None

    def find(self, watch: Watch, date: int | None) -> AwaitedRun | None:
        """The run that stands for an awaited date; `DONE` for one before the horizon."""
        dag = watch.wait.dag
        if date is None:
            return self.by_date.cascade(dag, watch.run.started.cascade)
        low, high, early = self.awaited_dates.of(watch.run.dag.tz, watch.wait, date, self.done_before)
        if early or (early is None and self.by_date.newest(dag, max(low, self.done_before or low), high) is None):
            return DONE
        return self.by_date.exact(dag, low) if low == high else self.by_date.newest(dag, low, high)

    # ------------------------------------------------------------------------------------- end

    def _under_way(self, watch: Watch) -> bool:
        run = watch.run
        alive = self.live.get(run.run) is run and not run.final(watch.index)
        if not alive:
            watch.over = True
            self.forget(run, watch.index)
        return alive

    def _end(self, watch: Watch, state: str, why: str, seen: list[AwaitedRun | None]) -> None:
        """The output names the runs that were seen, also where they made it fail."""
        watch.over = True
        self.forget(watch.run, watch.index)
        runs = [_named(one) for one in seen]
        output = runs if watch.several else next(iter(runs), None)
        error = None if state == SUCCEED else why
        offset, task = watch.run.run, watch.wait.id
        outbox, log = self.outbox, self.outbox.log
        if not outbox.replaying:
            with log.lock:
                log.push(TaskFinished(outbox.stamp(), offset, task, state, 1, output, error, None, False))

    def _check(self) -> None:
        """Every watch is of a wait that is under way. O(watches)."""
        for dag, watches in self.watches.items():
            for (run, index), watch in watches.items():
                assert watch.wait.dag == dag and watch.run is self.live.get(run), watch.wait.id
                assert watch.run.states[index] == "waiting", (watch.wait.id, watch.run.states[index])
                assert all(self.by_task[dag, task][run, index] is watch for task in watch.wait.tasks), watch.wait.id
        known = {place for watches in self.watches.values() for place in watches}
        assert all(watches and watches.keys() <= known for watches in self.by_task.values()), "nobody waits"
        assert all(self.watches.values()), "a DAG that nobody awaits has an entry"


K = TypeVar("K")
NO_DATE: tuple[None] = (None,)
DONE = AwaitedRun(-1, "", "success", None, {})
IN_TIME = Verdict(SUCCEED, None, None)


def _watch(run: RunState, index: int, record: TaskStarted, ended: Iterable[int] | None = ()) -> Watch:
    wait = run.tasks[index].wait
    assert wait is not None
    since = set(ended or ()) if wait.since == "start" else None
    return Watch(run, index, record, wait, record.awaits, record.several, since)


def _pop(watches: dict[K, dict[tuple[int, int], Watch]], key: K, place: tuple[int, int]) -> Watch | None:
    """Take a watch out of those of a key, and the key with the last of them."""
    found = watches.get(key)
    if found is None:
        return None
    watch = found.pop(place, None)
    if not found:
        del watches[key]
    return watch


_text_of = lru_cache(1024)(format_time)


def _named(seen: AwaitedRun | None) -> object:
    if seen is None or seen is DONE:
        return None
    date = None if seen.logical_date is None else _text_of(seen.logical_date)
    return {"run": seen.run, "key": seen.key, "state": seen.state, "logical_date": date}


def _what(wait: Wait, date: int | None) -> str:
    if date is None:
        return "same cascade"
    if date == NEVER:
        return "latest"
    return f"{wait.match} {format_time(date)}" if wait.match != "exact" else format_time(date)


def _dates_of(given: object, run: RunState, wait: Wait) -> tuple[list[int], bool]:
    several = isinstance(given, Iterable) and not isinstance(given, str)
    items = list(given) if isinstance(given, Iterable) and several else [given]
    if not items:
        raise ReactiveDagError(f"{run.dag.id}.{wait.id}: logical_date gave no date at all; give at least one")
    return sorted({parse_time(item, run.dag.tz, what="logical_date") for item in items}), several  # type: ignore[arg-type]
