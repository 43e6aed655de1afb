"""Each cell by itself, on bare items: what it releases and when, and that its state is plain and bounded."""

from __future__ import annotations

import copy
import random

import msgspec
import pytest

from reactive_dag.model.calendar import month, week
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.schedule import AtSchedule, EverySchedule
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.cell import Cell, Surroundings
from reactive_dag.triggers.functions.by import ByCell
from reactive_dag.triggers.functions.rollup import RollupCell
from reactive_dag.triggers.joins.all_of import AllOfCell, EachCell
from reactive_dag.triggers.joins.any_of import AnyOfCell
from reactive_dag.triggers.joins.at_least import AtLeastCell
from reactive_dag.triggers.joins.sequence import SequenceCell
from reactive_dag.triggers.leaves.absent import AbsentCell
from reactive_dag.triggers.leaves.schedule import ScheduleCell, kept
from reactive_dag.triggers.windows.batch import BatchCell
from reactive_dag.triggers.windows.debounce import DebounceCell
from reactive_dag.triggers.windows.throttle import ThrottleCell


def play(cell, *steps):
    """Feed `(instant, part, item)`, stepping what is due before each and at `(instant,)`; gives (instant, release)."""
    state, found = cell.fresh(), []
    for now, *fed in steps:
        while cell.due(state) <= now:
            due = cell.due(state)
            found += [(due, release) for release in cell.step(state, due) or ()]
        if fed:
            found += [(now, release) for release in cell.feed(state, *fed, now) or ()]
    return found


def drops(cell):
    """Collect what a cell drops."""
    dropped = []
    cell.drop = lambda policy, part, item: dropped.append((policy, part, item))
    return dropped


def test_batch_closes_at_its_count_and_at_its_window():
    assert play(BatchCell(2), (0, 0, "a"), (1, 0, "b"), (2, 0, "c")) == [(1, ["a", "b"])]
    windows = play(BatchCell(3, 10), (0, 0, "a"), (4, 0, "b"), (12, 0, "c"), (50,))
    assert windows == [(10, ["a", "b"]), (22, ["c"])]
    assert play(BatchCell(None, 10), (0, 0, "a"), (10, 0, "b"), (20,)) == [(10, ["a"]), (20, ["b"])]
    assert play(BatchCell(1), (0, 0, "a")) == [(0, ["a"])]


def test_debounce_waits_for_a_pause_and_keeps_all():
    assert play(DebounceCell(10), (0, 0, "a"), (9, 0, "b"), (30,)) == [(19, ["a", "b"])]
    assert play(DebounceCell(10, 15), (0, 0, "a"), (9, 0, "b"), (14, 0, "c"), (30,)) == [(15, ["a", "b", "c"])]
    assert play(DebounceCell(10), (0, 0, "a"), (10, 0, "b"), (30,)) == [(10, ["a"]), (20, ["b"])]


def test_throttle_releases_first_at_once_and_the_rest_at_the_end_of_the_period():
    fired = play(ThrottleCell(10), (0, 0, "a"), (3, 0, "b"), (4, 0, "c"), (10, 0, "d"), (40, 0, "e"))
    assert fired == [(0, ["a"]), (10, ["b", "c"]), (20, ["d"]), (40, ["e"])]
    assert play(ThrottleCell(10), (0, 0, "a"), (10, 0, "b")) == [(0, ["a"]), (10, ["b"])]


def test_a_late_feed_closes_first_what_is_due():
    """Whoever feeds without stepping loses nothing (T5)."""
    for cell, late in (BatchCell(9, 10), ["a"]), (DebounceCell(10), ["a"]):
        state = cell.fresh()
        cell.feed(state, 0, "a", 0)
        assert cell.feed(state, 0, "b", 10) == [late]
        assert [item for _, item in cell.held(state)] == ["b"]
    cell = ThrottleCell(10)
    state = cell.fresh()
    assert [cell.feed(state, 0, item, now) for item, now in (("a", 0), ("b", 5), ("c", 100))] == [
        [["a"]],
        None,
        [["b"], ["c"]],
    ]


