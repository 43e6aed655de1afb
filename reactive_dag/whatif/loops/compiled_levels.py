"""Many futures of a window without limits and failures, compiled by numba (extra `fast`): draws, and levels.

Owns `CompiledLevels`, made for one question. Invariant: what it says is what duration_table.py and levels.py say, bit
for bit: each number goes the steps of elementary.py in their order. It works on a row of futures at a time, which
stays in the first cache, in loops so short that they become vector instructions. What is compiled allocates nothing and
does not hold the GIL. O(nodes + needs + candidates) a future.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from reactive_dag.whatif.loops.machine_code import entry, hash_of, inlined
from reactive_dag.whatif.question import distribution_kinds, draws, elementary
from reactive_dag.whatif.question.distribution_kinds import LONGEST_SPAN, Empirical
from reactive_dag.whatif.question.draws import FIRST_FACTOR, SECOND_FACTOR, DrawKeys
from reactive_dag.whatif.question.elementary import (
    EXP_TERMS,
    FAR_TAIL,
    HALF_ROOT_BITS,
    LARGEST_EXPONENT,
    LN2_HEAD,
    LN2_REST,
    LOG_TERMS,
    MIDDLE,
    MIDDLE_TO,
    PER_STEP,
    POWER_BITS,
    STEP_HEAD,
    STEP_REST,
    STEPS,
    TAIL,
    TAIL_TO,
    Floats,
)
from reactive_dag.whatif.window import arrays
from reactive_dag.whatif.window.arrays import BEYOND, LOST, WAIT, Ints

if TYPE_CHECKING:
    from reactive_dag.whatif.loops.drawn import WindowDraws

Polynomial: TypeAlias = tuple[float, ...]

SHARING, UNIFORM, TRIANGULAR, LOGNORMAL, EXPONENTIAL, WEIBULL, EMPIRICAL = range(7)
NUMBER_OF_KIND = {
    "": SHARING, "uniform": UNIFORM, "triangular": TRIANGULAR, "lognormal": LOGNORMAL, "exponential": EXPONENTIAL,
    "weibull": WEIBULL, "empirical": EMPIRICAL,
}  # fmt: skip
"""How spans are drawn, by the kind of their distribution; "" are fixed ones, times factors that tasks share."""

EXPONENT = 52 - (STEPS.bit_length() - 1)

U, DRAWN, DEEP, AT = range(4)
"""Rows to draw in: the numbers between 0 and 1, what is drawn; of a normal quantile's tails how deep, and where."""

BEGIN, FOUND, REQUESTED, CLOCKED = range(4)
"""Rows to evaluate in; the last three are of waits, as in levels.py."""


# ------------------------------------------------------------------------------------- numbers


@inlined
def _polynomial(x: float, terms: Polynomial) -> float:
    found = x * terms[0]
    for at in range(1, len(terms) - 1):
        found += terms[at]
        found *= x
    return found + terms[len(terms) - 1]


@inlined
def _ratio(x: float, both: tuple[Polynomial, Polynomial]) -> float:
    return _polynomial(x, both[0]) / _polynomial(x, both[1])


@inlined
def _exp(x: float) -> float:
    bounded = min(max(x, -LARGEST_EXPONENT), LARGEST_EXPONENT)
    steps = np.rint(bounded * PER_STEP)
    bounded -= steps * STEP_HEAD
    bounded -= steps * STEP_REST
    found = _polynomial(bounded, EXP_TERMS)
    whole = np.int64(steps)
    step = whole & (STEPS - 1)
    power = ((whole - step) << EXPONENT) + POWER_BITS[step]
    return float(found * np.int64(power).view(np.float64))


@inlined
def _log(x: float) -> float:
    bits = np.float64(x).view(np.int64)
    power = (bits - HALF_ROOT_BITS) >> 52
    near_one = np.int64(bits - (power << 52)).view(np.float64)
    ratio = (near_one - 1.0) / (near_one + 1.0)
    found = _polynomial(ratio * ratio, LOG_TERMS)
    found *= ratio + ratio
    whole = np.float64(power)
    found += whole * LN2_REST
    return float(found + whole * LN2_HEAD)


# ------------------------------------------------------------------------------------- rows of draws


@inlined
def _uniforms(key: np.uint64, futures: DrawKeys, work: Floats) -> None:
    for c in range(len(futures)):
        x = key + futures[c]
        x ^= x >> np.uint64(30)
        x *= np.uint64(FIRST_FACTOR)
        x ^= x >> np.uint64(27)
        x *= np.uint64(SECOND_FACTOR)
        x ^= x >> np.uint64(31)
        work[U, c] = (np.float64(np.int64(x >> np.uint64(12))) + 0.5) * 2.0**-52


