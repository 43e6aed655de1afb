"""The DAGs that an engine and its naive model share (twins.py): tasks, options, pools, and clocks to change to."""

from __future__ import annotations

import attrs

import reactive_dag as rd
from reactive_dag.model.times import SECOND
from tests.reference.model_parts import Awaits, Spec
from tests.support.strategies import DATASETS

BEFORE = 7 * SECOND
"""How long before its own date lies the second one that a wait for two dates awaits."""
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
    "v": {
        "same": Spec(wait=Awaits("q"), timeout=8_300_000_000, retries=1, delay=1_500_000_000, soft=True),
        "task": Spec(
            wait=Awaits("q", tasks=("t",), states=("success", "skipped"), failed=("failed",)),
            timeout=9_300_000_000,
            retries=1,
            delay=SECOND,
        ),
        "t": Spec(needs=("same", "task"), rule="all_done"),
    },
    "n": {
        "tick": Spec(wait=Awaits("r", states=("success", "failed"), failed=("cancelled",)), timeout=20_300_000_000),
        "back": Spec(
            wait=Awaits("r", offset=7 * SECOND, skipped=("skipped",)),
            poll=2 * SECOND,
            timeout=15_300_000_000,
            poke=True,
            pool="u",
        ),
        "some": Spec(wait=Awaits("m"), timeout=5_300_000_000, retries=1, delay=SECOND),
        "t": Spec(needs=("tick", "back", "some"), rule="all_done"),
    },
    "m": {"t": Spec()},
    "l": {
        "both": Spec(wait=Awaits("r", also=BEFORE, failed=("cancelled",)), timeout=16_300_000_000),
        "new": Spec(wait=Awaits("r", since=True, missing=True), timeout=9_300_000_000, retries=1, delay=SECOND),
        "parts": Spec(wait=("f", ("eu", "us"), False), timeout=6_300_000_000, soft=True),
        "t": Spec(needs=("both", "new", "parts"), rule="all_done"),
    },
    "y": {
        "late": Spec(wait=Awaits("q", match="latest", skipped=("skipped",)), timeout=9_300_000_000),
        "before": Spec(wait=Awaits("r", match="latest", offset=3 * SECOND), timeout=12_300_000_000, soft=True),
        "day": Spec(wait=Awaits("m", match="same_day"), poll=2 * SECOND, timeout=8_300_000_000, retries=1),
        "tasks": Spec(
            wait=Awaits("r", tasks=("t", "last"), match="latest", skipped=("skipped",)), timeout=14_300_000_000
        ),
        "t": Spec(needs=("late", "before", "day", "tasks"), rule="all_done"),
    },
    **{f"x{n}": {"t": Spec(retries=n, pool=[None, "w", "v"][n])} for n in range(3)},
}
OPTIONS = {
    "p": {"deadline": "4s"},
    "r": {"max_active_runs": 1, "outlets": ["c"], "deadline": rd.every("11s")},
    "s": {"max_active_runs": 2, "timeout": "9s", "deadline": "5s"},
    "q": {"max_active_runs": 2, "overlap": "replace", "timeout": "12s", "deadline": "6s"},
    "y": {"tz": "Europe/Berlin"},
    "x0": {"catchup": "all"},
    "x1": {"max_active_runs": 1, "overlap": "skip"},
    "x2": {"catchup": "none", "max_active_runs": 1, "overlap": "replace"},
}
LONGER, SHORTER = 12_300_000_000, 4_300_000_000


def _changed(dag, options=None, **specs):
    """A DAG with some of its tasks declared in another way (None: without it), and other options."""
    tasks = {id: spec for id, spec in {**SPECS[dag], **specs}.items() if spec is not None}
    return tasks, {**OPTIONS.get(dag, {}), **(options or {})}


def _variants(dag, *changed):
    return [_changed(dag), *changed]


