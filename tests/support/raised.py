"""Everything that a user's code may raise, and every place of an engine that calls it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from reactivex.scheduler import ImmediateScheduler

import reactive_dag as rd

Raise = Callable[[], NoReturn]
A = rd.updated("a")


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even that")


class UnprintableExit(BaseException):
    def __str__(self) -> str:
        raise SystemExit(7)


class OwnText(str):
    def __format__(self, spec: str) -> str:
        raise SystemExit(8)


class SaysOwnText(Exception):
    def __str__(self) -> str:
        return OwnText("text")


class OwnRetry(rd.RetryTask):
    def __init__(self) -> None:
        pass


class OwnSkip(rd.SkipTask):
    def __str__(self) -> str:
        raise KeyboardInterrupt


class OwnFail(rd.FailTask):
    def __str__(self) -> str:
        raise GeneratorExit


RAISED: dict[str, Callable[[], BaseException]] = {
    "exception": lambda: ValueError("no"),
    "exit": lambda: SystemExit(1),
    "interrupt": KeyboardInterrupt,
    "cancelled": asyncio.CancelledError,
    "generator": GeneratorExit,
    "stop": StopIteration,
    "stop_async": StopAsyncIteration,
    "base": lambda: BaseException("no"),
    "group": lambda: BaseExceptionGroup("no", [SystemExit(1), ValueError("no")]),
    "memory": MemoryError,
    "surrogate": lambda: ValueError("\ud800"),
    "unprintable": Unprintable,
    "unprintable_exit": UnprintableExit,
    "own_text": SaysOwnText,
    "own_retry": OwnRetry,
    "own_skip": OwnSkip,
    "own_fail": OwnFail,
    "timeout": TimeoutError,
}
"""What is raised, by a name."""


def raising(name: str) -> Raise:
    """A function that raises it."""

    def now(*_: object) -> NoReturn:
        raise RAISED[name]()

    return now


# --------------------------------------------------------------------------------- places: a DAG each


def sync_body(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=A).add(lambda run: now(), id="only")


def async_body(graph: rd.Graph, id: str, now: Raise) -> None:
    async def body(run):
        now()

    graph.dag(id, on=A).add(body, id="only")


def async_body_later(graph: rd.Graph, id: str, now: Raise) -> None:
    async def body(run):
        await asyncio.sleep(0)
        now()

    graph.dag(id, on=A).add(body, id="only")


def task_of_a_body(graph: rd.Graph, id: str, now: Raise) -> None:
    async def inner():
        now()

    async def body(run):
        await inner()

    graph.dag(id, on=A).add(body, id="only")


def once_in_a_body(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=A).add(lambda run: run.once("k", now), id="only")


def async_once_in_a_body(graph: rd.Graph, id: str, now: Raise) -> None:
    async def effect():
        now()

    graph.dag(id, on=A).add(lambda run: run.once("k", effect), id="only")


def generator_body(graph: rd.Graph, id: str, now: Raise) -> None:
    def body(run):
        yield now()

    graph.dag(id, on=A).add(body, id="only")


def retry_delay(graph: rd.Graph, id: str, now: Raise) -> None:
    def body(run):
        raise ValueError("no")

    graph.dag(id, on=A).add(body, id="only", retries=1, retry_delay=lambda attempt: now())


def date_of_a_wait(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=A).wait_for("bystander", logical_date=lambda date: now())


def dates_of_a_wait(graph: rd.Graph, id: str, now: Raise) -> None:
    def dates(date):
        yield date - timedelta(days=1)
        now()

    graph.dag(id, on=A).wait_for("bystander", logical_date=dates)


RUNS = (
    sync_body, async_body, async_body_later, task_of_a_body, once_in_a_body, async_once_in_a_body, generator_body,
    retry_delay, date_of_a_wait, dates_of_a_wait,
)  # fmt: skip
"""Places whose failure fails a run."""


def where(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=rd.updated("a").where(lambda event: now())).add(nothing, id="only")


def truth_of_where(graph: rd.Graph, id: str, now: Raise) -> None:
    class Answer:
        def __bool__(self) -> bool:
            now()

    graph.dag(id, on=rd.updated("a").where(lambda event: Answer())).add(nothing, id="only")


def by(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=rd.updated("a").by(lambda event: now())).add(nothing, id="only")


def by_of_a_join(graph: rd.Graph, id: str, now: Raise) -> None:
    trigger = (rd.updated("a") & rd.updated("b")).by(lambda event: now())
    graph.dag(id, on=trigger).add(nothing, id="only")


def map_(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=rd.updated("a").map(lambda event: now())).add(nothing, id="only")


def map_of_a_window(graph: rd.Graph, id: str, now: Raise) -> None:
    graph.dag(id, on=rd.updated("a").batch(count=1).map(lambda events: now())).add(nothing, id="only")


TRIGGERS = (where, truth_of_where, by, by_of_a_join, map_, map_of_a_window)
"""Places whose failure parks an item."""


def records(engine: rd.Engine, now: Raise) -> None:
    engine.records.subscribe(lambda entry: now())


def records_on_a_scheduler(engine: rd.Engine, now: Raise) -> None:
    engine.records.subscribe(lambda entry: now(), scheduler=ImmediateScheduler())


def updates(engine: rd.Engine, now: Raise) -> None:
    engine.updates("a").subscribe(lambda event: now())


def completions(engine: rd.Engine, now: Raise) -> None:
    engine.completions("bystander").subscribe(lambda event: now(), on_completed=now)


def firings(engine: rd.Engine, now: Raise) -> None:
    engine.firings("bystander").subscribe(lambda firing: now())


def ready(engine: rd.Engine, now: Raise) -> None:
    told = []
    engine.ready.subscribe(lambda ids: now() if told else told.append(ids))  # the first is told to who subscribes


OBSERVERS = (records, records_on_a_scheduler, updates, completions, firings, ready)
"""Callbacks."""


def nothing(run) -> None:
    return None
