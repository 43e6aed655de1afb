"""Machine code at the far end of what 64 bits hold: compiled levels and the compiled loop say what plain ones say."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.whatif.loops.machine_code import HAS_NUMBA
from reactive_dag.whatif.question.interventions import Intervention
from tests.support.windows import nothing

pytestmark = pytest.mark.skipif(not HAS_NUMBA, reason="numba is not installed (extra fast)")


def far(*changes: Intervention) -> rd.Simulation:
    """`b` ends after 2116, so what follows it never begins; `side` ends as usual."""
    graph = rd.Graph("far")
    up = graph.dag("up", schedule="0 3 * * *")
    for id, after in (("a", []), ("b", ["a"]), ("c", ["b"])):
        up.add(nothing, id=id, after=after)
    graph.dag("down", on=rd.completed("up"))(nothing)
    graph.dag("side", schedule="0 3 * * *")(nothing)
    spans = {"b": rd.uniform("80d", "26000d"), "c": rd.uniform("1d", "26000d")}
    base = rd.simulate(graph, start="2115-12-30T00:00Z", until="1d", durations=spans, default_duration="5m")
    return base.what_if(rd.delay("up.c", "26000d"), *changes)


def test_W45_compiled_levels_at_the_far_end_equal_those_of_numpy() -> None:
    from tests.whatif.test_compiled_levels import compared

    assert compared(far(), 64) == "equal"


def test_W44_the_compiled_loop_at_the_far_end_equals_the_plain_one() -> None:
    late = far(rd.fail("side.nothing", 0.5), rd.workers(2))
    few, many = late.futures(3), late.futures(64)
    for name in ("up.a", "up.b", "up", "side"):
        assert few.finish(name).ends.tolist() == many.finish(name).ends[:3].tolist(), name
    assert many.finish("up").succeeded == 0 and 0 < many.finish("side").succeeded < 1