@inlined
def _normals(wide: int, work: Floats) -> None:
    """Normal quantiles: first all as if they were in the middle, then those of the tails, which stand together."""
    tails = 0
    for c in range(wide):
        centred = work[U, c] - 0.5
        work[DRAWN, c] = _ratio(0.180625 - centred * centred, MIDDLE) * centred
    for c in range(wide):
        work[AT, tails] = c
        work[DEEP, tails] = min(work[U, c], 1.0 - work[U, c])
        tails += int(abs(work[U, c] - 0.5) > MIDDLE_TO)
    for at in range(tails):
        work[DEEP, at] = np.sqrt(-_log(work[DEEP, at]))
    for at in range(tails):
        depth, c = work[DEEP, at], int(work[AT, at])
        found = _ratio(depth - 1.6, TAIL) if depth <= TAIL_TO else _ratio(depth - 5.0, FAR_TAIL)
        work[DRAWN, c] = np.copysign(found, work[U, c] - 0.5)


@inlined
def _lognormals(median: float, sigma: float, wide: int, work: Floats) -> None:
    _normals(wide, work)
    for c in range(wide):
        work[DRAWN, c] = _exp(work[DRAWN, c] * sigma) * median


@inlined
def _value(kind: int, u: float, numbers: Floats, row: int, samples: Floats) -> float:
    """What distribution_kinds.py draws."""
    a, b, c = numbers[row, 0], numbers[row, 1], numbers[row, 2]
    if kind == UNIFORM:
        return float(a + u * (b - a))
    if kind == TRIANGULAR:
        width = c - a
        if u * width < b - a:
            return float(a + np.sqrt(u * (width * (b - a))))
        return float(c - np.sqrt((1.0 - u) * (width * (c - b))))
    if kind == EXPONENTIAL:
        return float(-_log(1.0 - u) * a)
    if kind == WEIBULL:
        return float(_exp(_log(-_log(1.0 - u)) / b) * a)
    if kind == EMPIRICAL:
        return float(samples[int(np.floor(u * b) + a)])
    return float(a)


class Drawing(NamedTuple):
    """Tasks that are drawn alike: the rows of ends they stand in, the keys of their draws, what they are drawn by."""

    kind: int
    rows: Ints
    keys: DrawKeys
    numbers: Floats
    factor: Floats
    samples: Floats


def _drawing(of: int) -> Callable[[Drawing, DrawKeys, Floats, Ints, Floats], int]:
    """`draw`, compiled anew where the files it is made of are others."""

    @entry
    def draw(alike: Drawing, futures: DrawKeys, shared: Floats, ends: Ints, work: Floats) -> int:
        """Put the spans (ns) of tasks that are drawn alike in their rows of `ends`. O(size)."""
        wide = len(futures)
        for i in range(len(alike.rows)):
            _uniforms(alike.keys[i], futures, work)
            if alike.kind == LOGNORMAL:
                _lognormals(alike.numbers[i, 0], alike.numbers[i, 1], wide, work)
            else:
                for c in range(wide):
                    work[DRAWN, c] = _value(alike.kind, work[U, c], alike.numbers, i, alike.samples)
            for c in range(wide):
                work[DRAWN, c] *= alike.factor[i]
            for each in range(len(shared)):
                for c in range(wide):
                    work[DRAWN, c] *= shared[each, c]
            row = alike.rows[i]
            for c in range(wide):
                ends[row, c] = np.int64(min(max(np.rint(work[DRAWN, c]), 0.0), float(LONGEST_SPAN)))
        return of

    return draw


# ------------------------------------------------------------------------------------- rows of nodes


class Nodes(NamedTuple):
    """What a window says of its nodes, and what comes later: the same in all futures, or from a row of `drawn`."""

    kind: NDArray[np.int8]
    base: Ints
    need_ptr: Ints
    needs: NDArray[np.int32]
    candidate_ptr: Ints
    awaited: NDArray[np.int32]
    starts: NDArray[np.int32]
    late: Ints
    drawn_row: Ints
    drawn: Ints


@inlined
def _wait(w: Nodes, node: int, ends: Ints, ties: NDArray[np.bool_], work: Ints) -> None:
    """When a wait with several candidates ends: `Levels._wait`."""
    wide = len(ties)
    for c in range(wide):
        work[FOUND, c] = work[REQUESTED, c] = BEYOND
        work[CLOCKED, c] = 0
    for at in range(w.candidate_ptr[node + 1] - 1, w.candidate_ptr[node] - 1, -1):
        awaited, start = w.awaited[at], w.starts[at]
        clocked = int(w.need_ptr[start] == w.need_ptr[start + 1])
        for c in range(wide):
            end, found, requested = max(work[BEGIN, c], ends[awaited, c]), work[FOUND, c], work[REQUESTED, c]
            ties[c] |= end == requested and end < BEYOND and end < found and not work[CLOCKED, c]
            if end < requested:
                work[FOUND, c] = min(end, found)
            seen = ends[start, c]
            if seen < requested:
                work[CLOCKED, c] = clocked
                work[REQUESTED, c] = seen
            elif seen == requested:
                work[CLOCKED, c] |= clocked
    for c in range(wide):
        work[BEGIN, c] = work[FOUND, c]


