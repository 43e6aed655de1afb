"""What a marble diagram shows, gathered from the records of an engine or a simulation.

Owns `CourseRecords`: events and requests by their places in the log, and which of them stand on which line. O(records).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from attrs import Factory, define

from reactive_dag.engine.engine import Engine
from reactive_dag.engine.host import Host
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import (
    AnyRecord,
    Item,
    Mark,
    Published,
    RunFinished,
    RunRequested,
    RunStarted,
    StartRequested,
    TaskFinished,
)
from reactive_dag.model.text import seen
from reactive_dag.whatif.simulation import Simulation

Course = tuple[Sequence[AnyRecord], Host]
"""The records of a log, by their offsets, and who tells what they are."""

MARK_LINES = {"tick": "ticks", "absent": "silences", "missed": "missed deadlines", "backfill": "backfills"}
STARTS = "starts by hand"
"""The names of lines on which what is neither a dataset's nor a run's event stands."""


def course_of(of: Engine | Simulation) -> Course:
    """The records of an engine or a simulation. O(records). Raises InvalidValue for anything else, EngineClosed."""
    match of:
        case Engine():
            queries = of._parts.queries
            with of._parts.interrupts:
                log = queries.host.fold.log
                return log.read(0, log.next_offset), queries.host
        case Simulation():
            return of.records, of._recorded.host
        case _:
            raise InvalidValue(f"marbles({seen(of)}): give an engine, or a simulation")


@define
class Requested:
    """A run that was requested: where in the log, and its rounds as [begin, end, state] (ns; None, "running")."""

    offset: int
    record: RunRequested
    rounds: list[tuple[int | None, int | None, str]] = Factory(list)

    @property
    def last(self) -> int:
        """The last instant that is known of it."""
        return max([self.record.at, *(time for round in self.rounds for time in round[:2] if time is not None)])


class CourseRecords:
    """Events of datasets and requests of runs from `start` to `end` (ns, both included; None: no bound)."""

    def __init__(self, course: Course, start: int | None, end: int | None) -> None:
        self.records, self.host = course
        self.events: dict[str, list[tuple[int, Published]]] = {}
        self.runs: dict[str, list[Requested]] = {}
        self._of_offset: dict[int, Requested] = {}
        for offset, record in enumerate(self.records):
            within = (start is None or record.at >= start) and (end is None or record.at <= end)
            if isinstance(record, Published):
                if within:
                    self.events.setdefault(record.dataset, []).append((offset, record))
            elif isinstance(record, RunRequested):
                if within:
                    found = self._of_offset[offset] = Requested(offset, record)
                    self.runs.setdefault(record.dag, []).append(found)
            elif isinstance(record, RunStarted | RunFinished):
                self._round(record)

    def _round(self, record: RunStarted | RunFinished) -> None:
        found = self._of_offset.get(record.run)
        if found is None:
            return
        if isinstance(record, RunStarted):
            found.rounds.append((record.at, None, "running"))
            return
        begin = found.rounds.pop()[0] if found.rounds and found.rounds[-1][1] is None else None
        found.rounds.append((begin, record.at, record.state))

    def home(self, cause: Item) -> tuple[str, bool, Item]:
        """Where a cause stands: the name of its line, whether that is a DAG's, and what it is there. O(1).

        The end of a run, or of a task in one, is that run: its request's offset.
        """
        if isinstance(cause, Mark):
            return MARK_LINES.get(cause.kind, cause.kind), False, cause
        record = self.records[cause]
        if isinstance(record, Published):
            return record.dataset, False, cause
        if isinstance(record, StartRequested):
            return STARTS, False, cause
        assert isinstance(record, RunFinished | TaskFinished), record
        return self.host.run_of(record.run).dag, True, record.run

    def instant(self, cause: Item) -> int:
        """When a cause came (ns). O(1)."""
        return cause.at if isinstance(cause, Mark) else self.records[cause].at

    def heard(self, dags: Collection[str]) -> Iterator[tuple[str, bool]]:
        """The lines of all that runs of these DAGs took, each once, and whether they are DAGs'. O(causes)."""
        found = dict.fromkeys(
            self.home(cause)[:2] for dag in dags for run in self.runs.get(dag, ()) for cause in run.record.causes
        )
        yield from found

    def known(self, run: Item) -> Requested | None:
        """The run that was requested at an offset, if it is shown. O(1)."""
        return self._of_offset.get(run) if isinstance(run, int) else None
