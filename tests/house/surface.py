"""The public surface: what a user meets, the names without `_` that it shows, and the parameters that calls take."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

import reactive_dag as rd
import reactive_dag.operators as rops
import reactive_dag.testing as rtest
from reactive_dag.engine.inspect.outputs import OutputFile
from reactive_dag.testing import Scenario
from tests.house.source import MODULES
from tests.support.sales import sales

START = "2026-11-23T00:00+01:00"
OPTIONS = ("DagOptions", "TaskOptions", "WaitOptions", "EventFields")
"""Where the options of `graph.dag`, `dag.task`, `dag.wait_for` and `publish` are declared."""


@cache
def named(name: str) -> type:
    """The class of the package that has a name, wherever it stands."""
    for module in MODULES.values():
        if any(isinstance(node, ast.ClassDef) and node.name == name for node in module.tree.body):
            found: type = getattr(import_module(f"reactive_dag.{module.name}"), name)
            return found
    raise LookupError(name)


def shown(thing: object) -> list[str]:
    """The names that completion offers for an object, class or module: those without `_`."""
    return [name for name in dir(thing) if not name.startswith("_")]


def answers() -> list[object]:
    """Answers of a simulation that the sales have nothing to say to, with a row of each."""
    graph = rd.Graph("late")
    users, orders = graph.dataset("users"), graph.dataset("orders")
    graph.dag("job", schedule="@hourly", deadline="1m").add(lambda: None, id="task")
    graph.dag("join", on=users & orders).add(lambda: None, id="task")
    late = rd.simulate(graph, start=START, until="1h", default_duration="5m", sources={users: rd.every("1h")})
    tables = [late.slack(), late.deadlines(), late.usage(), late.stranded()]
    return [late.usage().waiting, *tables, *(table[0] for table in tables)]


@cache
def things() -> dict[str, object]:
    """One of each kind of object that a user meets, by the name of the kind."""
    graph, seen = sales(), []
    looks = graph.dag("looks")
    looks.add(lambda run: seen.append(run), id="task")
    engine = rd.Engine(graph, clock=rd.VirtualClock(START))
    engine.start("looks")
    receipt = engine.publish("s3://lake/orders", partition="2026-11-23")
    engine.publish("s3://lake/users", partition="2026-11-23")
    engine.advance("1h")
    run = engine.runs("build_mart")[0]
    base = rd.simulate(
        graph, start=START, until="1d", default_duration="1m", sources={"s3://lake/users": rd.every("6h")}
    )
    task = run.tasks["load"]
    backfill = engine.backfill("ingest", start="2026-11-20", end="2026-11-21")
    scenario = Scenario(graph, START)
    diagram = rd.marbles(engine)
    found = [
        diagram, *diagram.lines, *diagram.marbles, *diagram.firings, *(firing.took[0] for firing in diagram.firings),
        *(stretch for firing in diagram.firings for stretch in firing.stretches),
        scenario, scenario.at("1h"), scenario.play(),
        graph, graph.dags["build_mart"], graph.dags["build_mart"].tasks["load"], graph.datasets["s3://lake/mart"],
        graph.dags["build_mart"].triggers[""], graph.problems()[0], engine, backfill, receipt, run, seen[0],
        engine.runs(), task,
        task.attempts[0], run.events[0], engine.why(run), engine.pending("report"), engine.pending("report").parts[0],
        base, base.timeline(), base.critical_path("report"), base.compare(base), base.pending(),
        *answers(),
        engine.partitions("s3://lake/orders"), engine.partitions("s3://lake/orders")[0],
        rd.explore(base, futures=1), OutputFile("lake/a.parquet", 1, run.key, 1, 1, False),
    ]  # fmt: skip
    return {type(each).__name__: each for each in found}


def triggers(of: type = rd.Trigger) -> Iterator[type]:
    """All classes of triggers."""
    for each in of.__subclasses__():
        yield each
        yield from triggers(each)


def classes() -> list[type]:
    """All classes that a user names or meets."""
    public = [thing for name in rd.__all__ if isinstance(thing := getattr(rd, name), type)]
    return [*public, *(type(each) for each in things().values()), *triggers()]


@cache
def members() -> frozenset[str]:
    """Every attribute that something public shows."""
    return frozenset(name for each in [*classes(), *things().values()] for name in shown(each))


@cache
def parameters() -> frozenset[str]:
    """Every parameter of a public function or method, and every option of a DAG, a task, a wait, an event."""
    found: set[str] = set()
    for each in map(named, OPTIONS):
        found |= each.__required_keys__ | each.__optional_keys__
    for each in calls():
        found |= set(inspect.signature(each).parameters)
    return frozenset(found)


def calls() -> Iterator[Callable[..., object]]:
    """The public functions, classes and operators, and the methods of what a user meets; no exceptions."""
    for module in (rd, rops, rtest):
        yield from (each for name in module.__all__ if callable(each := getattr(module, name)) and not is_error(each))
    for each in classes():
        yield from (method for name in shown(each) if inspect.isfunction(inspect.unwrap(method := getattr(each, name))))


def is_error(thing: object) -> bool:
    """Whether it is an exception."""
    return isinstance(thing, type) and issubclass(thing, BaseException)
