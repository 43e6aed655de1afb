"""The part of the naive model that knows deadlines (R13): all that is open is looked through at each instant.

`watched` holds the deadline of each DAG that has one, `late` the runs that have one of their own.
"""

from __future__ import annotations

from itertools import count

from reactive_dag.engine.items.identity import run_key
from reactive_dag.model.records import Mark
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.leaves.schedule import Scheduled
from tests.reference.model_parts import Fact, Run

NUMBERS = count()


class Watched:
    """A DAG with a deadline: since when its next one counts, and the newest run from then on."""

    def __init__(self, deadline, since):
        self.deadline, self.since, self.newest, self.rank, self.is_well = deadline, since, None, None, False


class Deadlines:
    """What a model does with deadlines."""

    def watch(self, dag, at):
        """A definition of a DAG came into force: an equal deadline goes on."""
        declared = self.graph.dags.get(dag)
        if declared is not None and declared.deadline is not None and dag not in self.watched:
            self.watched[dag] = Watched(declared.deadline, at)
            self.set_tick(dag)

    def unwatch(self, dag):
        self.watched.pop(dag, None)
        self.late = {name: about for name, about in self.late.items() if name[0] != dag}

    def is_open(self, fact):
        """Whether the run, or the DAG, still has this deadline."""
        return self.watched.get(fact.dag) is fact.of and (not fact.key or (fact.dag, fact.key) in self.late)

    def set_tick(self, dag):
        of = self.watched[dag]
        if isinstance(of.deadline, Scheduled):
            self.wait_until(of.deadline.schedule.after(of.since), dag, "")

    def wait_until(self, due, dag, key):
        fact = Fact("deadline", due, dag=dag, key=key, of=self.watched[dag])
        self.timers.append((due, -1, dag, "", next(NUMBERS), fact))

    def asked(self, request):
        """A run was asked for: by when it is to have succeeded."""
        of = self.watched.get(request.dag)
        if of is None:
            return
        request.number = -1
        date, partition, _ = self.told(Run(request))
        about = request.key, date, partition
        if not isinstance(of.deadline, Scheduled):
            due = max((request.at if date is None else date) + of.deadline, request.at)
            self.late[request.dag, request.key] = about
            self.wait_until(due, request.dag, request.key)
            return
        if date is None and self.clocks(request.dag):
            return
        rank = request.at if date is None else date
        if of.rank is None or rank >= of.rank:
            of.newest, of.rank, of.is_well = about, rank, False

    def by_hand(self, start):
        """A start: what was late already when it was asked for has no deadline."""
        of, key = self.watched.get(start.dag), run_key(self.graph.id, start.dag, "", (start.ident,))
        if of is not None and not isinstance(of.deadline, Scheduled):
            due = (start.at if start.logical_date is None else start.logical_date) + of.deadline
            if due > start.at:
                self.late[start.dag, key] = key, start.logical_date, start.partition
                self.wait_until(due, start.dag, key)

    def backfilled(self, request):
        """A backfill asked for the run of a tick: what was late already has no deadline."""
        of, (tick,) = self.watched.get(request.dag), request.causes
        if of is not None and (isinstance(of.deadline, Scheduled) or tick.due + of.deadline > request.at):
            number = request.number
            self.asked(request)
            request.number = number

    def clocks(self, dag):
        parts = self.stations[dag].naive.parts if dag in self.stations else []
        return [leaf.schedule for leaf, _ in parts if isinstance(leaf, Scheduled)]

    def succeeded(self, run):
        """It is late no more."""
        self.late.pop((run.dag, run.key), None)
        of = self.watched.get(run.dag)
        if of is not None and of.newest is not None and of.newest[0] == run.key:
            of.is_well = True

    def deadline_due(self, fact, now):
        """The instant has come: of one run, or of the newest since the tick before."""
        if fact.key:
            self.is_missed(fact.dag, now, *self.late.pop((fact.dag, fact.key)))
            return
        of = self.watched[fact.dag]
        newest, rank, well, since = of.newest, of.rank, of.is_well, of.since
        of.since, of.newest, of.rank, of.is_well = now, None, None, False
        self.set_tick(fact.dag)
        clocks, gone = self.clocks(fact.dag), self.turned_away.get(fact.dag, [])
        ticks = [clock.before(now - 1) for clock in clocks]
        while (
            ticks
            and max(ticks) >= since
            and gone.count(max(ticks)) >= [c.has_tick(max(ticks)) for c in clocks].count(True)
        ):
            ticks = [clock.before(max(ticks) - 1) for clock in clocks]
        if ticks and max(ticks) < since:
            return
        if newest is None or (ticks and rank < max(ticks)):
            if fact.dag not in self.paused:
                self.is_missed(fact.dag, now, "", max(ticks, default=None), None)
        elif not well:
            self.is_missed(fact.dag, now, *newest)

    def is_missed(self, dag, now, key, date, partition):
        self.out.append(Fact("missed", now, dag=dag, key=key, logical_date=date, partition=partition))
        for station in sorted(self.stations.values(), key=lambda each: (each.height, each.dag)):
            hits = [i for i, (leaf, _) in enumerate(station.naive.parts) if leaf == Missed(dag)]
            if hits:
                mark = Mark("missed", now, station.naive.last, key, 0, dag, date, partition)
                self.fire(station, station.naive.feed(hits, mark, now, mark), now)
