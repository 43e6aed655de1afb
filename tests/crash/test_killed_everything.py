"""One of each (tests/support/everything.py), killed by SIGKILL at writes and syncs of its log, comes to the same end.

Mapped tasks, a branch, a pool, both kinds of overlap, a rerun with what follows, a mark, backfills, a child, shared
values, a deadline, partitions of two dimensions: whatever instant the process dies at, the next one ends with the same
runs, rounds and states, no success that was recorded runs again, and no recorded effect is repeated (X1, X2).
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import NotAStore
from reactive_dag.model.records import OnceDone, RunStarted, TaskFinished
from tests.support.everything import living
from tests.support.killing import lines
from tests.support.log_kit import CountedLog, in_child
from tests.support.profiles import NIGHTLY

PARTS = 4
"""The points are shared out to so many tests, which run side by side."""
MOST = 10
"""At most so many points a test in CI, spread evenly, the first and the last among them."""


def one_life(folder: Path, kill_at: int = -1) -> tuple[list[str], int]:
    """A life in a process of its own: the outcome and how many points it had, and how it ended."""

    def child(tell):
        found = living(folder, CountedLog)
        for each in found:
            tell(repr(each))
        tell(f"points {CountedLog.point}")

    return in_child(child, kill_at)


def done(folder: Path) -> tuple[set[str], set[str]]:
    """What the file says succeeded, as "run key task round", and the scopes of effects that it recorded."""
    try:
        log = SQLiteLog(folder / "store.db", read_only=True)
    except NotAStore:  # killed before there was one
        return set(), set()
    found, effects, rounds = set(), set(), {}
    try:
        for record in log.read(0, log.next_offset):
            if isinstance(record, RunStarted):
                rounds[record.run] = f"{record.dag}.", record.key, record.round
            elif isinstance(record, TaskFinished) and record.state == "success" and record.attempt:
                dag, key, number = rounds[record.run]
                found.add(f"{dag}{record.task} {key} {number}")
            elif isinstance(record, OnceDone):
                effects.add(f"{record.scope}/{record.name}")
    finally:
        log.close()
    return found, effects


def bodies(folder: Path) -> Counter[str]:
    """How often each body began, in each round of its run."""
    return Counter(line.rpartition(".")[0] for line in lines(folder / "bodies"))


@pytest.mark.parametrize("part", range(PARTS))
def test_X1_X2_one_of_each_is_killed_at_every_write_and_sync(tmp_path: Path, part: int) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    told, code = one_life(whole)
    assert code == 0
    outcome, last = told[:-1], int(told[-1].split()[1])
    mine = range(1 + part, last + 1, PARTS)
    few = list(mine) if NIGHTLY else [mine[n * (len(mine) - 1) // (MOST - 1)] for n in range(MOST)]
    assert len(few) >= MOST
    for point in few:
        folder = tmp_path / str(point)
        folder.mkdir()
        _, code = one_life(folder, point)
        assert code == -signal.SIGKILL, f"point {point} was not reached"
        succeeded, effects = done(folder)
        before, sent = bodies(folder), Counter(lines(folder / "sent"))
        told, code = one_life(folder)
        assert code == 0, f"the life after point {point} failed"
        assert told[:-1] == outcome, f"another outcome after point {point}"
        after = bodies(folder)
        again = {name for name in succeeded if after[name] != before[name]}
        assert not again, f"recorded as done before point {point}, and ran again"
        for name in effects:
            assert Counter(lines(folder / "sent"))[name] == sent[name] == 1, f"an effect was repeated ({point})"
