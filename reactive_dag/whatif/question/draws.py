"""Draws by counter: a number between 0 and 1 that follows from what it is for, not from what was drawn before.

Owns the hash of 64 bits, the keys of draws and the numbers made of them. A draw has a key (what is drawn, of which
attempt of which task of which run) and a future (a seed and a number); the same two give the same number whatever the
order, the evaluator, the threads and the interventions: common random numbers. Invariant: no key holds the place of
anything in an array, an offset, or a count of what came. O(1) a draw, some 5 ns in arrays.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from reactive_dag.whatif.question.elementary import Floats

DrawKeys: TypeAlias = npt.NDArray[np.uint64]

DURATION: Final = 1
"""How long an attempt takes."""
FAILURE: Final = 2
"""Whether an attempt fails."""
LATENESS: Final = 3
"""How much later a run, a task's first attempt or an outside event comes; its attempt is the number of the delay."""
FACTOR: Final = 4
"""A factor shared by tasks: the identity is that of its name, and there is no run."""

CHUNK: Final = 16_000
"""So many draws at once: the arrays stay in a processor's cache, below 128 KiB, from where memory is mapped anew."""

_ALL_BITS = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
FIRST_FACTOR, SECOND_FACTOR = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


# --------------------------------------------------------------------------------------------------------- the hash


def mix(number: int) -> int:
    """A number of 64 bits, each bit of which depends on each bit of the given one. O(1).

    The last step of splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014,
    with Stafford's constants (his "Mix13").
    """
    number = ((number ^ (number >> 30)) * FIRST_FACTOR) & _ALL_BITS
    number = ((number ^ (number >> 27)) * SECOND_FACTOR) & _ALL_BITS
    return number ^ (number >> 31)


def mix_array(numbers: DrawKeys) -> DrawKeys:
    """`mix` of each number, in its place. O(size).

    >>> int(mix_array(np.array([7], np.uint64))[0]) == mix(7)
    True
    """
    numbers ^= numbers >> np.uint64(30)
    numbers *= np.uint64(FIRST_FACTOR)
    numbers ^= numbers >> np.uint64(27)
    numbers *= np.uint64(SECOND_FACTOR)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def folded(*parts: int) -> int:
    """One hash of several whole numbers, in their order. O(parts).

    >>> folded(1, 2) == folded(1, 2), folded(1, 2) == folded(2, 1)
    (True, False)
    """
    found = 0
    for part in parts:
        found = mix((found + part + _GOLDEN) & _ALL_BITS)
    return found


def folded_arrays(*parts: DrawKeys | int) -> DrawKeys:
    """`folded` of arrays, element by element; a plain number stands for all. O(size * parts)."""
    found: DrawKeys = np.zeros(1, np.uint64)
    for part in parts:
        more = part if isinstance(part, np.ndarray) else np.uint64(part & _ALL_BITS)
        found = mix_array((found + more) + np.uint64(_GOLDEN))
    return found


@lru_cache(maxsize=1 << 16)
def text_key(text: str | None) -> int:
    """A hash of a text, the same in every process; of None, 0. O(length)."""
    return 0 if text is None else int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


# --------------------------------------------------------------------------------------------------------- the keys


def draw_keys(identities: DrawKeys | int, tasks: DrawKeys | int, purpose: int, attempt: int = 1) -> DrawKeys:
    """The keys of draws: for these identities of runs (or of events) and these tasks. O(size).

    `tasks` are hashes of tasks' ids, of an instance of a mapped task of its own (`text_key("eval[3]")`), 0 where no
    task is meant.
    """
    return folded_arrays(identities, tasks, attempt * 8 + purpose)


def future_keys(seed: int, futures: range) -> DrawKeys:
    """The keys of these futures of a seed. O(futures)."""
    numbers = np.arange(futures.start, futures.stop, futures.step).astype(np.uint64)
    return folded_arrays(text_key(str(seed)), numbers)


def uniform_of(key: int, future: int) -> float:
    """`uniforms` of one key in one future, in plain Python. O(1).

    >>> key, future = folded(1, text_key("load"), 8 + FAILURE), folded(text_key("0"), 1)
    >>> round(uniform_of(key, future), 3)
    0.331
    """
    return ((mix((key + future) & _ALL_BITS) >> 12) + 0.5) * 2.0**-52


def draw_key(identity: int, task: int, purpose: int, attempt: int = 1) -> int:
    """`draw_keys` of one attempt, in plain Python. O(1)."""
    return folded(identity, task, attempt * 8 + purpose)


def uniforms(keys: DrawKeys, futures: DrawKeys) -> Floats:
    """A number between 0 and 1, both left out, for each key in each future: a row a key. O(keys * futures).

    >>> uniforms(draw_keys(1, text_key("load"), FAILURE), future_keys(0, range(2))).round(3).tolist()
    [[0.725, 0.331]]
    """
    drawn = mix_array(keys[:, None] + futures[None, :])
    drawn >>= np.uint64(12)
    found = drawn.astype(np.float64)
    found += 0.5
    found *= 2.0**-52
    return found
