"""What is refused writes nothing (R8, R15), and what a publish gives back."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime

import attrs
import pytest

import reactive_dag as rd
from tests.support.engines import live, offset_of, outputs, parts
from tests.support.hostile import Loud, Quiet


@attrs.frozen
class Rows:
    count: int
    at: datetime


def extras(run):
    return [event.extra for event in run.events]


def declared():
    graph = rd.Graph("publishing")
    graph.dataset("a", partitions=rd.day("Europe/Berlin"))
    graph.dataset("free")
    graph.dag("job", on=rd.updated("free"))(extras)
    return graph


DAY = {"partition": "2026-11-23"}
WRONG = [
    ("nope", {}, "no dataset 'nope'"),
    ("fre", {}, "free"),
    (None, {}, "no dataset"),
    (3, {}, "no dataset"),
    ("a", {"partition": "2026-11"}, "2026-11"),
    ("a", {"partition": 20261123}, "no text"),
    ("free", {"partition": ["x"]}, "no text"),
    ("free", {"partition": "\ud800"}, "UTF-8"),
    ("free", {"logical_date": "2026-11-23T00:00"}, "zone"),
    ("free", {"logical_date": datetime(2026, 11, 23)}, "zone"),
    ("free", {"logical_date": "soon"}, "soon"),
    ("free", {"time": "2026-11-23T00:00"}, "zone"),
    ("free", {"kind": "made"}, "updated"),
    ("free", {"kind": ["updated"]}, "kind"),
    ("free", {"key": ""}, "empty"),
    ("free", {"key": 3}, "no text"),
    ("free", {"key": "\ud800"}, "UTF-8"),
    ("free", {"source": object()}, "no text"),
    ("free", {"extra": {"rows": [1, {"f": print}]}}, "extra['rows'][1]['f']"),
    ("free", {"extra": float("inf")}, "extra"),
    ("free", {"extra": {1.5: 2}}, "text keys"),
    ("free", {"extra": "x" * 2_000_000}, "1,048,576"),
    ("free", {"extra": 2**70}, "64 bits"),
    ("free", {"extra": "\ud800"}, "extra"),
]


@pytest.mark.parametrize(("dataset", "given", "why"), WRONG)
@pytest.mark.parametrize("many", [False, True])
def test_R15_a_publish_that_is_wrong_writes_nothing(dataset, given, why, many, tmp_path):
    with live(declared(), tmp_path / "s.db" if dataset == "free" else None) as engine:
        before = offset_of(engine)
        with pytest.raises((rd.InvalidValue, rd.UnknownId)) as refused:
            if many:
                engine.publish_many([("free", {}), ("free", {"key": "k"}), (dataset, given)])
            else:
                engine.publish(dataset, **given)
        assert why in str(refused.value)
        assert offset_of(engine) == before
        assert engine.publish("free", key="k").duplicate is False
        engine.run_until_idle()


def test_R15_an_unknown_argument_is_refused():
    with live(declared()) as engine:
        before = offset_of(engine)
        with pytest.raises(TypeError):
            engine.publish("free", partitions="x")
        with pytest.raises(rd.InvalidValue, match="partitions"):
            engine.publish_many([("free", {"partitions": "x"})])
        assert offset_of(engine) == before


def test_R15_a_generator_that_raises_writes_nothing():
    def events():
        yield "free", {"extra": 1}
        raise LookupError("no more")

    with live(declared()) as engine:
        before = offset_of(engine)
        with pytest.raises(LookupError):
            engine.publish_many(events())
        assert offset_of(engine) == before
        assert len(engine.publish_many([])) == 0 and offset_of(engine) == before


@pytest.mark.parametrize("call", ["start", "pause", "resume", "retry_faults", "pending", "cancel"])
def test_R15_an_unknown_dag_is_refused_with_the_nearest_name(call):
    with live(declared()) as engine:
        before = offset_of(engine)
        with pytest.raises(rd.UnknownId, match="jab"):
            getattr(engine, call)("jab")
        assert offset_of(engine) == before


@pytest.mark.parametrize("given", [{"max_pending": 0}, {"max_pending": True}, {"store": "redis://x"}, {"store": 3}])
def test_R15_an_engine_that_cannot_be_meant_is_refused(given):
    with pytest.raises(rd.InvalidValue):
        rd.Engine(declared(), **given)


def test_a_receipt_is_the_durable_record(tmp_path):
    with live(declared(), tmp_path / "s.db") as engine:
        receipt = engine.publish(
            "a", partition="2026-11-23", logical_date=date(2026, 11, 23), time="2026-11-23T10:00+01:00", kind="created",
            extra={"rows": (1, 2)}, key="k", source="test",
        )  # fmt: skip
        assert parts(engine).log.committed > receipt.offset
        assert (receipt.kind, receipt.dataset, receipt.partition, receipt.key) == ("created", "a", "2026-11-23", "k")
        assert receipt.extra == {"rows": [1, 2]} and receipt.source == "test" and receipt.duplicate is False
        assert receipt.logical_date == datetime(2026, 11, 22, 23, tzinfo=UTC)  # midnight in the dataset's zone (R1)
        assert receipt.time == datetime(2026, 11, 23, 9, tzinfo=UTC)
        assert receipt.event == engine.events("a")[0]
        assert "created" in repr(receipt)
        with pytest.raises(AttributeError):
            receipt.nope  # noqa: B018


def test_receipts_of_many_are_in_order():
    with live(declared()) as engine:
        engine.publish("free", key="k", extra=0)
        receipts = engine.publish_many([("free", {"extra": 1}), ("free", {"key": "k", "extra": 0}), ("a", DAY)])
        assert [receipt.duplicate for receipt in receipts] == [False, True, False]
        assert [receipt.dataset for receipt in receipts] == ["free", "free", "a"]
        assert (receipts[-1].dataset, len(receipts)) == ("a", 3)
        with pytest.raises(IndexError):
            receipts[3]
        plain = engine.publish_many([("free", {}), (engine.graph.datasets["a"], DAY)])
        assert [receipt.offset for receipt in plain] == [plain[0].offset, plain[0].offset + 1]


def test_R8_rich_values_become_plain_json():
    with live(declared()) as engine:
        engine.publish("free", extra=Rows(3, datetime(2026, 11, 23, tzinfo=UTC)))
        engine.publish("free", extra={date(2026, 11, 23): {1, 2}})
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [
            [{"count": 3, "at": "2026-11-23T00:00:00Z"}],
            [{"2026-11-23": [1, 2]}],
        ]


def test_what_was_published_is_not_changed_by_who_published_it():
    with live(declared()) as engine:
        rows = {"n": [1]}
        engine.publish("free", extra=rows)
        rows["n"].append(2)
        engine.run_until_idle()
        assert outputs(engine, "job", "extras") == [[{"n": [1]}]]


def test_apublish_refuses_alike():
    async def main(engine):
        with pytest.raises(rd.UnknownId):
            await engine.apublish("nope")
        with pytest.raises(rd.InvalidValue):
            await engine.apublish("free", key=3)
        return await engine.apublish("free", key="k", extra=[1])

    with live(declared()) as engine:
        assert asyncio.run(main(engine)).extra == [1]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        (("x", 5), "event 0: it takes pairs"), (5, "takes pairs"), (None, "takes pairs"), ("ab", "takes pairs"),
        ([("free", {}), ("free", {1: 2, "a": 3})], "event 1: .*unknown argument 1"),
        ([("free", None)], "event 0: an event's fields are a dict"),
        ([("free", {}), ("free", ["key"])], "event 1: .*dict"),
        ([("free", {}), ("free", {"key": 3})], "event 1: .*no text"), ([("free", {}, 1)], "event 0: it takes pairs"),
        ([("free", {}), ("nope", {})], "event 1: no dataset"), ([(["free"], {})], "event 0: .*no dataset"),
    ],
)  # fmt: skip
def test_R15_many_name_the_index_of_the_one_that_is_wrong(events, why):
    with live(declared()) as engine:
        before = offset_of(engine)
        with pytest.raises((rd.InvalidValue, rd.UnknownId), match=why):
            engine.publish_many(events)
        assert offset_of(engine) == before


@pytest.mark.parametrize("text", [Quiet, Loud])
def test_R8_texts_of_a_subclass_are_kept_as_plain_ones(text, tmp_path):
    graph = declared()
    with live(graph, tmp_path / "s.db") as engine:
        given = {"partition": text("p"), "kind": text("created"), "key": text("k"), "source": text("s")}
        engine.publish(text("free"), **given, extra={"x": text("e")})
        engine.publish_many([(text("free"), {"key": text("k2")}), (text("free"), {})])
        run = engine.start(text("job"), key=text("k"), partition=text("p"), payload=[text("a")])
        engine.cancel(run, reason=text("why"))
        engine.run_until_idle()
        assert [run.key for run in engine.runs(text("job"), partition=text("p"), key=text("k"))] == [run.key]
        assert engine.run(text("k")) == run and engine.pending(text("job")).queued == 0
        event = engine.events(text("free"))[-1]
        parts = (event.partition, event.kind, event.key, event.source, event.extra["x"])
        assert parts == ("p", "created", "k", "s", "e") and {type(part) for part in (*parts, event.dataset)} == {str}
