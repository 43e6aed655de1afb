"""What fires a DAG: `on=` and `schedule=` made into named triggers, and the sources they listen to.

Owns nothing. Invariant: a DAG's triggers are right, completions that need a key have one (T8), and an `every` counts
from the DAG's start where it has one (R9). A trigger of completions alone costs O(1) here, others O(size).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from attrs import evolve

from reactive_dag.declare.settings.dag_settings import DagOptions, DagSettings
from reactive_dag.declare.settings.parsers import valid_name
from reactive_dag.model.errors import GraphError, InvalidValue
from reactive_dag.model.schedule import CronSchedule
from reactive_dag.model.text import seen
from reactive_dag.triggers.base import Trigger, as_trigger
from reactive_dag.triggers.implicit_joins import effective, riding_sources, sources
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.leaves.dataset import Dataset, Updated
from reactive_dag.triggers.leaves.schedule import Scheduled, cron
from reactive_dag.triggers.walks import replaced, walk

_NO_ORIGINS: frozenset[str] = frozenset()


def triggers_of(options: DagOptions, settings: DagSettings, where: Callable[[], str]) -> dict[str, Trigger]:
    """The triggers by label ("" for the one of a plain `on=`). O(size).

    Raises InvalidValue for what is no trigger and for `on=` beside `schedule=`; GraphError where completions meet
    another source without a key (T8).
    """
    on, schedule = options.get("on"), options.get("schedule")
    try:
        found = _labelled(on) if schedule is None else {"": _scheduled(schedule, on, settings.tz or "UTC")}
        for trigger in found.values():
            _check_joins(trigger)
    except InvalidValue as error:
        raise InvalidValue(f"{where()}: {error}") from None
    except GraphError as error:
        raise GraphError(f"{where()}: {error}") from None
    is_guess = settings.bare is not None and settings.bare[0] is not None
    return found if is_guess else anchored(found, settings.start)


def anchored(triggers: dict[str, Trigger], start: int | None) -> dict[str, Trigger]:
    """With each `every` that says nothing else counted from a DAG's start (R9). O(size)."""
    return triggers if start is None else {label: trigger.anchored(start) for label, trigger in triggers.items()}


def hearing(triggers: dict[str, Trigger], datasets: Mapping[str, Dataset]) -> dict[str, Trigger]:
    """With these datasets where they name any, by uri; the same object where none is another. O(size).

    A calendar that a trigger did not name decides about its keys (T7).
    """

    def own(leaf: Trigger) -> Trigger:
        if not isinstance(leaf, Updated) or leaf.partitions is datasets[leaf.dataset.uri].partitions:
            return leaf
        return evolve(leaf, dataset=datasets[leaf.dataset.uri])

    found = {label: each if is_flat(each) else replaced(each, own) for label, each in triggers.items()}
    return triggers if all(found[label] is each for label, each in triggers.items()) else found


def _labelled(on: object) -> dict[str, Trigger]:
    if isinstance(on, Trigger):
        return {"": on}
    if on is None:
        return {}
    if not isinstance(on, Mapping):
        if isinstance(on, list | tuple | set | frozenset):
            raise InvalidValue(f"on={seen(on)} does not say how they combine: write rd.all_of(...) or rd.any_of(...)")
        return {"": as_trigger(on)}
    if not on:
        raise InvalidValue("on={} has no trigger; leave it out for a DAG that is started by hand")
    return {valid_name(label, "the name of a trigger in on={...}"): as_trigger(each) for label, each in on.items()}


def _scheduled(schedule: object, on: object, tz: str) -> Trigger:
    if not isinstance(schedule, str):
        raise InvalidValue(f"schedule must be a cron text such as '0 2 * * *', not {seen(schedule)}; others go to on=")
    if on is not None:
        zone = "" if tz == "UTC" else f", tz={tz!r}"
        raise InvalidValue(f"schedule and on at once; write on=rd.cron({seen(schedule)}{zone}) | ...")
    return cron(schedule, tz)


def _check_joins(trigger: Trigger) -> None:
    if trigger.parts and not is_flat(trigger):
        effective(trigger, lambda _: _NO_ORIGINS)


