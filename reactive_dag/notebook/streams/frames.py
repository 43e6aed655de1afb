"""Marble lines as text: a character a frame, frames below each other; and what names of lines mean in a graph.

The notation is that of Rx: `-` is a frame in which nothing happens, `(ab)` several things in one frame. O(characters).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reactive_dag.declare.graph import Graph
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.suggest import did_you_mean

NO_EVENT = "-"


def framed(rows: Sequence[Sequence[str]], behind: str = " ") -> list[list[str]]:
    """Frames below each other: each column is as wide as what is widest in it, with blanks behind. O(characters).

    >>> framed([["a", ""], ["", "bc"]])
    [['a', '-   '], ['-', '(bc)']]
    """
    texts = [[f"({cell})" if len(cell) > 1 else cell or NO_EVENT for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts)]
    return [[cell.ljust(width, behind) for cell, width in zip(row, widths)] for row in texts]


class LineNames:
    """What the names of lines mean in a graph: a DAG, or a dataset by its uri or the last part of that."""

    def __init__(self, graph: Graph) -> None:
        self._dags = graph.dags
        self._datasets: dict[str, set[str]] = {}
        for uri in graph.datasets:
            for name in {uri, uri.rstrip("/").rpartition("/")[2]}:
                self._datasets.setdefault(name, set()).add(uri)
        self._datasets |= {uri: {uri} for uri in graph.datasets}

    def of(self, name: str, what: str) -> tuple[bool, str]:
        """Whether it is a DAG, and its id or uri. O(1). Raises UnknownId."""
        if name in self._dags:
            return True, name
        found = sorted(self._datasets.get(name, ()))
        if len(found) == 1:
            return False, found[0]
        if found:
            raise UnknownId(f"{what}: {name!r} is a part of several datasets: {', '.join(map(repr, found))}")
        known = [*self._dags, *self._datasets]
        raise UnknownId(f"{what}: there is no DAG or dataset {name!r}{did_you_mean(name, known)}")


def shortened(names: Iterable[str]) -> list[str]:
    """The names of datasets as lines show them: the last part of each, where that tells them apart. O(names).

    >>> shortened(["s3://lake/orders", "s3://lake/users", "s3://old/users"])
    ['orders', 's3://lake/users', 's3://old/users']
    """
    all_names = list(names)
    last = [name.rstrip("/").rpartition("/")[2] for name in all_names]
    return [short if last.count(short) == 1 and short else name for name, short in zip(all_names, last)]
