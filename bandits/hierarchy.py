"""A new creative starts from its kin: empirical-Bayes pooling of rates over the attributes of creatives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special

from bandits.rewards import BetaBernoulli, Floats
from measurement.errors import InputError

#: Prior standard deviation of a level's effect on the logit: e^.5, or 65% more or less, is a large effect.
LEVEL_SPREAD = 0.5
#: Decisions that kin are worth: least, usual (where the search starts and its prior lies), most.
_WEAKEST, _USUAL, _STRONGEST = 2.0, 300.0, 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledRates:
    """What the creatives of an account have in common.

    The rate of creative k is Beta(M μ_k, M (1 - μ_k)) around μ_k = logit⁻¹(level effects of its attributes), effects
    N(0, `LEVEL_SPREAD`²). Effects and M maximise the beta-binomial marginal likelihood (empirical Bayes, Robbins 1956;
    for the form, Gelman and Hill 2007, ch. 14), so M says how much alike kin really are: few creatives that differ much
    pool little.

    Attributes
    ----------
    arms
        Names, K of them.
    levels
        (attribute, level) of each effect, L of them.
    intercept, effects, covariance
        On the logit scale; effects of shape (L,), their covariance with the intercept first, (L + 1, L + 1).
    strength
        M: decisions that kin are worth to a creative.
    successes, exposure
        Of each creative, shape (K,).
    design
        Which effects each creative has, shape (K, L).
    """

    arms: tuple[str, ...]
    levels: tuple[tuple[str, str], ...]
    intercept: float
    effects: Floats
    covariance: Floats
    strength: float
    successes: Floats
    exposure: Floats
    design: Floats

    def posteriors(self) -> BetaBernoulli:
        """Posteriors of the creatives' rates with their kin as prior, for `bandits.propensity.best_arm`."""
        return self._with_prior(self.arms, self.design, self.successes, self.exposure)

    def newcomers(self, attributes: Mapping[str, Mapping[str, str]]) -> BetaBernoulli:
        """Priors of creatives that were never shown: name → attributes. Unknown levels count as average."""
        if not attributes:
            raise InputError.of("there are no new creatives", "Name at least one", column="attributes")
        rows = np.array([_row(self.levels, own) for own in attributes.values()])
        none = np.zeros(len(rows))
        return self._with_prior(tuple(attributes), rows, none, none)

    def compare(self, attribute: str, level: float = 0.9) -> pd.DataFrame:
        """How levels of one attribute do, e.g. generator models, other attributes equal.

        Returns
        -------
        DataFrame
            level, creatives, decisions, odds_ratio against the attribute's average, lower, upper, interval_level.
        """
        mine = [number for number, (name, _) in enumerate(self.levels) if name == attribute]
        if not mine:
            raise InputError.of(
                "no creative has this attribute", f"Use one of: {', '.join(sorted({a for a, _ in self.levels}))}",
                column="attribute", value=attribute,
            )  # fmt: skip
        centre = np.eye(len(mine)) - 1.0 / len(mine)
        effect = centre @ self.effects[mine]
        places = np.array(mine) + 1
        spread = np.sqrt(np.diag(centre @ self.covariance[np.ix_(places, places)] @ centre.T))
        reach = float(special.ndtri(0.5 + level / 2.0)) * spread
        has = self.design[:, mine]
        return pd.DataFrame(
            {
                "level": [self.levels[number][1] for number in mine],
                "creatives": has.sum(axis=0).astype(int),
                "decisions": self.exposure @ has,
                "odds_ratio": np.exp(effect),
                "lower": np.exp(effect - reach),
                "upper": np.exp(effect + reach),
                "interval_level": level,
            }
        )

    def _with_prior(self, arms: tuple[str, ...], design: Floats, successes: Floats, exposure: Floats) -> BetaBernoulli:
        share = special.expit(self.intercept + design @ self.effects)
        # what is not known of the level effects themselves makes kin worth less for a creative of a rare kind
        rows = np.column_stack([np.ones(len(design)), design])
        doubt = np.einsum("ki,ij,kj->k", rows, self.covariance, rows)
        worth = 1.0 / (1.0 / (self.strength + 1.0) + share * (1.0 - share) * doubt) - 1.0
        worth = np.maximum(worth, 1.0 / np.minimum(share, 1.0 - share))
        # the quadrature wants a prior of at least .5 and .5; the rest of the kin's weight counts as seen
        return BetaBernoulli(
            arms=arms,
            successes=np.maximum(successes + worth * share - 0.5, 0.0),
            exposure=np.maximum(exposure + worth - 1.0, successes + worth * share - 0.5),
            prior=(0.5, 0.5),
        )


