"""Deadlines of DAGs: which runs must have succeeded by when, and what is missed (R13).

Owns the deadlines that are open: where a DAG's deadline is a duration, one a run; where it is a clock, the next tick,
with the newest run that was requested since the tick before. Invariant: it is decided in the step in which a deadline
is due, from what was recorded before, so neither lateness nor the grouping of facts decides (I1, X6). A run costs
O(log timers), a tick O(triggers of the DAG).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from datetime import datetime

import attrs
import msgspec

from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.items.timers import RUNS_FIRST, Timer, Timers
from reactive_dag.engine.runs.logical_dates import Deadline, LogicalDates
from reactive_dag.model.records import DeadlineMissed, Json, Mark, RunDeadline, RunFinished, RunRequested
from reactive_dag.model.schedule import Schedule, schedule_from_json
from reactive_dag.model.times import NEVER, to_datetime
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.implicit_joins import sources
from reactive_dag.triggers.leaves.schedule import Scheduled

RunName = tuple[str, str]
"""A run: its DAG and key."""


class WatchedSnapshot(msgspec.Struct, array_like=True):
    """The deadline of a DAG, as a snapshot holds it."""

    dag: str
    given: Json
    end: int | None
    since: int
    newest: tuple[str, int, RunDeadline] | None
    is_well: bool
    turned_away: dict[int, int] = {}


DeadlinesSnapshot = tuple[list[WatchedSnapshot], list[tuple[str, str, int, RunDeadline]]]
"""The DAGs that have a deadline; and the open ones of runs: DAG, key, when it is due, what was recorded of it."""


@attrs.define(eq=False)
class Watched:
    """The deadline of one DAG, as it was registered (`given` in JSON): a duration (ns) or a clock.

    Of a clock: `since` is the tick before, `newest` the newest run that was requested from then on (key, its date or
    else its request, what was recorded), and `is_well` says that it succeeded. `turned_away` are the ticks since then
    that a `where` turned away, and by how many of the DAG's clocks.
    """

    dag: str
    given: Json
    deadline: Deadline
    end: int | None
    since: int
    newest: tuple[str, int, RunDeadline] | None = None
    is_well: bool = False
    turned_away: dict[int, int] = attrs.field(factory=dict)
    due: int = NEVER
    timer: Timer | None = None


class Deadlines:
    """The deadlines of one engine.

    `clocks_of` gives the clocks in a DAG's triggers as they are registered, `on_missed` hands a missed deadline to
    those who listen.
    """

    def __init__(
        self, outbox: Outbox, timers: Timers, calls: RecordedCalls, dates: LogicalDates, paused: Container[str],
        clocks_of: Callable[[str], list[Schedule]], on_missed: Callable[[Mark], None],
    ) -> None:  # fmt: skip
        self.outbox = outbox
        self.timers = timers
        self.calls = calls
        self.dates = dates
        self.paused = paused
        self._clocks_of = clocks_of
        self._on_missed = on_missed
        self.of_dag: dict[str, Watched] = {}
        self.open: dict[RunName, tuple[int, RunDeadline, Timer]] = {}

    # ------------------------------------------------------------------------------------- definitions

    def registered(self, dag: str, options: dict[str, Json], at: int) -> None:
        """A definition of a DAG came into force: its deadline counts from now on, an equal one goes on. O(1)."""
        given, old = options.get("deadline"), self.of_dag.get(dag)
        if old is not None and old.given == given:
            old.end = options.get("end")
            return
        if old is not None and not (isinstance(given, int) and isinstance(old.given, int)):
            self.removed(dag)
        if given is not None:
            self._watch(WatchedSnapshot(dag, given, options.get("end"), at, None, False))

    def removed(self, dag: str) -> None:
        """A DAG, or its deadline, is gone: no run of it is late any more. O(open deadlines)."""
        old = self.of_dag.pop(dag, None)
        if old is not None:
            self.timers.drop(old.timer)
            for name in [name for name in self.open if name[0] == dag]:
                self._close(name)

    def _watch(self, kept: WatchedSnapshot) -> None:
        given = kept.given
        deadline: Deadline = given if isinstance(given, int) else schedule_from_json(given)
        of = Watched(
            kept.dag, given, deadline, kept.end, kept.since, kept.newest, kept.is_well, dict(kept.turned_away)
        )  # fmt: skip
        self.of_dag[of.dag] = of
        self._set_timer(of)

    def _set_timer(self, of: Watched) -> None:
        """Be there at the next tick of a deadline that is a clock."""
        if isinstance(of.deadline, int):
            return
        tick = of.deadline.after(of.since)
        of.due = NEVER if tick is None else tick
        if tick is not None:
            of.timer = self.timers.set(tick, RUNS_FIRST, of.dag, "", lambda now: self._tick(of, now))

    # ------------------------------------------------------------------------------------- runs

    def asked(self, request: RunRequested, key: str) -> RunRequested:
        """A trigger asks for a run: the request with its deadline, which is open from here on. O(causes)."""
        of = self.of_dag.get(request.dag)
        if of is None:
            return request  # a newer definition of the DAG, which has none, is about to replace the trigger
        if self.outbox.replaying:
            about = self.calls.deadline((request.dag, request.label))
        else:
            about = self.dates.deadline(request, of.deadline)
        self._open(of, key, about, request.at)
        return msgspec.structs.replace(request, deadline=about)

    def by_hand(self, request: RunRequested, key: str) -> None:
        """A run was asked for by hand: its deadline is open, unless that had passed already. O(log timers)."""
        of = self.of_dag.get(request.dag)
        if of is not None and request.deadline is not None:
            self._open(of, key, request.deadline, request.at)

    def turned_away(self, dag: str, tick: int) -> None:
        """A clock of a DAG ticked, and its `where` let nothing pass: no run is due for that. O(1)."""
        of = self.of_dag.get(dag)
        if of is not None and not isinstance(of.deadline, int):
            of.turned_away[tick] = of.turned_away.get(tick, 0) + 1

    def _open(self, of: Watched, key: str, about: RunDeadline, at: int) -> None:
        if isinstance(of.deadline, int):
            if about.due < NEVER:
                self._wait(of.dag, key, max(about.due, at), about)
            return
        date = about.logical_date
        if date is None and self._clocks_of(of.dag):
            return  # it stands for no tick
        rank = at if date is None else date
        if of.newest is None or rank >= of.newest[1]:
            of.newest, of.is_well = (key, rank, about), False

    def _wait(self, dag: str, key: str, due: int, about: RunDeadline) -> None:
        """A run has until `due`. O(log timers)."""
        name = dag, key

        def wake(now: int) -> None:
            del self.open[name]
            self._missed(dag, now, key, about)

        self.open[name] = due, about, self.timers.set(due, RUNS_FIRST, dag, "", wake)

    def run_ended(self, record: RunFinished) -> None:
        """A run ended: one that succeeded is not late any more. O(1) amortised."""
        if record.state != "success":
            return
        self._close((record.dag, record.key))
        of = self.of_dag.get(record.dag)
        if of is not None and of.newest is not None and of.newest[0] == record.key:
            of.is_well = True

    def _close(self, name: RunName) -> None:
        found = self.open.pop(name, None)
        if found is not None:
            self.timers.drop(found[2])

    # ------------------------------------------------------------------------------------- what is missed

    def _tick(self, of: Watched, now: int) -> None:
        """A deadline that is a clock is due: judge the newest run since the one before, or that there is none."""
        newest, well, since, turned_away = of.newest, of.is_well, of.since, of.turned_away
        of.since, of.newest, of.is_well = now, None, False
        of.turned_away = {tick: count for tick, count in turned_away.items() if tick >= now}
        self._set_timer(of)
        clocks = self._clocks_of(of.dag)
        if clocks:
            last = now - 1 if of.end is None else min(now - 1, of.end)
            tick = _newest_due(clocks, last, turned_away)
            if tick is None or tick < since:
                return  # no run was due
            if newest is None or newest[1] < tick:
                self._none_came(of, now, tick)
                return
        if newest is None:
            self._none_came(of, now, None)
        elif not well:
            self._missed(of.dag, now, newest[0], newest[2])

    def _none_came(self, of: Watched, now: int, date: int | None) -> None:
        """No run was requested since the deadline before; one that is paused, or over, has none to come."""
        if of.dag not in self.paused and (of.end is None or now <= of.end or date is not None):
            self._missed(of.dag, now, "", RunDeadline(now, date))

    def _missed(self, dag: str, now: int, key: str, about: RunDeadline) -> None:
        date, partition = about.logical_date, about.partition
        self.outbox.decide(DeadlineMissed(now, dag, about.due, key, date, partition))
        self._on_missed(Mark("missed", now, -1, key, 0, dag, date, partition))

    # ------------------------------------------------------------------------------------- state

    def next_of(self, dag: str) -> datetime | None:
        """When a deadline of a DAG is due next; None if none is. O(open deadlines)."""
        of = self.of_dag.get(dag)
        dues = [due for (owner, _), (due, _, _) in list(self.open.items()) if owner == dag]
        due = min([*dues, NEVER if of is None else of.due], default=NEVER)
        return None if due == NEVER else to_datetime(due)

    def snapshot(self) -> DeadlinesSnapshot:
        """What a restored engine needs of it. O(DAGs with one + open deadlines)."""
        watched = [
            WatchedSnapshot(of.dag, of.given, of.end, of.since, of.newest, of.is_well, dict(of.turned_away))
            for of in self.of_dag.values()
        ]
        return watched, [(*name, due, about) for name, (due, about, _) in self.open.items()]

    def restore(self, state: DeadlinesSnapshot) -> None:
        """Take what `snapshot` gave. O(DAGs with one + open deadlines)."""
        watched, waiting = state
        for kept in watched:
            self._watch(kept)
        for dag, key, due, about in waiting:
            self._wait(dag, key, due, about)

    def _check(self) -> None:
        """What is open has its timer, and belongs to a DAG that has such a deadline. O(open deadlines * timers)."""
        for of in self.of_dag.values():
            assert of.due == NEVER or self.timers.has(of.due, of.dag, ""), f"nobody waits for the deadline of {of.dag}"
        for (dag, _), (due, _, _) in self.open.items():
            assert isinstance(self.of_dag[dag].deadline, int), dag
            assert self.timers.has(due, dag, ""), f"nobody waits for a deadline of {dag}"


def _newest_due(clocks: list[Schedule], last: int, turned_away: dict[int, int]) -> int | None:
    """The newest tick up to an instant that not each clock that has it turned away. O(clocks * ticks turned away)."""
    while True:
        tick = max([found for clock in clocks if (found := clock.before(last)) is not None], default=None)
        if tick is None or turned_away.get(tick, 0) < sum(clock.has_tick(tick) for clock in clocks):
            return tick
        last = tick - 1


def clocks_in(triggers: Iterable[Trigger]) -> list[Schedule]:
    """The clocks that can fire one of these triggers. O(size)."""
    found = [source for trigger in triggers for source in sources(trigger)]
    return [source.schedule for source in found if isinstance(source, Scheduled)]
