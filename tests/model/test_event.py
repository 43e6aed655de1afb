"""The public form of an event, and the one-way import of the model's files."""

from __future__ import annotations

import ast
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

import reactive_dag.model
from reactive_dag.model.event import Event

NAMES = "kind at time key dataset dag state partition logical_date extra source run"


def test_an_event_has_the_names_of_the_tour_and_none_where_it_has_none() -> None:
    event = Event(kind="tick", logical_date=datetime(2026, 11, 23, tzinfo=UTC))
    values = {name: getattr(event, name) for name in NAMES.split()}
    assert [name for name, value in values.items() if value is not None] == ["kind", "logical_date"]


def test_an_event_is_frozen_and_equal_by_value() -> None:
    event = Event(kind="updated", dataset="orders", extra={"rows": 3})
    assert event == Event(kind="updated", dataset="orders", extra={"rows": 3})
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        event.kind = "deleted"  # type: ignore[misc]


def test_law_time_only_from_clock_model_reads_none() -> None:
    for path in Path(reactive_dag.model.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            modules = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
            assert not {"time", "random", "reactivex", "secrets"} & {m.partition(".")[0] for m in modules}, path.name
            called = node.attr if isinstance(node, ast.Attribute) else ""
            assert called not in {"now", "utcnow", "today"}, path.name


def test_model_imports_nothing_above_it() -> None:
    for path in Path(reactive_dag.model.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                ours = node.level > 1 or (node.module or "").startswith("reactive_dag")
                assert not ours or (node.module or "").startswith("reactive_dag.model"), path.name


def test_an_event_shows_what_it_has_and_no_more() -> None:
    at = datetime(2026, 11, 23, 1, tzinfo=UTC)
    shown = repr(Event(kind="tick", at=at, logical_date=at, cascade="c"))
    assert shown == "Event(kind='tick', at=2026-11-23T01:00:00Z, logical_date=2026-11-23T01:00:00Z)"
