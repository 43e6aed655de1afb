"""One event, timer, wait, retry, restart and simulation walk through few files, with few changes of file."""

from __future__ import annotations

import pytest

from tests.house.walks import WALKS, Figures, measured

HELD = {
    "event": Figures(files=57, changes=639),
    "timer": Figures(files=62, changes=442),
    "wait": Figures(files=63, changes=760),
    "retry": Figures(files=56, changes=610),
    "restart": Figures(files=130, changes=1500),
    "simulation": Figures(files=110, changes=1437),
}
"""What `python -m tests.house.walks` prints; a walk may be a tenth above. More is a choice, made here."""


@pytest.mark.parametrize("name", WALKS)
def test_walks(name: str) -> None:
    found, held = measured(name), HELD[name]
    assert 10 < found.files <= held.files * 1.1
    assert 50 < found.changes <= held.changes * 1.1
