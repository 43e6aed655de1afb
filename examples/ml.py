"""A model every week: trained, evaluated on each region, and published if it is good and somebody approves in time.

`evaluate` is mapped: one instance a region, each with its own retries. `judge` is a branch: by the accuracy it goes to
`publish` or to `reject`. The approval is a DAG that a person starts, with the week as its date; the pipeline waits two
days for it, and goes on without publishing if it never comes. A teardown gives the machine back whatever happened.
`python examples/ml.py` plays three weeks in virtual time: one approved, one without an answer, one with a poor model.
"""

from __future__ import annotations

import reactive_dag as rd

REGIONS = {"north": 0.94, "south": 0.91, "west": 0.90}
ENOUGH = 0.85

graph = rd.Graph("ml")
graph.pool("gpu", slots=2)
models = graph.dataset("models/churn", metadata={"owner": "ml"})


@graph.dag(params={"by": ""})
def approve(by: str) -> str:
    """Started by a person: `engine.start("approve", logical_date=week, params={"by": "Ada"})`."""
    return by


weekly = graph.dag("train", schedule="0 3 * * mon", tz="Europe/Berlin")


@weekly.task
def machine(run: rd.Run) -> str:
    """A machine for this run, taken once, whatever is retried or restarted."""
    return run.once("take", lambda key: f"gpu-{run.local_date:%V}")


@weekly.task(pool="gpu", slots=2)
def fit(run: rd.Run, machine: str) -> dict[str, object]:
    """The model of the week: here what is needed to evaluate it."""
    return {"week": f"{run.local_date:%G-W%V}", "machine": machine, "noise": run.get("noise", 0.0)}


@weekly.task
def regions(fit: dict[str, object]) -> list[list[object]]:
    """What there is to evaluate: a region, and the model's noise."""
    return [[region, fit["noise"]] for region in REGIONS]


@weekly.task(map_over=regions, pool="gpu", retries=2, retry_delay="5m")
def evaluate(run: rd.Run, regions: list[object]) -> dict[str, object]:
    """One region. The south fails at first: that instance alone is tried again."""
    region, noise = regions
    if region == "south" and run.attempt == 1:
        raise ConnectionError("the data of the south is late")
    return {"region": region, "accuracy": round(REGIONS[region] - noise, 2)}


@weekly.task(branch=True)
def judge(evaluate: list[dict]) -> str:
    """By the worst region: which way it goes on."""
    return "approval" if min(each["accuracy"] for each in evaluate) >= ENOUGH else "reject"


@weekly.task(after=[judge])
def reject(evaluate: list[dict]) -> str:
    """The model is too poor, and nobody is asked."""
    worst = min(evaluate, key=lambda each: each["accuracy"])
    return f"{worst['region']} has {worst['accuracy']}"


approval = weekly.wait_for(approve, id="approval", after=[judge], timeout="2d", soft_fail=True)


@weekly.task(after=[approval], outlets=[models])
def publish(run: rd.Run, fit: dict[str, object]) -> str:
    """Only with an approval: a wait that ended without one skips what needs it."""
    run.publish(models, extra={"week": fit["week"]})
    return f"churn {fit['week']}"


@weekly.task(after=[reject, publish], trigger_rule="all_done")
def tell(run: rd.Run) -> str:
    """What became of it, for all three ways."""
    for task in ("publish", "reject"):
        if task in run.tasks and run.tasks[task].state == "success":
            return f"{task}: {run.tasks[task].output}"
    return "nobody approved"


@weekly.task(after=[evaluate], teardown=True)
def give_back(machine: str) -> str:
    """The machine goes back when nothing needs it any more, whatever happened."""
    return f"{machine} is free"


@graph.dag(on=rd.updated(models))
def serve(run: rd.Run) -> str:
    """The new model is served."""
    return f"serves {run.events[0].extra['week']}"


def main() -> list[str]:
    """Three weeks; what became of each."""
    with rd.Engine(graph, clock=rd.VirtualClock("2026-11-23T00:00+01:00")) as engine:
        engine.advance("1d")
        engine.start(approve, logical_date="2026-11-23T03:00+01:00", params={"by": "Ada"}, key="2026-W48")
        engine.advance(to="2026-12-06T00:00+01:00")
        engine.set("noise", 0.08)
        engine.advance("2d")
        print(engine.why(engine.runs(serve)[0]))
        runs = list(reversed(engine.runs("train")))
        assert all(run.tasks["give_back"].state == "success" for run in runs)
        return [f"{run.local_date:%G-W%V}: {run.tasks['tell'].output}" for run in runs]


if __name__ == "__main__":
    for line in main():
        print(line)
