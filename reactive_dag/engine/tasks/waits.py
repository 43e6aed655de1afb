"""Waiting for what is recorded: one decision function for every wait (semantics, "Waiting").

A wait is a task without a body. In mode "push" it looks when a record may decide it, else at its instants (looks.py),
and then that look is recorded. Invariant: a watch is kept from the `TaskStarted` of its wait to its end, which is
judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Protocol

import attrs

from reactive_dag.declare.settings.looking import POKE
from reactive_dag.declare.wait import Wait
from reactive_dag.engine.items.timers import RUNS_FIRST, WAKE
from reactive_dag.engine.runs.by_date import AwaitedRun, RunsByDate
from reactive_dag.engine.runs.state import RunState
from reactive_dag.engine.tasks.awaited import Awaited
from reactive_dag.engine.tasks.awaited_dates import AwaitedDate, AwaitedDates, KnownDates
from reactive_dag.engine.tasks.awaited_events import AwaitedEvents, Listening
from reactive_dag.engine.tasks.looks import Looks
from reactive_dag.engine.tasks.verdicts import DONE, FAIL, LOST, SKIP, SUCCEED, WAITING, Verdict, combine, judge_run
from reactive_dag.engine.tasks.watches import ANY, HOPE, Watch, Watches, WatchKey, keys_of
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import why_of
from reactive_dag.model.records import Json, Looked, Published, TaskFinished, TaskStarted
from reactive_dag.model.times import NEVER, format_duration, format_time

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.items.timers import Timers
    from reactive_dag.engine.runs.logical_dates import LogicalDates


class ComingTicks(Protocol):
    """Knows which ticks of a DAG may still be requested."""

    def newest(self, dag: Dag, low: int, high: int) -> int | None:
        """The newest of them in `low <= tick <= high`."""


class Waits:
    """The waits under way, by awaited DAG. `done_before` is the date before which everything counts as done in time.

    `cursor` gives the first record that is not applied.
    """

    def __init__(
        self, outbox: Outbox, timers: Timers, live: Mapping[int, RunState], by_date: RunsByDate,
        logical_dates: LogicalDates, dag_of: Callable[[str], Dag | None], known: KnownDates, watches: Watches,
        coming: ComingTicks, cursor: Callable[[], int], listening: Listening, done_before: int | None = None,
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self.timers = timers
        self.live = live
        self.by_date = by_date
        self.logical_dates = logical_dates
        self.dag_of = dag_of
        self.done_before = done_before
        self.coming = coming
        self.watches = watches
        self.looks = Looks(timers)
        self._cursor = cursor
        self.events = AwaitedEvents(outbox.log, logical_dates.identities, listening, self.look, done_before)
        self._awaited = Awaited(logical_dates, dag_of)
        self.awaited_dates = AwaitedDates(logical_dates, dag_of, known)

    # ------------------------------------------------------------------------------------- begin

    def start(self, run: RunState, index: int) -> None:
        """A wait may begin: settle which dates it awaits and say so in its `TaskStarted`."""
        if self.outbox.replaying:
            return
        wait = run.tasks[index].wait
        assert wait is not None
        offset, task, attempt = run.run, run.plan.ids[index], run.attempt[index] + 1
        try:
            awaits, several = self._awaited.of(run, wait)
        except BaseException as error:  # a user's callable may raise anything: it fails this task
            raise_ctrl_c(error)
            why = why_of(error)
            self.outbox.fact(lambda at: TaskFinished(at, offset, task, FAIL, 0, error=why, retry=False))
            return
        log = self.outbox.log
        with log.lock:
            log.push(TaskStarted(self.outbox.stamp(), offset, task, attempt, awaits, several))

    def watching(self, run: RunState, index: int, record: TaskStarted, offset: int) -> None:
        """The wait's `TaskStarted` was applied: look once, and if that decides nothing watch on, up to the timeout."""
        watch = _watch(run, index, record)
        self.look(watch, offset)
        if not watch.over:
            self._keep(watch, record.at)
            if watch.wait.is_polled:
                self._say_looked(watch, 1)

    def _keep(self, watch: Watch, now: int) -> None:
        """Watch from an instant on, up to which all was looked at."""
        self.forget(watch.run, watch.index)
        self.watches.keep(watch)
        self._file(watch)
        if watch.wait.dataset is not None:
            self.events.keep(watch)
        wait, at = watch.wait, watch.record.at
        if wait.timeout is not None:
            self._set_timeout(watch, at + wait.timeout)
        if wait.is_polled:
            due = partial(self._look_again, watch)
            self.looks.begin(watch.run, watch.index, at, wait.poll, now, due, wait.mode == POKE)

    def _look_again(self, watch: Watch, now: int) -> None:
        """The next look of a wait is due: a timer, so that it comes before what is recorded at that instant."""
        self.look(watch)
        if not watch.over:
            self._say_looked(watch, self.looks.of_place[watch.place].number_at(now))

    def _say_looked(self, watch: Watch, number: int) -> None:
        """Record that a wait looked and goes on, with what it saw if that is new."""
        seen = None if watch.why == self.looks.of_place[watch.place].seen else watch.why
        run, task, attempt = watch.run.run, watch.wait.id, watch.record.attempt
        self.outbox.fact(lambda at: Looked(at, run, task, attempt, number, seen))

    def reached(self) -> int:
        """The instant of the last record that was applied. O(1) in memory."""
        cursor = self._cursor()
        return self.outbox.log.record(cursor - 1).at if cursor else 0

    def _file(self, watch: Watch) -> None:
        """File a watch under all that can decide it, as the graph is now; one that polls has its looks. O(dates)."""
        if watch.wait.is_polled or watch.wait.dataset is not None:
            self.watches.refile(watch, () if watch.ended is None else (ANY,))
            return
        keys: set[WatchKey] = set(watch.also) if watch.ended is None else {*watch.also, ANY}
        if watch.dates is None:
            keys.add(watch.run.started.cascade)
        for date in watch.dates or ():
            low, high, _ = self._span(watch, date)
            keys.update(keys_of(low, high))
        self.watches.refile(watch, keys)

    def _file_also(self, watch: Watch, key: WatchKey) -> None:
        if key not in watch.also:
            watch.also.add(key)
            if watch.filed:
                self._file(watch)

    def _span(self, watch: Watch, date: int) -> AwaitedDate:
        return self.awaited_dates.of(watch.run.dag.tz, watch.wait, date, self.done_before)

    def _set_timeout(self, watch: Watch, due: int) -> None:
        def wake(now: int) -> None:
            if self._under_way(watch) and not self.outbox.replaying:
                assert watch.wait.timeout is not None
                span, what = format_duration(watch.wait.timeout), watch.wait.what
                why = f"timed out after {span} of waiting for {what}; last seen: {self.seen(watch)}"
                self._finish(watch, FAIL, why, [])

        watch.set_timer(self.timers.set(due, RUNS_FIRST, watch.run.dag.id, watch.wait.id, wake))

    # ------------------------------------------------------------------------------------- look

    def on_run_changed(self, dag: str, date: int | None, cascade: str, ended: int | None = None) -> None:
        """A run of `dag` of a date and cascade began or ended: look at the waits that it can decide. O(those)."""
        for watch in self.watches.touched(dag, date, cascade):
            if ended is not None and watch.ended is not None:
                watch.ended.add(ended)
            if not watch.wait.is_polled:
                self.look(watch)

    def on_task_ended(self, dag: str, task: str, date: int | None, cascade: str) -> None:
        """A task of such a run has its state: look at the waits for that task. O(waits that the run can decide)."""
        for watch in self.watches.touched(dag, date, cascade):
            if not watch.wait.is_polled and (task in watch.wait.tasks or task in watch.wait.task_ids):
                self.look(watch)

    def on_tick(self, dag: str, at: int) -> None:
        """A clock of `dag` came to an instant: its tick may have been dropped. O(waits for it, or for one held)."""
        for watch in self.watches.touched(dag, at, ""):
            if not watch.wait.is_polled:
                self.look(watch)

    def on_ticks_changed(self, *dags: str) -> None:
        """Which ticks of DAGs there are, or are still to come, has changed: look at all waits for them. O(n log n)."""
        for watch in self.watches.of(*dags):
            if not watch.wait.is_polled:
                self._file(watch)
                self.look(watch)

    def seen(self, watch: Watch) -> str:
        """What a wait saw when it looked last, in words; what it would see now if it did not look since the opening.

        O(1), of one that did not look O(what it awaits).
        """
        looking = self.looks.of_place.get(watch.place)
        if watch.verdict is not None or looking is not None:
            return watch.why or ("" if looking is None else looking.seen)
        apart = attrs.evolve(watch, also=set(), filed=set())
        return combine(verdict for verdict, _ in self._judged(apart)).why

    def forget(self, run: RunState, index: int) -> None:
        """A wait has ended. O(dates)."""
        place = run.run, index
        self.looks.end(place)
        watch = self.watches.drop(place)
        if watch is not None:
            self.timers.drop(watch.timer)
            if watch.wait.dataset is not None:
                self.events.drop(watch)

    def renew(self, run: RunState) -> None:
        """The waits of a run that are under way go on as they are declared now (R11). O(attempts under way)."""
        for index in sorted(run.open):
            before, now = self.watches.by_place.get((run.run, index)), run.tasks[index].wait
            if before is not None and now is not None and before.wait != now:
                looking = self.looks.of_place.get(before.place)
                self.forget(run, index)
                self._keep(watch := _watch(run, index, before.record, before.known()), self.reached())
                self.looks.go_on(watch.place, looking)
                if not now.is_polled:
                    self.look(watch)

    def snapshot(self) -> list[tuple[TaskStarted, list[int] | None]]:
        """The waits under way: how each began, and the runs that ended since, where those count. O(watches)."""
        return [(watch.record, watch.known()) for watch in self.watches]

    def restore(self, kept: Sequence[tuple[TaskStarted, list[int] | None]]) -> None:
        """Watch again, for waits that there are still. O(watches)."""
        now = self.reached() if kept else 0
        for record, ended in kept:
            run = self.live.get(record.run)
            index = -1 if run is None else run.plan.index.get(record.task, -1)
            wait = None if run is None or index < 0 else run.tasks[index].wait
            if run is not None and wait is not None:
                watch = _watch(run, index, record, ended)
                if wait.dataset is not None:
                    self.events.restore(watch, ended or ())
                self._keep(watch, now)

    def recovered(self) -> None:
        """The log was read back: timeouts that passed meanwhile, and had another length then, are due. O(watches)."""
        for watch in self.watches:
            if watch.wait.timeout is not None and watch.timer is not None and watch.timer[WAKE] is None:
                self._set_timeout(watch, watch.record.at + watch.wait.timeout)

    def look_again(self) -> None:
        """Judge every wait that reacts: after a replay, which judges none. O(watches * log)."""
        self.on_ticks_changed(*self.watches.of_dag)

    def gone(self, dag: str) -> None:
        """The awaited DAG was removed: its waits fail at once."""
        for watch in self.watches.of(dag):
            if watch.wait.missing == "error":
                why = f"{dag} was removed while {watch.wait.id} waited for it"
                self._finish(watch, FAIL, why, [], for_good=True)

    def look(self, watch: Watch, before: int | None = None) -> None:
        """Judge one wait now, by the records below an offset; end it if it is decided."""
        if self.outbox.replaying or not self._under_way(watch):
            return
        judged = self._judged(watch, before)
        if self._decides(watch, [verdict for verdict, _ in judged]):
            self._end(watch, [self._named(watch, found) for _, found in judged])

    def _judged(self, watch: Watch, before: int | None = None) -> list[tuple[Verdict, AwaitedRun | Published | None]]:
        """What each date or partition means to a wait, and the run or event that stands for it."""
        if watch.wait.dataset is not None:
            return [*self.events.judge(watch, self._cursor() if before is None else before)]
        dates: Iterable[int | None] = NO_DATE if watch.dates is None else watch.dates
        found = [(date, self.find(watch, date)) for date in dates]
        return [(judge_run(watch.wait, self._since(watch, seen), date), seen) for date, seen in found]

    def _named(self, watch: Watch, found: AwaitedRun | Published | None) -> Json:
        if isinstance(found, Published):
            return self.events.named(found)
        return _named(found, watch.wait)

    def _decides(self, watch: Watch, verdicts: list[Verdict]) -> bool:
        """Whether these end the wait. O(verdicts)."""
        verdict = verdicts[0] if len(verdicts) == 1 else combine(verdicts)
        watch.saw(verdict)
        return verdict.state != WAITING

    def _end(self, watch: Watch, named: list[Json]) -> None:
        """End a wait as its last look decided; its output names the runs or events seen, also where they fail it."""
        verdict = watch.verdict
        assert verdict is not None
        self._finish(watch, verdict.state, "" if verdict.state == SUCCEED else verdict.why, named)

    def _since(self, watch: Watch, seen: AwaitedRun | None) -> AwaitedRun | None:
        known = seen is None or seen is DONE or seen is LOST or watch.ended is None or seen.run in watch.ended
        return seen if known else None

    def find(self, watch: Watch, date: int | None) -> AwaitedRun | None:
        """The run that stands for an awaited date; `DONE` before the horizon, `LOST` where none will come."""
        dag = watch.wait.dag
        if date is None:
            return self.by_date.cascade(dag, watch.run.started.cascade)
        low, high, early = self._span(watch, date)
        if early or (early is None and self.by_date.newest(dag, max(low, self.done_before or low), high) is None):
            return DONE
        seen = self.by_date.exact(dag, low) if low == high else self.by_date.newest(dag, low, high)
        return seen or self._not_yet(watch, low, high, date)

    def _not_yet(self, watch: Watch, low: int, high: int, date: int) -> AwaitedRun | None:
        """No run has such a date: whether one may still come, or, for the latest, which tick or run comes before."""
        wait = watch.wait
        dag, tick = self.dag_of(wait.dag), self.logical_dates.newest_tick(wait.dag, high)
        if dag is None or tick is None or tick < low or high == NEVER:
            return None
        coming = self.coming.newest(dag, low, high)
        if coming is None and wait.match == "latest":
            self._file_also(watch, ANY)
            coming, seen = self.coming.newest(dag, BEGINNING, high), self.by_date.newest(wait.dag, BEGINNING, date)
            if seen is not None and (coming is None or (seen.logical_date or 0) >= coming):
                return seen
        if coming is None:
            return LOST if wait.missing == "error" else None
        if coming <= self.outbox.log.last_at:
            self._file_also(watch, HOPE)
        return None

    # ------------------------------------------------------------------------------------- end

    def _under_way(self, watch: Watch) -> bool:
        run = watch.run
        alive = self.live.get(run.run) is run and not run.final(watch.index)
        if not alive:
            watch.end()
            self.forget(run, watch.index)
        return alive

    def _finish(
        self, watch: Watch, state: str, why: str, named: list[Json], for_good: bool = False
    ) -> None:  # fmt: skip
        """Record the end of a wait; a replay has it in the log, unless the wait was another one then.

        One that failed begins anew if it has a retry left (R30), unless it did `for_good`; else it may fail softly.
        """
        outbox, log = self.outbox, self.outbox.log
        if outbox.replaying:
            return
        watch.end()
        self.forget(watch.run, watch.index)
        again = state == FAIL and not for_good and self._has_retry(watch)
        if state == FAIL and not again and not for_good and watch.wait.soft_fail:
            state = SKIP
        output = named if watch.several else next(iter(named), None)
        error = None if state == SUCCEED else why
        offset, task, attempt = watch.run.run, watch.wait.id, watch.record.attempt
        with log.lock:
            log.push(TaskFinished(outbox.stamp(), offset, task, state, attempt, output, error, None, again))

    def _has_retry(self, watch: Watch) -> bool:
        run, index = watch.run, watch.index
        goes_on = not run.cancelled or run.arrays.teardowns[index]
        return goes_on and run.fails[index] < run.arrays.retries[index]

    def _check(self) -> None:
        """Every watch is of a wait that is under way. O(watches)."""
        self.watches._check()
        self.looks._check()
        self.events._check(iter(self.watches))
        for watch in self.watches:
            assert watch.run is self.live.get(watch.run.run), watch.wait.id
            assert watch.run.states[watch.index] == "waiting", (watch.wait.id, watch.run.states[watch.index])


NO_DATE: tuple[None] = (None,)
BEGINNING = -(2**63)


def _watch(run: RunState, index: int, record: TaskStarted, ended: Iterable[int] | None = None) -> Watch:
    wait = run.tasks[index].wait
    assert wait is not None
    if wait.dataset is not None:
        return Watch(run, index, record, wait, None, record.several, None)
    since = set(ended or ()) if wait.since == "start" else None
    dates = None if record.awaits is None else [each for each in record.awaits if isinstance(each, int)]
    return Watch(run, index, record, wait, dates, record.several, since)


_text_of = lru_cache(1024)(format_time)


def _named(seen: AwaitedRun | None, wait: Wait) -> object:
    """An awaited run as the output of a wait tells of it: nothing that differs with the grouping of facts (I3)."""
    if seen is None or seen is DONE or seen is LOST:
        return None
    date = None if seen.logical_date is None else _text_of(seen.logical_date)
    given = {task: given for task in wait.tasks if (given := seen.tasks.output(task)) is not None}
    results = given if wait.tasks else seen.tasks.outputs()
    about = {"key": seen.key, "logical_date": date, "partition": seen.partition}
    return {**about, "state": seen.state, "results": results}
