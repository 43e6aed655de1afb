"""The tour's section 3: looking for runs, and a set of one written as its member."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import live


@pytest.fixture(params=["memory", "sqlite"])
def engine(request, tmp_path):
    graph = rd.Graph("history")

    @graph.dag
    def good(run):
        return 1

    @graph.dag
    def bad(run):
        raise rd.FailTask("no")

    with live(graph, None if request.param == "memory" else tmp_path / "runs.db") as engine:
        for dag in ("good", "bad", "good", "bad"):
            engine.start(dag)
        engine.run_until_idle()
        engine.pause("good")
        engine.start("good")
        engine.run_until_idle()
        yield engine


def test_runs_are_found_by_one_state_or_several_newest_first(engine):
    def found(state, limit=None):
        return [(run.dag, run.state) for run in engine.runs(state=state, limit=limit)]

    assert found("failed") == found({"failed"}) == [("bad", "failed")] * 2
    both = [("bad", "failed"), ("good", "success")] * 2
    assert found({"success", "failed"}) == both
    assert found(["success", "failed", "queued"], limit=2) == [("good", "queued"), both[0]]
    assert found(set()) == []


def test_wrong_filters_are_refused(engine):
    for state in ("succes", {"success", "succes"}):
        with pytest.raises(rd.InvalidValue, match="state='succes' is unknown; it is one of queued, running"):
            engine.runs(state=state)
    with pytest.raises(rd.InvalidValue, match="limit must be at least 0, not -1"):
        engine.runs(limit=-1)
