"""How much a property test draws: a little in CI, much at night, next to nothing before each landing (`quick`)."""

from __future__ import annotations

import os

PROFILE = os.environ.get("HYPOTHESIS_PROFILE")
NIGHTLY, QUICK = PROFILE == "nightly", PROFILE == "quick"


def examples(ci: int, nightly: int | None = None) -> int:
    """So many examples: `ci` in CI, thirty times as many at night unless said, a tenth where it has to be quick.

    >>> examples(10) in (1, 10, 300)
    True
    """
    return (nightly or ci * 30) if NIGHTLY else max(ci // 10, 1) if QUICK else ci
