"""The pipeline of the demo, and the process that runs it: `python -m reactive_dag.cli.pipeline STORE EFFECTS`.

Orders come in bursts. Each is extracted, goes two ways (one of which fails once and is retried), is merged again, and
every ten merged orders make a report. Every body that begins writes a line to EFFECTS, so that the demo can count what
ran, independent of what the store says. Started again on the same store it goes on where it was cut off.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import reactive_dag as rd

ORDERS = 120
BURST = 24
BATCH = 10
AWAY = "the address service did not answer"
"""How the first attempt of each enrichment fails."""


def pipeline(effects: Path) -> rd.Graph:
    """The demo's graph; bodies append what they do to `effects`."""
    graph = rd.Graph("demo")
    orders = graph.dataset("demo://orders", metadata={"owner": "shop"})
    mart = graph.dataset("demo://mart")

    def note(run: rd.Run) -> None:
        with effects.open("a") as file:
            file.write(f"{run.dag} {run.key}\n")
            file.flush()

    @graph.dag(on=orders)
    def extract(run: rd.Run) -> int:
        note(run)
        return int(run.events[0].extra["order"])

    @graph.dag(on=rd.completed(extract))
    def clean(run: rd.Run) -> int:
        note(run)
        return int(run.results["extract"]["extract"])

    @graph.dag(on=rd.completed(extract), retries=2, retry_delay="20ms")
    def enrich(run: rd.Run) -> int:
        note(run)
        if run.attempt == 1:
            raise ConnectionError(AWAY)
        return int(run.results["extract"]["extract"]) * 100

    @graph.dag(on=rd.completed(clean) & rd.completed(enrich), outlets=[mart])
    def merge(run: rd.Run) -> int:
        note(run)
        return int(run.results["clean"]["clean"]) + int(run.results["enrich"]["enrich"])

    @graph.dag(on=rd.updated(mart).batch(count=BATCH, max_wait="2s"))
    def report(run: rd.Run) -> int:
        note(run)
        return len(run.events)

    return graph


def publish_orders(engine: rd.Engine) -> int:
    """Publish all orders, a burst after the other has been worked off, each under its own key; how many were known."""
    known = 0
    for first in range(0, ORDERS, BURST):
        numbers = range(first, min(first + BURST, ORDERS))
        receipts = engine.publish_many(
            [("demo://orders", {"key": f"order-{n}", "extra": {"order": n}}) for n in numbers]
        )
        known += sum(receipt.duplicate for receipt in receipts)
        engine.run_until_idle(timeout="30s")
    return known


def main(arguments: Sequence[str]) -> None:
    """Run the pipeline to its end, saying on standard output how far it is."""
    store, effects = arguments
    logging.getLogger("reactive_dag.run").addFilter(lambda record: AWAY not in record.getMessage())  # as it must be
    with rd.Engine(pipeline(Path(effects)), store=store) as engine, engine.background():
        engine.completions("merge").subscribe(lambda _: print("merged", flush=True))
        known = publish_orders(engine)
        print(f"known {known}", flush=True)
        while engine.pending("report").parts[0].pending:  # the last report waits for its window
            threading.Event().wait(0.05)
        engine.run_until_idle(timeout="30s")
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
