"""An engine and its naive model, told the same things; after each they must say the same.

They share a graph (twin_graph.py): fixed DAGs, one that is started by hand, and three whose triggers are random and
change. Each method is a step; `compare` holds all that the engine says to what the model says (comparing.py).
"""

from __future__ import annotations

import copy

import reactive_dag as rd
from reactive_dag.model.times import SECOND, parse_time, to_datetime
from tests.reference.model_downstream import Wave
from tests.reference.model_engine import Model
from tests.reference.model_parts import FINAL, Fact
from tests.reference.model_rounds import again_of
from tests.support.comparing import compare, told
from tests.support.declared import CLOCKS, VARIANTS
from tests.support.engines import parts
from tests.support.sitting import CHILD
from tests.support.stories import LINES
from tests.support.twin_graph import TwinGraph
from tests.support.volatile import VolatileLog
from tests.support.world import World
from tests.support.zoo import OUTCOMES

MUCH = 25
"""So many attempts end in one step at most."""
WAYS = {**OUTCOMES, "start_child": lambda run: run.start(CHILD).key}
"""How a body may end."""
TOLD = {
    "succeed": {"state": "success"},
    "fail": {"state": "failed"},
    "give_up": {"state": "failed", "retry": False},
    "skip": {"state": "skipped", "retry": False},
    "later": {"state": "failed", "after": 3 * SECOND},
    "start_child": {"state": "success", "child": CHILD},
    "give_none": {"state": "success", "output": []},
    "give_left": {"state": "success", "output": ["left"]},
    "give_both": {"state": "success", "output": ["left", "right"]},
}
"""What the model is told of each outcome; `publish_twice` depends on the task."""


