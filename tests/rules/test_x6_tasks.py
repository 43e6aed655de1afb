"""X6 of what runs are made of: mapped tasks, branches, teardowns, pools and limits of runs, whatever the workers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from tests.support.profiles import examples

WORKERS = (1, 2, 8)
RULES = ("all_success", "all_done", "none_failed", "one_failed", "none_failed_min_one_success")


@pytest.fixture(autouse=True)
def threads_take_turns() -> Iterator[None]:
    """Threads are switched as often as can be, so that attempts end in any order."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def chance(run: rd.Run, about: object = "") -> int:
    """A number from 0 to 9 that the run, the task, the attempt and an item decide."""
    text = f"{run.dag} {run.logical_date} {run.task} {run.attempt} {about}"
    return blake2b(text.encode(), digest_size=4).digest()[0] % 10


def plain(run: rd.Run) -> list[int]:
    """Goes well mostly, and gives a list: for one in ten an empty one."""
    if (draw := chance(run)) < 2:
        raise ValueError("it was to")
    if draw == 2:
        raise rd.SkipTask("nothing to do")
    return list(range(draw - 3))


def instance(item: int = rd.item(), run: rd.Run = None) -> int:  # type: ignore[assignment]
    """One of many: some fail, some are skipped."""
    if (draw := chance(run, item)) == 0:
        raise ValueError("it was to")
    if draw == 1:
        raise rd.SkipTask("nothing to do")
    return item


def cleaning(run: rd.Run) -> str:
    """A teardown: it goes well."""
    return run.task


@st.composite
def tasks(draw):
    """Tasks of one DAG: (kind, what it follows, rule, pool, retries)."""
    found = [("plain", [], "all_success", draw(st.booleans()), draw(st.integers(0, 2)))]
    for number in range(1, draw(st.integers(2, 6))):
        kind = draw(st.sampled_from(["plain", "plain", "mapped", "branch", "teardown"]))
        above = draw(st.lists(st.integers(0, number - 1), min_size=1, max_size=2, unique=True))
        above = [each for each in above if found[each][0] != "teardown"] or [0]
        rule = "all_success" if kind == "teardown" else draw(st.sampled_from(RULES))
        found.append((kind, above, rule, draw(st.booleans()), draw(st.integers(0, 2))))
    return found


def add(dag: rd.Dag, number: int, plan: list[tuple], priority: int) -> None:
    kind, above, rule, pooled, retries = plan[number]
    followers = [f"t{n}" for n, each in enumerate(plan) if number in each[1] and each[0] != "teardown"]
    options = {
        "id": f"t{number}", "after": [f"t{n}" for n in above], "trigger_rule": rule, "retries": retries,
        "priority": priority, **({"pool": "narrow"} if pooled else {}),
    }  # fmt: skip
    if kind == "branch" and followers:
        dag.add(lambda run: followers[chance(run) % len(followers)], branch=True, **options)
    elif kind == "mapped":
        dag.add(instance, map_over=f"t{above[0]}", **options)
    elif kind == "teardown":
        del options["trigger_rule"]
        dag.add(cleaning, teardown=True, **options)
    else:
        dag.add(plain, **options)


def graph_of(plans: list[list[tuple]], limit: int | None) -> rd.Graph:
    """DAGs that follow each other, all of one pool with two slots."""
    graph = rd.Graph("workers")
    graph.pool("narrow", slots=2)
    for number, plan in enumerate(plans):
        on = (
            rd.updated(graph.dataset("a", partitions=rd.day()))
            if not number
            else rd.completed(f"d{number - 1}", states="any")
        )
        dag = graph.dag(f"d{number}", on=on, max_active_runs=limit)
        for task in range(len(plan)):
            add(dag, task, plan, priority=task % 3)
    return graph


def outcome(plans, limit, days, runner):
    with rd.Engine(graph_of(plans, limit), runner=runner) as engine:
        engine.publish_many([("a", {"partition": f"2026-11-{day:02d}"}) for day in range(1, days + 1)])
        engine.run_until_idle(timeout="60s")
        assert not engine.runs(state=["queued", "running"])
        return {
            (
                run.dag,
                run.key,
                run.state,
                *[(t.id, t.state, str(t.output), len(t.attempts)) for t in run.tasks.values()],
            )
            for run in engine.runs()
        }


@settings(max_examples=examples(40))
@given(st.lists(tasks(), min_size=1, max_size=3), st.sampled_from([None, 1, 2]), st.integers(1, 4))
def test_X6_any_number_of_workers_gives_the_same_tasks(plans, limit, days):
    inline = outcome(plans, limit, days, rd.InlineRunner())
    assert inline
    for workers in WORKERS:
        assert outcome(plans, limit, days, rd.ThreadRunner(workers)) == inline
