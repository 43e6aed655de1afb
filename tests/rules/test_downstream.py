"""R10: `downstream=True` gives a round to each run that consumed a replaced item, once, after its causes."""

from __future__ import annotations

import pytest

import reactive_dag as rd
from reactive_dag.model.records import RerunRequested, RunRequested
from tests.support.engines import kill, live, of_kind, opened, parts, verify


class Bodies:
    """What the DAGs did, in order; those in `fails` fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.fails: set[str] = set()

    def of(self, name: str):
        def body(run):
            self.ran.append(name)
            if name in self.fails:
                raise ValueError(name)
            return run.round

        return body


def diamond(bodies: Bodies) -> rd.Graph:
    """root → a, b → merge → last; and an alarm when merge fails."""
    graph = rd.Graph("diamond")
    graph.dag("root", schedule="0 * * * *").add(bodies.of("root"), id="t")
    for name in "ab":
        graph.dag(name, on=rd.completed("root")).add(bodies.of(name), id="t")
    graph.dag("merge", on=rd.completed("a") & rd.completed("b")).add(bodies.of("merge"), id="t")
    graph.dag("last", on=rd.completed("merge")).add(bodies.of("last"), id="t")
    graph.dag("alarm", on=rd.completed("merge", states="failed")).add(bodies.of("alarm"), id="t")
    return graph


def rounds(engine: rd.Engine) -> dict[str, list[tuple[int, str]]]:
    """Round and state of each DAG's runs, oldest first."""
    return {dag: [(run.round, run.state) for run in reversed(engine.runs(dag))] for dag in engine.graph.dags}


def test_R10_downstream_each_run_of_a_diamond_gets_one_round_after_its_causes() -> None:
    bodies = Bodies()
    with live(diamond(bodies)) as engine:
        engine.advance("2h")
        engine.run_until_idle()
        first = engine.runs("root")[-1]
        bodies.ran = []
        engine.rerun(first, downstream=True)
        engine.run_until_idle()
        assert bodies.ran == ["root", "a", "b", "merge", "last"]
        found = rounds(engine)
        assert found.pop("alarm") == []
        assert all(each == [(2, "success"), (1, "success")] for each in found.values()), found
        assert len(of_kind(engine, RerunRequested)) == 5
        assert not parts(engine).fold.downstream.waves


def test_R10_downstream_a_failed_round_leaves_those_behind_it_as_they_were() -> None:
    bodies = Bodies()
    with live(diamond(bodies)) as engine:
        engine.advance("1h")
        engine.run_until_idle()
        bodies.ran, bodies.fails = [], {"a"}
        engine.rerun(engine.runs("root")[0], downstream=True)
        engine.run_until_idle()
        assert bodies.ran == ["root", "a", "b"]
        found = rounds(engine)
        assert (found["a"], found["b"]) == ([(2, "failed")], [(2, "success")])
        assert (found["merge"], found["last"]) == ([(1, "success")], [(1, "success")])
        assert not parts(engine).fold.downstream.waves


def test_R10_downstream_without_it_those_behind_stay_as_they_were() -> None:
    bodies = Bodies()
    with live(diamond(bodies)) as engine:
        engine.advance("1h")
        engine.run_until_idle()
        bodies.ran = []
        engine.rerun(engine.runs("root")[0])
        engine.run_until_idle()
        assert bodies.ran == ["root"]


def test_R10_downstream_what_follows_a_failure_is_not_done_again_after_a_success() -> None:
    bodies = Bodies()
    bodies.fails = {"merge"}
    with live(diamond(bodies)) as engine:
        engine.advance("1h")
        engine.run_until_idle()
        assert bodies.ran == ["root", "a", "b", "merge", "alarm"]
        bodies.ran, bodies.fails = [], set()
        engine.rerun(engine.runs("merge")[0], downstream=True, only="failed")
        engine.run_until_idle()
        assert bodies.ran == ["merge", "last"]
        assert rounds(engine)["alarm"] == [(1, "success")] and rounds(engine)["last"] == [(1, "success")]


