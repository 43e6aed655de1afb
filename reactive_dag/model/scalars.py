"""Scalars of numpy as Python's own, without importing it (R8).

Owns no state. A `datetime64` of days (or coarser) is a date, a finer one a time without a zone, as numpy says; a whole
number is an `int`. What Python's own would lose, and all else, stays what it is. O(1).
"""

from __future__ import annotations

from typing import Any


def own(value: Any) -> Any:
    """A value, of numpy's whole numbers, dates and lengths of time as Python has it. O(1).

    >>> own(3), own("eu")
    (3, 'eu')
    """
    dtype = getattr(value, "dtype", None) if type(value).__module__ == "numpy" else None
    if dtype is None or getattr(value, "shape", None) != ():
        return value
    if dtype.kind in "iu":
        return value.item()
    found = value.item() if dtype.kind in "mM" and "[" in str(dtype) else None
    if isinstance(found, int):  # finer than Python's own has: of a whole microsecond nothing is lost
        try:
            rounded = value.astype(f"{dtype.kind}8[us]")
            found = rounded.item() if rounded == value else None
        except TypeError:  # months and years are no length of time
            found = None
    return value if found is None or isinstance(found, int) else found
