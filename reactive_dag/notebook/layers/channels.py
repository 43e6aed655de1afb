"""The ways of edges: at right angles, in the channels between layers, each bundle on a lane of its own.

Edges that leave one node turn on one lane and branch there; those that come together at one node do so on one. Bundles
whose ways would lie on each other have lanes of their own, in the order that crosses little. After channel routing as
of Hashimoto and Stevens ("Wire routing by optimizing channel assignment", 1971). O(segments * log + overlaps).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import ceil

from attrs import define, field

from reactive_dag.notebook.layers.ranks import XY, Layering, Pair

STUB, TO_TIP, LANE = 12.0, 18.0, 6.0
"""From a node to its first lane, from the last lane to a node, and between lanes."""
SAME = 2.0
"""Heights that are nearer than this look like one."""

Net = tuple[int, bool]
"""A bundle in one channel: the node in which it comes together, and whether that is where it begins."""


@define(eq=False)
class _Bundle:
    """The heights that it joins, from the left and from the right, and the lane on which it does."""

    left: set[float] = field(factory=set)
    right: set[float] = field(factory=set)
    lane: int = 0

    @property
    def top(self) -> float:
        return min(min(self.left), min(self.right))

    @property
    def bottom(self) -> float:
        return max(max(self.left), max(self.right))

    def sorts(self) -> tuple[bool, float]:
        """Those that go up from the top, those that go down from below: so neighbours do not cross."""
        begin, end = sum(self.left) / len(self.left), sum(self.right) / len(self.right)
        return (end > begin, -begin if end > begin else begin)


@define
class Channels:
    """Where the columns stand, and on which x each segment turns."""

    lefts: list[float]
    turns: dict[Pair, float]
    width: float


def channels(layers: Layering, widths: Sequence[float], middles: Sequence[float]) -> Channels:
    """Lay all lanes: `widths` of the layers, `middles` of the vertices."""
    bundles = _bundles(layers, middles)
    found = Channels([], {}, 0.0)
    x = 0.0
    for rank, width in enumerate(widths):
        found.lefts.append(x)
        x += ceil(width)
        here = bundles.get(rank, {})
        lanes = _give_lanes(list({id(each): each for each in here.values()}.values()))
        begin = x + STUB
        found.turns.update((pair, begin + bundle.lane * LANE) for pair, bundle in here.items())
        if rank < len(widths) - 1:
            x += STUB + max(lanes - 1, 0) * LANE + TO_TIP
    found.width = x
    return found


def _bundles(layers: Layering, middles: Sequence[float]) -> dict[int, dict[Pair, _Bundle]]:
    """The bundle of each segment that turns, by channel."""
    outs = Counter(a for a, _ in layers.segments)
    ins = Counter(b for _, b in layers.segments)
    nets: dict[Net, _Bundle] = defaultdict(_Bundle)
    found: dict[int, dict[Pair, _Bundle]] = defaultdict(dict)
    for a, b in layers.segments:
        begins = outs[a] >= ins[b]
        bundle = nets[a if begins else b, begins]
        bundle.left.add(middles[a])
        bundle.right.add(middles[b])
        found[layers.ranks[a]][a, b] = bundle
    return found


def _give_lanes(bundles: list[_Bundle]) -> int:
    """A lane for each bundle; O(bundles * those beside each)."""
    placed: list[_Bundle] = []
    for bundle in _in_order([each for each in bundles if each.bottom - each.top > 0.1]):
        beside = [each.lane for each in placed if each.top <= bundle.bottom + SAME and bundle.top <= each.bottom + SAME]
        bundle.lane = max(beside, default=-1) + 1
        placed.append(bundle)
    return max((each.lane for each in placed), default=0) + 1


def _in_order(bundles: list[_Bundle]) -> Iterable[_Bundle]:
    """By how they sort, but what leaves at a height before what arrives there; in circles the first that sorts."""
    waiting = sorted(bundles, key=_Bundle.sorts)
    leaves: dict[int, list[_Bundle]] = defaultdict(list)
    for bundle in waiting:
        for y in bundle.left:
            leaves[round(y / SAME)].append(bundle)
    before: dict[int, set[int]] = {}
    for bundle in waiting:
        near = (other for y in bundle.right for at in (-1, 0, 1) for other in leaves.get(round(y / SAME) + at, ()))
        before[id(bundle)] = {id(other) for other in near if other is not bundle}
    done: set[int] = set()
    while waiting:
        at = next((n for n, each in enumerate(waiting) if before[id(each)] <= done), 0)
        bundle = waiting.pop(at)
        done.add(id(bundle))
        yield bundle


def way_of(path: Sequence[int], ends: tuple[float, float], middles: Sequence[float], turns: dict[Pair, float],
           ranks: Sequence[int]) -> tuple[XY, ...]:  # fmt: skip
    """The points of an edge along its vertices, from the border of its first to that of its last. O(path)."""
    points: list[XY] = [(ends[0], middles[path[0]])]
    for a, b in pairwise(path):
        turn = turns[(a, b) if ranks[a] < ranks[b] else (b, a)]
        points += [(turn, middles[a]), (turn, middles[b])]
    points.append((ends[1], middles[path[-1]]))
    return tuple(_straightened(points))


def _straightened(points: list[XY]) -> list[XY]:
    """Without points at which nothing turns."""
    kept: list[XY] = []
    for at, point in enumerate(points):
        before, after = kept[-1] if kept else None, points[at + 1] if at + 1 < len(points) else None
        if before == point and after is not None:
            continue
        if before and after and (before[0] == point[0] == after[0] or before[1] == point[1] == after[1]):
            continue
        kept.append(point)
    return kept
