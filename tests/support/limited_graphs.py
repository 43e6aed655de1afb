"""Random graphs with all that limits attempts and runs, for tests that hold evaluators against each other."""

from __future__ import annotations

import random
from datetime import timedelta

import reactive_dag as rd

CRONS = ("0 * * * *", "*/20 * * * *", "0 0 * * *", "30 2 * * *", "0 */6 * * *", "15 12 * * *")
POOLS = {"narrow": 1, "wide": 3}


def nothing() -> None:
    """The body of every task."""


def limited_graph(seed: int, *, runs: bool = True, pools: bool = True, soft: bool = True) -> rd.Graph:
    """A graph of clocked and triggered DAGs with waits; perhaps with limits of runs, pools, soft waits."""
    draw = random.Random(seed)
    graph = rd.Graph(f"limited{seed}")
    for name, slots in POOLS.items():
        graph.pool(name, slots)
    made: list[str] = []
    for number in range(draw.randrange(2, 7)):
        options: dict[str, object] = {}
        triggered = bool(made) and draw.random() < 0.35
        if triggered:
            options["on"] = rd.completed(draw.choice(made))
        else:
            options["schedule"] = draw.choice(CRONS)
        if runs and draw.random() < 0.4:
            options["max_active_runs"] = draw.choice([1, 1, 2])
            options["overlap"] = draw.choice(["queue", "queue", "skip", "replace"])
        if runs and draw.random() < 0.15:
            options["timeout"] = draw.choice(["90m", "4h"])
        dag = graph.dag(f"d{number}", **options)
        _fill(dag, draw, made, past=not triggered and "max_active_runs" not in options, pools=pools, soft=soft)
        made.append(dag.id)
    return graph


def _fill(dag: rd.Dag, draw: random.Random, made: list[str], *, past: bool, pools: bool, soft: bool) -> None:
    ids: list[str] = []
    for number in range(draw.choice([0, 0, 1, 2])):
        if made:
            wait: dict[str, object] = {"match": draw.choice(["same_day", "latest", "exact", "exact"])}
            if wait["match"] == "exact" and draw.random() < 0.5:
                wait["logical_date"] = timedelta(hours=draw.choice([1, 6, 24]))
            if draw.random() < 0.4:
                wait |= {"timeout": draw.choice(["30m", "2h"]), "soft_fail": soft and draw.random() < 0.5}
                wait |= {"retries": draw.choice([0, 0, 1]), "retry_delay": "7m"}
            dag.wait_for(draw.choice(made), id=f"w{number}", after=_some(draw, ids), **wait)
            ids.append(f"w{number}")
    for number in range(draw.randrange(1, 6)):
        task: dict[str, object] = {
            "retries": draw.choice([0, 0, 1, 2]),
            "retry_delay": draw.choice(["0s", "3m", "20m"]),
        }
        if draw.random() < 0.3:
            task |= {"backoff": "exponential", "max_delay": "10m"}
        if draw.random() < 0.2:
            task["timeout"] = draw.choice(["10m", "20m", "40m"])
        if draw.random() < 0.3:
            task["priority"] = draw.choice([-1, 1, 5])
        if pools and draw.random() < 0.5:
            task["pool"] = pool = draw.choice([*POOLS])
            task["slots"] = draw.randint(1, POOLS[pool])
        if past and draw.random() < 0.15:
            task["depends_on_past"] = True
        dag.add(nothing, id=f"t{number}", after=_some(draw, ids), **task)
        ids.append(f"t{number}")


def _some(draw: random.Random, ids: list[str]) -> list[str]:
    return draw.sample(ids, min(len(ids), draw.choice([0, 1, 1, 2])))
