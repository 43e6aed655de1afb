"""The plain drawing: every node and edge is there, well-formed, and follows the theme."""

from __future__ import annotations

import subprocess
import sys
from xml.etree import ElementTree

import reactive_dag as rd
from tests.support.shown import html

SVG = "{http://www.w3.org/2000/svg}"


def drawn(thing: rd.Graph | rd.Dag | rd.Trigger) -> ElementTree.Element:
    return ElementTree.fromstring(html(thing))


def titles(picture: ElementTree.Element) -> set[str]:
    return {title.text or "" for title in picture.iter(f"{SVG}title")}


def sales() -> rd.Graph:
    graph = rd.Graph("sales")
    orders = graph.dataset("lake/<orders> & co")
    graph.dag("ingest", schedule="0 2 * * *", outlets=[orders])
    build = graph.dag("build", on=orders)
    build.add(lambda: 1, id="extract")
    build.add(lambda extract: 1, id="load")
    build.wait_for("ingest", timeout="1h")
    graph.dag("alert", on=rd.completed("build") | rd.absent(orders, for_="1h"))
    return graph


def test_a_graph_shows_its_dags_datasets_clocks_and_edges() -> None:
    found = titles(drawn(sales()))
    assert {"dag ingest", "dag build", "dag alert", "dataset lake/<orders> & co"} <= found
    assert "lake/<orders> & co → build: starts on its events" in found
    assert "ingest → build: waits for" in found
    assert "lake/<orders> & co → alert: starts on its silence" in found


def test_a_dag_shows_its_tasks_in_order() -> None:
    picture = drawn(sales().dags["build"])
    x = {text.text: float(text.attrib["x"]) for text in picture.iter(f"{SVG}text")}
    assert x["extract"] < x["load"]
    assert "extract → load: comes before" in titles(picture)


def test_boxes_of_one_column_do_not_overlap() -> None:
    graph = rd.Graph("wide")
    for n in range(30):
        graph.dag(f"dag{n}", on=rd.updated(f"d{n % 7}"))
    boxes = [(float(r.attrib["x"]), float(r.attrib["y"])) for r in drawn(graph).iter(f"{SVG}rect")]
    assert len(set(boxes)) == len(boxes) == 37


def test_an_empty_graph_and_a_star_are_drawn() -> None:
    assert drawn(rd.Graph("empty")).tag == "div"
    graph = rd.Graph("star")
    graph.dag("one")
    graph.dag("watch", on=rd.completed("*", states="failed"))
    assert {"dag one", "dag watch"} <= titles(drawn(graph))


def test_colours_follow_the_theme() -> None:
    text = html(sales())
    assert "currentColor" in text and "var(--jp-" in text


def test_a_trigger_shows_what_it_hears_and_what_it_makes_of_it() -> None:
    orders, users = rd.Graph("sales").dataset("lake/<orders>"), rd.updated("users")
    picture = drawn(rd.all_of(orders, users.batch(count=2), rd.every("1h"), consume="each").within("2h"))
    texts = ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]
    assert sorted(texts) == [
        ".batch(count=2)", ".within('2h')", "all_of(consume='each')", "every('1h')", "updated('lake/<orders>')",
        "updated('users')",
    ]  # fmt: skip
    assert len([title for title in titles(picture) if title.endswith("comes before")]) == 5


def test_a_part_that_stands_twice_is_drawn_twice() -> None:
    a, b = rd.updated("a"), rd.updated("b")
    picture = drawn(rd.any_of(a & b, a))
    assert len(list(picture.iter(f"{SVG}rect"))) == 5


def test_the_library_registers_drawings_without_loading_them() -> None:
    asked = "import sys, reactive_dag as rd; print('reactive_dag.notebook.drawing' in sys.modules, end=' '); " + (
        "rd.Graph('g')._repr_mimebundle_(); print('reactive_dag.notebook.drawing' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]
