"""Posterior predictive checks: whether the fitted model would produce data that look like these.

For each draw the outcome is drawn anew with the same coefficients, and a measure of the replicated data is compared
with the same measure of the observed. The p-value is the share of draws in which the replication is the larger; near
0 or 1 the model cannot produce what was seen. Such p-values are conservative, because the same data set the
coefficients: they lean towards one half, so a small one is meant seriously and a middling one proves little.

References
----------
Gelman, Meng, Stern (1996), Posterior predictive assessment of model fitness via realized discrepancies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.checks import Check

FloatArray = NDArray[np.float64]
#: Two-sided p-value below which a measure is reported.
P_LIMIT = 0.01


@dataclass(slots=True)
class Replications:
    """Measures of observed and replicated residuals, gathered geo by geo. D draws.

    Attributes
    ----------
    level, wave, tail
        Shape (D, 2): observed and replicated. Sum of residuals in money (all geos), lag-1 autocorrelation (mean over
        geos), and the largest residual in units of its noise (over geos).
    """

    level: FloatArray
    wave: FloatArray
    tail: FloatArray

    @classmethod
    def of(cls, draws: int) -> Replications:
        """Nothing gathered yet."""
        return cls(level=np.zeros((draws, 2)), wave=np.zeros((draws, 2)), tail=np.zeros((draws, 2)))

    def add(self, observed: FloatArray, replicated: FloatArray, scale: FloatArray, geos: int) -> None:
        """Take one geo.

        Parameters
        ----------
        observed, replicated
            Residuals in money, shape (D, T).
        scale
            Standard deviation of the noise in money, shape (D, T).
        geos
            Number of geos that will come.
        """
        for place, residual in enumerate((observed, replicated)):
            self.level[:, place] += residual.sum(axis=1)
            centred = residual / scale
            lagged = (centred[:, 1:] * centred[:, :-1]).sum(axis=1)
            self.wave[:, place] += lagged / np.maximum((centred**2).sum(axis=1), 1e-300) / geos
            self.tail[:, place] = np.maximum(self.tail[:, place], np.abs(centred).max(axis=1))


def two_sided(measure: FloatArray) -> float:
    """Two-sided p-value of a measure (D, 2), observed against replicated; ties count half.

    Examples
    --------
    >>> two_sided(np.array([[1.0, 0.0], [1.0, 2.0], [1.0, 3.0], [1.0, 0.5]]))
    1.0
    """
    observed, replicated = measure.T
    above = float((replicated > observed).mean() + 0.5 * (replicated == observed).mean())
    return min(1.0, 2.0 * min(above, 1.0 - above))


def predictive_checks(found: Replications) -> list[Check]:
    """Hints on level, autocorrelation and tails."""
    remedies = {
        "predictive_level": (found.level, "The fit misses the level: look for a break in the data"),
        "predictive_autocorrelation": (
            found.wave,
            "Residuals hang together: add the control that is missing",
        ),
        "predictive_tails": (found.tail, 'Residuals have heavier tails than the noise: set noise = "student_t"'),
    }
    checks = []
    for name, (measure, remedy) in remedies.items():
        p_value = two_sided(measure)
        checks.append(
            Check(
                name=name,
                passed=p_value >= P_LIMIT,
                value=round(p_value, 3),
                limit=P_LIMIT,
                remedy=remedy,
                blocking=False,
            )
        )
    return checks
