"""`engine.pending`: what a DAG's triggers hold and wait for, in public words (T1).

O(items pending); reads the counts of the compiled triggers, keeps none.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import attrs

from reactive_dag.declare.internals import analysis_of
from reactive_dag.engine.deciding.router import ActiveTrigger
from reactive_dag.engine.fold.fold import Fold
from reactive_dag.engine.inspect.trigger_tree import TriggerTree, tree_of
from reactive_dag.engine.items.events import event_of
from reactive_dag.engine.tasks.watches import Watch
from reactive_dag.model import pictures
from reactive_dag.model.event import Event
from reactive_dag.model.payload import PlainForm
from reactive_dag.model.records import (
    FACTS,
    EngineStarted,
    Item,
    KeyConflict,
    Mark,
    ObserverFault,
    OnceDone,
    Slept,
    Tick,
    TriggerFault,
    ValueSet,
)
from reactive_dag.model.text import counted, first_of, one_line
from reactive_dag.model.times import NEVER, format_time, from_datetime, to_datetime

_OF_THE_LOG = (EngineStarted, KeyConflict, ObserverFault, OnceDone, Slept, Tick, ValueSet)
"""Facts that nobody waits to be decided: an engine that was opened again, time that passed."""


@attrs.frozen
class Part(PlainForm):
    """One leaf part: how many items it was given, and where they went. delivered = consumed + pending + dropped.

    `items` are pending; those of them that are `parked` wait for nothing but `engine.retry_faults`: a callable raised.
    """

    trigger: str
    text: str
    delivered: int
    consumed: int
    pending: int
    dropped: dict[str, int]
    items: list[Event]
    parked: list[Event] = attrs.field(factory=list)

    def __str__(self) -> str:
        parked = f" ({len(self.parked)} parked)" if self.parked else ""
        drops = "".join(f", {count} {policy}" for policy, count in sorted(self.dropped.items()))
        taken = f"{self.delivered} delivered, {self.consumed} consumed"
        return f"{self.text}: {taken}, {self.pending} pending{parked}{drops}"


@attrs.frozen
class Waiting(PlainForm):
    """A wait that is under way: whose it is, what it awaits (`dag` or `dataset`), and what it last saw.

    One that looks each `poll` (`mode` is "poke" or "reschedule") has made so many `looks`, the last one at `looked`.
    """

    run: str
    task: str
    dag: str
    why: str
    mode: str = ""
    looks: int = 0
    looked: datetime | None = None
    dataset: str = ""

    def __str__(self) -> str:
        at = (
            ""
            if self.looked is None
            else f" ({self.mode}: look {self.looks} at {format_time(from_datetime(self.looked))})"
        )
        return one_line(f"{self.task} of run {self.run[:8]} waits: {self.why}{at}")


@attrs.frozen(repr=False)
class Gathering(PlainForm):
    """A period of a rollup that has something and has not fired (T18).

    `there` says how many of its finer partitions are, `missing` which are not; `due`: when it fires without them.
    """

    trigger: str
    group: list[object]
    partition: str
    there: int
    missing: list[str]
    due: datetime | None

    def __str__(self) -> str:
        when = "" if self.due is None else f"; without at {format_time(from_datetime(self.due))}"
        group = " / ".join(map(str, [*self.group, self.partition]))
        there = f"{self.there} of {self.there + len(self.missing)} there"
        return one_line(f"{group}: {there}, missing {first_of(self.missing)}{when}")

    __repr__ = __str__


@attrs.frozen(repr=False)
class Pending(PlainForm):
    """What a DAG holds and waits for.

    `parts`: its leaf parts; `joins`: how each trigger joins (T8); `held`: firings that a pause holds back; `waits`: the
    waits of its live runs; `queued`: runs that have not begun; `undecided`: records that the engine has not looked at
    yet, since it was not driven; `deadline`: when the next deadline of the DAG is due;
    `backfills`: how those of the DAG stand that have not ended; `gathering`: periods of rollups that are half there;
    `faults`: what raised on the items that are parked (T10); `trees`: the triggers, by label, with what is pending.
    """

    dag: str
    parts: list[Part]
    joins: dict[str, str]
    held: int
    waits: list[Waiting]
    queued: int
    paused: bool
    undecided: int = 0
    deadline: datetime | None = None
    backfills: list[str] = attrs.field(factory=list)
    gathering: list[Gathering] = attrs.field(factory=list)
    faults: list[str] = attrs.field(factory=list)
    trees: dict[str, TriggerTree] = attrs.field(factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.dag}:" + (" paused" if self.paused else "")]
        lines.extend(f"  {part}" for part in self.parts)
        lines.extend(f"  {text}" for text in self.faults)
        lines.extend(f"  joined: {text}" for text in self.joins.values() if text)
        lines.extend(f"  {period}" for period in self.gathering)
        lines.extend(f"  {wait}" for wait in self.waits)
        if self.held:
            lines.append(f"  {counted(self.held, 'firing')} held by the pause")
        if self.queued:
            lines.append(f"  {counted(self.queued, 'run')} queued")
        if self.deadline is not None:
            lines.append(f"  a deadline at {format_time(from_datetime(self.deadline))}")
        lines.extend(f"  {text}" for text in self.backfills)
        if self.undecided:
            lines.append(f"  records not decided yet: {self.undecided}; engine.run_until_idle()")
        return "\n".join(map(one_line, lines))

    __repr__ = __str__

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Pending", self)


def pending(fold: Fold, dag: str) -> Pending:
    """What the triggers of `dag` hold, and what its runs wait for. O(items pending)."""
    triggers = fold.router.of(dag)
    parts = [part for active in triggers for part in _parts(fold, active)]
    counts = [(part.trigger, part.text, part.pending) for part in parts]
    rules = analysis_of(fold.graph).effective(dag)  # of the graph as it is now: a change may not be taken up yet
    joins = {active.label: rules[active.label][1] if active.label in rules else "" for active in triggers}
    waits = [_watching(fold, watch) for watch in fold.waits.watches.of_waiter(dag)]
    waits += _looking(fold, dag)
    live = [run for offset in list(fold.runs.flow.past.of_run) if (run := fold.runs.live[offset]).started.dag == dag]
    waits += [
        Waiting(run.started.key, run.plan.ids[index], dag, why)
        for run in live
        for index, why in fold.runs.flow.past.reasons(run, fold.by_date).items()
    ]
    waits += [
        Waiting(run.started.key, run.plan.ids[index], dag, why)
        for run, index, why in fold.slots.waiting_for_pools()
        if run.started.dag == dag
    ]
    waits += _behind_waits(fold, dag)
    held = sum(len(active.held) for active in triggers)
    queued = len(fold.slots.queues.get(dag, ()))
    due = fold.deadlines.next_of(dag)
    return Pending(
        dag,
        parts,
        joins,
        held,
        waits,
        queued,
        dag in fold.slots.paused,
        undecided(fold),
        due,
        fold.backfills.texts(dag),
        [period for active in triggers for period in gathering(active)],
        [text for active in triggers for text in faults(fold, active, [item for _, item in active.circuit.parked])],
        {
            active.label: tree_of(active.trigger, [(text, n) for label, text, n in counts if label == active.label])
            for active in triggers
        },
    )


def _watching(fold: Fold, watch: Watch) -> Waiting:
    """A wait for what is recorded. O(1)."""
    looking, wait = fold.waits.looks.of_place.get(watch.place), watch.wait
    uri = "" if wait.dataset is None else wait.dataset.uri
    looks, at = (0, None) if looking is None else (looking.number, to_datetime(looking.at))
    return Waiting(watch.run.started.key, wait.id, wait.dag, fold.waits.seen(watch), wait.mode, looks, at, uri)


def _looking(fold: Fold, dag: str) -> list[Waiting]:
    """The tasks of a DAG whose functions look until they give something true (R29). O(waits that look)."""
    found = []
    for each in fold.waits.looks:
        until, begun = each.run.arrays.untils[each.index], each.run.started
        if until is not None and begun.dag == dag:
            looked, why = (to_datetime(each.at), each.seen) if each.number else (None, "its first look")
            name = each.run.arrays.ids[each.index]
            found.append(Waiting(begun.key, name, "", why, until.mode, each.number, looked))
    return found


def _behind_waits(fold: Fold, dag: str) -> list[Waiting]:
    """What of a DAG cannot start as long as waits hold workers (R27): nobody else says so. O(attempts that wait)."""
    holding = list(fold.waits.looks.holding.values())
    if not holding:
        return []
    named = ", ".join(sorted({f"{each.run.started.dag}.{each.run.plan.ids[each.index]}" for each in holding})[:3])
    more = f" and {len(holding) - 3} more" if len(holding) > 3 else ""
    found = []
    for offset, index in sorted(fold.slots.startable):
        run = fold.runs.live[offset]
        if run.started.dag == dag and run.arrays.pools[index] is None:
            why = f"a worker; waits in mode 'poke' hold some: {named}{more}"
            found.append(Waiting(run.started.key, run.plan.ids[index], dag, why))
    return found


def gathering(active: ActiveTrigger, date: int | None = None) -> list[Gathering]:
    """The periods of a trigger's rollups that have something and have not fired, of a date or of all. O(keys)."""
    return [
        Gathering(
            active.label, [*period.key[:-1]], str(period.key[-1]), period.there, period.missing,
            None if period.due >= NEVER else to_datetime(period.due),
        )
        for period in active.circuit.gathering()
        if date is None or period.start <= date < period.end
    ]  # fmt: skip


