"""Bodies that go on although their attempt is over: a teardown waits until what it follows has returned (R18).

Owns no state. O(attempts under way), with such a body O(tasks + edges).
"""

from __future__ import annotations

from collections.abc import Mapping

from reactive_dag.engine.limits.pools import UnderWay
from reactive_dag.engine.runs.state import RunState


def follows_a_body(run: RunState, index: int, under_way: Mapping[tuple[int, int], UnderWay]) -> bool:
    """Whether something that a task follows was cut off, and its body has not returned.

    One that waits for a run (R3) does nothing meanwhile.
    """
    left = {_task(run, job) for job in list(under_way.values()) if job.run.run == run.run and _goes_on(run, job)}
    if not left:
        return False
    needs, todo, seen = run.plan.needs, [index], {index}
    while todo:
        for above in needs[todo.pop()]:
            if above not in seen:
                seen.add(above)
                todo.append(above)
    return not left.isdisjoint(seen)


def _goes_on(run: RunState, job: UnderWay) -> bool:
    """Whether its attempt is over: it has ended, another is to come, or it was one of an earlier round."""
    return not job.waits and (job.run is not run or job.index not in run.open)


def _task(run: RunState, job: UnderWay) -> int:
    """The task in a run's plan of which it is an attempt, or of an instance; -1 where that has none."""
    of, index = job.run, job.index
    mapped = index if index < of.size else of.instance(index)[0]
    return mapped if of is run else run.plan.index.get(of.plan.ids[mapped], -1)
