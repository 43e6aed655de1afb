"""The naive model of an engine: one fact after the other, everything looked for anew, nothing quick or clever.

A `Model` is told what happens (`publish`, `finish`, `die`, …) and works out the rest in the most obvious way. Each
trigger is a naive one (naive.py); runs are plain objects that are walked (model_runs.py). What follows from a batch of
facts stands behind it, as in the log, so `facts` can be compared with the log record by record. A death forgets what no
commit took.
"""

from __future__ import annotations

from collections import Counter

from reactive_dag.engine.items.identity import mark_identity, run_key
from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER
from reactive_dag.triggers.functions.rollup import Rollup
from tests.reference.model_backfills import Backfills
from tests.reference.model_changes import Changes
from tests.reference.model_deadlines import Deadlines
from tests.reference.model_definitions import Definitions
from tests.reference.model_downstream import Downstream
from tests.reference.model_parts import Fact, Station
from tests.reference.model_rounds import Rounds
from tests.reference.model_runs import SAID, Runs
from tests.reference.model_waits import Waits
from tests.reference.naive_given import Given


def rolled_up(parts, given):
    """The periods of a firing as causes with date and partition, and the items that came by no rollup."""
    calendars = [by.coarse for _, bys in parts for by in bys if isinstance(by, Rollup)]
    periods = {}
    for _, path, _, _ in given.rolled:
        coarse = next(calendar for calendar in calendars if calendar.fits(path[-1]))
        periods[path[-1]] = (coarse.start(path[-1]), path[-1], "")
    rolled = {item for part, item in given.pairs if any(isinstance(by, Rollup) for by in parts[part][1])}
    return list(periods.values()), [item for item in given.items if item not in rolled]


def known_choice(output, followers):
    """Whether a branch chose among those that follow it (R7)."""
    return isinstance(output, list) and set(output) <= set(followers)


