"""The short way does what the general way does, to the same state."""

import reactivex as rx
from hypothesis import given
from hypothesis import strategies as st

import reactive_dag.operators as rops
from reactive_dag.streams import lift as lift_module
from reactive_dag.streams.lift import Subscription

OPERATORS = st.one_of(
    st.builds(lambda count: rops.batch(count=count), st.integers(1, 4)),
    st.builds(lambda others: rops.all_of(*[rx.never()] * others), st.integers(0, 3)),
)
STEPS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["item", "item", "item", "item", "complete", "again"])))


class Film:
    """An observer that feeds the operator again where the script says so."""

    def __init__(self):
        self.seen, self.again = [], []

    def on_next(self, value):
        self.seen.append(value)
        if self.again:
            self.again.pop()()

    def on_error(self, error):
        self.seen.append(repr(error))

    def on_completed(self):
        self.seen.append("|")


def play(operator, steps, short, limit):
    """What is emitted after each step, and the state then."""
    film, trace, dropped = Film(), [], []
    way = lift_module.short_way
    lift_module.short_way = way if short else lambda *_: None
    try:
        run = Subscription(operator, film)
        run.cell.limit, run.cell.drop = limit, lambda *drop: dropped.append(drop)
        parts = 1 + len(operator.others)
        receivers = [run.receiver(part) for part in range(parts)]
    finally:
        lift_module.short_way = way
    for number, (part, what) in enumerate(steps):
        part %= parts
        if what == "complete":
            run.completed(part)
        if what == "again":
            film.again.append(lambda part=part, number=number: receivers[part](-number))
        receivers[part](number)
        run.cell.check(run.state)
        trace.append((list(film.seen), list(run.state), list(dropped)))
    return trace


@given(OPERATORS, STEPS, st.sampled_from([2, 3, 1_000_000]))
def test_the_short_way_is_the_general_way(operator, steps, limit):
    assert play(operator, steps, True, limit) == play(operator, steps, False, limit)


def test_the_short_way_is_taken():
    """By the two that see the most, and by no other."""
    taken = [
        operator
        for operator in (rops.batch(2), rops.batch(2, "1s"), rops.all_of(), rops.all_of(consume="latest"))
        if Subscription(operator, Film()).receiver(0).__qualname__.startswith("_")
    ]
    assert [repr(operator) for operator in taken] == ["rops.batch(count=2)", "rops.all_of()"]
