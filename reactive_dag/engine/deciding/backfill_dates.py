"""Which dates a backfill asks for, judged before it is recorded (R26).

Owns no state. Costs O(dates * log n).
"""

from __future__ import annotations

import msgspec

from reactive_dag.declare.dag import Dag
from reactive_dag.declare.internals import params_of
from reactive_dag.declare.settings.parsers import flag, limit
from reactive_dag.engine.deciding.backfill_turns import Lacking, Turn, runs_of, turns_lacking, turns_within
from reactive_dag.engine.deciding.backfills import Backfills
from reactive_dag.engine.deciding.deadlines import clocks_in
from reactive_dag.engine.deciding.recorded_calls import RecordedCalls
from reactive_dag.engine.runs.logical_dates import LogicalDates
from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import InvalidValue, UsageError, said
from reactive_dag.model.records import BackfillDate, BackfillRequested
from reactive_dag.model.text import counted, seen
from reactive_dag.model.times import GivenTime, format_time
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.walks import walk

POOR = ("failed", "cancelled")
"""The states of runs that `only="missing"` gives a further round."""


class BackfillJudge:
    """Judges what is asked for against one engine's runs."""

    def __init__(self, backfills: Backfills, logical_dates: LogicalDates, calls: RecordedCalls) -> None:
        self.backfills = backfills
        self.logical_dates = logical_dates
        self.calls = calls

    def asked(
        self, at: int, dag: Dag, start: GivenTime | None, end: GivenTime | None, lacking: Lacking | None, *,
        max_active_runs: object, stop_on_failure: object, again: object, only: object,
    ) -> BackfillRequested:  # fmt: skip
        """The request of a backfill; which of its dates have run is as of now. O(dates * log n).

        `lacking`: it is for what is missing of what the DAG writes. Raises InvalidValue, UsageError.
        """
        where = f"backfill({dag.id!r})"
        try:
            most = limit(max_active_runs, "max_active_runs") or dag.max_active_runs
            stops, all_again = flag(stop_on_failure, "stop_on_failure"), flag(again, "again")
            if only not in (None, "missing"):
                raise InvalidValue(f"only={seen(only)} is unknown; write 'missing', or leave it out")
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
        of = runs_of(dag, self.logical_dates.graph)
        if lacking is None:
            turns = turns_within(dag, start, end, at, of, where)
        else:
            turns = turns_lacking(dag, lacking, at, of, where)
        poor = () if only is None else POOR if lacking is None else (*POOR, "success")
        found = [self._entry(dag, turn, all_again, poor, where) for turn in turns]
        entries = [entry for entry in found if entry is not None]
        if turns and not entries:
            raise InvalidValue(
                f"{where}: the trigger's .where turns away all that is asked for ({counted(len(turns), 'date')})"
            )
        return BackfillRequested(at, dag.id, 0, entries, most, stops, only is not None)

    def _entry(self, dag: Dag, turn: Turn, again: bool, poor: tuple[str, ...], where: str) -> BackfillDate | None:
        """A date, and whether the run that it has goes again: because all do, or by the state of that run."""
        entry = BackfillDate(turn.date, turn.label, partition=turn.partition, is_period=turn.is_period)
        run = self.backfills.run_of(dag.id, self.backfills.key_of(dag.id, entry), entry)
        if run is not None:
            state = self.backfills.runs.row(run).state
            goes = again or state in poor
            return msgspec.structs.replace(entry, run=run, again=goes, whole=goes and state == "success")
        trigger = dag.triggers.get(turn.label)
        if turn.date is None or trigger is None or not clocks_in([trigger]):
            return entry  # a function of the trigger asks about events, and there is none
        return self._asked_of_trigger(trigger, turn.date, turn.label, where)

    def _asked_of_trigger(self, trigger: Trigger, tick: int, label: str, where: str) -> BackfillDate | None:
        """What the functions of a trigger make of a tick; None for one that they turn away. Raises InvalidValue."""
        if not any(part.asks for part in walk(trigger)):
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
