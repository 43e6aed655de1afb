"""The fold of a course: the engine's, of whose records a course may apply some itself as it appends them.

Owns `CourseFold`. Invariant: every record below `cursor` is applied, once.
"""

from __future__ import annotations

from reactive_dag.engine.fold.fold import Fold


class CourseFold(Fold):
    """A fold whose cursor a course moves past the records that it applied itself."""

    def skip_to(self, offset: int) -> None:
        """Take the records below an offset as applied. O(1)."""
        self.cursor = offset
