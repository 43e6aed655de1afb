"""Run all benchmarks, each in a process of its own, and write what they print to `results.md`.

`python benchmarks/run.py` takes some fifteen minutes. `pip install '.[bench]'` brings the peers.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from harness import machine

HERE = Path(__file__).parent
NAMES = (
    "trigger", "operators", "latency", "durable", "resolve", "restart", "simulate", "log", "mapped", "limits", "waits",
    "growth", "rollup", "whatif", "change", "large", "draw",
)  # fmt: skip
HEAD = """# Results

Measured on {day} with `python benchmarks/run.py`, every script in a process of its own, with its peers in the same run.

- Machine: {machine}. It is a small shared virtual machine: times vary from run to run, so the ratios say more than the
  seconds.
- "goal" is what the project set itself; "missed" lines say by how much, and [notes.md](notes.md) what holds them back.
"""


def main() -> None:
    """Run, and write."""
    parts = [HEAD.format(day=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine())]
    for name in NAMES:
        print(name, flush=True)
        done = subprocess.run([sys.executable, f"bench_{name}.py"], cwd=HERE, capture_output=True, text=True)
        text = "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip() or done.stderr[-2000:]
        parts.append(f"## {name}\n\n```text\n{text}\n```\n")
    (HERE / "results.md").write_text("\n".join(parts))


if __name__ == "__main__":
    main()
