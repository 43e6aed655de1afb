"""The live view without a page: states at the frame, publish and start, errors told, an end that is clean (N22)."""

from __future__ import annotations

import gc
import json
import threading
import weakref
from typing import Any

import pytest

import reactive_dag as rd
from reactive_dag.notebook.widgets.frames import Frames
from reactive_dag.notebook.widgets.live_talk import LiveTalk


def sales() -> rd.Graph:
    graph = rd.Graph("sales")
    orders, users = graph.dataset("orders"), graph.dataset("users")
    graph.dag("build", on=rd.updated(orders)).add(lambda: None, id="load")
    graph.dag("report", on=orders & users).add(lambda: None, id="render")

    @graph.dag(on=rd.completed("build"), params={"full": False})
    def check(run: Any) -> None:
        raise rd.FailTask("no rows")

    return graph


class Page:
    """Stands for a page."""

    def __init__(self, engine: rd.Engine) -> None:
        self.shown: list[tuple[str, dict[str, Any]]] = []
        self.talk = LiveTalk(engine, lambda part, data: self.shown.append((part, data)))
        self.send("look")

    def send(self, do: str, **more: object) -> dict[str, Any]:
        self.talk.hear({"do": do, "page": "p", **more})
        return self.frame()

    def frame(self) -> dict[str, Any]:
        """The newest frame, as a page would get it."""
        self.talk.wait()
        found: dict[str, Any] = json.loads(json.dumps([data for part, data in self.shown if part == "frame"][-1]))
        return found


@pytest.fixture
def engine() -> Any:
    with rd.Engine(sales(), clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        yield engine


def test_a_frame_has_states_last_records_and_what_triggers_hold(engine: rd.Engine) -> None:
    page = Page(engine)
    engine.publish("orders", partition="a")
    assert page.frame()["undecided"] > 0
    engine.run_until_idle()
    assert engine._parts.observers.wait_idle(engine._parts.log.committed, 60)
    frame = page.frame()
    assert {dag: row[:3] for dag, row in frame["dags"].items()} == {
        "build": [0, 0, "success"], "check": [0, 0, "failed"],
    }  # fmt: skip
    assert frame["datasets"]["orders"][0] == 1
    assert [row[2:] for row in frame["last"][:2]] == [["failed", "check a"], ["failed", "check.check"]]
    assert frame["undecided"] == 0
    assert frame["pending"] == [["report", "rd.updated('orders'): 1 pending"]]
    assert frame["records"] == engine._parts.log.committed and not frame["over"]
    base = [data for part, data in page.shown if part == "base"][-1]
    assert base["dags"] == ["build", "report", "check"] and base["layout"]["nodes"]


def test_what_was_before_the_view_is_there(engine: rd.Engine) -> None:
    engine.publish("orders")
    engine.run_until_idle()
    engine.start("report")
    assert {dag: row[:3] for dag, row in Page(engine).frame()["dags"].items()} == {
        "build": [0, 0, "success"], "check": [0, 0, "failed"], "report": [1, 0, ""],
    }  # fmt: skip


def test_publish_and_start_from_the_view(engine: rd.Engine) -> None:
    page = Page(engine)
    told = page.send("publish", what="orders", partition="2026-11-23", data='{"rows": 3}')["notices"]
    assert [(each["text"], each["error"]) for each in told] == [("published orders 2026-11-23", False)]
    assert engine.events("orders")[0].extra == {"rows": 3}
    page.send("start", what="check", data='{"full": true}')
    assert engine.runs("check")[0].params == {"full": True}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ({"do": "publish", "what": "ordres"}, "UnknownId: "), ({"do": "start", "what": "nothing"}, "UnknownId: "),
        ({"do": "publish", "what": "orders", "data": "{rows"}, "is no JSON"), ({"do": "dance"}, "cannot do 'dance'"),
        ({"do": "start", "what": "check", "data": '{"fast": 1}'}, "InvalidValue: "),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_shown_in_the_view(engine: rd.Engine, message: dict[str, object], error: str) -> None:
    page = Page(engine)
    before = engine._parts.log.committed
    told = page.send(**message)["notices"][0]  # type: ignore[arg-type]
    assert told["error"] and error in told["text"]
    assert engine._parts.log.committed == before


def test_N22_many_records_are_few_frames(engine: rd.Engine) -> None:
    page = Page(engine)
    before = len(page.shown)
    engine.publish_many([("users", {"partition": str(n)}) for n in range(5000)])
    assert engine._parts.observers.wait_idle(engine._parts.log.committed, 60)
    assert page.frame()["datasets"]["users"][0] == 5000
    assert len(page.shown) - before < 50


def test_N22_a_change_while_it_is_drawn_is_drawn_once_more() -> None:
    drawn, begun, go_on = list[int](), threading.Event(), threading.Event()
    value = [0]

    def draw() -> None:
        seen = value[0]
        begun.set()
        assert go_on.wait(60)
        drawn.append(seen)

    frames = Frames(draw, "test", interval=0)
    frames.change()
    assert begun.wait(60)
    for n in range(1, 100):
        value[0] = n
        frames.change()
    go_on.set()
    assert frames.wait() and drawn[-1] == 99 and len(drawn) <= 3
    frames.close()
    frames.change()
    assert frames.wait() and drawn[-1] == 99


def test_a_view_does_not_keep_its_engine_alive() -> None:
    engine = rd.Engine(sales())
    page = Page(engine)
    gone = weakref.ref(engine)
    del engine
    gc.collect()
    assert gone() is None
    assert page.send("publish", what="orders")["over"]
    assert "is gone" in page.frame()["notices"][0]["text"]


def test_a_view_ends_with_its_engine(engine: rd.Engine) -> None:
    page = Page(engine)
    engine.publish("orders")
    engine.close()
    assert page.frame()["over"]
    assert "EngineClosed" in page.send("publish", what="orders")["notices"][0]["text"]
    with pytest.raises(rd.EngineClosed):
        engine.view()


def test_a_view_that_nobody_looks_at_hears_nothing(engine: rd.Engine) -> None:
    page = Page(engine)
    page.talk.hear({"do": "leave", "page": "p"})
    assert not engine._parts.observers.watched
    engine.publish("orders")
    frame = page.send("look")
    assert frame["records"] == engine._parts.log.committed
    page.talk.close()
    assert not engine._parts.observers.watched
    assert not [each.name for each in threading.enumerate() if each.name == "reactive_dag view" and each.is_alive()]


def test_a_graph_that_changes_is_drawn_again(engine: rd.Engine) -> None:
    page = Page(engine)
    engine.graph.dag("late", on=rd.updated("orders"))
    engine.publish("orders")
    engine.run_until_idle()
    assert engine._parts.observers.wait_idle(engine._parts.log.committed, 60)
    page.frame()
    assert "late" in [data for part, data in page.shown if part == "base"][-1]["dags"]


def test_the_widget_shows_what_the_talk_says(engine: rd.Engine) -> None:
    view = engine.view()
    view._talk.hear({"do": "look", "page": "p"})
    view._talk.wait()
    assert view.base["dags"] == ["build", "report", "check"] and view.frame["number"]
    assert repr(view) == "<LiveView of engine 'sales'>" and dir(view) == ["close"]
    view.close()
