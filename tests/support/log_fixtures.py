"""The stores as fixtures: a test that takes one runs on each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reactive_dag.log.protocol import EventLog
from tests.support.log_kit import Box


@pytest.fixture(params=["memory", "sqlite"])
def log_box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    """A store of each kind."""
    made = Box(request.param, tmp_path / "box.db")
    yield made
    made.close()


@pytest.fixture
def event_log(log_box: Box) -> EventLog:
    """A log of each kind."""
    return log_box.log


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """A place for a file."""
    return tmp_path / "store.db"
