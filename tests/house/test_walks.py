"""One event, timer, wait, retry, restart and simulation walk through few files, with few changes of file."""

from __future__ import annotations

import pytest

from tests.house.walks import WALKS, Figures, measured

HELD = {
    "event": Figures(files=37, changes=451),
    "timer": Figures(files=41, changes=347),
    "wait": Figures(files=37, changes=534),
    "retry": Figures(files=35, changes=480),
    "restart": Figures(files=67, changes=832),
    "simulation": Figures(files=70, changes=910),
}
"""What `python -m tests.house.walks` printed before the rooms; each may be a third above."""


@pytest.mark.parametrize("name", WALKS)
def test_walks(name: str) -> None:
    found, held = measured(name), HELD[name]
    assert 10 < found.files <= held.files * 1.3 and 50 < found.changes <= held.changes * 1.3, (name, found, held)
