"""The notebooks, run so that they show what their code does: `python -m tests.support.notebooks [NAME …]`.

Owns nothing. What differs from run to run or tells of the machine is left out: times of execution, states of widgets.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

from tests.support.places import ROOT

FOLDER = ROOT / "notebooks"
CELL = re.compile(re.escape(tempfile.gettempdir()) + r"/ipykernel_\d+/\d+\.py")
LONGEST = 300
"""So many seconds a cell may take."""
OF_WIDGETS = "application/vnd.jupyter.widget-view+json"


def notebooks() -> list[Path]:
    """All notebooks, in their order."""
    return sorted(FOLDER.glob("*.ipynb"))


def without_places(found: Any) -> Any:
    """A notebook in which a cell's file, which the kernel names after its process, is called "cell". O(its size)."""
    if isinstance(found, str):
        return CELL.sub("cell", found)
    if isinstance(found, list):
        return [without_places(each) for each in found]
    return {name: without_places(each) for name, each in found.items()} if isinstance(found, dict) else found


def refresh(path: Path) -> None:
    """Run a notebook and keep what its cells show. Raises CellExecutionError where one fails."""
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=LONGEST, resources={"metadata": {"path": str(FOLDER)}}).execute()
    book = nbformat.from_dict(without_places(book))
    book.metadata.pop("widgets", None)
    book.metadata["language_info"] = {"name": "python"}
    for cell in book.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(OF_WIDGETS, None)
    nbformat.write(book, path)


def main(names: Sequence[str]) -> None:
    """Refresh those whose names begin so, or all."""
    for path in notebooks():
        if not names or path.name.startswith(tuple(names)):
            refresh(path)
            print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