def test_windows_flush_what_they_hold():
    for cell in BatchCell(9), DebounceCell(10), ThrottleCell(10):
        state = cell.fresh()
        cell.feed(state, 0, "a", 0)
        cell.feed(state, 0, "b", 1)
        assert cell.flush(state) == ([["b"]] if isinstance(cell, ThrottleCell) else [["a", "b"]])
        assert cell.flush(state) is None and cell.due(state) == NEVER
    assert AllOfCell(2).flush([0]) is None


def test_all_of_takes_all_the_newest_or_one_of_each():
    steps = (0, 0, "a1"), (0, 0, "a2"), (0, 1, "b1"), (0, 1, "b2"), (0, 0, "a3")
    assert play(AllOfCell(2), *steps) == [(0, (["a1", "a2"], ["b1"])), (0, (["a3"], ["b2"]))]
    cell = AllOfCell(2, "latest")
    dropped = drops(cell)
    assert play(cell, *steps) == [(0, (["a2"], ["b1"])), (0, (["a3"], ["b2"]))]
    assert dropped == [("superseded", 0, "a1")]
    assert play(EachCell(2), *steps) == [(0, (["a1"], ["b1"])), (0, (["a2"], ["b2"]))]


def test_each_fires_again_while_it_can():
    cell = EachCell(2)
    state = cell.fresh()
    cell.feed_many(state, [(0, "a1"), (0, "a2")], 0)
    assert cell.feed_many(state, [(1, "b1"), (1, "b2"), (1, "b3")], 0) == [(["a1"], ["b1"]), (["a2"], ["b2"])]
    assert list(cell.held(state)) == [(1, "b3")]


@pytest.mark.parametrize("cell", [AllOfCell(2, window=10), EachCell(2, window=10), AtLeastCell(2, 2, 10)])
def test_a_window_drops_what_is_older_and_keeps_what_is_just_as_old(cell):
    dropped = drops(cell)
    assert play(cell, (0, 0, "a"), (10, 1, "b")) == [(10, (["a"], ["b"]))]
    assert play(cell, (0, 0, "a"), (11, 1, "b"), (12, 0, "c")) == [(12, (["c"], ["b"]))]
    assert dropped == [("outside_window", 0, "a")]
    assert play(cell, (0, 0, "a"), (1, 0, "a2"), (11, 1, "b")) == [(11, (["a2"], ["b"]))]


def test_at_least_takes_what_is_there():
    steps = (0, 2, "c1"), (0, 2, "c2"), (0, 0, "a"), (0, 1, "b")
    assert play(AtLeastCell(2, 3), *steps) == [(0, (["a"], [], ["c1", "c2"]))]
    assert play(AtLeastCell(1, 2), (0, 1, "b")) == [(0, ([], ["b"]))]


def test_sequence_needs_the_order_and_lets_early_stages_take_more():
    cell = SequenceCell(3)
    dropped = drops(cell)
    steps = (0, 2, "c0"), (0, 1, "b0"), (0, 0, "a1"), (0, 1, "b1"), (0, 0, "a2"), (0, 1, "b2"), (0, 2, "c1")
    assert play(cell, *steps) == [(0, (["a1", "a2"], ["b1", "b2"], ["c1"]))]
    assert dropped == [("filtered", 2, "c0"), ("filtered", 1, "b0")]
    assert play(SequenceCell(1), (0, 0, "a"), (0, 0, "b")) == [(0, (["a"],)), (0, (["b"],))]


def test_sequence_puts_an_item_of_several_stages_into_the_latest_that_is_open():
    cell = SequenceCell(2)
    dropped, state = drops(cell), cell.fresh()
    assert cell.feed_many(state, [(0, "x"), (1, "x")], 0) is None
    assert cell.feed_many(state, [(0, "y"), (1, "y")], 0) == [(["x"], ["y"])]
    assert dropped == [("filtered", 1, "x"), ("filtered", 0, "y")]


def test_sequence_within_a_window_forgets_what_lost_its_predecessor():
    cell = SequenceCell(3, 10)
    dropped = drops(cell)
    assert play(cell, (0, 0, "a"), (8, 1, "b"), (11, 2, "c"), (12, 0, "a2"), (13, 2, "c2")) == []
    assert dropped == [("outside_window", 0, "a"), ("filtered", 1, "b"), ("filtered", 2, "c"), ("filtered", 2, "c2")]
    assert play(cell, (0, 0, "a"), (5, 0, "a2"), (8, 1, "b"), (11, 2, "c")) == [(11, (["a2"], ["b"], ["c"]))]


