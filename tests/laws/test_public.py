"""Law offsets_not_ticks of all that is public: what a user or a body can see does not tell how facts were grouped (I3).

One history is lived under different groupings of commits and turns, with deaths in between, and with facts in front of
it that concern nobody, so that every offset is another. Then everything is asked of the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.engine.drive import turn as turn_module
from tests.support.engines import drop, opened, parts
from tests.support.profiles import examples
from tests.support.volatile import VolatileLog

DAY = "2026-11-2{}"


def graph_of(seen: list[Any]) -> rd.Graph:
    """Data, clocks, completions, waits of every kind, a past, a retry, a failure; bodies note what they see."""
    graph = rd.Graph("public")
    graph.dataset("noise")
    orders = graph.dataset("orders", partitions=rd.day())
    mart = graph.dataset("mart")

    def note(run: rd.Run, *others: object) -> None:
        seen.append((run.key, run.task, repr([_told(each) for each in (run, *others)])))

    @graph.dag(on=orders, retries=1, retry_delay="5m")
    def load(run: rd.Run) -> object:
        note(run)
        if run.attempt == 1 and run.partition == "2026-11-22":
            raise ConnectionError("not now")
        return {"rows": len(run.events), "effect": run.once("effect", lambda key: key[:0])}

    side = graph.dag(
        "side", on=rd.completed("load", states="any"), max_active_runs=2, defaults={"depends_on_past": True}
    )
    up = side.wait_for("load", id="up", timeout="1h")
    some = side.wait_for("load", task="load", id="some", logical_date="1d", soft_fail=True, timeout="20m", after=[up])

    def after(up: rd.Run, some: rd.Run | None, run: rd.Run) -> str | None:
        note(run, up, some)
        return up.key

    side.add(after, id="after", after=[up, some], trigger_rule="all_done", outlets=[mart])
    hourly = graph.dag("hourly", schedule="0 * * * *", catchup="all")
    latest = hourly.wait_for("side", id="latest", match="latest", timeout="40m", states="any", soft_fail=True)
    both = hourly.wait_for("load", id="both", logical_date=[DAY.format(1), DAY.format(2)], timeout="50m")

    def looks(latest: rd.Run | None, both: object, run: rd.Run) -> None:
        note(run, latest, both)

    hourly.add(looks, id="looks", after=[latest, both], trigger_rule="all_done")

    @graph.dag(on=rd.updated(mart).batch(2, max_wait="30m"))
    def report(run: rd.Run) -> int:
        note(run)
        return len(run.events)

    undated = graph.dag("undated", on=rd.updated(mart))
    undated.wait_for("report", id="cascade", timeout="10m", match="latest")
    return graph


def _told(what: object) -> object:
    """All that a body can read of a run."""
    if not isinstance(what, rd.Run):
        return [_told(each) for each in what] if isinstance(what, list) else what
    return run_told(what)


def run_told(run: rd.Run) -> list[object]:
    previous = run.previous
    return [
        run.key, run.dag, run.label, run.state if run.done else "", run.error, run.logical_date, run.local_date,
        run.partition, run.partitions, run.requested, run.started, run.ended, run.round, str(run.params),
        str(run.results), str(run.payload), str(run.events), str(run.data_interval), repr(run).split(" ")[1],
        None if previous is None else previous.key,
    ]  # fmt: skip


def everything(engine: rd.Engine) -> dict[str, object]:
    """All that an engine can be asked."""
    runs = engine.runs()
    return {
        "runs": {run.key: (run_told(run), str(run.tasks), repr(run)) for run in runs},
        "why": {run.key: (str(engine.why(run)), str(engine.why(run).to_json())) for run in runs},
        "why not": {dag: str(engine.why(dag)) for dag in engine.graph.dags},
        "pending": {dag: str(engine.pending(dag)) for dag in engine.graph.dags},
        "waits": {dag: sorted(map(repr, engine.pending(dag).waits)) for dag in engine.graph.dags},
        "events": {uri: sorted(map(repr, engine.events(uri))) for uri in engine.graph.datasets if uri != "noise"},
    }  # fmt: skip


Fact = Callable[[rd.Engine], object]
FACTS: list[tuple[str, Fact]] = [
    ("publish 21", lambda e: e.publish("orders", partition=DAY.format(1), key="a", extra={"n": 1})),
    ("again", lambda e: e.publish("orders", partition=DAY.format(1), key="a", extra={"n": 1})),
    ("publish 22", lambda e: e.publish("orders", partition=DAY.format(2))),
    ("wave", lambda e: e.publish_many([("orders", {"partition": DAY.format(n)}) for n in (2, 3)])),
    ("start", lambda e: e.start("load", logical_date=DAY.format(4), key="mine")),
    ("undated", lambda e: e.publish("mart")),
    ("pause", lambda e: e.pause("side")),
    ("resume", lambda e: e.resume("side")),
    ("side", lambda e: e.start("side", logical_date=DAY.format(4))),
]


def lived(facts: list[list[int]], cuts: list[str], noise: int, turn: int = 4096) -> tuple[dict[str, object], set[str]]:
    """A history: at each instant some facts, in order, then all that follows; turns take `turn` records at most.

    Each cut says what happens behind a fact, before it is decided, that must not matter.
    """
    seen: list[Any] = []
    clock, log = rd.VirtualClock("2026-11-23T00:00Z"), VolatileLog()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turn_module, "MAX_RECORDS", turn)
        engine = opened(graph_of(seen), log, clock=clock)
        for _ in range(noise):
            engine.publish("noise")
        number = 0
        for instant in facts:
            for fact in instant:
                FACTS[fact][1](engine)
                cut, number = cuts[number % len(cuts)], number + 1
                if cut == "noise":
                    engine.publish("noise")
                elif cut == "snapshot":
                    parts(engine).turn.snapshot_at = -(10**9)
                elif cut == "dies":
                    drop(engine)
                    log = log.survivor()
                    engine = opened(graph_of(seen), log, clock=clock)
            engine.advance("25m")
        engine.advance("3h")
        found = everything(engine)
        engine.close()
    return found, set(map(repr, seen))


CUTS = st.lists(st.sampled_from(["nothing", "noise", "dies", "snapshot"]), min_size=1, max_size=4)
INSTANTS = st.lists(st.integers(0, len(FACTS) - 1), min_size=1, max_size=4)


@settings(deadline=None, max_examples=examples(25))
@given(st.lists(INSTANTS, min_size=1, max_size=3), CUTS, st.integers(0, 3), st.sampled_from([3, 7, 4096]))
def test_law_offsets_not_ticks_in_all_that_is_public(
    facts: list[list[int]], cuts: list[str], noise: int, turn: int
) -> None:
    whole, bodies = lived(facts, ["nothing"], 0)
    found, again = lived(facts, cuts, noise, turn)
    for what, value in whole.items():
        assert found[what] == value, what
    assert again == bodies


def test_I3_a_wait_tells_of_the_awaited_run_by_its_key() -> None:
    found, _ = lived([[0], [2]], ["nothing"], 3)
    tasks = str(found["runs"])
    assert "'key':" in tasks and "'results': {'load':" in tasks and "'run':" not in tasks
