"""How much later something comes, in each future: a run, the first attempt of a task, an event from outside.

Owns `Lateness`. Invariant: delays of one thing add up, each drawn by its number among those of the thing; whole
nanoseconds, at most 73 years. O(size) to draw.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN, Distribution, Spans, whole_spans
from reactive_dag.whatif.question.draws import LATENESS, DrawKeys, draw_keys, text_key, uniforms


@frozen
class Lateness:
    """How much later something comes: a fixed time (ns), and what is drawn each time."""

    fixed: int = 0
    drawn: tuple[Distribution, ...] = ()

    def plus(self, by: int | Distribution) -> Lateness:
        """With one delay more. O(delays)."""
        if isinstance(by, Distribution):
            return Lateness(self.fixed, (*self.drawn, by))
        return Lateness(min(self.fixed + by, LONGEST_SPAN), self.drawn)

    def spans(self, identities: DrawKeys | int, futures: DrawKeys, id: str | None = None) -> Spans:
        """How much later (ns) those of these identities come: a row for each, a column a future. O(size * delays).

        They are identities of runs, or of events from outside (identity.py); `id` is that of the task that is late.
        """
        rows = len(identities) if isinstance(identities, np.ndarray) else 1
        found = np.full((rows, len(futures)), self.fixed, np.int64)
        for number, each in enumerate(self.drawn):
            keys = draw_keys(identities, text_key(id), LATENESS, number)
            found = np.minimum(found + whole_spans(each.draw(uniforms(keys, futures))), LONGEST_SPAN)
        return found
