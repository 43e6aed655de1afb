"""One event, timer, wait, retry, restart and simulation walk through few files, with few changes of file."""

from __future__ import annotations

import pytest

from tests.house.walks import WALKS, Figures, measured

HELD = {
    "event": Figures(files=59, changes=653),
    "timer": Figures(files=65, changes=455),
    "wait": Figures(files=63, changes=784),
    "retry": Figures(files=58, changes=640),
    "restart": Figures(files=132, changes=1525),
    "simulation": Figures(files=137, changes=1935),
}
"""What `python -m tests.house.walks` prints; a walk may be a tenth above. More is a choice, made here."""


@pytest.mark.parametrize("name", WALKS)
def test_walks(name: str) -> None:
    found, held = measured(name), HELD[name]
    assert 10 < found.files <= held.files * 1.1
    assert 50 < found.changes <= held.changes * 1.1