def test_any_of_unites_one_step():
    cell = AnyOfCell()
    assert cell.feed(cell.fresh(), 1, "b", 0) == [[(1, "b")]]
    assert cell.feed_many(cell.fresh(), [(0, "a"), (2, "c")], 0) == [[(0, "a"), (2, "c")]]
    assert list(cell.spread([(0, "a"), (2, "c")])) == [(0, "a"), (2, "c")]


def test_absent_fires_once_a_silence_and_names_what_armed_it():
    cell = AbsentCell(for_=10)
    state, dropped = cell.fresh(), drops(cell)
    assert cell.due(state) == NEVER
    cell.arm(state, 0)
    assert (cell.due(state), cell.step(state, 10), cell.due(state)) == (10, [None], NEVER)
    assert cell.feed(state, 0, "a", 12) is None and cell.step(state, 21) is None
    assert (cell.step(state, 22), cell.due(state)) == (["a"], NEVER)
    assert dropped == [("heard", 0, "a")]


def test_absent_armed_by_another_part():
    cell = AbsentCell(for_=10, after=True)
    assert play(cell, (0, 0, "a"), (5, 1, "b"), (30,)) == [(15, "b")]
    assert play(cell, (0, 1, "b"), (5, 0, "a"), (30,)) == []
    assert play(cell, (0, 1, "b"), (5, 1, "b2"), (30,)) == [(15, "b2")]
    state = cell.fresh()
    cell.feed_many(state, [(0, "x"), (1, "x")], 0)
    assert cell.step(state, 10) == ["x"]


def test_absent_at_ticks():
    cell = AbsentCell(at=EverySchedule(10))
    state = cell.fresh()
    cell.arm(state, 3)
    assert (cell.due(state), cell.step(state, 10), cell.due(state)) == (10, [None], 20)
    cell.feed(state, 0, "a", 12)
    assert (cell.step(state, 20), cell.due(state), cell.step(state, 30)) == (None, 30, ["a"])
    once = AbsentCell(at=EverySchedule(10), once=True)
    assert play(once, (3, 0, "a"), (100,)) == [(20, "a")]
    assert play(AbsentCell(at=AtSchedule(5), after=True), (0, 1, "b"), (9,), (9, 1, "c"), (99,)) == [(5, "b")]


def test_R9_clock_misses_ticks_of_a_gap():
    cell = ScheduleCell(EverySchedule(10))
    state = cell.fresh()
    assert cell.due(state) == NEVER and cell.is_idle(state, 0)
    assert cell.begin(state, 0, None, None, 1) == 0 and cell.due(state) == 10
    assert cell.step(state, 9) is None and cell.step(state, 10) == [10]
    assert cell.gap(state, 10, 50, keep=2) == 1, "20 is missed; 30 and 40 are still to come; 50 is no longer in the gap"
    assert [cell.step(state, cell.due(state)) for _ in range(4)] == [[30], [40], [50], [60]]
    assert cell.gap(state, 75, 95, keep=0) == 2 and cell.due(state) == 70, "what was due before the gap still is"


def test_R9_clock_begins_after_its_registration_within_start_and_end():
    def armed(now, start, end, keep):
        cell = ScheduleCell(EverySchedule(10))
        state, ticks = cell.fresh(), []
        missed = cell.begin(state, now, start, end, keep)
        while cell.due(state) <= 60:
            ticks += cell.step(state, cell.due(state))
        return missed, ticks

    assert armed(20, None, None, 9) == (0, [30, 40, 50, 60])
    assert armed(30, 10, 50, 9) == (0, [10, 20, 40, 50]), "a tick at the registration is neither run nor missed"
    assert armed(35, 10, 50, 1) == (2, [30, 40, 50])
    assert armed(35, 10, 50, 0) == (3, [40, 50])
    assert armed(5, 30, 40, 9) == (0, [30, 40])
    assert [kept(word, 7) for word in ("one", False, "all", True, "none")] == [1, 1, 7, 7, 0]
    with pytest.raises(InvalidValue, match="catchup='some'"):
        kept("some", 7)


