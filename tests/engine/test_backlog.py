"""What a backlog costs: a question about one DAG looks at that DAG alone, and a snapshot is paid for by its records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn
from reactive_dag.engine.table.table import RunTable
from tests.support.engines import START, kill, live, opened, parts, states

QUEUED = 400


def crowded() -> rd.Graph:
    """Two DAGs on one dataset, one on another, and a wait."""
    graph = rd.Graph("backlog")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("first", on=a)(nothing)
    graph.dag("second", on=a)(nothing)
    graph.dag("other", on=b)(nothing)

    @graph.dag
    def waiting(run):
        pass

    waiting.wait_for("other", id="for_other", timeout="1d")
    return graph


def nothing(run):
    return None


def queue(engine: rd.Engine, count: int = QUEUED) -> None:
    """Queue so many runs of each of two DAGs."""
    for dag in ("first", "second"):
        engine.pause(dag)
        for n in range(count):
            engine.start(dag, key=f"{dag}{n}")
    engine.run_until_idle()


def test_runs_with_a_limit_look_at_no_more_queued_runs_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    request: Callable[[RunTable, int], object] = RunTable.request
    with live(crowded()) as engine:
        queue(engine)
        wanted = {dag: [run.key for run in engine.runs(dag)][:10] for dag in ("first", "second", None)}
        monkeypatch.setattr(RunTable, "request", lambda table, run: asked.append(run) or request(table, run))
        for dag, keys in wanted.items():
            for state in (None, "queued"):
                found = engine.runs(dag, state=state, limit=10)
                assert [run._offset for run in found] == sorted((run._offset for run in found), reverse=True)
                assert len(asked) <= 1, "whose a queued run is stands with it"
                assert [run.key for run in found] == keys
                asked.clear()
        assert engine.runs("other", limit=10) == [] and not asked
        assert len(engine.runs("first", state="queued")) == QUEUED


class Unwalked(dict):
    """A dict that is only looked up in."""

    def __iter__(self):
        raise AssertionError("all of them were looked at")

    items = values = __iter__


def test_pending_and_why_of_a_dag_look_at_that_dag_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with live(crowded()) as engine:
        queue(engine, 3)
        engine.start("waiting", logical_date=START)
        engine.run_until_idle()
        fold = parts(engine).fold
        with monkeypatch.context() as patch:
            patch.setattr(fold.router, "triggers", Unwalked(fold.router.triggers))
            patch.setattr(fold.waits.watches, "of_dag", Unwalked(fold.waits.watches.of_dag))
            patch.setattr(fold.slots, "queues", Unwalked(fold.slots.queues))
            assert engine.pending("first").queued == 3
            assert [part.text for part in engine.pending("other").parts] == [engine.why("other").missing[0]]
            assert [wait.task for wait in engine.pending("waiting").waits] == ["for_other"]
        engine.start("other", logical_date=START)
        engine.run_until_idle()
        assert engine.pending("waiting").waits == []


@pytest.mark.parametrize("backlog", ["queued", "held"])
def test_law_bounded_state_of_snapshots_a_record_pays_for_a_few_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backlog: str
) -> None:
    """A backlog is rewritten by each snapshot, so they come as much more rarely as it is larger."""
    monkeypatch.setattr(turn, "SNAPSHOT_EVERY", 20)
    monkeypatch.setattr(turn, "SNAPSHOT_BYTES", 400)
    sizes: list[int] = []
    engine = opened(crowded(), tmp_path / "s.db")
    log = parts(engine).log
    save = log.save_snapshot

    def saved(upto: int, blob: bytes) -> None:
        sizes.append(len(blob))
        save(upto, blob)

    monkeypatch.setattr(log, "save_snapshot", saved)
    engine.pause("other")
    for _ in range(QUEUED):
        if backlog == "queued":
            engine.start("other")
        else:
            engine.publish("b")
        engine.run_until_idle()
    assert len(sizes) > 3, "a backlog does not end the snapshots"
    assert sum(sizes[:-1]) <= 20 * log.next_offset
    kill(engine)
    with live(crowded(), tmp_path / "s.db") as engine:
        engine.resume("other")
        engine.run_until_idle()
        assert states(engine, "other") == ["success"] * (QUEUED if backlog == "queued" else 1)
