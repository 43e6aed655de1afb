"""Tasks that wait, in the naive model: for runs, for events (R28), or until their function gives something (R29).

Nothing is filed: at each event and at each look all facts, or all runs, are gone through. What a wait awaits is a
partition of a dataset, None for any, or a date or cascade of a DAG; it reacts, or looks every `poll` from its beginning
on (R27).
"""

from __future__ import annotations

from reactive_dag.model.records import Mark
from reactive_dag.triggers.leaves.schedule import Scheduled
from tests.reference.model_parts import Awaits, Fact, Job


def several(awaited):
    """The partitions that a wait awaits."""
    return awaited if isinstance(awaited, tuple) else (awaited,)


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
            states = [self.judged(task, *each) for each in task.awaits]
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
        if wait.offset or not self.graph.origins(run.dag) & self.graph.origins(wait.dag):
            return None
        return [("cascade", run.cascade)]

    def judged(self, task, key, what):
        """What the newest requested run means to a wait, in its newest round; None: go on waiting."""
        waiting, wait = task, task.spec.wait
        found = [run for run in self.runs.values() if run.dag == wait.dag and self.says(run)[key] == what]
        if not found:
            return "failed" if key == "date" and not wait.missing and self.never_comes(wait.dag, what) else None
        run = max(found, key=lambda run: run.number)
        later = self.facts[waiting.began : self.reached + 1]
        if wait.since and not any(fact.what == "run_finished" and fact.run is run for fact in later):
            return None
        task = run.tasks.get(wait.task)
        state = run.state if not wait.task else task.state if task is not None and task.final else None
        meaning = {"success": wait.states, "failed": wait.failed, "skipped": wait.skipped}
        judged = next((word for word, states in meaning.items() if state in states), None)
        self.noted.add(f"wait for a {'task' if wait.task else 'DAG'}: {judged}, by {key}")
        return judged

    def says(self, run):
        """The date and the cascade of a run, begun or not."""
        date, _, cascade = (run.logical_date, 0, run.cascade) if run.began or run.cascade else self.told(run)
        return {"date": date, "cascade": cascade}

    def never_comes(self, dag, date):
        """Whether a date is a tick of a DAG that nobody will request: dropped, or from before it was registered."""
        station = self.stations[dag]
        coming = is_tick = False
        for part, (leaf, _) in enumerate(station.naive.parts):
            if isinstance(leaf, Scheduled) and leaf.schedule.after(date - 1) == date:
                kept, following, _ = station.naive.clocks[part]
                is_tick, coming = True, coming or date >= following or date in kept
        asked = [fact for fact in [*self.facts, *self.out] if fact.what == "requested" and fact.dag == dag]
        items = [item for _, item in station.holds()] + [item for fact in asked for item in fact.causes]
        came = any(isinstance(item, Mark) and item.kind == "tick" and item.due == date for item in items)
        return is_tick and not coming and not came

    def tell_waits_for(self, dag, task=""):
        """A run of a DAG began or ended, or a task of it ended: the waits for it that react look."""
        self.tell_waits_if(lambda wait: wait.dag == dag and task in ("", wait.task))

    def tell_all_waits(self):
        """Something was applied: whatever it decided is decided. First which ticks a process missed that starts."""
        self.tell_waits_if(lambda wait: not self.recovering or self.stations[wait.dag].naive.clocks)

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
