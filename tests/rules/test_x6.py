"""X6: same facts, same order, same instants, same outcome; and what any number of workers leaves as it is.

On random graphs of leaf, `any_of` and date-join triggers the set of (run key, state) is the same for 1, 2 and 8
workers. For all other triggers each run's own log, folded by the naive model, gives exactly its recorded firings.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reactive_dag as rd
from reactive_dag.engine.items.identity import run_key
from reactive_dag.model.records import (
    EngineStarted,
    Published,
    Registered,
    RunFinished,
    RunRequested,
    TaskFinished,
)
from tests.reference.model_parts import Fact, Taking, takes
from tests.support.engines import opened, parts, records_of
from tests.support.profiles import examples
from tests.support.strategies import DATASETS, triggers
from tests.support.zoo import extra

WORKERS = (1, 2, 8)


@pytest.fixture(autouse=True)
def threads_take_turns() -> Iterator[None]:
    """Threads are switched as often as can be, so that attempts end in any order."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def chance(run: rd.Run, sides: int) -> int:
    """A number that the run, the task and the attempt decide."""
    text = f"{run.key} {run.task} {run.attempt}"
    return blake2b(text.encode(), digest_size=4).digest()[0] % sides


def body(run: rd.Run) -> str:
    """Goes well mostly; else it fails, is retried, or is skipped."""
    draw = chance(run, 10)
    if draw < 2:
        raise ValueError("it was to")
    if draw == 2:
        raise rd.SkipTask("nothing to do")
    return "done"


# ------------------------------------------------------------------------------------ the same set of runs


@st.composite
def plans(draw):
    """DAGs in layers: (kind, what it listens to, states), joins only over what runs once a date at most."""
    found, single = [("leaf", ["a"], "any"), ("leaf", ["b"], "any")], [0, 1]
    for number in range(2, draw(st.integers(4, 9))):
        kind = draw(st.sampled_from(["leaf", "any", "join", "join", "sequence"]))
        states = draw(st.sampled_from(["success", "any", "failed"]))
        several = kind in ("join", "sequence")
        pool = single if several else list(range(number))
        above = draw(st.lists(st.sampled_from(pool), min_size=2 if kind != "leaf" else 1, max_size=3, unique=True))
        above = above[:1] if kind == "leaf" else above
        if kind != "any" and set(above) <= set(single) and kind != "sequence":
            single.append(number)
        found.append(("join" if kind == "sequence" else kind, above, states))
    return found


def graph_of(plan, retries):
    graph = rd.Graph("workers")
    for number, (kind, above, states) in enumerate(plan):
        parts = [
            rd.updated(graph.dataset(each, partitions=rd.day())) if isinstance(each, str)
            else rd.completed(f"d{each}", states=states)
            for each in above
        ]  # fmt: skip
        on = parts[0] if kind == "leaf" else rd.any_of(*parts) if kind == "any" else rd.all_of(*parts)
        dag = graph.dag(f"d{number}", on=on)
        first = dag.add(body, id="t", retries=retries)
        dag.add(body, id="u", after=[first], trigger_rule="all_done")
    return graph


def outcome(plan, retries, days, runner):
    with rd.Engine(graph_of(plan, retries), runner=runner) as engine:
        engine.publish_many([(uri, {"partition": f"2026-11-{day:02d}"}) for day in range(1, days + 1) for uri in "ab"])
        engine.run_until_idle(timeout="60s")
        return {(run.dag, run.key, run.state, run.partition) for run in engine.runs()}


@settings(max_examples=examples(25))
@given(plans(), st.integers(0, 2), st.integers(1, 6))
def test_X6_any_number_of_workers_gives_the_same_runs(plan, retries, days):
    inline = outcome(plan, retries, days, rd.InlineRunner())
    assert inline
    for workers in WORKERS:
        assert outcome(plan, retries, days, rd.ThreadRunner(workers)) == inline


# ------------------------------------------------------------------------------------ the log, folded


