"""An active trigger as a snapshot holds it. No state."""

from __future__ import annotations

from typing import Any

import msgspec

from reactive_dag.model.records import Registered


class TriggerSnapshot(msgspec.Struct, array_like=True):
    """An active trigger, as a snapshot holds it. `backlog`: leaf parts and facts that wait for its replacement.

    `offset` is that of its `Registered` record.
    `definition`: its own, where the newest that was applied is another one, which an even newer one has overtaken.
    """

    dag: str
    label: str
    number: int
    definition: Registered | None
    circuit: Any
    held: list[Any]
    redefined: dict[str, int]
    stale_from: int | None
    backlog: list[tuple[int, int]]
    offset: int = -1
