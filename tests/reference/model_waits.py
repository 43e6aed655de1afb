"""Tasks that wait, in the naive model: for a dataset's events (R28), or until their function gives something (R29).

Nothing is filed: at each event and at each look all facts are gone through. What a wait awaits is a partition of a
dataset, None for any; it reacts, or looks every `poll` from its beginning on (R27).
"""

from __future__ import annotations

from tests.reference.model_parts import Fact


class Waits:
    """The part of the model that waits."""

    def begin_wait(self, run, name):
        """A wait begins at once; a function that looks needs a worker for its first look."""
        if run.tasks[name].spec.wait is None:
            self.startable.append((run, name))
        else:
            self.push("task_started", run=run, task=name, attempt=run.tasks[name].attempt + 1)

    def waiting_began(self, fact, run, task):
        """A task waits from this fact on: its timeout has its timer before its looks."""
        task.state, task.began, task.decided, fact.round = "waiting", fact.number, False, run.round
        if task.spec.wait is not None and self.is_there(task, fact.number):
            self.decide(run, fact.task, task)
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
        """Whether the newest event of the partition that counts, of the facts before one, is no deletion."""
        uri, partition, since = task.spec.wait
        first = task.began if since else 0
        events = [
            fact for fact in self.facts[first:before]
            if fact.what == "published" and fact.source == uri and partition in (None, fact.partition)
        ]  # fmt: skip
        return bool(events) and events[-1].kind != "deleted"

    def tell_waits(self, fact):
        """An event was applied: the waits for its partition that react look, in the order in which they began."""
        waiting = [
            (task.spec.wait[1] is None, task.began, run, name)
            for run in self.runs.values() if run.alive
            for name, task in run.tasks.items()
            if task.spec.wait is not None and task.open is not None and not task.decided and not task.spec.poll
            and task.spec.wait[0] == fact.source and task.spec.wait[1] in (None, fact.partition)
        ]  # fmt: skip
        for _, _, run, name in sorted(waiting, key=lambda each: each[:2]):
            if self.is_there(run.tasks[name], fact.number + 1):
                self.decide(run, name, run.tasks[name])

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
                self.startable.append((run, look.task))
        elif self.is_there(task, self.reached):
            self.decide(run, look.task, task)
        else:
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

    def timed_out(self, run, name, attempt):
        """A wait or a function took too long: it begins anew, or fails, softly if it may (R30)."""
        task = run.tasks[name]
        again = task.fails < task.spec.retries and not run.cancelled
        state = "failed" if again or not task.spec.soft else "skipped"
        self.decide(run, name, task, state, retry=again or task.spec.wait is None)

    def owe_looks(self):
        """A process starts: looks that the one before was to make are to be made still."""
        for run in sorted([run for run in self.runs.values() if run.alive], key=lambda each: each.number):
            for name, task in run.tasks.items():
                if task.owed and task.open is not None and (run, name) not in self.startable:
                    self.startable.append((run, name))
