"""Drives a circuit and the naive model side by side, and says where they part.

`Pair` plays one history on both: facts, ticks of time, gaps, faults, snapshots. What a fact looks like is `Fact`, and
`operations()` draws histories. The circuit is asked at each step to check itself (T1 and the cells' invariants).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from reactive_dag.model.records import Mark
from reactive_dag.model.times import HOUR, MINUTE, NEVER, SECOND
from reactive_dag.triggers.faults import CallableFault
from reactive_dag.triggers.firing import resolved
from reactive_dag.triggers.keys import key_text
from reactive_dag.triggers.machine.compiled import CompiledTrigger
from reactive_dag.triggers.machine.rollups import cells_of
from tests.reference.naive import Naive


class Fact(NamedTuple):
    """A dataset's event (`kind`), or a completion (`state`)."""

    source: object
    kind: str = "updated"
    state: str = ""
    extra: int = 0
    partition: str | None = None
    logical_date: int | None = None
    cascade: str = ""
    at: int = 0


def hits(circuit, fact):
    """The leaf parts that a fact comes in by."""
    return tuple(leaf.index for leaf in circuit.leaves if leaf.source == fact.source and leaf.takes(fact))


class Pair:
    """A circuit and its naive model. `faulty`: the functions raise for items whose number is a multiple of it."""

    def __init__(self, trigger, *, fast=True, max_pending=1_000_000, faulty=0, armed=True):
        self.trigger, self.fast, self.max_pending, self.faulty = trigger, fast, max_pending, faulty
        self.facts, self.now, self.told = [], 0, []
        self.circuit = self.compiled()
        self.naive = Naive(trigger, self.ask_naive, self.event_of, max_pending, self.name)
        if armed:
            self.circuit.arm(0, number=1)
            self.naive.arm(0, 1)
        self.compare([], [])

    def compiled(self):
        return CompiledTrigger(
            self.trigger,
            ask=self.ask,
            max_pending=self.max_pending,
            on_expired=lambda *told: self.told.append(told),
            identity=self.name,
            fast=self.fast,
        )

    def event_of(self, item):
        return item if isinstance(item, Mark) else self.facts[item]

    @staticmethod
    def name(item):
        return f"{item.kind}:{item.due}:{item.by}" if isinstance(item, Mark) else f"fact {item}"

    def ask(self, kind, fn, payload, item):
        return self.ask_naive(kind, fn, resolved(payload, self.event_of), item)

    def ask_naive(self, kind, fn, payload, item):
        newest = item[-1] if isinstance(item, list) else item
        if self.faulty and (newest.due // SECOND if isinstance(newest, Mark) else newest + 1) % self.faulty == 0:
            raise CallableFault(fn.text, fn.place, "it was to")
        return fn.fn(payload)

    # --- operations

    def publish(self, fact):
        item, fact = len(self.facts), fact._replace(at=self.now)
        self.facts.append(fact)
        found = hits(self.circuit, fact)
        if not found:
            return []
        got = self.circuit.feed(found, item, self.now, fact if self.circuit.needs_event else None)
        return self.compare(got, self.naive.feed(found, item, self.now, fact))

    def advance(self, span):
        end, fired = self.now + span, []
        while self.circuit.due <= end:
            self.now = self.circuit.due
            fired += self.compare(self.circuit.step(self.now), self.naive.step(self.now))
        self.now = end
        return fired

    def gap(self, span, catchup):
        self.circuit.gap(self.now, self.now + span, catchup, 3)
        self.naive.gap(self.now + span, {"one": 1, "all": 3, "none": 0}[catchup])
        self.compare([], [])
        return self.advance(span)

    def retry(self, faulty):
        self.faulty = faulty
        return self.compare(self.circuit.retry_parked(self.now, self.event_of), self.naive.retry(self.now))

    def go(self, *steps):
        """Facts (a letter is an event of the dataset of that name) and seconds to wait; gives all firings."""
        fired = []
        for step in steps:
            if isinstance(step, int):
                fired += self.advance(step * SECOND)
            else:
                fired += self.publish(Fact(step) if isinstance(step, str) else step)
        return fired

    def items(self, *steps):
        """The same, but only the items of each firing."""
        return [firing.items for firing in self.go(*steps)]

    def count(self, part=0):
        """The counts of a leaf part, without its text."""
        row = self.circuit.counts()[part]
        return row.delivered, row.consumed, row.pending, row.dropped

    def reopen(self):
        """A crash: only the snapshot is left."""
        kept = msgspec.msgpack.decode(msgspec.msgpack.encode(self.circuit.snapshot()))
        before = self.circuit.canonical(self.name)
        self.circuit = self.compiled()
        self.circuit.restore(kept)
        assert self.circuit.canonical(self.name) == before
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(self.circuit.snapshot())) == kept

    def play(self, operation):
        name, *arguments = operation
        return getattr(self, name)(*arguments)

    # --- comparison

    def compare(self, got, expected):
        circuit, naive = self.circuit, self.naive
        circuit._check()
        mapped = [
            (
                f.items, resolved(f.payload, self.event_of) if f.mapped else None, f.key, sorted(f.riders, key=str),
                [(r.key, missing_in(circuit, r), r.correction) for r in f.rolled],
            )
            for f in got or ()
        ]  # fmt: skip
        is_mapped = any(f.mapped for f in got or ())
        assert mapped == [
            (items, payload if is_mapped else None, key, sorted(set(items) - set(taken), key=str), last_said(rolled))
            for items, payload, key, taken, rolled in expected
        ]
        assert circuit.due == naive.due
        counts = [[c.delivered, c.consumed, c.pending, c.dropped] for c in circuit.counts()]
        assert counts == naive.counts(), self.trigger
        assert sorted([(part, key, item) for part, key, item in circuit.pending()], key=str) == naive.pending()
        texts = [
            (policy, repr_of(circuit, part), key_text(path), count) for policy, part, path, count in self.naive.told
        ]
        assert [(p, text if count else None, key, count) for p, text, key, count in self.told] == texts
        return got or []


