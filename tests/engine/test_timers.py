"""The heap of timers: its order (I1), what is dropped, and that nothing wakes for nothing."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.engine.items.timers import Timers
from reactive_dag.engine.runs.state import RunState
from reactive_dag.model.records import Tick
from reactive_dag.model.times import NEVER
from tests.support.engines import live, of_kind, parts, states


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 2), st.sampled_from("ab"), st.sampled_from("xy"))))
def test_I1_timers_wake_by_due_height_dag_label_and_number(wanted):
    timers, woken = Timers(), []
    for number, (due, *order) in enumerate(wanted):
        timers.set(due, *order, lambda now, entry=(due, *order, number): woken.append(entry))
    timers._check()
    timers.step(4)
    assert woken == [entry for entry in sorted((*each, n) for n, each in enumerate(wanted)) if entry[0] <= 4]
    timers.step(9)
    assert len(woken) == len(wanted) and timers.due == NEVER


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=300), st.integers(0, 50))
def test_what_was_dropped_neither_wakes_nor_stays(wanted, until):
    timers, woken = Timers(), []
    made = [(due, timers.set(due, 0, "d", "", woken.append), keep) for due, keep in wanted]
    for _, timer, keep in made:
        if not keep:
            timers.drop(timer)
            timers.drop(timer)
            timers._check()
    timers.step(until)
    timers._check()
    assert woken == sorted(due for due, _, keep in made if keep and due <= until)
    for _, timer, _ in made:
        timers.drop(timer)
        timers._check()
    assert timers.due == NEVER and len(timers._heap) <= 64


def test_what_is_set_while_others_wake_takes_its_place():
    timers, woken = Timers(), []
    timers.set(5, 0, "b", "", lambda now: (woken.append("b"), timers.set(5, 0, "a", "", lambda now: woken.append("a"))))
    timers.set(5, 0, "c", "", lambda now: woken.append("c"))
    timers.step(5)
    assert woken == ["b", "a", "c"]


def test_a_timer_may_turn_out_to_be_due_later_or_never():
    timers, woken, due = Timers(), [], {"a": 7, "b": NEVER}
    for name in "ab":
        wake, look = (lambda now, name=name: woken.append((name, now))), (lambda name=name: due[name])
        timer = timers.set(3, 0, name, "", wake, look)
    assert not timers.is_due(5)
    timers._check()
    timers.drop(timer)
    timers._check()
    assert timers.due == 7 and timers.is_due(7)
    timers.step(7)
    assert woken == [("a", 7)]


def test_I1_a_window_that_began_again_makes_no_tick():
    graph = rd.Graph("timers")
    a = graph.dataset("a")
    graph.dag("job", on=rd.updated(a).debounce("10m"))(nothing)
    with live(graph) as engine:
        for _ in range(5):
            engine.publish(a)
            engine.run_until_idle()
            parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 9 * 60 * 10**9)
            engine.run_until_idle()
        assert of_kind(engine, Tick) == []
        engine.advance("1m")
        assert states(engine) == ["job success"] and len(of_kind(engine, Tick)) == 1


def nothing(run):
    return None


def test_I1_a_timeout_of_what_has_ended_makes_no_tick_and_keeps_no_run():
    graph = rd.Graph("timers")
    graph.dag("job", timeout="1h", retries=1, retry_delay="1h")(nothing)
    dag = graph.dag("waits")
    dag.add(nothing, id="after", after=[dag.wait_for("job", timeout="1h")])
    with live(graph) as engine:
        for dag_id in ("job", "waits"):
            engine.start(dag_id, logical_date="2026-11-23")
        engine.run_until_idle()
        assert parts(engine).fold.timers.due == NEVER
        gc.collect()
        assert not [
            each for each in gc.get_objects() if isinstance(each, RunState) and each.dag is graph.dags.get(each.dag.id)
        ]
        parts(engine).fold.clock.advance_to(parts(engine).fold.clock.now() + 7200 * 10**9)
        engine.run_until_idle()
        assert of_kind(engine, Tick) == []
