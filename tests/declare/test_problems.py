"""What `problems()` lists and `check()` refuses (G3, T8, and the waits that never come)."""

from __future__ import annotations

from datetime import timedelta

import pytest

import reactive_dag as rd
from reactive_dag.declare.analysis.date_overlap import can_fire
from reactive_dag.declare.graph import Graph
from reactive_dag.declare.internals import subscribe, version_of
from reactive_dag.model.errors import CycleError, GraphError
from reactive_dag.triggers.leaves.dataset import Dataset


@pytest.fixture
def graph() -> Graph:
    return Graph("sales")


def kinds(graph, severity=None):
    return [each.kind for each in graph.problems() if severity in (None, each.severity)]


def the(graph, kind):
    found = [each for each in graph.problems() if each.kind == kind]
    assert len(found) == 1, found
    return found[0]


def task(dag, id="t", **options):
    return dag.add(lambda run: 1, id=id, **options)


def test_G3_a_good_graph_has_no_problems(graph):
    x = graph.dataset("x")

    @graph.dag(schedule="@daily", outlets=[x])
    def a(run): ...

    b = graph.dag("b", on=x, params={"full": True})
    b.add(lambda run, full, limit=3: 1, id="t")
    b.wait_for("a", timeout="1h")
    assert graph.problems() == []
    graph.check()


def test_G3_unknown_dags_and_tasks(graph):
    a = graph.dag("ingest", schedule="@daily")
    task(a, "load")
    b = graph.dag("b", on=rd.completed("ingset") | rd.completed("ingest", task="laod"))
    task(b, "t", after=["lod"])
    b.add(lambda x=rd.output("tt"): 1, id="u")
    b.wait_for("ingestt", timeout="1h")
    b.wait_for("ingest", task="loadd", timeout="1h")
    b.wait_for("later", missing="wait", timeout="1h")
    errors = [each for each in graph.problems() if each.severity == "error"]
    assert [each.kind for each in errors] == ["unknown_dag", "unknown_task"] + ["unknown_task"] * 2 + [
        "unknown_dag",
        "unknown_task",
    ]
    texts = "\n".join(map(str, errors))
    for hint in ("'ingset', which is not declared; did you mean 'ingest'?", "did you mean 'load'?", "'b.wait_ingestt'"):
        assert hint in texts
    assert errors[0].ids == ("b", "ingset") and errors[1].ids == ("b", "ingest.laod")
    assert errors[2].ids == ("b", "b.t", "b.lod")
    assert all("test_problems.py:" in each.place for each in errors)
    with pytest.raises(GraphError, match="6 problems in this graph") as caught:
        graph.check()
    assert "6. 'b.wait_ingest_loadd'" in str(caught.value) and graph._declared.checked == -1


def test_G3_a_parameter_that_names_nothing(graph):
    build = graph.dag("build", schedule="@daily", params={"full": 1})
    task(build, "extract")

    @build.task
    def load(extrct, run): ...

    found = the(graph, "unknown_parameter")
    assert found.ids == ("build", "build.load", "extrct") and "did you mean 'extract'?" in found.text
    assert "'full'" in found.text and found.severity == "error" and "test_problems.py:" in found.place
    build.add(lambda run: 1, id="extrct")
    assert "unknown_parameter" not in kinds(graph)


def test_G3_warnings_pass(graph):
    graph.dag("empty", on=graph.dataset("orders"))
    build = graph.dag("build", schedule="@daily")
    build.wait_for("empty")
    assert kinds(graph, "error") == [] and sorted(kinds(graph, "warning")) == ["no_producer", "no_tasks", "no_timeout"]
    assert the(graph, "no_producer").ids == ("orders", "empty")
    assert "never runs" in the(graph, "no_tasks").text and the(graph, "no_timeout").ids == ("build", "build.wait_empty")
    graph.check()
    assert graph._declared.checked == version_of(graph)


def test_G3_an_id_declared_in_two_places(graph):
    one = graph.dag("a", schedule="@daily")
    other = graph.dag("a", schedule="@hourly")
    task(other, "t")
    task(other, "t")
    found = [each for each in graph.problems() if each.kind == "declared_twice"]
    assert [each.ids for each in found] == [("a",)]  # the tasks come from one line
    assert one.place in found[0].text and other.place in found[0].text and one.place != other.place
    other.add(lambda run: 2, id="t")
    other.add(lambda run: 3, id="u")
    assert [each.ids for each in graph.problems() if each.kind == "declared_twice"] == [("a",), ("a.t",)]
    with pytest.raises(GraphError, match="declared at"):
        graph.check()
    graph.remove("a")
    task(graph.dag("a", schedule="@daily"))
    graph.check()


