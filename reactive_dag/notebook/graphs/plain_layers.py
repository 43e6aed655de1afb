"""A plain layered layout that needs no package: columns by height, in each the order that crosses little.

The order is by the mean place of the neighbours, forth and back (the barycentre of Sugiyama, Tagawa and Toda, IEEE
Transactions on Systems, Man, and Cybernetics 11, 109, 1981); an edge over several columns has a place in each. Edges go
at right angles, those of one source on one way. O((nodes + edges * columns) log nodes).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from attrs import define, field

from reactive_dag.notebook.graphs.shown import XY
from reactive_dag.resolve.heights import heights

Box: TypeAlias = tuple[float, float]
"""Width and height."""
ROW_GAP, COLUMN_GAP, LANE, THIN = 14.0, 56.0, 6.0, 4.0
SWEEPS = 6


@define(eq=False)
class _Place:
    """What stands in a column: a node, or an edge on its way through."""

    column: int
    width: float
    height: float
    row: float = 0.0
    x: float = 0.0
    y: float = 0.0
    near: list[_Place] = field(factory=list)

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def placed_plainly(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> tuple[list[XY], list[tuple[XY, ...]]]:
    """The top left of each node, and the points of each edge."""
    down: dict[int, list[int]] = {at: [] for at in range(len(boxes))}
    for source, target in edges:
        down[source].append(target)
    nodes = [_Place(column, *boxes[at]) for at, column in heights(down, down).items()]
    chains = [_chain(nodes[source], nodes[target]) for source, target in edges]
    columns: dict[int, list[_Place]] = defaultdict(list)
    for place in dict.fromkeys([*nodes, *(each for chain in chains for each in chain)]):
        columns[place.column].append(place)
    ordered = [columns[number] for number in sorted(columns)]
    _order(ordered)
    gaps = _stand(ordered, chains)
    return [(each.x, each.y) for each in nodes], [_way(chain, gaps) for chain in chains]


def _chain(source: _Place, target: _Place) -> list[_Place]:
    """The source, a place in each column between, and the target."""
    step = 1 if target.column >= source.column else -1
    between = [_Place(column, 0.0, THIN) for column in range(source.column + step, target.column, step)]
    chain = [source, *between, target]
    for one, next in pairwise(chain):
        one.near.append(next)
        next.near.append(one)
    return chain


def _order(columns: list[list[_Place]]) -> None:
    for column in columns:
        _number(column)
    for sweep in range(SWEEPS):
        for column in columns if sweep % 2 == 0 else reversed(columns):
            column.sort(key=lambda place: _mean([each.row for each in place.near], place.row))
            _number(column)


def _number(column: list[_Place]) -> None:
    for at, place in enumerate(column):
        place.row = at - len(column) / 2


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _stand(columns: list[list[_Place]], chains: list[list[_Place]]) -> dict[int, dict[_Place, float]]:
    """Give every place its corner; what is given back says on which lane of each gap a source's edges go."""
    lanes: dict[int, dict[_Place, int]] = defaultdict(dict)
    for chain in chains:
        for one, next in pairwise(chain):
            gap = lanes[min(one.column, next.column)]
            gap.setdefault(chain[0], len(gap))
    tallest = max(sum(place.height + ROW_GAP for place in column) for column in columns)
    gaps: dict[int, dict[_Place, float]] = defaultdict(dict)
    x = 0.0
    for number, column in enumerate(columns):
        y = (tallest - sum(place.height + ROW_GAP for place in column)) / 2
        width = max(place.width for place in column)
        for place in column:
            place.x, place.y = x, y
            place.width = place.width or width
            y += place.height + ROW_GAP
        x += width
        gap = lanes[number]
        room = COLUMN_GAP + LANE * len(gap)
        gaps[number] = {source: x + COLUMN_GAP / 2 + LANE * lane for source, lane in gap.items()}
        x += room
    return gaps


def _way(chain: list[_Place], gaps: dict[int, dict[_Place, float]]) -> tuple[XY, ...]:
    points: list[XY] = []
    for one, next in pairwise(chain):
        lane = gaps[min(one.column, next.column)][chain[0]]
        forth = next.column > one.column
        begin = one.x + one.width if forth or next.column == one.column else one.x
        end = next.x if forth else next.x + next.width
        points += [(begin, one.middle), (lane, one.middle), (lane, next.middle), (end, next.middle)]
    return tuple(dict.fromkeys(points)) if chain[0] is not chain[-1] else tuple(points)
