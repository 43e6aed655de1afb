"""The DAGs that an engine and its naive model share (twins.py): tasks, options, pools, and clocks to change to."""

from __future__ import annotations

import reactive_dag as rd
from reactive_dag.model.times import SECOND
from tests.reference.model_parts import Spec
from tests.support.strategies import DATASETS

SPECS = {
    "p": {"t": Spec(retries=1, delay=2 * SECOND), "u": Spec(needs=("t",), outlets=("d",), priority=2)},
    "q": {"t": Spec(timeout=5 * SECOND, retries=1, pool="w", slots=2)},
    "r": {
        "t": Spec(pool="w"),
        "y": Spec(needs=("t",), rule="one_failed"),
        "z": Spec(needs=("t", "y"), rule="none_failed_min_one_success"),
        "last": Spec(needs=("y",), rule="all_done", retries=2, delay=3 * SECOND),
    },
    "s": {
        "t": Spec(),
        "each": Spec(needs=("t",), over="t", retries=1, delay=2 * SECOND, timeout=9 * SECOND, pool="w"),
        "inner": Spec(needs=("each",), over="each", rule="none_failed"),
        "pick": Spec(needs=("t",), branch=True),
        "left": Spec(needs=("pick",)),
        "right": Spec(needs=("pick", "each"), rule="all_done", priority=1),
        "join": Spec(needs=("left", "right", "pick"), rule="none_failed_min_one_success"),
        "clean": Spec(needs=("join", "inner"), rule="all_done", teardown=True, retries=1, delay=3 * SECOND),
    },
    "k": {"t": Spec()},
    "w": {
        "push": Spec(wait=("b", None, True), timeout=8_300_000_000, retries=1, delay=1_500_000_000, soft=True),
        "re": Spec(
            wait=("b", "2026-11-22", False), poll=2 * SECOND, timeout=8_300_000_000, retries=1, delay=1_500_000_000
        ),
        "look": Spec(until=True, poll=3 * SECOND, timeout=20_300_000_000, retries=1, delay=2 * SECOND, soft=True),
        "t": Spec(needs=("push", "re", "look"), rule="all_done"),
    },
    **{f"x{n}": {"t": Spec(retries=n, pool=[None, "w", "v"][n])} for n in range(3)},
}
OPTIONS = {
    "p": {"deadline": "4s"},
    "r": {"max_active_runs": 1, "outlets": ["c"], "deadline": rd.every("11s")},
    "s": {"max_active_runs": 2, "timeout": "9s", "deadline": "5s"},
    "q": {"max_active_runs": 2, "overlap": "replace", "timeout": "12s", "deadline": "6s"},
    "x0": {"catchup": "all"},
    "x1": {"max_active_runs": 1, "overlap": "skip"},
    "x2": {"catchup": "none", "max_active_runs": 1, "overlap": "replace"},
}
CLOCKS = [
    rd.every("5s"), rd.every("3s") | rd.updated(DATASETS[2]), rd.every("3s") & rd.completed("q", states="any"),
]  # fmt: skip
"""Triggers with dates that can be backfilled."""
POOLS = {"w": 3, "v": 1}