def test_R10_downstream_a_trigger_that_takes_failure_and_success_has_one_run_for_the_item() -> None:
    graph, failing = rd.Graph("both"), [True]

    @graph.dag()
    def up():
        if failing:
            raise ValueError(failing.pop())

    graph.dag("down", on=rd.completed(up, states="failed") | rd.completed(up)).add(lambda: None, id="t")
    with live(graph) as engine:
        run = engine.start(up).wait()
        engine.run_until_idle()
        engine.rerun(run, downstream=True)
        engine.run_until_idle()
        assert rounds(engine)["down"] == [(2, "success")], "one identity, one key (I4): the success is its next round"


def publishing(seen: list) -> rd.Graph:
    """A DAG of two tasks that publish, and a reader of each dataset."""
    graph = rd.Graph("publishing")
    one, two = graph.dataset("one"), graph.dataset("two")
    make = graph.dag("make")

    @make.task(outlets=[one])
    def first(run):
        run.publish(one, extra={"round": run.round})
        if run.round == 1:
            run.publish(one, extra={"round": run.round})

    @make.task(outlets=[two])
    def second(run):
        if run.round == 1 and len(seen) == 0:
            seen.append("failed")
            raise ValueError("not yet")
        run.publish(two, extra={"round": run.round})

    for name, dataset in (("reads_one", one), ("reads_two", two)):
        graph.dag(name, on=dataset).add(
            lambda run, name=name: seen.append((name, run.round, [e.extra["round"] for e in run.events])), id="t"
        )
    return graph


def test_R10_downstream_a_round_gets_the_new_items_as_its_events() -> None:
    seen: list = ["once"]
    with live(publishing(seen)) as engine:
        run = engine.start("make").wait()
        engine.run_until_idle()
        assert seen[1:] == [("reads_one", 1, [1]), ("reads_one", 1, [1]), ("reads_two", 1, [1])]
        del seen[1:]
        engine.rerun(run, downstream=True)
        engine.run_until_idle()
        # the second event of `one` is not repeated: what it started stays
        assert seen[1:] == [("reads_one", 2, [2]), ("reads_two", 2, [2])]
        again = engine.runs("reads_one")[-1]
        assert again.round == 2 and again.events[0].extra == {"round": 2}
        assert [found.round for found in engine.runs("reads_one")] == [1, 2]


def test_R10_downstream_only_failed_reaches_only_those_whose_item_changed() -> None:
    seen: list = []
    with live(publishing(seen)) as engine:
        run = engine.start("make").wait()
        engine.run_until_idle()
        assert (run.state, [each.round for each in engine.runs("reads_two")]) == ("failed", [])
        del seen[1:]
        engine.rerun(run, only="failed", downstream=True)
        engine.run_until_idle()
        assert seen[1:] == [("reads_two", 1, [2])]
        assert [each.round for each in engine.runs("reads_one")] == [1, 1]


def test_R10_downstream_new_items_stand_where_the_old_ones_stood() -> None:
    graph, seen = rd.Graph("places"), []
    graph.dag("up", schedule="0 * * * *").add(lambda run: None, id="t")
    graph.dag("down", on=rd.completed("up").batch(count=3)).add(
        lambda run: seen.append([event.logical_date.hour for event in run.events]), id="t"
    )
    with live(graph) as engine:
        engine.advance("3h")
        engine.rerun(engine.runs("up")[-1], downstream=True)
        engine.run_until_idle()
    assert len(seen) == 2 and seen[0] == seen[1] == sorted(seen[0])


def test_R10_downstream_a_consumer_that_has_not_ended_gets_its_round_then() -> None:
    bodies = Bodies()
    graph = diamond(bodies)
    graph.dags["merge"].add(bodies.of("slow"), id="slow", retries=1, retry_delay="10m", after=["t"])
    bodies.fails = {"slow"}
    with live(graph) as engine:
        engine.advance("1h")
        assert rounds(engine)["merge"] == [(1, "running")]
        bodies.ran, bodies.fails = [], set()
        engine.rerun(engine.runs("root")[0], downstream=True)
        engine.advance("1m")
        assert bodies.ran == ["root", "a", "b"] and rounds(engine)["merge"] == [(1, "running")]
        engine.advance("10m")
        assert bodies.ran[3:] == ["slow", "merge", "last", "slow", "last"]
        assert (rounds(engine)["merge"], rounds(engine)["last"]) == ([(2, "success")], [(2, "success")])


