"""A loop that declares one id again and again is a mistake; a cell that is run again, and a change, are none."""

from __future__ import annotations

import gc
import weakref

import pytest

import reactive_dag as rd
from tests.support.engines import live


def nothing(run):
    return None


def decorated(graph, n):
    @graph.dag(on=rd.updated("a"))
    def x(run):
        return n


def test_a_dag_that_a_loop_declares_again_is_refused():
    graph = rd.Graph("loops")
    with pytest.raises(rd.DuplicateError, match=r"DAG 'x' was declared by this line before.*test_loops.py"):
        for n in range(3):

            @graph.dag(on=rd.updated("a"))
            def x(run, n=n):
                return n

    assert list(graph.dags) == ["x"] and graph.dags["x"].fn(None) == 0
    with pytest.raises(rd.DuplicateError):
        for _ in range(2):
            graph.dag("y")
    with pytest.raises(rd.DuplicateError):
        [graph.dag("z") for _ in range(2)]
    with pytest.raises(rd.DuplicateError), graph.bulk():
        for _ in range(2):
            graph.dag("w")
    assert list(graph.dags) == ["x", "y", "z"]
    graph._check()


def test_a_task_that_a_loop_declares_again_is_refused():
    dag = rd.Graph("loops").dag("job")
    with pytest.raises(rd.DuplicateError, match="task 't' of DAG 'job'"):
        for _ in range(2):

            @dag.task
            def t(run):
                return None

    with pytest.raises(rd.DuplicateError):
        for _ in range(2):
            dag.task(id="u", retries=1)(nothing)
    with pytest.raises(rd.DuplicateError):
        for _ in range(2):
            dag.add(nothing, id="v")
    assert list(dag.tasks) == ["t", "u", "v"]


def test_ids_of_their_own_in_a_loop_are_fine():
    graph = rd.Graph("loops")
    for n in range(3):
        dag = graph.dag(f"d{n}")
        for m in range(3):
            dag.add(nothing, id=f"t{m}")
    assert [len(dag.tasks) for dag in graph.dags.values()] == [3, 3, 3]


def test_a_cell_that_is_run_again_replaces_as_before():
    names = {"graph": rd.Graph("loops"), "rd": rd}
    text = "@graph.dag(on=rd.updated('a'))\ndef x(run): return 1\ny = graph.dag('y')\n@y.task\ndef t(run): return 1"
    for _ in range(3):
        exec(compile(text, "<ipython-input-1>", "exec"), names)
    assert list(names["graph"].dags) == ["x", "y"]
    with pytest.raises(rd.DuplicateError):
        exec(compile("for _ in range(2): graph.dag('z')", "<ipython-input-2>", "exec"), names)


def test_a_function_that_is_called_again_replaces_as_before():
    graph = rd.Graph("loops")
    for n in range(3):
        decorated(graph, n)
    assert graph.dags["x"].fn(None) == 2


def test_what_is_in_use_is_changed_in_a_loop():
    graph = rd.Graph("loops")
    for _ in range(2):
        graph.dag("x").add(nothing, id="t")
        graph.check()
    with live(graph) as engine:
        for n in range(3):

            @graph.dag(on=graph.dataset("a"))
            def x(run, n=n):
                return n

            engine.publish("a")
            engine.run_until_idle()
        assert [run.tasks["x"].output for run in reversed(engine.runs("x"))] == [0, 1, 2]


def test_a_call_that_ended_is_let_go_of():
    class Big:
        pass

    def build():
        big = Big()
        graph = rd.Graph("loops")
        graph.dag("x").add(nothing, id="t")
        return weakref.ref(big), graph

    there, graph = build()
    graph.check()
    gc.collect()
    assert there() is None
