"""What names things across logs and restarts: identities, keys of runs and of callers, decisions (I3 to I7)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Answers, Decided, Duplicate, KeyConflict, Published, RunFinished, RunRequested
from tests.support.engines import (
    dates,
    folded,
    kill,
    live,
    of_kind,
    offset_of,
    opened,
    outputs,
    part,
    parts,
    records_of,
    states,
    tick,
)

ASKED: list[int] = []
"""The extras that `odd` was asked about, in this process."""


def odd(event):
    ASKED.append(event.extra)
    return event.extra % 2 == 1


def simple() -> rd.Graph:
    graph = rd.Graph("names")
    a = graph.dataset("a")

    @graph.dag(on=a)
    def job(run):
        return [event.extra for event in run.events]

    return graph


def test_I3_outside_events_are_numbered_and_a_duplicate_takes_no_number():
    with live(simple()) as engine:
        engine.publish("a")
        engine.publish("a", key="k")
        engine.publish("a", key="k")
        engine.publish("a")
        engine.publish_many([("a", {}), ("a", {"key": "k"}), ("a", {"extra": 1})])
        assert [record.n for record in of_kind(engine, Published)] == [0, 1, 2, 3, 4]


def test_I3_identities_hold_no_offset_and_no_clock():
    graph = simple()
    b = graph.dataset("b")

    @graph.dag(on=rd.completed("job"), outlets=[b])
    def after(run):
        run.publish(b)
        run.publish(b)

    with live(graph) as engine:
        identity = parts(engine).fold.identities.identity
        receipt = engine.publish("a", key="x")
        assert identity(receipt.offset) == "a#0"
        engine.run_until_idle()
        job, after = (engine.runs(dag)[0].key for dag in ("job", "after"))
        ends = {record.dag: n for n, record in enumerate(records_of(engine)) if isinstance(record, RunFinished)}
        assert identity(ends["job"]) == f"{job}/"
        made = [n for n, r in enumerate(records_of(engine)) if isinstance(r, Published) and r.dataset == "b"]
        assert [identity(n) for n in made] == [f"{after}/after/b#0", f"{after}/after/b#1"]
        assert identity(tick("2026-11-23T02:00Z")) == f"tick:{1795399200 * 10**9}"
        by_key, by_number = engine.start("job", key="manual"), engine.start("job")
        assert [identity(run._causes[0]) for run in (by_key, by_number)] == ["start:job=manual", "start:job#1"]


def test_I4_a_runs_key_is_the_same_in_every_log():
    keys = []
    for noise in (0, 7):
        with live(simple()) as engine:
            engine.graph.dataset("noise")
            for _ in range(noise):
                engine.publish("noise")
                engine.run_until_idle()
            engine.publish("a", extra=noise)
            engine.run_until_idle()
            keys.append(engine.runs("job")[0].key)
    assert keys[0] == keys[1]


def test_I4_a_runs_key_tells_labels_and_graphs_apart():
    def keys(name, on):
        graph = rd.Graph(name)
        a = graph.dataset("a")
        graph.dag("job", on=dict.fromkeys(on, a) if on else a)
        with live(graph, runner=None) as engine:
            engine.publish(a)
            engine.run_until_idle()
            return {run.key for run in engine.runs("job")}

    assert len(keys("one", ()) | keys("two", ()) | keys("one", ("x", "y"))) == 4


def test_I4_a_firing_whose_key_exists_is_dropped_as_duplicate():
    def declared(text):
        graph = rd.Graph("names")

        @graph.dag(on=rd.cron(text), start="2026-11-23T00:00Z", catchup="all")
        def job(run):
            return None

        return graph

    graph = declared("0 */2 * * *")
    with live(graph, start="2026-11-23T00:00Z") as engine:
        engine.advance("4h")
        assert len(states(engine, "job")) == 2

        @graph.dag(on=rd.cron("0 * * * *"), start="2026-11-23T00:00Z", catchup="all")
        def job(run):
            return None

        engine.run_until_idle()  # all ticks since `start` are missed ones of the new definition
        assert len(of_kind(engine, Duplicate)) == 1, "02:00 has run; 04:00 was there at the registration"
        assert part(engine, "job").dropped == {"duplicate": 1}
        assert sorted(dates(engine, "job")) == [f"2026-11-23T0{hour}:00Z" for hour in range(5)]


def test_I5_the_first_content_stands():
    with live(simple()) as engine:
        first = engine.publish("a", key="k", extra=1)
        same = engine.publish("a", key="k", extra=1)
        other = engine.publish("a", key="k", extra=2)
        assert (first.duplicate, same.duplicate, other.duplicate) == (False, True, True)
        assert (other.offset, other.extra) == (first.offset, 1)
        assert [record.first for record in of_kind(engine, KeyConflict)] == [first.offset]
        engine.run_until_idle()
        assert outputs(engine, "job") == [[1]]


def test_I5_keys_are_unique_for_each_dataset_and_nothing_crosses():
    graph = simple()
    graph.dataset("b")
    with live(graph) as engine:
        engine.publish("a", key="k")
        assert not engine.publish("b", key="k").duplicate
        run = engine.start("job", key="k")
        assert run.state == "queued"


def test_I5_run_publish_and_publish_share_a_datasets_keys():
    graph = rd.Graph("names")
    a = graph.dataset("a")

    @graph.dag(outlets=[a])
    def make(run):
        run.publish(a, key="k", extra="from the run")
        run.publish(a, key="k", extra="twice")
        run.publish(a, key="other")

    with live(graph) as engine:
        engine.start(make)
        engine.run_until_idle()
        late = engine.publish(a, key="k", extra="outside")
        assert late.duplicate and late.extra == "from the run"
        engine.start(make)
        engine.run_until_idle()
        assert [event.key for event in engine.events(a)] == ["other", "k"]
        assert len(of_kind(engine, KeyConflict)) == 3


def test_I5_a_start_with_a_known_key_gives_the_first_run(tmp_path):
    engine = opened(simple(), tmp_path / "s.db")
    first = engine.start("job", key="manual", logical_date="2026-11-20")
    again = engine.start("job", key="manual", logical_date="2026-11-20")
    assert first == again and not of_kind(engine, KeyConflict)
    key = first.key
    kill(engine)
    with live(simple(), tmp_path / "s.db") as engine:
        later = engine.start("job", key="manual", logical_date="2026-11-21")
        assert (later.key, later.logical_date.day) == (key, 20)
        assert len(of_kind(engine, KeyConflict)) == 1
        engine.run_until_idle()
        assert states(engine, "job") == ["success"]


def test_I5_a_start_with_a_known_key_and_other_content_is_warned_of(caplog):
    def declared():
        graph = rd.Graph("warned")

        @graph.dag(params={"rows": 1, "why": ""})
        def child(run):
            return None

        @graph.dag(retries=1)
        def parent(run):
            run.start(child, params={"rows": run.attempt})
            if run.attempt == 1:
                raise ValueError("once more")

        return graph

    with live(declared()) as engine, caplog.at_level("WARNING", "reactive_dag.engine"):
        first = engine.start("child", key="k", params={"rows": 2}, logical_date="2026-11-20")
        assert engine.start("child", key="k", params={"rows": 2}, logical_date="2026-11-20") == first
        assert not caplog.records
        assert engine.start("child", key="k", params={"rows": 3}, logical_date="2026-11-21") == first
        said = [record.getMessage() for record in caplog.records]
        assert said == [
            "start('child', key='k') with params={'rows': 3}, logical_date='2026-11-21T00:00:00Z' gets the run of the "
            "first start under this key, which has params={'rows': 2}, logical_date='2026-11-20T00:00:00Z'; "
            "give another key for a run of its own"
        ]
        caplog.clear()
        engine.start("parent")
        engine.run_until_idle()
        assert len(engine.runs("child")) == 2, "the second attempt of the parent gets the child of the first"
        assert [
            "params={'rows': 2} gets" in record.getMessage()
            for record in caplog.records
            if record.name.endswith("engine")
        ] == [True]


def test_I6_recovery_applies_recorded_decisions_and_calls_no_old_callable(tmp_path):
    def declared():
        graph = rd.Graph("names")
        a = graph.dataset("a")

        @graph.dag(on=rd.updated(a).where(odd).by(key_of).map(payload_of).batch(count=2))
        def job(run):
            return run.payload

        return graph

    store = tmp_path / "s.db"
    engine = opened(declared(), store)
    engine.publish_many([("a", {"extra": n}) for n in range(4)])
    engine.run_until_idle()
    assert outputs(engine, "job") == [[10, 30]]
    assert of_kind(engine, Answers)
    kill(engine)
    ASKED.clear()
    with live(declared(), store) as engine:
        assert ASKED == [], "what was decided is not asked again"
        engine.publish("a", extra=5)
        engine.publish("a", extra=6)
        engine.run_until_idle()
        assert ASKED == [5, 6]
        assert engine.pending("job").parts[0].dropped == {"filtered": 3}


def key_of(event):
    return "all"


def payload_of(payload):
    return payload.extra * 10


def test_I6_what_lies_beyond_is_decided_then_under_its_normal_key(tmp_path):
    store = tmp_path / "s.db"
    engine = opened(simple(), store)
    engine.publish("a", extra=1)
    kill(engine)  # acknowledged, and nobody drained
    with live(simple(), store) as engine:
        engine.run_until_idle()
        assert outputs(engine, "job") == [[1]]
        key = engine.runs("job")[0].key
    with live(simple()) as other:
        other.publish("a", extra=1)
        other.run_until_idle()
        assert other.runs("job")[0].key == key


def test_I6_a_duplicate_is_told_from_the_first_of_its_key_when_the_log_is_read_back():
    graph = rd.Graph("names")
    graph.dataset("x")
    graph.dag("job", on=rd.cron("0 * * * *"), start="2026-11-23T00:00Z", catchup="all")
    with live(graph, start="2026-11-23T05:00Z", runner=None) as engine:
        graph.dag("job", on=rd.cron("0 */1 * * *"), start="2026-11-23T00:00Z", catchup="all")
        engine.publish("x")
        engine.run_until_idle()  # one turn: five missed ticks of the first definition, the same of the second
        assert len(states(engine, "job")) == len(of_kind(engine, Duplicate)) == 5
        assert len(of_kind(engine, Decided)) == 1


def test_I7_a_cell_run_again_with_the_same_text_changes_nothing():
    graph = rd.Graph("names")
    a = graph.dataset("a")
    with live(graph) as engine:
        for _ in range(2):

            @graph.dag(on=rd.updated(a).where(lambda e: e.extra > 1))
            def job(run):
                return None

            engine.publish(a, extra=2)
            engine.run_until_idle()
            before = offset_of(engine)
        assert len(states(engine, "job")) == 2
        names = [type(record).__name__ for record in parts(engine).log.read(0, before)]
        assert names.count("Registered") == 1


def test_the_same_facts_fold_to_the_same_state_at_any_point(tmp_path):
    engine = opened(simple(), tmp_path / "s.db")
    for n in range(3):
        engine.publish("a", extra=n)
        engine.run_until_idle()
    again = folded(engine)
    assert again.runs.live == {} and again.cursor >= len(of_kind(engine, RunRequested))
    with pytest.raises(rd.UnknownId):
        engine.publish("nope")
    engine.close()
