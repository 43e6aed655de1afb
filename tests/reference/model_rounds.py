"""The part of the naive model that knows later rounds of runs (R10) and marks (R19).

What a round keeps is judged task by task; what becomes of its items, trigger by trigger: what one
holds of an earlier round is looked for everywhere in it; what its runs consumed, in all requests there ever were.
"""

from __future__ import annotations

from copy import copy

from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER
from tests.reference.model_parts import FINAL, WELL


class Rounds:
    """What a model does with rounds beyond the first."""

    # ------------------------------------------------------------------------------------- queue and begin

    def on_rerun(self, fact):
        fact.run.rounds.append(fact)
        if fact.run.state in FINAL:
            self.queue_round(fact.run)

    def on_mark(self, fact):
        run, runs = fact.run, fact.run.state == "running"
        if runs and fact.task and self.takes_mark(run, run.tasks.get(fact.task)):
            self.mark_task(run, fact.task, fact.state)
        elif runs and not fact.task and not run.cancelled and not all(each.final for each in run.tasks.values()):
            self.stop(run, fact)
        elif not fact.task and run in self.waiting.get(run.dag, ()) and run.request is None:
            self.end_waiting(run, fact.state)
        else:  # it has ended, or is to end otherwise; a whole round that is queued gives way
            if not fact.task and run in self.waiting.get(run.dag, ()):
                self.drop_round(run)
            self.on_rerun(fact)

    def takes_mark(self, run, task):
        """Whether nothing has said yet how a task ends."""
        left = task is not None and not task.final and task.given is None
        return left and (not run.cancelled or task.spec.teardown)

    def mark_task(self, run, name, state):
        """A task gets the state, and before it those instances of a mapped one that have none."""
        for each in [*(run.tasks[name].instances or ()), name]:
            task = run.tasks[each]
            if run.orphan and not task.final:
                task.state = state
            elif not task.final and task.given is None:
                attempt, task.retry = task.attempt if task.open is not None else 0, None
                task.asked, task.given = True, self.finished(run, each, state, attempt, marked=True)

    def queue_round(self, run):
        """The run has ended: the next of its rounds waits among others by when it was asked for."""
        run.request = None
        if not run.rounds:
            return
        run.request, run.rested = run.rounds.pop(0), (run.state, run.tasks)
        run.state, run.tasks, run.stopping = "queued", {}, None
        line = self.waiting.setdefault(run.dag, [])
        line.append(run)
        line.sort(key=lambda each: (each.request or each).number)
        if run.dag not in self.known:
            self.drop_round(run)

    def drop_round(self, run):
        """It does not happen, nor what waits behind it: the run is as it was."""
        self.waiting[run.dag].remove(run)
        run.state, run.tasks = run.rested
        for request in [run.request, *run.rounds]:
            self.is_settled(run, request, False)
        run.request, run.rounds = None, []
        self.round_ended(run, "cancelled", NEVER)

    def keep(self, run):
        """Of a run that begins a later round: take over what that does not do again."""
        before, request = run.rested[1], run.request
        again = again_of(run, request, before)
        there = {name: task for name, task in before.items() if name.partition("[")[0] in run.tasks}
        run.kept = {name: task for name, task in there.items() if self.is_kept(run, before, again, name)}
        for name in [name for name in run.tasks if name not in again]:
            run.tasks[name] = kept = copy(before[name])
            kept.spec = run.specs[name]
        for name in [name for name in run.tasks if name not in again]:
            run.tasks.update({each: before[each] for each in before[name].instances or ()})
            if before[name].spec.branch and before[name].state == "success" and not before[name].marked:
                run.choose(name, before[name].output)
        if request.what == "mark" and request.task:
            self.mark_again(run, request.task, request.state)
        elif request.what == "mark":
            self.stop(run, request)

    def mark_again(self, run, name, state):
        """A round begins with a mark: a mapped task has its instances at once, if its list is there."""
        mapped = name.partition("[")[0]
        if mapped not in run.tasks:
            return
        task = run.tasks[mapped]
        over = run.tasks.get(task.spec.over)
        if over is not None and over.final and (over.instances is not None or isinstance(over.output, list)):
            task.asked = True
            self.make_instances(run, mapped, task, over)
            if mapped != name and all(run.tasks[each].final for each in task.instances):
                self.gather(run, mapped, task)
        if name in run.tasks:
            self.mark_task(run, name, state)

    def is_beside(self, run, before, again, name):
        """Whether the round of a mark keeps an instance of a mapped task that is done again."""
        mapped, _, place = name.partition("[")
        marked, spec, state = run.request.task, run.tasks[mapped].spec, before[name].state
        if mapped == marked:
            return state in WELL
        if mapped == marked.partition("[")[0]:
            return name != marked
        above = f"{spec.over}[{place}"
        stays = spec.over not in again or (above in before and self.is_beside(run, before, again, above))
        return state == "success" or (stays and not any(need in again for need in spec.needs if need != spec.over))

    def is_kept(self, run, before, again, name):
        """Whether an instance of a mapped task that is done again keeps its end."""
        mapped, bracket, _ = name.partition("[")
        request, spec = run.request, run.tasks[mapped].spec
        if not bracket or mapped not in again or not (request.only or request.tasks):
            return False
        if request.what == "mark":
            return self.is_beside(run, before, again, name)
        others = [need for need in spec.needs if need != spec.over]
        if request.only and before[name].state not in WELL:
            return False
        if request.tasks and ({name, mapped} & {*request.tasks} or any(need in again for need in others)):
            return False
        if spec.over not in again:
            return spec.over in before
        return self.is_kept(run, before, again, f"{spec.over}[{name.partition('[')[2]}")

    # ------------------------------------------------------------------------------------- items

    def hits_again(self, station, fact, hits):
        """The parts to which the item of a later round is delivered; where an earlier one is held it is replaced."""
        old = {f.number for f in self.facts[: fact.number] if same_item(f, fact)}
        held = {(part, item) for part, item in station.holds() if item in old}
        for item in {item for part, item in held if part in hits}:
            holding = [part for part in hits if (part, item) in held]
            replace_item(self, station, item, fact.number, holding)
        requests = [f for f in [*self.facts, *self.out] if f.what == "requested" and f.dag == station.dag]
        consumed = {item for f in requests for item in f.causes if not isinstance(item, Mark)} & old
        having = {part for part, _ in held}.union(*(station.hits_of(self.facts[item]) for item in consumed))
        return [part for part in hits if part not in having]


