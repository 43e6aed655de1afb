"""Queries of a fold that is over: nothing drives it, and it answers as its engine did."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.engine.execute.named_locks import NamedLocks
from reactive_dag.engine.inspect.fold_host import FoldHost
from reactive_dag.engine.inspect.queries import Queries
from reactive_dag.model.errors import EngineClosed, UsageError
from reactive_dag.streams.observers import Observers
from tests.support.engines import live, parts, records_of


def shop():
    graph = rd.Graph("shop")
    orders, users, mart = (graph.dataset(name) for name in ("orders", "users", "mart"))
    graph.dag("build", on=orders, outlets=[mart]).add(lambda run: 7, id="build")
    graph.dag("report", on=mart & users).add(lambda run: None, id="report")
    waiting = graph.dag("waiting", on=orders)
    waiting.wait_for("never", missing="wait", timeout="9d")
    return graph


def refuse(run, timeout):
    raise UsageError("nothing more happens here")


@pytest.fixture
def both():
    """An engine that has worked, and queries and observers of its fold that know nothing of the engine."""
    with live(shop()) as engine:
        engine.publish("orders", key="one")
        engine.run_until_idle()
        observers = Observers(parts(engine).log)
        yield engine, Queries(FoldHost(parts(engine).fold, refuse), observers), observers
        observers.close(10.0)


def test_a_fold_that_is_over_answers_as_its_engine(both):
    engine, queries, _ = both
    assert [run.key for run in queries.runs()] == [run.key for run in engine.runs()]
    assert [run.state for run in queries.runs("build", state="success")] == ["success"]
    assert queries.run(engine.runs("build")[0].key).tasks["build"].output == 7
    assert queries.events("mart")[0].run == engine.runs("build")[0].key
    for dag in engine.graph.dags:
        assert queries.pending(dag) == engine.pending(dag)
        assert str(queries.why(dag)) == str(engine.why(dag))
    assert str(queries.why(queries.runs("build")[0])) == str(engine.why(engine.runs("build")[0]))
    assert queries.pending("waiting").waits and queries.pending("report").parts[0].pending == 1


def test_streams_of_a_fold_that_is_over_give_what_is_recorded(both):
    engine, queries, observers = both
    seen = {name: [] for name in ("records", "ends", "tasks", "updates", "ready")}
    queries.records_from(0).subscribe(lambda entry: seen["records"].append(entry.record))
    queries.completions("build").subscribe(seen["ends"].append)
    queries.completions("build", task="build").subscribe(seen["tasks"].append)
    queries.updates("orders").subscribe(seen["updates"].append)
    queries.ready.subscribe(seen["ready"].append)
    assert seen["ready"] == [frozenset({"report", "waiting"})]
    engine.publish("orders", key="two")
    engine.run_until_idle()
    observers.notify()
    assert observers.wait_idle(parts(engine).log.committed, 10.0)
    assert seen["records"] == records_of(engine)
    assert [event.state for event in seen["ends"] + seen["tasks"]] == ["success"] * 2
    assert [event.key for event in seen["updates"]] == ["two"]


def test_a_run_of_a_fold_that_is_over_is_not_waited_for(both):
    _, queries, _ = both
    (run,) = queries.runs("waiting")
    with pytest.raises(UsageError, match="nothing more happens"):
        run.wait("1s")


def test_a_closed_host_answers_nothing(both):
    _, queries, _ = both
    (run,) = queries.runs("build")
    queries.host.close()
    assert "closed engine" in repr(run)
    for question in (lambda: run.state, lambda: queries.runs(), lambda: queries.pending("build")):
        with pytest.raises(EngineClosed):
            question()


def test_a_named_lock_is_kept_only_while_it_is_held():
    locks = NamedLocks()
    with locks.holding("a"), locks.holding("a"), locks.holding("b"):
        assert {name: users for name, (_, users) in locks._held.items()} == {"a": 2, "b": 1}
    assert locks._held == {}
