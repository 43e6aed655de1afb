"""The ready set, kept completion by completion (semantics G4).

Owns, for each id, which parts of its form hold since it last ran. A form is an id, or `("all", n, parts)`,
`("any", n, parts)`, `("at_least", n, parts)` of forms (n counts for at_least only). A part that is None, or has no
parts, is left out, and `at_least` asks for no more than the others. A form of which nothing is left means that nothing
is upstream: such an id is ready until it has run.
Invariant: an id is in `ready` exactly if its form holds for the ids that completed since it last ran.
Cost: a completion costs O(out-degree of the id), times the depth of nesting, amortised: taking back what an id held is
paid for by the completions that made it hold. Memory: O(parts of all forms). Other forms are another ready set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from reactive_dag.model.errors import InvalidValue

Form: TypeAlias = str | tuple[Literal["all", "any", "at_least"], int, tuple["Form | None", ...]]


class _Gate:
    """A composite: holds as soon as `need` of its parts do, and then counts for the gate above it."""

    __slots__ = ("above", "have", "need")

    def __init__(self, need: int, above: _Gate | None) -> None:
        self.need = need
        self.have = 0
        self.above = above


class _Leaf:
    """One place of an id in the form of `owner`; `on` while it has completed since the owner last ran."""

    __slots__ = ("gate", "of", "on", "owner")

    def __init__(self, of: str, owner: str, gate: _Gate) -> None:
        self.of = of
        self.owner = owner
        self.gate = gate
        self.on = False


class ReadySet:
    """Which ids are ready to run, given what completed. O(parts of all forms) to make.

    Raises InvalidValue for a form that means nothing.

    >>> ready = ReadySet({"a": None, "b": None, "c": ("all", 2, ("a", "b"))})
    >>> sorted(ready.ready)
    ['a', 'b']
    >>> ready.complete("a")
    >>> ready.complete("b")
    >>> sorted(ready.ready)
    ['c']
    """

    __slots__ = ("_followers", "_held", "_ready", "_seen")

    def __init__(self, forms: Mapping[str, Form | None]) -> None:
        self._followers: dict[str, list[_Leaf]] = {}
        self._held: dict[str, list[_Leaf]] = {}
        self._ready: set[str] = set()
        self._seen: frozenset[str] | None = None
        for id, form in forms.items():
            leaves = _compile(id, form)
            for leaf in leaves:
                self._followers.setdefault(leaf.of, []).append(leaf)
            if not leaves:
                self._ready.add(id)

    @property
    def ready(self) -> frozenset[str]:
        """The ids that are ready. O(1) if nothing changed since it was last read, else O(ready)."""
        if self._seen is None:
            self._seen = frozenset(self._ready)
        return self._seen

    def complete(self, id: str) -> None:
        """An id ran and succeeded; it may be one without a form. O(out-degree), amortised."""
        self._start_over(id)
        for leaf in self._followers.get(id, ()):
            if not leaf.on:
                self._turn_on(leaf)

    def _turn_on(self, leaf: _Leaf) -> None:
        leaf.on = True
        self._held.setdefault(leaf.owner, []).append(leaf)
        gate: _Gate | None = leaf.gate
        while gate is not None:
            gate.have += 1
            if gate.have != gate.need:
                return
            gate = gate.above
        if leaf.owner not in self._ready:
            self._ready.add(leaf.owner)
            self._seen = None

    def _start_over(self, id: str) -> None:
        """The id has run: nothing has completed since."""
        for leaf in self._held.pop(id, ()):
            leaf.on = False
            gate: _Gate | None = leaf.gate
            while gate is not None and gate.have:
                gate.have = 0
                gate = gate.above
        if id in self._ready:
            self._ready.remove(id)
            self._seen = None

    def _check(self) -> None:
        leaves = [leaf for row in self._followers.values() for leaf in row]
        assert {leaf for leaf in leaves if leaf.on} == {leaf for row in self._held.values() for leaf in row}
        assert all(leaf.owner == id for id, row in self._held.items() for leaf in row)
        assert self._seen is None or self._seen == self._ready


def _compile(id: str, form: Form | None) -> list[_Leaf]:
    """The leaves of a form, each below the gates above it; a loop, however deep it is."""
    leaves: list[_Leaf] = []
    root = _Gate(1, None)
    gates = [(root, "any", 1)]
    waiting: list[tuple[Form | None, _Gate]] = [(form, root)]
    while waiting:
        part, above = waiting.pop()
        if isinstance(part, str):
            leaves.append(_Leaf(part, id, above))
            above.have += 1
        elif part is not None:
            gate = _Gate(0, above)
            gates.append((gate, part[0], _count(id, part)))
            waiting.extend((inner, gate) for inner in reversed(part[2]))
    _set_needs(gates)
    return leaves


def _set_needs(gates: list[tuple[_Gate, str, int]]) -> None:
    """Let each gate need what its word says of the parts that are there; `have` counts those on the way up."""
    for gate, word, n in reversed(gates):
        gate.need = {"all": gate.have, "any": 1}.get(word, min(n, gate.have))
        if gate.have and gate.above is not None:
            gate.above.have += 1
        gate.have = 0


def _count(id: str, form: tuple[str, int, tuple[Form | None, ...]]) -> int:
    word, n, parts = form
    if word not in ("all", "any", "at_least") or (word == "at_least" and not 1 <= n <= len(parts)):
        given = f"({word!r}, {n}, {len(parts)} parts)"
        raise InvalidValue(f"the form {given} of {id!r} means nothing: write all, any, or at_least with n in 1..parts")
    return n
