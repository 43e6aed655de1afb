"""Triggers and JSON nested deeper than anybody writes are refused with our own error, no RecursionError (G5, R15)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.triggers.base import MOST_NESTED

DEEPER: dict[str, Callable[[rd.Trigger], rd.Trigger]] = {
    "batch": lambda inner: inner.batch(count=2),
    "by": lambda inner: inner.by("partition"),
    "where": lambda inner: inner.where(bool),
    "map": lambda inner: inner.map(str),
    "throttle": lambda inner: inner.throttle("1s"),
    "and": lambda inner: inner.batch(count=2) & rd.updated("b"),
    "at_least": lambda inner: rd.at_least(1, inner, rd.updated("b")),
    "with_latest": lambda inner: rd.updated("b").with_latest(inner),
}


@pytest.mark.parametrize("name", DEEPER)
def test_R15_a_trigger_nested_thousands_deep_is_refused(name: str) -> None:
    trigger: rd.Trigger = rd.updated("a")
    with pytest.raises(rd.InvalidValue, match="stand in each other"):
        for _ in range(5_000):
            trigger = DEEPER[name](trigger)
    assert hash(trigger) == hash(trigger) and repr(trigger) and trigger.digest
    assert rd.Trigger.from_json(trigger.to_json()) == trigger


def test_R15_as_deep_as_may_be_runs() -> None:
    trigger: rd.Trigger = rd.updated("a")
    for _ in range(MOST_NESTED - 2):
        trigger = trigger.batch(count=1)
    graph = rd.Graph("g")
    graph.dag("d", on=trigger).add(lambda run: 1, id="t")
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        engine.publish("a")
        engine.run_until_idle()
        assert [run.state for run in engine.runs()] == ["success"]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"reactive_dag": 1, "id": ' * 50_000])
def test_G5_a_file_nested_thousands_deep_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "graph.json").write_text(text)
    with pytest.raises(rd.InvalidValue, match="nested too deeply"):
        rd.Graph.load(tmp_path / "graph.json")
