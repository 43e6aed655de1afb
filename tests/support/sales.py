"""The tour's graph, as section 1 declares it: ingest → build_mart → report → alert, over three datasets."""

from __future__ import annotations

import reactive_dag as rd


def sales() -> rd.Graph:
    """Section 1, line by line, without the names that come later; `ingest` has the param that section 3 gives it."""
    graph = rd.Graph("sales")
    day = rd.day("Europe/Berlin")
    orders = graph.dataset("s3://lake/orders", partitions=day)
    users = graph.dataset("s3://lake/users", partitions=day)
    mart = graph.dataset("s3://lake/mart", metadata={"owner": "bi"})

    @graph.dag(schedule="0 2 * * *", tz="Europe/Berlin", outlets=[orders], params={"full": False})
    def ingest(run: rd.Run) -> dict[str, int]:
        return {"rows": 10}

    build = graph.dag("build_mart", on=(orders & users).by("partition"), max_active_runs=1, overlap="queue")

    @build.task
    def extract(run: rd.Run) -> list[int]:
        return [1, 2, 3]

    @build.task(outlets=[mart], retries=2, retry_delay="30s", backoff="exponential", timeout="10m")
    def load(extract: list[int], run: rd.Run) -> int:
        run.publish(mart, partition=run.partition, extra={"rows": len(extract)})
        return run.once("notify", lambda: len(extract))

    report = graph.dag("report", on=rd.updated(mart).batch(count=10, max_wait="5m"))

    @report.task
    def render(run: rd.Run) -> list[str | None]:
        return [event.partition for event in run.events]

    @graph.dag(on=rd.completed(report, states="failed") | rd.absent(mart, for_="26h"))
    def alert(run: rd.Run) -> None: ...

    return graph
