"""Which run of a producer a consumer in another DAG awaits, by how often the two run.

Owns that one rule. A DAG runs *daily or less often* if no UTC day has two of its ticks, and *every day* if each has
one. One that is started by hand runs less often than any clock, and its own dates are unknown. In brackets
stands the wait's `match`.

| consumer | producer | awaited |
|---|---|---|
| daily or less often | every day, once | its run of the consumer's UTC day, also a later hour ("same_day") |
| daily or less often | less often, or by hand | its latest run by the end of that day (`end_of_day`, "latest") |
| daily or less often | more than once a day | its latest tick at or before the consumer's ("latest") |
| more than once a day, or by hand | any | the same: its latest tick at or before ("latest") |

The third row is a choice: of several runs none is *the* run of the day; the newest so far would depend on who looks
first, and a producer whose runs outlast their interval would never have one that has ended.
Cost: O(ticks of a year) once for a schedule that is not plainly daily, else O(1).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from reactive_dag.declare.wait import WaitOptions
from reactive_dag.model.schedule import CronSchedule, EverySchedule, Schedule
from reactive_dag.model.times import DAY

_YEAR_FROM = 1_767_225_600_000_000_000  # 2026-01-01 UTC, as the checks of a graph have it


def awaited(consumer: Schedule | None, producer: Schedule | None) -> WaitOptions:
    """The date and match of a wait of one DAG for another; None is a DAG started by hand. O(1) when seen before.

    >>> daily, hourly, weekly = CronSchedule("0 2 * * *"), CronSchedule("0 * * * *"), CronSchedule("0 2 * * 7")
    >>> awaited(daily, daily), awaited(hourly, daily)
    ({'match': 'same_day'}, {'match': 'latest'})
    >>> awaited(daily, weekly)["logical_date"].__name__
    'end_of_day'
    """
    if consumer is None or often(consumer) or (producer is not None and often(producer)):
        return {"match": "latest"}
    if producer is not None and every_day(producer):
        return {"match": "same_day"}
    return {"match": "latest", "logical_date": end_of_day}


def end_of_day(date: datetime) -> datetime:
    """The last instant of a date's UTC day. O(1).

    >>> end_of_day(datetime(2026, 11, 23, 2, tzinfo=UTC)).isoformat()
    '2026-11-23T23:59:59.999999+00:00'
    """
    return date.astimezone(UTC).replace(hour=23, minute=59, second=59, microsecond=999_999)


@lru_cache(maxsize=1024)
def often(schedule: Schedule) -> bool:
    """Whether some UTC day has two ticks. O(1): every day on which a cron in UTC ticks has as many.

    >>> often(CronSchedule("0 */8 * * *")), often(CronSchedule("0 8 * * mon")), often(EverySchedule(DAY))
    (True, False, False)
    """
    if isinstance(schedule, EverySchedule):
        return schedule.period < DAY
    first = schedule.after(_YEAR_FROM - 1)
    second = None if first is None else schedule.after(first)
    return first is not None and second is not None and first // DAY == second // DAY


@lru_cache(maxsize=1024)
def every_day(schedule: Schedule) -> bool:
    """Whether each UTC day of a year has a tick. O(1) for a plainly daily one, else O(days up to the first without).

    >>> every_day(CronSchedule("30 2 * * *")), every_day(CronSchedule("30 2 * * 1-6")), every_day(EverySchedule(DAY))
    (True, False, True)
    """
    if isinstance(schedule, EverySchedule):
        return schedule.period <= DAY
    if isinstance(schedule, CronSchedule) and schedule.expr.split()[2:] == ["*"] * 3:
        return True
    midnights = range(_YEAR_FROM, _YEAR_FROM + 366 * DAY, DAY)
    return all((tick := schedule.after(midnight - 1)) is not None and tick < midnight + DAY for midnight in midnights)
