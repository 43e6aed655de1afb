"""Random graphs whose windows are mostly static, questions about them, and what the reference says of each instance."""

from __future__ import annotations

from collections import Counter
from random import Random

import reactive_dag as rd
from reactive_dag.model.errors import ReactiveDagError
from reactive_dag.whatif.question.distributions import empirical, exponential, lognormal, uniform, weibull
from reactive_dag.whatif.question.interventions import capacity, shared, workers
from reactive_dag.whatif.window.arrays import BEYOND, LOST, MET, TASK, WAIT, Ends, Window

CRONS = (
    "0 * * * *",
    "*/20 * * * *",
    "0 0 * * *",
    "30 2 * * *",
    "0 */6 * * *",
    "15 12 * * *",
    "0 3 * * mon",
    "0 4 1 * *",
)
ZONES = ("UTC", "UTC", "Europe/Berlin", "Asia/Tokyo")
STARTS = ("2026-11-23T00:00Z", "2026-10-24T22:00Z", "2026-03-28T12:00Z", "2026-11-30T18:00Z")
"""The second and third lie before the changes of clocks in Berlin, the last before the end of a month."""

Instance = tuple[str, int | None, str | None, str, int, int | None]
"""DAG, date and partition of the run, task, begin, end."""


def nothing() -> None:
    """A body."""


def clock(r: Random) -> rd.Trigger:
    """A clock, or several."""
    found: rd.Trigger = rd.cron(r.choice(CRONS), tz=r.choice(ZONES))
    return found | rd.cron(r.choice(CRONS)) if r.random() < 0.15 else found


def trigger(r: Random, graph: rd.Graph, made: list[str], outlets: list[rd.Dataset]) -> rd.Trigger:
    """What may start the next DAG, after those that are made."""
    kind = r.random()
    if len(made) < 2 or kind < 0.3:
        return clock(r)
    one, other = r.sample(made, 2)
    if kind < 0.4:
        return rd.completed(one)
    if kind < 0.43:
        return rd.completed(one, states=r.choice(["failed", "any", {"success", "skipped"}]))
    if kind < 0.45:
        return rd.completed(one) | rd.completed("*", states="failed")
    if kind < 0.5:
        return rd.completed(one, task=r.choice(list(graph.dags[one].tasks)))
    if kind < 0.62:
        return rd.all_of(rd.completed(one), rd.completed(other))
    if kind < 0.7:
        return rd.any_of(rd.completed(one), rd.completed(other), *([clock(r)] if r.random() < 0.2 else []))
    if outlets and kind < 0.82:
        return rd.updated(r.choice(outlets))
    if len(outlets) > 1 and kind < 0.93:
        key = r.choice(["partition", "logical_date", rd.day("Europe/Berlin")])
        return rd.all_of(*r.sample(outlets, 2)).by(key)
    return rd.all_of(rd.completed(one), rd.cron(r.choice(CRONS[:4]))).by("logical_date")


def add_waits(r: Random, dag: rd.Dag, graph: rd.Graph, made: list[str], ids: list[str]) -> None:
    """Waits for the DAGs that are made."""
    for number in range(r.choice([0, 0, 1, 2])):
        if not made:
            return
        awaited = r.choice(made)
        options: dict[str, object] = {"match": r.choice(["same_day", "latest", "exact", "exact"])}
        if r.random() < 0.6:
            options["task"] = r.choice(list(graph.dags[awaited].tasks))
        if options["match"] == "exact" and r.random() < 0.5:
            options["logical_date"] = r.choice(["1h", "6h", "1d"])
        after = r.sample(ids, min(len(ids), r.choice([0, 0, 1])))
        dag.wait_for(awaited, id=f"w{number}", after=after, **options)  # type: ignore[arg-type]
        ids.append(f"w{number}")


def graph_of(r: Random, most: int = 9) -> tuple[rd.Graph, dict[rd.Dataset | str, rd.Trigger]]:
    """A random graph, and sources for it. Raises ReactiveDagError where what was drawn is refused."""
    graph, made = rd.Graph("drawn"), list[str]()
    outside = [graph.dataset(f"out{n}", partitions=r.choice([None, rd.day("Europe/Berlin")])) for n in range(2)]
    graph.pool("pool", slots=r.choice([2, 5, 50]))
    sources: dict[rd.Dataset | str, rd.Trigger] = {each: clock(r) for each in outside}
    outlets = list(outside)
    for number in range(r.randrange(2, most)):
        bounds: dict[str, object] = {"start": "2026-03-29T01:00Z"} if r.random() < 0.1 else {}
        if r.random() < 0.1:
            bounds["end"] = "2026-11-23T11:00Z"
        if r.random() < 0.15:
            bounds |= {"max_active_runs": r.choice([1, 2, 3]), "overlap": r.choice(["queue", "queue", "skip"])}
        if r.random() < 0.05:
            bounds["timeout"] = "4h"
        dag = graph.dag(f"d{number}", on=trigger(r, graph, made, outlets), **bounds)  # type: ignore[arg-type]
        clocked, ids = not graph.upstream(dag.id), list[str]()
        add_waits(r, dag, graph, made, ids)
        for task in range(r.randrange(1, 5)):
            made_here = [graph.dataset(f"s{number}{task}", partitions=r.choice([None, rd.day("Europe/Berlin")]))]
            given = made_here if r.random() < 0.25 else []
            outlets += given
            limits: dict[str, object] = {"pool": "pool", "slots": r.choice([1, 2])} if r.random() < 0.1 else {}
            if ids and r.random() < 0.1:
                limits["trigger_rule"] = r.choice(["all_done", "none_failed", "none_failed_min_one_success"])
            if r.random() < 0.05:
                limits["timeout"] = r.choice(["30m", "2h"])
            dag.add(
                nothing, id=f"t{task}", after=r.sample(ids, min(len(ids), r.choice([0, 1, 1, 2]))), outlets=given,
                depends_on_past=r.random() < (0.2 if clocked else 0.08), **limits,
            )  # fmt: skip
            ids.append(f"t{task}")
        made.append(dag.id)
    graph.check()
    return graph, sources


