"""Densities from characteristic functions: cosine series on an interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from bandits.rewards import Floats

_FEWEST, _MOST = 64, 16_384
_SMALL = 1e-15
#: Points evaluated at once.
_CHUNK = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CosineSeries:
    """A density on [low, high] as Σ c_k cos(kπ(x - low) / (high - low)).

    Source: F. Fang, C. Oosterlee, "A novel pricing method for European options based on Fourier-cosine series
    expansions" (2008). The error is the mass outside of the interval plus the coefficients left out.

    Attributes
    ----------
    low, high
        The interval.
    coefficients
        Shape (terms,); the first one is halved already.
    """

    low: float
    high: float
    coefficients: Floats

    @classmethod
    def of(cls, characteristic: Callable[[Floats], NDArray[np.complex128]], low: float, high: float) -> Self:
        """From the characteristic function; as many terms as it takes to fall below 1e-15."""
        length, terms = high - low, _FEWEST
        while True:
            t: Floats = np.asarray(np.arange(terms) * np.pi / length, dtype=np.float64)
            found = characteristic(t)
            if terms >= _MOST or np.abs(found[-8:]).max() < _SMALL:
                break
            terms *= 2
        coefficients = 2.0 / length * (found * np.exp(-1j * t * low)).real
        coefficients[0] /= 2.0
        return cls(low=low, high=high, coefficients=coefficients)

    def density(self, x: Floats) -> Floats:
        """Density at ``x``, shape (points,); 0 outside."""
        return self._sum(x, np.cos, self.coefficients, np.zeros(len(x)), np.zeros(len(x)))

    def below(self, x: Floats) -> Floats:
        """Mass below ``x``, shape (points,)."""
        length = self.high - self.low
        size = np.arange(1, len(self.coefficients)) * np.pi / length
        weights = np.concatenate([[0.0], self.coefficients[1:] / size])
        line = self.coefficients[0] * (np.clip(x, self.low, self.high) - self.low)
        return np.minimum(self._sum(x, np.sin, weights, line, (x >= self.high).astype(float)), 1.0)

    def quantile(self, share: float) -> float:
        """Where the mass below is ``share``."""
        return float(
            optimize.brentq(lambda x: float(self.below(np.array([x]))[0]) - share, self.low, self.high, xtol=1e-10)
        )

    def _sum(
        self, x: Floats, wave: Callable[[Floats], Floats], weights: Floats, start: Floats, outside: Floats
    ) -> Floats:
        inside = (x > self.low) & (x < self.high)
        angle = np.pi * (x[inside] - self.low) / (self.high - self.low)
        number = np.arange(len(weights))
        parts = [wave(angle[first : first + _CHUNK, None] * number) @ weights for first in range(0, len(angle), _CHUNK)]
        found = outside.astype(float)
        found[inside] = np.maximum(start[inside] + np.concatenate([np.empty(0), *parts]), 0.0)
        return found


def log_gamma_ratio(z: float, t: Floats) -> NDArray[np.complex128]:
    """Log Γ(z + it) - log Γ(z), without the cancellation that large z would bring, shape of ``t``.

    Examples
    --------
    >>> log_gamma_ratio(3.0, np.array([0.0])).real.tolist()
    [0.0]
    """
    shift = 1j * t
    if z < 20.0:
        return np.asarray(special.loggamma(z + shift) - special.loggamma(complex(z)))

    def rest(at: NDArray[np.complex128]) -> NDArray[np.complex128]:
        square = at * at
        return np.asarray((1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / at)

    # Stirling's series for both; its leading terms are subtracted before they are computed
    near = np.log1p(shift / z)
    whole: NDArray[np.complex128] = np.asarray(z + shift, dtype=np.complex128)
    return np.asarray(shift * np.log(z) + (whole - 0.5) * near - shift + rest(whole) - rest(np.full(1, complex(z))))
