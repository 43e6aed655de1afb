"""A diamond: `root` is followed by a quick and a slow side, and `merge` runs once for each root, when both have ended.

The sides of two roots never mix, though the quick side of the second ends before the slow side of the first.
`python examples/diamond.py` tells the story in virtual time.
"""

from __future__ import annotations

import reactive_dag as rd

graph = rd.Graph("diamond")


@graph.dag
def root(run: rd.Run) -> str:
    """Started by hand, without a date: what follows joins by the root's run."""
    return str(run.payload)


@graph.dag(on=rd.completed(root))
def quick(run: rd.Run) -> str:
    """The quick side."""
    return f"quick {run.results['root']['root']}"


@graph.dag(on=rd.completed(root), retries=1, retry_delay="10m")
def slow(run: rd.Run) -> str:
    """The slow side: its first attempt fails, the second comes ten minutes later."""
    if run.attempt == 1:
        raise ConnectionError("the other side sleeps")
    return f"slow {run.results['root']['root']}"


@graph.dag(on=rd.completed(quick) & rd.completed(slow))
def merge(run: rd.Run) -> list[str]:
    """Both sides of one root."""
    return [run.results["quick"]["quick"], run.results["slow"]["slow"]]


def main() -> list[list[str]]:
    """Two roots, five minutes apart; what was merged, in order."""
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00Z")) as engine:
        engine.start(root, payload="one")
        engine.advance("5m")
        engine.start(root, payload="two")
        engine.advance("1h")
        print(engine.why(engine.runs(merge)[0]))
        return [run.tasks["merge"].output for run in reversed(engine.runs(merge))]


if __name__ == "__main__":
    for merged in main():
        print(merged)