def test_a_base_cell_takes_nothing():
    with pytest.raises(TypeError, match="Cell takes no items"):
        Cell().feed([], 0, "a", 0)
    assert Cell().step([], 0) is None and Cell().due([]) == NEVER


# ------------------------------------------------------------------------------------------------- laws

L, M = 5, 3


class Weeks(Surroundings):
    """Items are numbers, each of a week of one November, whose last one never comes."""

    keys = (month(),)

    def key(self, part, item):
        return "1969-11", f"1969-W{45 + item % 3}"


CELLS = {
    "all_of": (AllOfCell(M), M, M * L),
    "latest": (AllOfCell(M, "latest"), M, M * L),
    "all_of within": (AllOfCell(M, window=50), M, M * L),
    "each": (EachCell(M), M, M * L),
    "each within": (EachCell(M, 50), M, M * L),
    "any_of": (AnyOfCell(), M, 0),
    "at_least": (AtLeastCell(2, M), M, M * L),
    "sequence": (SequenceCell(M), M, (M - 1) * L),
    "sequence within": (SequenceCell(M, 50), M, (M - 1) * L),
    "batch": (BatchCell(4, 100), 1, min(4 - 1, L)),
    "window": (BatchCell(None, 100), 1, L),
    "debounce": (DebounceCell(100), 1, L),
    "throttle": (ThrottleCell(100), 1, L),
    "absent": (AbsentCell(for_=100, after=True), 2, 0),
    "rollup": (RollupCell(week(), month(), wait=100, around=Weeks()), 1, L),
}


@pytest.mark.parametrize("name", CELLS)
def test_law_bounded_state(name):
    """Rows never exceed the stated bound, every item goes exactly one way, and the state can be saved at any point."""
    cell, parts, bound = CELLS[name]
    cell.limit, dropped, chance = L, drops(cell), random.Random(name)
    state, now, released = cell.fresh(), 0, []
    for item in range(2000):
        now += chance.choice([0, 1, 5])
        part = 0 if chance.random() < 0.7 else chance.randrange(parts)
        if cell.due(state) <= now:
            released += cell.step(state, now) or ()
        released += cell.feed(state, part, item, now) or ()
        cell.check(state)
        assert len(list(cell.held(state))) <= bound
        saved = msgspec.msgpack.decode(msgspec.msgpack.encode(cell.save(state, lambda part, item: item)))
        assert list(cell.load(saved, lambda part, item: item)) == list(state)
    gone = [item for _, _, item in dropped] + [item for _, item in cell.held(state)]
    if name != "absent":
        gone += [item for release in released for _, item in cell.spread(release)]
    assert sorted(gone) == list(range(2000))
    assert cell.bound and isinstance(cell.bound, str)


def test_law_bounded_state_of_keys():
    """At most max_keys keys; those without anything pending cost nothing."""
    inside = Inside()
    cell = ByCell(inside, 1, max_keys=3)
    keys, gone = cell.fresh(), []
    cell.expire = lambda pairs, key: gone.append((key, pairs))
    for key in "abcd":
        cell.opened(keys, key, 0).append((0, key))
        cell.settle(keys, key, 0)
        cell.check(keys)
    assert gone == [("a", [(0, "a")])] and list(keys.by_key) == ["b", "c", "d"]
    cell.opened(keys, "c", 0).clear()
    cell.settle(keys, "c", 0)
    assert list(keys.by_key) == ["b", "d"]


class Inside:
    """The least that can stand inside of `.by`: a list of pairs."""

    timed = has_memory = lasting = False

    def fresh(self):
        return []

    def due(self, state):
        return NEVER

    def is_idle(self, state, now):
        return not state

    def held(self, state):
        return iter(state)

    def check(self, state):
        pass


@pytest.mark.parametrize("name", CELLS)
def test_cells_are_stateless(name):
    """One cell serves many states: what one is fed never shows in another."""
    cell, parts, _ = CELLS[name]
    cell.limit = 10
    one, other = cell.fresh(), cell.fresh()
    before = copy.deepcopy(list(other))
    for part in range(parts - 1):
        cell.feed(one, part, f"item {part}", 7)
    assert list(other) == before
