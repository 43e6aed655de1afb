"""The centre of the tests: an engine beside its naive model, whatever happens to them.

Each step does the same to both (twins.py) and then holds every invariant, every record of the log, every run and every
count of every trigger part to the model. `World` settles only when a step says so, so that facts pile up undecided, and
the process may die at any commit. In CI that is some thousand steps; the nightly profile takes 75 times as many.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from reactive_dag.engine.table.marks import GIVEN_STATES
from reactive_dag.model.times import SECOND
from tests.support.declared import CLOCKS, VARIANTS
from tests.support.dying import DyingLog
from tests.support.occurring import occurred
from tests.support.profiles import examples
from tests.support.strategies import ALL_FEATURES, dimensioned, triggers
from tests.support.twins import WAYS, Twins
from tests.support.zoo import SPANS, dimensioned_events, fields

URIS = st.sampled_from("aaabbcd")
CHANGING = st.sampled_from(["x0", "x1", "x2"])
DAGS = st.sampled_from(["p", "q", "r", "s", "x0", "x1", "x2"])
DAGS_ANEW = st.sampled_from(sorted(VARIANTS))
EVENTS = st.tuples(URIS, fields()) | dimensioned_events()
TICKING = st.sampled_from(["r", "r", "x0", "x1", "x2"])
LIMITS = st.sampled_from([None, 1, 2])
HOW = st.sampled_from(["", "again", "missing"])
OCCURRED = Counter()
"""In how many of the worlds so far what occurred."""
BACK = st.integers(0, 30).map(lambda seconds: seconds * SECOND)
TRIGGERS = triggers(2, ALL_FEATURES) | triggers(2, ALL_FEATURES) | dimensioned()


class EngineMachine(RuleBasedStateMachine):
    """Everything that can happen to an engine; in memory, where dying costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.twins = self.begun()

    def begun(self) -> Twins:
        return Twins()

    # ------------------------------------------------------------------------------------ facts

    @rule(event=EVENTS)
    def publish(self, event):
        self.twins.publish(*event)

    @rule(events=st.lists(EVENTS, min_size=1, max_size=5))
    def publish_many(self, events):
        self.twins.publish_many(events)

    @rule(key=st.sampled_from([None, None, "s1", "s2"]))
    def start(self, key):
        self.twins.start(key)

    @precondition(lambda self: self.twins.model.jobs)
    @rule(number=st.integers(0, 5), outcome=st.sampled_from(["succeed", *WAYS]))
    def finish(self, number, outcome):
        self.twins.finish(number, outcome)

    @precondition(lambda self: self.twins.model.jobs)
    @rule(number=st.integers(0, 5))
    def start_a_run_and_wait(self, number):
        self.twins.sit(number)

    @precondition(lambda self: self.twins.model.runs)
    @rule(number=st.integers(0, 9))
    def rerun_what_was_consumed(self, number):
        self.twins.rerun_what_was_consumed(number)

    @precondition(lambda self: self.twins.model.jobs)
    @rule(number=st.integers(0, 5))
    def wait_for_a_run_that_ends(self, number):
        self.twins.sit_and_work(number)

    @precondition(lambda self: len(self.twins.model.jobs) > 1)
    @rule(outcome=st.sampled_from(["succeed", *WAYS]))
    def finish_and_settle(self, outcome):
        self.twins.finish(0, outcome)
        self.twins.settle()

    @precondition(lambda self: self.twins.model.jobs)
    @rule()
    def work(self):
        self.twins.work()

    @precondition(lambda self: self.twins.choosing)
    @rule(outcome=st.sampled_from(["give_none", "give_left", "give_both"]))
    def choose(self, outcome):
        self.twins.finish(self.twins.choosing[0], outcome)
        self.twins.settle()

    @rule(number=st.integers(0, 9))
    def cancel(self, number):
        self.twins.cancel(number)

    @precondition(lambda self: self.twins.model.runs)
    @rule(number=st.integers(0, 9), only=st.booleans(), downstream=st.booleans())
    def rerun(self, number, only, downstream):
        self.twins.rerun(number, only, downstream=downstream)

    @precondition(lambda self: self.twins.model.runs)
    @rule(number=st.integers(0, 9), place=st.integers(0, 12), downstream=st.booleans())
    def rerun_task(self, number, place, downstream):
        self.twins.rerun(number, place=place, downstream=downstream)

    @precondition(lambda self: self.twins.model.runs)
    @rule(number=st.integers(0, 9), place=st.one_of(st.none(), st.integers(0, 12)), state=st.sampled_from(GIVEN_STATES))
    def mark(self, number, place, state):
        self.twins.mark(number, place, state)

    @precondition(lambda self: self.twins.model.jobs)
    @rule(number=st.integers(0, 9), state=st.sampled_from(GIVEN_STATES), outcome=st.sampled_from(["succeed", *WAYS]))
    def mark_what_ends(self, number, state, outcome):
        self.twins.mark_executing(number, state)
        self.twins.finish(number, outcome)

    @rule(dag=TICKING, back=BACK, span=BACK, limit=LIMITS, how=HOW, stop=st.booleans())
    def backfill(self, dag, back, span, limit, how, stop):
        self.twins.backfill(dag, back, span, limit, how, stop)

    @precondition(lambda self: self.twins.backfills)
    @rule(number=st.integers(0, 3))
    def cancel_backfill(self, number):
        self.twins.cancel_backfill(number)

    # ------------------------------------------------------------------------------------ time

    @rule()
    def settle(self):
        self.twins.settle()

    @rule(span=st.sampled_from(SPANS))
    def advance(self, span):
        self.twins.advance(span)

    @rule(span=st.sampled_from(SPANS))
    def nobody_is_awake(self, span):
        self.twins.tick(span)

    # ------------------------------------------------------------------------------------ the graph

    @rule(dag=CHANGING, trigger=TRIGGERS)
    def redefine(self, dag, trigger):
        self.twins.redefine(dag, trigger)

    @rule(dag=CHANGING, trigger=st.sampled_from(CLOCKS))
    def redefine_by_clock(self, dag, trigger):
        self.twins.redefine(dag, trigger)

    @rule(dag=DAGS_ANEW, number=st.integers(0, 3))
    def retask(self, dag, number):
        self.twins.retask(dag, number)

    @rule(dag=DAGS_ANEW, number=st.integers(1, 3))
    def die_and_change(self, dag, number):
        self.twins.die_and_change(dag, number)

    @rule(dag=CHANGING)
    def die_and_remove(self, dag):
        self.twins.die_and_change(dag, 0)

    @rule(dag=CHANGING)
    def remove(self, dag):
        self.twins.remove(dag)

    @rule(dag=DAGS)
    def pause(self, dag):
        self.twins.pause(dag)

    @precondition(lambda self: self.twins.model.paused)
    @rule(dag=DAGS)
    def resume(self, dag):
        self.twins.resume(dag)

    # ------------------------------------------------------------------------------------ deaths

    @rule()
    def snapshot(self):
        self.twins.snapshot()

    @rule()
    def die(self):
        self.twins.die()

    @rule(commits=st.integers(1, 4), span=st.sampled_from(SPANS))
    def die_within(self, commits, span):
        self.twins.die_within(commits, span)

    # ------------------------------------------------------------------------------------ what must hold

    @invariant()
    def they_say_the_same(self):
        self.twins.compare()

    def teardown(self):
        self.twins.settle()
        self.twins.compare()
        for what in sorted(occurred(self.twins.model)):
            event(what)
            OCCURRED[what] += 1
        self.twins.close()


class StoredMachine(EngineMachine):
    """The same on SQLite: what is read back after a death comes from the file."""

    def begun(self) -> Twins:
        self.folder = Path(tempfile.mkdtemp(prefix="reactive-dag-"))
        return Twins(DyingLog(self.folder / "store.db"))

    def teardown(self):
        super().teardown()
        shutil.rmtree(self.folder)


EngineMachine.TestCase.settings = settings(max_examples=examples(90), stateful_step_count=50)
StoredMachine.TestCase.settings = settings(max_examples=examples(20), stateful_step_count=40)
TestEngine = EngineMachine.TestCase
TestStoredEngine = StoredMachine.TestCase
