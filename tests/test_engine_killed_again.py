"""The pipeline with threads, killed and killed again: at writes and syncs, and at any instant of wall time (X1, X2).

Each case is a store with several lives (killing.py), two cases at a time; the last life judges. In CI the cases are the
same each time, at night they are new ones, and every point of the calm pipeline is among them.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest
from profiles import NIGHTLY, examples

KILLING = Path(__file__).parent / "killing.py"


class Servers:
    """Two processes that run cases; a case waits for the one that is free."""

    def __init__(self) -> None:
        self.all = [
            subprocess.Popen([sys.executable, KILLING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        self.free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        for each in self.all:
            self.free.put(each)

    def run(self, folder: Path, threads: bool, lives: list[dict[str, float]]) -> dict[str, object]:
        folder.mkdir()
        server = self.free.get()
        try:
            assert server.stdin is not None and server.stdout is not None
            server.stdin.write(json.dumps({"folder": str(folder), "threads": threads, "lives": lives}) + "\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())
        finally:
            self.free.put(server)

    def run_all(self, folder: Path, threads: bool, cases: list[list[dict[str, float]]]) -> list[dict[str, object]]:
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self.run, folder / str(n), threads, lives) for n, lives in enumerate(cases)]
            told = [job.result() for job in jobs]
        for lives, each in zip(cases, told, strict=True):
            assert not each["error"], f"{lives}: {each['error']}"
        return told

    def close(self) -> None:
        for each in self.all:
            assert each.stdin is not None
            each.stdin.close()
            each.wait(30)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    found = Servers()
    yield found
    found.close()


def chance() -> random.Random:
    return random.Random() if NIGHTLY else random.Random(2026)


def killed(told: list[dict[str, object]]) -> int:
    """How many lives were ended by SIGKILL."""
    return sum(each["codes"].count(-signal.SIGKILL) for each in told)  # type: ignore[attr-defined]


def test_X1_killed_at_writes_and_syncs_while_threads_share_commits(tmp_path: Path, servers: Servers) -> None:
    whole, draw = servers.run(tmp_path / "whole", True, []), chance()
    most = whole["points"][0]  # type: ignore[index]
    cases = [[{"at": draw.randint(1, most)}] for _ in range(examples(24))]
    cases += [[{"at": draw.randint(1, most)}, {"at": draw.randint(1, 60)}] for _ in range(examples(12))]
    assert killed(servers.run_all(tmp_path, True, cases)) >= 30


def test_X2_killed_at_any_instant_nothing_recorded_is_repeated(tmp_path: Path, servers: Servers) -> None:
    draw = chance()
    cases = [[{"after": draw.uniform(0.02, 0.5)} for _ in range(draw.randint(1, 3))] for _ in range(examples(24))]
    assert killed(servers.run_all(tmp_path, True, cases)) >= 24


def test_X1_killed_in_the_start_after_a_kill(tmp_path: Path, servers: Servers) -> None:
    """Recovery is cut off in its turn; but not for a third time, for what is lost thrice has failed (R5)."""
    draw = chance()
    cases = [[{"at": draw.randint(30, 200)}, {"at": draw.randint(1, 12)}] for _ in range(examples(16))]
    if NIGHTLY:
        cases += [[{"at": point}] for point in range(1, 212)]
    assert killed(servers.run_all(tmp_path, False, cases)) >= 24
