"""Durations drawn in arrays: equal to those drawn one by one, and a changed table to one that is made anew (W2)."""

from __future__ import annotations

import numpy as np
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.times import MINUTE
from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN, Distribution
from reactive_dag.whatif.question.draws import CHUNK, DURATION, draw_keys, future_keys, text_key
from reactive_dag.whatif.question.duration_table import DurationTable
from reactive_dag.whatif.question.durations import TaskDuration
from reactive_dag.whatif.question.effects import Effects
from reactive_dag.whatif.question.future_draws import FutureDraws
from reactive_dag.whatif.question.lateness import Lateness
from reactive_dag.whatif.question.names import TaskName
from reactive_dag.whatif.question.shared_factors import FactorOfTasks

TASKS: list[TaskName] = [("a", f"t{number}") for number in range(12)]
SPANS: list[int | Distribution] = [
    0, 5 * MINUTE, 7, LONGEST_SPAN, rd.uniform("5m", "9m"), rd.triangular("1m", "2m", "9m"), rd.lognormal("15m", 0.4),
    rd.lognormal("1h", 0.1), rd.exponential("3m"), rd.weibull("3m", 1.5), rd.empirical(["1m", "2m"]),
    rd.empirical(["7m"]),
]  # fmt: skip
DURATIONS = st.builds(TaskDuration, st.sampled_from(SPANS), st.sampled_from([1.0, 1.2, 0.5, 0.0]))
FACTORS = st.sampled_from([1.5, rd.lognormal(1, 0.3), rd.uniform(0.5, 2), rd.empirical([1, 3])])
SHARED = st.dictionaries(
    st.sampled_from(["warehouse", "network", "lake"]), st.tuples(FACTORS, st.frozensets(st.sampled_from(TASKS)))
).map(lambda found: {name: FactorOfTasks(name, *each) for name, each in found.items()})


@st.composite
def effects(draw: st.DrawFn) -> Effects:
    """Durations of the tasks, some of them changed, and factors that they share."""
    usual = {task: draw(DURATIONS) for task in TASKS}
    changed = draw(st.dictionaries(st.sampled_from(TASKS), DURATIONS))
    return Effects(usual, changed=changed, shared=draw(SHARED))


def keys_of(tasks: np.ndarray, identities: np.ndarray) -> np.ndarray:
    ids = np.array([text_key(id) for _, id in TASKS], np.uint64)
    return draw_keys(identities, ids[tasks], DURATION)


@given(effects(), st.integers(0, 99), st.lists(st.integers(0, len(TASKS) - 1), max_size=30), st.integers(1, 3))
def test_W2_durations_in_arrays_are_those_drawn_one_by_one(
    asked: Effects, seed: int, rows: list[int], threads: int
) -> None:
    tasks = np.array(rows, np.int32)
    identities = np.arange(len(rows), dtype=np.uint64) // 2
    found = DurationTable.of(TASKS, asked).spans(
        tasks, keys_of(tasks, identities), future_keys(seed, range(3, 7)), threads
    )
    for future in range(3, 7):
        draws = FutureDraws(asked, seed, lambda row: row // 2, future)
        one_by_one = [draws.duration(row, TASKS[task], TASKS[task][1], 1) for row, task in enumerate(rows)]
        assert found[:, future - 3].tolist() == one_by_one
        assert all(0 <= each <= LONGEST_SPAN for each in one_by_one)


@given(effects(), effects())
def test_W2_a_changed_table_is_one_made_anew(before: Effects, after: Effects) -> None:
    after = evolve(after, usual=before.usual)
    factors = {task for found in (before, after) for each in found.shared.values() for task in each.tasks}
    touched = sorted(before.changed.keys() | after.changed.keys() | factors)
    tasks = np.arange(len(TASKS), dtype=np.int32)
    asked = tasks, keys_of(tasks, np.uint64(5) * np.ones(len(TASKS), np.uint64)), future_keys(0, range(9))
    table = DurationTable.of(TASKS, before)
    drawn = table.spans(*asked)
    changed = table.with_changes([TASKS.index(task) for task in touched], touched, after)
    assert (changed.spans(*asked) == DurationTable.of(TASKS, after).spans(*asked)).all()
    assert (table.spans(*asked) == drawn).all(), "the first table is as it was"
    keys, future = asked[1], asked[2][:1]
    plain, spans = table.plain(tasks, keys, future), changed.spans(tasks, keys, future)[:, 0]
    same = np.array([changed.draws_as(table, tasks[at : at + 1]) for at in tasks])
    assert (changed.stretched(tasks, plain, future)[same] == spans[same]).all(), "new factors of what was drawn"
    assert same[[task not in touched for task in TASKS]].all()
    plain = changed.plain(tasks, keys, future)
    assert (changed.stretched(tasks, plain, future) == spans).all()


def test_W2_many_futures_are_drawn_in_chunks_and_threads_as_in_one() -> None:
    usual = {task: TaskDuration(rd.lognormal("15m", 0.4)) for task in TASKS}
    table = DurationTable.of(TASKS, Effects(usual))
    tasks = np.arange(len(TASKS), dtype=np.int32)
    keys, many = keys_of(tasks, np.zeros(len(TASKS), np.uint64)), future_keys(0, range(2 * CHUNK + 5))
    whole = table.spans(tasks, keys, many)
    assert (table.spans(tasks, keys, many, threads=2) == whole).all()
    assert (table.spans(tasks, keys, many[CHUNK - 1 : CHUNK + 1]) == whole[:, CHUNK - 1 : CHUNK + 1]).all()
    assert not table.is_fixed and len(np.unique(whole)) > 0.99 * whole.size


def test_a_table_of_fixed_durations_draws_nothing() -> None:
    usual = {TASKS[0]: TaskDuration(LONGEST_SPAN), TASKS[1]: TaskDuration(3, factor=0.5)}
    table = DurationTable.of(TASKS, Effects(usual))
    assert table.is_fixed and table.fixed.tolist()[:3] == [LONGEST_SPAN, 2, 0], "a wait has none"


@given(st.lists(st.sampled_from(SPANS[1:]), max_size=4), st.integers(0, 99))
def test_W8_delays_drawn_in_arrays_are_those_drawn_one_by_one(by: list[int | Distribution], seed: int) -> None:
    late = Lateness()
    for each in by:
        late = late.plus(each)
    asked = Effects({}, dags={"a": late}, tasks={("a", "t"): late}, datasets={"d": late})
    draws = FutureDraws(asked, seed, lambda run: run, future=2)
    identities, futures = np.arange(5, dtype=np.uint64), future_keys(seed, range(3))
    assert [draws.run_lateness(run, "a") for run in range(5)] == late.spans(identities, futures)[:, 2].tolist()
    of_tasks = late.spans(identities, futures, "t[1]")[:, 2].tolist()
    assert [draws.task_lateness(run, ("a", "t"), "t[1]") for run in range(5)] == of_tasks
    assert draws.run_lateness(0, "other") == 0
