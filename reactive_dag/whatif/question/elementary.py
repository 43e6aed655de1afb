"""Elementary functions of arrays and of numbers, from + - * / and square roots: the same bits on every machine.

Owns e**x, the logarithm and the quantile of the normal distribution. NumPy's own differ in the last bit between
processors, and between an array of one and of many; these do not, so a draw is the same wherever it is made. A number
goes the same steps in plain Python, some 20 times sooner than an array of one. Within some 4 units of the last place.
O(size) each.
"""

from __future__ import annotations

from decimal import Context, Decimal
from math import copysign, factorial, frexp, ldexp, sqrt
from typing import TypeAlias, overload

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

STEPS = 256
"""So many powers between two powers of two are looked up."""

LARGEST_EXPONENT = 700.0
"""e to a power beyond this, in size, is that of this: 64 bits hold no more."""

_HALF_ROOT = 0.7071067811865476
HALF_ROOT_BITS = int(np.float64(_HALF_ROOT).view(np.int64))


_exact = Context(prec=50)


def _split(value: Decimal) -> tuple[float, float]:
    """A number as one of 24 bits, which is exact times a small whole number, and the rest."""
    head = float(np.float32(value))
    return head, float(_exact.subtract(value, Decimal(head)))


_LN2 = _exact.ln(Decimal(2))
_STEP = _exact.divide(_LN2, Decimal(STEPS))
LN2_HEAD, LN2_REST = _split(_LN2)
STEP_HEAD, STEP_REST = _split(_STEP)
PER_STEP = float(_exact.divide(Decimal(1), _STEP))
_POWERS = np.array([float(_exact.exp(_exact.multiply(_STEP, Decimal(step)))) for step in range(STEPS)])
"""The powers of two between 1 and 2, so many that they are a step apart."""
POWER_BITS = _POWERS.view(np.int64)
_POWER_LIST = _POWERS.tolist()
EXP_TERMS = tuple(1 / factorial(power) for power in range(4, -1, -1))
LOG_TERMS = tuple(1 / power for power in range(21, 0, -2))


@overload
def polynomial(x: float, coefficients: tuple[float, ...]) -> float: ...
@overload
def polynomial(x: Floats, coefficients: tuple[float, ...]) -> Floats: ...
def polynomial(x: float | Floats, coefficients: tuple[float, ...]) -> float | Floats:
    """A polynomial by Horner's rule, the highest power first. O(size * coefficients)."""
    found = x * coefficients[0]
    for each in coefficients[1:-1]:
        found += each
        found *= x
    found += coefficients[-1]
    return found


@overload
def exp(x: float) -> float: ...
@overload
def exp(x: Floats) -> Floats: ...
def exp(x: float | Floats) -> float | Floats:
    """e**x; beyond 700, in size, that of 700. O(size).

    Tang, "Table-driven implementation of the exponential function", ACM TOMS 15 (1989): the nearest of 256 powers
    between two powers of two, times the first terms of the series for the rest.

    >>> float(exp(np.array([1.0]))[0])
    2.718281828459045
    """
    if isinstance(x, float):
        return _exp_of_number(x)
    bounded = np.clip(x, -LARGEST_EXPONENT, LARGEST_EXPONENT)
    steps = np.rint(bounded * PER_STEP)
    bounded -= steps * STEP_HEAD
    bounded -= steps * STEP_REST
    found = polynomial(bounded, EXP_TERMS)
    whole = steps.astype(np.int64)
    step = whole & (STEPS - 1)
    whole -= step
    whole <<= 52 - (STEPS.bit_length() - 1)  # the exponent's place
    whole += POWER_BITS.take(step)
    found *= whole.view(np.float64)
    return found


