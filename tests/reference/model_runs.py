"""The half of the naive model that knows runs: queues, tasks, attempts, ends (R3 to R6).

`Runs` works on the facts and the lists of a `Model` (model_engine.py). Whatever happens to a task asks all of its run
again; nothing is counted.
"""

from __future__ import annotations

from collections import Counter

import attrs

from reactive_dag.engine.limits.slots import SUSPECT
from reactive_dag.model.times import NEVER
from tests.reference.model_dates import Dates
from tests.reference.model_parts import FINAL, LOST, WELL, Awaits, Job, Run, Task, verdict

SAID = {"kind": "updated", "extra": None, "partition": None, "logical_date": None}


class Runs(Dates):
    """What a model does with runs."""

    def on_requested(self, fact):
        run = self.runs[fact.key] = Run(fact)
        self.waiting.setdefault(run.dag, []).append(run)
        if run.dag in self.numbers and run.dag not in self.known:
            self.end_waiting(run)

    def height(self, dag):
        return self.graph.height(dag) if dag in self.graph.dags else 0

    def begin_runs(self):
        """All that is there is decided: runs begin that may, by the earlier request, height, DAG, number."""
        found = []
        ended = [self.overlap(dag) for dag in sorted(self.waiting)]
        for dag, waiting in self.waiting.items():
            declared = self.graph.dags.get(dag)
            if declared is not None and declared.overlap == "replace":
                waiting.sort(key=lambda run: run.request is not None)
            while waiting and declared is not None and dag not in self.paused:
                if declared.max_active_runs is not None and self.active[dag] >= declared.max_active_runs:
                    self.noted.add("queued behind a limit")
                    break
                run = waiting.pop(0)
                self.active[dag] += 1
                run.at = (run.request or run).at
                found.append((run.at, self.height(dag), dag, run.number, run))
        for *_, run in sorted(found, key=lambda each: each[:4]):
            if run.request is None:
                run.tell(*self.told(run))
            about = {"round": run.round + (run.request is not None), "specs": self.specs.get(run.dag, {})}
            self.push("run_started", run=run, dag=run.dag, **about)
        return bool(found) or any(ended)

    def overlap(self, dag):
        """Of the active and the queued runs of a DAG as many stay as may be: which ended, or are to (R6)."""
        declared, waiting = self.graph.dags.get(dag), [run for run in self.waiting[dag] if run.request is None]
        if declared is None or declared.overlap == "queue":
            return []
        limit = declared.max_active_runs
        if declared.overlap == "skip":
            rounds = len(self.waiting[dag]) - len(waiting)
            skipped = waiting[max(limit - self.active[dag] - rounds, 0) :]
            for run in skipped:
                self.end_waiting(run, "skipped")
            return skipped
        running = [run for run in self.runs.values() if run.dag == dag and run.alive]
        line = sorted(running, key=lambda run: run.number) + waiting
        replaced = line[: max(len(line) - limit, 0)] if waiting else []
        for at, run in enumerate(replaced):
            by = line[max(at + limit, len(running))].key
            if run in running:
                self.push("cancelled", run=run, by=by)
            else:
                self.end_waiting(run)
        return replaced

    def on_run_started(self, fact):
        run = fact.run
        run.begin(fact.specs, fact)
        if run.request is not None:
            self.take_up(run)
        stopping, run.orphan, run.height = run.stopping, run.dag not in self.graph.dags, self.height(run.dag)
        if fact.round > 1 and not run.orphan:
            self.keep(run)
        if not run.orphan:
            self.declared_anew(run, is_new_life=True)
        if run.orphan:
            self.end(run, "failed")
        elif stopping:
            self.stop(run, stopping)
        else:
            for task in [task for task, each in run.tasks.items() if not each.final]:
                self.consider(run, task)
        if not run.orphan and all(each.final for each in run.tasks.values()):
            self.end(run, run.outcome())
        self.tell_waits_for(run.dag)

    def consider(self, run, task):
        each = run.tasks[task]
        if each.asked or each.final:
            return
        judged = "skipped" if task in run.unchosen else verdict(each.spec.rule, run.needs(task))
        over = run.tasks.get(each.spec.over)
        if judged == "ready" and over is not None and (not over.final or (run.cancelled and not each.spec.teardown)):
            judged = "wait"  # for the list; in a cancelled run for its own end, which has no instances (R5)
        each.asked = judged != "wait"
        if judged == "ready" and over is not None:
            self.expand(run, task, each, over)
        elif judged == "ready":
            self.begin_wait(run, task)
        elif judged != "wait":
            self.finished(run, task, judged)

    def expand(self, run, task, each, over):
        """A mapped task goes: one instance for each item, or for each instance of a mapped one (R7)."""
        if over.instances is None and over.state != "success":
            return self.finished(run, task, "skipped" if over.state == "skipped" else "upstream_failed")
        if over.instances is None and not isinstance(over.output, list):
            return self.finished(run, task, "failed")
        above = self.make_instances(run, task, each, over)
        for name, item in zip(each.instances, above, strict=True):
            if name in run.kept:
                continue
            if over.instances and each.spec.rule == "all_success" and run.tasks[item].state == "skipped":
                self.finished(run, name, "skipped")
            else:
                self.startable.append((run, name))
        if all(run.tasks[name].final for name in each.instances):
            self.gather(run, task, each)
        return None

    def make_instances(self, run, task, each, over):
        """A mapped task has its instances, those that a round keeps as they ended; their items."""
        above = over.output if over.instances is None else over.instances
        each.instances, each.state = [f"{task}[{n}]" for n in range(len(above))], "running"
        for name in each.instances:
            run.tasks[name] = one = Task(attrs.evolve(each.spec, needs=(), over=None))
            one.asked, one.of, one.gone = True, task, each.gone
            run.tasks[name] = run.kept.get(name, one)
        return above

    def gather(self, run, task, each):
        states = [run.tasks[name].state for name in each.instances]
        bad = any(state not in ("success", "skipped") for state in states)
        self.finished(run, task, "failed" if bad else "skipped" if set(states) == {"skipped"} else "success")

    def dispatch(self, handed):
        """Give out slots: to runs, then to attempts, by priority, then as runs. A suspect goes alone (R5)."""
        if self.begin_runs():
            return True
        self.inflight = {at: task for at, task in self.inflight.items() if task.held.wait is None}
        waiting = sorted(self.startable, key=lambda each: each[0].place(each[1]))
        suspects = sum(task.lost >= SUSPECT for task in self.inflight.values())
        started, closed, jobs = False, self.take_back(), self.looks_of_holders()
        going_on = self.going_on()
        for run, task in waiting:
            suspect = run.tasks[task].lost >= SUSPECT
            if (run, task) in self.inflight or (suspect and suspects) or self.follows_a_body(run, task, going_on):
                continue
            spec = run.tasks[task].spec
            if spec.pool in closed or not self.has_slots(spec):
                closed.add(spec.pool)
                self.noted.add("pool full")
            else:
                suspects += suspect
                self.startable = [each for each in self.startable if each != (run, task)]
                self.inflight[run, task] = run.tasks[task]
                run.tasks[task].held = run.tasks[task].spec
                started = True
                if spec.wait is not None:
                    self.wait_from_now_on(run, task)
                    continue
                looks = run.tasks[task].open is not None  # in an attempt that is under way
                jobs.append(Job(run, task, run.tasks[task].attempt + (not looks)))
                if not looks:
                    self.push("task_started", run=run, task=task, attempt=jobs[-1].attempt)
        handed += jobs
        return started

    def going_on(self):
        """The bodies that were cut off, in this round or in one before, and have not returned."""
        away = {(job.run, job.task) for job in self.sitting}
        under_way = [(at, task) for at, task in self.inflight.items() if at not in away]
        return [(run, name) for (run, name), task in under_way if run.tasks.get(name) is not task or task.open is None]

    def follows_a_body(self, run, name, going_on):
        """Whether a task is a teardown that follows, directly or not, a body that was cut off and goes on (R18)."""
        above = [body.partition("[")[0] for of, body in going_on if of is run and run.tasks[name].spec.teardown]
        held = any(name in run.behind(run.followers(each)) for each in above)
        self.noted |= {"teardown waits for a body that goes on"} if held else set()
        return held

    def has_slots(self, spec):
        """Whether there is room in the pool of a task; a body that waits for a run has none."""
        away = {(job.run, job.task) for job in self.sitting}
        taken = [task.held for at, task in self.inflight.items() if at not in away and task.held.pool == spec.pool]
        taken += [task.spec for _, _, task in self.holding() if task.spec.pool == spec.pool]
        most = self.graph.pools[spec.pool].slots if spec.pool else NEVER
        return sum(each.slots for each in taken) + spec.slots <= most

    def take_back(self):
        """Bodies go on whose run has ended, or that are over, before other attempts; the pools that they wait for."""
        closed = set()
        for job in [*self.sitting]:
            child, spec = self.runs.get(job.child), self.inflight[job.run, job.task].held
            if job.over or (child is not None and child.state in FINAL):
                if spec.pool not in closed and self.has_slots(spec):
                    self.sitting.remove(job)
                    self.back.append(job)
                    self.noted.add("body over while it waits" if job.over else "body goes on")
                else:
                    closed.add(spec.pool)
                    self.noted.add("body waits for its pool")
        return closed

    def cut_off(self):
        """After a start: runs whose DAG is gone have failed, attempts that nobody executes are lost."""
        again, self.recovering = self.recovering, False
        orphans = [run for run in self.runs.values() if again and run.state == "running" and run.orphan]
        for run in sorted(orphans, key=lambda each: each.began):
            self.end(run, "failed")
        if again:
            for run, name, task in self.reacting((tuple, Awaits)):
                self.look(run, name, task, len(self.facts) - len(self.queue))
            self.owe_looks()
        running = [run for run in self.runs.values() if again and run.alive]
        for run in sorted(running, key=lambda each: each.began):
            for name in [name for name, task in run.tasks.items() if task.open is not None and not task.began]:
                self.finished(run, name, "lost", run.tasks[name].attempt, retry=True)
        return bool(self.queue)

    def on_task_started(self, fact):
        run, task = fact.run, fact.run.tasks[fact.task]
        if not run.alive:
            return
        task.asked, task.attempt, task.open, task.state = True, fact.attempt, fact.at, "running"
        task.since = fact
        if task.spec.wait is not None or task.spec.until:
            self.waiting_began(fact, run, task)
        elif task.spec.timeout:
            fact.round = run.round
            self.set_timer(fact.at + task.spec.timeout, fact)

    def finished(self, run, task, state, attempt=0, retry=False, after=None, publishes=None, output=None, marked=False):
        about = {"ident": f"{run.key}/{task}", "source": (run.dag, task), "state": state, "output": output}
        rest = {"attempt": attempt, "retry": retry, "after": after, "publishes": publishes, "marked": marked}
        return self.push("finished", run=run, task=task, **about, **run.about(), **rest)

    def on_finished(self, fact):
        run, task = fact.run, fact.run.tasks.get(fact.task)
        goes_on = not run.cancelled or (task is not None and task.spec.teardown)
        if run.alive and task.given is not None:
            goes_on = True
            if fact is not task.given:
                return  # somebody decided before what its end is
        if run.orphan and task is not None and not task.final:
            self.note_of_orphan(run, task, fact)
        if not run.alive or task.final or (not goes_on and fact.state != "cancelled"):
            return
        if fact.attempt and (task.attempt != fact.attempt or task.open is None):
            return
        if fact.state == "lost":
            self.on_lost(run, fact.task, task)
        elif fact.state == "failed" and fact.retry and task.fails < task.spec.retries and goes_on:
            task.open, task.lost, task.fails, task.state, task.owed = None, 0, task.fails + 1, "retrying", False
            self.startable = [each for each in self.startable if each != (run, fact.task)]
            due = fact.at + (task.spec.delay if fact.after is None else fact.after)
            self.push("retry", run=run, task=fact.task, attempt=fact.attempt + 1, due=due)
        else:
            self.settle(run, task, fact)

    def note_of_orphan(self, run, task, fact):
        """An end in a run whose DAG is gone: nothing follows."""
        again = fact.state == "lost" or (fact.state == "failed" and fact.retry and task.fails < task.spec.retries)
        late = fact.attempt and (task.attempt != fact.attempt or task.open is None)
        if not again and not late and task.given in (None, fact) and (not run.cancelled or fact.state == "cancelled"):
            task.state = fact.state

    def on_lost(self, run, name, task):
        task.open, task.lost = None, task.lost + 1
        if task.lost >= LOST:
            self.finished(run, name, "failed")
        else:
            task.state = None
            self.startable.append((run, name))

    def on_retry(self, fact):
        task = fact.run.tasks[fact.task]
        if fact.run.alive and not task.final:
            task.retry = fact
            self.set_timer(fact.due, fact)

    def settle(self, run, task, fact):
        task.state, task.open, task.retry, task.owed = fact.state, None, None, False
        if (run, fact.task) in self.startable:
            self.startable.remove((run, fact.task))
        if fact.state == "success":
            said = fact.publishes
            outlets = (task.held or task.spec).outlets if fact.attempt else task.spec.outlets
            self.put_of(run, fact.task, [(uri, None, None) for uri in outlets] if said is None else said)
        task.output, task.marked = fact.output, fact.marked
        if task.spec.branch and fact.state == "success" and not fact.marked:
            run.choose(fact.task, fact.output)
        self.deliver(fact)
        if "[" in fact.task:
            mapped = run.tasks[task.of]
            if not mapped.final and mapped.given is None and all(run.tasks[name].final for name in mapped.instances):
                self.gather(run, task.of, mapped)
        self.tell_waits_for(run.dag, fact.task)
        for name in run.followers(fact.task):
            self.consider(run, name)
        if all(each.final for each in run.tasks.values()):
            self.end(run, run.outcome())

    def put_of(self, run, task, events):
        """The events of a success; a key that is known gives none."""
        numbers = Counter()
        for uri, extra, key in events:
            said = {**SAID, "extra": extra, "partition": run.partition, "logical_date": run.logical_date}
            known = key is not None and (uri, key) in self.keys
            if known and (run.round == 1 or self.givers.get((uri, key)) != (run.key, task)):
                if self.keys[uri, key] != said:
                    self.push("conflict", key=key)
                continue
            ident = f"{run.key}/{task}/{uri}#{numbers[uri]}"
            numbers[uri] += 1
            if not known:
                self.givers[uri, key] = run.key, task
            about = {"said": said, "cascade": run.cascade, "round": run.round, "run": run}
            self.push("published", ident=ident, source=uri, key=key, **about, **said)

    def end(self, run, state):
        self.push("run_finished", ident=f"{run.key}/", source=(run.dag, None), run=run, state=state, **run.about())

    def on_run_finished(self, fact):
        run = fact.run
        if run.state == "running":
            self.active[run.dag] -= 1
        was, run.state = run.state, fact.state
        self.startable = [each for each in self.startable if each[0] is not run]
        if fact.state == "success":
            self.succeeded(run)
        if was == "running" and fact.state == "success" and run.dag in self.graph.dags:
            outlets = [outlet.uri for outlet in self.graph.dags[run.dag].outlets]
            self.put_of(run, "", [(uri, None, None) for uri in outlets])
        self.tell_waits_for(run.dag)
        self.is_settled(run, run.request, fact.state in WELL)
        self.queue_round(run)
        self.round_ended(run, fact.state, fact.round)
        self.deliver(fact)

    def on_cancelled(self, fact):
        run = fact.run or self.runs.get(fact.key)
        if fact.of is not None:
            self.end_backfill(fact.of)
        elif run.state == "running":
            self.stop(run, fact)
        elif run in self.waiting.get(run.dag, ()):
            self.end_waiting(run)
        elif run.state == "queued":
            run.stopping = fact

    def stop(self, run, fact):
        again = run.cancelled
        run.cancelled, run.stopping = True, run.stopping or fact
        for name, task in () if run.orphan else run.tasks.items():
            if not task.final and task.given is None and (again or not task.spec.teardown):
                task.retry = None
                given = self.finished(run, name, "cancelled", task.attempt if task.open is not None else 0)
                task.given = given if task.spec.teardown else None

    def end_waiting(self, run, state="cancelled"):
        if run.request is not None:
            self.drop_round(run)
            return
        self.waiting[run.dag].remove(run)
        run.tell(*self.told(run))
        self.end(run, state)
