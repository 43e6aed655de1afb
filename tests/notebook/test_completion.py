"""Tab between quotes completes names of the graphs, engines and simulations at hand."""

from __future__ import annotations

import subprocess
import sys

import pytest

import reactive_dag as rd
from reactive_dag.notebook.completion import MOST_OFFERED, begun_text, matching


def shop() -> rd.Graph:
    graph = rd.Graph("shop")
    graph.dag("ingest", on=graph.dataset("s3://lake/orders")).add(lambda: None, id="load")
    return graph


def test_the_names_of_graphs_engines_and_simulations() -> None:
    graph = shop()
    simulation = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="5m")
    with rd.Engine(shop()) as engine:
        for value in (graph, simulation, engine):
            assert matching({"x": value, "y": 5}, "in") == {"ingest": "DAG", "ingest.load": "task"}
    assert matching({"x": graph}, "s3:") == {"s3://lake/orders": "dataset"}
    assert matching({"x": object()}, "") == {}


def test_at_most_so_many() -> None:
    graph = rd.Graph("many")
    for n in range(MOST_OFFERED):
        graph.dag(f"d{n}").add(lambda: None, id="t")
    assert len(matching({"x": graph}, "")) == MOST_OFFERED


@pytest.mark.parametrize(
    ("line", "begun"),
    [
        ("f('a", "a"), ('f("', ""), ("f('a')", None), ("f(\"it's", "it's"), ("x['a']['b", "b"), ("", None),
    ],
)  # fmt: skip
def test_what_is_open(line: str, begun: str | None) -> None:
    assert begun_text(line) == begun


SHELL = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_cell("import reactive_dag as rd")
shell.run_cell("graph = rd.Graph('shop')")
shell.run_cell("dag = graph.dag('ingest').add(lambda: None, id='load')")
line = "graph.dags['in"
print(shell.complete(None, line, len(line))[1], len(shell.Completer.custom_matchers))
"""


def test_a_shell_completes_names_as_soon_as_the_library_is_imported() -> None:
    pytest.importorskip("IPython")
    done = subprocess.run([sys.executable, "-c", SHELL], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["['ingest', 'ingest.load'] 1"], done.stdout + done.stderr
