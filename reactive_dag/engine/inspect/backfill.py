"""`Backfill`: the runs of past dates that somebody asked for, as people see them (R26).

It reads its host when asked and holds nothing itself. Each property costs O(dates), the runs' states O(runs).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Generator
from datetime import datetime

from reactive_dag.engine.inspect.fold_host import FoldHost
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.model.records import FINAL_RUN_STATES, RUN_STATES, BackfillDate, BackfillRequested
from reactive_dag.model.text import one_line
from reactive_dag.model.times import GivenDuration, to_datetime

WaitUntil = Callable[[Callable[[], bool], "GivenDuration | float | None", str], None]
"""Drives the engine until something holds; raises NotIdle after a time."""


class Backfill:
    """One backfill. Two are equal when they are the same one of the same engine's log."""

    def __init__(self, host: FoldHost, number: int, wait_until: WaitUntil) -> None:
        self._host = host
        self.number = number
        """Its number among the graph's backfills, from 1."""
        self._wait_until = wait_until

    @property
    def _request(self) -> BackfillRequested:
        return self._host.backfill(self.number).request

    @property
    def dag(self) -> str:
        """The DAG's id."""
        return self._request.dag

    @property
    def dates(self) -> list[datetime]:
        """Every date that was asked for, in order; static partitions have none."""
        return [to_datetime(each.date) for each in self._request.dates if each.date is not None]

    @property
    def partitions(self) -> list[str]:
        """Every partition that was asked for, in order; none where it is for the ticks of clocks."""
        return [each.partition for each in self._request.dates if each.partition is not None]

    @property
    def state(self) -> str:
        """`running`; once it has ended `success`, `failed` (a run of it failed, or was cancelled) or `cancelled`."""
        return self._host.backfill(self.number).state

    @property
    def done(self) -> bool:
        """Whether it has ended: each date had its turn, or it was stopped, and its runs have ended."""
        return self.state != "running"

    @property
    def reason(self) -> str | None:
        """Why it asked for no more before all dates had their turn."""
        return self._host.backfill(self.number).stopping

    @property
    def runs(self) -> RunList:
        """The runs that it asked for, or gave a further round, in order of dates."""
        found = self._host.backfill(self.number)
        gone = set(found.skipped)
        return RunList(Run(self._host, run) for index, run in enumerate(found.runs) if run >= 0 and index not in gone)

    @property
    def skipped(self) -> RunList:
        """The runs of the dates that had run already, and so were skipped (R9)."""
        found = self._host.backfill(self.number)
        return RunList(Run(self._host, found.runs[index]) for index in sorted(found.skipped))

    @property
    def left(self) -> list[datetime | str]:
        """The dates, or partitions as text, that had no turn, yet or ever."""
        found = self._host.backfill(self.number)
        return [_name(each) for each, run in zip(self._request.dates, found.runs) if run < 0]

    @property
    def progress(self) -> dict[str, int]:
        """How many dates there are, had a run already, are left, and whose runs are in which state.

        The others make up the first. Runs count as they are now, in later rounds too. `skipped` is the state of runs
        (R6), not what becomes of dates that had run.
        """
        states = Counter(run.state for run in self.runs)
        counts = {state: states[state] for state in RUN_STATES if states[state]}
        dates, had_run = len(self._request.dates), len(self.skipped)
        return {"dates": dates, "had_run": had_run, "left": len(self.left), **counts}

    def wait(self, timeout: GivenDuration | float | None = None) -> Backfill:
        """Wait until it has ended, driving the engine if nothing else does; in a body as for a run (R3).

        Raises NotIdle after `timeout`.
        """
        self._wait_until(lambda: self.done, timeout, f"backfill {self.number} of {self.dag!r}")
        return self

    def __await__(self) -> Generator[object, None, Backfill]:
        return asyncio.to_thread(self.wait).__await__()

    def to_json(self) -> dict[str, object]:
        """Plain data. O(dates)."""
        return {
            "number": self.number, "dag": self.dag, "state": self.state, "reason": self.reason,
            "progress": self.progress, "runs": [run.key for run in self.runs],
            "skipped": [run.key for run in self.skipped], "left": [_text(each) for each in self.left],
        }  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Backfill) and (other._host, other.number) == (self._host, self.number)

    def __hash__(self) -> int:
        return hash(self.number)

    def __repr__(self) -> str:
        if self._host.closed or self._host.failed:
            return f"<Backfill of a {'closed' if self._host.closed else 'failed'} engine>"
        progress, dates = self.progress, self._request.dates
        ended = sum(progress.get(state, 0) for state in ("had_run", *FINAL_RUN_STATES))
        names = ("failed", "cancelled", "skipped", "had_run")
        more = "".join(f", {progress[name]} {name.replace('_', ' ')}" for name in names if progress.get(name))
        why = f": {one_line(self.reason)}" if self.reason else ""
        span = f" {_short(dates[0])} to {_short(dates[-1])}" if dates else ""
        return f"<Backfill {self.number} of {self.dag}{span} {self.state}, {ended} of {len(dates)} ended{more}{why}>"


def _name(of: BackfillDate) -> datetime | str:
    """A date that is asked for; of a partition its text."""
    if of.partition is not None:
        return of.partition
    assert of.date is not None, of
    return to_datetime(of.date)


def _text(name: datetime | str) -> str:
    return name if isinstance(name, str) else name.isoformat()


def _short(of: BackfillDate) -> str:
    name = _name(of)
    return name if isinstance(name, str) else f"{name:%Y-%m-%dT%H:%MZ}"
