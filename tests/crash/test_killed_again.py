"""The pipeline with threads, killed and killed again: at writes and syncs, and at any other instant (X1, X2).

Each case is a store with several lives (killing.py), one after the other in one process; the last life judges. How
many kills come in time depends on the machine, and nothing counts on it: one that is too late is an ordinary end, and
what must hold holds then too. In CI the instants drawn are the same each time, at night they are new ones, and every
point of the calm pipeline is among them.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.profiles import NIGHTLY, examples

KILLING = [sys.executable, "-m", "tests.support.killing"]
Lives = list[dict[str, float]]
"""How each life ends: `at` the n-th write or sync of its log, or `after` so many seconds of its work."""


class Server:
    """A process that runs one case after the other."""

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(KILLING, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)

    def run(self, folder: Path, threads: bool, lives: Lives) -> dict[str, list[int]]:
        """The codes of all lives, and the points that those counted which came to their end."""
        folder.mkdir()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(folder), "threads": threads, "lives": lives}) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert not told["error"], f"{lives}: {told['error']}"
        return told

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def chance() -> random.Random:
    return random.Random() if NIGHTLY else random.Random(2026)


def test_X1_killed_at_writes_and_syncs_while_threads_share_commits(tmp_path: Path, server: Server) -> None:
    most, draw = server.run(tmp_path / "whole", True, [])["points"][0], chance()
    cases: list[Lives] = [[{"at": draw.randint(1, most)}] for _ in range(examples(8))]
    cases += [[{"at": draw.randint(1, most)}, {"at": draw.randint(1, 60)}] for _ in range(examples(4))]
    for number, lives in enumerate(cases):
        server.run(tmp_path / str(number), True, lives)


def test_X2_killed_at_any_instant_nothing_recorded_is_repeated(tmp_path: Path, server: Server) -> None:
    """At most twice, for what is lost three times in a row has failed (R5)."""
    draw = chance()
    for number in range(examples(12)):
        lives = [{"after": draw.uniform(0.02, 0.5)} for _ in range(draw.randint(1, 2))]
        server.run(tmp_path / str(number), True, lives)


def test_X1_killed_in_the_start_after_a_kill(tmp_path: Path, server: Server) -> None:
    """Recovery is cut off in its turn. With one thread the points are the same each time, so every kill comes."""
    most, draw = server.run(tmp_path / "whole", False, [])["points"][0], chance()
    points = range(1, most + 1) if NIGHTLY else sorted(draw.sample(range(1, most + 1), 8))
    for point in points:
        told = server.run(tmp_path / str(point), False, [{"at": point}, {"at": draw.randint(1, 12)}])
        assert told["codes"][0] == -signal.SIGKILL