class Model(Waits, Runs, Rounds, Definitions, Changes, Downstream, Backfills, Deadlines):
    """The whole: `graph` is the real one (for heights, origins and joins), `specs` the tasks of its DAGs, plain."""

    def __init__(self, graph, specs, now, lateness):
        self.graph, self.specs, self.now, self.last, self.committed = graph, specs, now, 0, 0
        self.facts, self.queue, self.out, self.recovering = [], [], [], True
        self.stations, self.known, self.numbers, self.paused = {}, {}, Counter(), set()
        self.lateness = lateness
        self.watched, self.late, self.turned_away, self.taken = {}, {}, {}, {}
        self.keys, self.givers, self.counts, self.seen, self.once = {}, {}, Counter(), set(), set()
        self.runs, self.waiting, self.active = {}, {}, Counter()
        self.startable, self.timers, self.jobs, self.inflight = [], [], [], {}
        self.sitting, self.back, self.noted = [], [], set()
        self.open()

    # ------------------------------------------------------------------------------------ what is told

    def publish(self, events):
        """Events from outside, in one commit; one whose key is known is none."""
        self.take_up_changes()
        new = [self.put(uri, **fields) for uri, fields in events]
        if any(new):
            self.commit()

    def put(self, uri, key=None, **fields):
        said = {**SAID, **fields}
        if key is not None and (uri, key) in self.keys:
            if self.keys[uri, key] != said:
                self.push("conflict", key=key)
            return False
        ident = f"{uri}#{self.counts[uri]}"
        self.counts[uri] += 1
        self.push("published", ident=ident, source=uri, key=key, said=said, **said)
        return True

    def start(self, dag, key, **said):
        self.take_up_changes()
        if key is None or ("start", dag, key) not in self.keys:
            number = f"#{self.counts['start', dag]}" if key is None else f"={key}"
            self.counts["start", dag] += 1
            item = self.push("start", ident=f"start:{dag}{number}", dag=dag, key=key, said={}, **said)
            self.append(self.request(dag, Given([(0, item.number)], None), item.at))
            self.commit()

    def tell(self, what, **fields):
        """A pause, a resume, a cancellation."""
        self.take_up_changes()
        self.push(what, **fields)
        self.commit()

    def start_child(self, job, dag):
        """A body starts a run of another DAG; a later attempt or round gives the same one (R3). Its key."""
        run, number = job.run, 0 if job.child is None else 1
        key = f"{run.key}/{job.task}#{number}"
        self.noted.add("body starts a run")
        about = {"logical_date": run.logical_date, "partition": run.partition, "cascade": run.cascade}
        self.start(dag, key, parent=run, **about)
        return run_key(self.graph.id, dag, "", (f"start:{dag}={key}",))

    def sit(self, job, dag):
        """A body starts a run and waits for it: meanwhile others have its slots."""
        if job.child is not None or job.over:
            return self.finish(job, "success")
        job.child = self.start_child(job, dag)
        self.noted.add("body waits for a run")
        job.sat = len(self.facts)
        self.sitting.append(job)
        return True

    def finish(self, job, state, retry=True, after=None, publishes=None, once=False, output=None, child=None):
        """An attempt returns. One that is over already counts for nothing; one that took too long has failed."""
        task = job.run.tasks.get(job.task)
        self.inflight.pop((job.run, job.task), None)
        if job.over:
            return False
        if job.gone:
            self.finished(job.run, job.task, "failed", job.attempt)
            return False
        if child is not None:
            self.start_child(job, child)
        if once and (job.run.key, job.task) not in self.once:
            self.once.add((job.run.key, job.task))
            self.push("once", run=job.run)
            self.commit()
        began_with = task.spec if task.began else task.held
        if task.open is not None and began_with.timeout and self.stamp() >= task.open + began_with.timeout:
            state, retry, after, publishes = "failed", True, None, None
            last = job.run.cancelled or task.fails >= task.spec.retries
            state = "skipped" if task.spec.soft and last else "failed"
        elif task.spec.until and state == "success" and output == []:
            self.gave_nothing(job)
            return True
        if state == "success" and task.spec.branch and not known_choice(output, job.run.followers(job.task)):
            state, retry = "failed", True
        self.finished(job.run, job.task, state, job.attempt, retry, after, publishes, output)
        return True

    def die(self):
        """What is not durable never was; attempts are cut off."""
        for fact in self.facts[self.safe :]:
            assert fact.what in ("finished", "looked", "conflict", "registered", "removed"), (
                "the rest is committed at once"
            )
            self.queue.remove(fact)
            if fact.what == "finished" and fact.task in fact.run.tasks:
                fact.run.tasks[fact.task].decided = False
        del self.facts[self.safe :]
        self.jobs, self.inflight, self.last = [], {}, self.committed
        self.sitting, self.back = [], []

    def open(self):
        """A process starts: it says since when nobody was there, and what of the definitions has changed."""
        self.recovering = True
        for station in self.stations.values():
            station.look(self.graph)
            station.stale = False
        for run in self.runs.values():
            run.orphan = run.state == "running" and run.dag not in self.graph.dags
            run.height = self.height(run.dag)
            if run.alive:
                self.declared_anew(run, is_new_life=True)
        self.taken |= self.declared()
        self.append(Fact("engine", self.last or self.now, until=max(self.now, self.last)))
        self.take_up_changes()
        self.commit()

    # ------------------------------------------------------------------------------------ the log

    def stamp(self):
        return max(self.now, self.last)

    def push(self, what, **fields):
        return self.append(Fact(what, self.stamp(), **fields))

    def append(self, fact):
        fact.number = len(self.facts)
        self.facts.append(fact)
        self.queue.append(fact)
        self.last = max(self.last, fact.at)
        if fact.what in ("published", "start") and fact.key is not None:
            self.keys.setdefault((fact.source, fact.key) if fact.source else ("start", fact.dag, fact.key), fact.said)
        return fact

    def commit(self):
        self.safe, self.committed = len(self.facts), self.last

    def turn(self):
        """Decide all that is there, and what follows from it; whether there was anything."""
        self.take_up_changes()
        self.is_due()
        worked, handed = False, []
        while self.queue or self.cut_off() or self.is_due() or self.dispatch(handed):
            worked, batch, self.queue = True, self.queue, []
            for fact in batch:
                self.reached = fact.number
                self.step_timers(fact.at)
                getattr(self, f"on_{fact.what}", lambda fact: None)(fact)
                self.tell_all_waits()
            decided, self.out = self.out, []
            for request in decided:
                self.append(request)
        if worked:
            self.commit()
        self.jobs += handed
        if not worked:
            self.jobs += sorted(self.back, key=lambda job: job.sat)
            self.back = []
        return worked

    def is_due(self):
        """Say what time it is when something is due, and no fact says so; whether that was so."""
        is_due = not self.queue and self.due() <= self.now
        if is_due:
            self.push("tick")
        return is_due

    def due(self):
        """When the next timer is due."""
        self.timers = [timer for timer in self.timers if self.counts_still(timer[-1])]
        times = [station.naive.due for station in self.stations.values()] + [timer[0] for timer in self.timers]
        return min(times, default=NEVER)

    def step_timers(self, at):
        """All that is due, in the order of I1: instant, height (runs first), DAG, label, order of setting."""
        self.until = at
        while self.due() <= at:
            waiting = [(s.naive.due, s.height, s.dag, "", 0, s) for s in self.stations.values()] + self.timers
            due, *_, what = timer = min(waiting, key=lambda each: each[:5])
            if isinstance(what, Station):
                self.fire(what, what.naive.step(due), due)
                self.tell_all_waits()
            else:
                self.timers.remove(timer)
                self.wake(what)

    def set_timer(self, due, fact):
        self.timers.append((due, -1, fact.run.dag, fact.task, fact.number, fact))

    def wake(self, fact):
        """A timeout (of a run or an attempt that began by `fact`), a retry (that `fact` asked for), or a deadline."""
        if fact.what == "deadline":
            self.deadline_due(fact, fact.at)
            return
        run, task = fact.run, fact.run.tasks.get(fact.task)
        if fact.what == "run_started":
            if not run.cancelled and not all(each.final for each in run.tasks.values()):
                self.push("cancelled", run=run, ending="failed")
        elif fact.what == "task_started":
            if task.began:
                self.gives_up(run, fact.task)
            else:
                self.finished(run, fact.task, "failed", fact.attempt, retry=True)
        elif fact.what == "look":
            self.look_due(fact, fact.at)
        else:
            task.retry = None
            self.begin_wait(run, fact.task)

    def counts_still(self, fact):
        """Whether a run goes on still, an attempt is open, a retry is to come, or something may be late."""
        if fact.what == "deadline":
            return self.is_open(fact)
        if fact.what != "retry" and fact.round != fact.run.round:
            return False
        if fact.what == "run_started":
            return fact.run.alive
        task = fact.run.tasks.get(fact.task)
        if task is None:
            return False
        under_way = task.open is not None and task.attempt == fact.attempt and not task.decided
        if fact.what == "task_started" and under_way and self.ends_in_log(fact):
            return False
        return fact.run.alive and (under_way if fact.what in ("task_started", "look") else task.retry is fact)

    def ends_in_log(self, began):
        """Whether its body, its timeout or a crash ended an attempt, and that is not applied: no other of them does."""
        later = [fact for fact in self.facts[self.reached :] if fact.what == "finished" and fact.run is began.run]
        ends = [fact for fact in later if not fact.marked and fact.state != "cancelled"]  # a hand may end it beside
        return (began.task, began.attempt) in [(fact.task, fact.attempt) for fact in ends]

    # ------------------------------------------------------------------------------------ triggers

    def depth(self, item, dag, leaf):
        """How often the cascade of an item went through a feedback part of a DAG; -1 where it met no run of it (G2)."""
        run = None if isinstance(item, Mark) else self.facts[item].parent or self.facts[item].run
        if run is None:
            return -1
        found = [0] if run.dag == dag else []
        for cause in run.causes:
            above = self.depth(cause, dag, leaf)
            crossed = run.dag == dag and not isinstance(cause, Mark) and self.facts[cause].source == leaf.source
            found.append(above + 1 if crossed else above)
        return max(found, default=-1)

    def identity(self, item):
        return mark_identity(item) if isinstance(item, Mark) else self.facts[item].ident

    def deliver(self, fact):
        """Give a fact to all that listen, by height and id; what they decide stands behind the batch."""
        for station in sorted(self.stations.values(), key=lambda each: (each.height, each.dag)):
            hits = station.hits_of(fact)
            if hits and fact.round > 1:
                hits = self.hits_again(station, fact, hits)
            if hits and station.stale:
                station.backlog += [(station.naive.parts[part][0], fact.number) for part in hits]
            elif hits:
                self.fire(station, station.naive.feed(hits, fact.number, fact.at, fact), fact.at)

    def fire(self, station, fired, at):
        if station.dag in self.paused:
            station.held += fired
            return
        for given in fired:
            split = any(pair in station.naive.more for pair in given.pairs)
            request = self.request(station.dag, given, at, split)
            if request is None:
                station.drop("duplicate", given.pairs)
            else:
                self.asked(request)
                self.out.append(request)

    def request(self, dag, given, at, split=False):
        key = run_key(self.graph.id, dag, "", map(self.identity, given.all_items), given.key if split else ())
        if key in self.seen:
            return None
        self.seen.add(key)
        return Fact(
            "requested",
            at,
            dag=dag,
            key=key,
            causes=given.all_items,
            driving=given.items,
            group=list(given.key),
            rolled=rolled_up(self.stations[dag].naive.parts, given) if given.rolled else None,
        )

    def on_start(self, fact):
        self.by_hand(fact)

    def on_published(self, fact):
        self.deliver(fact)
        self.tell_waits(fact)
