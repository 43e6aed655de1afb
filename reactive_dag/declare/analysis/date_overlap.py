"""Whether dates can ever meet: the schedules behind a join, a wait, a trigger.

Owns `PossibleDates`, which says of each DAG at which ticks its runs can be dated and whether they always are (R1, T8).
What cannot be known (a start by hand, an event from outside, a tick on which a `.where` raises) is taken to be
possible, so a warning is never a guess. Cost: O(graph) once, and the ticks of a year at most for each pair of clocks,
of which `.where`s are asked `MOST_TICKS` times, remembered.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from functools import lru_cache
from itertools import combinations
from math import gcd
from typing import NamedTuple, TypeAlias

from reactive_dag.declare.analysis.layers import Layers
from reactive_dag.declare.analysis.relations import GraphAnalysis, turned
from reactive_dag.declare.dag import Dag
from reactive_dag.declare.named_triggers import is_flat
from reactive_dag.declare.wait import Wait
from reactive_dag.model.partitions.products import Partitions
from reactive_dag.model.schedule import AtSchedule, CronSchedule, EverySchedule, Schedule
from reactive_dag.model.text import LONGEST_SHOWN
from reactive_dag.model.times import DAY, NEVER, format_duration, format_time, from_datetime, wall_clock, zone
from reactive_dag.resolve.heights import heights
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.checks import listed
from reactive_dag.triggers.functions.by import has_by, is_keyed
from reactive_dag.triggers.functions.passed_ticks import PassedTicks, clocks_of, passed_ticks
from reactive_dag.triggers.implicit_joins import is_join, sources
from reactive_dag.triggers.leaves.absent import Absent
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Feedback, Updated
from reactive_dag.triggers.leaves.missed import Missed
from reactive_dag.triggers.leaves.schedule import Scheduled
from reactive_dag.triggers.walks import walk

PossibleTicks: TypeAlias = frozenset[PassedTicks] | None
"""The clocks whose ticks can be a date; None: any date can be."""

MOST_TICKS = 10_000
"""So many ticks of a wait's DAG, or of a clock with a `.where`, are tried at most: a year of hours."""

_YEAR_FROM = 1_767_225_600_000_000_000  # 2026-01-01 UTC, as `shares_tick` has it

_FAR = NEVER - 100 * 366 * DAY
"""Before it a cron text comes due once more at least."""


class PossibleDates:
    """The dates of each DAG's runs, as far as the declarations say.

    Made of those of an earlier version, `before`, only the DAGs in `region` are looked at: the others' are the same.
    """

    def __init__(
        self, analysis: GraphAnalysis, before: PossibleDates | None = None, region: Iterable[str] = ()
    ) -> None:
        self.analysis = analysis
        self._ticks: Layers[PossibleTicks]
        self._dated: Layers[bool]
        ticks: Layers[PossibleTicks] = Layers() if before is None else before._ticks.after({}, region)
        dated: Layers[bool] = Layers() if before is None else before._dated.after({}, region)
        new_ticks: dict[str, PossibleTicks] = {}
        new_dated: dict[str, bool] = {}
        self._read_ticks: Mapping[str, PossibleTicks] = new_ticks if before is None else ChainMap(new_ticks, ticks)  # type: ignore[arg-type]
        self._read_dated: Mapping[str, bool] = new_dated if before is None else ChainMap(new_dated, dated)  # type: ignore[arg-type]
        dags = analysis.dags if before is None else {id: analysis.dags[id] for id in region if id in analysis.dags}
        above = {id: [each for each in analysis.triggering[id] if each in dags] for id in dags}
        order = heights(dags, turned(above))
        for id in sorted(dags, key=order.__getitem__):
            triggers = analysis.dags[id].triggers.values()
            new_ticks[id] = _united([self.ticks_of(each) for each in triggers])
            new_dated[id] = bool(triggers) and all(self.is_dated(each) for each in triggers)
        self._read_ticks = self._ticks = ticks.after(new_ticks)
        self._read_dated = self._dated = dated.after(new_dated)

    @classmethod
    def of_graph(cls, analysis: GraphAnalysis) -> PossibleDates:
        """The dates of the DAGs of this version. O(graph) once, then O(what changed and what follows from it)."""
        return analysis.renewed("dates", lambda: cls(analysis), lambda before, region: cls(analysis, before, region))

    def of(self, id: str) -> PossibleTicks:
        """At which ticks a DAG's runs can be dated; None where any date can be. O(1)."""
        return self._read_ticks.get(id)

    def has_dates(self, id: str) -> bool:
        """Whether each run of a DAG that a trigger starts has a date. O(1)."""
        return self._read_dated.get(id, True)

    def ticks_of(self, trigger: Trigger) -> PossibleTicks:
        """At which ticks the firings of a trigger can be dated; None where any date can be. O(size)."""
        if type(trigger) is Completed:
            return self._read_ticks.get(trigger.dag)
        flat = is_flat(trigger)
        if not flat and any(part.dates_anew for part in walk(trigger)):
            return None
        found: list[PossibleTicks] = []
        for source in trigger.parts if flat else _sources(trigger):
            if isinstance(source, Feedback):
                continue  # it brings the dates that were there before
            clock = passed_ticks(source)
            if clock is not None:
                found.append(frozenset((clock.known,)))
            elif isinstance(source, Completed) and source.dag in self._read_ticks:
                found.append(self._read_ticks[source.dag])
            elif isinstance(source, Updated) and self._inherits(source):
                found.extend(self._read_ticks[each] for each in self.analysis.producers[source.dataset.uri])
            else:
                return None
        return _united(found)

    def _inherits(self, source: Updated) -> bool:
        return all(each in self._read_ticks for each in self.analysis.producers.get(source.dataset.uri, ("",)))

    def is_dated(self, trigger: Trigger) -> bool:
        """Whether each of its firings has a date: the newest among its causes that have one (R1). O(size)."""
        if isinstance(trigger, Scheduled) or trigger.dates_anew:
            return True
        if isinstance(trigger, Completed):
            return trigger.dag == "*" or self._read_dated.get(trigger.dag, True)
        if isinstance(trigger, Missed):
            return self._read_dated.get(trigger.dag, True) and self._read_ticks.get(trigger.dag) is not None
        if isinstance(trigger, Updated):
            above = self.analysis.producers.get(trigger.dataset.uri, ())
            of = trigger.dataset.partitions
            return (of is not None and of.calendar is not None) or (
                bool(above) and all(self._read_dated.get(e, True) for e in above)
            )
        dated = [self.is_dated(part) for part in trigger.drives]
        return dated.count(False) < trigger.needs


