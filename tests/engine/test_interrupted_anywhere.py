"""Ctrl-C at lines that the main thread comes to, at night at each: nothing is lost, what was cut can be done again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count

import pytest

import reactive_dag as rd
from tests.support.engines import live, parts, states, verify
from tests.support.interrupts import interrupted
from tests.support.profiles import every

WAVE = [("a", {"extra": n, "key": f"k{n}"}) for n in range(3)]
BARE = [("a", {})] * 3


def declared() -> rd.Graph:
    graph = rd.Graph("interrupts")
    a = graph.dataset("a")
    graph.dag("job", on=a).add(lambda run: run.events[0].extra, id="only")
    graph.dag("after", on=rd.completed("job")).add(lambda run: None, id="only")
    return graph


def everywhere(story: Callable[[int], bool], step: int = 1) -> None:
    """Tell a story again and again, cut at a later line each time, until it is not cut any more."""
    for at in count(1, step):
        came = story(at)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, f"cut at line {at}"
        if not came:
            return


READS = {
    "runs": lambda engine: engine.runs(),
    "runs_of": lambda engine: engine.runs("job", state="success", limit=2),
    "run": lambda engine: engine.run("by hand"),
    "why": lambda engine: engine.why("after"),
    "events": lambda engine: engine.events("a"),
    "pending": lambda engine: engine.pending("job"),
}


@pytest.mark.parametrize("read", READS)
def test_a_read_that_is_cut_loses_nothing(read):
    def story(at):
        with live(declared()) as engine:
            engine.publish_many(BARE)
            engine.start("job", key="by hand")
            engine.run_until_idle()
            came = interrupted(lambda: READS[read](engine), at)
            READS[read](engine)
            assert len(engine.runs()) == 8 and len(engine.runs("job")) == 4 and len(engine.events("a")) >= 3
            assert engine.run("by hand").state == "success"
            return came

    everywhere(story, every(7))


@pytest.mark.parametrize("wave", [WAVE, BARE], ids=["keyed", "bare"])
@pytest.mark.parametrize("store", ["memory", "file"])
def test_T15_a_wave_that_is_cut_is_there_as_a_whole_or_not_at_all(store, wave, tmp_path):
    def story(at):
        path = tmp_path / f"{at}.db" if store == "file" else None
        with live(declared(), path) as engine:
            came = interrupted(lambda: engine.publish_many(wave), at)
            there = len(engine.events("a"))
            assert there in (0, 3), f"cut at line {at}"
            engine.publish_many(wave)
            engine.run_until_idle()
            events = 3 if wave is WAVE else there + 3
            assert len(engine.events("a")) == len(engine.runs("job")) == events
            return came

    everywhere(story, every(3 if store == "memory" else 11))


ONE = {
    "publish": lambda engine: engine.publish("a"),
    "publish_keyed": lambda engine: engine.publish("a", key="k"),
    "start": lambda engine: engine.start("job"),
    "start_keyed": lambda engine: engine.start("job", key="k"),
}


@pytest.mark.parametrize("call", ONE)
def test_a_fact_that_is_cut_is_there_or_not(call):
    def story(at):
        with live(declared()) as engine:
            engine.publish("a")
            came = interrupted(lambda: ONE[call](engine), at)
            verify(engine)
            ONE[call](engine)
            ONE[call](engine)
            engine.run_until_idle()
            wanted = (2,) if "keyed" in call else (3, 4)
            assert len(engine.runs("job")) in wanted, f"cut at line {at}"
            assert len({run.key for run in engine.runs()}) == len(engine.runs())
            return came

    everywhere(story)


@pytest.mark.parametrize("runner", [rd.InlineRunner, lambda: rd.ThreadRunner(1)], ids=["inline", "threads"])
@pytest.mark.parametrize("drive", ["idle", "advance", "wait"])
def test_a_drive_that_is_cut_goes_on(drive, runner):
    calls = {
        "idle": lambda engine, run: engine.run_until_idle("20s"),
        "advance": lambda engine, run: engine.advance("1h"),
        "wait": lambda engine, run: run.wait("20s"),
    }

    def story(at):
        with live(declared(), runner=runner()) as engine:
            engine.publish("a")
            run = engine.start("job")
            came = interrupted(lambda: calls[drive](engine, run), at)
            calls[drive](engine, run)
            engine.run_until_idle("20s")
            assert sorted(states(engine)) == ["after success"] * 2 + ["job success"] * 2, f"cut at line {at}"
            assert parts(engine).turn.inflight == {}
            return came

    everywhere(story, every(31))


def test_a_close_that_is_cut_can_be_finished(tmp_path):
    def story(at):
        path = tmp_path / f"{at}.db"
        engine = rd.Engine(declared(), path)
        engine.publish("a")
        came = interrupted(engine.close, at)
        engine.close()
        with rd.Engine(declared(), path) as engine:
            engine.run_until_idle("20s")
            assert states(engine, "job") == ["success"]
        return came

    everywhere(story, every(5))


def test_a_background_that_is_cut_can_be_begun_again():
    def once(engine):
        with engine.background():
            engine.publish("a")

    def story(at):
        with live(declared(), clock=None, runner=rd.ThreadRunner(1)) as engine:
            came = interrupted(lambda: once(engine), at)
            once(engine)
            engine.run_until_idle("20s")
            assert set(states(engine)) == {"job success", "after success"}
            return came

    everywhere(story, every(11))