def test_G3_what_was_checked_may_be_declared_again(graph):
    """A live change (T11) is no mistake, nor is a notebook's cell that was edited."""
    task(graph.dag("a", schedule="@daily"))
    graph.check()
    task(graph.dag("a", schedule="@hourly"))
    graph.check()
    stop = subscribe(graph, lambda id: None)  # a live engine takes up each
    task(graph.dag("a", schedule="@weekly"))
    stop()
    task(graph.dag("a", schedule="@monthly"))
    graph.check()
    for text in ("graph.dag('b', schedule='@daily')", "graph.dag('b',\n schedule='@hourly')"):
        exec(compile(text, "/tmp/ipykernel_1/123.py", "exec"), {"graph": graph})
    for text in ("graph.dag('c', schedule='@daily')", "\ngraph.dag('c', schedule='@hourly')"):
        exec(compile(text, "<ipython-input-1>", "exec"), {"graph": graph})
    assert "declared_twice" not in kinds(graph)


def test_G3_a_trigger_that_can_never_fire(graph):
    task(graph.dag("past", on=rd.at("2026-01-01T00:00Z"), start="2026-02-01"))
    task(graph.dag("late", on=rd.cron("0 0 1 1 *"), start="2026-02-01", end="2026-03-01"))
    task(graph.dag("joined", on=(Dataset("x") & rd.at("2027-01-01T00:00Z")).batch(count=2), end="2026-12-31"))
    task(graph.dag("fine", on=Dataset("x") | rd.at("2026-01-01T00:00Z"), start="2026-02-01"))
    task(graph.dag("last", on=rd.at("2026-03-01T00:00Z"), end="2026-03-01"))
    assert [each.ids[0] for each in graph.problems() if each.kind == "never_fires"] == ["past", "late", "joined"]
    assert "start= or end=" in next(each.text for each in graph.problems() if each.kind == "never_fires")
    gone = rd.at("2026-01-01T00:00Z")
    assert not can_fire(rd.at_least(2, gone, rd.updated("x")), 2**60 * 2, None)
    assert can_fire(rd.at_least(1, gone, rd.updated("x")), 2**60 * 2, None)
    assert not can_fire(rd.absent("x" and rd.updated("x"), at=gone), 2**60 * 2, None)


def test_G3_a_cycle_is_never_in_a_graph_but_in_a_bulk(graph):
    with pytest.raises(CycleError), graph.bulk():
        graph.dag("a", on=rd.completed("a"))
        assert "cycle" in kinds(graph, "error")
    assert "cycle" not in kinds(graph)


# ------------------------------------------------------------------------------------- T8: joins that cannot meet


def test_T8_schedules_that_never_share_a_tick(graph):
    graph.dag("a", schedule="0 2 * * *", tz="Europe/Berlin")
    graph.dag("b", schedule="0 3 * * *", tz="Europe/Berlin")
    graph.dag("c", schedule="0 * * * *")
    graph.dag("ab", on=rd.completed("a") & rd.completed("b"))
    graph.dag("ac", on=rd.completed("a") & rd.completed("c"))
    graph.dag("abd", on=(rd.completed("a") & rd.completed("b")).by(rd.day("Europe/Berlin")))
    found = the(graph, "never_meets")
    assert found.ids == ("ab",) and found.severity == "warning"
    assert "never share one: add .by(rd.day('Europe/Berlin'))" in found.text


def test_T8_dates_are_inherited_through_dags_and_datasets(graph):
    x = graph.dataset("x")
    task(graph.dag("a", schedule="0 2 * * *"), outlets=[x])
    graph.dag("b", schedule="0 3 * * *")
    graph.dag("a2", on=x.batch(count=2))
    graph.dag("b2", on=rd.completed("b") | rd.completed("b", states="failed"))
    graph.dag("join", on=rd.completed("a2") & rd.completed("b2").throttle("1h"))
    assert the(graph, "never_meets").ids == ("join",)
    graph.dag("b", on=rd.cron("0 3 * * *") | rd.cron("0 2 * * *"))
    assert "never_meets" not in kinds(graph)
    graph.dag("b", on=rd.cron("0 3 * * *") | Dataset("outside"))  # who knows what date it brings
    assert "never_meets" not in kinds(graph)


def test_T8_a_dated_part_that_meets_one_without_a_date(graph):
    graph.dag("a", schedule="@daily")
    graph.dag("b", on=graph.dataset("x"))
    graph.dag("c", on=graph.dataset("y", partitions=rd.day()))
    graph.dag("ab", on=rd.sequence(rd.completed("a"), rd.completed("b")))
    graph.dag("ac", on=rd.completed("a") & rd.completed("c"))
    graph.dag("mixed", on=Dataset("x") & rd.cron("@daily"))  # newest date of its causes: always has one
    graph.dag("ad", on=rd.completed("a") & rd.completed("mixed"))
    graph.dag("silent", on=rd.absent(Dataset("x"), for_="1h"))
    graph.dag("as", on=rd.completed("a") & rd.completed("silent"))
    assert [each.ids[0] for each in graph.problems() if each.kind == "may_not_meet"] == ["ab", "as"]


