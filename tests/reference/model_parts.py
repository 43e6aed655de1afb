"""What the naive model of an engine is made of: facts, triggers in force, runs and their tasks."""

from __future__ import annotations

from collections import Counter

import attrs

from reactive_dag.model.records import Mark
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Updated
from reactive_dag.triggers.leaves.schedule import Scheduled
from tests.reference.naive import Naive, united

FAILED = ("failed", "upstream_failed", "cancelled")
WELL = ("success", "skipped")
FINAL = (*WELL, *FAILED)
LOST = 3


class Fact:
    """Something recorded, and what it is for a trigger: its source, kind or state, date, partition, cascade."""

    dag = source = extra = logical_date = partition = key = driving = group = rolled = None
    cascade = kind = state = ident = by = task = ""
    ending = "cancelled"
    durable, round = False, 1
    run = of = wave = parent = None
    replaced = ()
    awaits = None

    def __init__(self, what, at, **fields):
        self.what, self.at = what, at
        self.__dict__.update(fields)

    def __repr__(self):
        about = {k: v for k, v in self.__dict__.items() if k not in ("what", "durable", "number", "said")}
        return f"{self.what} {about}"


def told_by(item, facts):
    """What an item says of itself: date, partition, cascade."""
    if isinstance(item, Mark):
        return item.logical_date, item.partition, ""
    fact = facts[item]
    return fact.logical_date, fact.partition, fact.cascade or (fact.ident if fact.what == "published" else "")


# -------------------------------------------------------------------------------------------------- triggers


class Taking(Naive):
    """A naive trigger whose firings also say which deliveries they took; marks may be delivered to it anew."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.turned_away = []  # the ticks that a `.where` of it turned away

    def go(self, landing, now, path):
        self.step_number += 1
        fired = self.top.go(landing, now, path)
        for given in fired:
            for pair in given.pairs:
                self.move(pair, "consumed")
        return fired

    def drop(self, policy, pairs, path):
        if policy == "filtered":
            self.turned_away += [item.due for _, item in pairs if isinstance(item, Mark) and item.kind == "tick"]
        super().drop(policy, pairs, path)

    def feed(self, hits, item, now, event):
        for part in hits:
            self.fates[part, item] = "pending"
        if not isinstance(item, Mark):
            self.last = max(self.last, item)
        return self.looked(now, self.deliver(hits, item, now, event))


class Station:
    """A trigger of a DAG in force. `held`: firings that a pause holds. `stale`: its facts wait in `backlog`."""

    def __init__(self, model, dag, trigger, catchup):
        self.dag, self.trigger, self.model, self.catchup = dag, trigger, model, catchup
        self.naive = Taking(trigger, self.ask, self.fact, identity=model.identity)
        self.naive.turned_away = model.turned_away.setdefault(dag, [])
        self.naive.depth = self.depth
        self.held, self.stale, self.backlog, self.redefined = [], False, [], Counter()
        self.look(model.graph)

    def fact(self, number):
        return self.model.facts[number]

    def depth(self, part, item):
        return 1 + self.model.depth(item, self.dag, self.naive.parts[part][0])

    def look(self, graph):
        """See what of the graph a process has: the height, and whether the functions of this trigger are there."""
        declared = self.dag in graph.dags
        self.height = graph.height(self.dag) if declared else 0
        self.bound = declared and graph.effective(self.dag).get("") == self.trigger

    def ask(self, kind, fn, payload, item):
        if not self.bound:
            raise CallableFault(fn.text, "", "nobody has it any more")
        return fn.fn(payload)

    def hits_of(self, fact):
        """The leaf parts that a fact comes in by."""
        leaves = enumerate(leaf for leaf, _ in self.naive.parts)
        return [i for i, leaf in leaves if leaf.source == fact.source and takes(leaf, fact)]

    def hits(self, given, event, rides):
        """The leaf parts on one of these leaves' sources that take an event; where it `rides`, those that ride."""
        sources = [leaf.source for leaf in given]
        leaves = enumerate(leaf for leaf, _ in self.naive.parts)
        found = [i for i, leaf in leaves if leaf.source in sources and takes(leaf, event)]
        return [i for i in found if i in self.naive.riding or not rides]

    def holds(self):
        """What it holds, and what waits for it: leaf part and item."""
        parts = [leaf for leaf, _ in self.naive.parts]
        pairs = [pair for given in self.held for pair in given.pairs] + [(p, i) for p, _, i in self.naive.pending()]
        return pairs + [(parts.index(leaf), item) for leaf, item in self.backlog]

    def drop(self, policy, pairs):
        for pair in pairs:
            self.naive.move(pair, policy, "consumed")

    def let_go(self):
        """What a resume requests: all; one for each key, of each clock only the newest tick; or nothing."""
        held, self.held = self.held, []
        if self.catchup == "all":
            return held
        if self.catchup == "none":
            for given in held:
                self.drop("paused", given.pairs)
            return []
        by_key = {}
        for given in held:
            by_key.setdefault(given.key, []).append(given)
        return [self.newest_ticks(key, firings) for key, firings in by_key.items()]

    def newest_ticks(self, key, firings):
        pairs = [pair for given in firings for pair in given.pairs]
        ticks = [(p, i) for p, i in pairs if isinstance(self.naive.parts[p][0], Scheduled)]
        newest = [(part, max((i for p, i in ticks if p == part), key=lambda tick: tick.due)) for part, _ in ticks]
        old = [pair for pair in ticks if pair not in newest]
        self.drop("paused", old)
        all_of_them = united(firings)
        all_of_them.pairs = [pair for pair in all_of_them.pairs if pair not in old]
        all_of_them.key = key
        return all_of_them

    def counts(self):
        """Delivered, consumed, pending and dropped for each part; what a pause holds is pending."""
        held = Counter(part for given in self.held for part, _ in given.pairs)
        rows = [(d, c - held[i], p + held[i], drops) for i, (d, c, p, drops) in enumerate(self.naive.counts())]
        return rows + [(n, 0, 0, {"redefined": n}) for _, n in sorted(self.redefined.items())]