class Twins(TwinGraph):
    """The two of them."""

    def __init__(self, log=None):
        super().__init__()
        self.world = World(self.graph, log or VolatileLog())
        self.model = Model(self.graph, self.specs, self.world.clock.now(), 2 * SECOND)
        self.compared = 0, 0
        self.lost_plans = set()

    def body(self, run):
        return self.world.body(run)

    # ------------------------------------------------------------------------------------ steps

    @property
    def engine(self):
        return self.world.engine

    def publish(self, uri, fields):
        self.engine.publish(uri, **fields)
        self.model.publish([(uri, self.plain(uri, fields))])

    def publish_many(self, events):
        self.engine.publish_many(events)
        self.model.publish([(uri, self.plain(uri, fields)) for uri, fields in events])

    def plain(self, uri, fields):
        """What an event says; a bare date is that day's midnight in the zone of the dataset's calendar."""
        date, of = fields.get("logical_date"), self.graph.datasets[uri].partitions
        zone = None if of is None or of.calendar is None else of.calendar.tz
        return {**fields, "logical_date": None if date is None else parse_time(date, zone)}

    def start(self, key):
        self.engine.start("s", key=key)
        self.model.start("s", key)

    def finish(self, number, outcome):
        jobs = self.model.jobs
        if not jobs:
            return
        job = jobs.pop(number % len(jobs))
        ran = self.world.finish(number, WAYS[outcome])
        told = TOLD.get(outcome)
        if told is None:
            told = {"state": "success", "once": True}
            if job.task == "u":
                told["publishes"] = [("d", 1, None), ("d", 2, job.run.key[:2])]
        went = self.model.finish(job, **told)
        assert ran == ((job.run.key, job.task, job.attempt) if went else None)

    def work(self):
        """Let what can be done be done, and end well; within bounds."""
        self.settle()
        for _ in range(MUCH):
            if not self.model.jobs:
                break
            job = self.model.jobs[0]
            lists = job.run.dag == CHILD and job.task in ("t", "pick")
            self.finish(0, "give_both" if lists else "succeed")
            self.settle()

    def rerun_what_was_consumed(self, number):
        """A rerun with what follows, of a run of which another consumed something; then work."""
        self.work()
        runs = [run for run in self.model.runs.values() if run.key not in self.lost_plans]
        found = [n for n, run in enumerate(runs) if self.model.behind_runs({run.key})]
        if found:
            self.rerun(found[number % len(found)], downstream=True)
            self.work()

    def sit_and_work(self, number):
        """A body waits for a run that goes to its end."""
        self.sit(number)
        self.work()

    def sit(self, number):
        """A body starts a run and waits for it; one of that DAG might wait for ever, which is refused (R3)."""
        jobs = self.model.jobs
        if jobs[number % len(jobs)].run.dag in (CHILD, "w"):
            self.finish(number, "succeed")
            return
        job = jobs.pop(number % len(jobs))
        ran = self.world.sit(number)
        assert ran == ((job.run.key, job.task, job.attempt) if self.model.sit(job, CHILD) else None)

    @property
    def choosing(self):
        """The attempts under way whose outputs say which items are mapped over, or which way a branch goes."""
        return [at for at, job in enumerate(self.model.jobs) if job.run.dag == "s" and job.task in ("t", "pick")]

    def settle(self):
        self.world.settle()
        while self.model.turn():
            pass

    def tick(self, span):
        """Time passes, and nobody is awake to see it."""
        self.world.clock.advance_to(self.world.clock.now() + span)
        self.model.now += span

    def advance(self, span):
        self.world.advance(span)
        for _ in self.passing(span):
            pass

    def passing(self, span):
        """The model's way through time, turn by turn."""
        target = self.model.now + span
        while True:
            while self.model.turn():
                yield
            if self.model.due() > target:
                break
            self.model.now = max(self.model.now, self.model.due())
        if self.model.now < target:
            self.model.now = target
            while self.model.turn():
                yield

    def pause(self, dag):
        if dag in self.graph.dags:
            self.engine.pause(dag)
            self.model.tell("paused", dag=dag)

    def resume(self, dag):
        if dag in self.graph.dags:
            self.engine.resume(dag)
            self.model.tell("resumed", dag=dag)

    def cancel(self, number):
        known = [run for run in self.model.runs.values() if run.state in ("queued", "running")]
        if known:
            run = known[number % len(known)]
            self.engine.cancel(run.key)
            self.model.tell("cancelled", run=run)

    def rerun(self, number, only=False, place=None, downstream=False):
        """Ask for a round of a run: of all of it, of what failed, or of a task (or an instance) with what follows."""
        known = [run for run in self.model.runs.values() if run.key not in self.lost_plans]
        if not known:
            return
        run = known[number % len(known)]
        names = self.names_of(run)
        tasks = () if place is None else (names[place % len(names)],)
        request = Fact("rerun", 0, run=run, tasks=tasks, only=only)
        if run.state in FINAL:
            run.specs = self.specs[run.dag]
        idle = only and run.state in FINAL and not again_of(run, request, run.tasks)
        try:
            self.engine.rerun(run.key, downstream=downstream, only="failed" if only else None, tasks=tasks or None)
        except rd.UsageError:
            assert idle or run.dag not in self.graph.dags
        else:
            assert not idle and run.dag in self.graph.dags
            self.model.tell("rerun", run=run, tasks=tasks, only=only, wave=Wave(run.key) if downstream else None)

    def names_of(self, run):
        """The tasks of a run, and instances, that are declared."""
        known = run.tasks or self.specs[run.dag]
        return [name for name in known if name.partition("[")[0] in self.specs[run.dag]] or [*self.specs[run.dag]]

    def mark(self, number, place, state):
        """Give a run, or one of its tasks (or an instance), a state by hand."""
        known = [run for run in self.model.runs.values() if run.key not in self.lost_plans]
        if not known:
            return
        run = known[number % len(known)]
        names = self.names_of(run)
        self.give(run, "" if place is None else names[place % len(names)], state)

    def mark_executing(self, number, state):
        """Give the task of an attempt under way a state by hand, or, if it is mapped, all of that task."""
        job = self.model.jobs[number % len(self.model.jobs)]
        names = [job.task, job.task.partition("[")[0], ""]
        if job.run.alive and job.run.key not in self.lost_plans and names[1] in self.specs[job.run.dag]:
            self.give(job.run, names[number % 3], state)

    def give(self, run, task, state):
        """Give a run, or a task of it, a state by hand, or see it refused."""
        ended = not task or (not run.tasks[task].final if run.alive else run.state in FINAL)
        self.model.take_up_changes()
        try:
            self.engine.mark(run.key, task or None, state)
        except rd.UsageError:
            assert not ended or run.dag not in self.graph.dags
        else:
            assert ended and run.dag in self.graph.dags
            about = {"tasks": (task,) if task else (), "only": True, "ending": state}
            self.model.tell("mark", run=run, task=task, state=state, **about)

    def backfill(self, dag, back, span, limit, how, stop):
        """Ask for the runs of a span of time that began a while ago."""
        if dag not in self.graph.dags or (dag != "r" and self.graph.dags[dag].triggers[""] not in CLOCKS):
            return
        first = self.model.now - back
        last = first + span
        asked = {"again": how == "again", "only": "missing" if how == "missing" else None, "stop_on_failure": stop}
        try:
            self.engine.backfill(dag, to_datetime(first), to_datetime(last), max_active_runs=limit, **asked)
        except rd.InvalidValue:
            assert not self.model.backfill(dag, first, last, limit)
        else:
            assert self.model.backfill(dag, first, last, limit, how == "again", how == "missing", stop)

    @property
    def backfills(self):
        return [fact for fact in self.model.facts if fact.what == "backfill"]

    def cancel_backfill(self, number):
        of = self.backfills[number % len(self.backfills)]
        ended = self.model.has_ended(of)
        self.engine.cancel(next(each for each in self.engine.backfills() if each.number == of.n))
        if not ended:
            self.model.tell("cancelled", of=of)

    def redefine(self, dag, trigger):
        self.declare(dag, trigger)

    def retask(self, dag, number):
        """Declare a DAG with other tasks and settings."""
        if dag in self.graph.dags:
            self.specs[dag], self.options[dag] = VARIANTS[dag][number % len(VARIANTS[dag])]
            assert self.declare(dag, self.graph.dags[dag].triggers.get(""))

    def die_and_change(self, dag, number):
        """SIGKILL, and a start with another graph."""
        self.world.die()
        self.model.die()
        if dag in VARIANTS and number:
            self.retask(dag, number)
        else:
            self.remove(dag)
        self.reopen()

    def remove(self, dag):
        if dag in self.graph.dags:
            self.lost_plans |= {run.key for run in self.model.runs.values() if run.dag == dag}
            self.graph.remove(dag)

    def snapshot(self):
        """The next commit keeps a snapshot."""
        parts(self.engine).turn.snapshot_at = -(10**9)

    def die(self):
        """SIGKILL, and a new start."""
        self.world.die()
        self.model.die()
        self.reopen()

    def reopen(self):
        self.world.open()
        self.model.now = self.world.clock.now()
        self.model.open()

    def die_within(self, commits, span):
        """SIGKILL while time passes, at a commit that is then never made."""
        before = [self.copied()]
        if not self.world.killed_while(lambda: self.world.advance(span), commits):
            for _ in self.passing(span):
                pass
            return
        for _ in self.passing(span):
            before.append(self.copied())
        length = sum(type(record) in LINES for record in self.world.log.read(0, self.world.log.next_offset))
        found = [model for model in before if told(model) == length and model.committed <= self.world.log.last_at]
        self.world.open()
        for self.model in found:  # some turns leave no trace that a story tells of
            self.model.die()
            self.model.now, self.compared = self.world.clock.now(), (0, 0)
            self.model.open()
            if self.model is found[-1] or self.agrees():
                return

    def copied(self):
        """The model as it is now; what is declared stays the same object."""
        return copy.deepcopy(self.model, {id(each): each for each in (self.graph, self.specs)})

    def agrees(self):
        """Whether they say the same."""
        try:
            self.compare()
        except AssertionError:
            return False
        return True

    def close(self):
        """The end of it."""
        self.world.close()

    def compare(self):
        """They say the same."""
        self.compared = compare(self.world, self.model, self.compared, self.lost_plans)
