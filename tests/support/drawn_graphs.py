"""Graphs to look at: teams whose DAGs follow from each other's datasets, as many as asked for."""

from __future__ import annotations

import random

import reactive_dag as rd

TEAMS = (
    "ads", "billing", "crm", "search", "growth", "mobile", "finance", "risk", "web", "ml", "logs", "ops", "infra",
    "core", "press", "legal", "people", "sales", "stock", "fleet",
)  # fmt: skip
WORK = ("load", "clean", "join", "report", "score")


def teams(dags: int, seed: int = 7) -> rd.Graph:
    """A graph of so many DAGs: most hear one or two of their own team's datasets, one in twenty another team's."""
    draw = random.Random(seed)
    graph = rd.Graph("estate")
    per_team = max(dags // len(TEAMS), 1)
    with graph.bulk():
        for n in range(dags):
            team, first = TEAMS[n // per_team % len(TEAMS)], n // per_team * per_team
            heard = (
                {draw.randrange(max(first, n - 8), n) for _ in range(draw.choice((1, 1, 2)))} if n > first else set()
            )
            if first and draw.random() < 0.05:
                heard.add(draw.randrange(first))
            datasets = [rd.updated(f"lake/{each}") for each in sorted(heard)]
            on = rd.all_of(*datasets) if datasets else rd.cron(f"{n % 60} 2 * * *")
            id = f"{team}_{draw.choice(WORK)}_{n}"
            graph.dag(id, on=on, outlets=[graph.dataset(f"lake/{n}")], tags=[team])
    return graph
