"""The combinators as ordinary reactivex operators: `import reactive_dag.operators as rops`.

Owns nothing; `reactive_dag.streams.operators` does.

>>> import reactivex
>>> import reactive_dag.operators as rops
>>> reactivex.of(1, 2, 3).pipe(rops.batch(count=3)).subscribe(print).dispose()
[1, 2, 3]
"""

from reactive_dag.streams.operators import (
    absent,
    all_of,
    at_least,
    batch,
    by,
    debounce,
    exactly_once,
    reset,
    rollup,
    sequence,
    throttle,
    with_latest,
)

__all__ = [
    "absent", "all_of", "at_least", "batch", "by", "debounce", "exactly_once", "reset", "rollup", "sequence",
    "throttle", "with_latest",
]  # fmt: skip
