"""Answers as plain data: every one has `.to_json()`, which JSON can write."""

from __future__ import annotations

import json

import pytest

import reactive_dag as rd
from tests.house.surface import things

KINDS = """
    Graph Dag Problem Backfill Run RunList TaskView Attempt Event Why Pending Part Timeline CriticalPath Comparison
    UnfinishedWork OutputFile Task Dataset Receipt Simulation
"""


@pytest.mark.parametrize("kind", KINDS.split())
def test_every_answer_is_plain_data(kind: str) -> None:
    answer = things()[kind]
    data = answer.to_json()  # type: ignore[attr-defined]
    assert json.loads(json.dumps(data)) == data and data


def test_a_task_of_a_run_tells_its_output_attempts_and_instances() -> None:
    graph = rd.Graph("plain")
    dag = graph.dag("d")
    dag.add(lambda: [1, 2], id="xs")
    dag.add(lambda xs: xs * 10, id="each", map_over="xs")
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23")) as engine:
        run = engine.start("d").wait()
        told = run.tasks["each"].to_json()
        assert [each["output"] for each in told["instances"]] == [10, 20]
        assert told["instances"][0]["attempts"] == [
            {
                "number": 1, "state": "success", "started": "2026-11-23T00:00:00+00:00",
                "ended": "2026-11-23T00:00:00+00:00", "error": None, "round": 1,
            }
        ]  # fmt: skip
        assert run.to_json()["key"] == run.key and engine.runs().to_json() == [run.to_json()]
        assert dag.to_json() == graph.to_json()["dags"][0]
        assert [each.to_json() for each in dag.tasks.values()] == dag.to_json()["tasks"]
