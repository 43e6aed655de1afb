"""The graph that an engine and its naive model share (twins.py), and how its DAGs are declared from plain specs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta

import reactive_dag as rd
from reactive_dag.model.errors import GraphError
from reactive_dag.model.records import Mark
from reactive_dag.model.times import SECOND, parse_time
from tests.reference.model_parts import Awaits
from tests.support.declared import BEFORE, OPTIONS, POOLS, SPECS
from tests.support.strategies import DATASETS, PARTITIONED


class TwinGraph(ABC):
    """The graph, with its DAGs as they are at first; `specs` are their tasks, `options` their settings."""

    def __init__(self):
        self.graph, self.specs, self.options = rd.Graph("twins"), dict(SPECS), dict(OPTIONS)
        for dataset in (*DATASETS, *PARTITIONED):
            self.graph.dataset(dataset.uri, partitions=dataset.partitions)
        for pool, slots in POOLS.items():
            self.graph.pool(pool, slots)
        a, b = self.graph.dataset("a"), self.graph.dataset("b")
        self.declare("p", rd.updated(a))
        self.declare("q", rd.completed("p", states="any"))
        self.declare("r", rd.every("7s") | rd.updated(b))
        self.declare("s", None)
        self.declare("k", rd.updated(self.graph.dataset("e")).batch(count=2).by("region"))
        self.declare("w", rd.updated(a))
        self.declare("v", rd.updated(a))
        self.declare("m", rd.every("7s").where(is_odd_tick))
        self.declare("n", rd.updated(self.graph.dataset("c")) | rd.every("7s"))
        self.declare("l", rd.every("7s"))
        self.declare("y", rd.updated(a) | rd.every("9s"))

    def declare(self, dag, trigger):
        """Declare a DAG; False where T8 or a cycle forbids it."""
        options = dict(self.options.get(dag, {}))
        options["outlets"] = [self.graph.dataset(uri) for uri in options.get("outlets", ())]
        before = self.graph.dags.get(dag)
        try:
            new = rd.Dag(dag, on=trigger, **options) if trigger is not None else rd.Dag(dag, **options)
            for name, spec in self.specs[dag].items():
                self.add(new, name, spec)
            self.graph.register(new, replace=True)
            self.graph.effective(dag)
        except (GraphError, rd.InvalidValue):
            if before is not None:
                self.graph.register(before, replace=True)
            elif dag in self.graph.dags:
                self.graph.remove(dag)
            return False
        return True

    def add(self, dag, name, spec):
        """Add a task to a DAG."""
        timeout = None if spec.timeout is None else f"{spec.timeout / SECOND}s"
        how = {"retries": spec.retries, "retry_delay": f"{spec.delay / SECOND}s", "timeout": timeout}
        mode = {"mode": "reschedule", "poll": f"{spec.poll // SECOND}s"} if spec.poll else {}
        mode |= {"mode": "poke", "pool": spec.pool, "slots": spec.slots, "priority": spec.priority} if spec.poke else {}
        if isinstance(spec.wait, Awaits):
            wait = spec.wait
            date = timedelta(seconds=wait.offset // SECOND) if wait.offset else "same"
            date = date if wait.also is None else own_and_before
            counts = {"since": "start" if wait.since else None, "missing": "wait" if wait.missing else "error"}
            sets = {"states": wait.states, "failed_states": wait.failed, "skipped_states": wait.skipped}
            dag.wait_for(wait.dag, tasks=[*wait.tasks] or None, id=name, logical_date=date, match=wait.match,
                         soft_fail=spec.soft, **sets, **counts, **mode, **how)  # fmt: skip
        elif spec.wait is not None:
            uri, partition, since = spec.wait
            dag.wait_for(self.graph.dataset(uri), id=name, partition=partition, since="start" if since else None,
                         soft_fail=spec.soft, **mode, **how)  # fmt: skip
        elif spec.until:
            dag.wait_until(lambda run: self.body(run), id=name, soft_fail=spec.soft, **mode, **how)
        else:
            outlets = [self.graph.dataset(uri) for uri in spec.outlets]
            dag.add(lambda run: self.body(run), id=name, after=spec.needs, priority=spec.priority,
                    outlets=outlets, pool=spec.pool, slots=spec.slots, **_special(spec), **how)  # fmt: skip

    @abstractmethod
    def body(self, run):
        """What every task does."""


def own_and_before(date):
    """The dates that a wait for two awaits."""
    return [date, date - timedelta(seconds=BEFORE // SECOND)]


def is_odd_tick(tick):
    """Whether a tick is one of every second; a mark and an event tell its instant in words of their own."""
    date = tick.due if isinstance(tick, Mark) else parse_time(tick.logical_date)
    return date // (7 * SECOND) % 2 == 1


def _special(spec):
    """The options of a task that only some have."""
    over = {} if spec.over is None else {"map_over": spec.over}
    rule = {"teardown": True} if spec.teardown else {"trigger_rule": spec.rule}
    return {**over, **rule, "branch": spec.branch}
