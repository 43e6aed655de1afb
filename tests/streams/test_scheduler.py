"""Our scheduler behind reactivex's interface: order, time, disposal; live and virtual."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import reactivex as rx
from hypothesis import given
from hypothesis import strategies as st
from reactivex import abc
from reactivex import operators as ops
from reactivex.disposable import Disposable

from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.times import SECOND, parse_time
from reactive_dag.streams.clock import VirtualClock
from reactive_dag.streams.heap import TimerHeap
from reactive_dag.streams.scheduler import LiveScheduler, VirtualScheduler, live

START = parse_time("2026-11-23T00:00Z")
PATIENCE = 30  # seconds until a live test is taken to hang


@pytest.fixture
def scheduler():
    return VirtualScheduler(START)


def note(seen, what):
    return lambda scheduler, state: seen.append(what if state is None else (what, state))


# ----------------------------------------------------------------------------------------------- interface


def test_it_is_a_reactivex_scheduler(scheduler):
    assert isinstance(scheduler, abc.SchedulerBase)
    assert isinstance(scheduler, abc.PeriodicSchedulerBase)
    assert scheduler.now == datetime(2026, 11, 23, tzinfo=UTC)
    assert scheduler.now_ns() == START


def test_schedule_runs_now_but_not_at_once(scheduler):
    seen = []
    scheduler.schedule(note(seen, "a"), state=7)
    assert seen == []
    scheduler.advance()
    assert seen == [("a", 7)]
    assert scheduler.now_ns() == START


@pytest.mark.parametrize("wait", [90, 90.0, timedelta(seconds=90)])
def test_schedule_relative(scheduler, wait):
    seen = []
    scheduler.schedule_relative(wait, lambda s, _: seen.append(s.now_ns() - START))
    scheduler.advance("89s")
    assert seen == []
    scheduler.advance("1s")
    assert seen == [90 * SECOND]


def test_schedule_relative_to_the_past_is_now(scheduler):
    seen = []
    scheduler.schedule_relative(-5, lambda s, _: seen.append(s.now_ns() - START))
    scheduler.advance()
    assert seen == [0]


@pytest.mark.parametrize("when", [datetime(2026, 11, 23, 1, tzinfo=UTC), START / SECOND + 3600])
def test_schedule_absolute(scheduler, when):
    seen = []
    scheduler.schedule_absolute(when, lambda s, _: seen.append(s.now_ns() - START))
    scheduler.advance("1h")
    assert seen == [3600 * SECOND]


def test_schedule_absolute_in_the_past_moves_no_clock_back(scheduler):
    seen = []
    scheduler.advance("1h")
    scheduler.schedule_absolute(datetime(2026, 11, 23, tzinfo=UTC), lambda s, _: seen.append(s.now_ns() - START))
    scheduler.advance()
    assert seen == [3600 * SECOND]


def test_R15_a_naive_time_is_refused(scheduler):
    with pytest.raises(InvalidValue):
        scheduler.schedule_absolute(datetime(2026, 11, 23), lambda *_: None)


def test_a_disposed_action_never_runs(scheduler):
    seen = []
    scheduler.schedule_relative(1, note(seen, "a")).dispose()
    kept = scheduler.schedule_relative(1, note(seen, "b"))
    assert scheduler.pending == 1
    scheduler.advance("1s")
    kept.dispose()
    assert seen == ["b"]


def test_what_an_action_gives_back_is_disposed_with_it(scheduler):
    gone = []
    timer = scheduler.schedule(lambda *_: Disposable(lambda: gone.append("after")))
    scheduler.advance()
    assert gone == []
    timer.dispose()
    timer.dispose()
    assert gone == ["after"]


def test_an_action_may_dispose_itself(scheduler):
    gone = []

    def action(*_):
        timer.dispose()
        return Disposable(lambda: gone.append("after"))

    timer = scheduler.schedule(action)
    scheduler.advance()
    assert gone == ["after"]


# ------------------------------------------------------------------------------------------------- ordering


def test_at_one_instant_they_run_in_the_order_of_scheduling(scheduler):
    seen = []
    for number in range(20):
        scheduler.schedule_relative(1, note(seen, number))
    scheduler.advance("1s")
    assert seen == list(range(20))


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans())))
def test_the_order_is_that_of_a_sorted_list(entries):
    scheduler, seen = VirtualScheduler(START), []
    timers = [scheduler.call_at(START + due, lambda n=n: seen.append(n)) for n, (due, _) in enumerate(entries)]
    for timer, (_, drop) in zip(timers, entries):
        if drop:
            timer.dispose()
    scheduler._heap._check()
    scheduler.advance("1s")
    kept = [(due, n) for n, (due, drop) in enumerate(entries) if not drop]
    assert seen == [n for _, n in sorted(kept)]
    assert scheduler.pending == 0


def test_a_thousand_actions_at_one_instant_move_no_clock(scheduler):
    instants, left = set(), 1000

    def action(scheduler, state):
        nonlocal left
        instants.add(scheduler.now_ns())
        left -= 1
        if left:
            scheduler.schedule(action)

    scheduler.schedule(action)
    scheduler.advance()
    assert left == 0
    assert instants == {START}


def test_it_stops_when_told(scheduler):
    def forever(scheduler, state):
        if state == 10_000:
            scheduler.stop()
        scheduler.schedule_relative(0.001, forever, state + 1)

    scheduler.schedule(forever, 0)
    scheduler.advance("1d")
    assert scheduler.now_ns() == START + 10 * SECOND  # where it was told
    assert scheduler.pending == 1
    scheduler.advance(to=START + 11 * SECOND)
    assert scheduler.now_ns() == START + 11 * SECOND


# ---------------------------------------------------------------------------------------------- virtual time


def test_time_stands_still_by_itself(scheduler):
    scheduler.schedule_relative(1, lambda *_: None)
    assert scheduler.pending == 1
    assert scheduler.now_ns() == START


def test_advance_ends_exactly_where_told(scheduler):
    scheduler.advance(timedelta(minutes=1))
    scheduler.advance(to="2026-11-23T00:02Z")
    scheduler.advance(to=datetime(2026, 11, 23, 0, 3, tzinfo=UTC))
    assert scheduler.now_ns() == START + 180 * SECOND
    assert scheduler.pending == 0
    assert repr(scheduler) == "VirtualScheduler('2026-11-23T00:03:00Z', 0 timers)"


@pytest.mark.parametrize("call", [{"by": "1s", "to": START}, {"to": START - 1}])
def test_advance_refuses_what_means_nothing(scheduler, call):
    with pytest.raises(UsageError):
        scheduler.advance(**call)


def test_advance_refuses_a_bare_number(scheduler):
    with pytest.raises(InvalidValue):
        scheduler.advance(5)


def test_advance_does_not_nest(scheduler):
    scheduler.schedule(lambda *_: scheduler.advance("1s"))
    with pytest.raises(UsageError, match="inside an action"):
        scheduler.advance()


def test_an_action_that_raises_ends_advance_and_no_more(scheduler):
    seen = []
    scheduler.schedule_relative(1, lambda *_: 1 / 0)
    scheduler.schedule_relative(1, note(seen, "next"))
    with pytest.raises(ZeroDivisionError):
        scheduler.advance("1m")
    assert (scheduler.now_ns(), seen) == (START + SECOND, [])
    scheduler.advance("1m")
    assert seen == ["next"]


def test_it_shares_a_clock(scheduler):
    clock = VirtualClock(START)
    scheduler, seen = VirtualScheduler(clock), []
    scheduler.schedule_relative(1, lambda s, _: seen.append(s.now_ns() - START))
    clock.advance_to(START + 5 * SECOND)
    assert seen == []
    scheduler.advance()
    assert seen == [5 * SECOND]


def test_law_bounded_state_of_the_heap():
    heap = TimerHeap()
    for number in range(10_000):
        heap.push(number, lambda: None).dispose()
        heap._check()
    assert len(heap) == 0
    assert len(heap._entries) < 200


# --------------------------------------------------------------------------------- with reactivex's operators


def test_timer_interval_and_delay_of_reactivex(scheduler):
    seen = []

    def tell(what):
        return lambda value: seen.append((what, value, (scheduler.now_ns() - START) // SECOND))

    rx.timer(2.0, scheduler=scheduler).subscribe(tell("timer"))
    rx.interval(3.0, scheduler=scheduler).pipe(ops.take(3)).subscribe(tell("interval"))
    rx.timer(datetime(2026, 11, 23, 0, 0, 4, tzinfo=UTC), 10.0).pipe(ops.take(2)).subscribe(
        tell("absolute"), scheduler=scheduler
    )
    rx.of(1, 2).pipe(ops.delay(5.0)).subscribe(tell("delay"), scheduler=scheduler)
    scheduler.advance("1m")
    assert seen == [
        ("timer", 0, 2), ("interval", 0, 3), ("absolute", 0, 4), ("delay", 1, 5), ("delay", 2, 5),
        ("interval", 1, 6), ("interval", 2, 9), ("absolute", 1, 14),
    ]  # fmt: skip
    assert scheduler.pending == 0


def test_debounce_buffer_and_timeout_of_reactivex(scheduler):
    seen, subject = [], rx.Subject()
    subject.pipe(ops.debounce(2.0)).subscribe(lambda v: seen.append(("debounce", v)), scheduler=scheduler)
    buffers = subject.pipe(ops.buffer_with_time(5.0)).subscribe(lambda v: seen.append(v), scheduler=scheduler)
    for number in range(3):
        subject.on_next(number)
        scheduler.advance("1s")
    scheduler.advance("3s")
    buffers.dispose()
    assert seen == [("debounce", 2), [0, 1, 2]]


def test_an_interval_of_nothing_is_endless_at_one_instant(scheduler):
    seen = []
    rx.interval(0.0, scheduler=scheduler).pipe(ops.take(500)).subscribe(seen.append)
    scheduler.advance()
    assert len(seen) == 500
    assert scheduler.now_ns() == START


def test_schedule_periodic_does_not_drift_and_stops(scheduler):
    seen = []

    def action(state):
        seen.append((scheduler.now_ns() - START) / SECOND)
        return state + 1

    periodic = scheduler.schedule_periodic(0.1, action, 0)
    scheduler.advance("1s")
    periodic.dispose()
    scheduler.advance("1s")
    assert seen == [round(0.1 * n, 1) for n in range(1, 11)]
    assert scheduler.pending == 0


# ------------------------------------------------------------------------------------------------------ live


def test_live_runs_in_order_on_one_thread():
    seen, done = [], threading.Event()

    def action(scheduler, state):
        seen.append((state, threading.get_ident()))
        if len(seen) == 50:
            done.set()

    with LiveScheduler() as scheduler:
        base = scheduler.now_ns() + SECOND // 20
        for number in range(49, -1, -1):
            scheduler.call_at(base + number * 1000, lambda n=number: action(scheduler, n))
        assert done.wait(PATIENCE)
    assert [state for state, _ in seen] == list(range(50))
    assert len({thread for _, thread in seen}) == 1
    assert threading.get_ident() not in {thread for _, thread in seen}


def test_live_uses_one_thread_for_a_thousand_timers():
    done = threading.Event()
    with LiveScheduler() as scheduler:
        before = threading.active_count()
        for _ in range(1000):
            scheduler.schedule_relative(3600, lambda *_: None)
        scheduler.schedule(lambda *_: done.set())  # an earlier one wakes the thread
        assert done.wait(PATIENCE)
        assert threading.active_count() <= before + 1
        assert scheduler.pending == 1000
    assert scheduler.pending == 0


def test_live_goes_on_after_an_action_that_raises(monkeypatch):
    faults, done = [], threading.Event()
    monkeypatch.setattr(threading, "excepthook", lambda fault: faults.append(fault.exc_type))
    with LiveScheduler() as scheduler:
        scheduler.schedule(lambda *_: 1 / 0)
        scheduler.schedule(lambda *_: done.set())
        assert done.wait(PATIENCE)
    assert faults == [ZeroDivisionError]


def test_live_starts_again_after_its_thread_has_ended(monkeypatch):
    monkeypatch.setattr("reactive_dag.streams.scheduler._LINGER", 0.001)
    with LiveScheduler() as scheduler:
        for _ in range(3):
            done = threading.Event()
            scheduler.schedule(lambda *_, done=done: done.set())
            assert done.wait(PATIENCE)
            thread = scheduler._thread
            if thread is not None:
                thread.join(PATIENCE)
            assert scheduler._thread is None


def test_live_is_not_fooled_by_a_clock_that_jumps():
    clock, done = VirtualClock(START), threading.Event()
    with LiveScheduler(clock) as scheduler:
        scheduler.schedule_relative(3600, lambda *_: done.set())
        assert not done.is_set()
        clock.advance_to(START + 3600 * SECOND)
        assert done.wait(PATIENCE)


def test_law_dispose_stops_everything_of_a_live_scheduler():
    scheduler, seen = LiveScheduler(), []
    scheduler.schedule_relative(3600, note(seen, "late"))
    thread = scheduler._thread
    scheduler.close()
    scheduler.close()
    assert not thread.is_alive()
    assert scheduler.pending == 0
    with pytest.raises(UsageError, match="closed"):
        scheduler.schedule(note(seen, "after"))


def test_live_may_be_closed_by_an_action_of_its_own():
    scheduler, done = LiveScheduler(), threading.Event()
    scheduler.schedule(lambda *_: (scheduler.close(), done.set()))
    assert done.wait(PATIENCE)


def test_there_is_one_live_scheduler_for_all():
    assert live() is live()
    done = threading.Event()
    rx.interval(0.001).pipe(ops.take(3)).subscribe(on_completed=done.set, scheduler=live())
    assert done.wait(PATIENCE)
