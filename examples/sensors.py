"""A chain of sensors with offsets, over the end of summer time: 07:00 waits for yesterday's 23:00.

`close` closes the books of a day at 23:00 in Berlin and takes long. `report` is due at 07:00 and reacts when last
night's closing has ended. `delivery` is due at 08:30: it looks every ten minutes for yesterday's ledger, which holds no
worker, and for the bank's file, which it asks a function for, in the one slot that the bank allows.
`python examples/sensors.py` tells the story in virtual time.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import reactive_dag as rd

BERLIN = "Europe/Berlin"
graph = rd.Graph("sensors")
ledger = graph.dataset("s3://books/ledger", partitions=rd.day(BERLIN))
statements = graph.dataset("s3://books/statements", partitions=rd.day(BERLIN))
bank = graph.pool("bank", slots=1)


@graph.dag(schedule="0 23 * * *", tz=BERLIN, outlets=[ledger])
def close(run: rd.Run) -> str:
    """Close the books of the day."""
    return f"books of {run.partition}"


def last_night(date: datetime) -> datetime:
    """Yesterday's 23:00 on the clock on the wall, whether the night had seven, eight or nine hours up to 07:00."""
    return (date.astimezone(ZoneInfo(BERLIN)) - timedelta(days=1)).replace(hour=23, minute=0)


report = graph.dag("report", schedule="0 7 * * *", tz=BERLIN)
closed = report.wait_for(close, id="closed", logical_date=last_night, timeout="3h")


@report.task
def render(closed: rd.Run) -> str:
    """What follows a wait gets the run that it awaited."""
    return f"report on the {closed.tasks['close'].output}"


delivery = graph.dag("delivery", schedule="30 8 * * *", tz=BERLIN, outlets=[statements])
delivery.wait_for(
    ledger, id="books", partition=timedelta(days=1), mode="reschedule", poll="10m", timeout="2h", retries=1
)  # fmt: skip


@delivery.wait_until(poll="10m", mode="poke", pool=bank, timeout="4h")
def bank_file(run: rd.Run) -> object:
    """Ask the bank; it answers with the name of its file once it has one."""
    return run.get(f"bank file of {run.local_date}")


@delivery.task
def send(books: rd.Event, bank_file: str) -> str:
    """Both are there: the event of the ledger, and what the bank said."""
    return f"{bank_file} against the ledger of {books.partition}"


def main() -> list[str]:
    """The night in which summer time ends: 23:00 to 07:00 takes nine hours, and the closing ten."""
    told: list[str] = []
    clock, slow = rd.VirtualClock("2026-10-24T12:00+02:00"), rd.takes("10h", then=close.fn)
    with rd.Engine(graph, clock=clock, runner=rd.ThreadRunner(4), stubs={"close": slow}) as engine:
        engine.advance(to="2026-10-25T07:30+01:00")
        told.append(f"07:30 {engine.pending(report).waits[0].why}")
        engine.advance(to="2026-10-25T08:45+01:00")
        [wait] = engine.pending(delivery).waits
        told.append(f"08:45 {wait.task}: {wait.why} at look {wait.looks}")
        engine.set("bank file of 2026-10-25", "statement.xml")
        engine.advance(to="2026-10-25T12:00+01:00")
        for dag, task in ((report, "render"), (delivery, "send")):
            [run] = engine.runs(dag, state="success", limit=1)
            told.append(f"{run.ended.astimezone(ZoneInfo(BERLIN)):%H:%M} {run.tasks[task].output}")
    return told


if __name__ == "__main__":
    for line in main():
        print(line)
