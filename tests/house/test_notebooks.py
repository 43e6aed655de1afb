"""What stands in the notebooks: outputs as a reader without Jupyter sees them, claims as asserts, nothing of a machine.

That they run is tested by nbmake, which executes each (pyproject.toml); `python -m tests.support.notebooks` refreshes
what they show.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.support.notebooks import notebooks

MACHINE = re.compile(
    r"(?<![\w.])/(?:tmp|home|root|work|Users|usr|var)/|site-packages|\b0x[0-9a-f]{6,}|localhost|127\.0\.0"
)


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebooks_show_what_they_did_and_nothing_of_the_machine(path: Path) -> None:
    cells = code_cells(path)
    assert all(cell.execution_count for cell in cells), "python -m tests.support.notebooks"
    outputs = [output for cell in cells for output in cell.outputs]
    assert outputs and not [output for output in outputs if output.output_type == "error"]
    assert not MACHINE.findall(json.dumps(outputs))
    assert all("text/plain" in output.data for output in outputs if "data" in output)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_notebooks_assert_what_they_claim(path: Path) -> None:
    claims = [
        line for cell in code_cells(path) for line in cell.source.splitlines() if line.strip().startswith("assert")
    ]
    assert len(claims) >= 4
    assert nbformat.read(path, as_version=4).cells[0].source.startswith("# ")


def test_notebooks_are_numbered() -> None:
    numbers = [int(path.name[:2]) for path in notebooks()]
    assert numbers == sorted({*numbers}) and numbers[0] == 1
