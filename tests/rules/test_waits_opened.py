"""What a wait says of itself before an engine that was opened has done anything (R27, T1)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from tests.support.engines import kill, opened

MODES = ["push", "poke", "reschedule"]
GIVEN = [{}, {"match": "latest"}, {"logical_date": lambda date: [date]}, {"since": "start"}]


def graph_of(mode: str, **options: object) -> rd.Graph:
    graph = rd.Graph("opened")
    graph.dag("up").add(lambda: None, id="t")
    graph.dataset("orders", partitions=rd.day())
    late = graph.dag("late")
    late.wait_for("up", id="run", timeout="9d", **mode_of(mode), **options)
    late.wait_for(graph.dataset("orders"), id="orders", timeout="9d", **mode_of(mode))
    return graph


def mode_of(mode: str) -> dict[str, object]:
    return {} if mode == "push" else {"mode": mode, "poll": "5m"}


def whys(engine: rd.Engine) -> dict[str, str]:
    return {wait.task: wait.why for wait in engine.pending("late").waits}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", GIVEN)
def test_wait_pending_says_what_is_seen_as_soon_as_the_engine_is_open(tmp_path, mode, options) -> None:
    graph, runner = graph_of(mode, **options), rd.ThreadRunner(4)
    engine = opened(graph, tmp_path / "s.db", runner=runner)
    engine.start("late", logical_date="2026-11-23")
    engine.publish("orders", partition="2026-11-23", kind="deleted")
    engine.run_until_idle()
    before = whys(engine)
    assert before.keys() == {"run", "orders"} and all(before.values())
    kill(engine)
    with opened(graph, tmp_path / "s.db", read_only=True) as reader:
        assert whys(reader) == before
    with opened(graph, tmp_path / "s.db", runner=rd.ThreadRunner(4)) as engine:
        assert whys(engine) == before
        engine.run_until_idle()
        assert whys(engine) == before
