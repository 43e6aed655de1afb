"""Two courses compared: which runs are later, earlier, missing, extra or end in another state, by how much, and why.

Owns `Change` and `Comparison`. Invariant: every run of both courses is in one change, or counted as unchanged. Changes
are sorted by lateness: runs that never end come first, runs that end earlier last. O(runs), and a change's chain when
it is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from attrs import field, frozen
from attrs import fields as attr_fields

from reactive_dag.model.times import NEVER, repr_of
from reactive_dag.whatif.answers.show import Answer, clock_text, iso, signed_text, to_moment, to_timedelta
from reactive_dag.whatif.comparison.chain import Reasons
from reactive_dag.whatif.comparison.links import Chain
from reactive_dag.whatif.comparison.pairs import RunPair, RunPairs
from reactive_dag.whatif.comparison.silences import Silences
from reactive_dag.whatif.question.effects import Effects

if TYPE_CHECKING:
    import pandas

    from reactive_dag.declare.graph import Graph
    from reactive_dag.log.history import RunRow
    from reactive_dag.whatif.outcome.outcome import Outcome

OTHER_GRAPH = "the graph was changed between the two"
"""What stands below a comparison of courses of two versions of a graph."""

ChangeKind: TypeAlias = Literal["later", "earlier", "missing", "extra", "state"]


@frozen(repr=False)
class Change:
    """One run that differs. `by`: how much later it ended (negative: earlier); None if it has no end in one of the two.

    `kind`: "later", "earlier", "missing", "extra", or "state" (it ends in another state, or not at all). `why` is the
    chain that led there, worked out when it is read.
    """

    dag: str
    run: str
    logical_date: datetime | None
    partition: str | None
    kind: ChangeKind
    by: timedelta | None
    before: str | None
    after: str | None
    ended_before: datetime | None
    ended_after: datetime | None
    lateness: int
    date: int
    _find_why: Callable[[], Chain] = field(eq=False)

    def __repr__(self) -> str:
        return repr_of(
            self, "dag", "run", "logical_date", "partition", "kind", "by", "before", "after", "ended_before",
            "ended_after",
        )  # fmt: skip

    def __reduce__(self) -> tuple[object, ...]:
        """With the chain itself instead of the two courses that it is found in."""
        fields = [getattr(self, name) for name in _PLAIN]
        return Change, (*fields, partial(_as_found, self.why))

    @cached_property
    def why(self) -> Chain:
        """The chain from the first thing that differs to the run. O(length of the way), once."""
        return self._find_why()

    def to_json(self) -> dict[str, object]:
        """Plain data. O(length of the chain)."""
        return {
            "dag": self.dag, "run": self.run, "logical_date": iso(self.logical_date), "partition": self.partition,
            "kind": self.kind, "by_s": None if self.by is None else self.by.total_seconds(), "before": self.before,
            "after": self.after, "ended_before": iso(self.ended_before), "ended_after": iso(self.ended_after),
            "why": [link.to_json() for link in self.why], "text": str(self.why),
        }  # fmt: skip


_PLAIN = tuple(each.name for each in attr_fields(Change))[:-1]


def _as_found(why: Chain) -> Chain:
    return why


class Comparison(Answer[Change]):
    """The changes, latest first: a sequence of its rows that prints as a table."""

    columns = ("dag", "date", "was", "is", "by", "why")
    _row_type = Change
    right = frozenset({"by"})

    def __init__(
        self, rows: list[Change], unchanged: int, name: str, base: str, effects: Effects, same_graph: bool = True
    ) -> None:  # fmt: skip
        self._effects = effects if rows else None
        self._zone = effects.zone
        self.rows = rows
        self.unchanged = unchanged
        self.name = name
        self.base = base
        self.same_graph = same_graph

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many changes of each kind. O(rows) once."""
        return dict(Counter(row.kind for row in self.rows))

    @property
    def title(self) -> str:
        """What was compared with what."""
        return f"{self.name} compared with {self.base}"

    @property
    def notes(self) -> list[str]:
        """How many runs there are of each kind, and what that rests on."""
        words = {"state": "ending otherwise"}
        parts = [f"{count} {words.get(kind, kind)}" for kind, count in self.counts.items()]
        graph = [] if self.same_graph else [OTHER_GRAPH]
        return [", ".join([*parts, f"{self.unchanged} unchanged"]), *graph, *super().notes]

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}: {self.notes[0]}>"

    def _cells_of(self, rows: Sequence[Change]) -> list[tuple[str, ...]]:
        return [
            (
                row.dag, row.partition or clock_text(row.logical_date), _end(row.before, row.ended_before),
                _end(row.after, row.ended_after), signed_text(row.by) or row.kind, str(row.why),
            )
            for row in rows
        ]  # fmt: skip

    def to_pandas(self) -> pandas.DataFrame:
        """As of any answer, with the chains as text. O(rows * length of the chains). Raises ImportError."""
        return super().to_pandas().assign(why=[str(row.why) for row in self.rows])

    def to_json(self) -> dict[str, object]:
        """Plain data. O(rows)."""
        rows = [row.to_json() for row in self.rows]
        return {
            "name": self.name, "base": self.base, "same_graph": self.same_graph, "unchanged": self.unchanged,
            "counts": self.counts, "assumed": self.assumed, "rows": rows,
        }  # fmt: skip


def _end(state: str | None, ended: datetime | None) -> str:
    if state is None:
        return "-"
    return f"{clock_text(ended)} {state}".strip() if state != "success" or ended is None else clock_text(ended)


def compared(
    base: Outcome, mine: Outcome, given: Effects, own: Effects, name: str, base_name: str, graph: Graph,
    same_graph: bool = True,
) -> Comparison:  # fmt: skip
    """Compare a course with a base; `graph` is that of the course, as it is now. O(runs)."""
    pairs = RunPairs.of(base, mine)
    reasons = Reasons(pairs, given, own, Silences(pairs, graph))
    changed, count = pairs.changed()
    rows = [_change(pairs, reasons, pair) for pair in changed]
    rows.sort(key=lambda row: (-row.lateness, row.dag, row.date, row.run))
    return Comparison(rows, count - len(rows), name, base_name, own, same_graph)


def _change(pairs: RunPairs, reasons: Reasons, pair: RunPair) -> Change:
    there, here = pair
    base = None if there is None else pairs.base.head(there)
    mine = None if here is None else pairs.mine.head(here)
    if base is None or mine is None or here is None or base.state != mine.state:
        kind: ChangeKind = "missing" if mine is None else "extra" if base is None else "state"
        return _made(kind, base, mine, partial(reasons.of_divergence, pair))
    later = (mine.ended or NEVER) > (base.ended or NEVER)
    return _made("later" if later else "earlier", base, mine, partial(reasons.of_shift, here))


def _made(kind: ChangeKind, base: RunRow | None, mine: RunRow | None, find_why: Callable[[], Chain]) -> Change:
    row = mine or base
    assert row is not None
    before, was = (None, None) if base is None else (base.ended, base.state)
    after, now = (None, None) if mine is None else (mine.ended, mine.state)
    by = None if before is None or after is None else after - before
    return Change(
        row.dag, row.key, to_moment(row.logical_date), row.partition, kind, to_timedelta(by), was, now,
        to_moment(before), to_moment(after), _lateness(by, mine, after), row.logical_date or 0, find_why,
    )  # fmt: skip


def _lateness(by: int | None, mine: RunRow | None, after: int | None) -> int:
    """How late a changed run is (ns): NEVER if it does not end, 0 for an extra one."""
    if by is not None:
        return by
    return NEVER if mine is None or after is None else 0