def same_item(one, other):
    """Whether they are what two rounds made of one item."""
    return one.ident == other.ident and one.what == other.what


def again_of(run, request, before):
    """The tasks that a round does again, given those of the round before."""
    new = {name for name in run.specs if name not in before}
    if not request.only and not request.tasks:
        return {*run.specs}
    if request.what == "mark" and not request.task:
        return new
    if request.only and not request.tasks:
        again = {name for name in run.specs if name in new or before[name].state not in WELL}
    else:
        again = {name.partition("[")[0] for name in request.tasks}
    todo = [*again]
    marked = {*again} if request.what == "mark" else set()
    again |= new
    while todo:
        name = todo.pop()
        for follower in [each for each, spec in run.specs.items() if name in spec.needs]:
            stays = request.only and follower in before and before[follower].state == "success"
            if run.specs[follower].teardown and name not in marked:
                stays = False  # it cleans up whatever is done again
            if follower not in again and not stays:
                again.add(follower)
                todo.append(follower)
    return again


def replace_item(model, station, old, new, parts):
    """Put an item in the place of another in these leaf parts of a trigger; nothing fires, and no count changes."""
    naive, leaves = station.naive, [leaf for leaf, _ in station.naive.parts]
    events = model.facts[old], model.facts[new]

    def swap(part, item):
        return new if item == old and part in parts else item

    for given in [*station.held, *(each for node in naive.top.below() for each in node.own_pending())]:
        given.pairs, before = [(part, swap(part, item)) for part, item in given.pairs], given.pairs
        given.riders = [(part, swap(part, item)) for part, item in given.riders]
        if old not in given.all_items:
            given.payload = swapped(given.payload, *events)
        elif given.flat and len(given.payload) == len(before) and not given.riders:
            ends = zip(given.payload, before, given.pairs, strict=True)
            given.payload = [swapped(each, *events) if was != now else each for each, was, now in ends]
    naive.parked = [(part, swap(part, item), path) for part, item, path in naive.parked]
    station.backlog = [(leaf, swap(leaves.index(leaf), item)) for leaf, item in station.backlog]
    naive.fates = {(part, swap(part, item)): fate for (part, item), fate in naive.fates.items()}
    naive.more = {(part, swap(part, item)): fates for (part, item), fates in naive.more.items()}
    naive.last = max(naive.last, new)


def swapped(payload, old, new):
    if isinstance(payload, list):
        return [swapped(each, old, new) for each in payload]
    return new if payload is old else payload
