"""reactive_dag: start DAGs from other DAGs and from data, exactly once, and ask what if before it happens.

The public names are those of the tour: `import reactive_dag as rd`. What a wing above declares (the engine, the
simulator) is loaded when it is first named, so that importing the library stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from reactive_dag.declare.analysis.problem import Problem
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.parameters import item, output
from reactive_dag.declare.settings.files import files, parquet
from reactive_dag.declare.settings.pool import Pool
from reactive_dag.declare.task import Task
from reactive_dag.model.calendar import Calendar, day, hour, month, week
from reactive_dag.model.errors import (
    CycleError,
    DuplicateError,
    EngineClosed,
    EngineReplaced,
    FailTask,
    GraphError,
    InvalidValue,
    NotAStore,
    NotIdle,
    OutputGone,
    Overflow,
    ReactiveDagError,
    RetryTask,
    SkipTask,
    StoreDamaged,
    StoreError,
    StoreInUse,
    StoreTooNew,
    TaskError,
    UndatedOutlet,
    UndeclaredOutlet,
    UnknownId,
    UsageError,
)
from reactive_dag.model.event import Event
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.partitions.values import values
from reactive_dag.notebook import register_pictures
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.joins.all_of import all_of
from reactive_dag.triggers.joins.any_of import any_of
from reactive_dag.triggers.joins.at_least import at_least
from reactive_dag.triggers.joins.sequence import sequence
from reactive_dag.triggers.leaves.absent import absent
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import Dataset, updated
from reactive_dag.triggers.leaves.missed import missed
from reactive_dag.triggers.leaves.schedule import at, cron, daily, every, weekly

if TYPE_CHECKING:
    from reactive_dag import operators
    from reactive_dag.engine.engine import Engine
    from reactive_dag.engine.execute.process_runner import ProcessRunner
    from reactive_dag.engine.execute.runners import InlineRunner, ThreadRunner
    from reactive_dag.engine.execute.stubs import fails_once, takes
    from reactive_dag.engine.inspect.run import Run
    from reactive_dag.log.ledger import Ledger
    from reactive_dag.notebook.streams.diagram import marbles
    from reactive_dag.notebook.widgets.explore import explore
    from reactive_dag.streams.aiter import aiter
    from reactive_dag.streams.clock import VirtualClock
    from reactive_dag.whatif.question.distributions import (
        empirical,
        exponential,
        lognormal,
        triangular,
        uniform,
        weibull,
    )
    from reactive_dag.whatif.question.interventions import capacity, delay, duration, fail, shared, workers
    from reactive_dag.whatif.simulation import Simulation, simulate

__version__ = "0.1.0"
register_pictures()

_LAZY = {
    "Engine": "reactive_dag.engine.engine",
    "InlineRunner": "reactive_dag.engine.execute.runners",
    "Ledger": "reactive_dag.log.ledger",
    "ProcessRunner": "reactive_dag.engine.execute.process_runner",
    "Run": "reactive_dag.engine.inspect.run",
    "Simulation": "reactive_dag.whatif.simulation",
    "ThreadRunner": "reactive_dag.engine.execute.runners",
    "VirtualClock": "reactive_dag.streams.clock",
    "aiter": "reactive_dag.streams.aiter",
    "delay": "reactive_dag.whatif.question.interventions",
    "duration": "reactive_dag.whatif.question.interventions",
    "explore": "reactive_dag.notebook.widgets.explore",
    "fails_once": "reactive_dag.engine.execute.stubs",
    "marbles": "reactive_dag.notebook.streams.diagram",
    "fail": "reactive_dag.whatif.question.interventions",
    "capacity": "reactive_dag.whatif.question.interventions",
    "workers": "reactive_dag.whatif.question.interventions",
    "shared": "reactive_dag.whatif.question.interventions",
    "uniform": "reactive_dag.whatif.question.distributions",
    "triangular": "reactive_dag.whatif.question.distributions",
    "lognormal": "reactive_dag.whatif.question.distributions",
    "exponential": "reactive_dag.whatif.question.distributions",
    "weibull": "reactive_dag.whatif.question.distributions",
    "empirical": "reactive_dag.whatif.question.distributions",
    "simulate": "reactive_dag.whatif.simulation",
    "takes": "reactive_dag.engine.execute.stubs",
    "spread_durations": "reactive_dag.whatif.question.durations",
}
_WINGS = ("operators",)


def __getattr__(name: str) -> object:
    if name in _WINGS:
        return import_module(f"reactive_dag.{name}")
    home = _LAZY.get(name)
    if home is None:
        raise AttributeError(f"module 'reactive_dag' has no attribute {name!r}")
    found = getattr(import_module(home), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)


__all__ = [
    "Calendar", "CycleError", "Dag", "Dataset", "DuplicateError", "Engine", "EngineClosed", "EngineReplaced", "Event",
    "FailTask", "Graph", "GraphError", "InlineRunner", "InvalidValue", "Ledger", "NotAStore", "NotIdle", "OutputGone",
    "Overflow", "Partitions", "Pool", "Problem", "ProcessRunner", "ReactiveDagError", "RetryTask", "Run",
    "Simulation", "SkipTask", "StoreDamaged", "StoreError", "StoreInUse", "StoreTooNew", "Task", "TaskError",
    "ThreadRunner", "Trigger", "UndatedOutlet", "UndeclaredOutlet", "UnknownId", "UsageError", "VirtualClock",
    "absent", "aiter", "all_of", "any_of", "at", "at_least", "capacity", "completed", "cron", "daily", "day", "delay",
    "duration", "empirical", "every", "explore", "exponential", "fail", "fails_once", "files", "hour", "item",
    "lognormal", "marbles", "missed", "month", "operators", "output", "parquet", "sequence", "shared", "simulate",
    "spread_durations", "takes", "triangular", "uniform", "updated", "values", "week", "weekly", "weibull", "workers",
]  # fmt: skip
