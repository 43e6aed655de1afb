"""Waits and timeouts under way when their DAG is declared anew: in one life and across a restart alike (R11, R17, R27).

A run begins at 0 seconds, is declared anew at 2, and what it waits for comes at 6.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

import reactive_dag as rd
from reactive_dag.model.records import Cancelled, Looked, RunFinished, RunStarted, TaskFinished, TaskStarted
from reactive_dag.model.times import SECOND, parse_time
from tests.support.engines import of_kind, parts
from tests.support.world import START, World

LIVES = [(life, snapshot) for life in ("same life", "next life") for snapshot in (False, True)]
Change = Callable[[rd.Dag, Callable[..., object]], object]


def task(**options: object) -> Change:
    return lambda dag, body: dag.add(body, id="t", **options)


def wait(**options: object) -> Change:
    return lambda dag, body: dag.wait_for("other", id="t", logical_date="same", missing="wait", **options)


def dataset(**options: object) -> Change:
    return lambda dag, body: dag.wait_for(rd.Dataset("a"), id="t", partition="k", **options)


def until(**options: object) -> Change:
    return lambda dag, body: dag.wait_until(body, id="t", poll="2s", **options)


class Story:
    """A run of `job`, declared in one way and then in another; whose body, if it looks, gives nothing before 6."""

    def __init__(self, before: Change, options: dict[str, object], hog: bool = False) -> None:
        self.graph = rd.Graph("changed")
        self.graph.dataset("a")
        for pool in ("w", "v"):
            self.graph.pool(pool, slots=1)
        self.graph.dag("other").add(lambda run: None, id="t")
        self.graph.dag("hog").add(lambda run: self.world.body(run), id="t", pool="w")
        self.declare(before, options)
        self.world = World(self.graph)
        if hog:
            self.world.engine.start("hog")
            self.world.settle()
        self.world.engine.start("job", logical_date="2026-11-22")
        self.pass_to(2)
        self.world.engine.publish("a")  # what passed until now is decided

    def declare(self, change: Change, options: dict[str, object]) -> None:
        dag = rd.Dag("job", **options)
        change(dag, lambda run: self.world.body(run))
        self.graph.register(dag, replace=True)

    def change(self, change: Change, options: dict[str, object], life: str, snapshot: bool, same: bool = True) -> None:
        world = self.world
        if snapshot:
            parts(world.engine).turn.snapshot_at = -(10**9)
        world.settle()
        if life == "next life":
            world.die()
        self.declare(change, options)
        if life == "next life":
            world.open()
        world.settle()
        world.check()
        if same:
            world.check_replay()

    def goes_on(self) -> list[tuple[str, int]]:
        """What comes of it: how task and run ended, and when; the runner's loss of an attempt is none."""
        self.pass_to(6)
        self.world.engine.publish("a", partition="k")
        self.world.engine.start("other", logical_date="2026-11-22")
        self.world.settle()
        for job in [job for job in self.world.runner.jobs if job.name != "job.t"]:
            self.world.finish(self.world.runner.jobs.index(job), lambda run: None)
            self.world.settle()
        self.pass_to(20)
        self.world.check()
        (run,) = {record.run for record in of_kind(self.world.engine, RunStarted) if record.dag == "job"}
        ends = of_kind(self.world.engine, TaskFinished) + of_kind(self.world.engine, RunFinished)
        self.world.close()
        return [(end.state, self.seconds(end.at)) for end in ends if end.run == run and end.state != "lost"]

    def pass_to(self, seconds: int) -> None:
        """Each second what looks gives what it then does."""
        world, passed = self.world, self.seconds(self.world.clock.now())
        for now in range(passed, seconds + 1):
            world.advance(parse_time(START) + now * SECOND - world.clock.now())
            while looking := [n for n, job in enumerate(world.runner.jobs) if job.name == "job.t" and job.task.until]:
                world.finish(looking[0], lambda run, now=now: now >= 6)
                world.settle()

    def seconds(self, at: int) -> int:
        return (at - parse_time(START)) // SECOND


RUN_TIMEOUTS = {
    "longer": ("5s", "9s", 9), "shorter": ("9s", "5s", 5), "passed": ("9s", "1s", 2), "new": (None, "9s", 9),
    "none": ("9s", None, None),
}  # fmt: skip


@pytest.mark.parametrize(("life", "snapshot"), LIVES)
@pytest.mark.parametrize("name", RUN_TIMEOUTS)
def test_R17_the_timeout_of_a_run_under_way_is_what_is_declared_now(name, life, snapshot):
    before, now, end = RUN_TIMEOUTS[name]
    story = Story(task(), {"timeout": before})
    story.change(task(), {"timeout": now}, life, snapshot)
    assert story.goes_on() == ([] if end is None else [("cancelled", end), ("failed", end)])


