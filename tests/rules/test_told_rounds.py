"""R10 beside R17 and R19: the bodies of a round that is over are told, not those of the next."""

from __future__ import annotations

import reactive_dag as rd
from tests.support.engines import live


def test_R10_a_round_that_begins_as_the_one_before_is_stopped_is_told_nothing() -> None:
    graph, told = rd.Graph("told"), []

    def body(run: rd.Run) -> None:
        told.append((run.round, run.cancelled))
        if run.round == 1:
            raise ConnectionError("not now")

    graph.dag("job", timeout="1h").add(body, id="t", retries=1, retry_delay="2h")
    with live(graph) as engine:
        run = engine.start("job")
        engine.advance("1m")
        engine.rerun(run)
        engine.advance("2h")
        assert (run.round, run.state, told) == (2, "success", [(1, False), (2, False)])