def _exp_of_number(x: float) -> float:
    bounded = min(max(x, -LARGEST_EXPONENT), LARGEST_EXPONENT)
    steps = round(bounded * PER_STEP)
    bounded -= steps * STEP_HEAD
    bounded -= steps * STEP_REST
    step = steps & (STEPS - 1)
    return polynomial(bounded, EXP_TERMS) * ldexp(_POWER_LIST[step], (steps - step) // STEPS)


@overload
def log(x: float) -> float: ...
@overload
def log(x: Floats) -> Floats: ...
def log(x: float | Floats) -> float | Floats:
    """The natural logarithm of numbers above zero. O(size).

    The exponent's share, and the series of the inverse hyperbolic tangent for what is left, near 1.

    >>> float(log(np.array([0.5]))[0])
    -0.6931471805599453
    """
    if isinstance(x, float):
        return _log_of_number(x)
    bits = x.view(np.int64)
    power = (bits - HALF_ROOT_BITS) >> 52
    near_one = (bits - (power << 52)).view(np.float64)
    ratio = (near_one - 1.0) / (near_one + 1.0)
    found = polynomial(ratio * ratio, LOG_TERMS)
    found *= ratio + ratio
    whole = power.astype(np.float64)
    found += whole * LN2_REST
    found += whole * LN2_HEAD
    return found


def _log_of_number(x: float) -> float:
    near_one, power = frexp(x)
    if near_one < _HALF_ROOT:
        near_one, power = near_one * 2, power - 1
    ratio = (near_one - 1.0) / (near_one + 1.0)
    found = polynomial(ratio * ratio, LOG_TERMS)
    found *= ratio + ratio
    found += power * LN2_REST
    return found + power * LN2_HEAD


# ------------------------------------------------------------------------------------------ the normal distribution

MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)  # fmt: skip
FAR_TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip
MIDDLE_TO = 0.425
TAIL_TO = 5.0


@overload
def normal_quantile(u: float) -> float: ...
@overload
def normal_quantile(u: Floats) -> Floats: ...
def normal_quantile(u: float | Floats) -> float | Floats:
    """The standard normal distribution's quantiles of probabilities between 0 and 1. O(size).

    Wichura, "Algorithm AS 241: the percentage points of the normal distribution", Applied Statistics 37 (1988),
    PPND16: some 16 digits.

    >>> float(normal_quantile(np.array([0.975]))[0])
    1.9599639845400536
    """
    if isinstance(u, float):
        return _normal_quantile_of_number(u)
    centred = u.reshape(-1) - 0.5
    found = _ratio(0.180625 - centred * centred, MIDDLE)
    found *= centred
    outer = np.flatnonzero(np.abs(centred) > MIDDLE_TO)
    if len(outer):
        found[outer] = _tail(u.reshape(-1)[outer], centred[outer])
    return found.reshape(u.shape)


def _tail(u: Floats, centred: Floats) -> Floats:
    depth = np.sqrt(-log(np.minimum(u, 1.0 - u)))
    found = _ratio(depth - 1.6, TAIL)
    far = np.flatnonzero(depth > TAIL_TO)
    if len(far):
        found[far] = _ratio(depth[far] - 5.0, FAR_TAIL)
    return np.copysign(found, centred)


def _normal_quantile_of_number(u: float) -> float:
    centred = u - 0.5
    if abs(centred) <= MIDDLE_TO:
        return _ratio(0.180625 - centred * centred, MIDDLE) * centred
    depth = sqrt(-_log_of_number(min(u, 1.0 - u)))
    found = _ratio(depth - 1.6, TAIL) if depth <= TAIL_TO else _ratio(depth - 5.0, FAR_TAIL)
    return copysign(found, centred)


@overload
def _ratio(x: float, both: tuple[tuple[float, ...], tuple[float, ...]]) -> float: ...
@overload
def _ratio(x: Floats, both: tuple[tuple[float, ...], tuple[float, ...]]) -> Floats: ...
def _ratio(x: float | Floats, both: tuple[tuple[float, ...], tuple[float, ...]]) -> float | Floats:
    found = polynomial(x, both[0])
    found /= polynomial(x, both[1])
    return found
