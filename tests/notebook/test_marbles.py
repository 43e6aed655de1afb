"""Marble diagrams: what each firing took, of engines and of simulations, as data, text and picture (N40)."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree

import pytest

import reactive_dag as rd
from tests.support.sales import sales
from tests.support.shown import html, plain

START = "2026-11-23T08:00Z"


def nothing():
    return None


def minute(time) -> int:
    return time.hour * 60 + time.minute


def shop() -> rd.Graph:
    graph = rd.Graph("shop")
    orders, rates = graph.dataset("lake/orders"), graph.dataset("lake/rates")
    batched = graph.dag("batched", on=rd.updated(orders).batch(count=3, max_wait="10m"))
    batched.add(nothing, id="task")
    graph.dag("priced", on=rd.updated(orders).with_latest(rates)).add(nothing, id="task")
    graph.dag("after", on=rd.completed(batched)).add(nothing, id="task")
    return graph


def instants(*minutes: int):
    return rd.at([f"2026-11-23T08:{each:02}Z" for each in minutes])


def simulated(**more):
    sources = {"lake/orders": instants(1, 2, 4, 25), "lake/rates": instants(0, 3)}
    return rd.simulate(shop(), start=START, until="1h", default_duration="2m", sources=sources, **more)


def test_N40_a_firing_shows_all_that_it_took_and_what_rides_along() -> None:
    found = rd.marbles(simulated())
    batched, after = [
        [each for each in found.firings if each.line == line] for line in ("batched", "after")
    ]  # fmt: skip
    events = {each.letter: each for each in found.marbles}
    assert [[minute(events[took.letter].at) - 480 for took in firing.took] for firing in batched] == [[1, 2, 4], [25]]
    assert [(minute(firing.opened) - 480, minute(firing.at) - 480) for firing in batched] == [(1, 4), (25, 35)]
    assert [[took.letter for took in firing.took] for firing in after] == [[firing.letter] for firing in batched]
    assert [after[0].took[0].at, after[0].at] == [batched[0].ended] * 2
    priced = [each for each in found.firings if each.line == "priced"]
    assert [[(took.line, took.rides) for took in firing.took] for firing in priced][:2] == [
        [("lake/rates", True), ("lake/orders", False)]
    ] * 2
    assert all(each.taken for each in found.marbles if each.line == "lake/orders")


def test_N40_each_cause_of_each_run_is_taken_once_whoever_played_it() -> None:
    with rd.Engine(sales(), clock=rd.VirtualClock("2026-11-23T00:00+01:00"), runner=rd.InlineRunner()) as engine:
        for day in ("2026-11-22", "2026-11-23"):
            engine.publish("s3://lake/users", partition=day)
        engine.start("ingest", partition="2026-11-22")
        engine.advance("30h")
        base = rd.simulate(
            sales(), start="2026-11-23T00:00+01:00", until="2d", default_duration="1m",
            sources={"s3://lake/users": rd.every("6h")},
        )  # fmt: skip
        for of in (engine, base):
            runs = {run.key: run for run in (of.runs() if of is engine else of.runs)}
            found = rd.marbles(of)
            assert {firing.run for firing in found.firings} == {*runs} and len(runs) > 3
            for firing in found.firings:
                run = runs[firing.run]
                assert firing.elsewhere == 0 and len(firing.took) == len(run.events)
                assert Counter(took.at for took in firing.took) == Counter(event.at for event in run.events)
                assert (firing.at, firing.ended, firing.state) == (run.requested, run.ended, run.state)
        assert "starts by hand" in {line.name for line in rd.marbles(engine).lines}


def test_N40_an_engine_and_a_simulation_of_the_same_story_have_the_same_diagram() -> None:
    clock = rd.VirtualClock(START)
    stubs = {f"{dag}.task": rd.takes("2m") for dag in ("batched", "priced", "after")}
    with rd.Engine(shop(), clock=clock, stubs=stubs) as engine:
        for at, dataset in ((0, "rates"), (1, "orders"), (2, "orders"), (3, "rates"), (4, "orders"), (25, "orders")):
            engine.advance(to=f"2026-11-23T08:{at:02}Z")
            engine.publish(f"lake/{dataset}", logical_date=f"2026-11-23T08:{at:02}Z")
        engine.advance("30m")
        live, played = str(rd.marbles(engine)), str(rd.marbles(simulated().what_if(rd.workers(1))))
    assert live == played


def test_what_nothing_took_is_hollow_and_a_run_that_goes_on_has_no_end() -> None:
    graph = rd.Graph("g")
    both = graph.dag("both", on=rd.updated("a") & rd.updated("b"))
    both.add(nothing, id="task")
    with rd.Engine(graph, clock=rd.VirtualClock(START), runner=None) as engine:
        for dataset in ("a", "a", "b", "a"):
            engine.publish(dataset)
            engine.advance("1m")
        found = rd.marbles(engine)
    assert [(each.line, each.taken) for each in found.marbles] == [("a", True), ("a", True), ("b", True), ("a", False)]
    (firing,) = found.firings
    assert firing.stretches == () and firing.state == "queued" and firing.ended is None
    assert "no run took it" in html(found) and "run: queued" in html(found)
    assert plain(found).splitlines()[2:5] == ["  a     ab-d", "  b     --c-", "  both  --A."]


def test_a_run_of_several_rounds_has_a_stretch_for_each_and_a_failure_its_mark() -> None:
    graph = rd.Graph("g")
    seen = []

    @graph.dag(on=rd.updated("a"))
    def job(run):
        seen.append(run.round)
        if len(seen) == 1:
            raise rd.FailTask("not yet")

    with rd.Engine(graph, clock=rd.VirtualClock(START), runner=rd.InlineRunner()) as engine:
        engine.publish("a")
        engine.run_until_idle()
        engine.advance("5m")
        before = str(rd.marbles(engine))
        engine.rerun(engine.runs("job")[0])
        engine.run_until_idle()
        (firing,) = rd.marbles(engine).firings
        assert "(A#)" in before and "✕ failed" in before
        assert [each.state for each in firing.stretches] == ["failed", "success"] and firing.state == "success"
        assert firing.ended == engine.runs("job")[0].ended


def test_names_choose_lines_and_those_of_what_a_dag_took() -> None:
    base = simulated()
    assert [line.name for line in rd.marbles(base, "after").lines] == ["batched", "after"]
    assert [line.name for line in rd.marbles(base, "rates").lines] == ["lake/rates"]
    assert [line.shown for line in rd.marbles(base, base.graph.dags["batched"]).lines] == ["orders", "batched"]
    late = rd.marbles(base, "batched", start="2026-11-23T08:03Z", end="2026-11-23T08:30Z")
    assert [each.elsewhere for each in late.firings] == [2] and late.firings[0].took_text == "a, 2 more"
    with pytest.raises(rd.UnknownId, match="did you mean 'batched'"):
        rd.marbles(base, "batchd")
    with pytest.raises(rd.InvalidValue, match="give an engine, or a simulation"):
        rd.marbles(base.graph)
    with pytest.raises(rd.InvalidValue, match="is after"):
        rd.marbles(base, start="2026-11-23", end="2026-11-22")


def test_what_is_too_much_is_cut_and_counted() -> None:
    graph = rd.Graph("g")
    for n in range(50):
        graph.dag(f"job{n:02}", on=rd.updated("many").batch(count=7)).add(nothing, id="task")
    sources = {"many": rd.every("1m")}
    found = rd.marbles(rd.simulate(graph, start=START, until="6h", default_duration="1m", sources=sources))
    assert len(found.marbles) + len(found.firings) <= 200 and len(found.lines) == 40
    (left,) = found.left_out
    assert "events" in left and "runs" in left and "11 lines" in left
    assert max(len(line) for line in plain(found).splitlines()[1:40]) < 200


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a"b'])
def test_N1_a_marble_diagram_shows_names_as_text(name: str) -> None:
    graph = rd.Graph(f"g {name}")
    graph.dag("job", on=rd.updated(name)).add(nothing, id="task")
    with rd.Engine(graph, clock=rd.VirtualClock(START), runner=rd.InlineRunner()) as engine:
        engine.publish(name, extra={name: 1})
        engine.run_until_idle()
        found = rd.marbles(engine)
    root = ElementTree.fromstring(html(found))
    picture = next(each for each in root.iter("svg") if each.attrib.get("role") == "img")
    assert picture.attrib["aria-label"].endswith("1 event, 1 run") and "<script" not in html(found)
    assert all("\t" not in line for line in plain(found).splitlines())
    assert found.to_json()["lines"][0]["name"] == name and list(found.to_pandas()["of"]) == [name]


def test_a_DAG_and_a_dataset_of_one_name_are_two_lines() -> None:
    graph = rd.Graph("g")
    graph.dag("mart", on=rd.updated("mart")).add(nothing, id="task")
    with rd.Engine(graph, clock=rd.VirtualClock(START), runner=rd.InlineRunner()) as engine:
        engine.publish("mart")
        engine.run_until_idle()
        found = rd.marbles(engine)
    assert [(line.name, line.kind, len(line.marbles), len(line.firings)) for line in found.lines] == [
        ("mart", "dataset", 1, 0),
        ("mart", "dag", 0, 1),
    ]
    assert plain(found).splitlines()[2:4] == ["  mart  a---", "  mart  (A|)"]
    assert ElementTree.fromstring(html(found)) is not None


def test_nothing_and_all_at_one_instant_are_diagrams_too() -> None:
    graph = rd.Graph("g")
    graph.dag("job", on=rd.updated("a")).add(nothing, id="task")
    with rd.Engine(graph, clock=rd.VirtualClock(START), runner=rd.InlineRunner()) as engine:
        assert plain(rd.marbles(engine)) == "marbles of g: nothing happened" and "nothing happened" in html(
            rd.marbles(engine)
        )
        engine.publish("a")
        engine.run_until_idle()
        assert plain(rd.marbles(engine)).splitlines()[2:4] == ["  a    a---", "  job  (A|)"]
        assert ElementTree.fromstring(html(rd.marbles(engine))) is not None
