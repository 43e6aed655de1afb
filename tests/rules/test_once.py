"""Effects done once (X2): in a run, in the whole graph, with threads, coroutines and a time to live."""

from __future__ import annotations

import asyncio
import threading

import pytest

import reactive_dag as rd
from reactive_dag.model.records import OnceDone
from tests.support.engines import kill, live, of_kind, offset_of, opened, outputs, parts
from tests.support.interrupts import ctrl_c


def counted(seen, value="done"):
    def effect():
        seen.append(value)
        return {"n": len(seen)}

    return effect


def test_X2_run_once_is_recorded_and_never_done_again_in_retries():
    graph = rd.Graph("once")
    seen = []

    @graph.dag(retries=2)
    def job(run):
        found = run.once("notify", counted(seen))
        if run.attempt < 3:
            raise ValueError("after the effect")
        return found

    with live(graph) as engine:
        engine.start(job)
        engine.run_until_idle()
        assert (seen, outputs(engine, "job")) == (["done"], [{"n": 1}])
        assert [(r.name, r.value) for r in of_kind(engine, OnceDone)] == [("notify", {"n": 1})]


def test_X2_the_scope_is_run_task_and_name():
    graph = rd.Graph("once")
    seen = []
    dag = graph.dag("job")
    for task in ("a", "b", "a/x"):
        dag.add(lambda run: [run.once(name, counted(seen, name)) for name in ("n", "n", "x/n")], id=task)
    with live(graph) as engine:
        engine.start("job")
        engine.start("job")
        engine.run_until_idle()
        assert len(seen) == 2 * 3 * 2, "task 'a' with 'x/n' is not task 'a/x' with 'n'"


def test_X2_a_recorded_effect_survives_a_crash_and_an_unrecorded_one_is_done_again(tmp_path):
    seen = []

    def declared():
        graph = rd.Graph("once")

        @graph.dag
        def job(run):
            first = run.once("first", counted(seen, "first"))
            if len(seen) == 1:
                ctrl_c()
            return first

        return graph

    store = tmp_path / "s.db"
    engine = opened(declared(), store)
    engine.start("job")
    with pytest.raises(KeyboardInterrupt):
        engine.run_until_idle()
    kill(engine)
    seen.append("the process died here")
    with live(declared(), store) as engine:
        engine.run_until_idle()
        assert seen == ["first", "the process died here"]
        assert outputs(engine, "job") == [{"n": 1}]


def test_X2_fn_may_take_the_key():
    with live(rd.Graph("once")) as engine:
        keys = [engine.once(name, lambda key: key) for name in ("a", "b")]
        assert len(set(keys)) == 2
        assert engine.once("c", dict) == {}, "a function whose signature cannot be read"


def test_X2_an_exception_is_not_recorded():
    with live(rd.Graph("once")) as engine:
        before = offset_of(engine)
        with pytest.raises(ZeroDivisionError):
            engine.once("k", lambda: 1 / 0)
        with pytest.raises(rd.InvalidValue, match="once"):
            engine.once("k", lambda: print)
        assert offset_of(engine) == before
        assert engine.once("k", lambda: 7) == engine.once("k", lambda: 8) == 7


def test_X2_engine_once_is_graph_wide_and_outlives_a_restart(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(rd.Graph("once"), store)
    assert engine.once("k", lambda: [1, {"x": None}]) == [1, {"x": None}]
    kill(engine)
    with live(rd.Graph("once"), store) as engine:
        assert engine.once("k", lambda: "again") == [1, {"x": None}]


def test_X2_a_ttl_lets_it_be_done_again():
    seen = []
    with live(rd.Graph("once")) as engine:
        for _ in range(3):
            engine.once("k", counted(seen), ttl="1h")
            engine.advance("59m")
            engine.once("k", counted(seen), ttl="1h")
            engine.advance("1m")
        assert len(seen) == 3
        for _ in range(40):
            engine.advance("1h")
            engine.once("k", counted(seen), ttl="1h")
        looked = []
        find = parts(engine).log.find
        parts(engine).log.find = lambda *key: looked.append(key) or find(*key)
        engine.once("k", counted(seen), ttl="1h")
        assert len(seen) == 43 and len(looked) < 20, "looking does not walk through all that has expired"
        del parts(engine).log.find


def test_X2_concurrent_callers_wait_for_the_one_that_runs():
    seen, inside, release = [], threading.Event(), threading.Event()

    def effect():
        inside.set()
        assert release.wait(10)
        seen.append(1)
        return "done"

    with live(rd.Graph("once")) as engine:
        found = []
        threads = [threading.Thread(target=lambda: found.append(engine.once("k", effect))) for _ in range(4)]
        threads[0].start()
        assert inside.wait(10)
        for thread in threads[1:]:
            thread.start()
        assert engine.once("other", lambda: "not held up") == "not held up"
        release.set()
        for thread in threads:
            thread.join(10)
        assert (found, seen) == (["done"] * 4, [1])


def test_X2_the_next_caller_tries_when_the_one_that_ran_raised():
    with live(rd.Graph("once")) as engine:
        outcomes = []

        def call(n):
            try:
                outcomes.append(engine.once("k", lambda: n if n else 1 / 0))
            except ZeroDivisionError:
                outcomes.append("raised")

        call(0)
        call(5)
        call(6)
        assert outcomes == ["raised", 5, 5]


def test_X2_both_take_coroutines():
    graph = rd.Graph("once")

    async def effect():
        await asyncio.sleep(0)
        return "sent"

    @graph.dag
    def job(run):
        return [run.once("n", effect), run.once("n", effect)]

    with live(graph) as engine:
        assert engine.once("k", effect) == "sent"
        engine.start(job)
        engine.run_until_idle()
        assert outputs(engine, "job") == [["sent", "sent"]]


@pytest.mark.parametrize("home", [True, False])
def test_X2_a_coroutine_task_may_use_once_with_a_coroutine(home):
    graph = rd.Graph("once")
    done = []

    async def effect():
        done.append(1)
        await asyncio.sleep(0)
        return "sent"

    @graph.dag
    async def job(run):
        return [run.once("n", effect), engine.once("k", effect), run.once("plain", lambda: 3)]

    async def at_home():
        async with engine:
            engine.start(job)
            await engine.idle("10s")
            return outputs(engine, "job")

    engine = opened(graph, runner=rd.ThreadRunner(2))
    if home:
        assert asyncio.run(asyncio.wait_for(at_home(), 20)) == [["sent", "sent", 3]]
    else:
        engine.start(job)
        engine.run_until_idle("10s")
        assert outputs(engine, "job") == [["sent", "sent", 3]]
        engine.close()
    assert len(done) == 2


def test_X2_once_inside_once():
    with live(rd.Graph("once")) as engine:
        assert engine.once("outer", lambda: engine.once("inner", lambda: 1) + 1) == 2