def takes(leaf, event):
    if isinstance(leaf, Updated):
        return event.kind in leaf.kinds
    return not isinstance(leaf, Completed) or event.state in leaf.states


# -------------------------------------------------------------------------------------------------- runs


@attrs.frozen
class Awaits:
    """A wait for a DAG, or for tasks of it, at a date so long before the own one; and what states mean to it.

    `match`: whose runs stand for the date. `also`: how long before lies a second one. `since`: only what ends after its
    beginning counts. `missing`: a date that nobody will request is waited for.
    """

    dag: str
    tasks: tuple = ()
    match: str = "exact"
    offset: int = 0
    states: tuple = ("success",)
    failed: tuple = FAILED
    skipped: tuple = ()
    also: int | None = None
    since: bool = False
    missing: bool = False


@attrs.frozen
class Spec:
    """A task as declared; `wait` says what it awaits: `Awaits`, or dataset, partitions, whether from its start."""

    needs: tuple = ()
    rule: str = "all_success"
    retries: int = 0
    delay: int = 0
    timeout: int | None = None
    priority: int = 0
    outlets: tuple = ()
    pool: str | None = None
    slots: int = 1
    over: str | None = None
    branch: bool = False
    teardown: bool = False
    wait: tuple | None = None
    until: bool = False
    poll: int = 0
    poke: bool = False
    soft: bool = False


def verdict(rule, needs):
    """Whether a task may go, given the states of what it needs (None: not ended): R4, rule by rule."""
    ended = [state for state in needs if state is not None]
    failed, good = any(state in FAILED for state in ended), "success" in ended
    waits = len(ended) < len(needs)
    unmet = "upstream_failed" if failed else "skipped"
    if rule == "all_success":
        return "upstream_failed" if failed else "wait" if waits else "ready" if set(ended) <= {"success"} else "skipped"
    if rule == "all_done":
        return "wait" if waits else "ready"
    if rule == "one_failed":
        return "ready" if failed or not needs else "wait" if waits else unmet
    if rule == "one_success":
        return "ready" if good or not needs else "wait" if waits else unmet
    if rule == "all_failed":
        mixed = any(state not in FAILED for state in ended)
        return "upstream_failed" if failed and mixed else "wait" if waits else unmet if mixed else "ready"
    if failed:
        return "upstream_failed"
    if waits:
        return "wait"
    return "ready" if rule == "none_failed" or good or not needs else unmet


