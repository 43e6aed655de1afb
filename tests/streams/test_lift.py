"""What lifting a cell promises whatever the cell: no recursion, one thread at a time, nothing lost, nothing left."""

import sys
import threading

import pytest
import reactivex as rx
from reactivex import operators as ops

import reactive_dag.operators as rops
from reactive_dag.model.times import SECOND, parse_time
from reactive_dag.streams.lift import Lifted
from reactive_dag.streams.scheduler import LiveScheduler, VirtualScheduler
from reactive_dag.streams.serializer import Serializer
from reactive_dag.triggers.cell import Cell
from reactive_dag.triggers.joins.any_of import AnyOfCell
from reactive_dag.triggers.windows.batch import BatchCell

START = parse_time("2026-11-23T00:00Z")
PATIENCE = 30


# --------------------------------------------------------------------------------------------- any cell


def test_any_cell_becomes_an_operator():
    a, b, seen = rx.Subject(), rx.Subject(), []
    a.pipe(Lifted(AnyOfCell, (b,), timed=False, need=1)).subscribe(seen.append, on_completed=lambda: seen.append("|"))
    a.on_next(1)
    b.on_next(2)
    a.on_completed()
    b.on_next(3)
    b.on_completed()
    assert seen == [[(0, 1)], [(1, 2)], [(1, 3)], "|"]


def test_each_subscription_has_a_cell_of_its_own():
    source, first, second = rx.Subject(), [], []
    observable = source.pipe(Lifted(lambda: BatchCell(2), timed=False))
    observable.subscribe(first.append)
    source.on_next(1)
    observable.subscribe(second.append)
    source.on_next(2)
    source.on_next(3)
    assert (first, second) == ([[1, 2]], [[2, 3]])


class Broken(Cell):
    """A cell that asks a function which raises."""

    __slots__ = ()

    def feed(self, state, part, item, now):
        raise LookupError(item)


@pytest.mark.parametrize("timed", [False, True])
def test_law_failure_is_a_value_a_cell_that_raises_ends_the_stream_only(timed):
    source, seen = rx.Subject(), []
    source.pipe(Lifted(Broken, timed=timed)).subscribe(seen.append, seen.append, scheduler=VirtualScheduler(START))
    source.on_next("a")
    source.on_next("b")
    assert [repr(error) for error in seen] == ["LookupError('a')"]
    assert source.observers == []


# --------------------------------------------------------------------------------------------- re-entrance

HOPS = 100_000


@pytest.mark.parametrize(
    "operator",
    [rops.batch(count=1), rops.all_of(), rops.batch(count=1, max_wait="1h"), rops.by(str, rops.batch(count=1))],
    ids=repr,
)
def test_law_constant_stack_100_000_nested_publishes(operator):
    source, depths, seen = rx.Subject(), set(), []

    def publish(value):
        seen.append(value)
        if len(seen) % 1000 == 0:
            depths.add(depth())
        if len(seen) < HOPS:
            source.on_next(len(seen))

    source.pipe(operator).subscribe(publish, scheduler=VirtualScheduler(START))
    source.on_next(0)
    assert len(seen) == HOPS
    assert len(depths) <= 3


def depth():
    frame, found = sys._getframe(), 0
    while frame is not None:
        frame, found = frame.f_back, found + 1
    return found


def test_law_constant_stack_round_two_operators_and_back():
    a, b, seen = rx.Subject(), rx.Subject(), []
    a.pipe(rops.batch(count=1)).subscribe(lambda items: b.on_next(items[0] + 1))
    b.pipe(rops.batch(count=1)).subscribe(
        lambda items: (seen.append(items[0]), items[0] < HOPS and a.on_next(items[0]))
    )
    a.on_next(0)
    assert seen == list(range(1, HOPS + 1))


def test_law_one_order_what_is_published_within_comes_after():
    """Two subscribers see the same order, although one of them publishes while it looks."""
    source, first, second = rx.Subject(), [], []
    observable = source.pipe(rops.batch(count=1), ops.share())
    observable.subscribe(lambda items: (first.append(items), items == ["a"] and source.on_next("b")))
    observable.subscribe(second.append)
    source.on_next("a")
    assert first == second == [["a"], ["b"]]


# ------------------------------------------------------------------------------------------------- errors