POKE = {"mode": "poke", "poll": "2s"}
AGAIN = {"mode": "reschedule", "poll": "3s"}
LENGTHS = {"longer": ("3s", "11s", ("success", 6)), "shorter": ("9s", "5s", ("failed", 5)),
           "passed": ("9s", "1s", ("failed", 2)), "new": (None, "5s", ("failed", 5)),
           "none": ("5s", None, ("success", 6))}  # fmt: skip
KINDS = {"push": (wait, {}), "poke": (wait, POKE), "reschedule": (wait, AGAIN), "dataset": (dataset, {}),
         "until": (until, {}), "holding until": (until, {"mode": "poke"})}  # fmt: skip


@pytest.mark.parametrize(("life", "snapshot"), LIVES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LENGTHS)
def test_R11_the_timeout_of_a_wait_under_way_is_what_is_declared_now(name, kind, life, snapshot):
    before, now, end = LENGTHS[name]
    how, options = KINDS[kind]
    story = Story(how(timeout=before, **options), {})
    story.change(how(timeout=now, **options), {}, life, snapshot)
    if kind == "poke" and end[0] == "success":
        end = "success", 8  # it looks before what is recorded at an instant (R27)
    if kind == "reschedule" and end[0] == "success":
        end = "success", 9
    assert story.goes_on() == [end, end]


@pytest.mark.parametrize("life", ["same life", "next life"])
@pytest.mark.parametrize("kind", ["poke", "reschedule", "until"])
def test_R27_a_wait_that_is_declared_anew_goes_on_after_its_looks(kind, life):
    how, options = KINDS[kind]
    story = Story(how(timeout="19s", **options), {})
    (before,) = story.world.engine.pending("job").waits
    story.change(how(timeout="18s", **options), {}, life, False)
    (now,) = story.world.engine.pending("job").waits
    assert str(now).replace("18s", "19s") == str(before)
    story.pass_to(5)
    seen = [record.seen for record in of_kind(story.world.engine, Looked) if record.seen is not None]
    assert kind == "until" or len(seen) == 1, "what it sees is recorded once"


@pytest.mark.parametrize(("life", "snapshot"), LIVES)
@pytest.mark.parametrize("mode", ["push", "reschedule"])
def test_R11_a_wait_that_waits_for_a_slot_and_needs_none_now_begins(mode, life, snapshot):
    story = Story(wait(**POKE, pool="w"), {}, hog=True)
    assert not [each for each in of_kind(story.world.engine, TaskStarted) if each.run > 5]
    how, options = KINDS[mode]
    story.change(how(**options), {}, life, snapshot)
    end = "success", 6 if mode == "push" else 8
    assert story.goes_on() == [end, end]


@pytest.mark.parametrize(("life", "snapshot"), LIVES)
@pytest.mark.parametrize(("before", "now"), [({}, {"pool": "w"}), ({"pool": "w"}, {}), ({"pool": "v"}, {"pool": "w"})])
@pytest.mark.parametrize("kind", ["poke", "holding until"])
def test_R11_a_wait_holds_the_slots_that_are_declared_now(kind, before, now, life, snapshot):
    how, options = KINDS[kind]
    story = Story(how(**options, **before), {})
    story.change(how(**options, **now), {}, life, snapshot)
    story.world.engine.start("hog")
    story.world.settle()
    began = [each.task for each in of_kind(story.world.engine, TaskStarted)]
    assert began == (["t"] if now else ["t", "t"])
    story.world.engine.cancel(story.world.engine.runs("job")[0])
    story.world.settle()
    for job in [job for job in story.world.runner.jobs if job.name == "job.t"]:  # a body has its slots until it returns
        story.world.finish(story.world.runner.jobs.index(job), lambda run: None)
    story.world.settle()
    assert len(of_kind(story.world.engine, TaskStarted)) == 2, "who is cancelled holds nothing"
    story.world.check()
    story.world.close()


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize(("before", "now"), [(wait, dataset), (dataset, wait)])
def test_R11_a_wait_for_a_dataset_is_gone_where_one_for_a_dag_is_declared_now(before, now, snapshot):
    story = Story(before(timeout="9s"), {})
    story.change(now(timeout="9s"), {}, "next life", snapshot, same=False)
    (job,) = [job for job in story.world.runner.jobs if job.name == "job.t"]
    story.world.finish(story.world.runner.jobs.index(job), lambda run: None)
    story.world.settle()
    (run,) = story.world.engine.runs("job")
    assert run.state == "failed" and "TaskGone" in run.tasks["t"].error
    story = Story(before(timeout="9s"), {})
    story.change(now(timeout="9s"), {}, "same life", snapshot, same=False)
    assert story.goes_on() == [("success", 6), ("success", 6)], "a process keeps what it began with"
    assert not of_kind(story.world.engine, Cancelled)