def _sources(trigger: Trigger) -> list[Trigger]:
    """What can fire the trigger, each clock with its `.where`s. O(size)."""
    if trigger.emits or passed_ticks(trigger) is not None:
        return [trigger]
    return [found for part in trigger.drives for found in _sources(part)]


def _united(found: list[PossibleTicks]) -> PossibleTicks:
    known = [each for each in found if each is not None]
    return frozenset().union(*known) if found and len(known) == len(found) else None


# ------------------------------------------------------------------------------------------------- joins


def join_warnings(trigger: Trigger, dates: PossibleDates) -> Iterator[tuple[str, str]]:
    """Kind and text of each join in a trigger whose parts may never meet (T8). O(size squared)."""
    if is_keyed(trigger):
        return
    if trigger.joins:
        if is_flat(trigger) or is_join(trigger):
            yield from _of_dates(trigger, dates)
            return
        yield from _of_partitions(trigger)
    for part in trigger.parts:
        yield from join_warnings(part, dates)


def _of_dates(trigger: Trigger, dates: PossibleDates) -> Iterator[tuple[str, str]]:
    known = [(part, ticks) for part in trigger.parts if (ticks := dates.ticks_of(part))]
    for (one, first), (other, second) in combinations(known, 2):
        if not any(_meets(a, b) for a in first for b in second):
            yield (
                "never_meets",
                f"{one!r} and {other!r} are joined by logical date, and their schedules "
                f"({_texts(first)}; {_texts(second)}) never share one: add .by(rd.day({_zone(first)!r}))",
            )
    dated = [dates.is_dated(part) for part in trigger.parts]
    if any(dated) and not all(dated):
        always, maybe = trigger.parts[dated.index(True)], trigger.parts[dated.index(False)]
        yield (
            "may_not_meet",
            f"{always!r} always has a logical date and {maybe!r} can be without one; then they do not meet: "
            "add .by(None), or a key that both have",
        )


def _of_partitions(trigger: Trigger) -> Iterator[tuple[str, str]]:
    """Only where no `.by` is written inside: one outside was not entered."""
    if has_by(trigger):
        return
    seen: dict[Partitions, Updated] = {}
    for part in trigger.parts:
        for leaf in sources(part):
            partitions = leaf.dataset.partitions if isinstance(leaf, Updated) else None
            if partitions is None or not isinstance(leaf, Updated):
                continue
            other = seen.setdefault(partitions, leaf)
            if other.dataset != leaf.dataset:
                yield (
                    "no_key",
                    f"{other!r} and {leaf!r} are both partitioned by {partitions!r} and joined without a key, so "
                    "one partition's meets another's: add .by('partition'), or .by(None) if that is meant",
                )


