"""Simulations, futures and their answers as objects: what a REPL shows of them, copies, and pickling."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import reactive_dag as rd


def _late() -> rd.Simulation:
    graph = rd.Graph("sales")
    orders, users = graph.dataset("orders"), graph.dataset("users")
    pool = graph.pool("warehouse", 1)
    graph.dag("ingest", schedule="0 2 * * *", deadline="30m").add(lambda: None, id="pull", outlets=[orders])
    load = graph.dag("load", on=orders)
    load.add(lambda: None, id="a", pool=pool)
    load.add(lambda: None, id="b", pool=pool)
    graph.dag("report", on=orders & users).add(lambda: None, id="t")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="2d", default_duration=rd.uniform("10m", "20m"))
    return base.what_if(rd.duration("ingest", "2h"), name="slow")


def _answers(late: rd.Simulation) -> dict[str, Any]:
    futures = late.futures(10)
    return {
        "timeline": late.timeline(), "slack": late.slack(), "usage": late.usage(), "waiting": late.usage().waiting,
        "compare": late.compare(), "deadlines": late.deadlines(), "stranded": late.stranded(),
        "pending": late.pending(), "finish": futures.finish("load"), "criticality": futures.criticality("load"),
    }  # fmt: skip


def test_a_repl_shows_an_answer_by_its_class_and_what_it_is_about() -> None:
    late = _late()
    shown = {name: repr(answer) for name, answer in _answers(late).items()}
    assert shown["timeline"].startswith("<Timeline of 6 tasks, 11-23 02:00 to 11-24 04:")
    assert shown["slack"].startswith("<Slack to the end of the whole, 11-24 04:") and shown["slack"].endswith(
        "6 tasks>"
    )
    assert shown["usage"].startswith("<Usage: use of limits, 11-23 02:00 to ") and ", 2 limits>" in shown["usage"]
    assert shown["waiting"].startswith("<WaitingTimes for limits, ") and shown["waiting"].endswith(" in all>")
    assert shown["compare"] == "<Comparison: slow compared with base: 4 later, 0 unchanged>"
    assert shown["deadlines"] == "<DeadlinesTable: 2 missed, 0 kept>"
    assert shown["stranded"] == "<StrandedEvents: 2 events that no run took>"
    assert shown["pending"] == "<UnfinishedWork: 1 unfinished>"
    path = repr(late.critical_path("load"))
    assert path.startswith("<CriticalPath to load 2026-11-24T02:00Z, ended 11-24 04:") and ", 4 steps>" in path
    assert repr(next(late.futures_so_far(10))) == "FuturesSoFar(n=1, asked=10)"


def test_a_repl_shows_answers_without_rows() -> None:
    graph = rd.Graph("idle")
    graph.dag("d").add(lambda: None, id="t")
    base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="1m")
    assert [repr(each) for each in (base.timeline(), base.slack(), base.usage(), base.pending(), base.deadlines())] == [
        "<Timeline: nothing ran>", "<Slack: no task ended>", "<Usage: use of limits: nothing ran, 1 limit>",
        "<UnfinishedWork: everything came to its end>", "<DeadlinesTable: no deadlines>",
    ]  # fmt: skip


def test_a_repl_shows_the_first_of_many_runs() -> None:
    graph = rd.Graph("many")
    graph.dag("d", schedule="0 * * * *").add(lambda: None, id="t")
    runs = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="1m").runs
    assert repr(runs).startswith("[<Run d 2026-11-23T00:00Z success ") and repr(runs).endswith(", … 4 more]")
    assert repr(runs).count("<Run ") == 20 and repr(runs[:2]) == f"[{runs[0]!r}, {runs[1]!r}]"


def test_answers_are_pickled_and_copied_whole() -> None:
    for name, answer in _answers(_late()).items():
        for other in (pickle.loads(pickle.dumps(answer)), copy.copy(answer), copy.deepcopy(answer)):
            assert type(other) is type(answer) and str(other) == str(answer), name
            assert list(other) == list(answer) and other.to_json() == answer.to_json(), name


def test_the_chain_of_a_change_goes_with_it() -> None:
    change = _late().compare()[0]
    assert pickle.loads(pickle.dumps(change)).why == change.why == copy.deepcopy(change).why


@pytest.mark.parametrize("kind", ["Simulation", "Futures", "Run"])
def test_what_belongs_to_a_graph_is_its_own_copy_and_refuses_to_be_pickled(kind: str) -> None:
    late = _late()
    thing = {"Simulation": late, "Futures": late.futures(2), "Run": late.runs[0]}[kind]
    assert copy.copy(thing) is thing and copy.deepcopy([thing])[0] is thing
    with pytest.raises(TypeError, match=f"a {kind} cannot be pickled: it belongs to a graph, .* pickle "):
        pickle.dumps(thing)


def test_a_path_keeps_its_run_and_refuses_as_that_does() -> None:
    path = _late().critical_path("load")
    assert list(copy.deepcopy(path)) == list(path) and copy.deepcopy(path).run == path.run
    with pytest.raises(TypeError, match="a Run cannot be pickled"):
        pickle.dumps(path)
    assert pickle.loads(pickle.dumps(list(path))) == list(path)


def test_a_notebook_draws_a_timeline_that_was_pickled() -> None:
    timeline = pickle.loads(pickle.dumps(_late().timeline()))
    html = timeline._repr_mimebundle_()["text/html"]
    assert "ingest.pull" in html and "load.b" in html
