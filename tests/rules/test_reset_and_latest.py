"""The rules T16 (reset) and T17 (with the latest), clause by clause: beside the naive model, and live."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.declare.internals import analysis_of
from reactive_dag.model.errors import GraphError, InvalidValue
from reactive_dag.model.records import Mark, RunRequested
from reactive_dag.model.times import SECOND
from reactive_dag.triggers.implicit_joins import effective, origin_sources
from reactive_dag.triggers.joins.with_latest import WithLatest
from reactive_dag.triggers.leaves.completed import completed
from reactive_dag.triggers.leaves.dataset import updated
from reactive_dag.triggers.leaves.schedule import every
from reactive_dag.triggers.windows.reset import Reset
from tests.support.driving import Fact, Pair
from tests.support.engines import kill, live, of_kind, opened

a, b, c = map(updated, "abc")
NOON = every("10s")


def items(trigger, *steps, **options):
    return Pair(trigger, **options).items(*steps)


def raises_on_two(event):
    assert getattr(event, "extra", 0) != 2
    return True


# ------------------------------------------------------------------------------------------------- T16


def test_T16_at_each_tick_what_is_pending_is_dropped_as_reset():
    pair = Pair((a & b).reset(at=NOON))
    assert pair.items("a", 5, "b", "a", 5, "b", "a") == [[0, 1], [3, 4]]
    assert pair.count(0) == (3, 2, 0, {"reset": 1})


@pytest.mark.parametrize(
    "trigger",
    [a & b, rd.at_least(2, a, b), rd.sequence(a, b), a.batch(count=3), a.debounce("30s"), a.by("partition").batch(9)],
)
def test_T16_stands_on_whatever_holds_items(trigger):
    pair = Pair(trigger.reset(at=NOON))
    assert pair.items("a", 10) == []
    assert pair.count(0)[2] == 0


def test_T16_is_refused_on_what_holds_nothing_and_without_a_clock():
    for part in (a, a | b, a.where(bool), a.by(None)):
        with pytest.raises(InvalidValue, match="holds nothing"):
            part.reset(at=NOON)
    with pytest.raises(InvalidValue, match="takes a clock"):
        (a & b).reset(at="0 0 * * *")


def test_T16_windows_begin_again():
    assert items(a.batch(max_wait="15s").reset(at=NOON), "a", 11, "a", 20) == []
    pair = Pair(a.throttle("15s").reset(at=NOON))
    assert pair.items("a", 10, "a") == [[0], [1]], "the period is over too"


def test_T16_drops_under_all_keys():
    pair = Pair((a & b).by("partition").reset(at=NOON))
    pair.go(Fact("a", partition="x"), Fact("a", partition="y"), 10)
    assert pair.count(0) == (2, 0, 0, {"reset": 2})
    assert pair.circuit.keys() == []


def test_T16_stands_under_a_key_that_a_clock_could_not_have():
    pair = Pair((a & b).reset(at=NOON).by("partition"))
    assert pair.items(Fact("a", partition="x"), 10, Fact("b", partition="x"), Fact("a", partition="x")) == [[1, 2]]
    assert pair.count(0) == (2, 1, 0, {"reset": 1})


def test_T16_its_schedule_is_no_part():
    trigger = (a & b).reset(at=NOON)
    assert trigger.parts == (a & b,)
    assert [leaf.text for leaf in Pair(trigger).circuit.parts] == ["rd.updated('a')", "rd.updated('b')"]
    graph = rd.Graph("g")
    dag = graph.dag("d", on=trigger)
    assert [edge.kind for edge in graph.edges] == ["updated", "updated"]
    assert dag.tz == "UTC"


def test_T16_at_one_instant_windows_close_then_it_resets_then_clocks_tick_then_records_come():
    window = (a.batch(max_wait="10s") & b).reset(at=NOON)
    pair = Pair(window)
    assert pair.items("a", 10, "b") == [], "the window closed into the join, which was then reset"
    assert pair.count(0) == (1, 0, 0, {"reset": 1})
    assert items(a.batch(max_wait="10s").reset(at=NOON), "a", 10) == [[0]], "what closes at that instant fires"
    pair = Pair((every("10s") & b).reset(at=NOON))
    assert pair.items(10, "b") == [[Mark("tick", 10 * SECOND, -1), 0]], "the tick came after the reset"
    assert items((a & b).reset(at=NOON), 10, "a", "b") == [[0, 1]]


def test_T16_parked_items_are_dropped_and_silences_stay_armed():
    pair = Pair((a.where(bool) & b).reset(at=NOON), faulty=1)
    pair.go("a")
    assert pair.circuit.parked
    pair.go(10)
    assert not pair.circuit.parked and pair.count(0) == (1, 0, 0, {"reset": 1})
    pair = Pair((rd.absent(a, for_="15s") & b).reset(at=NOON))
    assert pair.items("b", 15, "b") == [[Mark("absent", 15 * SECOND, 0, "reg:1", 0), 1]]


def test_T16_keeps_no_timer_while_nothing_is_held():
    pair = Pair((a & b).reset(at=NOON))
    idle = pair.circuit.due
    pair.go("a")
    assert pair.circuit.due == 10 * SECOND
    pair.go("b")
    assert pair.circuit.due == idle


def test_T16_through_json_and_its_parts():
    trigger = (a & b).reset(at=every("1h"))
    assert rd.Trigger.from_json(trigger.to_json()) == trigger
    assert repr(trigger) == "rd.all_of(rd.updated('a'), rd.updated('b')).reset(at=rd.every('1h'))"
    assert trigger.anchored(7).at.schedule.anchor == 7
    joined, _ = effective((completed("x") & completed("y")).reset(at=NOON), lambda dag: frozenset({"o"}))
    assert isinstance(joined, Reset) and joined.part.kind == "by", "an implicit join stands inside"


def test_T16_live_across_a_restart_and_in_a_pause(tmp_path):
    graph = rd.Graph("g")
    for uri in "ab":
        graph.dataset(uri)
    dag = graph.dag("d", on=(rd.updated("a") & rd.updated("b")).reset(at=rd.every("10m")))
    dag.task(id="t")(lambda run: None)
    store = f"sqlite:///{tmp_path}/g.db"
    engine = opened(graph, store)
    engine.publish("a")
    engine.advance("5m")
    kill(engine)
    with live(graph, store, start="2026-11-23T00:05Z") as engine:
        engine.advance("5m")
        engine.publish("b")
        engine.publish("a")
        engine.run_until_idle()
        part = engine.pending("d").parts[0]
        assert (part.delivered, part.dropped) == (2, {"reset": 1})
        assert len(engine.runs("d")) == 1
        engine.pause("d")
        engine.publish("a")
        engine.publish("b")
        engine.advance("10m")
        assert engine.pending("d").held, "what a pause holds stays"
        engine.resume("d")
        engine.run_until_idle()
        assert len(engine.runs("d")) == 2


def test_T16_in_a_simulation():
    graph = rd.Graph("g")
    x, y = graph.dataset("x"), graph.dataset("y")
    graph.dag("d", on=(x & y).reset(at=rd.cron("0 * * * *"))).task(id="t")(lambda run: None)
    sources = {x: rd.cron("50 0 * * *"), y: rd.cron("10 1 * * *")}
    simulated = rd.simulate(graph, start="2026-11-23T00:00Z", until="3h", sources=sources, default_duration="1m")
    assert len(simulated.runs) == 0
    sources = {x: rd.cron("50 0 * * *"), y: rd.cron("55 0 * * *")}
    simulated = rd.simulate(graph, start="2026-11-23T00:00Z", until="3h", sources=sources, default_duration="1m")
    assert len(simulated.runs) == 1


# ------------------------------------------------------------------------------------------------- T17


def test_T17_fires_once_for_each_item_with_the_newest_of_each_other_part():
    pair = Pair(a.with_latest(b, c))
    assert pair.items("b", "c", "a", "b", "a", "a") == [[0, 1, 2], [1, 3, 4], [1, 3, 5]]
    assert pair.count(0) == (3, 3, 0, {})
    assert pair.count(1) == (2, 0, 1, {"superseded": 1}), "the newest stays pending and is never consumed"
    assert pair.count(2) == (1, 0, 1, {})


def test_T17_items_that_come_before_all_others_are_held_in_order_and_each_fires_then():
    assert items(a.with_latest(b, c), "a", "b", "a", "c", "a") == [[0, 1, 3], [1, 2, 3], [1, 3, 4]]


def test_T17_at_one_instant_the_others_step_before():
    pair = Pair(every("10s").with_latest(b.batch(max_wait="10s")))
    assert pair.items("b", 10) == [[0, Mark("tick", 10 * SECOND, 0)]]
    assert items(updated("a").with_latest(updated("a")), "a", "a") == [[0], [1]], "one event is both"


def test_T17_a_rider_is_in_the_events_the_payload_and_is_told_apart():
    (firing,) = Pair(a.with_latest(b)).go("b", "a")
    assert (firing.items, firing.parts, list(firing.riders)) == ([0, 1], [0], [0])
    assert [each.payload for each in Pair(a.with_latest(b).map(len)).go("b", "a")] == [2]


def test_T17_the_key_of_a_by_comes_from_what_fires_it():
    pair = Pair(a.by("partition").with_latest(b))
    fired = pair.go(Fact("a", partition="x"), Fact("a", partition="y"), Fact("b", partition="z"))
    assert [firing.key for firing in fired] == [("x",), ("y",)]
    fired = Pair(a.by("partition").with_latest(b.by("partition"))).go(
        Fact("b", partition="z"), Fact("a", partition="x")
    )
    assert [firing.key for firing in fired] == [("x",)]


def test_T17_inside_of_a_join_and_under_a_key():
    pair = Pair(a.with_latest(b) & c)
    assert pair.items("b", "a", "b", "c") == [[0, 1, 3]]
    assert pair.count(1) == (2, 0, 1, {"superseded": 1})
    assert items(a.with_latest(b).by("partition"), Fact("b", partition="x"), Fact("a", partition="y")) == []


def test_T17_a_clock_waits_alone_and_room_is_bounded():
    pair = Pair(every("10s").with_latest(b))
    pair.go(10, 10)
    assert pair.count(1) == (2, 0, 1, {"superseded": 1})
    pair = Pair(a.with_latest(b), max_pending=2)
    pair.go("a", "a", "a")
    assert pair.count(0) == (3, 0, 2, {"expired": 1})


def test_T17_through_json_and_its_parts():
    trigger = a.with_latest(b, c)
    assert rd.Trigger.from_json(trigger.to_json()) == trigger
    assert repr(trigger) == "rd.updated('a').with_latest(rd.updated('b'), rd.updated('c'))"
    assert trigger.rebuilt((c, b, a)) == WithLatest(c, (b, a))
    with pytest.raises(InvalidValue, match="another part"):
        a.with_latest()


def test_T17_origins_and_joins_do_not_count_what_rides():
    x, y = completed("x"), completed("y")
    assert origin_sources(x.with_latest(b)) == [x]
    joined, text = effective((x & y).with_latest(b), lambda dag: frozenset({"o"}))
    assert joined.parts[0].kind == "by" and "logical date" in text and joined.parts[1] == b
    with pytest.raises(GraphError, match="ride along inside"):
        effective(x.with_latest(b) & y, lambda dag: frozenset())


def test_T17_its_edge_makes_no_cycle_and_no_height_and_readiness_leaves_it_out():
    graph = rd.Graph("g")
    x, y = graph.dataset("x"), graph.dataset("y")
    graph.dag("d", on=rd.updated(x).with_latest(rd.updated(y)), outlets=[y])
    graph.dag("e", on=rd.completed("p").with_latest(rd.completed("d")))
    graph.dag("p")
    graph.check()
    heights = analysis_of(graph).heights
    assert (heights["d"], heights["e"]) == (0, 1)
    assert {(edge.source, edge.kind) for edge in graph.edges if edge.target == "d"} == {
        ("x", "updated"),
        ("y", "latest"),
    }
    assert graph.upstream("e") == {"p", "d"} and graph.downstream("d") >= {"e"}
    assert "e" in graph.ready(["p"])


def test_T17_date_partition_and_cascade_come_from_what_fires_it():
    graph = rd.Graph("g")
    day = rd.day("UTC")
    x, y = graph.dataset("x", partitions=day), graph.dataset("y", partitions=day)
    graph.dag("d", on=rd.updated(x).with_latest(rd.updated(y))).task(id="t")(lambda run: len(run.events))
    with live(graph) as engine:
        engine.publish(y, partition="2026-11-25")
        engine.publish(x, partition="2026-11-23")
        engine.run_until_idle()
        (run,) = engine.runs("d")
        assert (run.partition, run.partitions) == ("2026-11-23", ["2026-11-23"])
        assert run.logical_date.isoformat() == "2026-11-23T00:00:00+00:00"
        assert [event.dataset for event in run.events] == ["y", "x"] and run.tasks["t"].output == 2
        (request,) = of_kind(engine, RunRequested)
        assert request.riders == (request.causes[0],) and request.driving == (request.causes[1],)


def test_T17_a_restart_keeps_the_newest_and_a_pause_unites_riders(tmp_path):
    graph = rd.Graph("g")
    for uri in "ab":
        graph.dataset(uri)
    graph.dag("d", on=rd.updated("a").with_latest(rd.updated("b"))).task(id="t")(lambda run: None)
    store = f"sqlite:///{tmp_path}/g.db"
    engine = opened(graph, store)
    engine.publish("b")
    engine.publish("a")
    engine.run_until_idle()
    kill(engine)
    with live(graph, store) as engine:
        engine.pause("d")
        engine.publish("a")
        engine.publish("b")
        engine.publish("a")
        engine.resume("d")
        engine.run_until_idle()
        assert [len(run.events) for run in engine.runs("d")] == [4, 2]
        assert [part.pending for part in engine.pending("d").parts] == [0, 1]


def test_T17_after_a_change_what_rode_goes_only_where_it_rides_again():
    def graph_with(trigger):
        graph = rd.Graph("g")
        for uri in "abc":
            graph.dataset(uri)
        graph.dag("d", on=trigger).task(id="t")(lambda run: None)
        return graph

    x, y, z = map(rd.updated, "abc")
    graph = graph_with(x.with_latest(y))
    with live(graph) as engine:
        engine.publish("b")
        engine.publish("a")
        engine.run_until_idle()
        graph.dag("d", on=z.with_latest(y)).task(id="t")(lambda run: None)
        engine.publish("c")
        engine.run_until_idle()
        assert [[event.dataset for event in run.events] for run in engine.runs("d")] == [["b", "c"], ["b", "a"]]
        graph.dag("d", on=y & z).task(id="t")(lambda run: None)
        engine.publish("c")
        engine.run_until_idle()
        assert len(engine.runs("d")) == 2, "what rode is redefined"
        pending = engine.pending("d")
        assert [part.dropped for part in pending.parts if part.dropped] == [{"redefined": 1}]


def one_dag(trigger, **options):
    graph = rd.Graph("g")
    for uri in "abcz":
        graph.dataset(uri)
    graph.dag("d", on=trigger, **options).task(id="t")(lambda run: None)
    return graph


def datasets_of(engine):
    return [[event.dataset for event in run.events] for run in engine.runs("d")]


def is_big(event):
    return event.extra > 10


def is_small(event):
    return event.extra <= 10


def test_T17_a_resume_leaves_the_ticks_that_ride():
    with live(one_dag(rd.every("10m").with_latest(rd.every("1h")))) as engine:
        engine.pause("d")
        engine.advance("3h")
        engine.resume("d")
        engine.run_until_idle()
        assert [event.at.hour for event in engine.runs("d")[0].events] == [1, 2, 3]


def test_T17_what_rode_in_a_held_firing_is_not_delivered_anew():
    x = rd.updated("a")
    graph = one_dag(x.where(is_big).with_latest(x.where(is_small)))
    with live(graph) as engine:
        engine.pause("d")
        for extra in (1, 11, 2):
            engine.publish("a", extra=extra)
        engine.run_until_idle()
        graph.dag("d", on=x.with_latest(rd.updated("c"))).task(id="t")(lambda run: None)
        engine.publish("c")
        engine.resume("d")
        engine.run_until_idle()
        assert [[event.extra for event in run.events] for run in engine.runs("d")] == [[11, 2, None]]


def test_T17_after_a_change_what_a_part_had_not_taken_is_delivered_though_it_rode_elsewhere():
    x, y, z = map(rd.updated, "abc")
    graph = one_dag(x.with_latest(y) | (z & y))
    with live(graph) as engine:
        engine.publish("b")
        engine.publish("a")
        engine.run_until_idle()
        graph.dag("d", on=x.with_latest(y) | (z & y) | rd.updated("z")).task(id="t")(lambda run: None)
        engine.publish("c")
        engine.run_until_idle()
        assert datasets_of(engine) == [["b", "c"], ["b", "a"]]


def test_T17_what_rode_is_known_as_that_after_two_changes():
    graph = one_dag(a.with_latest(b))
    with live(graph) as engine:
        engine.publish("b")
        engine.publish("a")
        engine.run_until_idle()
        for trigger in (c.with_latest(b), updated("z") & b):
            graph.dag("d", on=trigger).task(id="t")(lambda run: None)
            engine.run_until_idle()
        engine.publish("z")
        engine.run_until_idle()
        assert datasets_of(engine) == [["b", "a"]]


def test_T17_in_a_simulation():
    graph = rd.Graph("g")
    x, y = graph.dataset("x"), graph.dataset("y")
    graph.dag("d", on=rd.updated(x).with_latest(rd.updated(y))).task(id="t")(lambda run: None)
    sources = {x: rd.cron("0 * * * *"), y: rd.cron("30 1 * * *")}
    simulated = rd.simulate(graph, start="2026-11-23T00:00Z", until="4h", sources=sources, default_duration="1m")
    assert len(simulated.runs) == 4
