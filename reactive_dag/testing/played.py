"""`Played`: what happened in a scenario: its runs and events, as a table, as marbles, beside what was expected.

Owns one engine whose course is over. Invariant: asking changes nothing. O(runs) an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reactive_dag.declare.dag import Dag
from reactive_dag.engine.engine import Engine
from reactive_dag.engine.inspect.pending import Pending
from reactive_dag.engine.inspect.run import Run
from reactive_dag.engine.inspect.run_list import RunList
from reactive_dag.engine.inspect.why import Why
from reactive_dag.model.errors import InvalidValue, UnknownId
from reactive_dag.model.event import Event
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import one_line, seen
from reactive_dag.model.times import GivenTime, format_time, from_datetime
from reactive_dag.notebook.streams.frames import LineNames, shortened
from reactive_dag.testing.differences import Difference, marbles_difference, table_difference
from reactive_dag.testing.marbles import (
    FAILED,
    NOT_DONE,
    Letters,
    MarbleLine,
    drawn,
    letter_of,
    lines_of,
)
from reactive_dag.testing.moments import Moments
from reactive_dag.testing.tables import is_table, read_table, table_lines, table_of, usual_columns
from reactive_dag.triggers.checks import id_of
from reactive_dag.triggers.leaves.dataset import Dataset

MOST_REASONS = 3
"""Of so many DAGs and runs at most a failed expectation says why they are as they are."""


class Played:
    """What happened in a scenario. Its `engine` is open, at the instant at which the scenario ended."""

    def __init__(self, engine: Engine, moments: Moments, frame: int, letters: Letters, end: int) -> None:
        """`frame` is a frame of a marble line and `end` the instant at which it ended, both in ns."""
        self.engine = engine
        self._moments = moments
        self._frame = frame
        self._letters = letters
        self._end = end

    # ---------------------------------------------------------------------------------------- what happened

    def runs(self, *dags: Dag | str) -> RunList:
        """The runs (of these DAGs), in the order of their requests. O(runs). Raises UnknownId."""
        found = RunList(reversed(self.engine.runs()))
        wanted = self._ids(dags)
        return RunList(run for run in found if not dags or run.dag in wanted)

    def states(self, dag: Dag | str) -> list[str]:
        """How the runs of a DAG ended, in the order of their requests. O(runs). Raises UnknownId."""
        return [run.state for run in self.runs(dag)]

    def events(self, dataset: Dataset | str) -> list[Event]:
        """A dataset's events, in the order in which they came. O(result). Raises UnknownId."""
        return self.engine.events(dataset)[::-1]

    def why(self, what: Run | Dag | str, *, logical_date: GivenTime | None = None) -> Why:
        """Why a run happened, or a DAG did not run: as `engine.why`. O(causes). Raises UnknownId."""
        return self.engine.why(what, logical_date=logical_date)

    def pending(self, dag: Dag | str) -> Pending:
        """What a DAG holds and waits for at the end: as `engine.pending`. O(items pending). Raises UnknownId."""
        return self.engine.pending(dag)

    def to_json(self) -> list[dict[str, object]]:
        """The runs as plain data. O(runs)."""
        return self.runs().to_json()

    # ---------------------------------------------------------------------------------------- as text

    def table(self, *columns: str, dags: Iterable[Dag | str] | None = None) -> str:
        """The runs as a table, with these columns; with `task`, `attempts` or `output` their tasks. O(runs).

        Raises InvalidValue for a column that there is not, UnknownId.
        """
        runs = self.runs(*(dags or ()))
        named = read_table(" ".join(columns), self._moments).columns if columns else usual_columns(runs)
        return "\n".join(table_lines(table_of(runs, named, self._moments)[0]))

    def marbles(self, *names: Dag | Dataset | str) -> str:
        """Datasets and DAGs as marble lines, those in which anything happened unless named. O(runs + events).

        Raises UnknownId.
        """
        found = LineNames(self.engine.graph)
        chosen = [found.of(id_of(name, "marbles()"), "marbles()") for name in names]
        if not names:
            graph = self.engine.graph
            chosen = [(False, id) for id in graph.datasets if self.events(id)]
            chosen += [(True, id) for id in graph.order() if self.runs(id)]
        lines = [self._line(is_dag, id) for is_dag, id in chosen]
        shown = list(map(one_line, shortened([line.name for line in lines])))
        width = max(map(len, shown), default=0)
        return "\n".join(f"{name.ljust(width)}  {text}" for name, text in zip(shown, drawn(lines, self._frames)))

    def __str__(self) -> str:
        return self.table()

    __repr__ = __str__

    @property
    def _frames(self) -> int:
        return 1 + (self._end - self._moments.start) // self._frame

    def _line(self, is_dag: bool, id: str) -> MarbleLine:
        marks = [self._mark_of_run(run) for run in self.runs(id)] if is_dag else map(self._mark, self.events(id))
        return MarbleLine(id, tuple(marks))

    def _mark_of_run(self, run: Run) -> tuple[int, str]:
        frame, letter = self._mark(run)
        of_state = {"failed": FAILED, "cancelled": NOT_DONE, "skipped": NOT_DONE}
        return frame, of_state.get(run.state, letter)

    def _mark(self, what: Run | Event) -> tuple[int, str]:
        at = what.requested if isinstance(what, Run) else what.at
        date = None if what.logical_date is None else from_datetime(what.logical_date)
        letter = letter_of(what.partition, self._moments.date_text(date), self._letters)
        assert at is not None
        return (from_datetime(at) - self._moments.start) // self._frame, letter

    # ---------------------------------------------------------------------------------------- compared

    def expect(self, text: str, *, dags: Iterable[Dag | str] | None = None) -> Played:
        """Compare what happened with a table or marble lines; gives itself, so that more can be expected.

        All runs count that the scenario had, or those of `dags`: what ran and is not written down is a difference, as
        is what is written down and did not run. Of a table only the columns that it has are compared, and the order of
        its rows means nothing. Raises AssertionError, which shows both beside each other, and why what is missing did
        not happen; InvalidValue, UnknownId for a text that could never be right. O(runs).
        """
        __tracebackhide__ = True
        found = self._difference(text, None if dags is None else self._ids(dags))
        if found is not None:
            raise AssertionError(self._report(found))
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._difference(other, None) is None

    __hash__ = None  # type: ignore[assignment]  # what equals many texts has no hash

    def _difference(self, text: str, dags: set[str] | None) -> Difference | None:
        if not isinstance(text, str):
            raise InvalidValue(f"what is expected is a table or marble lines, as text, not {seen(text)}")
        runs = [run for run in self.runs() if dags is None or run.dag in dags]
        if is_table(text):
            return self._difference_of_table(text, runs)
        return self._difference_of_marbles(text, runs)

    def _difference_of_table(self, text: str, runs: Sequence[Run]) -> Difference | None:
        expected = read_table(text, self._moments)
        dag = expected.columns.index("dag")
        self._ids([row[dag] for row in expected.rows])
        had, of = table_of(runs, expected.columns, self._moments)
        return table_difference(expected, had, of)

    def _difference_of_marbles(self, text: str, runs: Sequence[Run]) -> Difference | None:
        expected, names = lines_of(text), LineNames(self.engine.graph)
        ids = [names.of(line.name, "expect()") for line in expected]
        ids += [(True, id) for id in dict.fromkeys(run.dag for run in runs) if (True, id) not in ids]
        names_shown = [line.name for line in expected] + [id for _, id in ids[len(expected) :]]
        had = [MarbleLine(name, self._line(*each).marks) for name, each in zip(names_shown, ids)]
        return marbles_difference(expected, had, self._frames, runs, [id if is_dag else "" for is_dag, id in ids])

    def _ids(self, dags: Iterable[Dag | str]) -> set[str]:
        """The ids of DAGs. O(result). Raises UnknownId."""
        found, known = {id_of(dag, "a DAG"): None for dag in dags}, self.engine.graph.dags
        for id in found:
            if id not in known:
                raise UnknownId(f"there is no DAG {id!r}{did_you_mean(id, known)}")
        return {*found}

    def _report(self, found: Difference) -> str:
        """A difference, with the reasons that the engine knows."""
        parts = ["what happened is not what was expected", "\n".join(found.lines)]
        for dag, date in found.missing[:MOST_REASONS]:
            when = None if date is None else format_time(self._moments.parse(date, "date"))
            parts += [str(self.why(dag, logical_date=when)), str(self.pending(dag))]
        parts += [str(self.why(run)) for run in found.runs[:MOST_REASONS]]
        return "\n\n".join(parts)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """For a conftest.py to import: pytest shows what differs where `assert played == "..."` fails."""
    if op != "==" or not isinstance(left, Played) or not isinstance(right, str):
        return None
    found = left._difference(right, None)
    return None if found is None else left._report(found).split("\n")
