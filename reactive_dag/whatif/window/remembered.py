"""What follows from a graph's version and the span and sources of a question is worked out once, refusals too.

Owns nothing: it is kept with the analysis of that version.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, TypeVar

from reactive_dag.declare.internals import analysis_of
from reactive_dag.whatif.window.white_list import NotStatic

if TYPE_CHECKING:
    from reactive_dag.whatif.question.question import Question

T = TypeVar("T")


def remembered(question: Question, kind: type[T], most: int, make: Callable[[], T], more: Hashable = ()) -> T:
    """What `make` gives for a question's graph, span, sources and `more`; at most `most` of a `kind` are kept.

    O(1), the first time as `make`. Raises NotStatic where `make` does, without asking it again.
    """
    known = analysis_of(question.graph).kept.setdefault(kind.__name__, {})
    assert isinstance(known, dict)
    name = question.start, question.until, question.sources, more
    found = known.get(name)
    if found is None:
        if len(known) >= most:
            known.clear()
        try:
            found = make()
        except NotStatic as why:
            found = str(why)
        known[name] = found
    if isinstance(found, str):
        raise NotStatic(found)
    assert isinstance(found, kind)
    return found
