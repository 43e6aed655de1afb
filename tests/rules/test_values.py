"""Values shared by DAGs (R22)."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from reactive_dag.model.records import ValueSet
from tests.support.engines import kill, live, of_kind, opened, outputs, parts, states


def sharing() -> rd.Graph:
    """One DAG counts, another one reads."""
    graph = rd.Graph("sharing")

    @graph.dag
    def count(run):
        run.set("count", run.get("count", 0) + 1)
        return run.get("count")

    @graph.dag(on=rd.completed(count))
    def read(run):
        return run.get("count")

    return graph


def test_R22_a_value_is_read_by_other_dags_and_from_outside():
    with live(sharing()) as engine:
        assert engine.get("count") is None and engine.get("count", 7) == 7
        for _ in range(3):
            engine.start("count")
            engine.run_until_idle()
        assert outputs(engine, "count") == outputs(engine, "read") == [1, 2, 3]
        assert engine.get("count") == 3
        engine.set("count", {"again": [1]})
        assert engine.get("count") == {"again": [1]}
        assert [record.task for record in of_kind(engine, ValueSet)] == ["count", "count", "count", ""]


@pytest.mark.parametrize("how", ["fails", "is skipped", "takes too long"])
def test_R22_a_value_is_set_in_the_commit_of_the_success_and_never_by_another_end(how):
    graph = rd.Graph("sharing")

    @graph.dag(timeout="1m")
    def job(run):
        run.set("seen", 1)
        if how == "takes too long":
            clock.advance_to(clock.now() + 61 * 10**9)
        else:
            raise ValueError if how == "fails" else rd.SkipTask

    clock = rd.VirtualClock("2026-11-23T00:00Z")
    with live(graph, clock=clock) as engine:
        engine.start("job")
        engine.run_until_idle()
        assert engine.get("seen") is None and not of_kind(engine, ValueSet)


def test_R22_a_value_goes_with_its_ttl_or_when_it_is_set_to_none():
    with live(rd.Graph("sharing")) as engine:
        engine.set("token", "a", ttl="1h")
        engine.set("other", "b", ttl="2h")
        engine.advance("59m")
        assert engine.get("token") == "a"
        engine.advance("1m")
        assert engine.get("token") is None and engine.get("other") == "b"
        engine.set("other", "c")  # the newest counts, with its own ttl: none
        engine.advance("9h")
        assert engine.get("other") == "c" and len(parts(engine).fold.values.newest) == 1
        engine.set("other", None)
        assert engine.get("other", "none") == "none" and not parts(engine).fold.values.newest


def test_R22_ends_that_no_value_has_any_more_are_not_kept():
    with live(rd.Graph("sharing")) as engine:
        for n in range(1000):
            engine.set("token", n, ttl="30d")
        assert len(parts(engine).fold.values._ends) < 100


@pytest.mark.parametrize("every", [1, 50_000])
def test_R22_values_outlive_a_crash(every, tmp_path, monkeypatch):
    monkeypatch.setattr(turn_module, "SNAPSHOT_EVERY", every)
    clock = rd.VirtualClock("2026-11-23T00:00Z")
    for n in range(1, 4):
        engine = opened(sharing(), tmp_path / "s.db", clock=clock)
        engine.start("count")
        engine.run_until_idle()
        engine.set("outside", n, ttl="1h")
        kill(engine)
    with live(sharing(), tmp_path / "s.db", clock=clock) as engine:
        assert engine.get("count") == 3 and engine.get("outside") == 3
        engine.run_until_idle()
        assert states(engine, "read") == ["success"] * 3
        engine.advance("1h")
        assert engine.get("outside") is None
    with rd.Engine(sharing(), tmp_path / "s.db", clock=clock, read_only=True) as engine:
        assert engine.get("count") == 3
        with pytest.raises(rd.UsageError, match="read_only"):
            engine.set("count", 4)


def test_R22_what_is_no_plain_data_or_no_name_is_refused():
    graph = rd.Graph("sharing")

    @graph.dag
    def job(run):
        run.set("bad", object())

    with live(graph) as engine:
        for call in (
            lambda: engine.set("", 1), lambda: engine.get(""), lambda: engine.set(3, 1), lambda: engine.get(None),
            lambda: engine.set("a", object()), lambda: engine.set("a", "x" * (1 << 21)),
            lambda: engine.set("a", 1, ttl="0s"), lambda: engine.set("a", 1, ttl=5),
        ):  # fmt: skip
            with pytest.raises(rd.InvalidValue, match=r"engine\.[gs]et\(\)"):
                call()
        run = engine.start("job")
        engine.run_until_idle()
        assert "run.set() in job.job: value 'bad'" in run.error
        for call in (lambda: run.get("a"), lambda: run.set("a", 1)):
            with pytest.raises(rd.UsageError, match="belongs into a task's body"):
                call()
        assert not of_kind(engine, ValueSet)


def test_R22_what_a_value_gives_is_the_readers_own():
    with live(rd.Graph("sharing")) as engine:
        given = {"rows": [1]}
        engine.set("a", given)
        given["rows"].append(2)
        engine.get("a")["rows"].append(3)
        assert engine.get("a") == {"rows": [1]}
