"""Which evaluator answers a question, and what it says.

Owns `Method`, `WindowAnswer` and the windows that were compiled for a version of a graph. Invariant: what a window
answers is what the reference would; where it cannot, it says why. For a further question O(nodes that the change
reaches), else a pass; compiling is done once for a version of the graph, a span and sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import frozen

from reactive_dag.declare.internals import analysis_of
from reactive_dag.model.collector import calm_collector
from reactive_dag.whatif.window.arrays import BEYOND, Ends, Window
from reactive_dag.whatif.window.compile import compile_window
from reactive_dag.whatif.window.incremental import evaluate_again
from reactive_dag.whatif.window.limits import what_binds
from reactive_dag.whatif.window.node_values import QuestionValues
from reactive_dag.whatif.window.one_pass import one_pass
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question

EvaluatorName: TypeAlias = Literal["one pass", "incremental", "event loop", "reference"]

KEPT_AS = "window"
"""The name under which a version of a graph keeps its windows."""

MOST_WINDOWS = 4
"""So many windows of one version of a graph at most are remembered."""


@frozen(repr=False)
class Method:
    """What answered a question: the evaluator, and why it was not a faster one ("" where none is faster)."""

    evaluator: EvaluatorName
    why: str = ""

    def __repr__(self) -> str:
        return f"{self.evaluator}: {self.why}" if self.why else self.evaluator


@frozen(eq=False)
class WindowAnswer:
    """What a window says of one future of a question, and how it was evaluated."""

    window: Window
    asked: QuestionValues
    ends: Ends
    method: Method

    @property
    def requested(self) -> int:
        """How many runs were requested. O(runs)."""
        begin = self.ends.begin
        return sum(begin[start] < BEYOND for start in self.window.run_start.tolist())


def window_of(question: Question) -> Window:
    """The window of a question's graph, as it is now. O(1), the first time O(nodes + edges). Raises NotStatic."""
    kept = analysis_of(question.graph).kept
    known = kept.setdefault(KEPT_AS, {})
    assert isinstance(known, dict)
    name = question.start, question.until, question.sources
    found = known.get(name)
    if found is None:
        if len(known) >= MOST_WINDOWS:
            known.clear()
        try:
            found = compile_window(question.graph, question.start, question.until, question.sources)
        except NotStatic as why:
            found = str(why)
        known[name] = found
    if isinstance(found, str):
        raise NotStatic(found)
    assert isinstance(found, Window)
    return found


def answer(question: Question, effects: Effects, before: WindowAnswer | None) -> WindowAnswer:
    """What the window says, where `effects` follow on those of `before` in one step; None for a first question.

    O(nodes + tasks), from a question before O(nodes that the change reaches). Raises NotStatic where the reference is
    to be asked.
    """
    with calm_collector():
        window = window_of(question)
        if before is not None and before.window is window:
            asked = before.asked.further(effects)
            ends = evaluate_again(window, asked.values, before.ends, asked.changed)
            method = Method("incremental")
        else:
            asked = QuestionValues.of(window, effects, question.seed)
            ends, method = one_pass(window, asked.values), Method("one pass")
    if ends.tie >= 0:
        dag, task = window.tasks[window.subject[ends.tie]]
        raise NotStatic(f"what {dag}.{task} sees depends on what happens first at one instant")
    why = what_binds(window, asked.values, ends)
    if why:
        raise NotStatic(why)
    return WindowAnswer(window, asked, ends, method)
