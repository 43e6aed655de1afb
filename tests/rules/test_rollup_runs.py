"""What is recorded and shown of the runs of rollups, and what is left of them when their DAG is removed (T18, T11)."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

import reactive_dag as rd
from reactive_dag.cli.tables import runs_table
from reactive_dag.model.partitions.nesting import as_flags, inside, of_flags
from reactive_dag.model.records import RunRequested
from tests.support.engines import kill, live, opened, parts
from tests.support.shown import html

DAY, HOUR = rd.day(), rd.hour()
NAMES = [f"customer-{number}" for number in range(400)]
MANY = HOUR * rd.values(*NAMES, name="customer")
MONDAY = "2026-11-23"


def nothing(run):
    return None


def rollup_of(partitions, **options) -> rd.Graph:
    graph = rd.Graph("rollups")
    graph.dag("daily", on=rd.updated(graph.dataset("hours", partitions=partitions)).rollup(DAY, **options))(nothing)
    return graph


def publish(engine: rd.Engine, partitions) -> None:
    engine.publish_many([("hours", {"partition": each}) for each in partitions])
    engine.run_until_idle()


def requests(engine: rd.Engine) -> list[RunRequested]:
    log = parts(engine).log
    return [record for record in log.read(0, log.next_offset) if type(record) is RunRequested]


def told(engine: rd.Engine) -> list[tuple]:
    runs = reversed(engine.runs("daily"))
    return [(run.partition, len(run.events), len(run.missing), run.correction) for run in runs]


def printed(table) -> str:
    console = Console(width=200, record=True, file=StringIO())
    console.print(table)
    return console.export_text()


# -------------------------------------------------------------------------------------------------- records


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("durable", [False, True])
def test_T18_what_is_missing_is_recorded_in_few_bytes(tmp_path: Path, durable, snapshot):
    if not durable and snapshot:
        pytest.skip("a log in memory has none")
    store, every = (f"sqlite:///{tmp_path}/rollup.db" if durable else None), inside(MANY, DAY, MONDAY)
    graph = rollup_of(MANY, wait="1h")
    engine = opened(graph, store, start="2026-11-24T00:00Z")
    publish(engine, every[:1])
    engine.advance("1h")
    publish(engine, every[1:10])
    if durable:
        engine.close() if snapshot else kill(engine)
        engine = opened(graph, store, start="2026-11-24T02:00Z")
    with engine:
        publish(engine, every[5000:5020])
        came = [*every[:10], *every[5000:5020]]
        for run, count in zip(reversed(engine.runs("daily")), range(1, 31), strict=True):
            assert run.missing == [each for each in every if each not in came[:count]], count
        sizes = [len(msgspec.msgpack.encode(record)) for record in requests(engine)]
        assert len(every) == 9600 and max(sizes) < 400, "each correction would name 9,500 partitions"


def test_T18_a_run_says_what_was_missing_whatever_its_rollup_gathers_now(tmp_path: Path):
    store, hours = tmp_path / "rollup.db", inside(HOUR, DAY, MONDAY)
    with live(rollup_of(HOUR, wait="1h"), store, start="2026-11-24T00:00Z") as engine:
        publish(engine, hours[2:])
        engine.advance("1h")
    changed = rd.Graph("rollups")
    changed.dag("daily", on=rd.updated(changed.dataset("days", partitions=DAY)).rollup(rd.week()))(nothing)
    for graph in (changed, rd.Graph("rollups")):
        with live(graph, store, start="2026-11-24T01:00Z") as engine:
            assert engine.runs("daily")[0].missing == list(hours[:2])


def test_T18_several_rollups_of_a_trigger_each_say_what_is_missing():
    graph = rd.Graph("rollups")
    hours, days = graph.dataset("hours", partitions=HOUR), graph.dataset("days", partitions=DAY * rd.values("a", "b"))
    both = days.rollup(rd.week(), wait="1h").by(rd.week()) | hours.rollup(DAY, wait="1h").rollup(rd.week(), wait="1h")
    graph.dag("weekly", on=both)(nothing)
    with live(graph, start="2026-11-30T00:00Z") as engine:
        engine.publish("hours", partition=f"{MONDAY}T00+00:00")
        engine.publish("days", partition=f"{MONDAY}|a")
        engine.advance("3h")
        one, other = sorted([run.missing for run in engine.runs("weekly")], key=len)
        assert one == list(inside(DAY, rd.week(), "2026-W48"))[1:]
        assert other == list(inside(DAY * rd.values("a", "b"), rd.week(), "2026-W48"))[1:]


def test_T18_flags_of_names():
    for length in range(20):
        names = tuple(map(str, range(length)))
        for some in (set(), set(names), set(names[:1]), set(names[-1:]), set(names[::3])):
            assert of_flags(names, as_flags(names, some)) == [name for name in names if name in some]


# --------------------------------------------------------------------------------------------------- shown


def test_T18_a_run_is_shown_with_what_is_missing_and_as_a_correction():
    hours = inside(HOUR, DAY, MONDAY)
    with live(rollup_of(HOUR, wait="1h"), start="2026-11-24T00:00Z") as engine:
        publish(engine, hours[7:])
        engine.advance("1h")
        publish(engine, hours[:7])
        runs = list(reversed(engine.runs("daily")))
        first = f"{MONDAY}T00+00:00, {MONDAY}T01+00:00, {MONDAY}T02+00:00, {MONDAY}T03+00:00, {MONDAY}T04+00:00"
        assert repr(runs[0]).endswith(f", without 7: {first} and 2 more>")
        assert f", correction, without 6: {MONDAY}T01" in repr(runs[1]) and repr(runs[-1]).endswith(", correction>")
        assert runs[0].to_json()["missing"] == {"count": 7, "first": list(hours[:5])}
        assert runs[0].to_json()["correction"] is False
        last = runs[-1].to_json()
        assert (last["correction"], last["missing"]) == (True, {"count": 0, "first": []})
        assert engine.runs("daily").rows()[0]["rollup"] == "correction"
        assert list(engine.runs("daily").to_pandas()["rollup"])[-1] == f"without 7: {first} and 2 more"
        assert "without 1" in html(engine.runs("daily"))
        table = printed(runs_table(engine.runs("daily")))
        assert f"{MONDAY} (without 7)" in table and f"{MONDAY} (correction, without 1)" in table
        assert f"{MONDAY} (correction)" in table


def test_T18_runs_of_no_rollup_are_shown_as_ever():
    graph = rd.Graph("plain")
    graph.dag("job")(nothing)
    with live(graph) as engine:
        engine.start("job")
        engine.run_until_idle()
        (run,) = engine.runs("job")
        assert "missing" not in run.to_json() and "rollup" not in engine.runs("job").rows()[0]
        assert "without" not in html(engine.runs("job")) and "(" not in printed(runs_table(engine.runs("job")))
        assert list(engine.runs("job", state="failed").to_pandas().columns) == list(engine.runs("job").rows()[0])


# -------------------------------------------------------------------------------- removed and declared again


def declared_again(engine: rd.Engine | None, graph: rd.Graph, store: str | None) -> rd.Engine:
    """An engine that has seen the DAG go and come again: live, or because a process ran without it."""
    on = graph.dags["daily"].triggers[""]
    graph.remove("daily")
    if store is not None:
        engine.close()
        opened(graph, store, start="2026-11-25T00:00Z").close()
        engine = opened(graph, store, start="2026-11-25T00:00Z")
    engine.run_until_idle()
    graph.dag("daily", on=on)(nothing)
    engine.run_until_idle()
    return engine


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("kind", ["rollup", "join"])
def test_T11_a_trigger_that_was_removed_begins_anew_when_it_is_declared_again(tmp_path: Path, kind, durable):
    """A rollup gathers a period that had fired anew, as a join by key does."""
    store = f"sqlite:///{tmp_path}/again.db" if durable else None
    graph = rd.Graph("rollups")
    halves = rd.values("first", "second", name="half")
    of = rd.updated(graph.dataset("hours", partitions=DAY * halves))
    first, second = (of.where(lambda e, half=half: e.partition.endswith(half)) for half in ("first", "second"))
    on = of.rollup(rd.week()) if kind == "rollup" else (first & second).by(rd.week())
    days = [f"2026-11-2{3 + day}|{half}" for day in range(7) for half in ("first", "second")]
    graph.dag("daily", on=on)(nothing)
    engine = opened(graph, store, start="2026-11-24T00:00Z")
    publish(engine, ["2026-11-30|first", *days])
    fired = len(engine.runs("daily"))
    assert fired > 0
    engine = declared_again(engine, graph, store)
    with engine:
        publish(engine, days[:1])
        assert len(engine.runs("daily")) == fired, "no correction: nothing of before counts"
        publish(engine, days[1:])
        newest = engine.runs("daily")[0]
        assert len(engine.runs("daily")) > fired and not newest.correction and not newest.missing
        publish(engine, ["2026-11-30|second"])
        assert newest == engine.runs("daily")[0], "what was held when it was removed is gone"


# ------------------------------------------------------------------------------------------- functions as keys


def keyed(key, of=None, coarse=None):
    graph = rd.Graph("keyed")
    hours = graph.dataset("hours", partitions=of or rd.hour("UTC"))
    graph.dag("job", on=rd.updated(hours).rollup(coarse or rd.day("UTC")).by(key)).add(lambda run: None, id="task")
    return graph


REGIONS = rd.hour("UTC") * rd.values("eu", "us", name="region")


@pytest.mark.parametrize(
    ("key", "of"),
    [
        (lambda event: event.partition, None),
        (lambda event: event.logical_date.hour // 12, None),
        (lambda event: [event.partition, event.dataset + event.partition], None),
        (lambda event: (event.dataset, event.partition), None),
        (lambda event: event.partition.split("|")[1], REGIONS),
    ],
)
def test_T18_a_function_that_splits_a_period_is_refused_with_its_place(key, of):
    with pytest.raises(
        rd.GraphError, match=r"test_rollup_runs\.py:\d+\), a key behind .*, keeps .* apart, which one day"
    ):
        keyed(key, of).check()


@pytest.mark.parametrize(
    ("key", "of"),
    [
        (lambda event: event.logical_date.date().isoformat(), None),
        (lambda event: event.extra["region"], None),
        (lambda event: None, None),
        (lambda event: ["all", event.partition], None),
        (lambda event: event.partition[:7], REGIONS),
    ],
)
def test_T18_a_function_that_may_share_a_key_in_a_period_is_none_that_splits(key, of):
    assert keyed(key, of).check() is None
