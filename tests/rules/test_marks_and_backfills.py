"""R19 beside R26: a mark that takes the place of rounds that a backfill awaits."""

from __future__ import annotations

import reactive_dag as rd
from tests.support.engines import live


def test_R26_a_round_that_gave_way_to_a_mark_is_awaited_no_more() -> None:
    graph = rd.Graph("marks")
    graph.dag("job", on=rd.every("1h")).add(lambda: None, id="t")
    with live(graph) as engine:
        engine.advance("1h")
        (run,) = engine.runs("job")
        engine.pause("job")
        engine.rerun(run)
        backfill = engine.backfill("job", run.logical_date, run.logical_date, again=True)
        engine.run_until_idle()
        assert backfill.state == "running"
        engine.mark(run, None, "success")
        engine.resume("job")
        engine.run_until_idle()
        assert (run.round, run.state, backfill.state) == (2, "success", "failed")
