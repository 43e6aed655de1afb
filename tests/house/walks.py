"""How one event, timer, wait, retry, restart and simulation walk through the files of the package.

`python -m tests.house.walks` prints, for each, how many files of reactive_dag execute and how often the file that
executes changes, calls and returns counted. Each walk is taken once before it is measured, so that nothing is loaded or
cached for the first time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import reactive_dag as rd
from tests.house.source import PACKAGE

START = "2026-11-23T00:00Z"
Step = Callable[[], object]


class Figures(NamedTuple):
    """What a walk costs a reader."""

    files: int
    changes: int


class Walk:
    """Notes, while it is entered, which files of the package execute."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.changes = 0
        self._last = ""

    def __enter__(self) -> Walk:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)

    @property
    def figures(self) -> Figures:
        """The files, and how often the one that executes changed."""
        return Figures(len(self.files), self.changes)

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        at = frame if event == "call" else frame.f_back if event == "return" else None
        name = at.f_code.co_filename if at is not None else ""
        if name.startswith(str(PACKAGE)):
            self.files.add(name)
            self.changes += name != self._last
            self._last = name


def opened(graph: rd.Graph, store: Path | None = None) -> rd.Engine:
    """An engine in virtual time, idle."""
    engine = rd.Engine(graph, store, clock=rd.VirtualClock(START))
    engine.run_until_idle()
    return engine


def event(_: Path) -> Step:
    """Publish, a run, and the run of a DAG that depends on it."""
    graph = rd.Graph("walk")
    first = graph.dag("first", on=graph.dataset("a"))
    first.add(lambda run: 1, id="only")
    graph.dag("second", on=rd.completed("first")).add(lambda run: 2, id="only")
    engine = opened(graph)

    def step() -> None:
        engine.publish("a")
        engine.run_until_idle()
        assert engine.runs("second")[0].state == "success"

    return step


def timer(_: Path) -> Step:
    """The end of a batch window, and the run that follows."""
    graph = rd.Graph("walk")
    graph.dag("first", on=rd.updated(graph.dataset("a")).batch(max_wait="5m")).add(lambda run: 1, id="only")
    engine = opened(graph)
    engine.publish("a")
    engine.run_until_idle()
    return lambda: engine.advance("5m")


def wait(_: Path) -> Step:
    """A run that waits for another DAG's run of its date."""
    graph = rd.Graph("walk")
    graph.dag("awaited").add(lambda run: 1, id="only")
    waiting = graph.dag("waiting")
    waiting.add(lambda run: 2, id="only", after=[waiting.wait_for("awaited", timeout="1h")])
    engine = opened(graph)

    def step() -> None:
        runs = [engine.start(dag, logical_date=START) for dag in ("waiting", "awaited")]
        engine.run_until_idle()
        assert [run.state for run in runs] == ["success", "success"]

    return step


def retry(_: Path) -> Step:
    """An attempt that fails, the delay, and the attempt that succeeds."""
    graph = rd.Graph("walk")

    @graph.dag(retries=1, retry_delay="1m")
    def fails_once(run: rd.Run) -> None:
        if run.attempt == 1:  # type: ignore[attr-defined]
            raise ConnectionError("again")

    engine = opened(graph)

    def step() -> None:
        run = engine.start("fails_once")
        engine.run_until_idle()
        assert run.state == "success"

    return step


def restart(folder: Path) -> Step:
    """Opening a store that holds two runs, one of which was not executed yet."""
    graph = rd.Graph("walk")
    graph.dag("first", on=graph.dataset("a")).add(lambda run: 1, id="only")
    store = folder / "walk.db"
    engine = opened(graph, store)
    engine.publish("a")
    engine.run_until_idle()
    engine.publish("a")
    engine.close()

    def step() -> None:
        with rd.Engine(graph, store, clock=rd.VirtualClock(START)) as engine:
            engine.run_until_idle()
            assert [run.state for run in engine.runs()] == ["success", "success"]

    return step


def simulation(_: Path) -> Step:
    """A day of two DAGs in virtual time, and the runs that it has."""
    graph = rd.Graph("walk")
    graph.dag("first", schedule="0 2 * * *").add(lambda run: 1, id="only")
    graph.dag("second", on=rd.completed("first")).add(lambda run: 2, id="only")

    def step() -> None:
        assert len(rd.simulate(graph, start=START, until="1d", default_duration="5m").runs) == 2

    return step


WALKS: dict[str, Callable[[Path], Step]] = {
    "event": event, "timer": timer, "wait": wait, "retry": retry, "restart": restart, "simulation": simulation,
}  # fmt: skip


BEFORE = {
    "event": Figures(37, 451), "timer": Figures(41, 347), "wait": Figures(37, 534), "retry": Figures(35, 480),
    "restart": Figures(67, 832), "simulation": Figures(70, 910),
}  # fmt: skip
"""What this printed before the wings had rooms."""


def measured(name: str) -> Figures:
    """The figures of one walk, taken a second time."""
    figures = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            step = WALKS[name](Path(folder))
            with Walk() as walk:
                step()
        figures.append(walk.figures)
    return figures[-1]


if __name__ == "__main__":
    print(f"{'':<12}{'files':>7}{'changes':>9}{'before: files':>17}{'changes':>9}")
    for each in WALKS:
        print("{:<12}{:>7}{:>9}{:>17}{:>9}".format(each, *measured(each), *BEFORE[each]))
