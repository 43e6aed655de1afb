"""What a marble diagram shows, as plain data: lines, the events and runs on them, what each run took.

Owns `DiagramData`, from which its text and its picture are made. A letter names an event, a capital letter a run, in
the order of time. O(events + runs).
"""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from reactive_dag.model.payload import PlainForm
from reactive_dag.model.text import counted
from reactive_dag.notebook.kit.times import Zone

DATASET, DAG, MARK = "dataset", "dag", "mark"


@frozen
class Marble(PlainForm):
    """An event on its line: a dataset's, or one of a clock, a silence, a start by hand. `taken`: a firing took it."""

    line: str
    at: datetime
    letter: str
    text: str
    taken: bool


@frozen
class Took(PlainForm):
    """What a firing took: the letter of an event, or of the run whose end it is; the line that it stands on, and when.

    `rides`: it only rides along, and stays pending (`.with_latest`).
    """

    letter: str
    line: str
    at: datetime
    rides: bool = False


@frozen
class Stretch(PlainForm):
    """One round of a run: when it began, when it ended, and how; `end` is None where it has not ended."""

    begin: datetime
    end: datetime | None
    state: str


@frozen
class RunMarble(PlainForm):
    """A run on its DAG's line: when it was requested, of what, in which stretches of time it went on.

    `elsewhere`: how many more events it took, which stand on lines or at times that are not shown.
    """

    line: str
    at: datetime
    letter: str
    run: str
    label: str
    about: str
    state: str
    took: tuple[Took, ...]
    elsewhere: int
    stretches: tuple[Stretch, ...]

    @property
    def opened(self) -> datetime:
        """When the first of what it took came: from then on its trigger gathered. O(took)."""
        return min((each.at for each in self.took if not each.rides), default=self.at)

    @property
    def ended(self) -> datetime | None:
        """When its last stretch ended; None where it goes on, or never began."""
        return self.stretches[-1].end if self.stretches else None

    @property
    def took_text(self) -> str:
        """What it took in words: letters, and how many more. O(took)."""
        letters = [f"({each.letter})" if each.rides else each.letter for each in self.took if each.letter]
        rest = len(self.took) - len(letters) + self.elsewhere
        more = [f"{rest} more" if letters else counted(rest, "event")] if rest else []
        return ", ".join([*letters, *more])


@frozen
class StreamLine(PlainForm):
    """One line: the uri of a dataset, the id of a DAG, or what kind of mark ("ticks"); what stands on it, in time."""

    name: str
    kind: str
    shown: str
    marbles: tuple[Marble, ...] = ()
    firings: tuple[RunMarble, ...] = ()


@frozen
class DiagramData(PlainForm):
    """What a marble diagram shows. `left_out` says what it does not, in sentences."""

    title: str
    lines: tuple[StreamLine, ...]
    start: datetime
    end: datetime
    zone: str
    left_out: tuple[str, ...] = ()

    @property
    def marbles(self) -> list[Marble]:
        """All events, in the order of time. O(events log events)."""
        return sorted((each for line in self.lines for each in line.marbles), key=lambda each: each.at)

    @property
    def firings(self) -> list[RunMarble]:
        """All runs, in the order of time. O(runs log runs)."""
        return sorted((each for line in self.lines for each in line.firings), key=lambda each: each.at)

    @property
    def tz(self) -> Zone:
        """The zone of its times."""
        return Zone(self.zone)
