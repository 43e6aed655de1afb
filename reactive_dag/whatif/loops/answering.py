"""Which evaluator answers a question, and what it says.

Owns `Method`, `WindowAnswer` and the windows that were compiled for a version of a graph. Invariant: what a window
answers is what the reference would; where it cannot, it says why. For a further question O(nodes that the change
reaches), else a pass, and where something fails or a limit binds the event loop; compiling is done once for a version
of the graph, a span and sources.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from attrs import frozen

from reactive_dag.model.collector import calm_collector
from reactive_dag.model.text import first_of
from reactive_dag.whatif.loops.attempts import AttemptLists, Attempts
from reactive_dag.whatif.loops.checks import tied_at, what_is_beyond, what_misleads
from reactive_dag.whatif.loops.drawn import WindowDraws
from reactive_dag.whatif.loops.event_loop import EventLoop
from reactive_dag.whatif.loops.window_tools import WindowTools, tools_of
from reactive_dag.whatif.window.arrays import BEYOND, Ends, Window
from reactive_dag.whatif.window.compile import compile_window
from reactive_dag.whatif.window.incremental import evaluate_again
from reactive_dag.whatif.window.limits import what_binds
from reactive_dag.whatif.window.node_values import QuestionValues
from reactive_dag.whatif.window.one_pass import one_pass
from reactive_dag.whatif.window.remembered import remembered

if TYPE_CHECKING:
    from reactive_dag.whatif.loops.checks import Play
    from reactive_dag.whatif.question.effects import Effects
    from reactive_dag.whatif.question.question import Question

EvaluatorName: TypeAlias = Literal["one pass", "incremental", "event loop", "reference"]

MOST_WINDOWS = 4
"""So many windows of one version of a graph at most are remembered."""


@frozen(repr=False)
class Method:
    """What answered a question: the evaluator, and why it was not a faster one ("" where none is faster).

    `rest` are the DAGs that the reference played beside it; none where one evaluator answered all. `compiled` says
    whether machine code did it, which says the same.
    """

    evaluator: EvaluatorName
    why: str = ""
    rest: tuple[str, ...] = ()
    compiled: bool = False

    def __repr__(self) -> str:
        others = f", and the reference for {first_of(self.rest)}" if self.rest else ""
        name = f"{self.evaluator}{', compiled' if self.compiled else ''}{others}"
        return f"{name}: {self.why}" if self.why else name


@frozen(eq=False)
class WindowAnswer:
    """What a window says of one future of a question, and how it was evaluated.

    `passed` is what a pass says, as if nothing failed and nothing were limited; `play` is there where that is wrong.
    """

    window: Window
    asked: QuestionValues
    passed: Ends
    method: Method
    play: Play | None = None

    @property
    def ends(self) -> Ends:
        """When each node began and ended, in whatever state. O(1)."""
        return self.passed if self.play is None else Ends(self.play.begin, self.play.end)

    @property
    def requested(self) -> int:
        """How many runs were requested. O(runs)."""
        begin = self.ends.begin
        return sum(begin[start] < BEYOND for start in self.window.run_start.tolist())


def window_of(question: Question) -> Window:
    """The window of a question's graph, as it is now. O(1), the first time O(nodes + edges). Raises NotStatic."""
    graph, start, until, sources = question.graph, question.start, question.until, question.sources
    return remembered(question, Window, MOST_WINDOWS, lambda: compile_window(graph, start, until, sources))


def answer(question: Question, effects: Effects, before: WindowAnswer | None) -> WindowAnswer:
    """What the window says, where `effects` follow on those of `before` in one step; None for a first question.

    O(nodes + tasks), from a question before O(nodes that the change reaches). Raises NotStatic where the reference is
    to be asked.
    """
    return answer_of(window_of(question), question, effects, before)


def answer_of(
    window: Window, question: Question, effects: Effects, before: WindowAnswer | None, future: int = 0
) -> WindowAnswer:
    """What a window of a question, or of a part of its graph, says of a future. As `answer`."""
    with calm_collector():
        if before is not None and before.window is window and before.passed.tie < 0:
            asked = before.asked.further(effects)
            passed = evaluate_again(window, asked.values, before.passed, asked.changed)
            method = Method("incremental")
        else:
            asked = QuestionValues.of(window, effects, question.seed, future)
            passed, method = one_pass(window, asked.values), Method("one pass")
        drawn = _failures(question, window, asked) if asked.values.chance else None
        why = "tasks fail" if drawn is not None else what_binds(window, asked.values, passed)
        if why:
            play = _played(tools_of(question.graph, window), asked, drawn)
            method = Method("event loop", why, compiled=not isinstance(play, EventLoop))
            return WindowAnswer(window, asked, passed, method, play)
    if passed.tie >= 0:
        raise tied_at(window, passed.tie)
    return WindowAnswer(window, asked, passed, method)


def _failures(question: Question, window: Window, asked: QuestionValues) -> Attempts | None:
    """The attempts of tasks, if any fails or is cut off; None where all first attempts succeed. O(tasks)."""
    found = _attempts(tools_of(question.graph, window), asked)
    return None if found.all_succeed else found


def _attempts(tools: WindowTools, asked: QuestionValues) -> Attempts:
    """The attempts that tasks need in one future. O(tasks + failures)."""
    draws = WindowDraws(tools.drawn, asked.effects, asked.table)
    first = np.array(asked.values.span, np.int64)[tools.drawn.nodes][:, None]
    return draws.attempts(asked.future.keys, first=first)


def _played(tools: WindowTools, asked: QuestionValues, drawn: Attempts | None) -> Play:
    """One future, played by the event loop. O(events * log). Raises NotStatic where that is no answer."""
    window, values, nodes = tools.drawn.window, asked.values, tools.drawn.nodes
    capacity = [values.capacity.get(name, pool.slots) for name, pool in window.pools.items()]
    attempts = _attempts(tools, asked) if drawn is None else drawn
    compiled = tools.compiled_for_one()
    loop: Play
    if compiled is None:
        lists = AttemptLists.of(attempts, nodes, window.size)
        loop = EventLoop(tools.loop_plan, values.base, values.delay, lists, capacity, values.workers)
        loop.play()
    else:
        loop = compiled.play(np.array(values.delay, np.int64), attempts, nodes, 0, capacity, values.workers)
    why = what_misleads(loop) or what_is_beyond(loop)
    if why is not None:
        raise why
    return loop
