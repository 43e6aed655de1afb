"""`rd.marbles`: which lines a marble diagram has, in which order, and what stands on them.

Owns no state. What is too much to be read is cut and counted. O(records + shown log shown).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import TYPE_CHECKING, TypeAlias

from reactive_dag.declare.analysis.zones import zone_of
from reactive_dag.declare.graph import Graph
from reactive_dag.engine.inspect.run import Run
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.records import Item
from reactive_dag.model.text import counted, one_line
from reactive_dag.model.times import GivenTime, parse_time, to_datetime
from reactive_dag.notebook.kit.times import Zone
from reactive_dag.notebook.runs.events import line as event_line
from reactive_dag.notebook.streams.course_records import CourseRecords, Requested, course_of
from reactive_dag.notebook.streams.frames import LineNames, shortened
from reactive_dag.notebook.streams.lines import DAG, DATASET, MARK, Marble, RunMarble, StreamLine, Stretch, Took
from reactive_dag.notebook.streams.marbles import Marbles
from reactive_dag.triggers.checks import id_of

if TYPE_CHECKING:
    from reactive_dag.declare.dag import Dag
    from reactive_dag.engine.engine import Engine
    from reactive_dag.triggers.leaves.dataset import Dataset
    from reactive_dag.whatif.simulation import Simulation

MOST_THINGS, MOST_LINES = 200, 40
"""So many events and runs, and so many lines, are shown; more cannot be told apart."""

Thing: TypeAlias = "tuple[int, bool, str, Item]"
"""When it came (ns), whether it is a run, the line that it stands on, and what it is in the log."""


def marbles(
    of: Engine | Simulation, *names: Dag | Dataset | str, start: GivenTime | None = None, end: GivenTime | None = None
) -> Marbles:  # fmt: skip
    """The events and runs of an engine or a simulation over time, and which events each firing consumed. O(records).

    Lines are those of `names`, and of what the DAGs among them took; without names all on which anything happened. A
    dataset goes by its uri or the last part of that. `start` and `end` are included, a bare date is that day's midnight
    in the graph's zone. At most 200 events and runs are shown, the first ones, and 40 lines; `.left_out` says what is
    not. Raises UnknownId, InvalidValue.

    >>> import reactive_dag as rd
    >>> graph = rd.Graph("sales")
    >>> orders = graph.dataset("s3://lake/orders")
    >>> report = graph.dag("report", on=rd.updated(orders).batch(count=2))
    >>> task = report.add(lambda: None, id="render")
    >>> base = rd.simulate(graph, start="2026-11-23T00:00Z", until="1h", default_duration="5m",
    ...                    sources={orders: rd.every("10m")})
    >>> print(rd.marbles(base))
    marbles of sales, 2026-11-23 00:00 to 00:55, a character is 5m, times in UTC
              00:00 00:30
      orders  a-b-c-d-e-f-
      report  --A|--B|--C|
         at                what    for               took  state
      A  2026-11-23 00:10  report  2026-11-23 00:10  a, b  ✓ success
      B  2026-11-23 00:30  report  2026-11-23 00:30  c, d  ✓ success
      C  2026-11-23 00:50  report  2026-11-23 00:50  e, f  ✓ success
    """
    course = course_of(of)
    graph = course[1].graph
    tz = zone_of(graph)
    bounds = [None if time is None else parse_time(time, tz, what=f"marbles(): {what}")
              for time, what in ((start, "start"), (end, "end"))]  # fmt: skip
    if bounds[0] is not None and bounds[1] is not None and bounds[0] > bounds[1]:
        raise InvalidValue(f"marbles(): start={start!r} is after end={end!r}")
    found = CourseRecords(course, *bounds)
    return _Diagram(graph, found, _chosen(graph, found, names), bool(names)).drawn(Zone(tz), *bounds)


def _chosen(graph: Graph, found: CourseRecords, names: Sequence[Dag | Dataset | str]) -> list[tuple[str, bool]]:
    """The lines to be shown, as (name, whether it is a DAG), causes above what they started. O(graph + causes)."""
    known = LineNames(graph)
    named = [known.of(id_of(name, "marbles()"), "marbles()") for name in names]
    dags = [id for is_dag, id in named if is_dag] if names else [*found.runs]
    wanted = {(id, is_dag) for is_dag, id in named} | {(id, True) for id in dags}
    wanted |= set(found.heard(dags))
    if not names:
        wanted |= {(id, False) for id in found.events}
    order = [id for id in graph.order() if id in graph.dags]
    lines: dict[tuple[str, bool], None] = {}
    for id in [*order, *sorted(found.runs.keys() - set(order))]:
        if (id, True) in wanted:
            lines |= dict.fromkeys(line for line in found.heard([id]) if line in wanted)
            lines[id, True] = lines.pop((id, True), None)
    lines |= dict.fromkeys((id, False) for is_dag, id in named if not is_dag)
    return [*lines, *sorted(wanted - lines.keys())]


class _Diagram:
    """One diagram in the making: the things that it shows, and their letters."""

    def __init__(self, graph: Graph, found: CourseRecords, lines: list[tuple[str, bool]], named: bool) -> None:
        self._graph = graph
        self._found = found
        things = sorted(dict.fromkeys(self._things(lines)), key=lambda thing: (thing[0], thing[1]))
        used = {(line, is_run) for _, is_run, line, _ in things[:MOST_THINGS]}
        wanted = [each for each in lines if named or each in used]
        self._lines = wanted[:MOST_LINES]
        self._lines_left = len(lines) - len(self._lines)
        drawn = set(self._lines)
        self._shown = [thing for thing in things[:MOST_THINGS] if _line_of(thing) in drawn]
        self._things_left = [thing for thing in things if _line_of(thing) not in drawn] + [
            thing for thing in things[MOST_THINGS:] if _line_of(thing) in drawn
        ]
        self._is_cut = len(things) > MOST_THINGS
        self._letters = _lettered(self._shown)
        self._taken = {
            cause for _, is_run, _, item in self._shown if is_run for cause in self._request(item).record.causes
        }

    def _things(self, lines: Sequence[tuple[str, bool]]) -> Iterator[Thing]:
        found, marks = self._found, {name for name, is_dag in lines if not is_dag} - self._graph.datasets.keys()
        for name, is_dag in lines:
            if not is_dag:
                yield from ((record.at, False, name, offset) for offset, record in found.events.get(name, ()))
                continue
            for run in found.runs.get(name, ()):
                yield run.record.at, True, name, run.offset
                for cause in run.record.causes:
                    line, of_dag, item = found.home(cause)
                    if not of_dag and line in marks:
                        yield found.instant(cause), False, line, item

    def _request(self, item: Item) -> Requested:
        run = self._found.known(item)
        assert run is not None, item
        return run

    def drawn(self, tz: Zone, start: int | None, end: int | None) -> Marbles:
        """The diagram as plain data. O(shown log shown)."""
        shown = self._shown
        last = max([at if not is_run else self._request(item).last for at, is_run, _, item in shown], default=end or 0)
        if self._is_cut:
            last = max(at for at, *_ in shown)
        begin = start if start is not None else min([at for at, *_ in shown], default=end or 0)
        until = end if end is not None and not self._is_cut else max(last, begin)
        names = shortened([name for name, _ in self._lines])
        lines = tuple(self._line(name, is_dag, label, tz) for (name, is_dag), label in zip(self._lines, names))
        return Marbles(
            one_line(f"marbles of {self._graph.id}"), lines, to_datetime(begin), to_datetime(until), tz.name,
            tuple(self._left_out()),
        )  # fmt: skip

    def _left_out(self) -> Iterator[str]:
        counts = Counter(is_run for _, is_run, _, _ in self._things_left)
        texts = [counted(counts[is_run], noun) for is_run, noun in ((False, "event"), (True, "run")) if counts[is_run]]
        texts += [counted(self._lines_left, "line")] if self._lines_left else []
        if texts:
            yield f"not shown: {', '.join(texts)}; names of DAGs and datasets, start= and end= choose what is"

    def _line(self, name: str, is_dag: bool, label: str, tz: Zone) -> StreamLine:
        own = [(thing[0], thing[3]) for thing in self._shown if _line_of(thing) == (name, is_dag)]
        kind = DAG if is_dag else DATASET if name in self._graph.datasets else MARK
        if is_dag:
            firings = tuple(self._firing(self._request(item), tz) for _, item in own)
            return StreamLine(name, kind, one_line(label), firings=firings)
        return StreamLine(name, kind, one_line(label), tuple(self._marble(name, at, item, tz) for at, item in own))

    def _marble(self, line: str, at: int, item: Item, tz: Zone) -> Marble:
        text = event_line(self._found.host.event(item), tz)
        return Marble(line, to_datetime(at), self._letters[item], text, item in self._taken)

    def _firing(self, request: Requested, tz: Zone) -> RunMarble:
        record, run = request.record, Run(self._found.host, request.offset)
        took: list[Took] = []
        for cause in record.causes:
            line, _, item = self._found.home(cause)
            if item in self._letters:
                at = to_datetime(self._found.instant(cause))
                took.append(Took(self._letters[item], line, at, cause in record.riders))
        stretches = tuple(
            Stretch(to_datetime(begin), None if end is None else to_datetime(end), state)
            for begin, end, state in request.rounds
            if begin is not None
        )
        state = request.rounds[-1][2] if request.rounds else "queued"
        about = one_line(run.partition or tz.date(run.logical_date))
        return RunMarble(
            record.dag, to_datetime(record.at), self._letters[request.offset], run.key, record.label, about, state,
            tuple(took), len(record.causes) - len(took), stretches,
        )  # fmt: skip


def _line_of(thing: Thing) -> tuple[str, bool]:
    """A DAG and a dataset of one name are two lines: runs stand on the one, events on the other."""
    return thing[2], thing[1]


def _lettered(things: Sequence[Thing]) -> dict[Item, str]:
    """A small letter for each event and a capital for each run, in order; "" where there are no more. O(things)."""
    small, capital = iter(ascii_lowercase), iter(ascii_uppercase)
    return {item: next(capital if is_run else small, "") for _, is_run, _, item in things}