LATENESS = (exponential("20m"), uniform("1s", "3h"))
SPANS = (lognormal("30m", 0.8), uniform("1m", "2h"), empirical(["5m", "20m", "1h"]), weibull("40m", 1.5))


def intervention(r: Random, graph: rd.Graph, drawn: bool) -> object:
    """A random delay, duration, failure, limit or shared factor; where `drawn`, with distributions too."""
    dag = r.choice(list(graph.dags))
    task = f"{dag}.{r.choice([task.id for task in graph.dags[dag].tasks.values() if task.kind == 'task'])}"
    later = r.choice(LATENESS) if drawn and r.random() < 0.4 else f"{r.choice([20, 60, 7, 600])}m"
    kind = r.random()
    if kind < 0.3:
        return rd.delay(dag, later)
    if kind < 0.45:
        return rd.delay(r.choice([f"{dag}.{each}" for each in graph.dags[dag].tasks]), later)
    if kind < 0.55:
        return rd.delay(f"out{r.randrange(2)}", later)
    if kind < 0.8:
        return rd.duration(task, r.choice(SPANS) if drawn and r.random() < 0.5 else f"{r.choice([0, 20, 60, 900])}m")
    if kind < 0.85:
        return shared("slow", lognormal(1.0, 0.3) if drawn else 1.5, tasks=[task])
    if kind < 0.9:
        return workers(r.choice([2, 10, 100]))
    return capacity("pool", r.choice([2, 5, 50])) if kind < 0.95 else rd.fail(task, r.choice([0, 0.3]))


def question(r: Random) -> tuple[rd.Simulation, list[list[object]]] | None:
    """A random simulation, and interventions to ask about one after another; None where what was drawn is refused."""
    try:
        graph, sources = graph_of(r)
        drawn = r.random() < 0.4
        fixed = ("20m", rd.spread_durations("1s", r.choice(["2m", "30m", "1h", "3h"])), "1h", "0s")
        lengths = r.choice(SPANS) if drawn else r.choice(fixed)
        until, seed = f"{r.choice([7, 24, 50])}h", r.randrange(5)
        base = rd.simulate(
            graph, start=r.choice(STARTS), until=until, sources=sources, default_duration=lengths, seed=seed
        )  # fmt: skip
    except ReactiveDagError:
        return None
    changes = [[intervention(r, graph, drawn) for _ in range(r.choice([1, 1, 2]))] for _ in range(r.randrange(4))]
    return base, changes


def of_reference(simulation: rd.Simulation) -> Counter[Instance]:
    """Each instance of a task or wait that began, as the reference played it."""
    trace, found = simulation.trace, Counter[Instance]()
    for row in trace.rows.values():
        for task in trace.tasks(row.run):
            begin, end = trace.interval(row.run, task)
            if begin is not None:
                found[row.dag, row.logical_date, row.partition, task, begin, end] += 1
    return found


def of_window(window: Window, ends: Ends) -> Counter[Instance]:
    """Each instance of a task or wait that began, as a window says."""
    found = Counter[Instance]()
    runs, kinds, subjects = window.run.tolist(), window.kind.tolist(), window.subject.tolist()
    for node, kind in enumerate(kinds):
        begin, end = ends.begin[node], ends.end[node]
        if kind in (TASK, WAIT, MET, LOST) and begin < BEYOND:
            dag, task = window.tasks[subjects[node]]
            run = runs[node]
            date, partition = int(window.run_date[run]), window.run_partition[run]
            found[dag, date, partition, task, begin, end if end < BEYOND else None] += 1
    return found


def last_question(seed: int) -> rd.Simulation | None:
    """A drawn question with all its further ones; None where it is refused."""
    found = question(Random(seed))
    if found is None:
        return None
    simulation, further = found
    for changes in further:
        simulation = simulation.what_if(*changes)
    return simulation
