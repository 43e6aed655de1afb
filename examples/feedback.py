"""A model that is trained until it is good enough: a feedback loop with a bound.

- `begin` starts a training each Monday, but not on a holiday.
- `train` makes weights from it; `evaluate` says how accurate they are, which starts `train` again: at most six times in
  one training, or until the accuracy is 0.9.
- `deploy` takes the weights that are good enough.

`python examples/feedback.py` plays three Mondays in virtual time: the first training gets there, the second Monday is
a holiday, the third training gives up at its bound.
"""

from __future__ import annotations

import reactive_dag as rd

ENOUGH, MOST = 0.9, 6
PROGRESS = {"2026-12-21": [0.5, 0.7, 0.85, 0.93], "2027-01-04": [0.4, 0.5, 0.55, 0.58, 0.6, 0.61, 0.62, 0.63]}
"""How accurate each round of a training turns out to be."""


def good_enough(event: rd.Event) -> bool:
    """Whether an evaluation ends its training; a simulation's events say nothing of it."""
    return bool((event.extra or {}).get("accuracy", 0) >= ENOUGH)


graph = rd.Graph("training")
requests = graph.dataset("requests")
weights = graph.dataset("weights")
scores = graph.dataset("scores")


@graph.dag(on=rd.weekly("mon", "08:00", tz="Europe/Berlin", skip=["2026-12-28"]), outlets=[requests])
def begin(run: rd.Run) -> None:
    """Round 0 of a training, which is named by its day."""
    run.publish(requests, extra={"training": f"{run.local_date:%Y-%m-%d}", "round": 0})


again = rd.updated(scores, feedback=True, max_depth=MOST, until=good_enough)


@graph.dag(on=rd.updated(requests) | again, outlets=[weights])
def train(run: rd.Run) -> None:
    """Better weights, from where the last round ended."""
    asked = run.events[0].extra
    run.publish(weights, extra={"training": asked["training"], "round": asked["round"] + 1})


@graph.dag(on=rd.updated(weights), outlets=[scores])
def evaluate(run: rd.Run) -> None:
    """How good they are."""
    made = run.events[0].extra
    accuracy = PROGRESS[made["training"]][made["round"] - 1]
    run.publish(scores, extra={**made, "accuracy": accuracy})


@graph.dag(on=rd.updated(scores).where(good_enough))
def deploy(run: rd.Run) -> str:
    """Those that are good enough go out."""
    score = run.events[0].extra
    return f"{score['training']}: deployed after {score['round']} rounds, {score['accuracy']} accurate"


def main() -> list[str]:
    """Three Mondays in virtual time: what was deployed, how often each training went round, where it stopped."""
    with rd.Engine(graph, clock=rd.VirtualClock("2026-12-20T00:00+01:00")) as engine:
        engine.advance(to="2027-01-05T00:00+01:00")
        told = [run.tasks["deploy"].output for run in engine.runs("deploy")]
        for begun in reversed(engine.runs("begin")):
            rounds = [run for run in engine.runs("train") if run.logical_date == begun.logical_date]
            told.append(f"{begun.logical_date:%Y-%m-%d}: {len(rounds)} rounds")
        _, part = engine.pending("train").parts
        return [*told, f"stopped: {part.dropped['feedback_bound']}"]


if __name__ == "__main__":
    print("\n".join(main()))