def settled(trigger: Trigger) -> Trigger:
    """A trigger with what follows from its datasets' calendars written into it (T18). O(size). Raises InvalidValue."""
    return trigger if not trigger.parts or is_flat(trigger) else trigger.settled()


def settle(triggers: Mapping[str, Trigger]) -> None:
    """Refuse what the calendars of a graph's datasets show to be wrong (T18). O(size). Raises InvalidValue."""
    for trigger in triggers.values():
        settled(trigger)


def is_flat(trigger: Trigger) -> bool:
    """Whether it is made of completions alone: the common case in a large graph, and worth a short way. O(parts).

    >>> from reactive_dag.triggers.leaves.completed import completed
    >>> is_flat(completed("a") & completed("b")), is_flat(completed("a"))
    (True, False)
    """
    parts = trigger.parts
    for part in parts:
        if type(part) is not Completed:
            return False
    return bool(parts) and trigger.drives == parts and not trigger.dates_anew


def sources_of(triggers: Iterable[Trigger]) -> tuple[tuple[Trigger, ...], tuple[Trigger, ...]]:
    """All that can fire them: their leaves, with each silence for itself; and all that only rides along. O(size)."""
    found: tuple[Trigger, ...] = ()
    riders: tuple[Trigger, ...] = ()
    for trigger in triggers:
        if not trigger.parts:
            own: tuple[Trigger, ...] = (trigger,)
        elif is_flat(trigger):
            own = trigger.parts
        else:
            own, riders = tuple(sources(trigger)), (*riders, *riding_sources(trigger))
        found = found + own if found else own
    return found, riders


def zone_of_clocks(sources: Iterable[Trigger]) -> str | None:
    """The zone on which the clocks among these sources agree: UTC if they do not, None if none names one (R1). O(n).

    >>> from reactive_dag.triggers.leaves.schedule import every
    >>> zone_of_clocks([cron("0 2 * * *", tz="Europe/Berlin")]), zone_of_clocks([every("1h")])
    ('Europe/Berlin', None)
    """
    schedules = [source.schedule for source in sources if type(source) is Scheduled]
    zones = {schedule.tz for schedule in schedules if isinstance(schedule, CronSchedule)}
    return None if not zones else zones.pop() if len(zones) == 1 else "UTC"


def zone_of_rollups(triggers: Iterable[Trigger]) -> str | None:
    """The zone on which the periods of these triggers' rollups agree; None if they do not, or there are none. O(size).

    >>> from reactive_dag.model.calendar import day, hour
    >>> zone_of_rollups([cron("0 * * * *").rollup(day("Asia/Tokyo"), of=hour("Asia/Tokyo"))])
    'Asia/Tokyo'
    """
    rollups = [each for trigger in triggers if not is_flat(trigger) for each in walk(trigger) if each.dates_anew]
    found = [each.partitions.calendar for each in rollups if each.partitions is not None]
    zones = {calendar.tz for calendar in found if calendar is not None}
    return zones.pop() if len(zones) == 1 else None


def zone_of_datasets(datasets: Iterable[Dataset]) -> str | None:
    """The zone on which the calendars of these datasets agree; None if they do not, or there are none. O(datasets)."""
    divided = [each.partitions for each in datasets if each.partitions is not None]
    zones = {each.calendar.tz for each in divided if each.calendar is not None}
    return zones.pop() if len(zones) == 1 else None


def zone_of_given(on: object) -> str | None:
    """The zone of the clocks, or rollups, of an `on=` that is not judged yet. O(size)."""
    given = [each for each in (on.values() if isinstance(on, Mapping) else (on,)) if isinstance(each, Trigger)]
    return own_zone([source for each in given for source in sources(each)], given)


def own_zone(sources: Iterable[Trigger], triggers: Iterable[Trigger]) -> str | None:
    """The zone that triggers, whose sources these are, say themselves: by clocks, or by rollups. O(size)."""
    return zone_of_clocks(sources) or zone_of_rollups(triggers)


def expression(triggers: Mapping[str, Trigger]) -> str:
    """The triggers as `on=` would be written. O(size).

    >>> expression({"": cron("0 2 * * *")})
    "rd.cron('0 2 * * *')"
    """
    if "" in triggers:
        return repr(triggers[""])
    return "{" + ", ".join(f"{label!r}: {trigger!r}" for label, trigger in triggers.items()) + "}"
