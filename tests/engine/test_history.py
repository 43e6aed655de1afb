"""What an engine tells of what was: runs, events, frames, reasons."""

from __future__ import annotations

import json

import pytest

import reactive_dag as rd
from tests.support.engines import live, opened, part
from tests.support.shown import html


def nothing(run):
    if run.events[0].key == "bad":
        raise ValueError("no")


def declared():
    graph = rd.Graph("history")
    a = graph.dataset("a", partitions=rd.day())
    graph.dag("job", on=a)(nothing)
    graph.dag("other")(nothing)
    return graph


def filled(engine):
    for day in (20, 21, 22):
        engine.publish("a", partition=f"2026-11-{day}")
        engine.run_until_idle()
        engine.advance("1h")
    engine.start("other", key="bad")
    engine.run_until_idle()
    engine.pause("other")
    engine.start("other", key="later")
    engine.run_until_idle()
    return engine


@pytest.fixture(params=["memory", "file"])
def engine(request, tmp_path):
    store = None if request.param == "memory" else tmp_path / "s.db"
    with live(declared(), store) as engine:
        yield filled(engine)


def days(runs):
    return [run.partition and run.partition[-2:] for run in runs]


def test_runs_are_newest_first_and_can_be_chosen(engine):
    assert [run.dag for run in engine.runs()] == ["other", "other", "job", "job", "job"]
    assert days(engine.runs("job")) == ["22", "21", "20"]
    assert days(engine.runs("job", limit=2)) == ["22", "21"]
    assert [run.state for run in engine.runs("other")] == ["queued", "failed"]
    assert [run.dag for run in engine.runs(state="failed")] == ["other"]
    assert [run.dag for run in engine.runs(state="queued")] == ["other"]
    assert engine.runs(state="running") == []
    assert days(engine.runs("job", logical_date="2026-11-21")) == ["21"]
    assert days(engine.runs(engine.graph.dags["job"], partition="2026-11-20", state="success")) == ["20"]
    assert engine.runs("job", state="failed") == []


def test_runs_refuse_what_is_not_there(engine):
    with pytest.raises(rd.UnknownId, match="jab"):
        engine.runs("jab")
    with pytest.raises(rd.InvalidValue, match="sucess"):
        engine.runs(state="sucess")
    with pytest.raises(rd.InvalidValue):
        engine.runs("job", logical_date="2026-11-21T00:00")


def test_a_run_is_found_by_its_key_or_its_beginning(engine):
    run = engine.runs("job")[1]
    assert engine.run(run.key) == engine.run(run.key[:10]) == engine.run(run) == run
    assert engine.runs(key=run.key) == [run]
    for text in ("nope", ""):
        with pytest.raises(rd.UnknownId):
            engine.run(text)
    queued = engine.runs("other")[0]
    assert engine.run(queued.key) == queued


def test_a_run_is_found_by_the_key_that_its_start_was_given(engine):
    (later,) = engine.runs("other", key="later")
    assert later.state == "queued" and engine.run("later") == later == engine.runs(key="later", state="queued")[0]
    assert engine.run("bad").events[0].key == "bad"
    assert engine.runs("job", key="later") == engine.runs(key="later", state="success") == []
    engine.start("job", key="later")
    with pytest.raises(rd.UnknownId, match="starts of 'job', 'other' have key 'later'"):
        engine.run("later")
    assert engine.run(engine.start("job", key="now").key).dag == "job", "before anybody has driven the engine"
    assert engine.run("now").dag == "job"


@pytest.mark.parametrize("store", [None, "s.db"])
def test_a_closed_engine_says_so_whatever_its_store(store, tmp_path):
    with live(declared(), store and tmp_path / store) as engine:
        run = filled(engine).runs("job")[0]
    asked = (
        engine.runs, lambda: engine.run(run.key), lambda: run.state, lambda: engine.events("a"),
        lambda: engine.why(run), lambda: engine.why("job"), lambda: engine.pending("job"), lambda: engine.ready,
        lambda: engine.start("job"), engine.run_until_idle,
    )  # fmt: skip
    assert repr(run).endswith("of a closed engine>")
    for ask in asked:
        with pytest.raises(rd.EngineClosed, match="this engine was closed; open another"):
            ask()


def test_a_run_says_what_it_is(engine):
    run = engine.runs("job")[0]
    assert (run.state, run.label, run.round, run.error) == ("success", "", 1, None)
    assert run.requested == run.started == run.ended
    assert run.tasks["nothing"].attempts[0].number == 1
    assert repr(run).startswith("<Run job 2026-11-22T00:00Z success")
    failed = engine.runs("other", state="failed")[0]
    assert failed.error.startswith("nothing: ValueError: no")
    assert len({run, engine.runs("job")[0], failed}) == 2


def test_runs_draw_themselves_and_become_rows(engine):
    runs = engine.runs()
    assert "<table" in html(runs) and "2026-11-22" in html(runs)
    rows = runs.rows()
    assert [row["dag"] for row in rows] == [run.dag for run in runs]
    assert set(rows[0]) >= {"dag", "state", "logical_date", "partition", "key"}


