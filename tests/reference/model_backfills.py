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

    def backfill(self, dag, first, last, limit, again=False, missing=False, stop=False):
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
        self.push("backfill", dag=dag, n=number, dates=dates, most=most, only=missing, stop=stop)
        self.commit()
        return True

    def has_ended(self, of):
        return any(fact.what == "backfill_ended" and fact.n == of.n for fact in self.facts)

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
        fact.stopped = fact.over = False
        self.go_on(fact)

    def go_on(self, of):
        while of.asked < len(of.dates) and not of.stopped and self.has_room(of):
            of.asked, of.coming = of.asked + 1, of.coming + 1
            self.ask(of, of.asked - 1, *of.dates[of.asked - 1])
        if not of.coming and not of.open and not of.over:
            of.over = True
            self.push("backfill_ended", n=of.n, state=of.state, skipped=of.skipped)

    def has_room(self, of):
        return of.most is None or len(of.open) + of.coming < of.most

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
            if fact.of.stopped:
                self.cancel_unbegun(fact.of, fact.key)
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
                if state in ("failed", "cancelled") and of.state == "success":
                    of.state = "failed"
                if state == "failed" and of.stop:
                    self.noted.add("backfill stopped at a failure")
                    self.ask_no_more(of)
                self.go_on(of)
            elif of.stopped:
                self.cancel_unbegun(of, run.key)

    def end_backfill(self, of):
        """It was cancelled, or its DAG is gone."""
        if of.over:
            return
        of.state = "cancelled"
        self.ask_no_more(of)
        self.go_on(of)

    def ask_no_more(self, of):
        """No further date has its turn, what has not begun is cancelled, what runs goes on."""
        if not of.stopped:
            of.stopped = True
            for key in of.open:
                self.cancel_unbegun(of, key)

    def cancel_unbegun(self, of, key):
        """Cancel a run of a backfill, or the round of it, unless it has begun or another round comes before it."""
        run = self.runs.get(key)
        next_one = 1 if run is None or (run.state == "queued" and run.request is None) else run.round + 1
        if next_one == of.open[key] and (run is None or run.state != "running"):
            self.push("cancelled", key=key)
