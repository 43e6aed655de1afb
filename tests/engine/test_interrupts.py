"""Ctrl-C: what must not be cut in half ends first, and the engine goes on (I6)."""

from __future__ import annotations

import signal
import threading

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import drive
from reactive_dag.engine.drive.interrupts import Interrupts
from tests.support.engines import live, parts, states
from tests.support.interrupts import ctrl_c


def nothing(run):
    return None


def test_an_interrupt_waits_for_the_end_of_the_block():
    done, held = [], Interrupts()
    with pytest.raises(KeyboardInterrupt), held:
        ctrl_c()
        done.append(held.hit)
    assert done == [True] and not held.hit
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_does_not_wait():
    done, held = [], Interrupts()
    with pytest.raises(KeyboardInterrupt), held:
        ctrl_c()
        done.append("first")
        ctrl_c()
        done.append("second")
    assert done == ["first"]


def test_in_a_window_an_interrupt_is_raised_at_once():
    done, held = [], Interrupts()
    with pytest.raises(KeyboardInterrupt), held:
        with held, held:
            done.append("inside")
        with held.let_through():
            ctrl_c()
            done.append("never")
    assert done == ["inside"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_window_begins_with_the_interrupt_that_was_noted():
    done, held = [], Interrupts()
    with pytest.raises(KeyboardInterrupt), held:
        ctrl_c()
        done.append("noted")
        with held.let_through():
            done.append("never")
    assert done == ["noted"]


def test_behind_a_window_that_was_cut_interrupts_are_held_again():
    done, held = [], Interrupts()
    with pytest.raises(KeyboardInterrupt), held:
        try:
            with held.let_through():
                ctrl_c()
        finally:
            ctrl_c()
            done.append("cleaned up")
    assert done == ["cleaned up"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_block_inside_a_window_holds_them():
    done, held = [], Interrupts()
    with pytest.raises(KeyboardInterrupt), held, held.let_through():
        with held:
            ctrl_c()
            done.append("inside")
        done.append("never")
    assert done == ["inside"]


def test_another_handler_is_left_alone():
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append("theirs"))
    try:
        held = Interrupts()
        with held, held.let_through():
            ctrl_c()
            assert heard == ["theirs"]
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("store", ["memory", "file"])
def test_I6_an_engine_goes_on_after_an_interrupt_in_the_middle_of_a_turn(store, tmp_path):
    graph = rd.Graph("interrupts")
    a = graph.dataset("a")
    hits = []

    def looked_at(event):
        if not hits:
            hits.append(event.extra)
            ctrl_c()
        return True

    graph.dag("job", on=rd.updated(a).where(looked_at))(nothing)
    with live(graph, tmp_path / "s.db" if store == "file" else None) as engine:
        engine.publish_many([(a, {"extra": n}) for n in range(3)])
        with pytest.raises(KeyboardInterrupt):
            engine.run_until_idle()
        engine.run_until_idle()
        assert states(engine) == ["job success"] * 3


def test_I6_an_interrupt_between_a_body_and_its_record_loses_nothing():
    graph = rd.Graph("interrupts")
    times = []

    @graph.dag
    def job(run):
        times.append(run.attempt)
        return "done"

    with live(graph) as engine:
        stamp = parts(engine).fold.outbox.stamp

        def interrupted():
            if times and not parts(engine).fold.outbox.replaying:
                parts(engine).fold.outbox.stamp = stamp
                ctrl_c()
            return stamp()

        parts(engine).fold.outbox.stamp = interrupted
        engine.start(job)
        with pytest.raises(KeyboardInterrupt):
            engine.run_until_idle()
        engine.run_until_idle()
        assert times == [1] and engine.runs(job)[0].tasks["job"].output == "done"
        assert parts(engine).turn.inflight == {}


def test_X5_an_engine_that_is_left_says_what_it_waits_for(monkeypatch, caplog):
    monkeypatch.setattr(drive, "SAY_AFTER", 0.0)
    graph, release = rd.Graph("interrupts"), threading.Event()
    graph.dag("work").add(lambda run: release.wait(20), id="first")
    warning = drive.LOGGER.warning
    monkeypatch.setattr(drive.LOGGER, "warning", lambda *told: (warning(*told), release.set()))
    with rd.Engine(graph, runner=rd.ThreadRunner(1)) as engine:
        engine.start("work")
        parts(engine).loop.step()
    assert caplog.messages == ["waiting up to 30 s for work.first; Ctrl-C again to leave"]
