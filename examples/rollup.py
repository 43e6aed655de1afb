"""Hours rolled up to days of Berlin, over both clock changes, with an hour that comes late.

Run it with `python examples/rollup.py`; no time passes but in the engine.
"""

from __future__ import annotations

import reactive_dag as rd

BERLIN = "Europe/Berlin"

graph = rd.Graph("sales")
hours = graph.dataset("s3://lake/orders/hourly", partitions=rd.hour(BERLIN))
days = graph.dataset("s3://lake/orders/daily", partitions=rd.day(BERLIN))
months = graph.dataset("s3://lake/orders/monthly", partitions=rd.month(BERLIN))


@graph.dag(schedule="0 * * * *", tz=BERLIN, outlets=[hours])
def ingest(run: rd.Run) -> None:
    """Writes an hour; the one at 5 has nothing to read at first."""
    if run.partition is not None and "T05" in run.partition and run.round == 1:
        raise rd.FailTask("no file")


@graph.dag(on=rd.updated(hours).rollup(rd.day(BERLIN), wait="2h"), outlets=[days])
def daily(run: rd.Run) -> str:
    """One run a day, two hours after its end without what is missing; what comes later corrects it."""
    if run.correction:
        return f"{run.partition} corrected by {run.events[0].partition}"
    return f"{run.partition} of {len(run.events)} hours, without {', '.join(run.missing) or 'none'}"


@graph.dag(on=rd.updated(days).rollup(rd.month(BERLIN)), outlets=[months])
def monthly(run: rd.Run) -> str:
    """One run a month, when all its days were written; a corrected day corrects its month."""
    return f"{run.partition} of {len(run.partitions)} days"


def a_day(midnight: str) -> list[str]:
    """What the runs of a day said, which begins a minute after this; then the hour at 5 is written after all."""
    with rd.Engine(graph, clock=rd.VirtualClock(midnight)) as engine:
        engine.advance("28h")
        for run in engine.runs("ingest", state="failed"):
            engine.rerun(run)
        engine.run_until_idle()
        return [run.tasks["daily"].output for run in reversed(engine.runs("daily"))]


def main() -> list[str]:
    """The days of 23 and of 25 hours, one after the other."""
    return [*a_day("2026-03-28T23:59+01:00"), *a_day("2026-10-24T23:59+02:00")]


if __name__ == "__main__":
    print(*main(), sep="\n")
