"""Where items come into a compiled trigger.

Owns `Leaf`. Invariant: nothing of it changes once the tree is compiled. Cost: O(1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Item
from reactive_dag.triggers.base import Trigger
from reactive_dag.triggers.cell import Opaque
from reactive_dag.triggers.firing import Key, Mapped, Ref
from reactive_dag.triggers.machine.books import Pairs

Show: TypeAlias = Callable[[Item], str]
"""The identity of an item."""


class Leaf:
    """A leaf part: a source of facts, or the point where a tick or a silence comes in.

    `index` is the part's number, `chain` the functions that stand directly behind it, `written` the trigger with those.
    `up` and `part` say where its items go; `route` are the `.by` around it, the outermost first. `rides`: its items
    only ride along (T17).
    """

    __slots__ = ("chain", "index", "part", "rides", "route", "source", "trigger", "up", "written")

    def __init__(
        self, trigger: Trigger, written: Trigger, chain: tuple[tuple[str, Call], ...], route: tuple[Any, ...],
        index: int, rides: bool,
    ) -> None:  # fmt: skip
        self.trigger = trigger
        self.written = written
        self.chain = chain
        self.route = route
        self.index = index
        self.rides = rides
        self.source = trigger.source
        self.part = -1
        self.up: Any = None

    def hang(self, up: object, part: int) -> None:
        """Its items go to a node, as that part of it."""
        self.up, self.part = up, part

    @property
    def is_source(self) -> bool:
        """Whether facts come in here."""
        return self.trigger.hears

    @property
    def text(self) -> str:
        """How it is written. O(size)."""
        return repr(self.written)

    def takes(self, event: Any) -> bool:
        """Whether an event of its source is delivered here: by `kinds`, or by `states` (T1). O(1)."""
        return self.trigger.takes(event)

    @property
    def gives_one(self) -> bool:
        """Whether a join holds one of its items at most (T9)."""
        return self.trigger.holds_one

    @property
    def keyed(self) -> bool:
        """What it gives is of no key."""
        return False

    def walk(self, release: Opaque, riders: bool = True) -> Pairs:
        """The leaf items of what it gave: one."""
        item: Any = release.item if type(release) is Mapped else release
        return [(self.index, item)]

    def key_of(self, release: Opaque) -> Key:
        """The key of what it gave: none."""
        return ()

    def payload(self, release: Opaque) -> object:
        """What it gave as a payload: the event, or what a `.map` made of it (T13)."""
        return release.value if type(release) is Mapped else Ref(release)

    def show(self, release: Opaque, show: Show) -> Any:
        """What it gave, without offsets; what armed a silence may be a name already."""
        if type(release) is Mapped:
            return [self.show(release.item, show), release.value]
        return release if isinstance(release, str) else show(release)

    def __repr__(self) -> str:
        return f"Leaf({self.index}, {self.text})"
