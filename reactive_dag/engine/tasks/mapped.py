"""Mapped tasks: their instances, and what those give together (R7, R3).

Owns no state: which instances a run has stands in its `RunState`. Invariant: a mapped task gets its instances when the
record that lets it go is applied, from that record and the plan alone, so a replay gives it the same ones (where it
waited for its past, R14, before the first record of what became of it is applied). It ends when the last of them has;
its success is recorded without an output, which is that of the instances. O(items) each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from reactive_dag.engine.facts.publish import outlet_events
from reactive_dag.engine.runs.state import READY
from reactive_dag.model.errors import UndatedOutlet, said
from reactive_dag.model.records import UNCHANGED

if TYPE_CHECKING:
    from collections.abc import Callable

    from reactive_dag.engine.facts.outbox import Outbox
    from reactive_dag.engine.facts.publish import Publishing
    from reactive_dag.engine.runs.state import RunState
    from reactive_dag.engine.tasks.past import PastWaits
    from reactive_dag.model.records import OutletEvent, TaskFinished

FAILED_NAMED = 3
"""So many failed instances at most are named in the error of their task."""


class Give(Protocol):
    """Asks that a task get a state without running."""

    def __call__(self, run: RunState, task: str, state: str, error: str | None = None) -> None:
        """Append it, unless a log is replayed."""


def may_expand(run: RunState, index: int) -> bool:
    """Whether a mapped task has its list, and may go: in a cancelled run nothing ends its instances (R5). O(1)."""
    return run.results[run.arrays.overs[index]] is not None and (not run.cancelled or run.arrays.teardowns[index])


class MappedTasks:
    """What happens to mapped tasks; `offer` takes an instance that is to start when it may, `give` asks for a state."""

    def __init__(
        self, outbox: Outbox, publishing: Publishing, offer: Callable[[RunState, int], None], give: Give
    ) -> None:
        self.outbox = outbox
        self.publishing = publishing
        self._offer = offer
        self._give = give

    def begin(self, run: RunState, index: int) -> None:
        """A mapped task may go: it gets an instance for each item, in order. O(items)."""
        ids, over = run.plan.ids, run.arrays.overs[index]
        done = run.results[over]
        assert done is not None
        above = run.instances.get(over)
        if above is None and done.state != "success":
            state = "skipped" if done.state == "skipped" else "upstream_failed"
            self._give(run, ids[index], state, f"{ids[over]!r}, which it maps over, is {done.state} and gave no list")
            return
        if above is None and not isinstance(done.output, list):
            kind = "None" if done.output is None else type(done.output).__name__
            self._give(run, ids[index], "failed", f"it maps over {ids[over]!r}, which gave no list but {kind}")
            return
        numbers = self._expand(run, index, len(done.output if above is None else above))
        ids = run.plan.ids
        passes = above is not None and run.arrays.rules[index] == "all_success"
        for place, number in enumerate(numbers):
            if run.results[number] is not None:
                continue
            if passes and above is not None and _is_skipped(run, above[place]):
                self._give(run, ids[number], "skipped", f"{ids[above[place]]} is skipped")
            else:
                self._offer(run, number)
        if not run.instances_left[index]:
            self.gather(run, index)

    def went(self, past: PastWaits, run: RunState | None, task: str, state: str = "") -> None:
        """A replay asks no history: what became of a mapped task shows that it waits for its past no more. O(items)."""
        id, _, place = task.partition("[")
        index = -1 if run is None else run.plan.index.get(id, -1)
        if run is None or index not in past.of_run.get(run.run, ()) or run.arrays.overs[index] < 0:
            return
        gathered = state in ("success", "failed") and not run.asked[index] and run.verdict(index) == READY
        if place or gathered:
            past.drop(run.run, index)
            run.asked[index] = 1
            self.begin(run, index)

    def begin_marked(self, run: RunState, index: int, task: str, state: str, text: str) -> None:
        """A round begins in which a mapped task, or an instance of it, has a state by hand (R19). O(items).

        It has the instances that the round keeps; as a whole it gives the others its state, and has it itself.
        """
        over = run.arrays.overs[index]
        above, done, id = run.instances.get(over), run.results[over], run.plan.ids[index]
        if done is not None and (above is not None or isinstance(done.output, list)):
            run.asked[index] = 1
            self._expand(run, index, len(done.output if above is None else above))
            if task != id and not run.instances_left[index]:
                self.gather(run, index)  # that instance is gone: an earlier round has a shorter list
        if task in run.arrays.index:
            self.mark(run, run.arrays.index[task], state, text)

    def mark(self, run: RunState, index: int, state: str, text: str) -> None:
        """Give a task a state by hand, and before it those instances of a mapped one that have none. O(instances)."""
        for number in (*run.instances.get(index, ()), index):
            if run.results[number] is None and number not in run.by_hand:
                run.decide_by_hand(number, state, text)
                self._give(run, run.plan.ids[number], state, text)

    def _expand(self, run: RunState, index: int, count: int) -> range:
        """Give a mapped task its instances, and those that a round keeps their ends. O(items)."""
        numbers = run.add_instances(index, count)
        run.asked[numbers.start : numbers.stop] = b"\1" * count
        for number in numbers if run.kept else ():
            row = run.kept.get(run.plan.ids[number])
            if row is not None:
                run.keep_one(number, row)
        return numbers

    def settled(self, run: RunState, index: int, state: str) -> None:
        """A task of a run with instances has its final state: one of them, or a mapped one. O(1), the last O(items)."""
        if index >= run.size:
            mapped, _ = run.instance(index)
            if not run.instances_left[mapped] and run.results[mapped] is None and mapped not in run.by_hand:
                self.gather(run, mapped)
        elif run.instances_left.get(index) and not run.cancelled:
            for number in run.instances[index]:
                if not run.final(number):
                    self._give(run, run.plan.ids[number], state, f"{run.plan.ids[index]} is {state}")

    def gather(self, run: RunState, index: int) -> None:
        """All instances of a mapped task have ended: so does the task. O(items)."""
        if self.outbox.replaying:
            return
        numbers, id = run.instances[index], run.plan.ids[index]
        failed = [n for n in numbers if run.states[n] not in ("success", "skipped")]
        if failed:
            named = "; ".join(f"{run.plan.ids[n]}: {_error(run, n)}" for n in failed[:FAILED_NAMED])
            more = f"; and {len(failed) - FAILED_NAMED} more" if len(failed) > FAILED_NAMED else ""
            self._give(run, id, "failed", f"{len(failed)} of {len(numbers)} instances failed: {named}{more}")
        elif numbers and all(run.states[n] == "skipped" for n in numbers):
            self._give(run, id, "skipped")
        else:
            self._succeed(run, index, id)

    def _succeed(self, run: RunState, index: int, id: str) -> None:
        try:
            self.publishing.check_dated(run.started, self.published(run, index))
        except UndatedOutlet as error:
            self._give(run, id, "failed", said(error))
        else:
            self._give(run, id, "success")

    def published(self, run: RunState, index: int) -> list[OutletEvent]:
        """What the success of a mapped task publishes (R3): all that its instances said, in order. O(events).

        An outlet of which none said anything has an automatic event, unless all said that it did not change.
        """
        outlets = run.tasks[index].outlets
        if not outlets:
            return []
        results = [done for n in run.instances[index] if (done := run.results[n]) is not None]
        told = [event for done in results for event in done.publishes or ()]
        events = [event for event in told if event.kind != UNCHANGED]
        heard = {event.dataset for event in events}
        ended = sum(done.state == "success" for done in results)
        for outlet in outlets:
            still = sum(event.kind == UNCHANGED and event.dataset == outlet.id for event in told)
            if outlet.id not in heard and not 0 < still == ended:
                events += outlet_events([outlet])
        return events


def _is_skipped(run: RunState, index: int) -> bool:
    done: TaskFinished | None = run.results[index]
    return done is not None and done.state == "skipped"


def _error(run: RunState, index: int) -> str:
    """The first line of what an instance failed with."""
    done = run.results[index]
    return "" if done is None else (done.error or done.state).partition("\n")[0]
