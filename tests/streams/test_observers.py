"""Who watches the log: cursors, the observer thread, callbacks that raise, idleness."""

import threading

import pytest
from reactivex import operators as ops
from reactivex.scheduler import ImmediateScheduler, NewThreadScheduler

from reactive_dag.model.errors import InvalidValue, StoreDamaged, UsageError
from reactive_dag.model.records import Decided, ObserverFault
from reactive_dag.streams.observers import Observers
from reactive_dag.streams.scheduler import VirtualScheduler

PATIENCE = 30


class Log:
    """A log in memory whose records are committed when told."""

    def __init__(self, *records):
        self.pushed, self.committed, self.reads = list(records), len(records), 0

    def read(self, start, stop):
        self.reads += 1
        return self.pushed[start:stop]

    def add(self, *records):
        self.pushed += records
        self.committed = len(self.pushed)


@pytest.fixture
def make():
    made = []

    def make(log, **options):
        made.append(Observers(log, **options))
        return made[-1]

    yield make
    for observers in made:
        observers.close(PATIENCE)
        assert observers._thread is None


def records(observers, start=None):
    return observers.observe(lambda offset, record: record, start)


def settle(observers, log):
    observers.notify()
    assert observers.wait_idle(log.committed, PATIENCE)


# ----------------------------------------------------------------------------------------------- handing over


def test_law_one_order_every_record_once(make):
    log, seen = Log(), []
    observers = make(log)
    records(observers).subscribe(seen.append)
    for number in range(1000):
        log.add(number)
        observers.notify()
    settle(observers, log)
    assert seen == list(range(1000))


def test_a_subscription_begins_with_what_is_committed_after_it(make):
    log, seen = Log("a", "b"), []
    observers = make(log)
    records(observers).subscribe(seen.append)
    log.add("c")
    settle(observers, log)
    assert seen == ["c"]


def test_replay_then_live(make):
    log, seen = Log("a", "b", "c"), []
    observers = make(log)
    records(observers, start=1).subscribe(seen.append)
    settle(observers, log)
    assert seen == ["b", "c"]
    log.add("d")
    settle(observers, log)
    assert seen == ["b", "c", "d"]


def test_law_persist_before_emit(make):
    """What is pushed and not committed is shown to nobody."""
    log, seen = Log("a"), []
    observers = make(log)
    records(observers, start=0).subscribe(seen.append)
    log.pushed.append("b")
    settle(observers, log)
    assert seen == ["a"]


def test_a_view_makes_values_and_leaves_out(make):
    log, seen = Log("a", "b", "c"), []
    observers = make(log)
    observers.observe(lambda offset, record: None if record == "b" else (offset, record), 0).subscribe(seen.append)
    settle(observers, log)
    assert seen == [(0, "a"), (2, "c")]


def test_each_subscription_has_its_own_cursor(make):
    log, first, second = Log(*"abcd"), [], []
    observers = make(log)
    records(observers, start=0).subscribe(first.append)
    records(observers, start=3).subscribe(second.append)
    settle(observers, log)
    assert (first, second) == (list("abcd"), ["d"])


def test_subscriptions_that_are_equally_far_share_a_reading(make):
    log = Log()
    observers = make(log)
    for _ in range(10):
        records(observers).subscribe()
    log.add(*range(100))
    settle(observers, log)
    assert log.reads == 1


def test_long_logs_are_handed_over_in_turn(make):
    """Nobody waits until another has replayed a whole log."""
    log, order = Log(), []
    observers = make(log)
    records(observers).subscribe(lambda record: order.append("a"))
    records(observers).subscribe(lambda record: order.append("b"))
    log.add(*range(1000))
    settle(observers, log)
    assert order.index("b") == 256
    assert (order.count("a"), order.count("b")) == (1000, 1000)


