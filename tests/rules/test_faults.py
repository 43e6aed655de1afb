"""Callables of triggers that raise (T10), what a firing carries (T13), bounds (T14), waves (T15), conservation (T1)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Decided, Expired, Published, RunRequested, TriggerFault
from tests.support.engines import kill, live, of_kind, opened, outputs, part, parts, states

BROKEN = {"on": True}
"""Whether `fussy` and `keyed` raise: a bug that is repaired without changing the trigger."""


def fussy(event):
    if BROKEN["on"] and event.extra == "bad":
        raise KeyError("no such column")
    return True


def keyed(event):
    if BROKEN["on"] and event.extra == "bad":
        raise KeyError("no such key")
    return "k"


def payload(given):
    if BROKEN["on"] and given.extra == "bad":
        raise KeyError("no such payload")
    return {"x": given.extra}


@pytest.fixture(autouse=True)
def broken():
    BROKEN["on"] = True


def declared(which, beside=()):
    graph = rd.Graph("faults")
    a = graph.dataset("a")
    leaf = rd.updated(a)
    on = {"where": leaf.where(fussy), "by": leaf.by(keyed).batch(count=2), "map": leaf.map(payload)}[which]
    graph.dag("job", on=rd.all_of(on, *beside))(extras)
    graph.dag("other", on=a)(extras)
    return graph


def extras(run):
    return [event.extra for event in run.events]


def payloads(run):
    return run.payload


@pytest.mark.parametrize("which", ["where", "by", "map"])
def test_T10_what_raises_is_recorded_and_its_siblings_get_the_event(which, tmp_path):
    with live(declared(which), tmp_path / "s.db") as engine:
        for extra in ("good", "bad", "fine"):
            engine.publish("a", extra=extra)
        engine.run_until_idle()
        (fault,) = of_kind(engine, TriggerFault)
        assert (fault.dag, parts(engine).log.record(fault.item).extra) == ("job", "bad")
        assert fault.function.endswith(("fussy", "keyed", "payload")) and "test_faults.py:" in fault.place
        assert "KeyError: 'no such" in fault.error
        assert outputs(engine, "other", "extras") == [["good"], ["bad"], ["fine"]]
        expected = [["good", "fine"]] if which == "by" else [["good"], ["fine"]]
        assert outputs(engine, "job", "extras") == expected


@pytest.mark.parametrize("which", ["where", "by", "map"])
def test_T10_a_parked_item_is_pending_and_delivered_again_on_retry_faults(which, tmp_path):
    with live(declared(which), tmp_path / "s.db") as engine:
        engine.publish("a", extra="bad")
        engine.run_until_idle()
        held = part(engine, "job")
        assert (held.delivered, held.pending, [event.extra for event in held.items]) == (1, 1, ["bad"])
        engine.retry_faults("job")
        engine.run_until_idle()
        assert part(engine, "job").pending == 1 and len(of_kind(engine, TriggerFault)) == 2
        BROKEN["on"] = False
        engine.publish("a", extra="late")
        engine.retry_faults("job")
        engine.run_until_idle()
        assert sorted(extra for given in outputs(engine, "job", "extras") for extra in given) == ["bad", "late"]
        assert (part(engine, "job").delivered, part(engine, "job").pending) == (2, 0)


@pytest.mark.parametrize("which", ["where", "by", "map"])
@pytest.mark.parametrize("durable", [False, True])
def test_T10_pending_tells_what_is_parked_from_what_waits(which, durable, tmp_path):
    def waiting(part):
        return [each.extra for each in part.items if each not in part.parked]

    graph = declared(which, [rd.Dataset("b")])
    store = tmp_path / "faults.db" if durable else None
    engine = opened(graph, store)
    for extra in ("bad", "good", "more", "bad"):
        engine.publish("a", extra=extra)
    engine.run_until_idle()
    if durable:
        kill(engine)
        engine = opened(graph, store)
    with engine:
        found = engine.pending("job")
        assert [each.extra for each in found.parts[0].parked] == ["bad", "bad"] and found.parts[1].parked == []
        assert sorted(waiting(found.parts[0])) == ["good", "more"] and found.parts[0].pending == 4
        assert "4 delivered, 0 consumed, 4 pending (2 parked)" in str(found)
        (fault,) = found.faults
        assert "raised KeyError: 'no such" in fault and "engine.retry_faults('job')" in fault and fault in str(found)
        assert [each["extra"] for each in found.to_json()["parts"][0]["parked"]] == ["bad", "bad"]
        BROKEN["on"] = False
        engine.retry_faults("job")
        engine.run_until_idle()
        found = engine.pending("job")
        assert found.parts[0].parked == [] == found.faults and found.parts[0].pending == 4
        assert "parked" not in str(found)


def test_T10_a_parked_item_survives_a_restart(tmp_path):
    engine = opened(declared("where"), tmp_path / "s.db")
    engine.publish("a", extra="bad")
    engine.run_until_idle()
    kill(engine)
    with live(declared("where"), tmp_path / "s.db") as engine:
        assert part(engine, "job").pending == 1
        BROKEN["on"] = False
        engine.run_until_idle()
        assert states(engine, "job") == [], "an engine's start is no registration"
        engine.retry_faults("job")
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["bad"]]


def test_T10_a_parked_item_is_delivered_again_when_its_dag_is_registered_anew():
    graph = declared("where")
    with live(graph) as engine:
        engine.publish("a", extra="bad")
        engine.run_until_idle()
        BROKEN["on"] = False
        graph.dag("job", on=rd.updated("a").where(fussy))(extras)  # the cell run again: the same trigger
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [["bad"]]


def test_T10_retrying_faults_of_one_dag_leaves_the_others():
    graph = declared("where")
    graph.dag("third", on=rd.updated("a").where(fussy))(extras)
    with live(graph) as engine:
        engine.publish("a", extra="bad")
        engine.run_until_idle()
        BROKEN["on"] = False
        engine.retry_faults("third")
        engine.run_until_idle()
        assert (states(engine, "third"), states(engine, "job")) == (["success"], [])
        with pytest.raises(rd.UnknownId):
            engine.retry_faults("nope")


# ------------------------------------------------------------------------------------------------------ T13


def test_T13_a_firing_carries_each_leaf_item_once_in_order_of_delivery():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on=rd.all_of(rd.updated(a).batch(count=2), rd.any_of(a, b)))(extras)
    with live(graph) as engine:
        for dataset, extra in ((b, 1), (a, 2), (a, 3)):
            engine.publish(dataset, extra=extra)
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[1, 2, 3]]


def test_T13_every_item_is_an_event():
    graph = rd.Graph("faults")
    a = graph.dataset("a")
    graph.dag("up")(lambda_of(None))
    graph.dag("data", on=a)(kinds)
    graph.dag("done", on=rd.completed("up"))(kinds)
    graph.dag("clock", on=rd.cron("0 1 * * *"))(kinds)
    graph.dag("silent", on=rd.absent(a, for_="90m"))(kinds)
    with live(graph) as engine:
        engine.publish(a, kind="created")
        engine.start("up", logical_date="2026-11-20", key="k")
        engine.advance("2h")
        told = {run.dag: run.tasks[run.dag if run.dag == "up" else "kinds"].output for run in engine.runs()}
        date = "2026-11-23T01:00:00+00:00"
        assert told["data"] == [["created", None, "a", None]]
        assert told["done"] == [["completed", "2026-11-20T00:00:00+00:00", None, "up"]]
        assert told["clock"] == [["tick", date, None, None]]
        assert told["silent"] == [["absent", None, None, None]]
        assert [event.kind for event in engine.runs("up")[0].events] == ["start"]
        assert engine.runs("done")[0].events[0].run == engine.runs("up")[0].key


def kinds(run):
    return [[e.kind, e.logical_date and e.logical_date.isoformat(), e.dataset, e.dag] for e in run.events]


def lambda_of(value):
    def up(run):
        return value

    return up


def test_T13_map_changes_the_payload_and_never_the_events():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    leaf = rd.updated(a)
    graph.dag("leaf", on=a)(shown)
    graph.dag("mapped", on=leaf.map(lambda e: e.extra * 10))(shown)
    graph.dag("twice", on=leaf.map(lambda e: e.extra * 10).map(lambda x: x + 1))(shown)
    graph.dag("filtered", on=leaf.map(lambda e: e.extra * 10).where(lambda x: x > 10))(shown)
    graph.dag("batched", on=leaf.map(lambda e: e.extra * 10).batch(count=2))(shown)
    graph.dag("all", on=(leaf & rd.updated(b)).map(lambda es: sum(e.extra for e in es)))(shown)
    graph.dag("any", on=a | b)(shown)
    graph.dag("one", on=leaf.batch(count=1))(shown)
    with live(graph) as engine:
        for dataset, extra in ((a, 1), (b, 5), (a, 2)):
            engine.publish(dataset, extra=extra)
        engine.run_until_idle()
        assert outputs(engine, "leaf", "shown") == [["event 1", [1]], ["event 2", [2]]]
        assert outputs(engine, "mapped", "shown") == [[10, [1]], [20, [2]]]
        assert outputs(engine, "twice", "shown") == [[11, [1]], [21, [2]]]
        assert outputs(engine, "filtered", "shown") == [[20, [2]]]
        assert outputs(engine, "batched", "shown") == [[[10, 20], [1, 2]]]
        assert outputs(engine, "all", "shown") == [[6, [1, 5]]]
        assert outputs(engine, "any", "shown") == [[["event 1"], [1]], [["event 5"], [5]], [["event 2"], [2]]]
        assert outputs(engine, "one", "shown") == [[["event 1"], [1]], [["event 2"], [2]]]


def shown(run):
    def one(value):
        return f"event {value.extra}" if isinstance(value, rd.Event) else value

    given = run.payload
    return [[one(each) for each in given] if isinstance(given, list) else one(given), [e.extra for e in run.events]]


def test_T13_a_where_behind_a_composite_gets_the_list():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on=(rd.updated(a) & rd.updated(b)).where(lambda es: sum(e.extra for e in es) > 3))(extras)
    with live(graph) as engine:
        for dataset, extra in ((a, 1), (b, 1), (a, 2), (b, 2)):
            engine.publish(dataset, extra=extra)
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[2, 2]]
        assert part(engine, "job").dropped == {"filtered": 1}


def test_T13_a_payload_that_is_no_json_parks_its_item():
    graph = rd.Graph("faults")
    a = graph.dataset("a")
    graph.dag("job", on=rd.updated(a).map(lambda e: print))(extras)
    with live(graph) as engine:
        engine.publish(a)
        engine.run_until_idle()
        assert "JSON" in of_kind(engine, TriggerFault)[0].error and part(engine, "job").pending == 1


# ------------------------------------------------------------------------------------------------ T14, T15


def test_T14_beyond_max_pending_the_oldest_is_dropped_with_a_record(tmp_path):
    def declared():
        graph = rd.Graph("faults")
        a, b = graph.dataset("a"), graph.dataset("b")
        graph.dag("job", on=a & b)(extras)
        return graph

    with live(declared(), tmp_path / "s.db", max_pending=3) as engine:
        engine.publish_many([("a", {"extra": n}) for n in range(5)])
        engine.run_until_idle()
        assert (part(engine, "job").pending, part(engine, "job").dropped) == (3, {"expired": 2})
        assert sum(record.count for record in of_kind(engine, Expired)) == 2
        assert of_kind(engine, Expired)[0].part == "rd.updated('a')"
        engine.publish("b", extra=9)
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[2, 3, 4, 9]]


def test_T7_an_item_without_a_key_is_dropped_with_one_warning_for_each_source():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on=(rd.updated(a) & rd.updated(b)).by("partition"))(extras)
    with live(graph) as engine:
        for dataset in (a, a, b):
            engine.publish(dataset)
        engine.run_until_idle()
        assert [record.policy for record in of_kind(engine, Expired)] == ["no_key", "no_key"]
        assert [part(engine, "job", n).dropped for n in (0, 1)] == [{"no_key": 2}, {"no_key": 1}]


def test_T7_beyond_max_keys_the_key_opened_first_is_dropped_and_with_ttl_in_time():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("few", on=(rd.updated(a) & rd.updated(b)).by("partition", max_keys=2))(extras)
    graph.dag("brief", on=(rd.updated(a) & rd.updated(b)).by("partition", ttl="1h"))(extras)
    with live(graph) as engine:
        for partition in ("x", "y", "z"):
            engine.publish(a, partition=partition, extra=partition)
        engine.run_until_idle()
        assert [(r.dag, r.key, r.count) for r in of_kind(engine, Expired)] == [("few", "x", 1)]
        engine.advance("1h")
        dropped = [(r.dag, r.policy, r.key) for r in of_kind(engine, Expired)[1:]]
        assert sorted(dropped) == [("brief", "expired", key) for key in "xyz"]
        for partition in ("x", "z"):
            engine.publish(b, partition=partition, extra=partition)
        engine.run_until_idle()
        assert outputs(engine, "few", "extras") == [["z", "z"]] and states(engine, "brief") == []


def test_T8_completions_join_by_date_by_cascade_or_in_plain_order():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    for name, on in (("left", a), ("right", a), ("other", b)):
        graph.dag(name, on=on)(extras)
    graph.dag("same", on=rd.completed("left") & rd.completed("right"))(sources)
    graph.dag("plain", on=rd.completed("left") & rd.completed("other"))(sources)
    with live(graph) as engine:
        engine.pause("right")
        for n in range(2):
            engine.publish(a, extra=n)
        for n in range(2):
            engine.publish(b, extra=10 + n)
        engine.run_until_idle()
        assert outputs(engine, "plain", "sources") == [[[1], [10]]], "all that is there meets the first of the other"
        assert states(engine, "same") == []
        assert "plain order" in engine.pending("plain").joins[""]
        engine.resume("right")
        engine.run_until_idle()
        joined = [sorted(event.cascade for event in run.events) for run in engine.runs("same")]
        assert joined == [], "the resumed run takes both causes: it belongs to neither cascade"
        engine.publish(a, logical_date="2026-11-20", extra=5)
        engine.publish(b, logical_date="2026-11-21", extra=6)
        engine.run_until_idle()
        assert outputs(engine, "same", "sources") == [[[5], [5]]], "by date"
        assert part(engine, "plain", 0).pending >= 1, "dates never meet, and nothing without one is there"


def sources(run):
    return [result for _, results in sorted(run.results.items()) for result in results.values()]


def test_T15_publish_many_is_one_commit_decided_one_by_one(tmp_path):
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("both", on=rd.updated(a) | rd.updated(b))(extras)
    graph.dag("pair", on=a & b)(extras)
    with live(graph, tmp_path / "s.db") as engine:
        commits = []
        write = parts(engine).log._write_pending
        parts(engine).log._write_pending = lambda batch: (commits.append(batch.records), write(batch))
        receipts = engine.publish_many([(a, {"extra": 1}), ("b", {"extra": 2}), (a, {"extra": 3})])
        assert [receipt.extra for receipt in receipts] == [1, 2, 3]
        assert [type(record) for record in commits[0]] == [Published] * 3 and len(commits) == 1
        engine.run_until_idle()
        assert outputs(engine, "both", "extras") == [[1], [2], [3]]
        assert outputs(engine, "pair", "extras") == [[1, 2]]


def test_T15_within_a_wave_dags_are_visited_by_height_then_id_each_once():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("z", on=rd.updated(a) | rd.updated(b).where(lambda e: True))
    graph.dag("y", on=a)
    graph.dag("m", on=rd.updated(a) | rd.completed("z"))
    graph.dag("a", on=rd.completed("m") | rd.updated(a))
    with live(graph, runner=None) as engine:
        engine.publish(a)
        engine.run_until_idle()
        assert [record.dag for record in of_kind(engine, RunRequested)] == ["y", "z", "m", "a"]
        assert len(of_kind(engine, Decided)) == 1


def test_T15_heights_follow_a_graph_that_changes():
    graph = rd.Graph("faults")
    a = graph.dataset("a")
    graph.dag("b", on=a)
    graph.dag("c", on=a)
    with live(graph, runner=None) as engine:
        engine.run_until_idle()
        graph.dag("b", on=rd.updated(a) | rd.completed("c"))
        graph.dag("c", on=a)
        engine.publish(a)
        engine.run_until_idle()
        graph.dag("up", on=rd.cron("0 0 * * *"))
        graph.dag("c", on=rd.updated(a) | rd.completed("up"))
        engine.publish(a)
        engine.run_until_idle()
        assert [record.dag for record in of_kind(engine, RunRequested)] == ["c", "b", "c", "b"]
        heights = {name: active.height for (name, _), active in parts(engine).fold.router.triggers.items()}
        assert heights == {"up": 0, "c": 1, "b": 2}


def test_T1_conservation_is_shown():
    graph = rd.Graph("faults")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on=rd.all_of(rd.updated(a).where(fussy), b, consume="latest"))(extras)
    with live(graph) as engine:
        for dataset, extra in ((a, 1), (a, 2), (a, "bad"), (b, 3), (a, 4)):
            engine.publish(dataset, extra=extra)
        engine.run_until_idle()
        first = part(engine, "job")
        assert (first.delivered, first.consumed, first.pending, first.dropped) == (4, 1, 2, {"superseded": 1})
        assert first.delivered == first.consumed + first.pending + sum(first.dropped.values())
        assert "4 delivered, 1 consumed, 2 pending (1 parked), 1 superseded" in str(engine.pending("job"))
