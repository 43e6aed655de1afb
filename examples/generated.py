"""A graph generated from a list of tables, per region and day, beside another team's graph that it includes.

Each table is loaded in each region's own morning, into partitions such as `2026-11-23|eu`; a report of a day and region
comes when all tables are there. The list changes while the engine runs: `declare` is called again, and what is half
gathered goes on under the new definition. `python examples/generated.py` tells the story in virtual time.
"""

from __future__ import annotations

import reactive_dag as rd

ZONES = {"eu": "Europe/Berlin", "us": "America/New_York"}
PARTITIONS = rd.day("UTC") * rd.values(*ZONES, name="region")

TABLES = [
    {"table": "orders", "at": "02:00", "regions": ["eu", "us"]},
    {"table": "customers", "at": "03:00", "regions": ["eu", "us"]},
]
"""As it might come from a file or a catalog."""

graph = rd.Graph("warehouse")


def alerts() -> rd.Graph:
    """Another team's graph: it hears all DAGs of the one that includes it."""
    found = rd.Graph("alerts")
    found.dag("alert", on=rd.completed("*", states="failed")).add(alert)
    return found


def alert(run: rd.Run) -> str:
    """A run failed, of whatever DAG."""
    return f"failed: {run.events[0].dag} of {run.local_date}"


def load(run: rd.Run, table: str, region: str) -> None:
    """One body for all loads: what differs is in the params of each DAG."""
    if table == "refunds" and region == "us":
        raise ConnectionError("there are no refunds in the US")
    run.publish(f"lake/{table}", partition=f"{run.local_date}|{region}")


def report(run: rd.Run) -> str:
    """All tables of a day and region are there."""
    return f"{run.partition}: {', '.join(sorted(event.dataset.removeprefix('lake/') for event in run.events))}"


def declare(tables: list[dict[str, object]]) -> None:
    """Bring the graph up to a list of tables: one change, checked and taken up as a whole."""
    wanted = {"report", "alert"}
    with graph.bulk():
        for row in tables:
            lake = graph.dataset(f"lake/{row['table']}", partitions=PARTITIONS)
            for region in row["regions"]:
                params = {"table": row["table"], "region": region}
                id = f"load_{row['table']}_{region}"
                graph.dag(id, on=rd.daily(row["at"], tz=ZONES[region]), params=params).add(load, outlets=[lake])
                wanted.add(id)
        lakes = [graph.dataset(f"lake/{row['table']}") for row in tables]
        graph.dag("report", on=rd.all_of(*map(rd.updated, lakes)).by("partition")).add(report)
        for id in graph.dags.keys() - wanted:
            graph.remove(id)


declare(TABLES)
graph.include(alerts())


def main() -> list[str]:
    """Three days: of two tables, of a third beside them that fails in one region, and of the two again."""
    told: list[str] = []
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        engine.advance(to="2026-11-24T01:30Z")  # the second day of one region is half gathered
        declare([*TABLES, {"table": "refunds", "at": "06:30", "regions": ["eu", "us"]}])
        engine.advance(to="2026-11-25T00:00Z")
        declare(TABLES)
        engine.advance(to="2026-11-26T00:00Z")
        for dag in ("report", "alert"):
            told += [run.tasks[dag].output for run in reversed(engine.runs(dag))]
        told += [f"in the graph: {', '.join(graph.dags)}"]
    return told


if __name__ == "__main__":
    print(*main(), sep="\n")
