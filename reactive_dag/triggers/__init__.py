"""Every kind of trigger there is: a new one is imported here, its class says the rest (docs/adding-a-trigger.md)."""

from reactive_dag.triggers.functions import by, map, rollup, where
from reactive_dag.triggers.joins import all_of, any_of, at_least, sequence, with_latest
from reactive_dag.triggers.leaves import absent, completed, dataset, missed, schedule
from reactive_dag.triggers.windows import batch, debounce, reset, throttle, within

__all__ = [
    "absent", "all_of", "any_of", "at_least", "batch", "by", "completed", "dataset", "debounce", "map", "missed",
    "reset", "rollup", "schedule", "sequence", "throttle", "where", "with_latest", "within",
]  # fmt: skip
