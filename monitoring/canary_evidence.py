"""Evidence that a canary is worse than the control, valid at every look: rates, means, ratios, quantiles.

Each function returns one e-value a look (`Looks.size` of them) for the null "the canary is worse by no more than
``margin``". By Ville's inequality such a process ever reaches 1/alpha with probability at most alpha. All of them
compare the arms within each look, with the traffic as it turned out: an outage that hits both arms is no evidence, nor
is it one when the canary's share of the traffic grows while the day gets busier.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special

from monitoring.intervals import Floats

Counts = NDArray[np.int64]
#: Rate ratios canary / control that the alternative mixes over, above the margin; what stands twice weighs twice.
RATIOS = np.array([1.2, 1.5, 1.5, 2.0, 2.0, 2.0, 2.5, 3.0, 5.0, 10.0])
#: The same for the tails of a distribution, which are larger and move less.
TAIL_RATIOS = np.array([1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0, 5.0])
#: Bets of the test of bounded means, as shares of the largest one allowed.
_BETS = np.array([0.01, 0.02, 0.04, 0.08, 0.15, 0.25, 0.4, 0.55, 0.7, 0.85, 0.95])
#: Observations at which the asymptotic sequence is narrowest.
_TUNED = 2000
#: Width of a bin of the quantile test on the logarithmic scale: half a per cent.
BIN = 0.005
#: Share of alpha that the quantile test spends on not knowing the control's quantile.
_UNKNOWN = 0.1
#: Weight of the prior of the beta-binomial mixture, in observations.
_PRIOR = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Looks:
    """Sums of one KPI by look and arm (control, canary), all of shape (looks, 2).

    Attributes
    ----------
    n
        Observations.
    y, yy
        Their sum and the sum of their squares.
    x, xx, xy
        The same of what a ratio is divided by; for a mean ``x`` is 1.
    ends
        Last hour of each look, shape (looks,).
    bins
        For a quantile: numbers of the occupied bins, ascending, shape (bins,); bin b begins at exp(b × `BIN`).
    binned
        For a quantile: observations by look, arm and bin, shape (looks, 2, bins).
    bounded
        Whether every value lies in [0, 1].
    """

    n: Floats
    y: Floats
    yy: Floats
    x: Floats
    xx: Floats
    xy: Floats
    ends: NDArray[np.datetime64]
    bins: Counts = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    binned: Counts = field(default_factory=lambda: np.zeros((0, 2, 0), dtype=np.int64))
    bounded: bool = True

    @property
    def size(self) -> int:
        """Number of looks."""
        return len(self.n)

    @classmethod
    def empty(cls) -> Looks:
        """Of a KPI that nobody observed."""
        none = np.zeros((0, 2))
        return cls(n=none, y=none, yy=none, x=none, xx=none, xy=none, ends=np.zeros(0, dtype="datetime64[us]"))


def e_process(bad: Counts | Floats, n: Counts | Floats, margin: float = 0.0, ratios: Floats = RATIOS) -> Floats:
    """Evidence that the canary's rate exceeds (1 + margin) × the control's, after each look.

    Given the bad observations of a look, each lies in the canary with the canary's share of that look's observations
    (shifted by the margin) if it is no worse; the likelihood ratio against a larger rate ratio is a supermartingale
    whatever the rates do over time, so an outage that hits both arms is no evidence. Without replacement the counts are
    hypergeometric, whose convex expectations lie below the binomial's (Hoeffding 1963). Mixed over rate ratios. By
    Ville's inequality P(it ever reaches 1/alpha) ≤ alpha.

    Parameters
    ----------
    bad, n
        Bad and all observations of each look, shape (..., looks, 2): control, canary.
    margin
        Tolerated excess as a share of the control's rate, above -1.
    ratios
        What the alternative mixes over.

    Returns
    -------
    array
        Shape (..., looks).

    Examples
    --------
    >>> e_process(np.array([[20, 20], [20, 60]]), np.array([[1000, 1000], [1000, 1000]])).round(1).tolist()
    [0.2, 386.0]
    """
    control, canary = n[..., 0, None].astype(float), n[..., 1, None].astype(float) * (1.0 + margin)
    both = (control > 0) & (canary > 0)
    total = np.where(both, control + canary, 1.0)
    share = np.where(both, canary / total, 0.5)
    # odds of lying in the canary grow by the rate ratio
    grown = 1.0 + share * (ratios - 1.0)
    step = bad[..., 1, None] * np.log(ratios) - bad.sum(axis=-1)[..., None] * np.log(grown)
    course = np.cumsum(np.where(both, step, 0.0), axis=-2)
    return np.asarray(np.exp(np.minimum(course, 600.0)).mean(axis=-1))


def bounded_mean(looks: Looks, margin: float, sign: float) -> Floats:
    """Evidence on the mean of values in [0, 1]; exact at every sample size, whatever their distribution.

    An empirical-Bernstein supermartingale (Howard, Ramdas, McAuliffe, Sekhon 2021; Fan, Grama, Liu 2015): for values
    that lie at most 1 below their forecast, exp(λ(Y - EY) + (λ + log(1 - λ))(Y - forecast)²) has an expectation of at
    most 1. Canary and control of a look enter with weights under which the means cancel where the canary is exactly
    ``margin`` worse; mixed over λ. The forecast is the arm's mean in earlier looks.

    Parameters
    ----------
    looks
        Values in [0, 1].
    margin
        Tolerated change for the worse as a share of the control's mean.
    sign
        1 where lower is better, -1 where higher is.
    """
    both = (looks.n > 0).all(axis=1)
    factor = max(1.0 + sign * margin, 0.0)
    control, canary = looks.n[:, 0], looks.n[:, 1]
    most = np.maximum(np.maximum(control, factor * canary), 1.0)
    weight = np.stack([factor * canary / most, control / most], axis=1)
    earlier_n = np.cumsum(looks.n, axis=0) - looks.n
    forecast = (np.cumsum(looks.y, axis=0) - looks.y + 0.5) / (earlier_n + 1.0)
    squares = np.maximum(looks.yy - 2.0 * forecast * looks.y + forecast**2 * looks.n, 0.0)
    worse = sign * (weight[:, 1] * looks.y[:, 1] - weight[:, 0] * looks.y[:, 0])
    bets = _BETS[:, None, None] * weight
    step = _BETS[:, None] * worse + ((bets + np.log1p(-bets)) * squares).sum(axis=-1)
    course = np.cumsum(np.where(both, step, 0.0), axis=-1)
    return np.asarray(np.exp(np.minimum(course, 600.0)).mean(axis=0))


def unbounded_mean(looks: Looks, margin: float, sign: float, minimum: int) -> Floats:
    """Evidence on a mean or a ratio of means without known bounds (money, tokens); valid as samples grow.

    The one-sided asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), as the
    e-value of a half-normal mixture over the drift of the studentised difference. Every look counts with the harmonic
    size of its arms, in both arms alike, so that both are compared over the same mix of hours; the variance is the
    delta method's. Before both arms hold ``minimum`` observations there is no evidence: a limit law says nothing there.

    Parameters
    ----------
    looks, margin, sign
        As in `bounded_mean`; ``x`` is what the ratio is divided by.
    minimum
        Observations an arm before the first evidence.
    """
    both = (looks.n > 0).all(axis=1)[:, None]
    size = np.maximum(looks.n, 1.0)
    each = np.where(
        both, looks.n.prod(axis=1, keepdims=True) / np.maximum(looks.n.sum(axis=1, keepdims=True), 1.0), 0.0
    )
    weight = each / size

    def summed(values: Floats, power: int = 1) -> Floats:
        return np.cumsum(weight**power * values, axis=0)

    seen = np.cumsum(np.where(both, looks.n, 0.0), axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = summed(looks.y) / summed(looks.x)
        residual = summed(looks.yy, 2) - 2.0 * ratio * summed(looks.xy, 2) + ratio**2 * summed(looks.xx, 2)
        variance = np.maximum(residual, 0.0) / summed(looks.x) ** 2 * seen / np.maximum(seen - 1.0, 1.0)
        factor = 1.0 + sign * margin
        z = sign * (ratio[:, 1] - factor * ratio[:, 0]) / np.sqrt(variance[:, 1] + factor**2 * variance[:, 0])
    known = np.isfinite(z) & (seen.min(axis=1) >= minimum)
    return np.where(known, _half_normal(np.where(known, z, 0.0), seen.sum(axis=1) / _TUNED), 0.0)


def _half_normal(z: Floats, information: Floats) -> Floats:
    """Likelihood ratio of a drift above zero, mixed over half a normal, against none; see Robbins (1970)."""
    grown = 1.0 + information
    log = z**2 * information / (2.0 * grown) + special.log_ndtr(z * np.sqrt(information / grown))
    return np.asarray(np.exp(np.minimum(np.log(2.0) - 0.5 * np.log(grown) + log, 600.0)))


def quantile(looks: Looks, margin: float, share: float, alpha: float) -> Floats:
    """Evidence that the canary's quantile exceeds (1 + margin) × the control's.

    At every value that may still be the control's quantile, judged by its confidence sequence (beta-binomial mixture;
    Howard and Ramdas 2022), the shares of observations above are compared like rates (`e_process`), and the weakest
    evidence counts. Nothing is assumed on the distributions; where both drift over time together, a canary whose
    whole distribution is no worse is still never stopped too often, for that holds at every value.

    Parameters
    ----------
    looks
        With bins; bins cost at most half a per cent of the value, to the canary's favour.
    margin
        Tolerated excess, above -1.
    share
        Which quantile.
    alpha
        Error that this one test may make; a tenth of it goes to the confidence sequence.
    """
    if not looks.size:
        return np.zeros(0)
    edges, above = tails(looks)
    near = _near(above, looks, share)
    if not len(near):
        return np.zeros(looks.size)
    first, last = near[0], near[-1]
    possible = quantile_set(
        above[:, 0, first : last + 2].cumsum(axis=0), looks.n[:, 0].cumsum(), share, _UNKNOWN * alpha
    )
    shifted = np.searchsorted(edges, edges[np.minimum(near + 1, len(edges) - 1)] + np.log1p(margin) / BIN - 1e-9)
    bad = np.stack([above[:, 0, near], above[:, 1, shifted]], axis=-1).transpose(1, 0, 2)
    evidence = e_process(bad, np.broadcast_to(looks.n, bad.shape), 0.0, TAIL_RATIOS)
    weakest = np.where(possible[:, 1:-1].T, evidence, np.inf).min(axis=0)
    # a control's quantile that may lie outside the bins looked at: no evidence yet
    inside = ~possible[:, 0] & ~possible[:, -1] & np.isfinite(weakest)
    return np.where(inside, (1.0 - _UNKNOWN) * weakest, 0.0)


def tails(looks: Looks) -> tuple[Counts, Floats]:
    """Where bins begin and end, and the observations at or above each such edge.

    Returns
    -------
    array, array
        Edges, ascending, as numbers of bins (nothing lies between the end of one and the next); observations, shape
        (looks, 2, edges + 1), the last 0: none lie beyond the last edge.
    """
    edges = np.unique(np.concatenate([looks.bins, looks.bins + 1]))
    above = np.zeros((*looks.n.shape, len(edges) + 1))
    above[:, :, np.searchsorted(edges, looks.bins)] = looks.binned
    return edges, above[:, :, ::-1].cumsum(axis=2)[:, :, ::-1]


def _near(above: Floats, looks: Looks, share: float) -> Counts:
    """Edges that may be the beginning of the quantile's bin in the end."""
    tail, total = above.sum(axis=(0, 1)), max(looks.n.sum(), 1.0)
    low, high = (1.0 - share) / 8.0, min(8.0 * (1.0 - share), 0.5 * (2.0 - share))
    inside = np.flatnonzero((tail[:-1] >= low * total) & (tail[:-1] <= high * total))
    return inside.astype(np.int64)


