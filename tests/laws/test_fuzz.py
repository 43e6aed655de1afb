"""Whatever is handed over at whatever public entry: our own errors only, and the engine accepts the next event.

On a durable store, so that all that was let in is written, and read back at the end. Stands for the point of X1 that
what is acknowledged is there: one text that cannot be written must not take the commit of others with it.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from tests.support.engines import opened, verify
from tests.support.hostile import Loud, Quiet, nested, values
from tests.support.profiles import examples

FIELDS = ("partition", "logical_date", "time", "kind", "extra", "key", "source")
Entry = Callable[[rd.Engine, Any], object]
NEXT: dict[str, Any] = {}
"""What the next body does, and what the next callable answers."""


def work(run):
    return NEXT.pop("body", lambda run: None)(run)


def by_next(event):
    return NEXT.pop("by", "k")


def where_next(event):
    return NEXT.pop("where", True)


def map_next(payload):
    return NEXT.pop("map", None)


def declared() -> rd.Graph:
    graph = rd.Graph("fuzz")
    graph.dataset("days", partitions=rd.day())
    graph.dag("job", on=graph.dataset("free"), params={"p": 1}).add(work, outlets=["made"], retries=1)
    graph.dag("keyed", on=(graph.dataset("made") & graph.dataset("free")).by(by_next)).add(work, id="late")
    graph.dag("asked", on=graph.dataset("made").where(where_next).map(map_next)).add(work, id="asks")
    return graph


def published(**fields: Any) -> Entry:
    return lambda engine, value: engine.publish("free", **{name: made(value) for name, made in fields.items()})


def in_body(act: Callable[[Any, Any], object]) -> Entry:
    def entry(engine: rd.Engine, value: Any) -> None:
        NEXT["body"] = lambda run: act(run, value)
        engine.publish("free")
        engine.run_until_idle()

    return entry


def answered(kind: str) -> Entry:
    def entry(engine: rd.Engine, value: Any) -> None:
        NEXT[kind] = value
        engine.publish("free")
        engine.run_until_idle()

    return entry


def raised(run: Any, error: BaseException) -> None:
    raise error


async def awaited(engine: rd.Engine, value: Any) -> None:
    await engine.apublish("free", key=value)


def written_down(engine: rd.Engine, value: Any) -> None:
    """A graph of its own, declared with the value at each place, which an engine then opens."""
    for declare in DECLARED:
        graph = rd.Graph("other")
        try:
            declare(graph, value)
        except (rd.ReactiveDagError, TypeError) as error:
            assert isinstance(error, rd.ReactiveDagError) or "option" in str(error), error
            continue
        try:
            with tempfile.TemporaryDirectory() as folder, opened(graph, Path(folder) / "s.db") as other:
                for dag in list(graph.dags):
                    other.start(dag)
                other.run_until_idle()
        except rd.GraphError:
            pass


DECLARED: list[Callable[[rd.Graph, Any], object]] = [
    lambda graph, value: rd.Graph(value),
    lambda graph, value: graph.dataset(value),
    lambda graph, value: graph.dataset("a", metadata={"m": value}),
    lambda graph, value: graph.dag("d", on=graph.dataset("a", metadata=value)),
    lambda graph, value: graph.dag(value),
    lambda graph, value: graph.dag("d", on=value),
    lambda graph, value: graph.dag("d", on={value: rd.updated("a")}) if type(value) is str else None,
    lambda graph, value: graph.dag("d", on=rd.updated(value)),
    lambda graph, value: graph.dag("d", on=rd.updated("a", kinds=value)),
    lambda graph, value: graph.dag("d", on=rd.completed(value)),
    lambda graph, value: graph.dag("d", on=rd.completed("x", task=value)),
    lambda graph, value: graph.dag("d", on=rd.completed("x", states=value)),
    lambda graph, value: graph.dag("d", on=rd.completed("*", tags=value)),
    lambda graph, value: graph.dag("d", on=rd.updated("a").batch(count=value)),
    lambda graph, value: graph.dag("d", on=rd.updated("a").batch(max_wait=value)),
    lambda graph, value: graph.dag("d", on=rd.updated("a").by(value)),
    lambda graph, value: graph.dag("d", on=rd.updated("a").by("partition", undated=value)),
    lambda graph, value: graph.dag("d", on=rd.all_of(rd.updated("a"), rd.updated("b"), consume=value)),
    lambda graph, value: graph.dag("d", on=rd.absent(rd.updated("a"), for_=value)),
    lambda graph, value: graph.dag("d", on=rd.cron(value)),
    lambda graph, value: graph.dag("d", on=rd.cron("0 0 * * *", tz=value)),
    lambda graph, value: graph.dag("d", on=rd.every(value)),
    lambda graph, value: graph.dag("d", on=rd.at(value)),
    lambda graph, value: graph.dag("d", on=rd.daily(value)),
    lambda graph, value: graph.dag("d", on=rd.weekly(value, value)),
    lambda graph, value: graph.dag("d", schedule=value),
    lambda graph, value: graph.dag("d", tags=value),
    lambda graph, value: graph.dag("d", description=value),
    lambda graph, value: graph.dag("d", params={"p": value}),
    lambda graph, value: graph.dag("d", params=value),
    lambda graph, value: graph.dag("d", tz=value),
    lambda graph, value: graph.dag("d", start=value),
    lambda graph, value: graph.dag("d", catchup=value),
    lambda graph, value: graph.dag("d", overlap=value),
    lambda graph, value: graph.dag("d", outlets=value),
    lambda graph, value: graph.dag("d", outlets=[value]),
    lambda graph, value: graph.dag("d", defaults=value),
    lambda graph, value: graph.dag("d", defaults={"trigger_rule": value}),
    lambda graph, value: graph.dag("d").add(lambda run: None, id=value),
    lambda graph, value: graph.dag("d").add(lambda run: None, id="t", outlets=value),
    lambda graph, value: graph.dag("d").add(lambda run: None, id="t", after=value),
    lambda graph, value: graph.dag("d").add(lambda run: None, id="t", retries=value),
    lambda graph, value: graph.dag("d").add(lambda run: None, id="t", retry_delay=value, backoff=value),
    lambda graph, value: graph.dag("d").wait_for(value),
    lambda graph, value: graph.dag("d").wait_for("x", task=value),
    lambda graph, value: graph.dag("d").wait_for("x", tasks=value),
    lambda graph, value: graph.dag("d").wait_for("x", states=value),
    lambda graph, value: graph.dag("d").wait_for("x", logical_date=value),
    lambda graph, value: graph.dag("d").wait_for("x", match=value, mode=value),
    lambda graph, value: graph.dag("d").wait_for("x", mode=value),
    lambda graph, value: graph.dag("d").wait_for("x", id=value),
    lambda graph, value: rd.Graph.from_json(value),
    lambda graph, value: rd.Trigger.from_json(value),
    lambda graph, value: rd.day(value),
    lambda graph, value: rd.day().check(value),
]  # fmt: skip

ENTRIES: dict[str, Entry] = {
    "publish": lambda engine, value: engine.publish(value),
    **{f"publish {name}": published(**{name: lambda value: value}) for name in FIELDS},
    "publish partition of a calendar": lambda engine, value: engine.publish("days", partition=value),
    "publish extra at a key": published(extra=lambda value: {"x": [value]}),
    "publish all": published(**{name: lambda value: value for name in FIELDS}),
    "apublish": lambda engine, value: asyncio.run(awaited(engine, value)),
    "publish_many": lambda engine, value: engine.publish_many(value),
    "publish_many of one": lambda engine, value: engine.publish_many([("free", {}), value]),
    "publish_many dataset": lambda engine, value: engine.publish_many([(value, {})]),
    "publish_many fields": lambda engine, value: engine.publish_many([("free", {}), ("free", value)]),
    "publish_many key": lambda engine, value: engine.publish_many([("free", {"key": value, "kind": value})]),
    "start": lambda engine, value: engine.start(value),
    **{
        f"start {name}": lambda engine, value, name=name: engine.start("job", **{name: value})  # type: ignore[misc]
        for name in ("params", "payload", "logical_date", "partition", "key")
    },
    "start a param": lambda engine, value: engine.start("job", params={"p": value}),
    "cancel": lambda engine, value: engine.cancel(value),
    "cancel reason": lambda engine, value: engine.cancel(engine.start("job"), reason=value),
    **{
        name: lambda engine, value, name=name: getattr(engine, name)(value)  # type: ignore[misc]
        for name in ("resume", "retry_faults", "runs", "run", "events", "why", "pending", "updates", "completions")
    },
    "firings": lambda engine, value: engine.firings(value),
    "records_from": lambda engine, value: engine.records_from(value),
    "once": lambda engine, value: engine.once(value, lambda: 1),
    "once result": lambda engine, value: engine.once("k", lambda: value),
    "once ttl": lambda engine, value: engine.once("k", lambda: 1, ttl=value),
    "run_until_idle": lambda engine, value: engine.run_until_idle(timeout=value),
    "advance": lambda engine, value: engine.advance(value),
    "advance to": lambda engine, value: engine.advance(to=value),
    **{
        f"runs {name}": lambda engine, value, name=name: engine.runs("job", **{name: value})  # type: ignore[misc]
        for name in ("state", "logical_date", "partition", "key", "limit")
    },
    "events limit": lambda engine, value: engine.events("free", limit=value),
    "why date": lambda engine, value: engine.why("job", logical_date=value),
    "completions task": lambda engine, value: engine.completions("job", task=value),
    "body output": in_body(lambda run, value: value),
    "body SkipTask": in_body(lambda run, value: raised(run, rd.SkipTask(value))),
    "body FailTask": in_body(lambda run, value: raised(run, rd.FailTask(value))),
    "body RetryTask": in_body(lambda run, value: raised(run, rd.RetryTask(after=value))),
    "body error": in_body(lambda run, value: raised(run, ValueError(value))),
    "body publish": in_body(lambda run, value: run.publish(value)),
    **{
        f"body publish {name}": in_body(lambda run, value, name=name: run.publish("made", **{name: value}))  # type: ignore[misc]
        for name in FIELDS[:-1]
    },
    "body unchanged": in_body(lambda run, value: run.unchanged(value)),
    "body once": in_body(lambda run, value: run.once(value, lambda: value)),
    "by": answered("by"),
    "by several": lambda engine, value: answered("by")(engine, [value, "k"]),
    "where": answered("where"),
    "map": answered("map"),
    "declarations": written_down,
}  # fmt: skip


def entered(engine: rd.Engine, entry: str, value: Any) -> None:
    """One call: our own errors only. What a body or a callable does raises nothing here."""
    NEXT.clear()
    try:
        ENTRIES[entry](engine, value)
    except rd.ReactiveDagError:
        pass
    finally:
        NEXT.clear()


def goes_on(engine: rd.Engine, newest: int | None = 8) -> None:
    """The engine accepts, decides, executes and answers: about its newest runs, or all."""
    receipt = engine.publish("free", extra={"next": 1}, key=f"next {engine._parts.log.next_offset}")
    engine.run_until_idle()
    assert receipt.duplicate is False and engine.events("free", limit=1)[0].extra == {"next": 1}
    assert engine.runs("job", limit=1)[0].state in ("success", "queued", "running")
    for run in engine.runs(limit=newest):
        str(engine.why(run))
        assert run.tasks is not None


@settings(max_examples=examples(40), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(sorted(ENTRIES)), values), min_size=1, max_size=12))
def test_law_persist_before_emit_whatever_is_handed_over(calls: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "s.db"
        with opened(declared(), store) as engine:
            for entry, value in calls:
                entered(engine, entry, value)
                goes_on(engine)
            verify(engine)
        with opened(declared(), store) as engine:
            goes_on(engine, None)
            verify(engine)


HOSTILE = ["\ud800", Quiet("job"), Loud("job"), Loud("free"), nested(20_000), {Quiet("k"): Quiet("v")}, {1: 2, "a": 3}]


@pytest.mark.parametrize("entry", sorted(ENTRIES))
@pytest.mark.parametrize("durable", [True, False])
def test_R15_each_entry_refuses_or_keeps_what_cannot_be_written(entry: str, durable: bool, tmp_path: Path) -> None:
    with opened(declared(), tmp_path / "s.db" if durable else None) as engine:
        for value in HOSTILE:
            entered(engine, entry, value)
            goes_on(engine)
        goes_on(engine, None)
        verify(engine)
