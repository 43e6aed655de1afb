"""`Summary`: what `run_until_idle` and `advance` return, so that a failure is seen where the engine was driven.

Owns nothing: counts and rows are those that the outbox kept. O(1) to make.
"""

from __future__ import annotations

import attrs

from reactive_dag.engine.facts.outbox import EndedRuns
from reactive_dag.engine.host import Host
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.log.history import RunRow
from reactive_dag.model.text import counted, one_line
from reactive_dag.model.times import format_time


@attrs.frozen(repr=False)
class Summary:
    """How many runs ended in which state, and the newest of those that failed.

    >>> Summary({"success": 2}, RunList())
    2 runs ended: 2 success
    """

    states: dict[str, int]
    failed: RunList
    _lines: tuple[str, ...] = ()

    def __repr__(self) -> str:
        count = sum(self.states.values())
        if not count:
            return "no run ended"
        states = ", ".join(f"{number} {state}" for state, number in self.states.items())
        more = self.states.get("failed", 0) - len(self._lines)
        left = (f'  … and {more} more: engine.runs(state="failed")',) if more > 0 else ()
        return "\n".join([f"{counted(count, 'run')} ended: {states}", *self._lines, *left])


def summed_up(host: Host, ended: EndedRuns, before: dict[str, int]) -> Summary:
    """What ended since the counts were as `before`. O(1)."""
    states = {state: number - before[state] for state, number in ended.counts.items() if number != before[state]}
    count = states.get("failed", 0)
    rows = ended.failed[-count:] if count else ()
    return Summary(states, RunList(Run(host, row.run) for row in reversed(rows)), tuple(map(_line, reversed(rows))))


def _line(row: RunRow) -> str:
    when = "" if row.logical_date is None else f" for {format_time(row.logical_date)}"
    return f"  failed: {row.dag}{when} ({row.key[:8]}): {first_line(row.error)}"


def first_line(error: str | None) -> str:
    """The first line of an error's text: what was raised, not where. O(text)."""
    return one_line(error.splitlines()[0]) if error else "no task of it failed by itself"
