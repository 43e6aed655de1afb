"""Who a run is for draws: a hash of what it came from, never of where it stands in an array or in the log.

Owns the identities of runs and of what causes them; the engine's own keys (I3, I4) number outside events as they
arrive, which one event more would shift. Invariant: the same structure gives the same identity, so that one simulation
and its what-if draw the same for a run that both have. O(causes) a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from reactive_dag.engine.items.identity import RunInfo, mark_identity
from reactive_dag.model.records import (
    AnyRecord,
    Item,
    Mark,
    Published,
    RunFinished,
    RunRequested,
    StartRequested,
    TaskFinished,
)
from reactive_dag.whatif.question.draws import DrawKeys, folded, folded_arrays, text_key

_TICK, _OUTSIDE, _END, _EVENT, _OTHER = range(1, 6)
_NO_DATE: Final = 2**63


def tick_identity(due: int) -> int:
    """Of a clock's tick: when it is due. O(1)."""
    return folded(_TICK, due)


def outside_identity(dataset: str, tick: int, partition: str | None) -> int:
    """Of an event from outside: its dataset, its tick and its partition. O(1)."""
    return folded(_OUTSIDE, text_key(dataset), tick, text_key(partition))


def end_identity(run: int, task: str = "") -> int:
    """Of the end of a run, or of a task of it; `run` is the run's identity. O(1)."""
    return folded(_END, run, text_key(task))


def event_identity(run: int, task: str, dataset: str, number: int = 0) -> int:
    """Of an event that a task published, the `number`-th (from 0) of it to that dataset. O(1)."""
    return folded(_EVENT, run, text_key(task), text_key(dataset), number)


def run_identity(
    dag: str, label: str, date: int | None, partition: str | None, causes: Iterable[int],
    group: Iterable[object] | None = None,
) -> int:  # fmt: skip
    """Of a run: its DAG, the label of its trigger, its date, its partition, its causes, in whichever order, its key.

    O(n log n) in its causes.

    >>> run_identity("a", "", 0, None, [1, 2]) == run_identity("a", "", 0, None, [2, 1])
    True
    """
    when = _NO_DATE if date is None else date
    found = folded(text_key(dag), text_key(label), when, text_key(partition), *sorted(causes))
    return folded(found, text_key(msgspec.json.encode(group).decode())) if group else found


def clocked_identities(
    dags: DrawKeys, labels: DrawKeys, dates: DrawKeys, partitions: DrawKeys, due: DrawKeys
) -> DrawKeys:
    """Of runs that a tick alone started: `run_identity` of each, from the hashes of its texts. O(runs), in arrays."""
    return folded_arrays(dags, labels, dates, partitions, folded_arrays(_TICK, due))


class RunIdentities:
    """Reads the identities of runs from records, by the offsets of their requests; each is worked out once.

    `record` gives the record at an offset, `info` what a run says of itself, as its request has it.
    """

    def __init__(self, record: Callable[[int], AnyRecord], info: Callable[[RunRequested], RunInfo]) -> None:
        self._record = record
        self._info = info
        self._known: dict[int, int] = {}

    def of(self, run: int) -> int:
        """The identity of a run, by the offset of its request. O(causes) the first time, then O(1)."""
        known = self._known
        waiting = [] if run in known else [run]
        while waiting:  # no recursion: a feedback loop makes long chains of runs
            request = self._record(waiting[-1])
            assert isinstance(request, RunRequested), request
            unknown = [maker for cause in request.causes if (maker := self._maker(cause)) >= 0 and maker not in known]
            if not unknown:
                known[waiting.pop()] = self._of_request(request)
            waiting += unknown
        return known[run]

    def know(self, run: int, identity: int) -> None:
        """Take the identity of a run whose records do not say what caused it. O(1)."""
        self._known[run] = identity

    def _maker(self, cause: Item) -> int:
        """The run that made an item, -1 without one. O(1)."""
        return -1 if isinstance(cause, Mark) else getattr(self._record(cause), "run", -1)

    def _of_request(self, request: RunRequested) -> int:
        date, partition, _ = self._info(request)
        causes = [self.of_cause(cause) for cause in request.causes]
        return run_identity(request.dag, request.label, date, partition, causes, request.group)

    def of_cause(self, cause: Item) -> int:
        """The identity of what caused a run. O(1), of a run's end or event as `of`."""
        if isinstance(cause, Mark):
            return tick_identity(cause.due) if _is_tick(cause) else folded(_OTHER, text_key(mark_identity(cause)))
        fact = self._record(cause)
        if isinstance(fact, RunFinished):
            return end_identity(self.of(fact.run))
        if isinstance(fact, TaskFinished):
            return end_identity(self.of(fact.run), fact.task)
        if isinstance(fact, StartRequested):
            return folded(_OTHER, text_key(f"start:{fact.dag}#{fact.n if fact.key is None else fact.key}"))
        assert isinstance(fact, Published), fact
        if fact.run >= 0:
            return event_identity(self.of(fact.run), fact.task, fact.dataset, fact.n)
        return outside_identity(
            fact.dataset, _NO_DATE if fact.logical_date is None else fact.logical_date, fact.partition
        )


def _is_tick(mark: Mark) -> bool:
    return mark.kind == "tick" and mark.place is None
