"""Which dates a backfill asks for, judged before it is recorded (R26).

Owns no state. The dates of a DAG are the ticks of its clocks, of one without clocks the starts of its partitions.
Costs O(dates * log n).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import params_of
from reactive_dag.declare.settings.parsers import flag, limit
from reactive_dag.engine.deciding.backfills import Backfills
from reactive_dag.engine.deciding.deadlines import clocks_in
from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
from reactive_dag.engine.items.identity import run_key
from reactive_dag.engine.runs.logical_dates import LogicalDates
from reactive_dag.model.calendar import day
from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import InvalidValue, UsageError, said
from reactive_dag.model.partitions.products import Periods
from reactive_dag.model.records import BackfillDate, BackfillRequested
from reactive_dag.model.schedule import Schedule
from reactive_dag.model.text import counted, seen
from reactive_dag.model.times import GivenTime, format_time, is_bare_day, parse_time
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.walks import walk

MOST_DATES = 100_000
"""So many dates at most are asked for at once."""


class BackfillJudge:
    """Judges what is asked for against one engine's runs."""

    def __init__(self, backfills: Backfills, logical_dates: LogicalDates, calls: RecordedCalls) -> None:
        self.backfills = backfills
        self.logical_dates = logical_dates
        self.calls = calls

    def asked(
        self, at: int, dag: Dag, start: GivenTime, end: GivenTime, *, max_active_runs: object, stop_on_failure: object,
        again: object, only: object,
    ) -> BackfillRequested:  # fmt: skip
        """The request of a backfill; which of its dates have run is as of now. O(dates * log n).

        Raises InvalidValue, UsageError.
        """
        where = f"backfill({dag.id!r})"
        try:
            most = limit(max_active_runs, "max_active_runs") or dag.max_active_runs
            stops, all_again = flag(stop_on_failure, "stop_on_failure"), flag(again, "again")
            if only not in (None, "missing"):
                raise InvalidValue(f"only={seen(only)} is unknown; write 'missing', or leave it out")
            first, last = _span(dag, start, end, at)
        except InvalidValue as error:
            raise InvalidValue(f"{where}: {error}") from None
        if all_again and only is not None:
            raise UsageError(f"{where}: again=True does all dates again, only='missing' those without a success")
        if not dag.tasks:
            raise UsageError(f"{where}: the DAG has no tasks ({dag.place})")
        if required := params_of(dag).required:
            raise UsageError(
                f"{where}: param {required[0]!r} has no default ({dag.place}), and a backfill gives no params; give it "
                "a default, or start its runs with engine.start(params=...)"
            )
        dates = self._dates(dag, first, last, where)
        found = [self._entry(dag, tick, label, all_again, only is not None, where) for tick, label in dates]
        entries = [entry for entry in found if entry is not None]
        if not entries:
            raise InvalidValue(
                f"{where}: the trigger's .where turns away all that is asked for ({counted(len(dates), 'date')})"
            )
        return BackfillRequested(at, dag.id, 0, entries, most, stops, only is not None)

    def _entry(
        self, dag: Dag, tick: int, label: str, again: bool, missing: bool, where: str
    ) -> BackfillDate | None:  # fmt: skip
        key = run_key(self.backfills.graph, dag.id, label, (f"tick:{tick}",))
        run = self.backfills.run_of(dag.id, key, tick)
        if run is None:
            return self._asked_of_trigger(dag.triggers.get(label), tick, label, where)
        lacks = missing and self.backfills.runs.row(run).state in ("failed", "cancelled")
        return BackfillDate(tick, label, run, again or lacks)

    def _asked_of_trigger(self, trigger: Trigger | None, tick: int, label: str, where: str) -> BackfillDate | None:
        """What the functions of a trigger make of a tick; None for one that they turn away. Raises InvalidValue."""
        if trigger is None or not any(part.asks for part in walk(trigger)):
            return BackfillDate(tick, label)
        circuit = CompiledTrigger(trigger, ask=self._ask)
        circuit.arm(tick - 1, number=0)
        fired = circuit.step(tick) or []
        if circuit.parked:
            raise InvalidValue(f"{where}: a function of the trigger {trigger!r} raised on {format_time(tick)}")
        if fired and fired[0].mapped:
            return BackfillDate(tick, label, payload=self.calls.payload(fired[0].payload), mapped=True)
        return BackfillDate(tick, label) if fired or circuit.pending() else None

    def _ask(self, kind: str, call: Call, given: object, item: object) -> object:
        try:
            return self.calls.answer(kind, call, given, item)
        except BaseException as error:  # a user's callable may raise anything
            raise_ctrl_c(error)
            raise CallableFault(call.text, call.place, said(error)) from error

    def _dates(self, dag: Dag, first: int, last: int, where: str) -> list[tuple[int, str]]:
        """The dates from `first` to `last`, each with the trigger that it is of, in order. O(dates)."""
        clocks = clocks_by_label(dag.triggers)
        if clocks:
            found = {(tick, label) for label, all_of in clocks.items() for tick in _ticks(all_of, first, last, where)}
        else:
            among = [each.calendar for each in self.logical_dates.of_dag(dag)]
            calendar = next((each for each in among if each is not None), None)
            if calendar is None:
                raise UsageError(
                    f"{where}: it runs on no clock, and nothing that it reads or writes is partitioned, so it has no "
                    "dates; start its runs with engine.start(logical_date=...)"
                )
            label = next(iter(dag.triggers), "")
            found = {(tick, label) for tick in _starts(calendar, first, last, where)}
        if not found:
            raise InvalidValue(f"{where}: it has no date from {format_time(first)} to {format_time(last)}")
        return sorted(found)


def clocks_by_label(triggers: Mapping[str, Trigger]) -> dict[str, list[Schedule]]:
    """The clocks of each trigger that has one. O(size)."""
    found = {label: clocks_in([trigger]) for label, trigger in triggers.items()}
    return {label: clocks for label, clocks in found.items() if clocks}


def _span(dag: Dag, start: GivenTime, end: GivenTime, now: int) -> tuple[int, int]:
    """From the first to the last instant, both included; within the DAG's own, and not later than now."""
    first, last = parse_time(start, dag.tz, what="start"), parse_time(end, dag.tz, what="end")
    if is_bare_day(end):
        whole = day(dag.tz)
        last = whole.span(whole.of(last))[1] - 1
    if last < first:
        raise InvalidValue(f"end {format_time(last)} lies before start {format_time(first)}")
    if first > now:
        raise InvalidValue(f"start {format_time(first)} is yet to come: such runs are no backfill")
    first = first if dag.start is None else max(first, dag.start)
    return first, min(last, now) if dag.end is None else min(last, now, dag.end)


def _ticks(clocks: list[Schedule], first: int, last: int, where: str) -> Iterator[int]:
    for clock in clocks:
        _check_count(clock.count(first, last + 1) if last >= first else 0, where)
        tick = clock.after(first - 1)
        while tick is not None and tick <= last:
            yield tick
            tick = clock.after(tick)


def _starts(calendar: Periods, first: int, last: int, where: str) -> Iterator[int]:
    for count, start in enumerate(calendar.begins(first, last), 1):
        _check_count(count, where)
        yield start


def _check_count(count: int, where: str) -> None:
    if count > MOST_DATES:
        raise InvalidValue(f"{where}: more than {MOST_DATES} dates lie in that span; ask for a shorter one")
