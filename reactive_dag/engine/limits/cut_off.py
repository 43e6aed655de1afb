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
    left = {_task(run, job.index) for job in list(under_way.values()) if job.run is run and _goes_on(job)}
    if not left:
        return False
    needs, todo, seen = run.plan.needs, [index], {index}
    while todo:
        for above in needs[todo.pop()]:
            if above not in seen:
                seen.add(above)
                todo.append(above)
    return not left.isdisjoint(seen)


def _goes_on(job: UnderWay) -> bool:
    return not job.waits and job.run.final(job.index)


def _task(run: RunState, index: int) -> int:
    """The task that an instance is one of."""
    return index if index < run.size else run.instance(index)[0]
