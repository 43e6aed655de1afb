"""Branches: which of the tasks that follow one it chose, and which are skipped since it did not (R7).

Owns no state. What a branch returned is judged once, by its attempt, so a success in the log names followers only; what
it skips follows from the record and the plan alone. O(tasks and edges behind what is chosen).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import exact, seen, text_at

if TYPE_CHECKING:
    from reactive_dag.declare.plan import Plan
    from reactive_dag.model.records import Json, TaskFinished


def choice_of_branch(given: object, branch: str, followers: Collection[str]) -> Json:
    """What a branch returned, as it is recorded: the id of a task that follows it, a list of those, or None. O(choice).

    Raises InvalidValue for one that does not follow it.

    >>> choice_of_branch(["load"], "pick", {"load", "stop"})
    ['load']
    >>> choice_of_branch("lode", "pick", ["load", "stop"])
    Traceback (most recent call last):
    reactive_dag.model.errors.InvalidValue: branch 'pick' chose 'lode', ... 'load', 'stop'; did you mean 'load'?
    """
    if given is None:
        return None
    if isinstance(given, Iterable) and not isinstance(given, str | dict):
        return [_follower(each, branch, followers) for each in given]
    return _follower(given, branch, followers)


def _follower(given: object, branch: str, followers: Collection[str]) -> str:
    id = exact(given) if isinstance(given, str) else text_at(given, "id")
    if id is None or id not in followers:
        known = ", ".join(map(repr, followers)) or "none"
        hint = did_you_mean(id or "", followers)
        what = seen(given) if id is None else repr(id)
        raise InvalidValue(f"branch {branch!r} chose {what}, which is none of the tasks that follow it: {known}{hint}")
    return id


def chosen(result: TaskFinished, followers: Iterable[str]) -> set[str] | None:
    """The followers that a branch chose; None for all, where no body chose. O(followers)."""
    if not result.attempt or result.error is not None:  # a success that says something was given by hand
        return None
    given = result.output
    names = {given} if isinstance(given, str) else set(given or ())
    return names & set(followers)


def skipped_by(plan: Plan, teardowns: Sequence[bool], branch: int, choice: set[str]) -> frozenset[int]:
    """The followers of a branch that are skipped: not chosen, no teardown, and behind nothing that is chosen.

    O(tasks and edges behind what is chosen).
    """
    reached = {plan.index[id] for id in choice}
    todo = list(reached)
    while todo:
        for follower in plan.followers[todo.pop()]:
            if follower not in reached:
                reached.add(follower)
                todo.append(follower)
    return frozenset(each for each in plan.followers[branch] if each not in reached and not teardowns[each])
