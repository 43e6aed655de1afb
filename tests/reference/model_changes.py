"""Runs under way whose DAG is declared anew, in the naive model (R11).

What a round began with (its tasks, what each needs, rules, retries, what is mapped or branches or tears down) holds to
its end. All else is what is declared now: of a later attempt its outlets and timeout, of what goes on its pool and how
it waits. A task that is not there any more goes on in the process that began with it, and in a later one it fails.
"""

from __future__ import annotations

import attrs

from tests.reference.model_parts import Awaits, Spec

PLANNED = ("needs", "rule", "retries", "over", "branch", "teardown")


def kind(spec):
    """Of which kind a task is (R11)."""
    if isinstance(spec.wait, Awaits):
        return "wait for a DAG"
    return "wait" if spec.wait is not None else "until" if spec.until else "task"


class Changes:
    """The part of the model that takes up what is declared: `taken` are the tasks and timeouts that it knows."""

    def take_up_tasks(self):
        """What of the declared tasks, and timeouts of runs, has changed since somebody looked."""
        now = self.declared()
        for dag, declared in now.items():
            if self.taken.get(dag, declared) != declared:
                self.noted.add("tasks changed")
                for run in [run for run in self.runs.values() if run.dag == dag and run.alive]:
                    self.declared_anew(run, is_new_life=False)
        self.taken |= now

    def declared(self):
        """The tasks and timeouts that are declared now."""
        return {dag: (self.specs.get(dag, {}), self.graph.dags[dag].timeout) for dag in self.graph.dags}

    def declared_anew(self, run, is_new_life):
        """A run under way goes on as its DAG is declared now; in a new life nobody has what is not."""
        declared = self.specs.get(run.dag, {})
        if declared != run.specs:
            self.noted.add("tasks changed under way" if not is_new_life else "tasks changed before a restart")
        for name, task in run.tasks.items():
            spec, planned = declared.get(name.partition("[")[0]), run.planned(name)
            if spec is not None and (kind(spec), spec.over) == (kind(planned), planned.over):
                task.gone, before = False, task.spec
                task.spec = attrs.evolve(spec, **{each: getattr(before, each) for each in PLANNED})
                if task.open is not None and not task.decided and (task.began or is_new_life):
                    self.time_attempt(task, before)
                if task.began and task.open is not None and not task.decided:
                    self.look_on(run, name, task, before, is_new_life)
            elif is_new_life and not task.final:
                self.is_gone(run, name, task)
        if not is_new_life:
            self.begin_without_worker([each for each in self.startable if each[0] is run])
        self.time_run(run)

    def is_gone(self, run, name, task):
        """Nobody can execute a task: its attempts fail at once. What was under way of it is lost."""
        self.noted.add("task gone")
        task.gone, task.began, task.owed = True, 0, False
        task.spec = attrs.evolve(Spec(), **{each: getattr(task.spec, each) for each in PLANNED})
        self.timers = [
            timer for timer in self.timers
            if timer[-1].what == "retry" or (timer[-1].run, timer[-1].task) != (run, name) or timer[-1] is run.started
        ]  # fmt: skip

    def time_run(self, run):
        """The timeout of a run is what is declared now, from its beginning on (R17)."""
        timeout = self.graph.dags[run.dag].timeout
        if timeout == run.timeout:
            return
        run.timeout = timeout
        self.timers = [timer for timer in self.timers if timer[-1] is not run.started]
        ended = [fact for fact in self.queue if fact.what == "cancelled" and fact.run is run]
        if timeout is not None and not self.has_passed(run.started.at + timeout, ended):
            self.set_timer(run.started.at + timeout, run.started)

    def has_passed(self, due, ended):
        """Whether an instant lies in what is decided, and an end is recorded already."""
        return due <= self.applied_at() and bool(ended)

    def time_attempt(self, task, before):
        """A wait under way, and what a process finds under way, has the timeout that is declared now."""
        if before.timeout != task.spec.timeout:
            self.timers = [timer for timer in self.timers if timer[-1] is not task.since]
            facts = [fact for fact in self.queue if fact.what == "finished" and fact.run is task.since.run]
            ended = [fact for fact in facts if (fact.task, fact.attempt) == (task.since.task, task.attempt)]
            if task.spec.timeout and not self.has_passed(task.since.at + task.spec.timeout, ended):
                task.since.round = task.since.run.round
                self.set_timer(task.since.at + task.spec.timeout, task.since)

    def look_on(self, run, name, task, before, is_new_life):
        """A wait under way looks as it is declared now, counted from its beginning."""
        began = task.since
        if before.poll != task.spec.poll:
            mine = [timer for timer in self.timers if timer[-1].what == "look" and timer[-1].run is run]
            self.timers = [timer for timer in self.timers if timer not in mine or timer[-1].task != name]
            if task.spec.poll:
                passed = self.applied_at() - began.at
                self.set_look(run, name, task, began.at + (passed // task.spec.poll + 1) * task.spec.poll)
        if is_new_life:  # what is owed, and what reacts, looks once the process has begun
            return
        if before.poke and not task.spec.poke and task.owed:
            self.startable.append((run, name))
        if not task.spec.poll and not task.spec.until and before != task.spec:
            self.look(run, name, task, len(self.facts) - len(self.queue))

    def applied_at(self):
        """The instant of the last fact that was decided."""
        return self.facts[len(self.facts) - len(self.queue) - 1].at
