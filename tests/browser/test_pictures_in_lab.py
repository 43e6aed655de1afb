"""Pictures in the cells of a real JupyterLab: in both themes every word stands out from what it lies on (N2)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.page import Notebook, written
from tests.browser.words import pale, words_of

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


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A notebook whose cells show one of everything."""
    return written(tmp_path / "pictures.ipynb", *CELLS)


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
        words = words_of(book)
        assert len(words) > 100 and not pale(words)
        behind.add(words[0].behind)
        for width in (1280, 800):
            book.screenshot(pictures / f"pictures-{theme}-{width}.png", width)
    assert len(behind) == 2, "the pictures follow the theme"
    assert not book.elsewhere
