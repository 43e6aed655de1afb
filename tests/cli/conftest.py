"""A store that commands change, and the file of its graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli import call

SHOP = """
import reactive_dag as rd
graph = rd.Graph("shop")
orders = graph.dataset("orders", partitions=rd.day())
big = 10
@graph.dag(outlets=[orders], params={"full": False, "name": "all"})
def ingest(run, full, name): return [full, name, run.partition]
@graph.dag(on=rd.updated(orders).where(lambda event: event.partition > "2026" and big))
def report(run): return len(run.events)
@graph.dag
def broken(run):
    print("looks for [disk]", run.attempt)
    raise ValueError("no disk")
"""


class Shop:
    """A store that an engine has opened, the graph's file, and the program."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.file, self.store = str(folder / "shop.py"), str(folder / "shop.db")
        Path(self.file).write_text(SHOP)
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self("run", self.file)

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """What a command prints."""
        assert call(self._monkeypatch, *arguments, "--store", self.store) == code
        told = self._capsys.readouterr()
        assert "Traceback" not in told.err
        return told.err if code == 2 else told.out

    def json(self, *arguments: str, code: int = 0) -> object:
        """What a command gives a script."""
        return json.loads(self(*arguments, "--json", code=code))

    def states(self) -> dict[str, str]:
        """The newest run of each DAG."""
        return {row["dag"]: row["state"] for row in reversed(self.json("runs"))}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    return Shop(tmp_path, monkeypatch, capsys)
