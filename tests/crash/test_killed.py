"""The demo's pipeline, killed by SIGKILL at writes and syncs of its log, goes on and does each thing once (X1, X2)."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.cli.pipeline import pipeline
from reactive_dag.log.sqlite.store import SQLiteLog
from reactive_dag.model.errors import NotAStore
from reactive_dag.model.records import Published, RunRequested, TaskFinished
from tests.support.log_kit import CountedLog, in_child
from tests.support.profiles import NIGHTLY

ORDERS = 4
PARTS = 4
"""The points are shared out to so many tests, which run side by side."""
MOST = 12
"""At most so many points a test in CI, spread evenly, the first and the last among them."""


def work(folder: Path, begin: str) -> Callable[[Callable[[str], None]], None]:
    """Publish the orders in two bursts and work them off, telling what was acknowledged."""

    def child(tell: Callable[[str], None]) -> None:
        with rd.Engine(
            pipeline(folder / "effects"), store=CountedLog(folder / "demo.db"), clock=rd.VirtualClock(begin)
        ) as engine:
            for first in range(0, ORDERS, 2):
                burst = range(first, first + 2)
                engine.publish_many([("demo://orders", {"key": f"order-{n}", "extra": {"order": n}}) for n in burst])
                for n in burst:
                    tell(f"order-{n}")
                engine.run_until_idle()
            engine.advance("3s")
            tell(f"points {CountedLog.point}")

    return child


def points(tmp_path: Path) -> int:
    """How many writes and syncs a life without a kill has."""
    lines, code = in_child(work(tmp_path, "2026-11-23T00:00Z"))
    assert code == 0
    return int(lines[-1].split()[1])


def recorded(folder: Path) -> tuple[Counter[tuple[int, str]], list[RunRequested], set[str | None]]:
    """Successes by run and task, requests, and the keys of outside events, as the file has them."""
    try:
        log = SQLiteLog(folder / "demo.db", read_only=True)
    except NotAStore:  # killed before there was one
        return Counter(), [], set()
    try:
        records = log.read(0, log.next_offset)
    finally:
        log.close()
    successes = Counter((r.run, r.task) for r in records if isinstance(r, TaskFinished) and r.state == "success")
    requests = [r for r in records if isinstance(r, RunRequested)]
    return successes, requests, {r.key for r in records if isinstance(r, Published) and r.run < 0}


def bodies(folder: Path) -> Counter[str]:
    """How often each run's body began ("dag key")."""
    path = folder / "effects"
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()


@pytest.mark.parametrize("part", range(PARTS))
def test_X1_X2_the_pipeline_is_killed_at_every_write_and_sync(tmp_path: Path, part: int) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    last = points(whole)
    mine = range(1 + part, last + 1, PARTS)
    chosen = list(mine) if NIGHTLY else [mine[n * (len(mine) - 1) // (MOST - 1)] for n in range(MOST)]
    assert len(chosen) >= MOST
    for point in chosen:
        folder = tmp_path / str(point)
        folder.mkdir()
        killed_and_goes_on(folder, point)


def killed_and_goes_on(folder: Path, point: int) -> None:
    told, code = in_child(work(folder, "2026-11-23T00:00Z"), kill_at=point)
    assert code == -signal.SIGKILL, f"point {point} was not reached"
    finished, _, there = recorded(folder)
    done, before = {f"{task} {run}" for run, task in finished}, bodies(folder)
    assert {line for line in told if line.startswith("order")} <= there, f"an acknowledged event is gone ({point})"

    _, code = in_child(work(folder, "2026-11-23T01:00Z"))
    assert code == 0, f"the restart after point {point} failed"
    successes, requests, keys = recorded(folder)
    assert keys == {f"order-{n}" for n in range(ORDERS)}
    assert set(successes.values()) == {1}, f"a success was recorded twice ({point})"
    counts = Counter(request.dag for request in requests)
    assert {counts[dag] for dag in ("extract", "clean", "enrich", "merge")} == {ORDERS}, (point, counts)
    assert len(successes) == len(requests), f"a run did not end well ({point})"
    with rd.Engine(pipeline(folder / "effects"), store=str(folder / "demo.db"), read_only=True) as engine:
        runs = engine.runs()
        assert len({run.key for run in runs}) == len(runs) == len(requests), f"a key was requested twice ({point})"
        assert sum(run.tasks["report"].output for run in engine.runs("report")) == ORDERS
        after = bodies(folder)
        for run in runs:
            task = next(iter(run.tasks.values()))
            if f"{task.id} {run._offset}" in done:
                name = f"{run.dag} {run.key}"
                assert after[name] == before[name], f"{name} succeeded before point {point}, and ran again"
