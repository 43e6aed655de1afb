"""One event, timer, wait, retry, restart and simulation walk through few files, with few changes of file."""

from __future__ import annotations

import pytest

from tests.house.walks import WALKS, Figures, measured

HELD = {
    "event": Figures(files=47, changes=580),
    "timer": Figures(files=53, changes=441),
    "wait": Figures(files=50, changes=654),
    "retry": Figures(files=46, changes=596),
    "restart": Figures(files=97, changes=1302),
    "simulation": Figures(files=90, changes=1269),
}
"""What `python -m tests.house.walks` prints; a walk may be a tenth above. More is a choice, made here."""


@pytest.mark.parametrize("name", WALKS)
def test_walks(name: str) -> None:
    found, held = measured(name), HELD[name]
    assert 10 < found.files <= held.files * 1.1
    assert 50 < found.changes <= held.changes * 1.1
