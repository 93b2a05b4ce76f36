"""Intervals of credit: people are drawn anew, in groups, and the exact solution is worked out again for each draw.

People are hashed into 256 buckets; a draw weighs the buckets by a multinomial sample. Every method here is a function
of sums over people, so a draw costs no second look at the paths (Efron 1979; bag of groups: Kleiner et al. 2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attribution.markov import effects_of_draws, scaled
from attribution.paths import BUCKETS, FloatArray, PathTable
from attribution.rules import Rule, rule_credit, shares
from attribution.shapley import ChannelSets, channel_sets, rate_values
from attribution.transitions import Transitions, count_transitions
from measurement.errors import InputError

DRAWS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CreditDraws:
    """Bootstrap draws of a method's credit.

    Attributes
    ----------
    channels
        Names, C of them.
    credit
        Conversions and value, shape (B, C, 2).
    effects
        Share of conversions and of value that the method gives each channel before scaling, shape (B, C, 2): removal
        effects for Markov, else shares of the total.
    """

    channels: tuple[str, ...]
    credit: FloatArray
    effects: FloatArray

    def interval(self, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
        """Percentile ends of the credit, each of shape (C, 2)."""
        return ends(self.credit, level)

    def stability(self) -> FloatArray:
        """Share of draws in which each channel keeps its rank in the mean credit by conversions, shape (C,)."""
        rank = np.argsort(np.argsort(-self.credit[:, :, 0], axis=1), axis=1)
        usual = np.argsort(np.argsort(-self.credit[:, :, 0].mean(axis=0)))
        return np.asarray((rank == usual).mean(axis=0), dtype=np.float64)


def ends(draws: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Percentile interval over the first axis."""
    if not 0 < level < 1:
        raise InputError.of("the level must lie between 0 and 1", "Pass 0.9 for 90%", column="level", value=level)
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def bucket_weights(draws: int, *, seed: int) -> FloatArray:
    """Multinomial weights of the buckets, shape (draws, BUCKETS), each row summing to BUCKETS."""
    if draws < 2:
        raise InputError.of("a bootstrap needs draws", "Use 1000", column="draws", value=draws)
    rng = np.random.default_rng([seed, 92])
    return rng.multinomial(BUCKETS, np.full(BUCKETS, 1.0 / BUCKETS), size=draws).astype(np.float64)


def markov_draws(counts: Transitions, weights: FloatArray) -> CreditDraws:
    """Markov credit of every draw; ``counts`` counted with ``buckets=True``."""
    effects = effects_of_draws(counts, weights)
    totals = weights @ counts.conversions.sum(axis=0), weights @ counts.value.sum(axis=0)
    credit = np.stack([scaled(effects[:, :, each], totals[each]) for each in (0, 1)], axis=2)
    return CreditDraws(channels=counts.channels, credit=credit, effects=effects)


def rule_draws(table: PathTable, share: FloatArray, weights: FloatArray) -> CreditDraws:
    """Credit by touch shares (`attribution.rules.shares`) of every draw."""
    credit = np.tensordot(weights, rule_credit(table, share, buckets=True), axes=1)
    return _with_shares(table.channels, credit)


def shapley_sum_draws(sets: ChannelSets, weights: FloatArray) -> CreditDraws:
    """Sum-game Shapley credit of every draw; ``sets`` with ``buckets=True``."""
    part = sets.member / sets.member.sum(axis=1)[:, None]
    credit = np.stack([(part.T @ sets.counts[each]) @ weights.T for each in (0, 1)], axis=2)
    return _with_shares(sets.channels, np.swapaxes(credit, 0, 1))


def shapley_rate_draws(sets: ChannelSets, weights: FloatArray) -> CreditDraws:
    """Rate-game Shapley credit of every draw, exact for each; ``sets`` with ``buckets=True``."""
    size = max(1, 4_000_000 >> len(sets.channels))
    parts = []
    for first in range(0, len(weights), size):
        counts = sets.counts @ weights[first : first + size].T
        parts.append(rate_values(sets, counts) * counts[2].sum(axis=0)[:, None, None])
    return _with_shares(sets.channels, np.concatenate(parts))


def draws_of(
    table: PathTable, method: str, weights: FloatArray, *, order: int = 1, half_life_days: float = 7.0
) -> CreditDraws:
    """Draws by method name: ``"markov"``, ``"shapley"`` (sum), ``"shapley_rate"`` or a rule."""
    if method == "markov":
        return markov_draws(count_transitions(table, order=order, buckets=True), weights)
    if method in ("shapley", "shapley_rate"):
        sets = channel_sets(table, buckets=True)
        return shapley_sum_draws(sets, weights) if method == "shapley" else shapley_rate_draws(sets, weights)
    rule: Rule = method  # type: ignore[assignment]  # shares() refuses what is not a rule
    return rule_draws(table, shares(table, rule, half_life_days=half_life_days), weights)


def _with_shares(channels: tuple[str, ...], credit: FloatArray) -> CreditDraws:
    total = credit.sum(axis=1, keepdims=True)
    effects = np.divide(credit, total, out=np.zeros_like(credit), where=total != 0)
    return CreditDraws(channels=channels, credit=credit, effects=effects)