def _texts(clocks: frozenset[PassedTicks]) -> str:
    texts = sorted(each.text for each in clocks)
    return ", ".join([text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…" for text in texts])


def _zone(clocks: frozenset[PassedTicks]) -> str:
    zones = sorted(each.schedule.tz for each in clocks if isinstance(each.schedule, CronSchedule))
    return zones[0] if zones else "UTC"


# ------------------------------------------------------------------------------------------------- waits


def never_awaited(dag: Dag, wait: Wait, upstream: Dag, dates: PossibleDates) -> tuple[str, str] | None:
    """Kind and text of why a wait cannot find its date, or not each; None if it can.

    O(schedules of both), each the ticks of a year at most.
    """
    if wait.match != "exact" or not isinstance(wait.logical_date, str | int):
        return None
    offset = wait.logical_date if isinstance(wait.logical_date, int) else 0
    own, theirs = dates.of(dag.id), dates.of(upstream.id)
    if not own or not theirs:
        return None
    if any(_begin(each) is None for each in own | theirs):
        return None
    on_wall = offset != 0 and offset % DAY == 0 and dag.tz not in ("", "UTC")
    each_is_a_date = all(clocks_of(trigger) is not None for trigger in dag.triggers.values())
    tried = _awaited_in_a_year(dag, wait, own, theirs) if on_wall or each_is_a_date else []
    nowhere = [each for each in tried if not any(of.may_have(each.date) for of in theirs)]
    missing = [each.date for each in nowhere if each.comes]
    kind = lacking = ""
    if len(nowhere) == len(tried) if on_wall else not any(_meets(a, b, offset) for a in own for b in theirs):
        kind, lacking = "no_such_date", "never has that date"
    elif missing and each_is_a_date:
        of_all, first = sum(each.comes for each in tried), format_time(missing[0], dag.tz)
        kind, lacking = "not_every_date", f"has not {len(missing)} of {of_all} such dates, the first {first}"
    else:
        return None
    before = f"{format_duration(abs(offset))} {'before' if offset > 0 else 'after'} " if offset else ""
    return kind, (
        f"waits for DAG {upstream.id!r} at the date {before}{'its own' if offset else 'of its own run'} "
        f"({_texts(own)}), and the upstream's schedule ({_texts(theirs)}) {lacking}: mend logical_date=, or "
        "write match='latest' or match='same_day'"
    )


def of_no_cascade(dag: Dag, wait: Wait, upstream: Dag, dates: PossibleDates) -> str | None:
    """Why a run without a date may wait for ever: what it goes back to leads to no run of the other (T8). O(origins).

    Where the two have no origin in common at all the wait itself says so, at once.
    """
    if wait.match != "exact" or wait.logical_date != "same" or dates.has_dates(dag.id):
        return None
    origins = dates.analysis.origins
    own, theirs = origins.get(dag.id, frozenset()), origins.get(upstream.id, frozenset())
    alone = sorted([each for each in own - theirs if each.startswith("dataset ")])
    if not alone or not own & theirs:
        return None
    return (
        f"waits for DAG {upstream.id!r} in its own cascade where its run has no date, and no run of that goes back to "
        f"{listed([each.removeprefix('dataset ') for each in alone])}, as its own may: give the events dates, or write "
        "match='latest'"
    )


def has_no_such_date(analysis: GraphAnalysis, dag: str, task: str) -> bool:
    """Whether `never_awaited` says of a wait that what it awaits never has its date. O(schedules of both)."""
    declared = analysis.dags.get(dag)
    wait = None if declared is None or task not in declared.tasks else declared.tasks[task].wait
    upstream = None if wait is None or wait.dataset is not None else analysis.dags.get(wait.dag)
    if declared is None or wait is None or upstream is None:
        return False
    found = never_awaited(declared, wait, upstream, PossibleDates.of_graph(analysis))
    return found is not None and found[0] == "no_such_date"


class _Awaited(NamedTuple):
    """A date that a tick awaits, and whether that tick is sure to come: a `.where` that raises does not say."""

    date: int
    comes: bool


def _awaited_in_a_year(
    dag: Dag, wait: Wait, own: frozenset[PassedTicks], theirs: frozenset[PassedTicks]
) -> list[_Awaited]:  # fmt: skip
    """What the ticks of a year await, once both have begun: at most `MOST_TICKS` of each clock. O(result)."""
    begin = max([min([_begin(each) or NEVER for each in some]) for some in (own, theirs)])
    found: list[_Awaited] = []
    tz = dag.tz
    for clock in own:
        schedule = clock.schedule
        named = schedule.named_wall if isinstance(schedule, CronSchedule) and schedule.tz == tz else None
        tick = schedule.after(begin + abs(wait.awaited_from(0, "UTC")) - 1) if begin < NEVER else None
        end = NEVER if tick is None else tick + 366 * DAY
        for _ in range(MOST_TICKS):
            if tick is None or tick >= end:
                break
            answer = clock.answer(tick)
            if answer is not False:
                found.append(_Awaited(wait.awaited_from(tick, tz, named(tick) if named else None), answer is True))
            tick = schedule.after(tick)
    return found


@lru_cache(maxsize=4096)
def _begin(clock: PassedTicks) -> int | None:
    """Its first tick from 2026 on that is let pass, NEVER without one; None if that is none of the `MOST_TICKS` first.

    Then it may begin later, and nothing is said of it.
    """
    tick = clock.schedule.after(_YEAR_FROM - 1)
    for _ in range(MOST_TICKS):
        if tick is None:
            return NEVER
        if clock.answer(tick) is not False:
            return tick
        tick = clock.schedule.after(tick)
    return None


@lru_cache(maxsize=4096)
def _meets(own: PassedTicks, theirs: PassedTicks, offset: int = 0) -> bool:
    """Whether a tick of `own`, so much earlier, is one of `theirs` within a year from where both have begun.

    What a clock change moved does not count: a job of 02:00 that runs at 03:00 on one day a year joins nothing. Where
    `.where`s turn `MOST_TICKS` away, another may be let pass. Cost: O(ticks of the rarer one), at most 0.3 s for two
    that tick each minute, once.
    """
    a, b = own.schedule, theirs.schedule
    asks = bool(own.calls or theirs.calls)
    if isinstance(a, EverySchedule) and isinstance(b, EverySchedule):
        meet = (a.anchor - b.anchor - offset) % gcd(a.period, b.period) == 0
        if not meet or not (asks or a.skip or b.skip):
            return meet
    begins = _begin(own), _begin(theirs)
    if begins[0] is None or begins[1] is None:
        return True
    shared = _shared(a, b, offset, max(begins[0], begins[1] + offset))
    for number, tick in enumerate(shared):
        if number == MOST_TICKS or (own.answer(tick) is not False and theirs.answer(tick - offset) is not False):
            return True
    return False


def _shared(own: Schedule, theirs: Schedule, offset: int, begin: int) -> Iterator[int]:
    """The ticks of `own` that, so much earlier, are ticks of `theirs`: of a list of instants all, else of a year."""
    if isinstance(own, AtSchedule):
        yield from [tick for tick in own.times if theirs.has_tick(tick - offset)]
        return
    if isinstance(theirs, AtSchedule):
        yield from [tick + offset for tick in theirs.times if own.has_tick(tick + offset)]
        return
    tick, end = own.after(begin - 1), begin + 366 * DAY
    while tick is not None and tick < end:
        found = theirs.after(tick - offset - 1)
        if found is None:
            return
        if found == tick - offset and _is_regular(own, tick) and _is_regular(theirs, found):
            yield tick
        tick = own.after(max(tick, found + offset - 1))


def _is_regular(schedule: Schedule, tick: int) -> bool:
    """Whether the clock on the wall shows what the schedule says, and the tick was not moved out of a gap."""
    if not isinstance(schedule, CronSchedule) or schedule.tz == "UTC":
        return True
    wall = wall_clock(tick, zone(schedule.tz)).replace(tzinfo=UTC)
    return CronSchedule(schedule.expr, "UTC").has_tick(from_datetime(wall))


# ------------------------------------------------------------------------------------------------ firing


def can_fire(trigger: Trigger, start: int | None, end: int | None) -> bool:
    """Whether a trigger's clocks leave it a chance between start and end, the end included (R9). O(size)."""
    if isinstance(trigger, Scheduled):
        return _ticks(trigger.schedule, start, end)
    if isinstance(trigger, Absent):
        return trigger.at is None or _ticks(trigger.at.schedule, start, end)
    return sum(can_fire(part, start, end) for part in trigger.drives) >= trigger.needs


def _ticks(schedule: Schedule, start: int | None, end: int | None) -> bool:
    if end is None and (start or 0) < _FAR and isinstance(schedule, CronSchedule) and schedule.skip is None:
        return True  # a text that never comes due was refused when it was read
    first = schedule.after((0 if start is None else start) - 1)
    return first is not None and first <= (NEVER if end is None else end)
