"""What decided when a window closed: the item that opened it, the last one before a pause, the end of a period.

A run that was requested later than the last of its causes was released by a timer of its trigger. Which one is found by
time: a timer runs for a span that the trigger names, from an instant at which something happened. Owns no state. Costs
O(size of the trigger * causes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import evolve

from reactive_dag.model.times import format_duration
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.rollup import Rollup
from reactive_dag.triggers.walks import walk
from reactive_dag.triggers.windows.batch import Batch
from reactive_dag.triggers.windows.debounce import Debounce
from reactive_dag.triggers.windows.throttle import Throttle
from reactive_dag.whatif.outcome.points import Point, Predecessor

TimerSpan = tuple[int, str, bool]
"""How long a timer runs (ns), what sets it, as text, and whether each item sets it anew."""


def opener(
    trigger: Trigger, at: int, causes: Sequence[Predecessor], earlier: Callable[[int], int | None]
) -> Predecessor | None:
    """What set the timer that released a firing `at` an instant; None if none of the trigger's timers fits.

    `earlier` gives the run that the same trigger had requested at an instant, if there is one.
    """
    for part in walk(trigger):
        for span, text, anew in _timings(part):
            found = [cause for cause in causes if cause.at + span == at]
            if found:
                return evolve(found[-1 if anew else 0], link="window", detail=text)
        if isinstance(part, Throttle) and (run := earlier(at - part.period)) is not None:
            text = f".throttle({format_duration(part.period)!r})"
            return Predecessor(Point("start", run), "window", at - part.period, text)
        if isinstance(part, Rollup) and part.wait is not None:
            end = at - part.wait  # the end of its period, since no item came later than that
            return Predecessor(Point("tick", end), "window", end, _rollup_text(part.wait))
    return None


def _timings(part: Trigger) -> Iterator[TimerSpan]:
    if isinstance(part, Batch | Debounce) and part.max_wait is not None:
        yield part.max_wait, f".{part.kind}(max_wait={format_duration(part.max_wait)!r})", False
    if isinstance(part, Debounce):
        yield part.pause, f".debounce({format_duration(part.pause)!r})", True
    if isinstance(part, Rollup) and part.wait is not None:
        yield part.wait, _rollup_text(part.wait), True


def _rollup_text(wait: int) -> str:
    return f".rollup(wait={format_duration(wait)!r})"