def test_they_are_ordinary_observables(make):
    log, seen = Log(*range(10)), []
    observers = make(log)
    records(observers, start=0).pipe(ops.filter(lambda n: n % 2), ops.take(3)).subscribe(
        seen.append, on_completed=lambda: seen.append("|")
    )
    settle(observers, log)
    assert seen == [1, 3, 5, "|"]
    assert not observers.watched


# ------------------------------------------------------------------------------------------- raising and slow


def test_R12_an_observer_that_raises_keeps_nothing_from_anybody(make):
    log, faults, seen, later = Log(*"abc"), [], [], []

    def look(record):
        seen.append(record)
        if record == "b":
            raise LookupError(record)

    observers = make(log, on_fault=lambda error, offset: faults.append((repr(error), offset)))
    records(observers, start=0).subscribe(look)
    records(observers, start=0).subscribe(later.append)
    settle(observers, log)
    assert seen == later == list("abc")
    assert faults == [("LookupError('b')", 1)]


def test_R12_a_hook_that_raises_ends_nothing_either(make, monkeypatch):
    reported = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: reported.append(fault.exc_type))
    log, seen = Log(*"ab"), []
    observers = make(log, on_fault=lambda error, offset: 1 / 0)
    records(observers, start=0).subscribe(lambda record: (seen.append(record), record.missing))
    settle(observers, log)
    assert seen == list("ab")
    assert reported == [ZeroDivisionError] * 2


def test_R12_an_observer_that_always_raises_does_not_fill_the_log(make, monkeypatch):
    """The record of a fault is shown to it too; that it raises then as well goes nowhere near the log."""
    reported = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: reported.append(fault.exc_type))
    log = Log("a", "b")

    def on_fault(error, offset):
        log.add(ObserverFault(offset, repr(error)), Decided(offset, log.committed))

    observers = make(log, on_fault=on_fault)
    records(observers, start=0).subscribe(lambda record: 1 / 0)
    settle(observers, log)
    settle(observers, log)
    assert len(log.pushed) == 6
    assert reported == [ZeroDivisionError] * 4


def test_a_log_that_cannot_be_read_ends_that_subscription(make):
    log, seen = Log("a"), []

    def read(start, stop):
        raise StoreDamaged("segment 0")

    log.read = read
    observers = make(log)
    records(observers, start=0).subscribe(seen.append, seen.append)
    settle(observers, log)
    assert [str(error) for error in seen] == ["segment 0"]
    assert not observers.watched


def test_R12_a_slow_observer_does_not_stall_who_writes():
    log, gate, begun = Log(), threading.Event(), threading.Event()
    with Observers(log) as observers:
        records(observers).subscribe(lambda record: (begun.set(), gate.wait(PATIENCE)))
        log.add("a")
        observers.notify()
        assert begun.wait(PATIENCE)
        for number in range(100):  # nobody waits here
            log.add(number)
            observers.notify()
        assert not observers.idle(log.committed)
        assert not observers.wait_idle(log.committed, timeout=0)
        gate.set()
        assert observers.wait_idle(log.committed, PATIENCE)


# --------------------------------------------------------------------------------------------------- threads


def test_R12_callbacks_run_on_one_observer_thread():
    log, threads = Log(), set()
    with Observers(log) as observers:
        before = threading.active_count()
        for _ in range(5):
            records(observers).subscribe(lambda record: threads.add(threading.current_thread()))
        assert threading.active_count() == before + 1
        log.add("a", "b")
        settle(observers, log)
    (thread,) = threads
    assert thread is not threading.current_thread()
    assert not thread.is_alive()  # joined by close


def test_no_thread_before_somebody_subscribes():
    with Observers(Log("a")) as observers:
        observers.notify()
        assert observers._thread is None
        assert observers.wait_idle(1)


def test_R12_a_scheduler_says_otherwise():
    log, threads, done = Log(), set(), threading.Event()
    with Observers(log) as observers:

        def look(record):
            threads.add(threading.current_thread())
            if record == 599:
                done.set()

        records(observers).subscribe(look, scheduler=NewThreadScheduler())
        assert observers._thread is None
        log.add(*range(600))
        observers.notify()
        assert done.wait(PATIENCE)
        assert observers.wait_idle(600, PATIENCE)
    assert threading.current_thread() not in threads


