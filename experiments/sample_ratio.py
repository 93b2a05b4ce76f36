"""Did each arm get the traffic it was meant to get? A mismatch makes every other number of the test worthless."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from measurement.checks import Check
from measurement.errors import InputError

#: A test this sure of a mismatch is blocked; checks run daily on many tests, so the bar is high.
LIMIT = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRatio:
    """The split of the traffic against its plan.

    Attributes
    ----------
    p_value
        Chi-square test, for one look.
    e_value
        Evidence of a mismatch that may be looked at every day: ≥ 1/α with probability at most α.
    """

    p_value: float
    e_value: float

    @property
    def check(self) -> Check:
        """The gate: the always-valid test at `LIMIT`."""
        return Check(
            name="sample_ratio", passed=self.e_value < 1.0 / LIMIT, value=self.p_value, limit=LIMIT,
            remedy="The arms did not get their share of the traffic: mend assignment or logging, then start anew",
        )  # fmt: skip


def sample_ratio(units: ArrayLike, weights: ArrayLike) -> SampleRatio:
    """Compare the units each arm got with the weights it was meant to get them by.

    An arm of weight 0 takes no part in the test (it adds no degree of freedom); units in it are a certain mismatch.
    The e-value is the Dirichlet–multinomial one of Lindon and Malek (2022), its prior worth 100 units.

    Parameters
    ----------
    units, weights
        Counts and relative weights, shape (arms,).

    Raises
    ------
    InputError
        If shapes disagree, something is negative, or fewer than two arms have weight.

    Examples
    --------
    >>> round(sample_ratio([5100, 4900, 0], [0.5, 0.5, 0.0]).p_value, 4)
    0.0455
    """
    n, w = np.asarray(units, dtype=float), np.asarray(weights, dtype=float)
    if n.shape != w.shape or n.ndim != 1 or (n < 0).any() or (w < 0).any() or (w > 0).sum() < 2:
        raise InputError.of(
            "the split needs a count and a weight of at least 0 for each arm, two of them above 0",
            "Correct the weights", column="weights",
        )  # fmt: skip
    if n[w == 0].sum() > 0:
        return SampleRatio(p_value=0.0, e_value=float("inf"))
    n, share = n[w > 0], w[w > 0] / w.sum()
    if n.sum() == 0:
        return SampleRatio(p_value=1.0, e_value=1.0)
    expected = share * n.sum()
    p_value = float(stats.chi2.sf(((n - expected) ** 2 / expected).sum(), len(n) - 1))
    prior = 100.0 * share
    log_e = (
        special.gammaln(prior.sum()) - special.gammaln(prior.sum() + n.sum())
        + (special.gammaln(prior + n) - special.gammaln(prior)).sum() - (n * np.log(share)).sum()
    )  # fmt: skip
    return SampleRatio(p_value=p_value, e_value=float(np.exp(min(log_e, 600.0))))
