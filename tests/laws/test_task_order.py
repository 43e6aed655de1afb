"""R4: the states of a run's tasks follow from how tasks end, and never from which of them ends first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations, product

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from tests.support.profiles import examples
from tests.support.world import World

ENDS = ("success", "failed", "skipped")
RULES = (
    "all_success", "all_done", "one_success", "one_failed", "none_failed", "all_failed", "none_failed_min_one_success",
)  # fmt: skip


def end_of(rule: str, needs: list[str]) -> str:
    """What a task becomes once all it needs has ended: "ready", or its state. Written from the page alone."""
    failed = [state for state in needs if state in ("failed", "upstream_failed")]
    good = needs.count("success")
    met = {
        "all_success": good == len(needs),
        "all_done": True,
        "one_success": good > 0 or not needs,
        "one_failed": bool(failed) or not needs,
        "none_failed": not failed,
        "all_failed": len(failed) == len(needs),
        "none_failed_min_one_success": not failed and (good > 0 or not needs),
    }[rule]
    return "ready" if met else "upstream_failed" if failed else "skipped"


@frozen
class TaskSpec:
    """`fails_first` attempts fail before the one that decides."""

    needs: tuple[int, ...]
    rule: str
    end: str
    fails_first: int = 0


def ended(specs: tuple[TaskSpec, ...]) -> dict[str, str]:
    """The states that all tasks must have in the end."""
    found: list[str] = []
    for spec in specs:
        judged = end_of(spec.rule, [found[need] for need in spec.needs])
        found.append(spec.end if judged == "ready" else judged)
    return {f"t{at}": state for at, state in enumerate(found)}


def world_of(specs: tuple[TaskSpec, ...]) -> World:
    graph = rd.Graph("order")
    dag = graph.dag("job")
    for at, spec in enumerate(specs):
        dag.add(
            lambda run: world.body(run), id=f"t{at}", after=[f"t{need}" for need in spec.needs],
            trigger_rule=spec.rule, retries=spec.fails_first, retry_delay="5s",
        )  # fmt: skip
    world = World(graph)  # its `body` is what every task does
    return world


def outcome_of(specs: tuple[TaskSpec, ...]) -> Callable[[rd.Run], object]:
    def outcome(run: rd.Run) -> object:
        spec = specs[int(run.task[1:])]
        lost = sum(attempt.state == "lost" for attempt in run.tasks[run.task].attempts)
        if run.attempt - lost <= spec.fails_first:
            raise ValueError("not yet")
        if spec.end == "failed":
            raise rd.FailTask("as asked")
        if spec.end == "skipped":
            raise rd.SkipTask("as asked")
        return None

    return outcome


def played(specs: tuple[TaskSpec, ...], order: list[int], dies_at: int | None = None) -> dict[str, str]:
    """Let attempts end in an order, some of them undecided for a while, and the process die once.

    Gives how all tasks stand in the end.
    """
    world = world_of(specs)
    key = world.engine.start("job").key
    world.settle()
    for step in range(200):
        if step == dies_at:
            world.die()
            world.open()
            world.settle()
        if not world.runner.jobs:
            if world.core.timers.due > world.clock.now() + 10**11:
                break
            world.advance(5 * 10**9)
            continue
        number = order[step % len(order)]
        world.finish(number, outcome_of(specs))
        if number % 3 or not world.runner.jobs:
            world.settle()
        world.check()
    world.settle()
    world.check_replay()
    run = world.engine.run(key)
    states = {id: task.state for id, task in run.tasks.items()}
    failed = {"failed", "upstream_failed"} & set(states.values())
    needed = {need for spec in specs for need in spec.needs}
    last = {state for id, state in states.items() if int(id[1:]) not in needed}
    assert run.state == ("failed" if failed else "skipped" if last == {"skipped"} else "success")
    world.close()
    return states


@pytest.mark.parametrize("ends", list(product(ENDS, ENDS)), ids="-".join)
def test_R4_all_rules_after_two_ends_in_both_orders(ends: tuple[str, str]) -> None:
    needs = tuple(TaskSpec((), "all_success", end) for end in ends)
    specs = needs + tuple(TaskSpec((0, 1), rule, "success") for rule in RULES)
    assert played(specs, [1]) == played(specs, [10]) == ended(specs)
    slow = TaskSpec((), "all_success", ends[0], fails_first=1)
    assert played((slow, *specs[1:]), [1]) == ended(specs), "the other one ends while the first waits for its retry"


@pytest.mark.parametrize("first", ENDS)
def test_R4_all_rules_after_three_ends_in_every_order(first: str) -> None:
    followers = [f"t{number}" for number in range(3, 3 + len(RULES))]
    for ends in product((first,), ENDS, ENDS):
        needs = tuple(TaskSpec((), "all_success", end) for end in ends)
        behind = tuple(TaskSpec((0, 1, 2), rule, "success") for rule in RULES)
        wanted = ended(needs + behind)
        for order in permutations(range(3)):
            found = played(tuple(needs[at] for at in order) + behind, [1])
            assert [found[id] for id in followers] == [wanted[id] for id in followers], (ends, order)


@st.composite
def tasks(draw: st.DrawFn) -> tuple[TaskSpec, ...]:
    found: list[TaskSpec] = []
    for at in range(draw(st.integers(2, 7))):
        needs = tuple(sorted(draw(st.sets(st.integers(0, at - 1), max_size=3)))) if at else ()
        rule = draw(st.sampled_from(RULES)) if needs else "all_success"
        found.append(TaskSpec(needs, rule, draw(st.sampled_from(ENDS)), draw(st.sampled_from([0, 0, 0, 1]))))
    return tuple(found)


@settings(deadline=None, max_examples=examples(150))
@given(tasks(), st.lists(st.integers(0, 20), min_size=1, max_size=8), st.none() | st.integers(0, 8))
def test_R4_the_order_of_ends_decides_nothing(specs: tuple[TaskSpec, ...], order: list[int], dies_at: int) -> None:
    assert played(specs, order, dies_at) == ended(specs)
