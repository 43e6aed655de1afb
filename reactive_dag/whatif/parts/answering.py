"""Answering a question about a graph that is static in part.

Owns `PartsAnswer`. Invariant: it says what a course of the whole says; where that is not certain it is refused. A first
question costs the window and the course of the rest; a further one what it reaches in the window, and that course only
where the border or the rest itself has changed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from reactive_dag.whatif.loops.answering import Method, WindowAnswer, answer_of
from reactive_dag.whatif.outcome.of_answer import outcome_of
from reactive_dag.whatif.outcome.trace import Trace
from reactive_dag.whatif.parts.border import Border, border_of
from reactive_dag.whatif.parts.mixed_outcome import MixedOutcome
from reactive_dag.whatif.parts.order import OrderOfInstants, turns_of
from reactive_dag.whatif.parts.rest_player import RestPlayer
from reactive_dag.whatif.parts.static_part import Reasons, StaticPart, part_of
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.whatif.course.prepared import PreparedGraph
    from reactive_dag.whatif.outcome.outcome import Outcome
    from reactive_dag.whatif.outcome.window_outcome import WindowOutcome
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question


MOST_TRIES = 6
"""So often at most DAGs that turn out not to be static go to the rest."""


@frozen(eq=False)
class RestCourse:
    """A course of the rest: what it was told, what it came to, and the offsets of the static runs that it played."""

    border: Border
    trace: Trace
    numbers: dict[int, int]


class PartsAnswer:
    """What a graph that is static in part says of one future of a question.

    `turns` are the instants at which a static task took no time.
    """

    def __init__(
        self, part: StaticPart, window: WindowAnswer, static: WindowOutcome, course: RestCourse,
        turns: frozenset[int], method: Method,
    ) -> None:  # fmt: skip
        self.part = part
        self.window = window
        self.static = static
        self.course = course
        self.turns = turns
        self.method = method

    @cached_property
    def outcome(self) -> MixedOutcome:
        """The whole as one outcome. O(1)."""
        return MixedOutcome(self.static, self.course.trace, self.course.numbers, self.part)


def answer_in_parts(
    question: Question, effects: Effects, prepared: PreparedGraph, before: PartsAnswer | None,
    reference: Callable[[], Outcome], why: NotStatic, future: int = 0,
) -> PartsAnswer:  # fmt: skip
    """What a graph that is static in part says of a future, where `effects` follow on those of `before` in one step.

    `why` says what is not static; a DAG that turns out not to be so as it is answered goes to the rest. O(nodes that a
    change reaches + records of the rest and the border, if that changed). Raises NotStatic where the reference is to be
    asked for all of it.
    """
    told: Reasons = () if before is None else before.part.told
    part = part_of(question, told)
    for _ in range(MOST_TRIES):
        try:
            if not part.rest:  # the window of the whole has said why it is no answer
                raise why
            return _answered(question, effects, prepared, before, reference, part, future)
        except NotStatic as reason:
            if not reason.dags or part.dags.isdisjoint(reason.dags):
                raise
            told = (*told, *((dag, str(reason)) for dag in reason.dags if dag in part.dags))
        part = part_of(question, told)
    raise NotStatic(part.why)


def _answered(
    question: Question, effects: Effects, prepared: PreparedGraph, before: PartsAnswer | None,
    reference: Callable[[], Outcome], part: StaticPart, future: int,
) -> PartsAnswer:  # fmt: skip
    if effects.workers is not None:
        raise NotStatic(f"{part.why}; workers are shared with the rest")
    if before is not None and before.part is not part:
        before = None
    window = answer_of(part.window, question, effects, None if before is None else before.window, future)
    static = outcome_of(window, question.graph.id, effects, prepared, reference)
    border = border_of(part, static, question.graph)
    if before is not None and before.course.border == border and not _touches(effects, part, border):
        course = before.course
    else:
        course, before = _played(question, effects, prepared, part, border, future), None
    turns = turns_of(static)
    if before is None or before.turns != turns:
        _refuse_doubt(OrderOfInstants(part, static, course.trace, question.graph, turns))
    method = evolve(window.method, why=part.why, rest=part.rest)
    return PartsAnswer(part, window, static, course, turns, method)


def _refuse_doubt(order: OrderOfInstants) -> None:
    """Raises NotStatic where it is not certain what a DAG of the rest saw first."""
    found = order.uncertain()
    if found is not None:
        seer, seen = found
        raise NotStatic(f"what {seer!r} sees of {seen!r} depends on what happens first at one instant", seen)


def _touches(effects: Effects, part: StaticPart, border: Border) -> bool:
    """Whether the last interventions touched anything that the course of the rest plays. O(what they touched)."""
    touched, played = effects.touched, border.dags | set(part.rest)
    tasks = touched.durations | touched.delays | touched.fails
    return bool(
        touched.limits or not touched.dags.isdisjoint(played) or not touched.datasets.isdisjoint(part.datasets)
        or any(dag in played for dag, _ in tasks)
    )  # fmt: skip


def _played(
    question: Question, effects: Effects, prepared: PreparedGraph, part: StaticPart, border: Border,
    future: int,
) -> RestCourse:  # fmt: skip
    player = RestPlayer(question, prepared, effects, part, border, future)
    trace = Trace(player.run(), prepared.played, player.draws)
    runs = [run for dag in border.dags for run in trace.by_dag.get(dag, ())]
    return RestCourse(border, trace, {run: player.number(run) for run in runs})