def test_R10_downstream_gives_a_round_to_the_runs_in_which_an_item_rode() -> None:
    graph, seen = rd.Graph("riders"), []
    orders = graph.dataset("orders")
    graph.dag("rates").add(lambda run: None, id="t")

    @graph.dag(on=rd.updated(orders).with_latest(rd.completed("rates")))
    def price(run):
        seen.append(run.round)

    with live(graph) as engine:
        run = engine.start("rates").wait()
        engine.publish_many([(orders, {}), (orders, {})])
        engine.run_until_idle()
        engine.rerun(run, downstream=True)
        engine.run_until_idle()
        assert seen == [1, 1, 2, 2]


def test_R10_downstream_a_cancelled_round_in_the_queue_leaves_those_behind_it() -> None:
    bodies = Bodies()
    with live(diamond(bodies)) as engine:
        engine.advance("1h")
        engine.run_until_idle()
        engine.pause("a")
        engine.rerun(engine.runs("root")[0], downstream=True)
        engine.run_until_idle()
        assert rounds(engine)["a"] == [(2, "queued")]
        engine.cancel(engine.runs("a")[0])
        engine.resume("a")
        engine.run_until_idle()
        assert (rounds(engine)["a"], rounds(engine)["b"]) == ([(1, "success")], [(2, "success")])
        assert rounds(engine)["merge"] == [(1, "success")]
        assert not parts(engine).fold.downstream.waves


def test_R10_downstream_reruns_twice_give_two_rounds() -> None:
    bodies = Bodies()
    with live(diamond(bodies)) as engine:
        engine.advance("1h")
        engine.run_until_idle()
        for _ in range(2):
            engine.rerun(engine.runs("root")[0], downstream=True)
        engine.run_until_idle()
        found = rounds(engine)
        assert [found[dag] for dag in ("root", "a", "b", "merge", "last")] == [[(3, "success")]] * 5


def test_R10_downstream_an_item_is_never_replaced_by_an_older_one() -> None:
    """The first of two reruns reaches `last` behind the second one, since `slow` is paused; it has a part for each."""
    said: list[list[int]] = []
    graph = rd.Graph("twice")
    rows, more = graph.dataset("rows"), graph.dataset("more")
    numbers = iter(range(1, 9))
    root = graph.dag("root")

    def publishes(run: rd.Run) -> None:
        number = next(numbers)
        run.publish(rows, extra=number)
        if number < 3:
            run.publish(more)
        else:
            run.unchanged(more)

    root.add(publishes, outlets=[rows, more])
    graph.dag("slow", on=rd.updated(more)).add(lambda: None, id="work")
    last = graph.dag("last", on=rd.updated(rows) & rd.completed("slow"))
    last.add(lambda run: said.append([each.extra for each in run.events if each.dataset == "rows"]), id="work")
    with live(graph) as engine:
        first = engine.start("root")
        engine.run_until_idle()
        engine.pause("slow")
        for _ in range(2):
            engine.rerun(first, downstream=True)
            engine.run_until_idle()
        engine.resume("slow")
        engine.run_until_idle()
    assert said == [[1], [3], [3]]


@pytest.mark.parametrize("snapshot", [False, True])
def test_R10_downstream_outlives_a_crash_in_the_middle(snapshot: bool, tmp_path, monkeypatch) -> None:
    bodies, path = Bodies(), f"sqlite:///{tmp_path}/waves.db"
    if snapshot:
        monkeypatch.setattr("reactive_dag.engine.drive.turn.SNAPSHOT_EVERY", 5)
    graph = diamond(bodies)
    engine = opened(graph, path)
    engine.advance("1h")
    engine.run_until_idle()
    bodies.ran = []
    engine.pause("b")
    engine.rerun(engine.runs("root")[0], downstream=True)
    engine.run_until_idle()
    assert bodies.ran == ["root", "a"] and parts(engine).fold.downstream.waves
    kill(engine)
    with live(graph, path, start="2026-11-23T01:00Z") as engine:
        assert rounds(engine)["b"] == [(2, "queued")]
        verify(engine)
        engine.resume("b")
        engine.run_until_idle()
        assert bodies.ran == ["root", "a", "b", "merge", "last"]
        assert all(each in ([(2, "success")], []) for each in rounds(engine).values())
        assert len(of_kind(engine, RunRequested)) == 5
