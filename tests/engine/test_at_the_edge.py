"""Faults that an attack found at the edges: odd exceptions, calls out of place, a store that is cut off."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import reactive_dag as rd

START = "2026-11-23T00:00Z"


class Odd(Exception):
    """An exception that does not let its traceback be read."""

    @property
    def __traceback__(self) -> None:  # type: ignore[override]
        raise ValueError("mine")


def two(body: object) -> rd.Graph:
    graph = rd.Graph("g")
    graph.dag("odd").add(body, id="t")  # type: ignore[arg-type]
    graph.dag("ok").add(lambda run: 1, id="t")
    return graph


def raising() -> None:
    raise Odd


async def raising_later() -> None:
    await asyncio.sleep(0)
    raise Odd


@pytest.mark.parametrize("runner", [rd.InlineRunner, lambda: rd.ThreadRunner(1)], ids=["inline", "threads"])
@pytest.mark.parametrize("body", [raising, raising_later])
def test_R5_an_exception_whose_traceback_raises_fails_its_attempt(body: object, runner: object) -> None:
    with rd.Engine(two(body), runner=runner()) as engine:  # type: ignore[operator]
        runs = [engine.start("odd"), engine.start("ok")]
        engine.run_until_idle("30s")
        assert [run.state for run in runs] == ["failed", "success"]
        assert "Odd" in str(runs[0].error)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_R12_an_observer_that_raises_such_an_exception_stops_nobody() -> None:
    with rd.Engine(two(lambda: 1), runner=rd.InlineRunner()) as engine:
        engine.records.subscribe(lambda entry: raising())
        run = engine.start("ok")
        engine.run_until_idle("30s")
        assert run.state == "success"


def test_background_in_a_body_is_refused() -> None:
    graph, held = rd.Graph("g"), list[rd.Engine]()
    graph.dag("d").add(lambda run: held[0].background().__enter__(), id="t")
    with rd.Engine(graph, runner=rd.InlineRunner()) as engine:
        held.append(engine)
        run = engine.start("d")
        engine.run_until_idle("30s")
        assert "UsageError: engine.background() in the body of d.t" in str(run.error)


def test_X1_a_store_that_is_cut_off_while_it_is_open_acknowledges_nothing_more(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    engine = rd.Engine(two(lambda: 1), store, clock=rd.VirtualClock(START))
    engine.start("ok")
    engine.run_until_idle()
    store.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(rd.StoreError, match="cut off"):
            engine.start("ok")
    with pytest.raises(rd.StoreError, match="cut off"):
        engine.runs()
    engine.close()


@pytest.mark.parametrize("store", [5, b"x", [], {"a": 1}, 1.5])
def test_a_store_that_is_no_path_is_refused(store: object) -> None:
    for make in (rd.Ledger, lambda given: rd.Engine(rd.Graph("g"), store=given)):
        with pytest.raises(rd.InvalidValue, match=r"neither a path nor|is no store: write a path"):
            make(store)  # type: ignore[operator]


@pytest.mark.parametrize("history", [5, 1.5, "abc"])
def test_G4_a_history_that_is_no_list_is_refused(history: object) -> None:
    with pytest.raises(rd.InvalidValue, match=r"graph\.ready"):
        rd.Graph("g").ready(history)  # type: ignore[arg-type]
