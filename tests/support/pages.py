"""Pages whose code runs: the blocks of a Markdown file, in order, and what each is to print."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

BLOCK = re.compile(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """The blocks of Python in a page, each with the text that stands behind it as what it prints, "" without one."""
    return BLOCK.findall(page.read_text("utf-8"))


def run_page(page: Path, **names: object) -> dict[str, object]:
    """Execute the blocks of a page in order, with names to begin with; the names at the end."""
    names = {"__name__": page.stem, **names}
    for number, (code, wanted) in enumerate(blocks(page)):
        said = StringIO()
        with redirect_stdout(said):
            exec(compile("\n" * line_of(page, code) + code, str(page), "exec"), names)
        if wanted:
            assert said.getvalue().rstrip() == wanted.rstrip(), f"{page.name}, block {number}"
    return names


def line_of(page: Path, code: str) -> int:
    """How many lines stand before a block."""
    text = page.read_text("utf-8")
    return text[: text.index(code)].count("\n")
