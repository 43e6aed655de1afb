"""A list of runs that a notebook shows as a table, and that becomes a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reactive_dag.engine.inspect.run import Run, rollup_text
from reactive_dag.model import pictures

if TYPE_CHECKING:
    import pandas

COLUMNS = ("dag", "state", "logical_date", "partition", "requested", "started", "ended", "key", "error")


MOST_REPRS = 20
"""So many runs are written out."""


class RunList(list[Run]):
    """Runs, newest request first."""

    def __repr__(self) -> str:
        """The first of them, and how many more there are. O(those)."""
        more = [f"… {len(self) - MOST_REPRS:,} more"] if len(self) > MOST_REPRS else []
        return f"[{', '.join([*map(repr, self[:MOST_REPRS]), *more])}]"

    def rows(self) -> list[dict[str, object]]:
        """One plain row a run; where rollups have something to say of one, with what (T18). O(runs)."""
        rollups = [rollup_text(run) for run in self]
        rows = [{name: getattr(run, name) for name in COLUMNS} for run in self]
        return [{**row, "rollup": text} for row, text in zip(rows, rollups, strict=True)] if any(rollups) else rows

    def to_json(self) -> list[dict[str, object]]:
        """Plain data, one object a run. O(runs)."""
        return [run.to_json() for run in self]

    def to_pandas(self) -> pandas.DataFrame:
        """A frame with one row a run. O(runs). Raises ImportError without pandas, the extra `[pandas]`."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: pip install 'reactive-dag[pandas]'") from error

        rows = self.rows()
        return pandas.DataFrame(rows, columns=list(rows[0]) if rows else list(COLUMNS))

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Runs", self)
