"""Marble diagrams: events and runs as they came over time, and which events each firing consumed.

Owns `Marbles`, what `rd.marbles` gives. The diagrams are those of Rx ("ReactiveX: Operators"; RxJS, "Marble testing").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from reactive_dag.model import pictures
from reactive_dag.model.text import counted
from reactive_dag.notebook.streams.lines import DiagramData
from reactive_dag.notebook.streams.marbles_text import marbles_text

if TYPE_CHECKING:
    import pandas


@frozen(repr=False)
class Marbles(DiagramData):
    """A marble diagram; made by `rd.marbles`. `left_out` says what is not shown, in sentences."""

    def to_pandas(self) -> pandas.DataFrame:
        """A frame with a row for each event that each run took. O(took). Raises ImportError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas() needs pandas: pip install 'reactive-dag[pandas]'") from error

        names = ["dag", "run", "letter", "at", "state", "took", "of", "came", "rides"]
        rows = [
            [each.line, each.run, each.letter, each.at, each.state, took.letter, took.line, took.at, took.rides]
            for each in self.firings
            for took in each.took
        ]
        return pandas.DataFrame(rows, columns=names)

    def __str__(self) -> str:
        return marbles_text(self)

    def __repr__(self) -> str:
        return f"<{self.title}: {counted(len(self.marbles), 'event')}, {counted(len(self.firings), 'run')}>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return pictures.bundle("Marbles", self)
