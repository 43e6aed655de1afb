"""How much a property test draws: a little in CI, much at night."""

from __future__ import annotations

import os

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"


def examples(ci: int, nightly: int | None = None) -> int:
    """So many examples: `ci` in CI, thirty times as many at night unless said.

    >>> examples(10) in (10, 300)
    True
    """
    return (nightly or ci * 30) if NIGHTLY else ci