def test_T8_datasets_partitioned_alike_without_a_key(graph):
    orders, users = graph.dataset("orders", partitions=rd.day()), graph.dataset("users", partitions=rd.day())
    hours = graph.dataset("hours", partitions=rd.hour())
    graph.dag("a", on=orders & users)
    graph.dag("b", on=orders & hours)
    graph.dag("c", on=(orders & users).by("partition"))
    graph.dag("d", on=(orders & users).by(None))
    graph.dag("e", on=orders | users)
    graph.dag("f", on=(orders.batch(count=2) & users).throttle("1h"))
    assert [each.ids[0] for each in graph.problems() if each.kind == "no_key"] == ["a", "f"]
    assert ".by('partition')" in next(each for each in graph.problems() if each.kind == "no_key").text


# --------------------------------------------------------------------------------- waits that never come


@pytest.mark.parametrize(
    ("own", "theirs", "options", "never"),
    [
        ("0 3 * * *", "0 2 * * *", {}, True),
        ("0 3 * * *", "0 2 * * *", {"logical_date": "1h"}, False),
        ("0 3 * * *", "0 2 * * *", {"logical_date": timedelta(hours=-23)}, False),
        ("0 3 * * *", "0 2 * * *", {"logical_date": "2h"}, True),
        ("0 3 * * *", "0 2 * * *", {"match": "latest"}, False),
        ("0 3 * * *", "0 2 * * *", {"match": "same_day"}, False),
        ("0 3 * * *", "0 2 * * *", {"logical_date": lambda date: [date]}, False),
        ("0 0 * * 1", "0 0 * * 2", {}, True),
        ("0 0 * * 1", "0 0 * * 2", {"logical_date": "6d"}, False),
        ("0 * * * *", "0 2 * * *", {}, False),
        ("0 0 29 2 *", "0 0 * * *", {}, False),
    ],
)
def test_T8_waits_for_a_date_that_the_upstream_never_has(graph, own, theirs, options, never):
    task(graph.dag("up", schedule=theirs))
    waits = graph.dag("down", schedule=own)
    waits.wait_for("up", timeout="1h", **options)
    found = [each for each in graph.problems() if each.kind == "no_such_date"]
    assert bool(found) == never
    if never:
        assert found[0].ids == ("down", "down.wait_up", "up") and "never has that date" in found[0].text
    graph.check()


def test_check_works_out_errors_only(graph):
    asked = []

    def open_day(tick):
        asked.append(tick)
        return True

    task(graph.dag("up", on=rd.cron("0 2 * * *").where(open_day)))
    task(graph.dag("down", on=rd.cron("0 3 * * *")))
    graph.dags["down"].wait_for("up", timeout="1h")
    graph.check()
    assert not asked
    assert [each.kind for each in graph.problems()] == ["no_such_date"] and asked


def test_a_start_behind_which_no_clock_ticks_again_is_an_error(graph):
    for id, start in (("last", "2261-12-31T12:00Z"), ("now", "2026-11-23")):
        task(graph.dag(id, on=rd.cron("0 0 31 12 *"), start=start))
    assert [each.ids for each in graph.problems()] == [("last",)]


def test_waits_of_intervals_and_one_offs(graph):
    task(graph.dag("up", on=rd.every("3h")))
    task(graph.dag("once", on=rd.at("2026-11-23T02:00Z")))
    for id, on, offset in (
        ("a", rd.every("1h"), "30m"),
        ("b", rd.every("2h"), "1h"),
        ("c", rd.cron("30 * * * *"), "1h"),
    ):
        graph.dag(id, on=on).wait_for("up", timeout="1h", logical_date=offset)
    graph.dag("d", on=rd.cron("0 3 * * *")).wait_for("once", timeout="1h", logical_date="1h")
    graph.dag("e", on=rd.cron("0 4 * * *")).wait_for("once", timeout="1h", logical_date="1h")
    graph.dag("f", on=rd.at("2026-11-23T04:00Z")).wait_for("up", timeout="1h", logical_date="1h")
    graph.dag("g").wait_for("up", timeout="1h")  # started by hand: any date
    assert [each.ids[0] for each in graph.problems() if each.kind == "no_such_date"] == ["a", "c", "e"]


def test_dates_in_a_circle_of_waits(graph):
    a, b = graph.dag("a", schedule="0 2 * * *"), graph.dag("b", on=rd.completed("a"))
    task(a, "a1")
    task(b, "b1")
    a.wait_for("b", logical_date="1d", timeout="1h")
    c = graph.dag("c", schedule="0 3 * * *")
    c.wait_for("b", timeout="1h")
    assert [each.ids[0] for each in graph.problems() if each.kind == "no_such_date"] == ["c"]


def test_problems_are_worked_out_once_a_version(graph):
    graph.dag("a")
    first = graph.problems()
    assert graph.problems() == first and graph.problems() is not first
    graph.dag("b")
    assert len(graph.problems()) == 2
