"""Sales by day and region, and readings by hour: partitions with two dimensions, and events that count for two of them.

Each shop's file makes a partition such as `2026-11-23|eu`; a day is closed when all regions are there, a region is
summed up every three days. One file is bad: the table of partitions says so, and a backfill of what is missing mends
it. A reading of an hour counts for that hour and the next one. `python examples/regions.py` tells the story in virtual
time.
"""

from __future__ import annotations

import reactive_dag as rd

TZ = "Europe/Berlin"
DAY, HOUR = rd.day(TZ), rd.hour(TZ)
REGION = rd.values("eu", "us", "asia", name="region")

graph = rd.Graph("regions")
files = graph.dataset("files", partitions=DAY * REGION)
sales = graph.dataset("sales", partitions=DAY * REGION)
days = graph.dataset("days", partitions=DAY)
readings = graph.dataset("readings", partitions=HOUR)
smooth = graph.dataset("smooth", partitions=HOUR)


@graph.dag(outlets=[files])
def receive(run: rd.Run) -> None:
    """A file came: started by hand for its partition."""


@graph.dag(on=rd.updated(files), outlets=[sales], params={"bad": "2026-11-24|us"})
def load(run: rd.Run, bad: str) -> int:
    """One file: its run has the file's partition, and so has what it makes. The bad file is mended after a while."""
    if run.partition == bad and run.round == 1:
        raise ValueError(f"the file of {run.dimensions['region']} cannot be read")
    return len(run.partition or "")


@graph.dag(on=rd.updated(sales).batch(count=len(REGION.values)).by(DAY), outlets=[days])
def close_day(run: rd.Run) -> list[str]:
    """All regions of a day, whichever comes last: the calendar is one of the two dimensions."""
    return sorted(run.partitions)


@graph.dag(on=rd.updated(sales).batch(count=3).by("region"))
def sum_up(run: rd.Run) -> str:
    """Three days of a region: its run has the region as partition."""
    return f"{run.partition}: {', '.join(sorted(text.split('|')[0] for text in run.partitions))}"


@graph.dag(schedule="0 * * * *", tz=TZ, outlets=[readings])
def measure(run: rd.Run) -> None:
    """A reading each hour: 25 of them on the long day."""


def hours_it_counts_for(event: rd.Event) -> list[str]:
    """The hour of a reading, and the next one."""
    hour = event.partition or ""
    return [hour, HOUR.of(HOUR.span(hour)[1])]


@graph.dag(on=rd.updated(readings).batch(count=2).by(hours_it_counts_for), outlets=[smooth])
def smoothed(run: rd.Run) -> str:
    """An hour, from its own reading and the one before: `run.group` is the hour, the readings are of two."""
    run.publish(smooth, partition=run.group)
    return f"{run.group} of {' and '.join(run.partitions)}"


def main() -> list[str]:
    """Three days of files with a bad one among them, and the readings of a night on which clocks change."""
    told: list[str] = []
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-26T06:00+01:00")) as engine:
        engine.pause(measure)
        for partition in graph.partitions(files, "2026-11-23", "2026-11-25"):
            engine.start(receive, partition=partition)
        engine.run_until_idle()
        told += [str(engine.partitions(sales)), f"closed: {[run.partition for run in engine.runs(close_day)][::-1]}"]
        mended = engine.backfill(load, only="missing").wait()
        engine.run_until_idle()
        told += [repr(mended), f"closed: {[run.partition for run in engine.runs(close_day)][::-1]}"]
        told += [run.tasks["sum_up"].output for run in reversed(engine.runs(sum_up))]
    with rd.Engine(graph, clock=rd.VirtualClock("2026-10-25T00:30+02:00")) as engine:
        engine.advance("4h")
        told += [run.tasks["smoothed"].output for run in reversed(engine.runs(smoothed))]
    return told


if __name__ == "__main__":
    print(*main(), sep="\n")
