"""Feedback loops with a bound (G2): how deep a cascade is, and where it stops; live, after a restart, simulated."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import FeedbackStopped
from tests.support.engines import kill, live, of_kind, opened, part, records_of, states

SEED, WEIGHTS = "seed", "weights"


def nothing(run):
    pass


def loop_of(back=None, *, seed=True, via=None, **options):
    """A DAG that publishes what starts it again: directly, or by way of another DAG."""
    graph = rd.Graph("loop")
    weights = graph.dataset(WEIGHTS)
    again = rd.updated(weights, feedback=True, max_depth=3) if back is None else back
    on = rd.updated(SEED) | again if seed else again
    if via is None:
        graph.dag("train", on=on, outlets=[weights], **options)(nothing)
    else:
        model = graph.dataset("model")
        graph.dag("train", on=on, outlets=[model], **options)(nothing)
        graph.dag("judge", on=via(model), outlets=[weights])(nothing)
    return graph


def depths(engine, dag="train"):
    """How deep the runs of a DAG are recorded to be, oldest first; 0 where nothing is recorded."""
    requests = [record for record in records_of(engine) if isinstance(record, rd.model.records.RunRequested)]
    return [max([depth for *_, depth in each.depths], default=0) for each in requests if each.dag == dag]


# ---------------------------------------------------------------------------------------------- how often


@pytest.mark.parametrize("begin", [SEED, WEIGHTS, None])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_G2_max_depth_n_gives_n_plus_1_runs_however_it_began(n, begin):
    with live(loop_of(rd.updated(WEIGHTS, feedback=True, max_depth=n))) as engine:
        engine.publish(begin) if begin else engine.start("train")
        engine.run_until_idle()
        assert states(engine, "train") == ["success"] * (n + 1)
        assert depths(engine) == list(range(n + 1))
        assert part(engine, "train", 1).dropped == {"feedback_bound": 1}
        (stopped,) = of_kind(engine, FeedbackStopped)
        assert (stopped.dag, stopped.depth) == ("train", n + 1)
        assert "max_depth" in stopped.part


@pytest.mark.parametrize("via", [rd.updated, lambda model: rd.completed("train"), lambda model: model.batch(count=1)])
def test_G2_a_loop_through_other_dags_is_as_deep(via):
    with live(loop_of(via=via)) as engine:
        engine.publish(SEED)
        engine.run_until_idle()
        assert (depths(engine), depths(engine, "judge")) == ([0, 1, 2, 3], [0, 1, 2, 3])


def test_G2_cascades_are_counted_by_themselves():
    with live(loop_of()) as engine:
        for _ in range(3):
            engine.publish(SEED)
        engine.run_until_idle()
        assert sorted(depths(engine)) == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3


def test_G2_a_firing_of_several_causes_is_as_deep_as_the_deepest():
    graph = loop_of(via=lambda model: rd.updated(model) & rd.updated("other"))
    with live(graph) as engine:
        engine.publish(SEED)
        for _ in range(6):
            engine.publish("other")
            engine.publish(SEED)
            engine.run_until_idle()
        assert max(depths(engine)) == 3 and part(engine, "train", 1).dropped["feedback_bound"] > 0


def test_G2_a_part_that_is_fed_by_a_dag_outside_of_the_loop_begins_at_0():
    graph = loop_of()
    graph.dag("outside", on=rd.updated("x"), outlets=[graph.datasets[WEIGHTS]])(nothing)
    with live(graph) as engine:
        engine.publish("x")
        engine.run_until_idle()
        assert depths(engine) == [0, 1, 2, 3]


def test_G2_a_loop_through_a_child_is_as_deep():
    graph = rd.Graph("loop")
    weights = graph.dataset(WEIGHTS)
    graph.dag("child", outlets=[weights])(nothing)

    @graph.dag(on=rd.updated(SEED) | rd.updated(weights, feedback=True, max_depth=2))
    def train(run):
        run.start("child")

    with live(graph) as engine:
        engine.publish(SEED)
        engine.run_until_idle()
        assert depths(engine) == [0, 1, 2] and len(engine.runs("child")) == 3


def test_G2_two_loops_are_counted_apart():
    graph = rd.Graph("two")
    a, b = graph.dataset("a"), graph.dataset("b")
    on = rd.updated(SEED) | rd.updated(a, feedback=True, max_depth=1) | rd.updated(b, feedback=True, max_depth=2)
    graph.dag("train", on=on.by(None), outlets=[a, b])(nothing)
    with live(graph) as engine:
        engine.publish(SEED)
        engine.run_until_idle()
        runs = [(0, 0)]
        for run in runs:  # each run publishes both; what goes through a part is one deeper there
            runs += [
                deeper for deeper in ((run[0] + 1, run[1]), (run[0], run[1] + 1)) if deeper[0] <= 1 and deeper[1] <= 2
            ]
        assert len(engine.runs("train")) == len(runs)


# ---------------------------------------------------------------------------------------------- until


def good_enough(event):
    return event.extra["accuracy"] >= 0.9


def training(until=good_enough, **bound):
    graph = rd.Graph("ml")
    weights = graph.dataset(WEIGHTS)

    @graph.dag(on=rd.updated(SEED) | rd.updated(weights, feedback=True, until=until, **bound), outlets=[weights])
    def train(run):
        before = run.events[0].extra or {"accuracy": 0.5}
        run.publish(weights, extra={"accuracy": round(before["accuracy"] + 0.1, 2)})

    return graph


def test_G2_until_stops_a_loop_and_what_it_answered_is_recorded(tmp_path):
    store, clock = tmp_path / "store.db", rd.VirtualClock("2026-11-23T00:00Z")
    with live(training(), store, clock=clock) as engine:
        engine.publish(SEED)
        engine.run_until_idle()
        assert len(engine.runs("train")) == 4
        assert part(engine, "train", 1).dropped == {"feedback_bound": 1}
    with live(training(), store, clock=clock) as engine:
        engine.run_until_idle()
        assert len(engine.runs("train")) == 4


def test_G2_both_bounds_hold():
    with live(training(max_depth=2)) as engine:
        engine.publish(SEED)
        engine.run_until_idle()
        assert len(engine.runs("train")) == 3


def test_T10_until_that_raises_parks_the_item():
    faulty = [True]

    def until(event):
        if faulty[0]:
            raise ValueError("no accuracy")
        return True

    with live(training(rd.model.callables.Call(until))) as engine:
        engine.publish(SEED)
        engine.run_until_idle()
        assert part(engine, "train", 1).pending == 1 and len(engine.runs("train")) == 1
        faulty.clear(), faulty.append(False)
        engine.retry_faults("train")
        engine.run_until_idle()
        assert part(engine, "train", 1).dropped == {"feedback_bound": 1} and len(engine.runs("train")) == 1


# ---------------------------------------------------------------------------------------------- not only live


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_G2_depths_outlive_a_crash(runs, tmp_path):
    store, clock = tmp_path / "store.db", rd.VirtualClock("2026-11-23T00:00Z")
    graph, seen = loop_of(via=rd.updated), []

    def stop(run):
        seen.append(run.key)
        if len(seen) == runs:
            engine.pause("judge")

    engine = opened(graph, store, clock=clock, stubs={f"train.{next(iter(graph.dags['train'].tasks))}": stop})
    engine.publish(SEED)
    engine.run_until_idle()
    assert depths(engine) == [0, 1, 2][:runs]
    kill(engine)
    with live(graph, store, clock=clock) as engine:
        engine.resume("judge")
        engine.run_until_idle()
        assert depths(engine) == [0, 1, 2, 3]
        assert len(of_kind(engine, FeedbackStopped)) == 1


def test_G2_a_pause_holds_a_loop_and_a_lower_bound_holds_from_then_on():
    graph = loop_of()
    with live(graph) as engine:
        engine.pause("train")
        engine.publish(WEIGHTS)
        engine.run_until_idle()
        engine.resume("train")
        engine.run_until_idle()
        assert depths(engine) == [0, 1, 2, 3]
        weights = graph.datasets[WEIGHTS]
        graph.dag("train", on=rd.updated(weights, feedback=True, max_depth=1), outlets=[weights])(nothing)
        engine.publish(WEIGHTS)
        engine.run_until_idle()
        assert depths(engine)[4:] == [0, 1]


def test_G2_through_json_and_in_a_simulation():
    graph = rd.Graph.from_json(loop_of(via=rd.updated).to_json())
    assert repr(graph.dags["train"].triggers[""]) == repr(loop_of(via=rd.updated).dags["train"].triggers[""])
    sources = {SEED: rd.at("2026-11-23T01:00Z")}
    sim = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", sources=sources, default_duration="10m")
    assert len([run for run in sim.runs if run.dag == "train"]) == 4
    assert not [each for each in sim.problems() if each.severity == "error"]


# ---------------------------------------------------------------------------------------------- the graph


def test_G2_a_feedback_edge_is_drawn_and_makes_no_cycle_height_or_origin():
    graph = loop_of(via=rd.updated)
    graph.check()
    assert [graph.height(each) for each in ("train", "judge")] == [0, 1]
    assert graph.origins("train") == graph.origins("judge") == frozenset({"dataset seed"})
    assert [(edge.source, edge.target) for edge in graph.edges if edge.kind == "feedback"] == [(WEIGHTS, "train")]
    assert "train" in graph.downstream("judge") and "judge" in graph.upstream("train")
    assert graph.ready([]) == frozenset({"train"}) and graph.ready(["train"]) == frozenset({"judge"})
    assert [*graph.order()] == ["train", "judge"]


def test_G2_a_circle_that_no_feedback_breaks_is_refused_and_says_what_to_write():
    graph = rd.Graph("circle")
    with pytest.raises(rd.CycleError, match=r"feedback=True, max_depth="):
        graph.dag("train", on=rd.updated(WEIGHTS), outlets=[graph.dataset(WEIGHTS)])(nothing)
    with pytest.raises(rd.CycleError):
        loop_of(rd.updated(WEIGHTS, feedback=True, max_depth=1) | rd.updated("y"), via=rd.updated).dag(
            "judge", on=rd.completed("train") | rd.updated("model"), outlets=[rd.Dataset("y")]
        )(nothing)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"feedback": True}, "has no bound"),
        ({"max_depth": 3}, "feedback=True too"),
        ({"until": bool}, "feedback=True too"),
        ({"feedback": True, "max_depth": -1}, "0 or more"),
        ({"feedback": True, "max_depth": True}, "0 or more"),
        ({"feedback": True, "until": 3}, "cannot be called"),
        ({"feedback": "yes", "max_depth": 1}, "True or False"),
    ],
)
def test_R15_feedback_without_a_right_bound_is_refused(given, words):
    with pytest.raises(rd.InvalidValue, match=words):
        rd.updated(WEIGHTS, **given)
