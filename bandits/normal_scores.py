"""Independent normal posteriors of scores, as the quadrature for P(best) takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bandits.rewards import Floats
from measurement.errors import InputError

#: Beyond that many standard deviations there is no mass worth counting.
_REACH = 8.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalScores:
    """See `bandits.rewards.Posteriors`; the line is the score itself.

    Attributes
    ----------
    arms
        Names.
    centre, width
        Means and standard deviations, shape (arms,); widths above 0.
    """

    arms: tuple[str, ...]
    centre: Floats
    width: Floats

    def __post_init__(self) -> None:
        if not (np.isfinite(self.centre).all() and (self.width > 0).all()):
            raise InputError.of("a score has no spread", "Pass a context that is not all zeros", column="contexts")

    def mean(self) -> Floats:
        """Means, shape (arms,)."""
        return self.centre

    def support(self) -> tuple[Floats, Floats]:
        """See `Posteriors.support`."""
        return self.centre - _REACH * self.width, self.centre + _REACH * self.width

    def density(self, x: Floats) -> Floats:
        """See `Posteriors.density`."""
        score = (x[None, :] - self.centre[:, None]) / self.width[:, None]
        return np.asarray(np.exp(-0.5 * score**2) / (self.width[:, None] * np.sqrt(2.0 * np.pi)))

    def below(self, x: float) -> Floats:
        """See `Posteriors.below`."""
        return np.asarray(special.ndtr((x - self.centre) / self.width))

    def above(self, x: float) -> Floats:
        """See `Posteriors.above`."""
        return np.asarray(special.ndtr((self.centre - x) / self.width))

    def below_each(self, x: Floats) -> Floats:
        """See `Posteriors.below_each`."""
        return np.asarray(special.ndtr((x[None, :] - self.centre[:, None]) / self.width[:, None]))

    def value(self, x: Floats) -> Floats:
        """The score itself."""
        return x

    def line(self, value: Floats) -> Floats:
        """Inverse of `value`."""
        return value

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Equal-tailed credible intervals."""
        reach = float(special.ndtri(0.5 + level / 2.0)) * self.width
        return self.centre - reach, self.centre + reach

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Draws, shape (size, arms)."""
        return rng.normal(self.centre, self.width, size=(size, len(self.arms)))
