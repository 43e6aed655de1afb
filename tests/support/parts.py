"""Random graphs that are static in part: some DAGs, tasks and waits are such as no window knows."""

from __future__ import annotations

from random import Random

import reactive_dag as rd
from reactive_dag.model.errors import ReactiveDagError
from tests.support.windows import SPANS, STARTS, add_waits, clock, intervention, nothing, trigger


def odd_trigger(r: Random, graph: rd.Graph, made: list[str], outlets: list[rd.Dataset]) -> rd.Trigger:
    """What starts a DAG, and depends on durations; nothing of the next DAGs, unless by feedback."""
    one, other = r.choice(made), r.choice(made)
    first, second = rd.completed(one), rd.completed(other, states=r.choice(["success", "success", "any"]))
    event = rd.updated(r.choice(outlets))
    heard = r.choice([first, event, first | event])
    span = r.choice(["20m", "70m", "5h"])
    match r.randrange(12):
        case 0 | 1 | 2:
            return rd.absent(heard, for_=span)
        case 3:
            return rd.absent(heard, at=rd.cron("0 */6 * * *"))
        case 4:
            return rd.absent(first, for_=span, after=second)
        case 5:
            return heard.throttle(span)
        case 6:
            return heard.debounce(span, max_wait="9h")
        case 7:
            return heard.batch(count=r.choice([2, 3]), max_wait=r.choice([None, span]))
        case 8:
            return rd.sequence(first, event)
        case 9:
            return event.with_latest(first)
        case 10:
            return rd.completed("*", states=r.choice(["failed", {"failed", "skipped"}]))
        case _:
            return rd.updated(r.choice(outlets), feedback=True, max_depth=2)


def odd_task(r: Random) -> dict[str, object]:
    """Options of a task that no window knows."""
    return r.choice([{"trigger_rule": "one_success"}, {"trigger_rule": "always"}, {"until": True}])


def odd_wait(r: Random, dag: rd.Dag, made: list[str], outlets: list[rd.Dataset]) -> None:
    """A wait that no window knows."""
    awaited = r.choice(made)
    match r.randrange(5):
        case 0:
            dag.wait_for(r.choice(outlets), id="odd", match="same_day", timeout="9h")
        case 1:
            dag.wait_for(awaited, id="odd", match="same_day", mode="poke", poll="10m")
        case 2:
            dag.wait_for(awaited, id="odd", match=r.choice(["latest", "same_day"]), states={"success", "failed"})
        case 3:
            dag.wait_for(awaited, id="odd", since="start", timeout="3h", soft_fail=True)
        case _:
            dag.wait_for(awaited, id="odd", match="same_day", mode="reschedule", poll="45m", timeout="5h")


def graph_in_parts(r: Random, most: int = 10) -> tuple[rd.Graph, dict[rd.Dataset | str, rd.Trigger]]:
    """A random graph, and sources for it. Raises ReactiveDagError where what was drawn is refused."""
    graph, made = rd.Graph("drawn"), list[str]()
    outside = [graph.dataset(f"out{n}", partitions=r.choice([None, rd.day("Europe/Berlin")])) for n in range(2)]
    graph.pool("pool", slots=r.choice([2, 5, 50]))
    graph.pool("narrow", slots=1)
    sources: dict[rd.Dataset | str, rd.Trigger] = {each: clock(r) for each in outside}
    outlets = list(outside)
    for number in range(r.randrange(3, most)):
        odd = len(made) > 1 and r.random() < 0.25
        options: dict[str, object] = {}
        if r.random() < 0.1:
            options |= {"max_active_runs": r.choice([1, 2]), "overlap": r.choice(["queue", "skip", "replace"])}
        if r.random() < 0.1:
            options["deadline"] = r.choice(["30m", "2h"])
        on = odd_trigger(r, graph, made, outlets) if odd else trigger(r, graph, made, outlets)
        dag, ids = graph.dag(f"d{number}", on=on, **options), list[str]()  # type: ignore[arg-type]
        add_waits(r, dag, graph, made, ids)
        if made and r.random() < 0.1:
            odd_wait(r, dag, made, outlets)
            ids.append("odd")
        for task in range(r.randrange(1, 4)):
            made_here = [graph.dataset(f"s{number}{task}", partitions=r.choice([None, rd.day("Europe/Berlin")]))]
            given = made_here if r.random() < 0.35 else []
            outlets += given
            more: dict[str, object] = {"pool": r.choice(["pool", "pool", "narrow"])} if r.random() < 0.1 else {}
            more |= odd_task(r) if ids and r.random() < 0.04 else {}
            if r.random() < 0.1:
                more |= {"retries": 1, "retry_delay": r.choice(["0s", "7m"])}
            if r.random() < 0.07:
                more["depends_on_past"] = True
            until = more.pop("until", None)
            after = r.sample(ids, min(len(ids), r.choice([0, 1, 1, 2])))
            if until:
                dag.wait_until(nothing, id=f"t{task}", after=after)
            else:
                dag.add(nothing, id=f"t{task}", after=after, outlets=given, **more)  # type: ignore[arg-type]
            ids.append(f"t{task}")
        made.append(dag.id)
    graph.check()
    return graph, sources


def question_in_parts(r: Random) -> tuple[rd.Simulation, list[list[object]]] | None:
    """A random simulation, and interventions to ask about one after another; None where what was drawn is refused."""
    try:
        graph, sources = graph_in_parts(r)
        drawn = r.random() < 0.3
        fixed = ("20m", rd.spread_durations("1s", r.choice(["2m", "30m", "1h", "3h"])), "1h", "0s")
        lengths = r.choice(SPANS) if drawn else r.choice(fixed)
        base = rd.simulate(
            graph, start=r.choice(STARTS), until=f"{r.choice([7, 24, 50])}h", sources=sources,
            default_duration=lengths, seed=r.randrange(5),
        )  # fmt: skip
    except ReactiveDagError:
        return None
    changes = []
    for _ in range(r.randrange(4)):
        try:
            changes.append([intervention(r, graph, drawn) for _ in range(r.choice([1, 1, 2]))])
        except IndexError:  # a DAG of waits alone
            continue
    return base, changes