def test_an_observer_that_raises_loses_nothing():
    source, seen = rx.Subject(), []

    def look(items):
        seen.append(items)
        if items == [1]:
            source.on_next(2)  # queued behind
            raise ValueError("seen enough")

    source.pipe(rops.batch(count=1)).subscribe(look)
    with pytest.raises(ValueError, match="seen enough"):
        source.on_next(1)
    source.on_next(3)
    assert seen == [[1], [2], [3]]


def test_an_observer_that_raises_gets_the_rest_of_a_release():
    a, b, seen = rx.Subject(), rx.Subject(), []

    def look(pair):
        seen.append(pair)
        raise ValueError

    a.pipe(rops.all_of(b, consume="each", within="1h")).subscribe(look, scheduler=VirtualScheduler(START))
    for item in (1, 2):
        a.on_next(item)
    for item in (3, 4):
        with pytest.raises(ValueError):
            b.on_next(item)
    assert seen == [([1], [3]), ([2], [4])]


# ------------------------------------------------------------------------------------------------ threads


def hammer(count, publish):
    """Each of `count` threads calls `publish(number)`, all at once."""
    gate = threading.Barrier(count)

    def work(number):
        gate.wait()
        publish(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


class Crowd:
    """An observer that notices if it is called by two threads at once."""

    def __init__(self):
        self.inside, self.seen = 0, []

    def __call__(self, value):
        self.inside += 1
        assert self.inside == 1, "two threads at once"
        self.seen.append(value)
        self.inside -= 1


@pytest.fixture
def switchy():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.parametrize("max_wait", [None, "1h"])
def test_items_from_several_threads_are_served_one_by_one(switchy, max_wait):
    source, crowd = rx.Subject(), Crowd()
    source.pipe(rops.batch(count=3, max_wait=max_wait)).subscribe(crowd, scheduler=VirtualScheduler(START))
    hammer(4, lambda number: [source.on_next((number, each)) for each in range(600)])
    items = [item for items in crowd.seen for item in items]
    assert len(items) == 2400
    for number in range(4):  # each thread's own order stands
        assert [each for who, each in items if who == number] == list(range(600))


def test_sources_on_several_threads_lose_nothing(switchy):
    sources, crowd = [rx.Subject() for _ in range(4)], Crowd()
    sources[0].pipe(rops.all_of(*sources[1:], consume="each")).subscribe(crowd)
    hammer(4, lambda number: [sources[number].on_next(each) for each in range(600)])
    assert crowd.seen == [tuple([each] for _ in range(4)) for each in range(600)]


def test_a_serializer_serves_everything_whoever_comes(switchy):
    serializer, crowd = Serializer(), Crowd()
    hammer(
        8, lambda number: [serializer.submit(lambda what, now: crowd(what), (number, each), 0) for each in range(300)]
    )
    assert len(crowd.seen) == 2400
    assert not serializer.queue
    assert serializer.free == [None]


# --------------------------------------------------------------------------------------------------- live


def test_windows_close_on_the_live_scheduler():
    seen, done = [], threading.Event()
    with LiveScheduler() as scheduler:
        source = rx.Subject()
        source.pipe(rops.batch(max_wait="20ms")).subscribe(
            lambda items: (seen.append(items), done.set()), scheduler=scheduler
        )
        source.on_next(1)
        source.on_next(2)
        assert done.wait(PATIENCE)
        assert seen == [[1, 2]]
        assert scheduler.pending == 0


def test_law_dispose_stops_everything_on_the_live_scheduler():
    with LiveScheduler() as scheduler:
        source, seen = rx.Subject(), []
        subscription = source.pipe(rops.debounce("1h")).subscribe(seen.append, scheduler=scheduler)
        source.on_next(1)
        assert scheduler.pending == 1
        subscription.dispose()
        assert (scheduler.pending, seen) == (0, [])


def test_debounce_needs_no_timer_for_each_item():
    """A later due instant is looked at when the timer comes: one entry, however many items."""
    scheduler, source, seen = VirtualScheduler(START), rx.Subject(), []
    source.pipe(rops.debounce("10s")).subscribe(seen.append, scheduler=scheduler)
    for number in range(100):
        source.on_next(number)
        assert len(scheduler._heap._entries) == 1
        scheduler.advance("1s")
    scheduler.advance("8s")
    assert seen == []
    scheduler.advance("1s")
    assert seen == [list(range(100))]
    assert scheduler.now_ns() == START + 109 * SECOND
