"""Exponential and logarithm that a compiler can run on several numbers at once: no branch, no table, no library call.

Both are within a few units of the last place of the exact value.
"""

from __future__ import annotations

import math

from mmm.compilation import exact_compiled
from mmm.machine_kernel import bits_of, float_of

_PER_LOG_2 = 1.0 / math.log(2.0)
#: log 2 as a sum: the first part has few enough bits that its multiples below 2¹¹ are exact.
_LOG_2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LOG_2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
#: Adding it to a small number leaves the rounded number in the low bits.
_ROUNDING = 1.5 * 2.0**52
_LARGEST = 700.0
#: Bits of 2⁵², of √½, and of an exponent of zero.
_WHOLE_BITS, _ROOT_BITS, _BIAS = 0x4330000000000000, 0x3FE6A09E667F3BCD, 1023
#: Coefficients 1/k! and 1/(2k + 1).
_E2, _E3, _E4, _E5, _E6, _E7 = (1.0 / math.factorial(power) for power in range(2, 8))
_E8, _E9, _E10, _E11, _E12, _E13 = (1.0 / math.factorial(power) for power in range(8, 14))
_L1, _L2, _L3, _L4, _L5 = (1.0 / power for power in range(3, 13, 2))
_L6, _L7, _L8, _L9, _L10 = (1.0 / power for power in range(13, 23, 2))


@exact_compiled
def exponential(value: float) -> float:
    """``exp(value)``, of ±700 where the value lies beyond.

    ``exp(x) = 2ⁿ exp(r)`` with the whole number n next to x / log 2, and the Taylor series of ``exp(r)``.
    """
    value = min(max(value, -_LARGEST), _LARGEST)
    shifted = value * _PER_LOG_2 + _ROUNDING
    whole = shifted - _ROUNDING
    r = (value - whole * _LOG_2_HIGH) - whole * _LOG_2_LOW
    series = _E8 + r * (_E9 + r * (_E10 + r * (_E11 + r * (_E12 + r * _E13))))
    series = _E2 + r * (_E3 + r * (_E4 + r * (_E5 + r * (_E6 + r * (_E7 + r * series)))))
    power: float = float_of((bits_of(shifted) + _BIAS) << 52)
    return (1.0 + (r + r * r * series)) * power


@exact_compiled
def logarithm(value: float) -> float:
    """``log(value)`` of a positive, finite, normal number.

    ``log(2ᵉ m) = e log 2 + 2 artanh((m − 1)/(m + 1))`` with √½ ≤ m < √2.
    """
    bits = bits_of(value)
    biased = ((bits - _ROOT_BITS + (_BIAS << 52)) >> 52) & 0x7FF
    mantissa: float = float_of(bits - ((biased - _BIAS) << 52))
    exponent: float = float_of(biased | _WHOLE_BITS) - (2.0**52 + _BIAS)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    series = _L6 + square * (_L7 + square * (_L8 + square * (_L9 + square * _L10)))
    series = _L1 + square * (_L2 + square * (_L3 + square * (_L4 + square * (_L5 + square * series))))
    return exponent * _LOG_2_HIGH + (2.0 * (ratio + ratio * square * series) + exponent * _LOG_2_LOW)
