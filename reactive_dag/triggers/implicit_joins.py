"""The joins that nobody writes: completions belong together by date (T8).

Owns `effective`, which turns a trigger as it was written into the one that is compiled: where all leaves of an
`all_of`, `at_least` or `sequence` are completions and no `.by` is written, a `.by(JoinKey(...))` stands around it. Also
owns what follows from it for origins. Nothing else is rewritten. All costs are O(size of the trigger squared) at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import define, field

from reactive_dag.model.errors import GraphError
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.functions.by import By, has_by, is_keyed
from reactive_dag.triggers.keys import JoinKey
from reactive_dag.triggers.leaves.completed import Completed
from reactive_dag.triggers.walks import walk
from reactive_dag.triggers.windows.within import Within

Origins: TypeAlias = Callable[[str], frozenset[str]]
"""The origins of a DAG, by its id; empty for one that is not known yet."""


def effective(trigger: Trigger, origins: Origins) -> tuple[Trigger, str]:
    """The trigger with its implicit joins, and which of T8's rules holds for each, in words ("" without a join).

    Raises GraphError where completions stand together with another leaf and no `.by` says how they belong together.

    >>> from reactive_dag.triggers.leaves.completed import completed
    >>> effective(completed("a") & completed("b"), lambda dag: frozenset({"root"}))[1]
    "joined by logical date, else by cascade (all go back to 'root')"
    """
    if not any(part.joins for part in walk(trigger)):
        return trigger, ""
    joins = _Joins(origins)
    found = joins.visit(trigger)
    return found, "; ".join(joins.texts)


def sources(trigger: Trigger) -> list[Trigger]:
    """What can fire the trigger: its leaves, with each silence for itself, but for those that only ride. O(size).

    >>> from reactive_dag.triggers.leaves.absent import absent
    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> sources(updated("a") & absent(updated("b"), for_="1h"))
    [rd.updated('a'), rd.absent(rd.updated('b'), for_='1h')]
    """
    return [trigger] if trigger.emits else [found for part in trigger.drives for found in sources(part)]


def riding_sources(trigger: Trigger) -> list[Trigger]:
    """What can deliver an item that only rides along (T17): no date, origin, height or cycle comes of it. O(size).

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> riding_sources(updated("a").with_latest(updated("b")))
    [rd.updated('b')]
    """
    if trigger.emits:
        return []
    driving = len(trigger.drives)
    found = [each for part in trigger.parts for each in riding_sources(part)]
    return found + [each for part in trigger.parts[driving:] for each in sources(part)]


def origin_sources(trigger: Trigger) -> list[Trigger] | None:
    """The sources whose origins a DAG with this trigger has; None if it takes several facts at once. O(size squared).

    In the second case the DAG is its own origin, as for a source that is a clock or a silence.

    >>> from reactive_dag.triggers.leaves.dataset import updated
    >>> origin_sources(updated("a") | updated("b")), origin_sources(updated("a") & updated("b"))
    ([rd.updated('a'), rd.updated('b')], None)
    """
    return None if _takes_several(trigger, keyed=False) else sources(trigger)


def _takes_several(trigger: Trigger, keyed: bool) -> bool:
    if trigger.gathers and not (trigger.joins and not keyed and is_join(trigger)):
        return True
    return any(_takes_several(part, keyed or is_keyed(trigger)) for part in trigger.drives)


def is_join(trigger: Trigger) -> bool:
    """Whether T8 joins the parts of this trigger, if no `.by` stands around it. O(size).

    >>> from reactive_dag.triggers.leaves.completed import completed
    >>> is_join(completed("a") & completed("b")), is_join(completed("a") | completed("b"))
    (True, False)
    """
    return trigger.joins and not has_by(trigger) and all(isinstance(found, Completed) for found in sources(trigger))


@define
class _Joins:
    """One walk over a trigger, from the top; it does not look below a written `.by`."""

    origins: Origins
    texts: list[str] = field(factory=list)

    def visit(self, trigger: Trigger) -> Trigger:
        if is_keyed(trigger):
            return trigger
        composite = trigger.part if isinstance(trigger, Within) else trigger
        if is_join(composite):
            _refuse_riders(composite)
            return self._joined(trigger, composite)
        if composite.joins:
            _refuse_mixture(composite)
        parts = tuple([self.visit(part) for part in composite.parts])
        if all(new is old for new, old in zip(parts, composite.parts, strict=True)):
            return trigger
        inner = composite.rebuilt(parts)
        return inner if composite is trigger else trigger.rebuilt((inner,))

    def _joined(self, trigger: Trigger, composite: Trigger) -> Trigger:
        """The join's key stands outside of `.within`, which stands directly on its composite (T6)."""
        of = [self._origins_of(part) for part in composite.parts]
        same = bool(of[0]) and all(each == of[0] for each in of)
        self.texts.append(_text(of[0] if same else frozenset()))
        return By(trigger, (JoinKey("date+cascade" if same else "date"),))

    def _origins_of(self, part: Trigger) -> frozenset[str]:
        """The origins of all that a part can deliver; none if those of some of it are not known."""
        found = [
            frozenset() if leaf.dag == "*" else self.origins(leaf.dag)
            for leaf in sources(part)
            if isinstance(leaf, Completed)
        ]
        return frozenset().union(*found) if all(found) else frozenset()


def _text(origins: frozenset[str]) -> str:
    if not origins:
        return "joined by logical date, else in plain order (the parts go back to different origins)"
    return f"joined by logical date, else by cascade (all go back to {', '.join(map(repr, sorted(origins)))})"


def _refuse_riders(composite: Trigger) -> None:
    """The key of a join that nobody wrote would keep riders apart too, which are to be the newest of all (T17)."""
    riders = riding_sources(composite)
    if riders:
        raise GraphError(
            f"{composite!r} joins completions by date, and {riders[0]!r} is to ride along inside of the join; write "
            ".with_latest() behind the join, or a .by(...) that both have"
        )


def _refuse_mixture(composite: Trigger) -> None:
    """Two or more completions with another leaf: whether they join, nobody but the author knows."""
    found = sources(composite)
    ends = [leaf for leaf in found if isinstance(leaf, Completed)]
    others = [leaf for leaf in found if not isinstance(leaf, Completed)]
    if len(ends) < 2 or not others or has_by(composite):
        return
    raise GraphError(
        f"{composite!r} takes {len(ends)} completions together with {others[0]!r}, so it is not plain which belong "
        "together; add .by('logical_date') or another key to it, or .by(None) if each meets whatever is there"
    )
