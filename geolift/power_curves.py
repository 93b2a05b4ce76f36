"""Power curves of chosen sets, and the correction for having been chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Lifts tried in the full power analysis: by half a point to a quarter, then by one to a half.
EFFECTS = np.concatenate([np.arange(0.0, 0.25, 0.005), np.arange(0.25, 0.501, 0.01)]).round(3)
#: Factors tried for the MDE in windows kept out of the choice.
STRETCHES = np.arange(0.5, 5.01, 0.05).round(2)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curves:
    """Power of S sets at the F lifts of `EFFECTS`, in the windows that chose them and in those kept apart.

    Attributes
    ----------
    choosing, fresh, every
        Shape (S, F).
    """

    choosing: FloatArray
    fresh: FloatArray
    every: FloatArray

    def settled_mde(self, wanted: float) -> SettledMde:
        """MDEs that hold in windows that did not choose the sets.

        The sharpest of many sets look sharper than they are: they were chosen for it. So the logarithms of the MDEs
        are first drawn towards their mean by the slope with which the fresh windows' MDEs follow them (a set's
        sharpness counts as far as it repeats), then all are stretched by the one factor that gives the wanted mean
        power in the fresh windows: over all sets it is stable, where the few windows of a single set are not.
        """
        own, again = smallest_seen(self.choosing, wanted), smallest_seen(self.fresh, wanted)
        known = np.isfinite(own)
        if not known.any():
            return SettledMde(mde=own, reliability=1.0, stretch=1.0)
        logs = np.log(own)
        both = known & np.isfinite(again)
        reliability = 1.0
        if both.sum() >= 10 and np.ptp(logs[both]) > 0:
            away = logs[both] - logs[both].mean()
            reliability = float(np.clip(away @ np.log(again[both]) / (away @ away), 0.0, 1.0))
        centre = float(logs[known].mean())
        drawn = np.exp(centre + reliability * (logs - centre))
        for factor in STRETCHES:
            power = [np.interp(factor * drawn[row], EFFECTS, self.fresh[row]) for row in np.flatnonzero(known)]
            if np.mean(power) >= wanted - 1e-9:
                break
        return SettledMde(mde=np.minimum(factor * drawn, EFFECTS[-1]), reliability=reliability, stretch=float(factor))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SettledMde:
    """MDEs after the check against fresh windows: shape (S,), NaN where the wanted power is never reached."""

    mde: FloatArray
    reliability: float
    stretch: float


def smallest_seen(power: FloatArray, wanted: float) -> FloatArray:
    """Smallest lift from which on power (S, F) stays at the wanted one, shape (S,); NaN where it never does."""
    enough = power >= wanted - 1e-9
    # From here on: a lucky small lift below a gap in power does not count.
    tail = np.flip(np.logical_and.accumulate(np.flip(enough, axis=1), axis=1), axis=1)
    first = np.maximum(np.argmax(tail, axis=1), 1)
    return np.where(tail.any(axis=1), EFFECTS[first], np.nan)