def test_runs_become_a_frame(engine):
    pytest.importorskip("pandas")
    frame = engine.runs("job").to_pandas()
    assert list(frame["partition"]) == ["2026-11-22", "2026-11-21", "2026-11-20"]
    assert list(frame["state"]) == ["success"] * 3 and list(frame["key"]) == [run.key for run in engine.runs("job")]
    assert str(frame["ended"].dt.tz) == "UTC" and list(frame["logical_date"].dt.day) == [22, 21, 20]
    assert list(engine.runs("job", state="failed").to_pandas().columns) == list(frame.columns)


def test_events_of_a_dataset_are_newest_first(engine):
    assert [event.partition[-2:] for event in engine.events("a")] == ["22", "21", "20"]
    assert [event.partition[-2:] for event in engine.events(engine.graph.datasets["a"], limit=1)] == ["22"]
    with pytest.raises(rd.UnknownId):
        engine.events("nope")


def test_why_goes_down_to_the_first_event():
    graph = rd.Graph("history")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("one", on=a, outlets=[b])(nothing)
    graph.dag("two", on=b)(nothing)
    graph.dag("three", on=rd.completed("two") & rd.completed("one"))(nothing)
    with live(graph) as engine:
        engine.publish("a", key="first", logical_date="2026-11-20")
        engine.run_until_idle()
        why = engine.why(engine.runs("three")[0])
        text = str(why)
        assert text.splitlines()[0].startswith("run three for 2026-11-20")
        assert text.count("updated a, key first") == 2 and "completed two success" in text and "updated b" in text
        assert why.run == engine.runs("three")[0] and len(why.causes) == 2
        assert why.to_json()["causes"][0]["run"] in {run.key for run in engine.runs()}
        assert str(engine.why("three", logical_date="2026-11-20")) == text
        assert str(engine.why(engine.runs("three")[0].key)) == text


def test_why_of_a_long_chain_is_cut_and_says_so(monkeypatch):
    monkeypatch.setattr("reactive_dag.engine.inspect.why.MAX_NODES", 20)
    graph = rd.Graph("history")
    before = graph.dag("d0")
    before.add(nothing, id="t")
    for n in range(1, 30):
        before = graph.dag(f"d{n}", on=rd.completed(before))
        before.add(nothing, id="t")
    with live(graph) as engine:
        engine.start("d0")
        engine.run_until_idle()
        text = str(engine.why(engine.runs("d29")[0]))
        assert "the tree goes on" in text


def test_why_of_a_run_that_did_not_happen_says_what_is_missing():
    graph = rd.Graph("history")
    a = graph.dataset("a", partitions=rd.day())
    b = graph.dataset("b", partitions=rd.day())
    graph.dag("job", on=(a & b).by("partition"))(nothing)
    graph.dag("manual")(nothing)
    with live(graph) as engine:
        engine.publish(a, partition="2026-11-20")
        engine.publish(b, partition="2026-11-21")
        engine.run_until_idle()
        missing = engine.why("job", logical_date="2026-11-20").missing
        assert len(missing) == 1 and "'b'" in missing[0]
        missing = engine.why("job", logical_date="2026-11-21").missing
        assert len(missing) == 1 and "'a'" in missing[0]
        assert "start" in " ".join(engine.why("manual").missing)
        engine.pause("job")
        engine.run_until_idle()
        assert any("paused" in text for text in engine.why("job", logical_date="2026-11-20").missing)
        with pytest.raises(rd.UnknownId):
            engine.why("nope")


def test_pending_shows_parts_items_joins_and_queues():
    graph = rd.Graph("history")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("job", on={"x": rd.updated(a) & b, "y": rd.updated(b).batch(count=2)}, max_active_runs=1)(nothing)
    with live(graph) as engine:
        engine.pause("job")
        engine.publish("a", extra=1)
        engine.publish("b", extra=2)
        engine.publish("b", extra=3)
        engine.run_until_idle()
        shown = engine.pending("job")
        assert [(each.trigger, each.text, each.delivered) for each in shown.parts] == [
            ("x", "rd.updated('a')", 1), ("x", "rd.updated('b')", 2), ("y", "rd.updated('b')", 2)
        ]  # fmt: skip
        assert (shown.held, shown.paused, shown.queued) == (2, True, 0)
        assert [event.extra for event in part(engine, "job", 1).items] == [3]
        assert engine.pending(engine.graph.dags["job"]).dag == "job"


def test_an_engine_tells_what_it_is(tmp_path):
    engine = opened(declared(), tmp_path / "s.db")
    assert repr(engine) == "<Engine 'history' open, 3 records>"
    engine.close()
    assert "closed" in repr(engine)


def test_the_reason_of_a_long_cascade_is_cut_as_json():
    graph = rd.Graph("history")
    a = graph.dataset("a")
    graph.dag("again", on=rd.updated(a, feedback=True, max_depth=250), outlets=[a]).add(lambda run: None, id="t")
    with live(graph) as engine:
        engine.publish(a)
        engine.run_until_idle()
        why = engine.why(engine.runs("again")[0])
        node, texts = why.to_json(), []
        while node:
            texts.append(node["text"])
            node = next(iter(node["causes"]), None)
        assert texts[-1] == "… (the tree goes on)" and len(texts) == 102
        assert json.loads(json.dumps(why.to_json())) == why.to_json()
        short = engine.why(engine.runs("again")[-1]).to_json()
        assert short["causes"][0]["causes"] == [] and short["text"].startswith("run again")
