"""Holds what an engine says to what its naive model says (twins.py): records, runs, tasks, counts of parts."""

from __future__ import annotations

from collections import Counter

from tests.support.stories import of_log, of_model


def compare(world, model, since, lost_plans):
    """They say the same; up to where their stories were compared, `since` when they were last.

    Of runs with `lost_plans` an engine may not know the tasks any more.
    """
    world.check()
    compared = compare_stories(world, model, *since)
    compare_runs(world.engine, model, lost_plans)
    triggers = {dag: active for (dag, _), active in world.core.router.triggers.items()}
    assert triggers.keys() == model.stations.keys()
    for dag, station in model.stations.items():
        assert counts(triggers[dag]) == station.counts(), dag
    return compared


def compare_stories(world, model, log, fact):
    """Every record of a log from an offset on, and every fact of a model."""
    stop = world.log.next_offset
    got, expected = list(of_log(world.core, log, stop)), list(of_model(model, fact))
    for one, other in zip(got, expected, strict=False):
        assert one == other, f"\n  log   {one}\n  model {other}"
    assert len(got) == len(expected), (got + expected)[min(len(got), len(expected)) :][:3]
    return stop, len(model.facts)


def compare_runs(engine, model, lost_plans):
    """Every run, and how far its tasks are."""
    rows = {run.key: run._row for run in engine.runs()}
    assert sorted((row.dag, row.state, key) for key, row in rows.items()) == sorted(
        [(run.dag, run.state, key) for key, run in model.runs.items()]
        + [(fact.dag, "queued", fact.key) for fact in model.queue if fact.what == "requested"]
    )
    for key, run in model.runs.items():
        if key not in lost_plans:
            states = {name: task.state for name, task in run.tasks.items() if task.state is not None}
            found = [each for task in rows[key].tasks for each in (task, *(task.instances or ()))]
            assert {each.task: each.state for each in found if each.state != "queued"} == states, run.dag


def counts(active):
    """What an engine's trigger counts, in the model's form."""
    held = Counter(part for firing in active.held for part in firing.parts)
    rows = [
        (count.delivered, count.consumed - held[part], count.pending + held[part], dict(count.dropped))
        for part, count in enumerate(active.circuit.counts())
    ]
    return rows + [(n, 0, 0, {"redefined": n}) for _, n in sorted(active.redefined.items())]


def told(model):
    """How much of a story there is that is durable."""
    return len(list(of_model(model, 0))) - len(list(of_model(model, model.safe)))
