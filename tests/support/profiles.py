"""How much a property test draws: some in CI, many more at night, next to nothing before each landing (`quick`)."""

from __future__ import annotations

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE")
NIGHTLY, QUICK = PROFILE == "nightly", PROFILE == "quick"


def examples(some: int, nightly: int | None = None) -> int:
    """So many examples: two in five of `some` in CI, thirty times as many at night unless said, a tenth to be quick.

    CI draws the same ones each time, so more of them would find what they found before.

    >>> examples(10) in (1, 4, 300)
    True
    """
    return (nightly or some * 30) if NIGHTLY else max(some // 10, 1) if QUICK else max(some * 2 // 5, 1)


def every(step: int) -> int:
    """Where a test goes through all places of something: each `step`-th of them in CI, each one at night.

    >>> every(3) in (1, 3)
    True
    """
    return 1 if NIGHTLY else step