@inlined
def _begin(w: Nodes, node: int, ends: Ints, work: Ints) -> None:
    """When a node may begin, with what it comes later."""
    wide, base = ends.shape[1], w.base[node]
    for c in range(wide):
        work[BEGIN, c] = base
    for at in range(w.need_ptr[node], w.need_ptr[node + 1]):
        need = w.needs[at]
        for c in range(wide):
            work[BEGIN, c] = max(work[BEGIN, c], ends[need, c])
    if w.late[node]:
        for c in range(wide):
            work[BEGIN, c] += w.late[node]
    row = w.drawn_row[node]
    if row >= 0:
        for c in range(wide):
            work[BEGIN, c] += w.drawn[row, c]


def _evaluating(of: int) -> Callable[[Nodes, Ints, Ints, NDArray[np.bool_], Ints], int]:
    """`evaluate`, compiled anew where the files it is made of are others."""

    @entry
    def evaluate(w: Nodes, ends: Ints, begins: Ints, ties: NDArray[np.bool_], work: Ints) -> int:
        """Put ends in place of spans, as `Levels.evaluate`; `begins` has no rows where they are not wanted. O(size)."""
        wide = len(ties)
        for node in range(len(w.kind)):
            _begin(w, node, ends, work)
            if len(begins):
                for c in range(wide):
                    begins[node, c] = min(work[BEGIN, c], BEYOND)
            first, stop, kind = w.candidate_ptr[node], w.candidate_ptr[node + 1], w.kind[node]
            if kind == LOST or (kind == WAIT and first == stop):
                for c in range(wide):
                    work[BEGIN, c] = BEYOND
            elif kind == WAIT and stop - first == 1:
                for c in range(wide):
                    work[BEGIN, c] = max(work[BEGIN, c], ends[w.awaited[first], c])
            elif kind == WAIT:
                _wait(w, node, ends, ties, work)
            for c in range(wide):
                ends[node, c] = min(min(work[BEGIN, c], BEYOND) + ends[node, c], BEYOND)
        return of

    return evaluate


_SOURCES = hash_of(__file__, elementary.__file__, draws.__file__, distribution_kinds.__file__, arrays.__file__)
draw, evaluate = _drawing(_SOURCES), _evaluating(_SOURCES)


# ------------------------------------------------------------------------------------- a question


class CompiledLevels:
    """The draws and levels of one question. O(nodes) to make."""

    def __init__(self, draws: WindowDraws) -> None:
        self._draws = draws
        drawn, table = draws.drawn, draws.table
        self._fixed = np.zeros(drawn.window.size, np.int64)
        self._fixed[drawn.nodes] = table.fixed[drawn.tasks]
        self._drawings: list[tuple[Drawing, tuple[str, ...]]] = []
        alike = table.alike[drawn.tasks]
        for group, (about, by) in enumerate(zip(table.groups, table.drawing)):
            rows = np.flatnonzero(alike == group)
            if len(rows) and (about.kind or about.factors):
                tasks = drawn.tasks[rows]
                samples = np.array(by.samples if isinstance(by, Empirical) else [], np.float64)
                drawing = Drawing(
                    NUMBER_OF_KIND[about.kind], drawn.nodes[rows], drawn.first_keys[rows], table.numbers[tasks],
                    table.factor[tasks], samples,
                )  # fmt: skip
                self._drawings.append((drawing, about.factors))

    def evaluate(self, futures: DrawKeys, begins: Ints | None = None) -> tuple[Ints, NDArray[np.bool_]]:
        """The ends of all nodes, a column for each of these futures; whether the order of an instant decides in it.

        `begins` takes when they begin, if it is given. O(size).
        """
        wide, window = len(futures), self._draws.drawn.window
        ends = np.repeat(self._fixed[:, None], wide, axis=1)
        floats, ints = np.empty((AT + 1, wide)), np.empty((CLOCKED + 1, wide), np.int64)
        for alike, names in self._drawings:
            shared = [self._draws.table.shared[name].values(futures) for name in names]
            draw(alike, futures, np.array(shared, np.float64).reshape(len(names), wide), ends, floats)
        delays = self._draws.delays(futures)
        row = np.full(window.size, -1, np.int64)
        row[delays.nodes] = np.arange(len(delays.nodes))
        ties = np.zeros(wide, np.bool_)
        nodes = Nodes(
            window.kind, window.base, window.need_ptr, window.need_idx, window.candidate_ptr, window.candidate_idx,
            window.candidate_start, delays.fixed, row, delays.drawn,
        )  # fmt: skip
        evaluate(nodes, ends, np.empty((0, wide), np.int64) if begins is None else begins, ties, ints)
        return ends, ties
