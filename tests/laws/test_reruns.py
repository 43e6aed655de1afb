"""Whatever is rerun, marked, cancelled, paused or killed: the log folds to one state, and no key is asked twice."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.model.records import RerunRequested, RoundSettled
from tests.support.engines import parts, records_of
from tests.support.profiles import examples
from tests.support.world import World

DAGS = ("make", "left", "right", "merge", "batch", "alarm")
STEPS = st.one_of(
    st.tuples(st.just("start")),
    st.tuples(st.just("publish"), st.integers(1, 3)),
    st.tuples(st.just("finish"), st.integers(0, 4), st.sampled_from(["good", "good", "good", "bad"])),
    st.tuples(st.just("rerun"), st.integers(0, 9), st.booleans(), st.sampled_from([None, "failed", "t"])),
    st.tuples(st.just("mark"), st.integers(0, 9), st.sampled_from([None, "t"]), st.sampled_from(["success", "failed"])),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["pause", "resume"]), st.sampled_from(DAGS)),
    st.tuples(st.just("settle")),
    st.tuples(st.just("work")),
    st.tuples(st.just("work")),
    st.tuples(st.just("snapshot")),
    st.tuples(st.just("die")),
)


def graph_of(body) -> rd.Graph:
    """A diamond behind a DAG that publishes, a window on its dataset, and what hears of failures."""
    graph = rd.Graph("reruns")
    mart, raw = graph.dataset("mart"), graph.dataset("raw")
    make = graph.dag("make", on=raw)
    make.add(body, id="t", outlets=[mart])
    make.add(body, id="u", after=["t"])
    graph.dag("left", on=rd.completed("make"), max_active_runs=1).add(body, id="t")
    graph.dag("right", on=rd.completed("make", states="any"), outlets=[graph.dataset("side")]).add(body, id="t")
    graph.dag("merge", on=rd.completed("left") & rd.completed("right")).add(body, id="t")
    graph.dag("batch", on=(rd.updated(mart) | graph.dataset("side")).batch(count=3)).add(body, id="t")
    graph.dag("alarm", on=rd.completed("make", task="t", states="failed") | rd.completed("merge")).add(body, id="t")
    return graph


class Story:
    """Does one step after the other."""

    def __init__(self) -> None:
        self.world = World(graph_of(lambda run: self.world.body(run)))

    @property
    def engine(self) -> rd.Engine:
        return self.world.engine

    def start(self) -> None:
        self.engine.start("make")

    def publish(self, count: int) -> None:
        self.engine.publish_many([("raw", {})] * count)

    def finish(self, number: int, how: str) -> None:
        self.world.finish(number, good if how == "good" else bad)

    def rerun(self, number: int, downstream: bool, what: str | None) -> None:
        runs = self.engine.runs()
        if runs:
            run = runs[number % len(runs)]
            try:
                only, tasks = (what, None) if what == "failed" else (None, what and [what])
                self.engine.rerun(run, downstream=downstream, only=only, tasks=tasks)
            except rd.UsageError:
                assert what == "failed"

    def mark(self, number: int, task: str | None, state: str) -> None:
        runs = self.engine.runs()
        if runs:
            try:
                self.engine.mark(runs[number % len(runs)], task, state)
            except rd.UsageError:
                assert task is not None

    def cancel(self, number: int) -> None:
        runs = self.engine.runs()
        if runs:
            self.engine.cancel(runs[number % len(runs)])

    def pause(self, dag: str) -> None:
        self.engine.pause(dag)

    def resume(self, dag: str) -> None:
        self.engine.resume(dag)

    def settle(self) -> None:
        self.world.settle()
        self.world.check()

    def work(self) -> None:
        """Let all that can be done be done."""
        self.settle()
        while self.world.runner.jobs:
            self.finish(0, "good")
            self.settle()

    def snapshot(self) -> None:
        parts(self.engine).turn.snapshot_at = -(10**9)

    def die(self) -> None:
        self.world.die()
        self.world.open()

    def end(self) -> None:
        """Let all go, and end: nothing is left of any rerun."""
        for dag in DAGS:
            self.engine.resume(dag)
        self.work()
        core = self.world.core
        assert not core.downstream.waves and not core.runs.rounds.under_way and not core.runs.rounds.waiting
        self.world.check_replay()
        records = records_of(self.engine)
        settled = [(each.run, each.origin) for each in records if type(each) is RoundSettled and each.decided]
        assert len(settled) == len(set(settled)), "a round of a wave was settled twice"
        asked = [(each.run, each.origin) for each in records if type(each) is RerunRequested and each.origin >= 0]
        assert len(asked) == len(set(asked)), "a run got two rounds in one wave"
        self.world.close()


def good(run):
    return run.round


def bad(run):
    raise rd.FailTask("no")


@settings(max_examples=examples(60))
@given(st.lists(STEPS, min_size=8, max_size=40))
def test_law_replay_equals_live_with_reruns(steps) -> None:
    story = Story()
    for name, *arguments in steps:
        getattr(story, name)(*arguments)
    story.settle()
    story.world.check_replay()
    story.end()
