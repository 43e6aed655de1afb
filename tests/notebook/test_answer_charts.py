"""What a simulation's answers look like: the charts say what the answers say (N41)."""

from __future__ import annotations

from datetime import timedelta
from xml.etree import ElementTree

import numpy as np
import pytest

import reactive_dag as rd
from reactive_dag.notebook.answers.answer_charts import (
    MOST_CHARTED,
    comparison_chart,
    landing_chart,
    path_chart,
    timeline_chart,
)
from reactive_dag.notebook.answers.finish_chart import FinishPicture
from reactive_dag.notebook.answers.usage_chart import UsagePicture
from reactive_dag.whatif.futures.finish import FinishTime
from reactive_dag.whatif.window.arrays import BEYOND
from tests.support.shown import html

START = "2026-11-23T08:00Z"


def nothing():
    return None


def loads(count: int = 4, **options) -> rd.Graph:
    graph = rd.Graph("pools")
    graph.pool("wh", slots=2)
    orders = graph.dataset("orders")
    for n in range(count):
        dag = graph.dag(f"load{n}", on=orders, outlets=[f"t{n}"], deadline="1h")
        dag.add(nothing, id="t", pool="wh", **options)
    graph.dag("final", on=rd.all_of(*(rd.updated(f"t{n}") for n in range(count)))).add(nothing, id="t")
    return graph


def asked(graph: rd.Graph | None = None, duration: object = "10m") -> rd.Simulation:
    return rd.simulate(
        graph or loads(), start=START, until="1h", default_duration=duration, sources={"orders": rd.at(START)}
    )


def test_N41_a_timeline_has_each_attempt_and_what_each_task_waited() -> None:
    base = asked()
    chart = timeline_chart(base.timeline())
    rows = {row.label: row for row in chart.rows}
    waited = [
        [(bar.begin.minute, bar.end.minute) for bar in rows[f"load{n}.t"].bars if bar.thin] for n in range(4)
    ]  # fmt: skip
    assert waited == [[], [], [(0, 10)], [(0, 10)]] and not chart.more
    assert [row.bars[-1].state for row in chart.rows] == ["success"] * 5
    assert sum((row.waited for row in base.usage().waiting), timedelta(0)) == timedelta(minutes=20)
    failing = asked(loads(retries=2)).what_if(rd.fail("load0.t", p=1))
    (row,) = timeline_chart(failing.timeline("load0")).rows
    assert [bar.state for bar in row.bars if not bar.thin] == ["failed"] * 3


def test_N41_behind_a_what_if_stands_when_things_were_before() -> None:
    base = asked()
    wider = base.what_if(rd.capacity("wh", 4))
    rows = {row.label: row for row in timeline_chart(wider.timeline(), base.outcome).rows}
    assert [bool(rows[f"load{n}.t"].behind) for n in range(4)] == [False, False, True, True]
    behind = rows["final.t"].behind[0]
    (before,) = base.timeline("final").rows
    assert (behind.begin, behind.end) == (before.start, before.end)
    assert "dashed: before the change" in html(wider) and "dashed" not in html(base)


def test_many_tasks_are_charted_by_run() -> None:
    base = asked(loads(MOST_CHARTED + 5))
    chart = timeline_chart(base.timeline())
    assert len(chart.rows) == MOST_CHARTED and chart.more == 6
    assert "… and 6 more in the table" in html(base)


def test_N41_a_critical_path_is_a_chain_whose_waits_are_those_of_its_steps() -> None:
    path = asked().what_if(rd.delay("final", "7m")).critical_path("final")
    chart = path_chart(path)
    assert [row.label for row in chart.rows] == [step.name for step in path]
    assert [row.joined for row in chart.rows] == [False] + [True] * (len(path) - 1)
    thin = sum((bar.end - bar.begin for row in chart.rows for bar in row.bars if bar.thin), timedelta(0))
    assert thin == path.waited == timedelta(minutes=7)
    assert any("waits 7m" in row.note for row in chart.rows)


