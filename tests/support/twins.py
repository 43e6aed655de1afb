"""An engine and its naive model, told the same things; after each they must say the same.

`Twins` owns the graph that both share: three fixed DAGs, one that is started by hand, and three whose triggers are
random and change. Each method is a step; `compare` holds the log to the model's story record by record, then every run,
every task and the counts of every leaf part.
"""

from __future__ import annotations

import copy
from collections import Counter
from datetime import timedelta

import reactive_dag as rd
from reactive_dag.model.errors import GraphError
from reactive_dag.model.records import Mark
from reactive_dag.model.times import SECOND, parse_time, to_datetime
from tests.reference.model_downstream import Wave
from tests.reference.model_engine import Model
from tests.reference.model_parts import FINAL, Awaits, Fact
from tests.reference.model_rounds import again_of
from tests.support.declared import CLOCKS, OPTIONS, POOLS, SPECS, VARIANTS
from tests.support.engines import parts
from tests.support.sitting import CHILD
from tests.support.stories import LINES, of_log, of_model
from tests.support.strategies import DATASETS, PARTITIONED
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


class Twins:
    """The two of them."""

    def __init__(self, log=None):
        self.graph, self.specs, self.options = rd.Graph("twins"), dict(SPECS), dict(OPTIONS)
        for dataset in (*DATASETS, *PARTITIONED):
            self.graph.dataset(dataset.uri, partitions=dataset.partitions)
        for pool, slots in POOLS.items():
            self.graph.pool(pool, slots)
        a, b = self.graph.dataset("a"), self.graph.dataset("b")
        self.declare("p", rd.updated(a))
        self.declare("q", rd.completed("p", states="any"))
        self.declare("r", rd.every("7s") | rd.updated(b))
        self.declare("s", None)
        self.declare("k", rd.updated(self.graph.dataset("e")).batch(count=2).by("region"))
        self.declare("w", rd.updated(a))
        self.declare("v", rd.updated(a))
        self.declare("m", rd.every("7s").where(is_odd_tick))
        self.declare("n", rd.updated(self.graph.dataset("c")) | rd.every("7s"))
        self.world = World(self.graph, log or VolatileLog())
        self.model = Model(self.graph, self.specs, self.world.clock.now(), 2 * SECOND)
        self.compared = 0, 0
        self.lost_plans = set()

    def declare(self, dag, trigger):
        """Declare a DAG; False where T8 or a cycle forbids it."""
        options = dict(self.options.get(dag, {}))
        options["outlets"] = [self.graph.dataset(uri) for uri in options.get("outlets", ())]
        before = self.graph.dags.get(dag)
        try:
            new = rd.Dag(dag, on=trigger, **options) if trigger is not None else rd.Dag(dag, **options)
            for name, spec in self.specs[dag].items():
                self.add(new, name, spec)
            self.graph.register(new, replace=True)
            self.graph.effective(dag)
        except (GraphError, rd.InvalidValue):
            if before is not None:
                self.graph.register(before, replace=True)
            elif dag in self.graph.dags:
                self.graph.remove(dag)
            return False
        return True

    def add(self, dag, name, spec):
        """Add a task to a DAG."""
        timeout = None if spec.timeout is None else f"{spec.timeout / SECOND}s"
        how = {"retries": spec.retries, "retry_delay": f"{spec.delay / SECOND}s", "timeout": timeout}
        mode = {"mode": "reschedule", "poll": f"{spec.poll // SECOND}s"} if spec.poll else {}
        mode |= {"mode": "poke", "pool": spec.pool, "slots": spec.slots, "priority": spec.priority} if spec.poke else {}
        if isinstance(spec.wait, Awaits):
            wait = spec.wait
            date = timedelta(seconds=wait.offset // SECOND) if wait.offset else "same"
            sets = {"states": wait.states, "failed_states": wait.failed, "skipped_states": wait.skipped}
            dag.wait_for(wait.dag, wait.task or None, id=name, logical_date=date, soft_fail=spec.soft, **sets, **mode,
                         **how)  # fmt: skip
        elif spec.wait is not None:
            uri, partition, since = spec.wait
            dag.wait_for(self.graph.dataset(uri), id=name, partition=partition, since="start" if since else None,
                         soft_fail=spec.soft, **mode, **how)  # fmt: skip
        elif spec.until:
            dag.wait_until(lambda run: self.world.body(run), id=name, soft_fail=spec.soft, **mode, **how)
        else:
            outlets = [self.graph.dataset(uri) for uri in spec.outlets]
            dag.add(lambda run: self.world.body(run), id=name, after=spec.needs, priority=spec.priority,
                    outlets=outlets, pool=spec.pool, slots=spec.slots, **_special(spec), **how)  # fmt: skip

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

    # ------------------------------------------------------------------------------------ comparison

    def compare(self):
        """They say the same."""
        self.world.check()
        self.compare_stories()
        self.compare_runs()
        triggers = {dag: active for (dag, _), active in self.world.core.router.triggers.items()}
        assert triggers.keys() == self.model.stations.keys()
        for dag, station in self.model.stations.items():
            assert counts(triggers[dag]) == station.counts(), dag

    def compare_stories(self):
        log, model = self.compared
        stop = self.world.log.next_offset
        got, expected = list(of_log(self.world.core, log, stop)), list(of_model(self.model, model))
        for one, other in zip(got, expected, strict=False):
            assert one == other, f"\n  log   {one}\n  model {other}"
        assert len(got) == len(expected), (got + expected)[min(len(got), len(expected)) :][:3]
        self.compared = stop, len(self.model.facts)

    def compare_runs(self):
        rows = {run.key: run._row for run in self.engine.runs()}
        assert sorted((row.dag, row.state, key) for key, row in rows.items()) == sorted(
            [(run.dag, run.state, key) for key, run in self.model.runs.items()]
            + [(fact.dag, "queued", fact.key) for fact in self.model.queue if fact.what == "requested"]
        )
        for key, run in self.model.runs.items():
            if key not in self.lost_plans:
                states = {name: task.state for name, task in run.tasks.items() if task.state is not None}
                found = [each for task in rows[key].tasks for each in (task, *(task.instances or ()))]
                assert {each.task: each.state for each in found if each.state != "queued"} == states, run.dag


def is_odd_tick(tick):
    """Whether a tick is one of every second; a mark and an event tell its instant in words of their own."""
    date = tick.due if isinstance(tick, Mark) else parse_time(tick.logical_date)
    return date // (7 * SECOND) % 2 == 1


def counts(active):
    """What an engine's trigger counts, in the model's form."""
    held = Counter(part for firing in active.held for part in firing.parts)
    rows = [
        (count.delivered, count.consumed - held[part], count.pending + held[part], dict(count.dropped))
        for part, count in enumerate(active.circuit.counts())
    ]
    return rows + [(n, 0, 0, {"redefined": n}) for _, n in sorted(active.redefined.items())]


def told(model):
    """How much of a story there is that is durable."""
    return len(list(of_model(model, 0))) - len(list(of_model(model, model.safe)))


def _special(spec):
    """The options of a task that only some have."""
    over = {} if spec.over is None else {"map_over": spec.over}
    rule = {"teardown": True} if spec.teardown else {"trigger_rule": spec.rule}
    return {**over, **rule, "branch": spec.branch}
