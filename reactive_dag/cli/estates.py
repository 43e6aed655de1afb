"""The estate's day as the demo and the commands simulate it: which day, and which durations are assumed.

No task durations are published for the estate; whatever stands here is an assumption, a parameter, and said so.
"""

from __future__ import annotations

from datetime import UTC, datetime

import reactive_dag as rd
from reactive_dag.interop.estate import Estate
from reactive_dag.interop.examples import open_example
from reactive_dag.whatif.question.durations import spread_durations
from reactive_dag.whatif.question.question import GivenSources
from reactive_dag.whatif.simulation import simulate

ESTATE_DAY = datetime(2026, 11, 23, tzinfo=UTC)
ASSUMED = ("5m", "40m")
"""The shortest and the longest duration that is assumed for a task of an estate."""


def simulate_estate(
    *, start: datetime = ESTATE_DAY, until: str = "1d", default: tuple[str, str] = ASSUMED, seed: int = 0
) -> tuple[Estate, rd.Simulation]:
    """One day of the Mozilla estate in virtual time, with durations spread by a hash of each task's name."""
    estate = open_example("mozilla")
    return estate, simulate_graph(estate.graph, start=start, until=until, default=default, seed=seed)


def simulate_graph(
    graph: rd.Graph, *, start: datetime | str, until: str, default: tuple[str, str] = ASSUMED,
    sources: GivenSources | None = None, seed: int = 0,
) -> rd.Simulation:  # fmt: skip
    """A graph in virtual time from `start`, for `until`; `sources` says when outside publishes what."""
    return simulate(
        graph, start=start, until=until, sources=sources, default_duration=spread_durations(*default), seed=seed
    )
