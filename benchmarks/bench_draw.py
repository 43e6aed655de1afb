"""How long a picture of a graph takes, beside Graphviz's dot alone, and how smoothly it moves in a browser.

Run it with `python benchmarks/bench_draw.py`. "draw" is all of it: what is shown, where it stands, and the HTML that a
cell gets; "layout" is the part that dot does too (`dot -Tplain`, Debian's graphviz, where it is installed), with all
DAGs as nodes and no group. Best of three; dot, which takes long, once. Frames a second are counted by the page itself
(requestAnimationFrame) while a script drags the picture of 1,000 DAGs, all groups open, with Debian's chromium where it
and playwright are installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter

from harness import Line, show

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import reactive_dag as rd  # noqa: E402
from reactive_dag.interop.examples import open_example  # noqa: E402
from reactive_dag.notebook.graphs.layout import placed_selection  # noqa: E402
from reactive_dag.notebook.graphs.picture import draw_graph  # noqa: E402
from reactive_dag.notebook.graphs.selection import select  # noqa: E402
from reactive_dag.notebook.graphs.shown import Selection  # noqa: E402
from tests.support.drawn_graphs import teams  # noqa: E402

GOAL = 2.0
PANNED = """async () => {
    const scroll = document.querySelector('.rd-scroll'), times = [];
    await new Promise(done => {
        const frame = time => {
            times.push(time);
            scroll.scrollBy(25, times.length % 40 < 20 ? 12 : -12);
            if (times.length < 180) requestAnimationFrame(frame); else done();
        };
        requestAnimationFrame(frame);
    });
    const gaps = times.slice(1).map((time, n) => time - times[n]).sort((a, b) => a - b);
    return [1000 * gaps.length / (times.at(-1) - times[0]), 1000 / gaps[Math.floor(gaps.length * 0.95)]];
}"""
"""Drags for 180 frames; the mean, and what 95 in 100 frames reach."""


def best(job: Callable[[], object], runs: int = 3) -> float:
    """The seconds of the fastest run."""
    took = []
    for _ in range(runs):
        begin = perf_counter()
        job()
        took.append(perf_counter() - begin)
    return min(took)


def by_dot(shown: Selection) -> float | None:
    """How long dot takes for the same nodes and edges."""
    if shutil.which("dot") is None:
        return None
    number = {node.id: n for n, node in enumerate(shown.nodes)}
    nodes = [f'{n} [shape=box label="{node.label}"]' for n, node in enumerate(shown.nodes)]
    edges = [f"{number[link.source]} -> {number[link.target]}" for link in shown.links]
    text = "digraph g {rankdir=LR\n" + "\n".join(nodes + edges) + "}"
    return best(lambda: subprocess.run(["dot", "-Tplain"], input=text.encode(), capture_output=True, check=True), 1)


def of_graph(name: str, graph: rd.Graph) -> list[Line]:
    """The lines of one graph."""
    flat = select(graph, groups=False, datasets=False)
    size = f"{len(draw_graph(graph)) / 1000:,.0f} kB"
    lines = [
        Line(f"draw {name}", "reactive_dag", best(lambda: draw_graph(graph)), "s", GOAL, False, size),
        Line(f"layout {name}, no groups", "reactive_dag", best(lambda: placed_selection(flat)), "s", None, False,
             f"{len(flat.nodes)} nodes, {len(flat.links)} edges"),
    ]  # fmt: skip
    dot = by_dot(flat)
    return lines if dot is None else [*lines, Line(f"layout {name}, no groups", "dot", dot, "s", None, False)]


def panned(graph: rd.Graph) -> list[Line]:
    """Frames a second while the picture is dragged."""
    chromium = shutil.which("chromium")
    if chromium is None or find_spec("playwright") is None:
        return []
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        place = graph.draw().save(Path(folder) / "g.html")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(place.as_uri())
        page.get_by_role("button", name="Open or close all groups").click()
        mean, most = page.evaluate(PANNED)
        browser.close()
    job = "pan 1,000 DAGs, all groups open"
    return [Line(job, "mean", mean, "frames/s", 30.0), Line(job, "95 frames in 100", most, "frames/s", 30.0)]


if __name__ == "__main__":
    graphs = {"60": teams(60), "157 (Mozilla)": open_example("mozilla").graph, "1,000": teams(1000)}
    lines = [line for name, graph in graphs.items() for line in of_graph(f"{name} DAGs", graph)]
    show("pictures of graphs", lines + panned(graphs["1,000"]))
