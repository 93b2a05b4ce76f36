"""What a plan maximises, collapsed to separable curves that a solver can bound.

Expected outcome is additive over channels, so posterior draws collapse exactly to one mean curve a channel: parameter
uncertainty costs nothing. The lower-tail mean (CVaR) is the minimum over weightings of the draws of a weighted mean
(Rockafellar & Uryasev 2000): every set of worst draws gives one more *view*, again a separable curve, and CVaR lies
below all of them. The bound of the relaxed problem is therefore rigorous for risk-averse goals too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from measurement.curves import FloatArray, ResponseCurves
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """Maximise ``mean · E[outcome] + tail · CVaR[outcome] + spend · spend``.

    Attributes
    ----------
    mean, tail
        Weights of the posterior mean and of the mean over the worst ``tail_share`` of draws; not negative.
    tail_share
        Share of draws in the tail, in (0, 1].
    spend
        Weight of spend; −1 with ``mean`` = margin gives profit.
    floor_roas, floor_share
        Require CVaR at ``floor_share`` of (outcome − floor_roas · spend) ≥ 0; ``None``: no such rule.
    name
        As shown to the reader.
    """

    mean: float = 1.0
    tail: float = 0.0
    tail_share: float = 0.1
    spend: float = 0.0
    floor_roas: float | None = None
    floor_share: float = 1.0
    name: str = "expected outcome"

    def __post_init__(self) -> None:
        if self.mean < 0 or self.tail < 0 or self.mean + self.tail <= 0:
            raise InputError.of(
                "the weights of mean and tail must not be negative, nor both zero",
                "Pass for example mean=0.5, tail=0.5",
                column="objective",
                value=f"{self.mean}, {self.tail}",
            )
        for share in (self.tail_share, self.floor_share):
            if not 0.0 < share <= 1.0:
                raise InputError.of(
                    "the share of draws in the tail must lie in (0, 1]",
                    "Pass 0.1 for the worst tenth",
                    column="objective",
                    value=share,
                )

    @property
    def views_needed(self) -> bool:
        """Whether tail views are needed beside the mean."""
        return self.tail > 0 or self.floor_roas is not None

    def value(self, outcome: FloatArray, spend: float) -> float:
        """The goal for total outcome by draw, shape (D,), and total spend."""
        result = self.mean * float(outcome.mean()) + self.spend * spend
        if self.tail > 0:
            result += self.tail * tail_mean(outcome, self.tail_share)
        return result

    def meets_floor(self, outcome: FloatArray, spend: float, slack: float) -> bool:
        """Whether the floor on the tail of ROAS holds to within ``slack`` money."""
        if self.floor_roas is None:
            return True
        return tail_mean(outcome, self.floor_share) - self.floor_roas * spend >= -slack


def profit(margin: float) -> Goal:
    """Expected outcome × ``margin`` − spend.

    Examples
    --------
    >>> profit(0.4).value(np.array([100.0]), 30.0)
    10.0
    """
    if not margin > 0:
        raise InputError.of("the margin must be positive", "Pass 0.4 for 40%", column="margin", value=margin)
    return Goal(mean=margin, spend=-1.0, name=f"expected profit at a margin of {100 * margin:g}%")


def tail_weights(outcome: FloatArray, share: float) -> FloatArray:
    """Weights of the draws, shape (D,), that attain the lower-tail mean; they sum to 1, each ≤ 1 / (share · D)."""
    draws = len(outcome)
    weights = np.zeros(draws)
    most = 1.0 / (share * draws)
    order = np.argsort(outcome, kind="stable")
    full = min(int(np.floor(share * draws + 1e-12)), draws)
    weights[order[:full]] = most
    if full < draws:
        weights[order[full]] = max(0.0, 1.0 - full * most)
    return weights / weights.sum()


def tail_mean(outcome: FloatArray, share: float) -> float:
    """Mean of the worst ``share`` of draws (CVaR, expected shortfall).

    Examples
    --------
    >>> tail_mean(np.array([1.0, 2.0, 3.0, 4.0]), 0.5)
    1.5
    """
    return float(tail_weights(outcome, share) @ outcome)


def tail_view(curves: ResponseCurves, weights: FloatArray) -> FloatArray:
    """The separable curve of one weighting of the draws, shape (C, P)."""
    used = np.flatnonzero(weights)
    return np.asarray(np.tensordot(weights[used], curves.outcome[used], axes=1), dtype=np.float64)
