"""What a simulation is asked for: the graph, its span of time, what outside publishes, durations, seed, interventions.

Owns `Question`. Invariant: its values are valid; only the names in interventions and durations are looked up later, in
the graph as it is then (effects.py). O(given).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from attrs import evolve, frozen

from reactive_dag.declare.settings.parsers import whole
from reactive_dag.model.errors import InvalidValue
from reactive_dag.model.scalars import own
from reactive_dag.model.suggest import did_you_mean
from reactive_dag.model.text import seen
from reactive_dag.model.times import GivenTime, format_time, parse_duration, parse_time
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.passed_ticks import PassedTicks, clocks_of, ticks_of_all
from reactive_dag.triggers.leaves.dataset import Dataset
from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN
from reactive_dag.whatif.question.durations import DurationOrFunction, Durations, GivenDurations
from reactive_dag.whatif.question.interventions import Intervention
from reactive_dag.whatif.question.names import GivenName
from reactive_dag.whatif.question.outputs import GivenOutputs, parsed_outputs

if TYPE_CHECKING:
    from reactive_dag.declare.graph import Graph

_DATE = re.compile(r"\s*\d{4}-")
GivenSources: TypeAlias = "Mapping[Dataset | str, Trigger]"


@frozen
class OutsideSource:
    """A dataset that outside publishes, and when: the dataset's uri and the clocks."""

    dataset: str
    clocks: tuple[PassedTicks, ...]

    def ticks(self, start: int, until: int) -> Iterator[int]:
        """Its instants, each once, ascending; the start is included, `until` is not.

        Raises InvalidValue where a function of a `.where` raises.
        """
        try:
            yield from ticks_of_all(self.clocks, start, until - 1)
        except InvalidValue as error:
            raise InvalidValue(f"sources=: the .where of {self.dataset!r} raised: {error}") from error


@frozen
class Question:
    """One question. Times are nanoseconds UTC; `start` is included, `until` is not."""

    graph: Graph
    start: int
    until: int
    sources: tuple[OutsideSource, ...]
    durations: Durations
    seed: int
    outputs: tuple[tuple[GivenName, object], ...] = ()
    interventions: tuple[Intervention, ...] = ()

    def with_more(self, interventions: tuple[Intervention, ...]) -> Question:
        """This question with more interventions. O(1). Raises InvalidValue for what is no intervention."""
        for each in interventions:
            if not isinstance(each, Intervention):
                raise InvalidValue(
                    f"what_if() takes interventions such as rd.delay('ingest', '2h'), not {seen(each)}; "
                    "this version knows rd.delay, rd.duration, rd.fail, rd.capacity, rd.workers and rd.shared"
                )
        return evolve(self, interventions=(*self.interventions, *interventions))


LAST = 2 * LONGEST_SPAN
"""From here on the arrays of a window hold for never (2**62 ns), and nothing ends."""


def question_of(
    graph: Graph, start: GivenTime, until: timedelta | GivenTime, sources: GivenSources | None,
    durations: GivenDurations, default_duration: DurationOrFunction | None, seed: int,
    outputs: GivenOutputs | None = None,
) -> Question:  # fmt: skip
    """A question out of what a user wrote. O(given). Raises InvalidValue."""
    begin = parse_time(start, what="start")
    seed = whole(seed, "seed")
    if sources is not None and not isinstance(sources, Mapping):
        raise InvalidValue(f"sources={seen(sources)}: give a dict of clocks by dataset")
    found = tuple([_source(graph, dataset, trigger) for dataset, trigger in (sources or {}).items()])
    spans = Durations.of(durations, default_duration)
    return Question(graph, begin, _until(begin, until), found, spans, seed, parsed_outputs(outputs))


def _until(start: int, until: timedelta | GivenTime) -> int:
    """The end (ns): an instant, or a duration after the start."""
    until = own(until)
    if isinstance(until, timedelta) or (isinstance(until, str) and not _DATE.match(until)):
        end = start + parse_duration(until, what="until")
    else:
        end = parse_time(until, what="until")
    if end > LAST:
        raise InvalidValue(f"until {seen(until)}: a simulation ends by {format_time(LAST)}")
    if end <= start:
        raise InvalidValue(f"until={format_time(end)} does not come after start={format_time(start)}")
    return end


def _source(graph: Graph, dataset: Dataset | str, trigger: Trigger) -> OutsideSource:
    uri = dataset.uri if isinstance(dataset, Dataset) else dataset
    if uri not in graph.datasets:
        hint = did_you_mean(str(uri), graph.datasets)
        raise InvalidValue(f"sources=: graph {graph.id!r} has no dataset {uri!r}{hint}")
    clocks = clocks_of(trigger)
    if clocks is None:
        raise InvalidValue(
            f"sources=: {uri!r} is published on the clock: give rd.cron(...), rd.every(...) or several joined by |, "
            f"each with its own .where, not {trigger!r}"
        )
    return OutsideSource(uri, clocks)