def undecided(fold: Fold) -> int:
    """How many facts no decision covers yet, since the engine was not driven, but for the log's own. O(result)."""
    to_come = fold.log.read(fold.cursor, fold.log.next_offset)
    return sum(isinstance(record, FACTS) and not isinstance(record, _OF_THE_LOG) for record in to_come)


def faults(fold: Fold, active: ActiveTrigger, parked: list[Item]) -> list[str]:
    """What raised on items that a trigger has parked (T10), each function once. O(records since the first of them)."""
    if not parked:
        return []
    first = min((item for item in parked if not isinstance(item, Mark)), default=0)
    found: dict[str, int] = {}
    for _, records in fold.log.segments_from(first):
        for record in records:
            if isinstance(record, TriggerFault) and (record.dag, record.label) == (active.dag, active.label):
                text = f"{record.function} ({record.place}) raised {record.error}"
                found[text] = found.get(text, 0) + 1
    return [f"{text}; mend it, then engine.retry_faults({active.dag!r})" for text in found]


def _parts(fold: Fold, active: ActiveTrigger) -> list[Part]:
    items: dict[int, list[Event]] = {}
    parked: dict[int, list[Event]] = {}
    for index, _, item in active.circuit.pending():
        items.setdefault(index, []).append(event_of(fold.identities, item))
    for index, item in active.circuit.parked:
        parked.setdefault(index, []).append(event_of(fold.identities, item))
    held = Counter(part for firing in active.held for part in firing.parts)
    parts = [
        Part(active.label, count.text, count.delivered, count.consumed - held[index], count.pending + held[index],
             dict(count.dropped), items.get(index, []), parked.get(index, []))
        for index, count in enumerate(active.circuit.counts())
    ]  # fmt: skip
    gone = [Part(active.label, text, n, 0, 0, {"redefined": n}, []) for text, n in active.redefined.items()]
    return [*parts, *gone]
