"""Times and factors at the far end of what 64 bits hold: nothing overflows, and what cannot be told is refused."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.errors import InvalidValue
from tests.support.windows import nothing, of_reference, of_window

DAY = {"start": "2026-11-23T00:00Z", "until": "1d"}


def a_graph() -> rd.Graph:
    graph = rd.Graph("far")
    up = graph.dag("up", schedule="0 3 * * *")
    up.wait_for("never", match="exact", logical_date="1h", timeout=None, id="w")
    up.add(nothing, id="a", after="w")
    graph.dag("never", schedule="0 4 * * *").add(nothing, id="b")
    return graph


def test_W31_what_never_begins_does_not_come_early_by_an_overflow() -> None:
    base = rd.simulate(a_graph(), **DAY, default_duration="5m")
    late = base.what_if(rd.delay("up.a", "26600d"), rd.duration("up.a", "26600d"))
    for asked in (base, late):
        assert asked.futures(3).finish("up").succeeded == 0
        assert [str(run.state) for run in asked.runs if run.dag == "up"] == ["running"]


def test_W6_factors_that_multiply_beyond_numbers_are_cut_to_73_years() -> None:
    base = rd.simulate(a_graph(), **DAY, default_duration="5m")
    huge = rd.duration("never.b", times=1e300)
    longest = base.what_if(huge, huge)
    assert [str(row.end)[:7] for row in longest.timeline() if row.dag == "never"] == ["2099-12"]
    assert longest.futures(3).n == 3
    none = longest.what_if(rd.duration("never.b", times=0))
    assert [str(row.end)[:16] for row in none.timeline() if row.dag == "never"] == ["2026-11-23 04:00"]


@pytest.mark.parametrize("start", ["2116-03-01T00:00Z", "2261-01-01T00:00Z"])
def test_W20_a_simulation_beyond_what_arrays_can_tell_is_refused(start: str) -> None:
    with pytest.raises(InvalidValue, match="a simulation ends by 2116"):
        rd.simulate(a_graph(), start=start, until="1d", default_duration="5m")


@pytest.mark.parametrize("limits", [False, True], ids=["pass", "loop"])
def test_W20_what_would_end_beyond_that_does_not_end(limits: bool) -> None:
    graph = rd.Graph("far")
    up = graph.dag("up", schedule="0 3 * * *")
    up.add(nothing, id="a")
    up.add(nothing, id="b", after="a")
    up.add(nothing, id="c", after="b")
    graph.dag("down", on=rd.completed("up"))(nothing)
    spans = {"b": "90d", "c": "1d"}
    base = rd.simulate(graph, start="2115-12-30T00:00Z", until="2d", durations=spans, default_duration="5m")
    if limits:
        base = base.what_if(rd.fail("up.a", 0.0), rd.workers(1))
    assert of_window(base.answer.window, base.answer.ends) == of_reference(base)
    run = base.runs_of("up")[0]
    assert (str(run.state), run.tasks["b"].state, run.tasks["c"].state) == ("running", "running", "none")
    assert not base.runs_of("down") and list(base.outcome.unfinished()) == list(base.trace.unfinished())
    assert base.futures(3).finish("up").succeeded == 0


def test_W42_what_is_no_name_is_refused() -> None:
    base = rd.simulate(a_graph(), **DAY, default_duration="5m")
    for ask in (base.critical_path, base.slack, base.futures(2).finish, base.futures(2).criticality):
        with pytest.raises(InvalidValue, match="not 5"):
            ask(5)  # type: ignore[arg-type, operator]
