"""Independent normal posteriors, as the quadrature for P(best) takes them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from bandits.rewards import Floats, Posteriors
from measurement.errors import InputError

#: Beyond that many standard deviations there is no mass worth counting.
_REACH = 8.5


class NormalPosteriors:
    """All of `bandits.rewards.Posteriors` that follows from normal means and widths; the line is the mean itself."""

    __slots__ = ()

    def support(self: Posteriors) -> tuple[Floats, Floats]:
        """See `Posteriors.support`."""
        mean, width = self.mean(), self.width
        return mean - _REACH * width, mean + _REACH * width

    def density(self: Posteriors, x: Floats) -> Floats:
        """See `Posteriors.density`."""
        width = self.width[:, None]
        score = (x[None, :] - self.mean()[:, None]) / width
        return np.asarray(np.exp(-0.5 * score**2) / (width * np.sqrt(2.0 * np.pi)))

    def below(self: Posteriors, x: float) -> Floats:
        """See `Posteriors.below`."""
        return np.asarray(special.ndtr((x - self.mean()) / self.width))

    def above(self: Posteriors, x: float) -> Floats:
        """See `Posteriors.above`."""
        return np.asarray(special.ndtr((self.mean() - x) / self.width))

    def below_each(self: Posteriors, x: Floats) -> Floats:
        """See `Posteriors.below_each`."""
        return np.asarray(special.ndtr((x[None, :] - self.mean()[:, None]) / self.width[:, None]))

    def value(self, x: Floats) -> Floats:
        """The line is the mean itself."""
        return x

    def line(self, value: Floats) -> Floats:
        """Inverse of `value`."""
        return value

    def interval(self: Posteriors, level: float) -> tuple[Floats, Floats]:
        """Equal-tailed credible intervals."""
        mean, reach = self.mean(), float(special.ndtri(0.5 + level / 2.0)) * self.width
        return mean - reach, mean + reach

    def sample(self: Posteriors, rng: np.random.Generator, size: int) -> Floats:
        """Draws of the means, shape (size, arms)."""
        return rng.normal(self.mean(), self.width, size=(size, len(self.arms)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalScores(NormalPosteriors):
    """Posteriors of scores whose means and standard deviations are known.

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
