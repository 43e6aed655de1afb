"""The ticks of a clock that its `.where`s let pass, for whoever asks before they come (T8, G3).

Owns `PassedTicks`: a schedule and the functions that are asked of each of its ticks, the one next to the clock first.
An engine does not ask here: it asks once, when the tick comes, and records the answer (I6). Invariant: what a function
raises leaves a tick unknown, which is neither let pass nor turned away (T10). Cost: the functions', a tick that is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge

from attrs import frozen

from reactive_dag.model.callables import Call
from reactive_dag.model.ctrl_c import raise_ctrl_c
from reactive_dag.model.errors import InvalidValue, said
from reactive_dag.model.event import event_of_mark
from reactive_dag.model.records import Mark
from reactive_dag.model.schedule import Schedule
from reactive_dag.model.times import format_time
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.where import Where
from reactive_dag.triggers.joins.any_of import AnyOf
from reactive_dag.triggers.leaves.schedule import Scheduled


@frozen(cache_hash=True)
class PassedTicks:
    """The ticks of `schedule` for which each of `calls` is true."""

    schedule: Schedule
    calls: tuple[Call, ...] = ()

    @property
    def text(self) -> str:
        """The expression that makes it. O(its text)."""
        return self.schedule.text + "".join([f".where({call.text})" for call in self.calls])

    @property
    def known(self) -> PassedTicks:
        """This without functions that are not bound yet: they count as equal to those that are. O(calls)."""
        return PassedTicks(self.schedule, tuple([call for call in self.calls if call.bound]))

    def passes(self, tick: int) -> bool:
        """Whether a tick of the schedule is let pass. Raises InvalidValue where a function raises."""
        if not self.calls:
            return True
        event = event_of_mark(Mark("tick", tick))
        for call in self.calls:
            try:
                if not call.fn(event):
                    return False
            except BaseException as error:  # a user's callable may raise anything
                raise_ctrl_c(error)
                when = format_time(tick)
                raise InvalidValue(f"{call.text} ({call.place}), asked of the tick {when}: {said(error)}") from error
        return True

    def answer(self, tick: int) -> bool | None:
        """Whether a tick of the schedule is let pass; None where a function raises, which says nothing."""
        try:
            return self.passes(tick)
        except InvalidValue:
            return None

    def may_have(self, instant: int) -> bool:
        """Whether an instant is a tick that is let pass, as far as the functions say."""
        return self.schedule.has_tick(instant) and self.answer(instant) is not False

    def within(self, first: int, last: int) -> Iterator[int]:
        """The ticks let pass from one instant to another, both included.

        Raises InvalidValue where a function raises.
        """
        tick = self.schedule.after(first - 1)
        while tick is not None and tick <= last:
            if self.passes(tick):
                yield tick
            tick = self.schedule.after(tick)


def passed_ticks(trigger: Trigger) -> PassedTicks | None:
    """The ticks of a clock, with or without `.where`; None for another trigger. O(size).

    >>> from reactive_dag.triggers.leaves.schedule import cron
    >>> passed_ticks(cron("0 2 * * *").where(len)).text, passed_ticks(cron("0 2 * * *").batch(count=2))
    ("rd.cron('0 2 * * *').where(len)", None)
    """
    if isinstance(trigger, Where):
        inner = passed_ticks(trigger.part)
        return None if inner is None else PassedTicks(inner.schedule, (*inner.calls, trigger.fn))
    return PassedTicks(trigger.schedule) if isinstance(trigger, Scheduled) else None


def clocks_of(trigger: Trigger) -> tuple[PassedTicks, ...] | None:
    """The clock, or the several joined by `|`, that a trigger is; None for another one. O(size)."""
    found = [passed_ticks(part) for part in (trigger.parts if isinstance(trigger, AnyOf) else (trigger,))]
    clocks = [each for each in found if each is not None]
    return tuple(clocks) if len(clocks) == len(found) else None


def ticks_of_all(clocks: Iterable[PassedTicks], first: int, last: int) -> Iterator[int]:
    """What several let pass from one instant to another, both included: ascending, each once. O(log clocks) each."""
    newest: int | None = None
    for tick in merge(*[each.within(first, last) for each in clocks]):
        if tick != newest:
            newest = tick
            yield tick
