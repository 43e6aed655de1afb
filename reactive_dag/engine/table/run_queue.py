"""What the table of runs asks of who says which runs may begin (limits/slots.py). No state."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from reactive_dag.engine.runs.state import RunOrder
from reactive_dag.model.records import RunRequested


class RunQueue(Protocol):
    """Where runs wait until they may begin; `queues` holds those that do, by DAG."""

    queues: dict[str, deque[int]]

    def queue(self, dag: str, run: int) -> None:
        """Take a run that is to begin when it may."""

    def queue_again(self, dag: str, run: int, later: int) -> None:
        """Take a run of which a further round is to begin when it may, before the last `later` that wait."""

    def unqueue(self, dag: str, run: int) -> None:
        """A queued run will not begin here."""

    def reconsider(self, dag: str) -> None:
        """Something that held runs of a DAG back has changed."""

    def order(self, run: int, request: RunRequested) -> RunOrder:
        """The place of a run among others."""