def quantile_set(above: Floats, n: Floats, share: float, alpha: float) -> NDArray[np.bool_]:
    """Which intervals between edges may hold the quantile after each look: a confidence sequence.

    Parameters
    ----------
    above
        Observations at or above each edge so far, shape (looks, edges).
    n
        Observations so far, shape (looks,).
    share
        Which quantile.
    alpha
        P(the quantile ever lies outside).

    Returns
    -------
    array
        Shape (looks, edges + 1): below the first edge, between edges, above the last. What was excluded stays so.
    """
    upper, lower = _mixture(above, n[:, None], 1.0 - share)
    limit = np.log(2.0 / alpha)
    too_many, too_few = upper >= limit, lower >= limit
    none = np.zeros((len(n), 1), dtype=bool)
    # the quantile lies below edge e: at most 1 - share may lie at or above it; it lies above: at least 1 - share
    excluded = np.concatenate([too_many, none], axis=1) | np.concatenate([none, too_few], axis=1)
    return np.asarray(~np.logical_or.accumulate(excluded, axis=0))


def _mixture(hits: Floats, n: Floats, rate: float) -> tuple[Floats, Floats]:
    """Log evidence against a rate of at most ``rate``, and of at least it: beta mixtures cut at the rate."""
    a, b = _PRIOR * rate, _PRIOR * (1.0 - rate)
    misses = np.maximum(n - hits, 0.0)
    null = hits * np.log(rate) + misses * np.log1p(-rate)
    whole = special.betaln(a + hits, b + misses) - special.betaln(a, b) - null
    below, prior = special.betainc(a + hits, b + misses, rate), float(special.betainc(a, b, rate))
    with np.errstate(divide="ignore"):
        more = whole + np.log(np.maximum(1.0 - below, 0.0)) - np.log1p(-prior)
        less = whole + np.log(below) - np.log(prior)
    return more, less