class Folding:
    """The naive fold of a log: every trigger a naive one, every record in turn, timers before records (I1)."""

    def __init__(self, engine):
        self.core, self.graph = parts(engine).fold, engine.graph
        self.records = records_of(engine)
        self.stations, self.ended, self.fired, self.seen = {}, set(), [], set()

    def firings(self):
        for offset, record in enumerate(self.records):
            self.step(record.at)
            if isinstance(record, Registered):
                self.register(record)
            elif isinstance(record, EngineStarted):
                for naive in self.stations.values():
                    naive.gap(record.until - record.lateness, 1)
            elif isinstance(record, Published):
                self.feed(record.dataset, offset, record)
            elif isinstance(record, RunFinished):
                self.feed((record.dag, None), offset, record)
            elif isinstance(record, TaskFinished):
                self.attempt_ended(offset, record)
        return self.fired

    def attempt_ended(self, offset, record):
        """An attempt is its task's end unless it failed and the task may be tried again (R4)."""
        begun, instance = self.core.run_of(record.run), (record.run, record.task)
        may_retry = record.retry and record.attempt <= self.graph.dags[begun.dag].tasks[record.task].retries
        if instance in self.ended or (record.state == "failed" and may_retry):
            return
        self.ended.add(instance)
        about = {"logical_date": begun.logical_date, "partition": begun.partition, "cascade": begun.cascade}
        self.feed((begun.dag, record.task), offset, Fact("end", record.at, state=record.state, **about))

    def register(self, record):
        name = record.dag, record.label
        trigger = self.graph.effective(record.dag).get(record.label)
        if trigger is not None:
            naive = Taking(trigger, event_of=self.records.__getitem__, identity=self.core.identities.identity)
            self.stations[name] = naive
            naive.arm(record.at, 1)

    def step(self, at):
        while True:
            due = [(naive.due, self.graph.height(dag), dag, label) for (dag, label), naive in self.stations.items()]
            first = min(due, default=(at + 1,))
            if first[0] > at:
                return
            self.fire(first[2:], self.stations[first[2:]].step(first[0]), first[0])

    def feed(self, source, offset, event):
        for name in sorted(self.stations, key=lambda name: (self.graph.height(name[0]), name)):
            naive = self.stations[name]
            parts = enumerate(leaf for leaf, _ in naive.parts)
            hits = [part for part, leaf in parts if leaf.source == source and takes(leaf, event)]
            if hits:
                self.fire(name, naive.feed(hits, offset, event.at, event), event.at)

    def fire(self, name, fired, at):
        for each in fired:
            key = run_key(self.graph.id, *name, map(self.core.identities.identity, each.all_items))
            if key not in self.seen:
                self.seen.add(key)
                self.fired.append((*name, at, tuple(each.all_items)))


def recorded(engine):
    """The firings that the log holds, in its order."""
    records = records_of(engine)
    return [(r.dag, r.label, r.at, r.causes) for r in records if isinstance(r, RunRequested)]


OPTIONS = st.fixed_dictionaries({"retries": st.integers(0, 2), "retry_delay": st.sampled_from(["0s", "2s", "6s"])})
"""Retries of a task: at the end of a log some are still to come."""
RULES = st.sampled_from(["all_success", "all_done", "one_failed", "none_failed"])


@st.composite
def upstreams(draw):
    """What p, q and r do: the options of their task t, and the rule of the task u that follows it."""
    return {dag: (draw(OPTIONS), draw(RULES)) for dag in "pqr"}


def running(options, random_triggers, runner):
    """p, q and r with two tasks each, what hears their tasks end, and DAGs of random triggers; none is refused."""
    graph = rd.Graph("folded")
    a, b, c, d = (graph.dataset(dataset.uri) for dataset in DATASETS)
    on = {"p": a | c, "q": rd.completed("p"), "r": rd.every("7s") | rd.updated(b)}
    for id, (retrying, rule) in options.items():
        dag = graph.dag(id, on=on[id])
        first = dag.add(body, id="t", outlets=[d] if id == "q" else [], **retrying)
        dag.add(body, id="u", after=[first], trigger_rule=rule)
        graph.dag(f"hears_{id}", on=rd.completed(id, task="t", states="any")).add(body, id="t")
        graph.dag(f"hears_{id}_fail", on=rd.completed(id, task="u", states="failed")).add(body, id="t")
    for number, trigger in enumerate(random_triggers):
        extra(graph, body, f"x{number}", trigger)
    return opened(graph, runner=runner)


BURSTS = st.lists(
    st.tuples(st.lists(st.tuples(st.sampled_from("aaabbcd"), st.integers(0, 3)), max_size=6), st.integers(0, 9)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=examples(40))
@given(upstreams(), st.lists(triggers(2), min_size=1, max_size=3), BURSTS, st.sampled_from(WORKERS))
def test_X6_each_log_folded_by_the_naive_model_gives_its_firings(options, random_triggers, bursts, workers):
    with running(options, random_triggers, rd.ThreadRunner(workers)) as engine:
        for events, seconds in bursts:
            if events:
                engine.publish_many([(uri, {"extra": n, "partition": f"2026-11-2{n}"}) for uri, n in events])
            engine.run_until_idle(timeout="60s")
            engine.advance(f"{seconds}s" if seconds else "1s")
        assert recorded(engine) == Folding(engine).firings()
