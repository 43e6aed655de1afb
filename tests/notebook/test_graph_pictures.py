"""Pictures of graphs, DAGs and triggers: what is shown, what folds when; no script is needed to read them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import reactive_dag as rd
from reactive_dag.interop.examples import open_example
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.notebook.graphs.layout import layout
from reactive_dag.notebook.graphs.look import FILLS, LINES
from reactive_dag.notebook.graphs.selection import FOLDS_ABOVE
from reactive_dag.notebook.graphs.shown import GraphLayout
from reactive_dag.notebook.graphs.sizes import LONGEST_LABEL
from reactive_dag.notebook.graphs.unfolding import unfolded
from reactive_dag.notebook.kit.palette import INKS, SURFACES, contrast
from tests.notebook.test_graph_layout import check
from tests.support.shown import html

SVG = "{http://www.w3.org/2000/svg}"


def drawn(thing: object) -> ElementTree.Element:
    return ElementTree.fromstring(html(thing))


def titles(picture: ElementTree.Element) -> set[str]:
    return {title.text or "" for title in picture.iter(f"{SVG}title")}


def texts(picture: ElementTree.Element) -> list[str]:
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def ids(found: GraphLayout) -> set[str]:
    return {node.id for node in found.nodes}


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


def chain(dags: int, groups: int = 4) -> rd.Graph:
    """DAGs one after the other by datasets, `groups` beginnings of names in turn."""
    graph = rd.Graph("chain")
    with graph.bulk():
        for n in range(dags):
            on = graph.dataset(f"lake/{n - 1}") if n else None
            graph.dag(f"team{n % groups}_{n}", on=on, outlets=[graph.dataset(f"lake/{n}")], tags=[f"tier{n % 3}"])
    return graph


# ------------------------------------------------------------------------------------------------ what is shown


def test_a_graph_shows_its_dags_datasets_clocks_and_edges() -> None:
    picture = drawn(sales())
    assert {"ingest", "build", "alert", "lake/<orders> & co", "0 2 * * *", "silent for 1h"} <= set(texts(picture))
    assert {
        "lake/<orders> & co → build: starts on its events", "ingest → build: waits for",
        "lake/<orders> & co → alert: starts on its silence",
    } <= titles(picture)  # fmt: skip


def test_a_dag_shows_what_starts_it_its_tasks_and_what_they_are() -> None:
    graph = rd.Graph("etl")
    lake = graph.dataset("lake/clean")
    dag = graph.dag("nightly", on=rd.updated("raw") & rd.cron("0 6 * * *", tz="Europe/Berlin"))
    graph.dag("upstream")
    dag.wait_for("upstream", id="await_upstream")
    files = dag.add(lambda: [1], id="files", after=["await_upstream"])
    load = dag.add(lambda files: 1, id="load", map_over=files)
    dag.add(lambda: "a", id="choose", branch=True, after=[load])
    dag.add(lambda: 1, id="a", after=["choose"], outlets=[lake])
    dag.add(lambda: 1, id="sweep", after=["a"], teardown=True)
    found = layout_of(dag)
    check(found)
    marks = {node.label: (node.kind, node.node.mark) for node in found.nodes}
    assert marks["await_upstream"] == ("wait", "") and marks["load"] == ("task", "mapped")
    assert marks["choose"] == ("task", "branch") and marks["sweep"] == ("task", "teardown")
    assert {"all of", "0 6 * * *", "raw", "nightly", "lake/clean", "upstream"} <= set(marks)
    x = {node.label: node.x for node in found.nodes}
    assert x["raw"] < x["all of"] < x["nightly"] < x["files"] < x["load"] < x["choose"] < x["a"] < x["sweep"]
    assert {"nightly", "for each of files", "Europe/Berlin"} <= set(texts(drawn(dag)))


def layout_of(dag: rd.Dag) -> GraphLayout:
    found: GraphLayout = dag.draw().layout  # type: ignore[attr-defined]
    return found


def test_an_empty_graph_and_a_star_are_drawn() -> None:
    assert drawn(rd.Graph("empty")).tag == "div"
    graph = rd.Graph("star")
    graph.dag("one")
    graph.dag("watch", on=rd.completed("*", states="failed"))
    graph.dag("late", on=rd.missed("gone"))
    assert {"one", "watch", "every DAG", "gone"} <= set(texts(drawn(graph)))


def test_a_trigger_shows_what_it_hears_and_what_it_makes_of_it() -> None:
    orders, users = rd.Graph("sales").dataset("lake/<orders>"), rd.updated("users")
    picture = drawn(rd.all_of(orders, users.batch(count=2), rd.every("1h"), consume="each").within("2h"))
    assert sorted(texts(picture)) == [
        ".batch(count=2)", ".within('2h')", "all_of(consume='each')", "every('1h')", "updated('lake/<orders>')",
        "updated('users')",
    ]  # fmt: skip
    assert len([title for title in titles(picture) if title.endswith("leads to")]) == 5


def test_a_part_that_stands_twice_is_drawn_twice() -> None:
    a, b = rd.updated("a"), rd.updated("b")
    assert len([text for text in texts(drawn(rd.any_of(a & b, a))) if text == "updated('a')"]) == 2


def test_what_is_pending_stands_in_the_tree_of_its_trigger() -> None:
    graph = rd.Graph("sales")
    orders, users = graph.dataset("orders"), graph.dataset("users")
    graph.dag("mart", on={"data": (orders & users).by("partition"), "daily": rd.cron("0 6 * * *")}).add(
        lambda: 1, id="t"
    )
    engine = rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z"))
    for partition in ("2026-11-21", "2026-11-22"):
        engine.publish(orders, partition=partition)
    engine.run_until_idle()
    found = engine.pending("mart")
    tree = found.trees["data"]
    assert (tree.kind, tree.text, tree.parts[0].kind) == ("by", ".by('partition')", "all_of")
    leaves = [(leaf.text, leaf.pending) for leaf in tree.parts[0].parts]
    assert leaves == [("updated('orders')", 2), ("updated('users')", 0)]
    shown = texts(drawn(found))
    assert {"2 pending", "0 pending", "all_of", ".by('partition')", "cron('0 6 * * *')"} <= set(shown)
    assert found.to_json()["trees"]["data"]["parts"][0]["parts"][0]["pending"] == 2


# ---------------------------------------------------------------------------------------------------- what folds


def test_N4_up_to_60_nodes_all_is_shown() -> None:
    graph = chain(FOLDS_ABOVE // 2)
    found = layout(graph)
    assert len(found.nodes) == FOLDS_ABOVE and {node.kind for node in found.nodes} == {"dag", "dataset"}
    assert not found.note


def test_N4_above_that_dags_alone_and_datasets_on_demand() -> None:
    graph = chain(FOLDS_ABOVE // 2 + 1)
    found = layout(graph)
    assert {node.kind for node in found.nodes} == {"dag"} and len(found.edges) == FOLDS_ABOVE // 2
    assert found.note == "31 datasets not shown (datasets=True)"
    assert len(layout(graph, datasets=True).nodes) == 62
    assert {node.kind for node in layout(chain(3), datasets=False).nodes} == {"dag"}


def test_N4_more_dags_than_that_are_groups_by_the_beginning_of_their_names() -> None:
    found = layout(chain(FOLDS_ABOVE + 20))
    assert ids(found) == {f"group team{n}" for n in range(4)}
    assert [node.node.note for node in found.nodes] == ["20 DAGs"] * 4
    assert len(layout(chain(FOLDS_ABOVE + 20), groups=False).nodes) == 80


def test_N4_groups_are_by_tag_by_a_dict_or_by_a_function_where_asked() -> None:
    graph = chain(9)
    assert {f"group tier{n}" for n in range(3)} <= ids(layout(graph, groups="tag"))
    assert ids(layout(graph, groups={"team0_0": "one", "team1_1": "one"}, datasets=False)) >= {
        "group one",
        "dag team2_2",
    }
    assert ids(layout(graph, groups=lambda dag: dag.id[:4])) == {"group team"}


def test_N4_a_group_that_is_open_has_its_dags_in_its_frame() -> None:
    graph = chain(80)
    closed, found = layout(graph), unfolded(layout(graph, open="team1"))
    frame = next(node for node in found.nodes if node.id == "group team1")
    members = [node for node in found.nodes if node.id.startswith("dag team1_")]
    assert len(members) == 20 and len(ids(found) & ids(closed)) == 4
    for node in members:
        assert frame.x <= node.x and node.x + node.width <= frame.x + frame.width
        assert frame.y <= node.y and node.y + node.height <= frame.y + frame.height
    frames = [node for node in found.nodes if node.kind == "group"]
    check(GraphLayout("frames", tuple(frames), (), found.width, found.height))
    everything = unfolded(layout(graph, open=[f"team{n}" for n in range(4)]))
    boxes = tuple(node for node in everything.nodes if node.kind == "dag")
    check(GraphLayout("boxes", boxes, (), everything.width, everything.height))
    assert len(boxes) == 80


def test_focus_shows_what_leads_to_a_dag_and_what_follows_within_so_many_dags() -> None:
    graph = chain(40)
    near = layout(graph, focus="team0_20", hops=2, datasets=False)
    assert ids(near) == {f"dag team{n % 4}_{n}" for n in range(18, 23)}
    assert next(node for node in near.nodes if node.node.mark == "focus").id == "dag team0_20"
    assert ids(layout(graph, focus=graph.dataset("lake/20"), hops=1)) >= {
        "dataset lake/20",
        "dag team0_20",
        "dag team1_21",
    }
    assert len(ids(layout(graph, focus="team0_20", datasets=False))) == 40
    assert ids(layout(graph, focus=graph.dags["team0_20"], hops=0, datasets=False)) == {"dag team0_20"}


def test_focus_does_not_go_up_from_what_lies_below() -> None:
    graph = rd.Graph("fork")
    for id, on in (("a", None), ("b", "a"), ("c", "a"), ("d", "b")):
        graph.dag(id, on=on and rd.completed(on))
    assert ids(layout(graph, focus="b")) == {"dag a", "dag b", "dag d"}


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"focus": "ingets"}, UnknownId, "did you mean 'ingest'"),
        ({"focus": "ingest", "hops": -1}, InvalidValue, "give 0, 1, 2"),
        ({"hops": 2}, InvalidValue, "give focus= too"),
        ({"groups": "tags"}, InvalidValue, "did you mean 'tag'"),
        ({"groups": 3}, InvalidValue, "write 'prefix'"),
        ({"groups": {"ingest": "one"}, "open": "ona"}, UnknownId, "did you mean 'one'"),
    ],
)
def test_what_is_not_there_is_said(options: dict[str, object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=re.escape(text)):
        sales().draw(**options)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------- as a picture


def test_a_drawing_is_saved_as_an_image_or_a_page(tmp_path: Path) -> None:
    picture = sales().draw(focus="build")
    image = ElementTree.parse(picture.save(tmp_path / "g.svg")).getroot()
    assert image.tag == f"{SVG}svg" and image.attrib["role"] == "img"
    assert image.attrib["aria-label"] == "Graph sales, around build: 3 DAGs, 1 dataset"
    page = picture.save(str(tmp_path / "g.html")).read_text("utf-8")
    assert page.startswith("<!doctype html>") and "<script>" in page
    with pytest.raises(InvalidValue, match=r"saved as \.svg or \.html, not as 'g\.png'"):
        picture.save(tmp_path / "g.png")


def test_a_drawing_asks_no_network_and_needs_no_ids() -> None:
    text = html(chain(80))
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "") and not re.search(r"@import|url\(", text)
    assert not re.search(r'\sid="', text), "so that several pictures on a page are not in each other's way"


def test_N1_names_are_text_in_all_that_a_script_reads(tmp_path: Path) -> None:
    graph, nasty = rd.Graph("nasty"), "</script><script>alert(1)</script>\"'&"
    for n in range(70):
        graph.dag(f"{'ab'[n % 2]}_{n}", on=rd.updated(f"{nasty}{n}"), tags=[nasty])
    for text in (html(graph), graph.draw(groups="tag").html, graph.draw(groups="tag", open=nasty).html):  # type: ignore[attr-defined]
        root = ElementTree.fromstring(text)
        assert len(list(root.iter("script"))) == 1 and text.count("<script") == 1
    ElementTree.parse(graph.draw(datasets=True).save(tmp_path / "g.svg"))


def test_what_a_script_needs_is_there_for_closed_groups() -> None:
    root = drawn(chain(80))
    (picture,) = [each for each in root.iter("div") if each.get("class") == "rd-graph"]
    whole = json.loads(picture.attrib["data-links"])
    assert len(whole["pairs"]) == 79 and whole["ids"][0] == "dag team0_0"
    inside = [each for each in root.iter(f"{SVG}g") if each.get("class") == "rd-inside"]
    assert [each.get("display") for each in inside] == ["none"] * 4


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_N2_words_and_lines_of_graphs_stand_out(theme: str) -> None:
    page = getattr(SURFACES["page"], theme)
    for fill in FILLS.values():
        on = getattr(fill, theme)
        assert min(contrast(getattr(INKS[ink], theme), on) for ink in ("ink", "quiet")) >= 4.5
        assert min(contrast(getattr(INKS[ink], theme), on) for ink in ("blue", "green", "purple", "orange")) >= 3
    frame = getattr(FILLS["frame-fill"], theme)
    assert min(contrast(getattr(line, theme), on) for line in LINES.values() for on in (page, frame)) >= 3


def test_long_names_keep_their_ends_and_stand_whole_in_the_title() -> None:
    graph = rd.Graph("long")
    name = "a" * 30 + "_the_middle_" + "z" * 30
    graph.dag(name)
    (text,) = texts(drawn(graph))
    assert len(text) == LONGEST_LABEL and text.startswith("aaaa") and text.endswith("zzzz")
    assert any(name in title for title in titles(drawn(graph)))


def test_the_estate_of_157_dags_is_drawn_folded_and_whole() -> None:
    graph = open_example("mozilla").graph
    folded, flat = layout(graph), layout(graph, groups=False)
    check(folded)
    check(flat)
    assert len(flat.nodes) == 157 and len(folded.nodes) < 130 and folded.width / folded.height < 4
    whole = unfolded(layout(graph, open=[node.node.name for node in folded.nodes if node.kind == "group"]))
    assert sum(node.kind == "dag" for node in whole.nodes) == 157


def test_the_library_registers_drawings_without_loading_them() -> None:
    asked = "import sys, reactive_dag as rd; print('reactive_dag.notebook.graphs' in sys.modules, end=' '); " + (
        "rd.Graph('g')._repr_mimebundle_(); print('reactive_dag.notebook.graphs' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]
