"""An ETL of six DAGs in Berlin time: three loads, a mart of all three, a report with a deadline, and an alarm.

- The three loads run each night, two of them in the pool `warehouse`, and say which day they loaded and how many rows.
- `mart` runs once for each day of which all three are there; what it gets is a payload made of their events.
- `report` follows it and has a deadline: six o'clock. A later report is still made.
- `alarm` hears of a report that failed or is late, and of a mart that is silent for 30 hours.

`python examples/etl.py` plays three days in virtual time, over the night in which the clocks go back: on the second the
users come two hours late, which is after the report's deadline.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import reactive_dag as rd

ZONE = "Europe/Berlin"

graph = rd.Graph("etl")
graph.pool("warehouse", slots=2)
day = rd.day(ZONE)
rates = graph.dataset("warehouse/rates", partitions=day)
orders = graph.dataset("warehouse/orders", partitions=day)
users = graph.dataset("warehouse/users", partitions=day)
mart = graph.dataset("warehouse/mart", partitions=day, metadata={"owner": "bi"})


def rows_of(events: list[rd.Event]) -> dict[str, int]:
    """The payload of `mart`: how many rows each load had; a simulation's events say nothing of it."""
    return {event.dataset.rpartition("/")[2]: (event.extra or {}).get("rows", 0) for event in events}


@graph.dag(schedule="15 1 * * *", tz=ZONE, outlets=[rates])
def load_rates(run: rd.Run) -> None:
    """The day's rates: no pool, they come from elsewhere."""
    run.publish(rates, extra={"rows": 30})


load_orders = graph.dag("load_orders", schedule="30 2 * * *", tz=ZONE, defaults={"pool": "warehouse", "retries": 2})


@load_orders.task
def extract(run: rd.Run) -> list[int]:
    """The orders of the day: in the shops that are open, of which there are as many as the month has days left."""
    return list(range(31 - run.local_date.day, 31))


@load_orders.task(outlets=[orders], retry_delay="10m", backoff="exponential")
def load(run: rd.Run, extract: list[int]) -> int:
    """Into the warehouse: the first attempt of each night finds it locked."""
    if run.attempt == 1:
        raise TimeoutError("the warehouse is locked")
    run.publish(orders, extra={"rows": len(extract)})
    return len(extract)


@graph.dag(schedule="0 3 * * *", tz=ZONE, outlets=[users], pool="warehouse", slots=2, retries=3, retry_delay="70m")
def load_users(run: rd.Run) -> None:
    """Takes the whole pool. On the 25th its source sleeps, so that it needs four attempts."""
    if run.local_date.day == 25 and run.attempt < 4:
        raise ConnectionError("the source of the users sleeps")
    run.publish(users, extra={"rows": 1000 + run.local_date.day})


build_mart = graph.dag("mart", on=(rates & orders & users).by("partition").map(rows_of), max_active_runs=1)


@build_mart.task
def join(run: rd.Run) -> dict[str, int]:
    """What the trigger made of the three events of the day."""
    return {**run.payload, "all": sum(run.payload.values())}


@build_mart.task(outlets=[mart], pool="warehouse")
def store(run: rd.Run, join: dict[str, int]) -> None:
    """For the day that its causes agree on."""
    run.publish(mart, extra=join)


@graph.dag(on=mart, tz=ZONE, deadline=rd.cron("0 6 * * *", tz=ZONE))
def report(run: rd.Run) -> str:
    """One line a day."""
    return f"{run.partition}: {run.events[0].extra['all']} rows"


@graph.dag(on=rd.completed(report, states="failed") | rd.missed(report) | rd.absent(mart, for_="30h"))
def alarm(run: rd.Run) -> str:
    """Somebody must know."""
    return f"{run.events[0].kind} at {run.events[0].at.astimezone(ZoneInfo(ZONE)):%d %H:%M}"


def main() -> list[str]:
    """Three nights; what was reported, and what somebody had to know."""
    with rd.Engine(graph, clock=rd.VirtualClock("2026-10-24T00:00+02:00")) as engine:
        engine.advance(to="2026-10-27T00:00+01:00")
        print(engine.why(engine.runs("report")[1]))
        reports = [run.tasks["report"].output for run in reversed(engine.runs("report"))]
        return reports + [run.tasks["alarm"].output for run in reversed(engine.runs("alarm"))]


if __name__ == "__main__":
    for line in main():
        print(line)
