"""How likely is each arm the best, what does choosing it cost, and with what probability is it shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bandits.rewards import BetaBernoulli, Distinct, Floats, GammaPoisson, Posteriors
from measurement.errors import InputError

Better = Literal["higher", "lower"]

_NODES = 16
#: Length of a panel in units of the narrowest density that has mass on it.
_PANEL = 3.0
#: Panels times arms from which it pays to look for panels that hold nothing, and the logarithm of what is nothing.
_WORTH_TRIMMING, _NOTHING = 1_500, -40.0
#: Arms from which it pays to look for arms of which the same is believed.
_WORTH_SORTING = 8
#: Highest error of a probability that is let pass; the sum over arms must be 1 to within this.
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class BestArm:
    """Which arm is best, exactly.

    Attributes
    ----------
    arms
        Names.
    p_best
        P(this arm's mean is the best), shape (arms,), sums to 1.
    expected_best
        Posterior mean of the best arm's mean.
    expected_loss
        What choosing the arm is expected to forgo against the best one, in units of the reward, shape (arms,).
    better
        Whether higher or lower rewards are better.
    """

    arms: tuple[str, ...]
    p_best: Floats
    expected_best: float
    expected_loss: Floats
    better: Better

    @property
    def leader(self) -> int:
        """Index of the arm most likely to be best."""
        return int(np.argmax(self.p_best))


def best_arm(posteriors: Posteriors, *, better: Better = "higher") -> BestArm:
    """P(best) and expected loss by quadrature; error at most 1e-8 for 2 to 100 arms.

    P(k best) = ∫ f_k Π_{j≠k} F_j on the line of `Posteriors` (logit or log), by 16-point Gauss–Legendre panels as
    long as the narrowest density there; each F_j comes from f_j by the panels' integration matrix, so that only
    densities are evaluated. The probabilities must sum to 1 within 1e-9, else panels are halved and the work is
    repeated.

    Raises
    ------
    ArithmeticError
        If the tolerance cannot be met (a bug, or posteriors without finite support).

    Examples
    --------
    >>> from bandits.rewards import BetaBernoulli
    >>> posterior = BetaBernoulli(arms=("a", "b", "c"), successes=np.array([1.0, 2.0, 3.0]), exposure=np.full(3, 199.0))
    >>> best_arm(posterior).p_best.round(3).tolist()
    [0.118, 0.298, 0.584]
    """
    if len(posteriors.arms) == 1:
        mean = posteriors.mean()
        return BestArm(
            arms=posteriors.arms,
            p_best=np.ones(1),
            expected_best=float(mean[0]),
            expected_loss=np.zeros(1),
            better=better,
        )
    race = _distinct(posteriors)
    some, times = race.posteriors, race.times
    support = some.support()
    for refinement in range(4):
        edges = _panels(some.width, support, _ends(support, better), _PANEL / 2.0**refinement)
        if len(edges) * len(times) > _WORTH_TRIMMING or len(times) < len(posteriors.arms):
            edges = _trimmed(race, support, better, edges)
        p_best, expected_best = _integrate(race, better, edges)
        total = float(times @ p_best)
        if abs(total - 1.0) <= TOLERANCE:
            break
    else:
        raise ArithmeticError(f"P(best) sums to {total!r}")
    sign = 1.0 if better == "higher" else -1.0
    return BestArm(
        arms=posteriors.arms,
        p_best=p_best[race.inverse] / total,
        expected_best=expected_best,
        expected_loss=np.maximum(sign * (expected_best - posteriors.mean()), 0.0),
        better=better,
    )


def draws_above_leader(posteriors: Posteriors, *, better: Better = "higher") -> Floats:
    """P(shown) of Thompson sampling in which no arm draws worse than its own mean, exactly; shape (arms,).

    Only draws better than the leader's mean decide then; where none is, the leader is shown. Where two arms lead
    alike they share that.

    Raises
    ------
    ArithmeticError
        If the probabilities do not sum to 1 within 1e-9 (a bug).
    """
    if len(posteriors.arms) == 1:
        return np.ones(1)
    sign = 1.0 if better == "higher" else -1.0
    mean = sign * posteriors.mean()
    leaders = mean >= mean.max() - 1e-12 * abs(mean.max())
    middle = float(posteriors.line(np.array([sign * mean.max()]))[0])
    support = posteriors.support()
    low, high = _ends(support, better)
    ends = (middle, max(high, middle)) if better == "higher" else (min(low, middle), middle)
    beaten = posteriors.below(middle) if better == "higher" else posteriors.above(middle)
    none = float(np.prod(beaten))
    race = _each(posteriors)
    for refinement in range(4):
        above, _ = _integrate(race, better, _panels(posteriors.width, support, ends, _PANEL / 2.0**refinement))
        if abs(above.sum() + none - 1.0) <= TOLERANCE:
            break
    else:
        raise ArithmeticError(f"the probabilities sum to {above.sum() + none!r}")
    shown = above + none * leaders / leaders.sum()
    return np.asarray(shown / shown.sum())


def with_floor(probability: Floats, floor: float) -> Floats:
    """Propensities f + (1 - K f) p: on the simplex, never below the floor f.

    Raises
    ------
    InputError
        If K f exceeds 1.

    Examples
    --------
    >>> with_floor(np.array([0.0, 1.0]), 0.05).round(6).tolist()
    [0.05, 0.95]
    """
    count = len(probability)
    if not 0.0 <= floor * count <= 1.0:
        raise InputError.of(
            f"a floor of {floor:g} does not fit {count} arms", f"Pass at most {1.0 / count:g}", column="floor"
        )
    return np.asarray(floor + (1.0 - count * floor) * probability)


def top_two(p_best: Floats, share: float = 0.5) -> Floats:
    """Propensities of top-two Thompson sampling (Russo 2016), exactly, from P(best).

    The leader of a draw is shown with probability ``share``, else the best of a draw in which another arm leads:
    p_k (b + (1-b) Σ_{j≠k} p_j/(1-p_j)). With two arms that is .5/.5 whatever is known, so two arms fall back to
    plain Thompson sampling.
    """
    if len(p_best) <= 2:
        return p_best.copy()
    rest = np.maximum(1.0 - p_best, 1e-300)
    ratio = p_best / rest
    second = p_best * (ratio.sum() - ratio)
    # an arm that is best for certain leaves no probability to be second by: share it as the others stand
    certain = p_best >= 1.0 - 1e-15
    if certain.any():
        others = np.where(certain, 0.0, 1.0)
        second = others / others.sum()
    mixed = share * p_best + (1.0 - share) * second
    return np.asarray(mixed / mixed.sum())


def _each(posteriors: Posteriors) -> Distinct[Posteriors]:
    """Every arm for itself."""
    count = len(posteriors.arms)
    return Distinct(posteriors, np.ones(count), np.arange(count))


def _distinct(posteriors: Posteriors) -> Distinct[Posteriors]:
    """Arms of which the same is believed as one, where that pays."""
    if len(posteriors.arms) >= _WORTH_SORTING and isinstance(posteriors, BetaBernoulli | GammaPoisson):
        found = posteriors.distinct()
        return Distinct(found.posteriors, found.times, found.inverse)
    return _each(posteriors)


def _integrate(race: Distinct[Posteriors], better: Better, edges: Floats) -> tuple[Floats, float]:
    """P(best) of one arm of each belief, and the mean of the best arm's mean."""
    posteriors, times = race.posteriors, race.times
    nodes, weights, partial = _legendre()
    half = np.diff(edges) / 2.0
    x = (edges[:-1] + half)[:, None] + half[:, None] * nodes[None, :]
    arms, panels = len(posteriors.arms), len(half)
    density = posteriors.density(x.ravel()).reshape(arms, panels, _NODES)
    inside = (density @ partial) * half[None, :, None]
    whole = (density @ weights) * half[None, :]
    if better == "higher":
        start = np.cumsum(whole, axis=1) - whole + posteriors.below(float(edges[0]))[:, None]
        beaten = start[:, :, None] + inside
    else:
        after = np.cumsum(whole[:, ::-1], axis=1)[:, ::-1] + posteriors.above(float(edges[-1]))[:, None]
        beaten = after[:, :, None] - inside
    log_beaten = np.log(np.clip(beaten, 1e-300, 1.0))
    others = np.exp(np.tensordot(times, log_beaten, axes=1)[None] - log_beaten)
    mass = density * others * (half[:, None] * weights[None, :])[None]
    p_best = mass.sum(axis=(1, 2))
    return p_best, float((np.tensordot(times, mass, axes=1) * posteriors.value(x)).sum() / (times @ p_best))


def _ends(support: tuple[Floats, Floats], better: Better) -> tuple[float, float]:
    """Beyond these ends on the line the best arm is not found: some arm lies surely on the near side of them."""
    low, high = support
    if better == "higher":
        return float(low.max()), float(high.max())
    return float(low.min()), float(high.min())


def _panels(width: Floats, support: tuple[Floats, Floats], ends: tuple[float, float], panel: float) -> Floats:
    """Edges of the panels: short where a narrow density has mass, long elsewhere."""
    low, high = support
    edges, stop = [ends[0]], ends[1]
    while edges[-1] < stop:
        here = edges[-1]
        gap = np.where(high <= here, np.inf, np.maximum(low - here, 0.0))
        step = float(panel * np.min(np.maximum(width, gap / panel)))
        edges.append(min(here + step, stop))
    return np.asarray(edges)


def _trimmed(race: Distinct[Posteriors], support: tuple[Floats, Floats], better: Better, edges: Floats) -> Floats:
    """Without the panels in which the best arm lies with a probability below 4e-18: many arms seldom all fall short.

    No arm loses all of its panels: however unlikely, its P(best) is not 0.
    """
    posteriors, times = race.posteriors, race.times
    reached = float(support[1].min() if better == "higher" else support[0].max())

    def empty(edge: float) -> bool:
        if (edge >= reached) if better == "higher" else (edge <= reached):
            return False
        short = posteriors.below(edge) if better == "higher" else posteriors.above(edge)
        return bool(times @ np.log(np.maximum(short, 1e-300)) < _NOTHING)

    ordered = edges if better == "higher" else edges[::-1]
    low, high = 0, len(ordered) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if empty(float(ordered[middle])) else (low, middle)
    return ordered[low:] if better == "higher" else ordered[low:][::-1]


@cache
def _legendre() -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Nodes and weights on [-1, 1], and the matrix that turns node values into integrals from -1 to each node."""
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    to_series = np.linalg.inv(np.polynomial.legendre.legvander(nodes, _NODES - 1))
    primitive = np.polynomial.legendre.legint(to_series, lbnd=-1, axis=0)
    partial = np.polynomial.legendre.legvander(nodes, _NODES) @ primitive
    return nodes, weights, np.ascontiguousarray(partial.T)
