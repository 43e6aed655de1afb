"""Tasks that wait, in the naive model: for runs, for events (R28), or until their function gives something (R29).

Nothing is filed: at each event and at each look all facts, or all runs, are gone through. What a wait awaits is a
partition of a dataset, None for any, or a date or cascade of a DAG; it reacts, or looks every `poll` from its beginning
on (R27).
"""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER, parse_time, to_datetime
from reactive_dag.triggers.leaves.schedule import Scheduled
from tests.reference.model_parts import Awaits, Fact, Job


def several(awaited):
    """The partitions that a wait awaits."""
    return awaited if isinstance(awaited, tuple) else (awaited,)


def day_of(instant, tz):
    """The first and the last nanosecond of the day of an instant."""
    there = to_datetime(instant).astimezone(ZoneInfo(tz or "UTC"))
    midnight = there.replace(hour=0, minute=0, second=0, microsecond=0)
    return parse_time(midnight), parse_time(midnight + timedelta(days=1)) - 1


class Waits:
    """The part of the model that waits."""

    def begin_wait(self, run, name):
        """A wait begins at once; one that holds a worker, and a function that looks, once there is one."""
        spec = run.tasks[name].spec
        if spec.wait is None or spec.poke:
            self.startable.append((run, name))
        else:
            self.wait_from_now_on(run, name)

    def wait_from_now_on(self, run, name):
        """Say what a wait awaits, or that nothing says it."""
        wait = run.tasks[name].spec.wait
        awaits = self.awaits_of(run, wait) if isinstance(wait, Awaits) else None
        if isinstance(wait, Awaits) and awaits is None:
            self.noted.add("wait for what cannot be told")
            self.finished(run, name, "failed")
        else:
            self.push("task_started", run=run, task=name, attempt=run.tasks[name].attempt + 1, awaits=awaits)

    def waiting_began(self, fact, run, task):
        """A task waits from this fact on: its timeout has its timer before its looks."""
        task.state, task.began, task.decided, fact.round = "waiting", fact.number, False, run.round
        task.awaits = fact.awaits
        if task.spec.wait is not None and self.look(run, fact.task, task, fact.number):
            return
        if task.spec.timeout:
            self.set_timer(fact.at + task.spec.timeout, fact)
        if task.spec.poll:
            self.set_look(run, fact.task, task, fact.at + task.spec.poll)
        if task.spec.until:
            task.owed = True
        elif task.spec.poll:
            self.push("looked", run=run, task=fact.task, attempt=task.attempt, count=1)

    def is_there(self, task, before):
        """Whether the newest event of each partition that counts, of the facts before one, is no deletion."""
        uri, awaited, since = task.spec.wait
        first = task.began if since else 0
        events = [fact for fact in self.facts[first:before] if fact.what == "published" and fact.source == uri]
        newest = [[fact for fact in events if each in (None, fact.partition)][-1:] for each in several(awaited)]
        return all(found and found[0].kind != "deleted" for found in newest)

    def tell_waits(self, fact):
        """An event was applied: the waits for its partition that react look."""
        for run, name, task in self.reacting(tuple):
            if task.spec.wait[0] == fact.source and {None, fact.partition} & {*several(task.spec.wait[1])}:
                self.look(run, name, task, fact.number + 1)

    def reacting(self, kind):
        """The waits of a kind that react, in the order of their runs' requests and of their places in the plan."""
        return [
            (run, name, task)
            for run in sorted(self.runs.values(), key=lambda each: each.number) if run.alive
            for name, task in run.tasks.items()
            if isinstance(task.spec.wait, kind) and task.open is not None and not task.decided and not task.spec.poll
        ]  # fmt: skip

    def look(self, run, name, task, before):
        """Judge what a wait awaits, by the facts before one; whether that decided it."""
        if isinstance(task.spec.wait, Awaits):
            states = [self.judged(run, task, *each) for each in task.awaits]
            state = next((word for word in ("failed", "skipped", None) if word in states), "success")
        else:
            state = "success" if self.is_there(task, before) else None
        if state == "failed":
            self.gives_up(run, name)
        elif state is not None:
            self.decide(run, name, task, state)
        return state is not None

    def decide(self, run, name, task, state="success", retry=False):
        """It looks no more: what it waited for is there, or its time is up."""
        task.decided = task.spec.wait is not None
        self.finished(run, name, state, task.attempt, retry=retry)

    def set_look(self, run, name, task, due):
        look = Fact("look", due, run=run, task=name, attempt=task.attempt, round=run.round)
        self.timers.append((due, -1, run.dag, name, task.began + 0.5, look))

    def look_due(self, look, due):
        """A look is due; of those that nobody was there for, the last sees all. A function that executes is one."""
        run, task = look.run, look.run.tasks[look.task]
        self.set_look(run, look.task, task, due + max(1, (self.until - due) // task.spec.poll) * task.spec.poll)
        if task.spec.until:
            if not task.owed:
                task.owed = True
                if not task.spec.poke:
                    self.startable.append((run, look.task))
        elif not self.look(run, look.task, task, self.reached):
            count = (due - task.open) // task.spec.poll + 1
            self.push("looked", run=run, task=look.task, attempt=task.attempt, count=count)

    def gave_nothing(self, job):
        """A function gave nothing true."""
        task, at = job.run.tasks[job.task], self.stamp()
        count = (at - task.open) // task.spec.poll + 1
        self.push("looked", run=job.run, task=job.task, attempt=job.attempt, count=count)

    def on_looked(self, fact):
        task = fact.run.tasks.get(fact.task)
        if fact.run.alive and task.open is not None and task.attempt == fact.attempt and task.spec.until:
            task.owed = False
            if (fact.run, fact.task) in self.startable:
                self.startable.remove((fact.run, fact.task))

    def gives_up(self, run, name):
        """A wait or a function took too long, or what it awaits failed: it begins anew, or fails, softly if it may."""
        task = run.tasks[name]
        again = task.fails < task.spec.retries and not run.cancelled
        state = "failed" if again or not task.spec.soft else "skipped"
        self.decide(run, name, task, state, retry=again or task.spec.wait is None)

    # ------------------------------------------------------------------------------------ runs of another DAG

    def awaits_of(self, run, wait):
        """The dates or the cascade that a run awaits of a DAG; None where nothing says which."""
        if run.logical_date is not None:
            return [("date", run.logical_date - each) for each in (wait.offset, wait.also) if each is not None]
        if wait.match == "latest":
            return [("date", NEVER)]
        removed = run.dag not in self.graph.dags
        if wait.offset or not (removed or self.graph.origins(run.dag) & self.graph.origins(wait.dag)):
            return None
        return [("cascade", run.cascade)]

    def judged(self, run, task, key, what):
        """What the run that stands for a date or cascade means to a wait, in its newest round; None: go on waiting."""
        wait = task.spec.wait
        run.tz = self.graph.dags[run.dag].tz if run.dag in self.graph.dags else run.tz
        seen = self.stands_for(run, wait, key, what)
        if seen is None or seen == "never":
            return "failed" if seen == "never" and not wait.missing else None
        later = self.facts[task.began : self.reached + 1]
        if wait.since and not any(fact.what == "run_finished" and fact.run is seen for fact in later):
            return None
        tasks = [seen.tasks.get(name) for name in wait.tasks]
        states = [task.state if task is not None and task.final else None for task in tasks] or [seen.state]
        judged = "success"
        for word, meant in (("skipped", wait.skipped), ("failed", wait.failed)):  # failure wins
            judged = word if any(state in meant for state in states) else judged
        if judged == "success" and any(state not in wait.states for state in states):
            judged = None
        whom = "a DAG" if not wait.tasks else "a task" if len(wait.tasks) == 1 else "several tasks"
        self.noted.add(f"wait for {whom}: {judged}, by {key if wait.match == 'exact' else wait.match}")
        return judged

    def stands_for(self, waiting, wait, key, what):
        """The run that is meant; None: none yet, "never": none will be.

        Of a date the newest requested run; of the same day one of its last date; the latest is, on a clock, that of its
        newest tick at or before the date, requested or not, where that never is the run or coming tick before.
        """
        runs = [(run, self.says(run)) for run in self.runs.values() if run.dag == wait.dag]
        if key == "cascade":
            return max((run for run, says in runs if says[key] == what), key=lambda run: run.number, default=None)
        dated = [(says["date"], run.number, run) for run, says in runs if says["date"] is not None]
        tick = self.newest_tick(wait.dag, what)
        first, last = day_of(what, waiting.tz) if wait.match == "same_day" else (what, what)
        if wait.match == "same_day":
            tick = self.newest_tick(wait.dag, last)
        elif wait.match == "latest":
            first = last = tick if tick is not None and what != NEVER else what
            first = first if tick is not None and what != NEVER else -NEVER
        found = max((each for each in dated if first <= each[0] <= last), default=None, key=lambda each: each[:2])
        if found is not None or tick is None or tick < first or what == NEVER:
            return None if found is None else found[2]
        coming = [tick for tick in self.coming(wait.dag, last) if tick >= first]
        if not coming and wait.match == "latest":
            coming = self.coming(wait.dag, what)
            before = max((each for each in dated if each[0] <= what), default=None, key=lambda each: each[:2])
            if before is not None and before[0] >= max(coming, default=before[0]):
                return before[2]
        return None if coming else "never"

    def newest_tick(self, dag, at):
        """The newest tick of a DAG's clocks at or before an instant."""
        ticks = [leaf.schedule.before(at) for leaf, _ in self.clock_parts(dag)] if at != NEVER else []
        return max((tick for tick in ticks if tick is not None), default=None)

    def clock_parts(self, dag):
        """The clocks of a DAG, and what they have left to do."""
        naive = self.stations[dag].naive if dag in self.stations else None
        parts = [] if naive is None else enumerate(naive.parts)
        return [(leaf, naive.clocks[part]) for part, (leaf, _) in parts if isinstance(leaf, Scheduled)]

    def coming(self, dag, last):
        """The ticks of a DAG up to an instant that may still be requested: not dropped, and not in a run."""
        found = []
        for leaf, (kept, following, _) in self.clock_parts(dag):
            newest = leaf.schedule.before(last)
            found += [*kept, *([newest] if newest is not None and newest >= following else [])]
        on_the_way = [*self.facts[self.reached + 1 :], *self.out]
        asked = [fact for fact in on_the_way if fact.what == "requested" and fact.dag == dag]
        items = [item for _, item in self.stations[dag].holds()] + [item for fact in asked for item in fact.causes]
        found += [item.due for item in items if isinstance(item, Mark) and item.kind == "tick"]
        return [tick for tick in found if tick <= last]

    def says(self, run):
        """The date and the cascade of a run, begun or not."""
        date, _, cascade = (run.logical_date, 0, run.cascade) if run.began or run.cascade else self.told(run)
        return {"date": date, "cascade": cascade}

    def tell_waits_for(self, dag, task=""):
        """A run of a DAG began or ended, or a task of it ended: the waits for it that react look."""
        self.tell_waits_if(lambda wait: wait.dag == dag and (not task or task in wait.tasks))

    def tell_all_waits(self):
        """Something was applied: whatever it decided is decided. First which ticks a process missed that starts."""
        self.tell_waits_if(lambda wait: not self.recovering or self.clock_parts(wait.dag))

    def tell_waits_if(self, is_told):
        for run, name, task in self.reacting(Awaits):
            if is_told(task.spec.wait):
                self.look(run, name, task, 0)

    # ------------------------------------------------------------------------------------ workers

    def holding(self):
        """The waits that hold workers between their looks: they have begun, and have not ended."""
        found = [
            (run, name, task)
            for run in sorted(self.runs.values(), key=lambda each: each.number) if run.alive
            for name, task in run.tasks.items()
            if task.spec.poke and task.open is not None and (run, name) not in self.inflight
        ]  # fmt: skip
        self.noted |= {f"{'function' if task.spec.until else 'wait'} holds slots" for _, _, task in found}
        return found

    def looks_of_holders(self):
        """The looks that are owed by functions that have a worker."""
        jobs = []
        for run, name, task in self.holding():
            if task.owed:
                self.inflight[run, name], task.held = task, task.spec
                jobs.append(Job(run, name, task.attempt))
        return jobs

    def begin_without_worker(self, places):
        """Waits that waited for a worker, and need none as they are declared now, begin."""
        for run, name in sorted(places, key=lambda each: (each[0].number, [*each[0].tasks].index(each[1]))):
            if run.tasks[name].spec.wait is not None and not run.tasks[name].spec.poke:
                self.noted.add("wait needs no worker any more")
                self.startable.remove((run, name))
                self.wait_from_now_on(run, name)

    # ------------------------------------------------------------------------------------ a process starts

    def owe_looks(self):
        """A process starts: looks that the one before was to make are to be made still."""
        for run in sorted([run for run in self.runs.values() if run.alive], key=lambda each: each.number):
            for name, task in run.tasks.items():
                if task.owed and not task.spec.poke and task.open is not None and (run, name) not in self.startable:
                    self.startable.append((run, name))
        self.begin_without_worker(self.startable)
