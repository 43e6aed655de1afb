"""The part of the naive model that knows definitions: registered, changed and removed (T11), paused and resumed (T12).

`known` are those in force; what the graph declares beyond them is recorded as soon as somebody looks.
"""

from __future__ import annotations

from reactive_dag.model.records import Mark
from tests.reference.model_parts import Station
from tests.reference.naive import order

KEEP = {"one": 1, "all": 1000, "none": 0}


class Definitions:
    """What a model does with definitions, pauses, and ticks that were missed."""

    def take_up_changes(self):
        self.take_up_tasks()
        wanted = {dag: self.graph.effective(dag).get("") for dag in self.graph.dags}
        latest = dict(self.known)
        for fact in self.queue:
            if fact.what == "registered":
                latest[fact.dag] = fact.trigger
            elif fact.what == "removed":
                latest.pop(fact.dag, None)
        for dag, trigger in wanted.items():
            if dag not in latest or latest[dag] != trigger:
                catchup = self.graph.dags[dag].catchup
                self.push("registered", dag=dag, trigger=trigger, change=dag in latest, catchup=catchup)
        for dag in sorted(dag for dag in latest if dag not in wanted):
            self.push("removed", dag=dag)
        for station in self.stations.values():
            station.height = self.height(station.dag)
        for fact in self.queue:  # what is decided from here on is the new definition's
            if fact.dag in self.stations and (fact.what == "removed" or (fact.what == "registered" and fact.change)):
                self.stations[fact.dag].stale = True

    def on_registered(self, fact):
        dag, old = fact.dag, self.stations.get(fact.dag)
        self.known[dag] = fact.trigger
        self.numbers[dag] += 1
        self.watch(dag, fact.at)
        later = [f for f in self.facts[fact.number + 1 :] if f.what in ("registered", "removed") and f.dag == dag]
        if old is None or (not later and (old.trigger != fact.trigger or old.stale)):
            self.replace(old, fact, overtaken=bool(later))

    def replace(self, old, fact, overtaken):
        self.stations.pop(fact.dag, None)
        if fact.trigger is None:
            return
        new = self.stations[fact.dag] = Station(self, fact.dag, fact.trigger, fact.catchup)
        new.naive.arm(fact.at, self.numbers[fact.dag], keep=KEEP[new.catchup])
        if old is not None:
            self.hand_over(old, new, fact.at)
        new.stale = overtaken

    def hand_over(self, old, new, at):
        """What the old one holds is delivered anew, in order; what nobody takes is dropped as redefined."""
        leaves = [leaf for leaf, _ in old.naive.parts]
        new.naive.remember(old.naive.fired_periods(old.held))
        pairs = [(leaves[part], item) for given in old.held for part, item in given.pairs]
        pairs += [(leaves[part], item) for part, _, item in old.naive.pending()] + old.backlog
        ridden = [(leaves[part], item) for part, item in old.naive.ridden()]
        fired, rode = [], set()
        for item in sorted({item for _, item in pairs}, key=order):
            event = item if isinstance(item, Mark) else self.facts[item]
            given = [leaf for leaf, each in pairs if each == item]
            rides = all(ridden.count((leaf, item)) >= given.count(leaf) for leaf in given)
            hits = new.hits(given, event, rides)
            if hits:
                rode |= {item} if rides else set()
                fired += new.naive.feed(hits, item, at, event)
            else:
                new.redefined.update(map(repr, given))
        new.naive.mark_ridden(rode)
        self.fire(new, fired, at)

    def on_removed(self, fact):
        self.known.pop(fact.dag, None)
        self.stations.pop(fact.dag, None)
        self.unwatch(fact.dag)
        for of in [each for each in self.facts[: fact.number] if each.what == "backfill" and each.dag == fact.dag]:
            of.state, of.stopped = "cancelled", True
        for run in sorted(self.waiting.get(fact.dag, ()), key=lambda run: run.request is not None):
            self.end_waiting(run)

    def on_engine(self, fact):
        for station in self.stations.values():
            station.naive.gap(fact.until - self.lateness, KEEP[station.catchup])

    def on_paused(self, fact):
        self.paused.add(fact.dag)

    def on_resumed(self, fact):
        self.paused.discard(fact.dag)
        station = self.stations.get(fact.dag)
        if station is not None and station.held:
            self.fire(station, station.let_go(), fact.at)
