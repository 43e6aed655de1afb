"""What a drag costs, as somebody sees it, and how the live view keeps up: in a JupyterLab in headless Chromium.

Run it with `PYTHONPATH=. python benchmarks/bench_panel.py`; it needs what the tests in a browser need. A slider of the
what-if panel is moved over the Mozilla estate (bench_change.py); a round trip is from the move to the next picture that
has the answer, graph, Gantt, landing times of 500 futures and table of changes: kernel, wire and drawing together. Then
an engine records 1,000 events a second for some seconds; a frame of the live view counts when it is drawn.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness import Line, machine, quantile, show
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.lab import shared_lab
from tests.browser.page import open_notebook, written
from tests.browser.test_views_in_lab import ESTATE

DAGS = ("bqetl_main_summary", "bqetl_analytics_tables")
GOAL_MS, GOAL_FRAMES, SECONDS = 100.0, 8.0, 5
DRAG = """async ([label, values]) => {
    const root = document.querySelector('.rdw'), panel = root.rd_panel, times = [];
    const input = [...root.querySelectorAll('input[type=range]')].find(each => each.ariaLabel.startsWith(label));
    const soon = () => new Promise(done => setTimeout(done, 1));
    for (const value of values) {
        const before = panel.answer.number, began = performance.now();
        input.value = value;
        input.dispatchEvent(new Event('input', {bubbles: true}));
        while (panel.answer.number === before) await soon();
        times.push(performance.now() - began);
    }
    input.dispatchEvent(new Event('blur'));
    return times;
}"""
"""Moves a slider from one value to the next as soon as the answer to the one before is drawn."""
ENGINE = """
import threading, time
import reactive_dag as rd
graph = rd.Graph("busy")
items = graph.dataset("items")
graph.dag("every", on=items.batch(count=100)).add(lambda: None, id="task")
engine = rd.Engine(graph)
driven = engine.background()
driven.__enter__()
def publish():
    began = time.monotonic()
    for second in range({seconds} * 10):
        engine.publish_many([(items, {{}}) for _ in range(100)])
        time.sleep(max(began + (second + 1) / 10 - time.monotonic(), 0))
threading.Timer(2, publish).start()
engine.view()"""
BUSY = """async ([events]) => {
    const live = document.querySelector('.rdw').rd_live, model = live.model;
    const count = () => ((model.get('frame') || {datasets: {}}).datasets.items || [0])[0];
    const soon = () => new Promise(done => setTimeout(done, 5));
    while (!count()) await soon();
    const began = performance.now(), first = live.drawn;
    while (count() < events) await soon();
    return [(live.drawn - first) / (performance.now() - began) * 1000, performance.now() - began];
}"""
"""How many frames a second were drawn until all events were seen, and how long that took (ms)."""


def dragged(page: Page) -> list[float]:
    """The round trips of some drags (ms)."""
    page.wait_for_function("() => document.querySelector('.rdw-landtext')")
    found: list[float] = []
    for dag in DAGS:
        page.fill(".rdw-search", dag)
        page.select_option(".rdw-list", index=0)
        page.evaluate(DRAG, ["Comes later", [300 * n for n in range(40, 46)]])  # the first ones warm up
        found += page.evaluate(DRAG, ["Comes later", [300 * n for n in range(2, 22)]])
        found += page.evaluate(DRAG, ["Takes", [1 + 0.05 * n for n in range(1, 21)]])
        page.get_by_role("button", name="Reset").click()
    return found


def main() -> list[Line]:
    """Measure, print, and give the lines."""
    with tempfile.TemporaryDirectory() as folder, shared_lab(Path(folder) / "lab") as lab, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        book = open_notebook(browser, lab, written(Path(folder) / "panel.ipynb", ESTATE))
        book.run_all()
        times = dragged(book.page)
        book.page.close()
        book = open_notebook(browser, lab, written(Path(folder) / "live.ipynb", ENGINE.format(seconds=SECONDS)))
        book.run_all()
        frames, took = book.page.evaluate(BUSY, [SECONDS * 1000])
        browser.close()
    note = f"{len(times)} moves of {len(DAGS)} DAGs"
    lines = [
        Line("a slider's round trip", name, quantile(times, share), "ms", goal, more=False, note=note)
        for name, share, goal in (("median", 0.5, None), ("p95", 0.95, GOAL_MS), ("max", 1.0, None))
    ]
    late = took / 1000 - SECONDS
    lines.append(
        Line("live view, 1,000 records/s", "drawn", frames, "frames/s", GOAL_FRAMES, note=f"behind {late:.1f} s")
    )
    show(machine(), lines)
    return lines


if __name__ == "__main__":
    main()
