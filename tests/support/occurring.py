"""What occurred in the life of a naive model, in words: whether a random world has what its name promises."""

from __future__ import annotations

from collections.abc import Iterator


def occurred(model) -> set[str]:
    """What was in its facts, and what it noted beside."""
    began = {fact.run for fact in model.facts if fact.what == "run_started"}
    found = set(model.noted)
    for fact in model.facts:
        about = SAID.get(fact.what)
        found |= set(about(fact, began)) if about is not None else set()
    return found


def _finished(fact, began) -> Iterator[str]:
    spec = fact.run.specs.get(fact.task.partition("[")[0])
    if spec is None or fact.state == "lost":
        return
    if spec.over and fact.attempt:
        yield "nested instance" if fact.task.startswith("inner") else "instance"
    if spec.branch and fact.attempt:
        yield f"branch {'chose' if fact.state == 'success' else fact.state}"
        yield f"branch chose {fact.output}" if fact.state == "success" else "branch no choice"
    if spec.teardown and fact.attempt:
        yield "teardown of a cancelled run" if fact.run.cancelled else "teardown"


def _cancelled(fact, began) -> Iterator[str]:
    if fact.of is not None:
        yield "backfill cancelled"
    elif fact.ending == "failed":
        yield "run timed out"
    elif fact.by:
        yield "overlap replace"


def _rerun(fact, began) -> Iterator[str]:
    yield "rerun failed" if fact.only else "rerun tasks" if fact.tasks else "rerun"
    if fact.tasks and "[" in fact.tasks[0]:
        yield "rerun instance"
    if fact.wave is not None:
        yield "round of a follower" if fact.replaced else "rerun downstream"


def _asked(fact, began) -> Iterator[str]:
    yield (
        "backfill: a run"
        if fact.is_new
        else "backfill: a further round"
        if fact.run_round
        else "backfill: a date skipped"
    )


def _began(fact, began) -> Iterator[str]:
    """A run whose partition has a region, or which a dimension keyed (T19)."""
    texts = (fact.run.partition or "").split("|")
    if {*texts} & {"eu", "us"}:
        yield "run of a region" if len(texts) == 1 else "run of a region and day"


SAID = {
    "run_started": _began,
    "finished": _finished,
    "cancelled": _cancelled,
    "rerun": _rerun,
    "asked": _asked,
    "retry": lambda fact, began: ["instance retried"] if "[" in fact.task else [],
    "run_finished": lambda fact, began: ["overlap skip"] if fact.state == "skipped" and fact.run not in began else [],
    "missed": lambda fact, began: ["deadline missed"],
    "mark": lambda fact, began: [f"marked {'instance' if '[' in fact.task else 'task' if fact.task else 'run'}"],
    "backfill": lambda fact, began: ["backfill asked", *(["backfill of what is missing"] if fact.only else [])],
    "backfill_ended": lambda fact, began: [f"backfill {fact.state}"],
}