def test_N41_a_wait_on_a_critical_path_is_thin_and_no_place_is_left_out() -> None:
    graph = rd.Graph("waits")
    graph.dag("early", schedule="0 2 * * *").add(nothing, id="t")
    late = graph.dag("late", schedule="0 2 * * *")
    late.add(nothing, id="t", after=[late.wait_for("early", logical_date="same")])
    path = rd.simulate(graph, start="2026-11-23", until="1d", default_duration="10m").critical_path("late")
    rows = path_chart(path).rows
    assert [[(bar.state, bar.thin) for bar in row.bars] for row in rows] == [
        [], [("success", False)], [("waiting", True)], [("success", False)]
    ]  # fmt: skip
    assert [row.begin is not None for row in rows] == [True, True, False, True]


def test_N41_a_comparison_shows_from_when_to_when_each_run_moved() -> None:
    base = asked()
    found = base.what_if(rd.delay("load0", "5m"), rd.fail("load1.t", p=1)).compare()
    chart = comparison_chart(found)
    for row, change in zip(chart.rows, found, strict=True):
        assert row.ends == (change.ended_after or change.ended_before, change.after or "missing")
        assert [bar.begin for bar in row.behind] == [change.ended_before] * (change.ended_before is not None)
        if change.by:
            assert [(bar.end - bar.begin, bar.colour) for bar in row.bars] == [
                (abs(change.by), "orange" if change.by > timedelta(0) else "green")
            ]
    assert {row.note for row in chart.rows} >= {"+5m", "missing"} or len(chart.rows) > 1


def test_N41_landing_times_have_their_quantiles_and_deadlines() -> None:
    futures = asked(duration=rd.lognormal("10m", 0.4)).futures(100)
    for row, landing in zip(landing_chart(futures).rows, futures, strict=True):
        assert (row.bars[0].begin, row.bars[0].end, row.bars[-1].end) == (landing.p50, landing.p90, landing.p99)
        assert [at.hour for at, _, _ in row.marks] == ([9] if landing.dag != "final" else [])
    finish = futures.finish("load3")
    picture = FinishPicture.of(finish)
    assert picture is not None and sum(picture.counts) == finish.n and not picture.never
    lines = {text: at for at, text, _ in picture.lines}
    assert [lines[name] for name in ("p50", "p90", "p99")] == finish.quantile([0.5, 0.9, 0.99])
    (due,) = [text for text in lines if text.startswith("deadline")]
    assert due == f"deadline: {finish.probability(before='2026-11-23T09:00Z'):.0%} in time"
    never = FinishTime("load0", None, np.full(5, BEYOND))
    assert FinishPicture.of(never) is None and "<svg" not in html(never)


def test_N41_the_use_of_a_pool_and_its_queue_over_time() -> None:
    usage = asked().usage()
    picture = UsagePicture.of(usage)
    assert picture is not None
    limits = {limit.limit: limit for limit in picture.limits}
    assert [(at.minute, used, waits) for at, used, waits in limits["wh"].steps] == [(0, 2, 2), (10, 2, 0), (20, 0, 0)]
    assert limits["wh"].slots == 2 and limits["wh"].top == 2 and picture.limits[0].limit == "wh"
    assert "wh: at most 2 of 2 in use, 2 waiting" in html(usage)


@pytest.mark.parametrize("dag", ["<script>alert(1)</script>", 'a"b', "x" * 90])
def test_N1_charts_show_names_as_text(dag: str) -> None:
    graph = rd.Graph("g")
    graph.dag(dag, schedule="0 2 * * *", deadline="1h").add(nothing, id="<b>")
    base = rd.simulate(graph, start="2026-11-23", until="1d", default_duration=rd.uniform("5m", "9m"))
    late = base.what_if(rd.delay(dag, "2h"))
    futures = late.futures(20)
    for thing in (base, late, late.critical_path(dag), late.compare(), futures, futures.finish(dag), base.usage()):
        root = ElementTree.fromstring(html(thing))
        assert any(each.attrib.get("role") == "img" and each.attrib["aria-label"] for each in root.iter("svg"))
        assert "<script" not in html(thing) and "<b>" not in html(thing)


def test_an_answer_with_a_chart_has_its_table_folded_and_one_without_has_it_open() -> None:
    base = asked()
    assert "<details>" in html(base.timeline()) and "<details>" not in html(base.deadlines())
    assert "<table" in html(base.timeline()) and "<table" in html(base.deadlines())
    empty = rd.simulate(rd.Graph("g"), start=START, until="1h")
    assert "nothing ran" in html(empty) and "nothing ran" in html(empty.usage())
    assert np.array_equal([], empty.timeline().rows)