class Task:
    """How a task of a run stands; `open` is since when its attempt is under way."""

    def __init__(self, spec):
        self.spec, self.state, self.asked, self.open, self.retry = spec, None, False, None, None
        self.attempt = self.fails = self.lost = 0
        self.output, self.instances, self.marked, self.given = None, None, False, None
        self.began, self.owed, self.decided = 0, False, False
        self.held, self.since, self.gone, self.awaits = None, None, False, None

    @property
    def final(self):
        return self.state in FINAL


class Run:
    """A run; `state` is what the table says."""

    def __init__(self, request):
        self.dag, self.key, self.number = request.dag, request.key, request.number
        self.driving, self.requested_by = request.driving or request.causes, request.causes
        self.causes, self.all_causes, self.standing = self.driving, self.requested_by, {}
        self.group, self.rolled = request.group, request.rolled
        self.at, self.height, self.tz = request.at, 0, ""
        self.state, self.tasks, self.began = "queued", {}, None
        self.cancelled = self.orphan = False
        self.stopping, self.unchosen = None, set()
        self.round, self.request, self.rounds, self.rested, self.kept, self.specs = 1, None, [], None, {}, {}
        self.tell(None, None, "")

    @property
    def alive(self):
        """Whether it runs, and somebody has its tasks."""
        return self.state == "running" and not self.orphan

    def tell(self, logical_date, partition, cascade):
        self.logical_date, self.partition, self.cascade = logical_date, partition, cascade

    def about(self):
        """What everything that comes of the run says of itself."""
        about = {"logical_date": self.logical_date, "partition": self.partition, "cascade": self.cascade}
        return {**about, "round": self.round}

    def begin(self, specs, fact):
        """A round begins with nothing done."""
        self.state, self.began, self.round, self.specs = "running", fact.number, fact.round, specs
        self.cancelled, self.unchosen, self.kept = False, set(), {}
        self.tasks, self.started, self.timeout = {name: Task(spec) for name, spec in specs.items()}, fact, None

    def planned(self, name):
        """The task of the plan that this one, or this instance, is."""
        return self.specs[name.partition("[")[0]]

    def choose(self, branch, output):
        """A branch succeeded: what directly follows it and is not behind what it chose is skipped."""
        chosen = self.behind(output)
        left = {name for name in self.followers(branch) if name not in chosen}
        self.unchosen |= {name for name in left if not self.tasks[name].spec.teardown}

    def needs(self, task):
        return [each.state if each.final else None for each in map(self.tasks.get, self.tasks[task].spec.needs)]

    def place(self, task):
        """Where a task stands among those that may start: priority, request, height, DAG, number, position."""
        run = self.at, self.height, self.dag, self.number
        return -self.tasks[task].spec.priority, *run, list(self.tasks).index(task)

    def outcome(self):
        tasks = {name: task for name, task in self.tasks.items() if "[" not in name}
        torn = {name for name, task in tasks.items() if task.spec.teardown}
        ends = [name for name in tasks if not self.followers(name)]
        if self.cancelled:
            return self.stopping.ending
        forgiven = {name for name in torn if tasks[name].state == "failed" and ends != [name]}
        if any(task.state in FAILED for name, task in tasks.items() if name not in forgiven):
            return "failed"
        work = [name for name in tasks if name not in torn and set(self.followers(name)) <= torn]
        return "skipped" if {tasks[name].state for name in work or ends} == {"skipped"} else "success"

    def followers(self, task):
        return [name for name, each in self.tasks.items() if task in each.spec.needs]

    def behind(self, tasks):
        """These tasks and all that follow them, directly or not."""
        found = set(tasks)
        while more := {name for task in found for name in self.followers(task)} - found:
            found |= more
        return found


class Job:
    """An attempt that was handed out."""

    def __init__(self, run, task, attempt):
        self.run, self.task, self.attempt, self.child = run, task, attempt, None
        self.gone = run.tasks[task].gone

    @property
    def over(self):
        """Whether its end is recorded, or another attempt took its place."""
        task = self.run.tasks.get(self.task)
        return task is None or task.open is None or task.attempt != self.attempt