VARIANTS = {
    "p": _variants(
        "p",
        _changed("p", t=Spec(retries=0), u=Spec(needs=("t",), outlets=(), priority=0)),
        _changed("p", t=Spec(retries=2, delay=SECOND, timeout=3 * SECOND, outlets=("d",)), u=Spec(rule="all_done")),
        _changed("p", first=Spec(), t=Spec(needs=("first",), retries=1), u=None),
    ),
    "q": _variants(
        "q",
        _changed("q", {"timeout": "7s", "max_active_runs": 1}, t=Spec(timeout=2 * SECOND, pool="v")),
        _changed("q", {"timeout": None, "overlap": "queue"}, t=Spec(retries=2, pool="w", slots=1), more=Spec(pool="v")),
    ),
    "r": _variants(
        "r",
        _changed("r", {"max_active_runs": 2, "outlets": []}, t=Spec(pool="v"), y=None,
                 z=Spec(needs=("t",), rule="all_done"), last=Spec(rule="all_done")),
        _changed("r", {"timeout": "8s"}, z=Spec(needs=("t", "y"), rule="all_done", retries=1)),
    ),
    "s": _variants(
        "s",
        _changed("s", {"timeout": "14s"}, each=Spec(needs=("t",), over="t", retries=0, delay=SECOND, pool="v"),
                 late=Spec(needs=("t", "left"), over="t", rule="all_done")),
        _changed("s", {"timeout": None, "max_active_runs": 1}, inner=None, left=Spec(),
                 clean=Spec(needs=("join", "each"), rule="all_done", teardown=True, outlets=("c",))),
    ),
    "w": _variants(
        "w",
        _changed("w", push=attrs.evolve(SPECS["w"]["push"], timeout=LONGER, delay=SECOND, soft=False),
                 re=attrs.evolve(SPECS["w"]["re"], timeout=SHORTER, poll=3 * SECOND),
                 look=attrs.evolve(SPECS["w"]["look"], timeout=LONGER, soft=False, poke=True, pool="u")),
        _changed("w", push=attrs.evolve(SPECS["w"]["push"], timeout=SHORTER, poll=2 * SECOND),
                 re=attrs.evolve(SPECS["w"]["re"], timeout=LONGER, poll=0, soft=True)),
        _changed("w", re=attrs.evolve(SPECS["w"]["re"], timeout=LONGER, poke=True, pool="u", slots=2),
                 look=attrs.evolve(SPECS["w"]["look"], poll=2 * SECOND, poke=True, pool="w")),
    ),
    "v": _variants(
        "v",
        _changed("v", same=attrs.evolve(SPECS["v"]["same"], poll=3 * SECOND, timeout=LONGER, soft=False),
                 task=Spec(wait=Awaits("q", tasks=("t",), states=("success", "failed", "cancelled"), failed=()))),
    ),
    "n": _variants(
        "n",
        _changed("n", back=attrs.evolve(SPECS["n"]["back"], poll=0, timeout=LONGER, poke=False, pool=None),
                 tick=Spec(wait=Awaits("r", failed=("cancelled",), skipped=("failed",)), timeout=SHORTER,
                           retries=1, soft=True)),
        _changed("n", back=attrs.evolve(SPECS["n"]["back"], pool="w", slots=2, priority=1),
                 some=attrs.evolve(SPECS["n"]["some"], poll=SECOND, poke=True, pool="u", timeout=LONGER)),
    ),
    "l": _variants(
        "l",
        _changed("l", both=attrs.evolve(SPECS["l"]["both"], poll=2 * SECOND, timeout=LONGER),
                 new=Spec(wait=Awaits("r", since=True, failed=("cancelled",)), timeout=LONGER, soft=True),
                 parts=attrs.evolve(SPECS["l"]["parts"], poll=3 * SECOND, poke=True, pool="v", retries=1)),
    ),
    "y": _variants(
        "y",
        _changed("y", late=attrs.evolve(SPECS["y"]["late"], poll=3 * SECOND, timeout=LONGER, soft=True),
                 before=attrs.evolve(SPECS["y"]["before"], timeout=SHORTER, retries=1),
                 day=attrs.evolve(SPECS["y"]["day"], poll=0),
                 tasks=Spec(wait=Awaits("r", tasks=("t", "z"), states=("success", "skipped")), timeout=LONGER)),
    ),
    "x0": _variants(
        "x0", _changed("x0", {"timeout": "6s", "max_active_runs": 1}, t=Spec(), u=Spec(needs=("t",))),
        _changed("x0", t=Spec(wait=Awaits("q", skipped=("skipped",)), timeout=LONGER),
                 u=Spec(needs=("t",), rule="all_done")),
    ),
    "x1": _variants(
        "x1", _changed("x1", {"overlap": "queue"}, t=Spec(retries=1, pool="u")),
        _changed("x1", late=Spec(wait=Awaits("r", match="latest", offset=SECOND), timeout=SHORTER, retries=1),
                 day=Spec(wait=Awaits("m", match="same_day"), poll=2 * SECOND, timeout=LONGER, soft=True)),
    ),
    "x2": _variants("x2", _changed("x2", {"max_active_runs": 2, "overlap": "skip"}, t=None, u=Spec(timeout=SECOND))),
}  # fmt: skip
"""How each DAG may be declared anew; the first is as it was at first."""
CLOCKS = [
    rd.every("5s"), rd.every("3s") | rd.updated(DATASETS[2]), rd.every("3s") & rd.completed("q", states="any"),
    rd.every("4s", skip=["2026-11-22"]) | rd.updated(DATASETS[2]),
]  # fmt: skip
"""Triggers with dates that can be backfilled; the last has none before a world begins, at midnight."""
POOLS = {"w": 3, "v": 1, "u": 2}