def last_said(rolled):
    """What is said of each period last."""
    found = {}
    for place, key, missing, correction in rolled:
        found[place, key] = key, missing, correction
    return list(found.values())


def missing_in(circuit, rolled):
    """The finer partitions that a rollup says are missing."""
    cell = cells_of(circuit._scope)[rolled.place]
    return cell.lacking(str(rolled.key[-1]), rolled.missing, rolled.known)


def repr_of(circuit, part):
    return None if part is None else circuit.parts[part].text


DATES = (None, 0, HOUR, 30 * HOUR)
WEEKS = ("1969-W45", "1969-W46", "1969-W47", "1969-W48")
"""Those that begin in one month."""
PARTITIONS = (None, "1970-01-01", "1970-01-01", "1970-01-02", "1970-01-01T05+00:00", "x", *WEEKS)
DIMENSIONED = ("eu", "us", "eu|1970-01-01", "eu|1970-01-01", "us|1970-01-01", "eu|1970-01-02", "1970-01-01|eu", None)
SPANS = (0, SECOND, SECOND, 2 * SECOND, 3 * SECOND, 10 * SECOND, MINUTE)
FEW_DATES, FEW_PARTITIONS = (0, 0, HOUR, None), ("1970-01-01", "1970-01-01", "1970-01-02", None)


def sources_of(trigger):
    """What the leaves of a trigger are fed by; one that feeds none beside."""
    found = [leaf.source for leaf in CompiledTrigger(trigger).leaves]
    return sorted(set(found), key=str) or ["a"]


@st.composite
def facts(draw, sources, dimensions=False):
    """Facts of these sources, with few keys and dates, so that they meet."""
    n = draw(st.integers(0, 2**20 - 1))
    return Fact(
        source=sources[n % len(sources)],
        kind=("updated", "updated", "created", "deleted")[n >> 4 & 3],
        state=("success", "success", "failed", "success")[n >> 6 & 3],
        extra=n >> 8 & 3,
        partition=DIMENSIONED[n >> 10 & 7]
        if dimensions
        else (FEW_PARTITIONS if n >> 18 & 1 else PARTITIONS)[(n >> 10) % (4 if n >> 18 & 1 else 10)],
        logical_date=(FEW_DATES if n >> 19 & 1 else DATES)[n >> 14 & 3],
        cascade=("", "x")[n >> 16 & 1],
    )


def operations(sources, faults=False, min_size=0, dimensions=False):
    """Histories: mostly facts and little steps of time, so that windows close at the instant of a fact."""
    fact = facts(sources, dimensions).map(lambda fact: ("publish", fact))
    advance = st.sampled_from(SPANS).map(lambda span: ("advance", span))
    rare = [
        st.just(("reopen",)),
        st.tuples(st.just("gap"), st.sampled_from(SPANS), st.sampled_from(["one", "all", "none"])),
    ]
    if faults:
        rare.append(st.tuples(st.just("retry"), st.sampled_from([0, 2, 3])))
    return st.lists(st.one_of([fact] * 6 + [advance] * 3 + rare), min_size=min_size, max_size=40)


__all__ = ["NEVER", "Fact", "Pair", "facts", "hits", "operations", "sources_of"]
