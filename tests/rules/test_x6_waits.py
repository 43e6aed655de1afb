"""X6 for waits: however often they look, in whatever mode and with however many workers, the same runs end alike.

The graph has a wait of each kind; what they wait for comes once and stays, so whoever looks sees it sooner or later.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from tests.support.engines import parts
from tests.support.profiles import examples

POLLS = ("20s", "7m", "1h")
WORKERS = (1, 2, 8)
DAYS = 3
PLAN = st.lists(st.sampled_from(["dag", "task", "dataset", "earlier", "until"]), min_size=1, max_size=3, unique=True)


def graph_of(waits: list[str], mode: str, poll: str) -> rd.Graph:
    """`make` runs and publishes each day; `report` waits for all that the plan says."""
    graph = rd.Graph("waits")
    days = graph.dataset("days", partitions=rd.day())

    @graph.dag(schedule="0 2 * * *", outlets=[days], catchup="all")
    def make(run: rd.Run) -> int:
        if run.logical_date.day % 3 == 0:
            raise rd.FailTask("every third day")
        run.set(f"made {run.partition}", run.logical_date.day)
        return run.logical_date.day

    how = {"poll": poll, "timeout": "20h"}
    report = graph.dag("report", schedule="0 1 * * *", catchup="all")
    same = lambda date: date.replace(hour=2)  # noqa: E731
    kinds = {
        "dag": lambda: report.wait_for(make, id="dag", mode=mode, logical_date=same, **how),
        "task": lambda: report.wait_for(make, "make", id="task", mode=mode, soft_fail=True, logical_date=same, **how),
        "dataset": lambda: report.wait_for(days, id="dataset", mode=mode, soft_fail=True, **how),
        "earlier": lambda: report.wait_for(days, id="earlier", mode=mode, partition=yesterdays, **how),
        "until": lambda: report.wait_until(made, id="until", mode="reschedule" if mode == "push" else mode, **how),
    }
    report.add(lambda run: None, id="end", after=[kinds[each]() for each in waits], trigger_rule="all_done")
    return graph


def yesterdays(date):
    return [f"{date:%Y-%m-%d}"]


def made(run: rd.Run) -> object:
    return run.get(f"made {run.logical_date:%Y-%m-%d}")


def outcome(waits: list[str], mode: str, poll: str, workers: int) -> set[tuple[object, ...]]:
    """How each run and each of its tasks ended."""
    runner = rd.ThreadRunner(workers)
    with rd.Engine(graph_of(waits, mode, poll), clock=rd.VirtualClock("2026-11-22T00:00Z"), runner=runner) as engine:
        engine.advance(f"{DAYS}d")
        parts(engine).fold._check()
        return {
            (run.key, run.state, *((task.id, task.state) for task in run.tasks.values())) for run in engine.runs()
        }  # fmt: skip


@settings(max_examples=examples(4))
@given(PLAN)
def test_X6_poll_and_workers_change_nothing_of_how_runs_with_waits_end(waits):
    expected = outcome(waits, "push", "1m", 8)
    assert len(expected) == 2 * DAYS
    for number, poll in enumerate(POLLS):
        assert outcome(waits, "reschedule", poll, WORKERS[number]) == expected
        assert outcome(waits, "reschedule", poll, WORKERS[(number + 1) % 3]) == expected
        assert outcome(waits, "poke", poll, 8) == expected


@pytest.mark.parametrize("workers", [4, 8])
@pytest.mark.parametrize("poll", POLLS)
def test_X6_waits_that_hold_workers_end_alike_as_long_as_one_is_left(poll, workers):
    waits = ["dag", "dataset", "until"]
    assert outcome(waits, "poke", poll, workers) == outcome(waits, "push", "1m", 1)
