"""Laws of the whole engine: glitch-free, keys on effects, offsets and not ticks, any number of workers (X6)."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from tests.support.engines import parts

START = "2026-11-23T00:00Z"


def noted(graph: rd.Graph) -> dict[str, list[list[int]]]:
    """A body for every DAG of the graph that notes which events it got."""
    seen: dict[str, list[list[int]]] = {}
    for dag in graph.dags.values():

        def body(run: rd.Run, name: str = dag.id) -> None:
            seen.setdefault(name, []).append([0 if e.extra is None else e.extra["n"] for e in run.events])

        dag.add(body, id="note")
    return seen


def diamond() -> rd.Graph:
    graph = rd.Graph("diamond")
    source = graph.dataset("source")
    graph.dag("root", on=source)
    for side in ("left", "right"):
        graph.dag(side, on=rd.completed("root"))
    graph.dag("merge", on=rd.completed("left") & rd.completed("right"))
    graph.dag("after", on=rd.completed("merge") | rd.completed("left", states="failed"))
    return graph


@given(st.lists(st.booleans(), min_size=1, max_size=12))
def test_law_glitch_free(work_between: list[bool]) -> None:
    """A diamond's end runs once for each run of its root, after both sides, and the two never mix."""
    graph = diamond()
    noted(graph)
    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        for work in work_between:
            engine.publish("source")
            if work:
                engine.run_until_idle()
        engine.run_until_idle()
        counts = Counter(run.dag for run in engine.runs(state="success"))
        assert set(counts.values()) == {len(work_between)}, counts
        for merge in engine.runs("merge"):
            roots = {engine.run(event.run)._causes for event in merge.events}
            grounds = {cause for side in merge.events for cause in engine.run(str(side.run))._causes}
            assert len(merge.events) == 2 and len(roots) == 1 and len(grounds) == 1


def test_law_glitch_free_one_fact_visits_each_dag_once() -> None:
    graph = rd.Graph("twice")
    source = graph.dataset("source")
    graph.dag("both", on=source | rd.updated(source).where(bool))
    seen = noted(graph)
    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        engine.publish(source, extra={"n": 7})
        engine.run_until_idle()
    assert seen == {"both": [[7]]}


def test_law_effects_have_keys() -> None:
    """Every run, every effect and every published event of a run has a key that a retry does not change."""
    graph = rd.Graph("effects")
    out = graph.dataset("out")
    keys: list[str] = []

    @graph.dag(retries=2, outlets=[out])
    def work(run: rd.Run) -> str:
        with pytest.raises(OSError):
            run.once("mail", lambda key: keys.append(key) or _fail())
        if run.attempt < 3:
            raise OSError("again")
        return run.once("mail", lambda key: key)

    with rd.Engine(graph, clock=rd.VirtualClock(START)) as engine:
        run = engine.start("work").wait("1m")
        event = engine.events(out)[0]
        assert len(keys) == 3 and set(keys) == {f"{run.key}/work/mail"} == {run.tasks["work"].output}
        assert event.run == run.key
        identity = parts(engine).fold.identities.identity(parts(engine).fold.log.events("out")[0][0])
        assert identity == f"{run.key}/work/out#0"


def _fail() -> str:
    raise OSError("the mail server did not answer")


def windows() -> rd.Graph:
    graph = rd.Graph("windows")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("join", on=a & b)
    graph.dag("batch", on=rd.updated(a).batch(count=3, max_wait="10s"))
    graph.dag("pause", on=(a | b).debounce("4s", max_wait="20s"))
    graph.dag("seldom", on=rd.updated(b).throttle("15s"))
    graph.dag("silent", on=rd.absent(a, for_="12s"))
    graph.dag("close", on=rd.at_least(2, a, b, rd.every("7s")).within("6s"))
    return graph


FACTS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 9)), min_size=1, max_size=25)


@given(FACTS, st.lists(st.booleans(), min_size=25, max_size=25), st.booleans())
@settings(deadline=None)
def test_law_offsets_not_ticks(facts: list[tuple[str, int]], look: list[bool], again: bool) -> None:
    """The same facts at the same instants fire the same, however often somebody looks or commits between them."""
    told = []
    for looks in ([True] * len(look), look, [False] * len(look)):
        clock = rd.VirtualClock(START)
        with rd.Engine(windows(), clock=clock, runner=None) as engine:
            for (dataset, pause), looked in zip(facts, looks):
                clock.advance_to(clock.now() + pause * 10**9)
                engine.publish(dataset)
                if looked:
                    engine.run_until_idle()
            engine.advance("1m")
            told.append(firings(engine))
    assert told[0] == told[1] == told[2]


def firings(engine: rd.Engine) -> list[tuple[object, ...]]:
    """Every firing with its key and instant, and every part's counts, in an order that no offset decides."""
    runs = [(run.dag, run.key, run.requested, len(run._causes)) for run in engine.runs()]
    parts = [
        (dag, part.text, part.delivered, part.consumed, part.pending, tuple(sorted(part.dropped.items())))
        for dag in engine.graph.dags
        for part in engine.pending(dag).parts
    ]
    return [*sorted(runs, key=repr), *parts]


@pytest.mark.parametrize("workers", [1, 2, 8])
def test_X6_the_number_of_workers_changes_no_run(workers: int) -> None:
    """For leaf, any_of and date-join triggers the set of (run key, state) is the same for 1, 2 and 8 workers."""
    assert outcome(rd.ThreadRunner(workers)) == outcome(rd.InlineRunner())


def outcome(runner: object) -> set[tuple[str, str, str]]:
    graph = rd.Graph("many")
    day = graph.dataset("day", partitions=rd.day("UTC"))
    either = graph.dataset("either")
    first = graph.dag("first", on=day, outlets=[either])
    first.add(lambda run: int(run.partition[-2:]), id="t")
    odd = graph.dag("odd", on=rd.completed("first"))
    odd.add(lambda run: 1 // (run.results["first"]["t"] % 3), id="t")
    graph.dag("even", on=rd.completed("first")).add(lambda: None, id="t")
    graph.dag("joined", on=rd.completed("odd") & rd.completed("even")).add(lambda: None, id="t")
    graph.dag("any", on=rd.updated(either) | rd.completed("odd", states="failed")).add(lambda: None, id="t")
    with rd.Engine(graph, runner=runner) as engine:  # type: ignore[arg-type]
        engine.publish_many([(day, {"partition": f"2026-11-{n:02d}"}) for n in range(1, 25)])
        engine.run_until_idle(timeout="60s")
        return {(run.dag, run.key, run.state) for run in engine.runs()}


def test_I3_two_silences_that_one_registration_armed_are_two_runs() -> None:
    graph = rd.Graph("silences")
    a, b = graph.dataset("a"), graph.dataset("b")
    graph.dag("quiet", on=rd.absent(a, for_="1h") | rd.absent(b, for_="2h"))
    with rd.Engine(graph, clock=rd.VirtualClock(START), runner=None) as engine:
        engine.advance("3h")
        assert len({run.key for run in engine.runs("quiet")}) == 2