def pool_rates(
    arms: Sequence[str], successes: Floats, exposure: Floats, attributes: Mapping[str, Mapping[str, str]] | None = None
) -> PooledRates:
    """Learn how much alike the creatives are, and what their attributes say.

    Parameters
    ----------
    arms
        Names, K of them.
    successes, exposure
        Rewarded decisions and decisions of each, shape (K,); may be fractional.
    attributes
        Name → attribute → level, e.g. ``{"c1": {"campaign": "spring", "format": "video", "model": "m-3"}}``; left out,
        all creatives are of one kind.

    Raises
    ------
    InputError
        If shapes disagree, names repeat, or attributes are of unknown creatives.

    Examples
    --------
    >>> kin = pool_rates(("a", "b", "c"), np.array([20.0, 25.0, 30.0]), np.full(3, 1000.0))
    >>> new = kin.newcomers({"d": {}}).mean()[0]
    >>> bool(0.02 < new < 0.03)
    True
    """
    names, won, shown = tuple(arms), np.asarray(successes, dtype=float), np.asarray(exposure, dtype=float)
    BetaBernoulli(arms=names, successes=won, exposure=shown)  # checks names, shapes and counts
    known = attributes or {}
    stray = set(known) - set(names)
    if stray:
        raise InputError.of("attributes of a creative that is not there", "Remove them", value=min(stray))
    levels = tuple(sorted({(name, str(level)) for own in known.values() for name, level in own.items()}))
    design = np.array([_row(levels, known.get(arm, {})) for arm in names]).reshape(len(names), len(levels))
    overall = float(special.logit((won.sum() + 0.5) / (shown.sum() + 1.0)))

    def loss(values: Floats) -> float:
        share = special.expit(values[0] + design @ values[2:])
        strength = np.exp(values[1])
        a, b = np.maximum(strength * share, 1e-9), np.maximum(strength * (1.0 - share), 1e-9)
        fit = special.betaln(a + won, b + shown - won) - special.betaln(a, b)
        # N(0, .5²) on level effects; a wide prior on log M keeps it finite where creatives cannot be told apart
        prior = (values[2:] ** 2).sum() / (2.0 * LEVEL_SPREAD**2) + (values[1] - np.log(_USUAL)) ** 2 / (2.0 * 2.0**2)
        return float(prior - fit.sum())

    start = np.concatenate([[overall, np.log(_USUAL)], np.zeros(len(levels))])
    bounds = [(overall - 6.0, overall + 6.0), (np.log(_WEAKEST), np.log(_STRONGEST)), *[(-4.0, 4.0)] * len(levels)]
    best = optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    keep = [0, *range(2, len(start))]
    curvature = _hessian(loss, best.x)[np.ix_(keep, keep)]
    return PooledRates(
        arms=names,
        levels=levels,
        intercept=float(best.x[0]),
        effects=best.x[2:],
        covariance=np.linalg.inv(curvature),
        strength=float(np.exp(best.x[1])),
        successes=won,
        exposure=shown,
        design=design,
    )


def _row(levels: Sequence[tuple[str, str]], own: Mapping[str, str]) -> list[float]:
    return [float(str(own.get(name)) == level and name in own) for name, level in levels]


def _hessian(function: Callable[[Floats], float], at: Floats, step: float = 1e-3) -> Floats:
    """Second differences; a ridge of 1e-6 keeps directions without curvature invertible."""
    size = len(at)
    found = np.zeros((size, size))
    for i in range(size):
        for j in range(i, size):
            total = 0.0
            for a, b, sign in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)):
                place = at.copy()
                place[i] += a * step
                place[j] += b * step
                total += sign * function(place)
            found[i, j] = found[j, i] = total / (4.0 * step * step)
    return found + 1e-6 * np.eye(size)
