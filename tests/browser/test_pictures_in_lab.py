"""Pictures in the cells of a real JupyterLab: in both themes every word stands out from what it lies on (N2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest

from reactive_dag.notebook.kit.palette import contrast
from tests.browser.page import Notebook

CELLS = [
    """
import reactive_dag as rd
graph = rd.Graph("sales")
orders = graph.dataset("orders <script>alert(1)</script>", partitions=rd.day("Europe/Berlin"))
build = graph.dag("build", on=orders, deadline="1h")

@build.task(retries=1, retry_delay="1m")
def extract(run):
    if run.attempt == 1:
        raise ConnectionError("no answer")
    return [1, 2, 3]

@build.task
def load(extract):
    raise rd.FailTask("no rows")

@graph.dag(on=rd.completed("build", states="failed") & rd.cron("0 6 * * *"))
def alert(run): ...

graph""",
    """engine = rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00+01:00"))
receipt = engine.publish(orders, partition="2026-11-23", key="a")
engine.advance("10m")
receipt""",
    "engine.runs()",
    "engine.runs('build')[0]",
    "engine.why(engine.runs('build')[0])",
    "engine.why('alert', logical_date='2026-11-24')",
    "engine.pending('alert')",
    "engine.partitions(orders)",
    "engine.events(orders)[0]",
    "graph.problems()",
    """base = rd.simulate(graph, start="2026-11-23T00:00+01:00", until="1d", default_duration="5m",
                   sources={orders: rd.cron("30 1 * * *", tz="Europe/Berlin")})
base""",
    "base.usage()",
    "base.what_if(rd.delay(orders, '2h')).compare()",
]

WORDS = """() => {
    const parsed = text => (text.match(/[0-9.]+/g) || []).map(Number);
    const behind = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parsed(getComputedStyle(at).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
        }
        return [255, 255, 255];
    };
    const found = [];
    for (const picture of document.querySelectorAll('.rd'))
        for (const each of picture.querySelectorAll('*')) {
            const own = [...each.childNodes].some(node => node.nodeType === 3 && node.data.trim());
            if (!own || each.closest('title, style')) continue;
            const style = getComputedStyle(each);
            const ink = parsed(each instanceof SVGElement ? style.fill : style.color);
            found.push([each.textContent.slice(0, 40), ink, behind(each)]);
        }
    return found;
}"""
"""Each element of a picture that has text of its own: the text, its colour, and the one behind it."""


def hexed(page: list[float], ink: list[float]) -> str:
    """A colour as #rrggbb; one that lets something through is mixed with what lies behind it."""
    share = ink[3] if len(ink) > 3 else 1.0
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(ink, page))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A notebook whose cells show one of everything."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    path = tmp_path / "pictures.ipynb"
    nbformat.write(book, path)
    return path


def test_N2_every_word_in_a_cell_stands_out_in_both_themes(
    notebook: Callable[[Path], Notebook], source: Path, pictures: Path
) -> None:
    book = notebook(source)
    book.run_all()
    assert book.page.locator(".rd").count() == len(CELLS)
    scripts = book.page.locator(".rd script").all_text_contents()
    assert scripts and not any("alert(1)" in each for each in scripts), "ours alone"
    behind = set()
    for theme in ("light", "dark"):
        book.set_theme(theme)
        words = book.page.evaluate(WORDS)
        pale = [(text, contrast(hexed(page, ink), hexed(page, page))) for text, ink, page in words]
        assert len(words) > 100 and not [each for each in pale if each[1] < 4.5]
        behind.add(tuple(words[0][2]))
        for width in (1280, 800):
            book.screenshot(pictures / f"pictures-{theme}-{width}.png", width)
    assert len(behind) == 2, "the pictures follow the theme"
    assert not book.elsewhere