def test_on_an_immediate_scheduler_the_notifier_hands_over():
    log, seen = Log(), []
    observers = Observers(log)
    records(observers).subscribe(seen.append, on_completed=lambda: seen.append("|"), scheduler=ImmediateScheduler())
    log.add(*range(600))
    observers.notify()
    assert seen == list(range(600))
    observers.close()
    assert seen[-1] == "|"


def test_one_on_a_virtual_scheduler_does_not_keep_the_feed_busy(make):
    log, seen, scheduler = Log(), [], VirtualScheduler()
    observers = make(log)
    records(observers).subscribe(seen.append, scheduler=scheduler)
    log.add(*range(600))
    observers.notify()
    assert observers.wait_idle(log.committed, timeout=0)
    assert seen == []
    scheduler.advance()
    assert seen == list(range(600))


def test_many_writers_and_many_observers_lose_nothing():
    log, lock, films = Log(), threading.Lock(), [[] for _ in range(5)]
    with Observers(log) as observers:
        for film in films:
            records(observers).subscribe(film.append)

        def write(number):
            for each in range(300):
                with lock:
                    log.add((number, each))
                observers.notify()

        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(PATIENCE)
        assert observers.wait_idle(log.committed, PATIENCE)
    assert all(film == log.pushed for film in films)


# --------------------------------------------------------------------------------------------- within callbacks


def test_a_callback_that_publishes_is_handed_that_afterwards(make):
    log, seen = Log(), []
    observers = make(log)

    def look(record):
        seen.append(record)
        if record < 1000:
            log.add(record + 1)
            observers.notify()

    records(observers).subscribe(look)
    log.add(0)
    observers.notify()
    while log.committed < 1001:
        settle(observers, log)
    settle(observers, log)
    assert seen == list(range(1001))


def test_waiting_from_inside_a_callback_is_refused(make):
    log, faults = Log(), []
    observers = make(log, on_fault=lambda error, offset: faults.append(type(error)))
    records(observers).subscribe(lambda record: observers.wait_idle(log.committed))
    log.add("a")
    settle(observers, log)
    assert faults == [UsageError]


def test_a_callback_may_subscribe_and_dispose(make):
    log, seen, inner = Log(), [], []
    observers = make(log)

    def look(record):
        seen.append(record)
        subscription.dispose()
        records(observers, start=0).subscribe(inner.append)

    subscription = records(observers).subscribe(look)
    log.add("a", "b")
    settle(observers, log)
    assert (seen, inner) == (["a"], ["a", "b"])


# ------------------------------------------------------------------------------------------------------- ends


def test_law_dispose_stops_everything(make):
    log, seen = Log(), []
    observers = make(log)
    subscription = records(observers).subscribe(seen.append)
    subscription.dispose()
    log.add("a")
    settle(observers, log)
    assert (seen, observers.watched) == ([], False)


def test_close_hands_over_what_is_committed_and_completes(make):
    log, seen = Log(), []
    observers = make(log)
    records(observers).subscribe(seen.append, on_completed=lambda: seen.append("|"))
    log.add(*"abc")
    observers.close(PATIENCE)
    observers.close(PATIENCE)
    assert seen == [*"abc", "|"]
    records(observers).subscribe(seen.append, on_completed=lambda: seen.append("late |"))
    assert seen[-1] == "late |"


def test_a_callback_may_close_the_feed(make):
    log, seen = Log(), []
    observers = make(log)
    done = threading.Event()
    records(observers).subscribe(lambda record: (seen.append(record), observers.close()), on_completed=done.set)
    log.add(*"abc")
    observers.notify()
    assert done.wait(PATIENCE)
    assert seen == list("abc")


def test_R15_a_negative_offset_is_refused():
    with pytest.raises(InvalidValue):
        records(Observers(Log()), start=-1)
