"""What the runs of a backfill are for: dates of the DAG's clocks, or partitions (R26).

Owns no state. A DAG with clocks has a run for each tick, one without for each partition that keys its runs, or else
that it writes or reads. Costs O(what is asked for).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from reactive_dag.declare.analysis.expected import partitions_within
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.graph import Graph
from reactive_dag.engine.deciding.deadlines import clocks_in
from reactive_dag.engine.runs.logical_dates import keyed_by, partitions_of
from reactive_dag.model.calendar import day
from reactive_dag.model.errors import InvalidValue, UsageError
from reactive_dag.model.partitions.products import Partitions, Periods
from reactive_dag.model.schedule import Schedule
from reactive_dag.model.times import NEVER, GivenTime, format_time, is_bare_day, parse_time
from reactive_dag.triggers.base import Trigger

MOST_DATES = 100_000
"""So many dates at most are asked for at once."""

Lacking: TypeAlias = Sequence[tuple[Partitions, Sequence[str]]]
"""How each dataset that a DAG writes is partitioned, and the partitions that are missing of it."""


class Turn(NamedTuple):
    """What one run is for: a date, a partition or both, and the trigger that it is of.

    `is_period`: the partition is one of a calendar, which its date alone says.
    """

    date: int | None
    label: str
    partition: str | None = None
    is_period: bool = False


def turns_within(
    dag: Dag, start: GivenTime | None, end: GivenTime | None, now: int, of: Partitions | None, where: str
) -> list[Turn]:
    """What is asked for from `start` to `end`, both included, in order; of static values all. O(result).

    `of` is what `runs_of` gives. Raises InvalidValue, UsageError.
    """
    clocks, label = clocks_by_label(dag.triggers), next(iter(dag.triggers), "")
    if not clocks and of is None:
        raise UsageError(
            f"{where}: it runs on no clock, and nothing that it reads or writes is partitioned, so it has no "
            "dates; start its runs with engine.start(logical_date=...)"
        )
    if not clocks and of is not None and of.calendar is None:
        if start is not None or end is not None:
            raise InvalidValue(f"{where}: {of!r} has no dates; leave start and end out")
        return [Turn(None, label, each) for each in of.of_instant(0)]
    if start is None or end is None:
        raise InvalidValue(f"{where}: give start and end, or only='missing' for what its datasets lack")
    try:
        first, last = _span(dag, start, end, now)
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None
    if clocks:
        found = _of_clocks(clocks, first, last, where)
    else:
        assert of is not None, dag
        found = _of_partitions(of, label, first, last, where)
    if not found:
        if last < first:
            raise InvalidValue(f"{where}: no such date lies within the DAG's start= and end= ({dag.place})")
        raise InvalidValue(f"{where}: it has no date from {format_time(first)} to {format_time(last)}")
    return found


def turns_lacking(dag: Dag, lacking: Lacking, now: int, of: Partitions | None, where: str) -> list[Turn]:
    """What is asked for of the partitions that a DAG's datasets lack, in order. O(result). Raises as `turns_within`."""
    clocks, label = clocks_by_label(dag.triggers), next(iter(dag.triggers), "")
    if not lacking or (clocks and not any(each.calendar is not None for each, _ in lacking)):
        raise UsageError(
            f"{where}: nothing that it writes is partitioned{' by time' if lacking else ''}, so nothing says what is "
            "missing; give start and end"
        )
    low = -NEVER if dag.start is None else dag.start
    high = now if dag.end is None else min(now, dag.end)
    found = dict[Turn, None]()
    for made, texts in lacking:
        for text in texts:
            span = made.interval(text)
            if clocks:
                turns = [] if span is None else _of_clocks(clocks, max(span[0], low), min(span[1] - 1, high), where)
            else:
                turns = [] if of is None else _around(of, label, span, where)
            known = made.split(text)
            found |= {each: None for each in turns if _agrees(of, each, known) and low <= (each.date or low) <= high}
    return sorted(found, key=lambda turn: 0 if turn.date is None else turn.date)


def _around(of: Partitions, label: str, span: tuple[int, int] | None, where: str) -> list[Turn]:
    """The partitions that have an instant of a span; where there is no span, or they have no date, the static ones."""
    if of.calendar is None:
        return [Turn(None, label, each) for each in of.of_instant(0)]
    if span is None:
        return []
    begin, _ = of.calendar.span(of.calendar.of(span[0]))
    return _of_partitions(of, label, begin, span[1] - 1, where)


def _agrees(of: Partitions | None, turn: Turn, known: Mapping[str, str]) -> bool:
    """Whether a partition has no other static value than one that is missing."""
    if of is None or turn.partition is None:
        return True
    own = of.split(turn.partition)
    static = [each.name for each in of.dimensions if each.calendar is None and each.name in known]
    return all(own[name] == known[name] for name in static)


def runs_of(dag: Dag, graph: Graph) -> Partitions | None:
    """What the runs of a DAG without a clock are for: what keys them, else what it writes or reads, by time first."""
    keyed = next((each for each in map(keyed_by, dag.triggers.values()) if each is not None), None)
    among = partitions_of(dag, graph)
    return keyed or next((each for each in among if each.calendar is not None), among[0] if among else None)


def _of_clocks(clocks: Mapping[str, list[Schedule]], first: int, last: int, where: str) -> list[Turn]:
    found = {(tick, label) for label, all_of in clocks.items() for tick in _ticks(all_of, first, last, where)}
    return [Turn(tick, label) for tick, label in sorted(found)]


def _of_partitions(of: Partitions, label: str, first: int, last: int, where: str) -> list[Turn]:
    if isinstance(of, Periods):
        texts: Iterable[str] = map(of.of, _counted(of.begins(first, last), where))
    else:
        texts = partitions_within(of, first, last, where)
    return [Turn(of.time(each), label, each, isinstance(of, Periods)) for each in texts]


def clocks_by_label(triggers: Mapping[str, Trigger]) -> dict[str, list[Schedule]]:
    """The clocks of each trigger that has one. O(size)."""
    found = {label: clocks_in([trigger]) for label, trigger in triggers.items()}
    return {label: clocks for label, clocks in found.items() if clocks}


def _span(dag: Dag, start: GivenTime, end: GivenTime, now: int) -> tuple[int, int]:
    """From the first to the last instant, both included; within the DAG's own, and not later than now."""
    first, last = parse_time(start, dag.tz, what="start"), parse_time(end, dag.tz, what="end")
    if is_bare_day(end):
        whole = day(dag.tz)
        last = whole.span(whole.of(last))[1] - 1
    if last < first:
        raise InvalidValue(f"end {format_time(last)} lies before start {format_time(first)}")
    if first > now:
        raise InvalidValue(f"start {format_time(first)} is yet to come: such runs are no backfill")
    first = first if dag.start is None else max(first, dag.start)
    return first, min(last, now) if dag.end is None else min(last, now, dag.end)


def _ticks(clocks: list[Schedule], first: int, last: int, where: str) -> Iterator[int]:
    for clock in clocks:
        _check_count(clock.count(first, last + 1) if last >= first else 0, where)
        tick = clock.after(first - 1)
        while tick is not None and tick <= last:
            yield tick
            tick = clock.after(tick)


def _counted(begins: Iterable[int], where: str) -> Iterator[int]:
    for count, begin in enumerate(begins, 1):
        _check_count(count, where)
        yield begin


def _check_count(count: int, where: str) -> None:
    if count > MOST_DATES:
        raise InvalidValue(f"{where}: more than {MOST_DATES} dates lie in that span; ask for a shorter one")
