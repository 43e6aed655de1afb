"""What a run says of itself, from its causes: logical date, partition, cascade (R1, T8, T18, T19)."""

from __future__ import annotations

from reactive_dag.model.calendar import Calendar
from reactive_dag.model.records import Mark
from reactive_dag.triggers.functions.rollup import Rollup
from reactive_dag.triggers.leaves.dataset import Updated
from tests.reference.model_parts import told_by
from tests.reference.naive import riders_of
from tests.reference.naive_given import dimensions, is_dimension, key_of, leaf_places, time_of


class Dates:
    """A part of the model of an engine: `graph` and `facts` are its own."""

    def told(self, run):
        """The logical date, partition and cascade of a run, from its causes (R1, T8); alone, if its DAG is gone."""
        periods, others = run.rolled or ([], run.causes)
        causes = [*periods, *(told_by(item, self.facts) for item in others)]
        dates = [date for date, _, _ in causes if date is not None]
        partitions = {partition for _, partition, _ in causes if partition is not None}
        cascades = {cascade for _, _, cascade in causes}
        is_child = any(isinstance(item, int) and self.facts[item].what == "start" for item in run.causes)
        declared = run.dag in self.graph.dags
        inherits = declared and len(cascades) == 1 and (is_child or run.dag not in self.graph.origins(run.dag))
        cascade = (next(iter(cascades)) if inherits else "") or run.key
        key, start = self.period(run) if declared else (None, None)
        if key is not None and run.rolled:
            return max(dates), key, cascade
        if key is not None and start is not None:
            return dates[0] if len(set(dates)) == 1 else start, key, cascade
        if dates:
            return max(dates), key or (partitions.pop() if len(partitions) == 1 else None), cascade
        partition = key or (partitions.pop() if len(partitions) == 1 else None)
        said = [self.period_of(item) for item in run.causes if told_by(item, self.facts)[1] is not None]
        periods = {each for each in said if each != "static"}
        period = periods.pop() if len(periods) == 1 else None
        return None if period is None else period[1], partition, cascade

    def period_of(self, item):
        """The calendar of an item's partition, and when its period begins (T19)."""
        uri = None if isinstance(item, Mark) else self.facts[item].source
        of = self.graph.datasets[uri].partitions if uri in self.graph.datasets else None
        start = time_of(of, text := told_by(item, self.facts)[1])
        return (of.calendar, start) if start is not None else "static" if dimensions(of, text) else None

    def period(self, run):
        """The one partition, with its start, to which all causes belong under a trigger keyed by dimensions (T19)."""
        trigger = self.graph.dags[run.dag].triggers.get("")
        if trigger is None or any(isinstance(i, int) and self.facts[i].what == "start" for i in run.causes):
            return None, None
        riders = [*riders_of(trigger)]
        places = [
            (p, leaf, bys) for p, leaf, bys, _ in leaf_places(trigger) if not any(p[: len(r)] == r for r in riders)
        ]
        around = {keys_around(bys) for _, _, bys in places}
        if len(around) != 1 or not (keys := around.pop()) or not all(is_dimension(key) for key in keys):
            return None, None
        groups = {tuple(self.key_of(key, item, places) for key in keys) for item in run.causes}
        texts = run.group if run.group else groups.pop() if len(groups) == 1 else (None,)
        if None in texts:
            return None, None
        calendars = [self.calendar_of(key, places) for key in keys]
        if sum(each is not None for each in calendars) > 1:  # no dataset is divided so
            return None, None
        starts = [each.start(text) for each, text in zip(calendars, texts) if each is not None]
        return "|".join(texts), starts[0] if starts else None

    def calendar_of(self, key, places):
        if isinstance(key, Calendar):
            return key
        known = [leaf.dataset.partitions for _, leaf, _ in places if isinstance(leaf, Updated)]
        return next((each for of in known for each in of.dimensions if each.name == key and each.calendar), None)

    def key_of(self, key, item, places):
        if isinstance(item, Mark):
            return key_of(key, None, item, undated=item.kind == "missed")
        fact = self.facts[item]
        leaf = next((leaf for _, leaf, _ in places if leaf.source == fact.source), None)
        return key_of(key, leaf, fact, undated=True)


def keys_around(bys):
    """The keys under which a leaf part stands, down to a rollup: what stands below that is of its period."""
    found = []
    for by in bys:
        if isinstance(by, Rollup):
            return (*found, *([] if by.coarse in found else [by.coarse]))
        found += by.keys
    return tuple(found)
