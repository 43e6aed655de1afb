"""The part of the naive model that knows backfills (R9, R26) of a DAG on a clock.

A date is looked for among all requests there ever were, when the backfill is asked for and again when it has its turn.
"""

from __future__ import annotations

from reactive_dag.engine.items.identity import run_key
from reactive_dag.model.records import Mark
from reactive_dag.triggers.leaves.schedule import Scheduled
from tests.reference.model_parts import Fact
from tests.reference.naive_given import leaf_places


class Backfills:
    """What a model does with backfills."""

    def backfill(self, dag, first, last, limit, again, missing):
        """Ask for the runs of the ticks from `first` to `last`; whether there are any."""
        self.take_up_changes()
        ticks, last = set(), min(last, self.stamp())
        for clock in self.clocks_of(dag):
            tick = clock.after(first - 1)
            while tick is not None and tick <= last:
                ticks.add(tick)
                tick = clock.after(tick)
        if not ticks:
            return False
        dates = []
        for tick in sorted(ticks):
            key = self.run_of_date(dag, tick)
            lacks = missing and key in self.runs and self.runs[key].state in ("failed", "cancelled")
            dates.append((tick, key, key is not None and (again or lacks)))
        number = 1 + sum(fact.what == "backfill" for fact in self.facts)
        most = limit or self.graph.dags[dag].max_active_runs
        self.push("backfill", dag=dag, n=number, dates=dates, most=most, only=missing)
        self.commit()
        return True

    def clocks_of(self, dag):
        leaves = [leaf for _, leaf, _, _ in leaf_places(self.graph.dags[dag].triggers[""])]
        return [leaf.schedule for leaf in leaves if isinstance(leaf, Scheduled)]

    def run_of_date(self, dag, date):
        """The run that a date has: under its tick's key, else the newest of that date."""
        key = run_key(self.graph.id, dag, "", (f"tick:{date}",))
        if key in self.seen:
            decided, self.out = self.out, []  # it may be among what was decided just now, which is recorded first
            for request in decided:
                self.append(request)
            return key
        of_dag = [run for run in self.runs.values() if run.dag == dag]
        same = [run for run in of_dag if date == (self.told(run)[0] if run in self.waiting[dag] else run.logical_date)]
        return max(same, key=lambda run: run.number).key if same else None

    def on_backfill(self, fact):
        fact.asked = fact.coming = 0
        fact.open, fact.skipped, fact.state = {}, [], "success"
        self.go_on(fact)

    def go_on(self, of):
        while of.asked < len(of.dates) and (of.most is None or len(of.open) + of.coming < of.most):
            of.asked, of.coming = of.asked + 1, of.coming + 1
            self.ask(of, of.asked - 1, *of.dates[of.asked - 1])
        if not of.coming and not of.open:
            self.push("backfill_ended", n=of.n, state=of.state, skipped=of.skipped)

    def ask(self, of, index, date, key, again):
        key = key or self.run_of_date(of.dag, date)
        about = {"of": of, "n": of.n, "index": index}
        if key is None:
            mark = Mark("tick", date, by=f"backfill:{of.n}")
            key = run_key(self.graph.id, of.dag, "", (f"tick:{date}",))
            self.seen.add(key)
            at = self.stamp()
            request = Fact("requested", at, dag=of.dag, key=key, causes=[mark], driving=[mark], group=[])
            self.push("asked", key=key, run_round=1, is_new=True, request=request, **about)
            self.append(request)
        elif not again:
            self.push("asked", key=key, run_round=0, is_new=False, **about)
        else:
            run = self.runs[key]
            coming = run.round + (run.request is not None and run.state == "queued") + len(run.rounds) + 1
            self.push("asked", key=key, run_round=coming, is_new=False, **about)
            self.push("rerun", run=run, tasks=(), only=of.only)

    def on_asked(self, fact):
        fact.of.coming -= 1
        if fact.run_round:
            fact.of.open[fact.key] = fact.run_round
        else:
            fact.of.skipped.append(fact.index)
        self.go_on(fact.of)
        if fact.is_new:
            self.backfilled(fact.request)

    def round_ended(self, run, state, round):
        """A round of a run has ended, or will not happen."""
        for of in [fact for fact in self.facts if fact.what == "backfill" and run.key in getattr(fact, "open", ())]:
            if round >= of.open[run.key]:
                del of.open[run.key]
                of.state = "failed" if state in ("failed", "cancelled") else of.state
                self.go_on(of)
