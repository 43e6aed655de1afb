"""What the benchmarks of the engine share: lines, the table, the machine, and a folder for stores."""

from __future__ import annotations

import gc
import os
import platform
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from rich.console import Console
from rich.table import Table


@frozen
class Line:
    """One figure: what was done, by whom, how much, its goal, and whether more is better."""

    job: str
    by: str
    value: float
    unit: str
    goal: float | None = None
    more: bool = True
    note: str = ""

    @property
    def met(self) -> str:
        """How the figure stands to its goal."""
        if self.goal is None:
            return ""
        ratio = self.value / self.goal if self.more else self.goal / self.value
        return f"{'met' if ratio >= 1 else 'missed'} ({ratio:.2f}x)"


def show(title: str, lines: list[Line]) -> None:
    """Print lines as a table; ratios are to the first line of the same job."""
    table = Table("job", "by", "figure", "ratio", "goal", "", "note", title=title, title_justify="left", box=None)
    first: dict[str, Line] = {}
    for line in lines:
        base = first.setdefault(line.job, line)
        ratio = "" if base is line or base.unit != line.unit else f"{base.value / line.value:.3g}x"
        goal = "" if line.goal is None else written(line.goal)
        table.add_row(line.job, line.by, f"{written(line.value)} {line.unit}", ratio, goal, line.met, line.note)
    Console(width=180).print(table)


def written(value: float) -> str:
    """A figure with three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """The machine, in a line."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    load = os.getloadavg()[0]
    return (
        f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {sys.version.split()[0]}, "
        f"SQLite {sqlite3.sqlite_version}, load {load:.1f} at the start"
    )


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for stores, on the disk that the temporary directory is on."""
    with tempfile.TemporaryDirectory(prefix="reactive-dag-bench-") as name:
        yield Path(name)


def settled(make: Callable[[], object]) -> object:
    """Make something big and take it out of the collector's sight, as a service does after its start."""
    made = make()
    gc.collect()
    gc.freeze()
    return made


def quantile(values: list[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
