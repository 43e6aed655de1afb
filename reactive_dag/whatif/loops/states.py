"""What became of a node of a window, as a number, and the word for it.

Owns no state. All evaluators give these numbers; those from `RUNNING` on are not final.
"""

from __future__ import annotations

NEVER_BEGUN, SUCCESS, FAILED, UPSTREAM_FAILED, SKIPPED, CANCELLED, RUNNING, WAITING, RETRYING, READY = range(10)

WORDS = (
    "", "success", "failed", "upstream_failed", "skipped", "cancelled", "running", "waiting", "retrying", "ready"
)  # fmt: skip
"""The word for each, as the engine says it."""

CODES = {word: code for code, word in enumerate(WORDS)}
"""The number of each word."""
