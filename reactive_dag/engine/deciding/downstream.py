"""Reruns with what follows: each run that consumed a replaced item gets a round, once, after all its causes (R10).

Owns the *waves*: of each rerun with `downstream` the runs that it can reach, how far they are, and the items that their
rounds made. Invariants: a run of a wave is decided once, when all runs of the wave that made its causes are; one behind
a failed round is left as it was. A consumer is known when it is decided: `RoundSettled` is a decision, behind all
decisions that the items before it led to. Costs what the wave reaches: O(runs + their causes).
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from reactive_dag.engine.deciding.router import Router
from reactive_dag.engine.facts.outbox import Outbox
from reactive_dag.engine.items.events import subject_of
from reactive_dag.engine.items.identity import Identities, made
from reactive_dag.engine.runs.consumers import Consumers
from reactive_dag.engine.table.rounds import Rounds
from reactive_dag.model.records import (
    AnyRecord,
    Mark,
    Published,
    RerunRequested,
    RoundSettled,
    RunFinished,
    RunRequested,
    TaskFinished,
)

WAITING, UNDER_WAY, WELL, LEFT, SAME = "waiting", "under way", "well", "left", "same"
"""A run of a wave: undecided; its round is asked for; that ended well; it is left as it was; nothing of it changed."""
ENDED_WELL = frozenset({"success", "skipped"})

RoundItem = tuple[str, str, int, int]
"""Task, dataset, number, offset of an item that a round made."""


class Wave(msgspec.Struct, array_like=True):
    """The runs that one rerun with `downstream` reaches, each with how far it is; what their rounds made."""

    runs: dict[int, str] = {}
    items: dict[int, list[RoundItem]] = {}


DownstreamSnapshot = tuple[dict[int, Wave], dict[int, int]]
"""The waves, and the wave of each run whose round has ended and is not settled."""


class Downstream:
    """The waves of one engine, by the offset of the request that began each."""

    def __init__(
        self, outbox: Outbox, identities: Identities, router: Router, rounds: Rounds, consumers: Consumers
    ) -> None:
        self.outbox = outbox
        self.identities = identities
        self.router = router
        self.rounds = rounds
        self.consumers = consumers
        self.waves: dict[int, Wave] = {}
        self._ended: dict[int, int] = {}
        """The wave of each run whose round has ended and is not settled: what its DAG publishes belongs to it."""

    # ------------------------------------------------------------------------------------- what rounds make

    def note(self, offset: int, fact: TaskFinished | Published) -> None:
        """A later round made an item. O(1)."""
        origin = self._ended.get(fact.run, -1)
        if origin < 0:
            origin = self._wave_of(fact.run)
        name = made(fact)
        if origin >= 0 and name is not None:
            wave = self.waves.setdefault(origin, Wave())
            wave.items.setdefault(fact.run, []).append((*name[1:], offset))

    def _wave_of(self, run: int) -> int:
        """The wave that the round of a run under way belongs to; -1 if none."""
        if run not in self.rounds.under_way:
            return -1
        request = self.rounds.request(run)
        if request.origin >= 0:
            return request.origin
        return self.rounds.under_way[run] if request.downstream else -1

    def ended(self, offset: int, record: RunFinished) -> None:
        """A later round ends; what follows is decided when all that it made is recorded. O(1)."""
        origin = self._wave_of(record.run)
        if origin < 0:
            return
        wave = self.waves.setdefault(origin, Wave())
        wave.items.setdefault(record.run, []).append(("", "", 0, offset))
        self._ended[record.run] = origin
        well = record.state in ENDED_WELL
        self.outbox.decide(RoundSettled(record.at, record.run, origin, well))

    def settled(self, offset: int, record: RoundSettled) -> None:
        """Take what a round reaches into its wave, once all that it made is recorded and decided. O(runs + causes)."""
        if not record.decided:
            self.outbox.decide(msgspec.structs.replace(record, decided=True))
            return
        self._ended.pop(record.run, None)
        wave = self.waves[record.origin]
        wave.runs[record.run] = WELL if record.well else LEFT
        if record.well:
            self._reach(wave, record.run, offset)
        self._decide(record.origin, wave, record.at)

    def dropped(self, at: int) -> None:
        """Rounds that were queued do not happen: what follows from them is left as it was. O(waves reached)."""
        gone, self.rounds.dropped[:] = {*self.rounds.dropped}, []
        for origin, wave in list(self.waves.items()):
            left = [run for run in gone if wave.runs.get(run) == UNDER_WAY]
            wave.runs.update(dict.fromkeys(left, LEFT))
            if left:
                self._decide(origin, wave, at)

    # ------------------------------------------------------------------------------------- whom they reach

    def _reach(self, wave: Wave, run: int, offset: int) -> None:
        """Take all that may follow from a run into its wave. O(runs reached)."""
        todo = [run]
        while todo:
            for consumer in self.consumers.of(todo.pop()):
                if consumer < offset and consumer not in wave.runs:
                    wave.runs[consumer] = WAITING
                    todo.append(consumer)

    def _decide(self, origin: int, wave: Wave, at: int) -> None:
        """Decide the runs of a wave whose causes are decided, the earliest request first. O(runs + their causes)."""
        for run in sorted(run for run, state in wave.runs.items() if state == WAITING):
            above = [wave.runs[source] for source in self.consumers.sources(run) if source in wave.runs]
            if LEFT in above:
                wave.runs[run] = LEFT
            elif WAITING not in above and UNDER_WAY not in above:
                pairs = tuple(self._replaced(wave, run))
                wave.runs[run] = UNDER_WAY if pairs else SAME
                if pairs:
                    self._ask(RerunRequested(at, run, downstream=True, origin=origin, replaced=pairs))
        if not {WAITING, UNDER_WAY} & {*wave.runs.values()}:
            del self.waves[origin]

    def _ask(self, request: RerunRequested) -> None:
        self.outbox.fact(lambda at: msgspec.structs.replace(request, at=at))

    def _replaced(self, wave: Wave, run: int) -> Iterator[tuple[int, int]]:
        """The causes of a run that rounds of its wave made again, each with the newest. O(causes)."""
        request, record = self.identities.request(run), self.identities.record
        for cause in request.causes:
            name = None if isinstance(cause, Mark) else made(record(cause))
            if name is None or isinstance(cause, Mark) or wave.runs.get(name[0]) != WELL:
                continue
            new = max((each[-1] for each in wave.items.get(name[0], ()) if each[:-1] == name[1:]), default=-1)
            if new > cause and self._takes(request, record(cause), new):
                yield cause, new

    def _takes(self, request: RunRequested, old: AnyRecord, new: int) -> bool:
        """Whether the trigger that fired for an item would take the new one in its place. O(parts)."""
        active, fact = self.router.triggers.get((request.dag, request.label)), self.identities.record(new)
        if active is None:
            return getattr(old, "state", None) == getattr(fact, "state", None)
        event = subject_of(self.identities, new)
        return any(leaf.trigger.came(fact) and leaf.takes(event) for leaf in active.circuit.leaves)

    # ------------------------------------------------------------------------------------- state

    def snapshot(self) -> DownstreamSnapshot:
        """What a restored engine needs of it. O(runs of the waves)."""
        return self.waves, self._ended

    def restore(self, state: DownstreamSnapshot) -> None:
        """Take what `snapshot` gave. O(1)."""
        self.waves, self._ended = state

    def _check(self) -> None:
        """A wave that is there has something to come; what is under way in it is asked for. O(runs of the waves)."""
        for origin, wave in self.waves.items():
            assert origin in {*self._ended.values(), *map(self._wave_of, self.rounds.under_way)} or any(
                state in (WAITING, UNDER_WAY) for state in wave.runs.values()
            ), origin
