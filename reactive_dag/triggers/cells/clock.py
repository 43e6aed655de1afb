"""The cell of a clock: when its schedule ticks next, and which missed ticks are still to come (R9).

Owns `ClockCell`; its state is `[next, end, missed, …]`: the next tick, the last instant at which one may be, and the
missed ticks that `catchup` let through, which step at their own instants. Invariant: those are ascending and lie before
the next tick. It takes no items and holds none; what it makes is pending in the cell behind it. Cost: one call of the
schedule a tick; a gap costs its ticks; state: at most `max_catchup` instants for a gap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import ClassVar

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Cell, Opaque, State
from reactive_dag.triggers.cells.absent import Ticks

CATCHUPS: dict[str | bool, str] = {"one": "one", "all": "all", "none": "none", False: "one", True: "all"}


def kept(catchup: str | bool, most: int) -> int:
    """How many of the missed ticks may still run. Raises InvalidValue for another word."""
    word = CATCHUPS.get(catchup)
    if word is None:
        raise InvalidValue(f"catchup={catchup!r}: write 'one' (or False), 'all' (or True), or 'none'")
    return {"one": 1, "all": most, "none": 0}[word]


class ClockCell(Cell):
    """Steps at each tick of a schedule, once it is armed."""

    __slots__ = ("schedule",)

    bound: ClassVar[str] = "0"
    timed: ClassVar[bool] = True

    def __init__(self, schedule: Ticks) -> None:
        super().__init__()
        self.schedule = schedule

    def fresh(self) -> State:
        """Not armed: no tick is due."""
        return [NEVER, NEVER]

    def arm(self, state: State, now: int, start: int | None, end: int | None, keep: int) -> int:
        """Tick from `now` on, strictly, and not before `start` nor after `end` (both included).

        The newest `keep` ticks between `start` and `now` are still to come. Gives how many others are missed.
        """
        state[:] = [NEVER, NEVER if end is None else end]
        if start is not None and start < now:
            state[0] = self._next(state, start - 1)
            missed = self._skip(state, now, keep)
            if state[0] == now:
                state[0] = self._next(state, now)
            return missed
        state[0] = self._next(state, now if start is None else max(now, start - 1))
        return 0

    def gap(self, state: State, since: int, until: int, keep: int) -> int:
        """Nobody was there: keep the newest `keep` ticks strictly in between; gives how many others are missed."""
        while state[0] <= since:
            state.append(state[0])
            state[0] = self._next(state, state[0])
        return self._skip(state, until, keep)

    def _skip(self, state: State, until: int, keep: int) -> int:
        newest: deque[int] = deque(maxlen=keep)
        count, tick = 0, state[0]
        while tick < until:
            newest.append(tick)
            count += 1
            tick = self._next(state, tick)
        state[0] = tick
        state += newest
        return count - len(newest)

    def _next(self, state: State, now: int) -> int:
        tick = self.schedule.after(now)
        return NEVER if tick is None or tick > state[1] else tick

    def due(self, state: State) -> int:
        """The first missed tick that is still to come, else the next one."""
        due: int = state[2] if len(state) > 2 else state[0]
        return due

    def step(self, state: State, now: int) -> list[Opaque] | None:
        """The tick's instant, if one is due at `now`."""
        due = self.due(state)
        if due > now:
            return None
        if len(state) > 2:
            del state[2]
        else:
            state[0] = self._next(state, due)
        return [due]

    def is_idle(self, state: State, now: int) -> bool:
        """Whether no tick is due any more."""
        return self.due(state) == NEVER

    def held(self, state: State) -> Iterator[tuple[int, Opaque]]:
        """Nothing."""
        return iter(())
