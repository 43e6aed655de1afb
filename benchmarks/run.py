"""Run the benchmarks, each in a process of its own, and write what they print to `results.md`.

`python benchmarks/run.py` takes some twenty minutes; `python benchmarks/run.py whatif change` measures those two and
leaves the others as they are. `pip install '.[bench]'` brings the peers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness import machine

HERE = Path(__file__).parent
RESULTS = HERE / "results.md"
NAMES = (
    "trigger", "operators", "latency", "durable", "resolve", "restart", "simulate", "log", "mapped", "limits", "waits",
    "growth", "rollup", "whatif", "change", "large", "draw", "panel",
)  # fmt: skip
HEAD = """# Results

Measured with `python benchmarks/run.py`, every script in a process of its own, with its peers in the same run, on
the day that each says.

- Machine: {machine}. It is a small shared virtual machine: times vary from run to run, so the ratios say more than the
  seconds.
- "goal" is what the project set itself; "missed" lines say by how much, and [notes.md](notes.md) what holds them back.
"""


def main(asked: list[str]) -> None:
    """Measure what is asked for, else all, and write."""
    known = sections()
    for name in asked or NAMES:
        print(name, flush=True)
        done = subprocess.run(
            [sys.executable, f"bench_{name}.py"], cwd=HERE, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        )  # fmt: skip
        text = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip() or done.stderr[-2000:]
        known[name] = f"{datetime.now(UTC):%Y-%m-%d}\n\n```text\n{text}\n```\n"
        parts = [f"## {each}\n\n{known[each]}" for each in NAMES if each in known]
        RESULTS.write_text("\n".join([HEAD.format(machine=machine()), *parts]))


def sections() -> dict[str, str]:
    """What was measured before, by script."""
    parts = RESULTS.read_text().split("\n## ")[1:] if RESULTS.exists() else []
    return {name: text.strip() + "\n" for name, _, text in (part.partition("\n") for part in parts)}


if __name__ == "__main__":
    main(sys.argv[1:])
