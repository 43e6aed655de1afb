"""Files that arrive when they like, loaded in micro-batches.

- `watch` looks into the landing zone every five minutes, and publishes each file once: its name is the key, so a file
  that is seen again, by a later look or after a restart, is no second event.
- `load` takes up to four files at once, or what has gathered 15 minutes after the first: one run a batch, none left
  behind.
- `report` counts the batches of each hour, 70 minutes after the first.

`python examples/arrivals.py` plays a morning in virtual time, with a restart in its middle.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

import reactive_dag as rd

ARRIVALS = {"06:01": 1, "06:04": 2, "06:17": 1, "06:31": 1, "07:02": 9, "07:58": 1}
"""How many files come at which time of 23 November, UTC."""

graph = rd.Graph("arrivals")
files = graph.dataset("s3://landing/files")
table = graph.dataset("warehouse/table", partitions=rd.hour())


def landing_zone(until: str) -> list[str]:
    """The files that are there at a time of day: all that ever came."""
    return [f"{at}/{n}.csv" for at, count in ARRIVALS.items() if at <= until for n in range(count)]


@graph.dag(on=rd.every("5m"), outlets=[files])
def watch(run: rd.Run) -> int:
    """Each file is one event, whoever sees it how often."""
    seen = landing_zone(f"{run.logical_date:%H:%M}")
    for name in seen:
        run.publish(files, key=name, extra={"file": name})
    if not seen:
        run.unchanged(files)
    return len(seen)


@graph.dag(on=rd.updated(files).batch(count=4, max_wait="15m"), outlets=[table], retries=2)
def load(run: rd.Run) -> list[str]:
    """A micro-batch."""
    return [event.extra["file"] for event in run.events]


@graph.dag(on=rd.updated(table).batch(max_wait="70m").by("partition"))
def report(run: rd.Run) -> str:
    """What came into the table in an hour."""
    return f"{run.partition}: {len(run.events)} batches"


def main() -> list[str]:
    """The batches of a morning, with a restart at 07:03."""
    clock = rd.VirtualClock("2026-11-23T06:00Z")
    with TemporaryDirectory() as folder:
        for until in ("2026-11-23T07:03Z", "2026-11-23T09:30Z"):
            with rd.Engine(graph, f"sqlite:///{folder}/arrivals.db", clock=clock) as engine:
                engine.advance(to=until)
                loads = list(reversed(engine.runs("load")))
                told = [f"{run.requested:%H:%M} {len(run.tasks['load'].output)} files" for run in loads]
                told += [run.tasks["report"].output for run in reversed(engine.runs("report"))]
    return told


if __name__ == "__main__":
    print("\n".join(main()))
