"""Names that are nearly equal: a dataset of one letter more, in other case, with another separator (G3).

Owns `NearNames`, an index of names by what is left when one character is taken out. Names that differ in a digit are
not near: they are numbered. Cost: O(length) a name to enter and to look up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

LEAST = 4
"""Shorter names are near to nothing."""
_SEPARATORS = str.maketrans("", "", " _-./\\")


class NearNames:
    """The names that there are."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_variant: dict[str, list[str]] = {}
        for name in names:
            for variant in _variants(name):
                self._by_variant.setdefault(variant, []).append(name)

    def of(self, name: str) -> str | None:
        """The first other name that is nearly this one, if there is one. O(length * names that are near).

        >>> names = NearNames(["orders", "raw/orders_1", "users"])
        >>> names.of("order"), names.of("Orders"), names.of("raw/orders_2"), names.of("ordres")
        ('orders', 'orders', None, 'orders')
        """
        for variant in _variants(name):
            for other in self._by_variant.get(variant, ()):
                if other != name and _is_near(name, other):
                    return other
        return None


def _plain(name: str) -> str:
    return name.casefold().translate(_SEPARATORS)


def _variants(name: str) -> Iterator[str]:
    plain = _plain(name)
    if len(plain) >= LEAST:
        yield plain
        yield from dict.fromkeys(plain[:at] + plain[at + 1 :] for at in range(len(plain)))


def _is_near(name: str, other: str) -> bool:
    """Whether they differ by separators, case, one letter more or less, or two letters that changed places."""
    one, two = sorted((_plain(name), _plain(other)), key=len)
    at = next((at for at, (a, b) in enumerate(zip(one, two)) if a != b), len(one))
    if len(one) < len(two):
        return not two[at].isdigit() and one[at:] == two[at + 1 :]
    swapped = one[at : at + 2][::-1] == two[at : at + 2]
    return one == two or (swapped and one[at + 2 :] == two[at + 2 :] and not one[at : at + 2].isdigit())
