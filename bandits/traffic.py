"""Traffic that costs: what a creative earns net of what showing it costs, and shares that keep to a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import interpolate, special

from bandits.propensity import with_floor
from bandits.rewards import Floats, Posteriors
from measurement.errors import InputError

#: Quantiles below the median over all arms, and the fewest of one arm: the work grows with the square of the arms.
_POINTS, _FEWEST_POINTS = 1_500, 25
#: Beyond this price of money only the cheapest arms are left.
_HIGHEST_PRICE = 1e6
_TAILS = np.array([1e-9, 1e-7, 1e-5, 1e-4])
#: Steps that halve the bracket of the price of money.
_HALVINGS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What showing costs and a reward is worth.

    Attributes
    ----------
    cost
        Money a decision for each arm costs, ≥ 0, shape (arms,).
    reward_value
        Money one unit of reward is worth, above 0.
    budget
        Money a decision may cost on average; ``None``: no limit.

    Raises
    ------
    InputError
        If a number is out of its range, or not even the cheapest arm keeps to the budget.
    """

    cost: Sequence[float]
    reward_value: float
    budget: float | None = None

    def __post_init__(self) -> None:
        cost = np.asarray(self.cost, dtype=float)
        if cost.ndim != 1 or not len(cost) or not np.isfinite(cost).all() or (cost < 0).any():
            raise InputError.of("a cost is negative or no number", "Pass money ≥ 0 for each arm", column="cost")
        if not 0.0 < self.reward_value < np.inf:
            raise InputError.of(
                "a reward is worth nothing", "Pass money above 0", column="reward_value", value=self.reward_value
            )
        if self.budget is not None and not self.budget >= cost.min():
            raise InputError.of(
                f"the budget is below the cheapest arm, which costs {cost.min():g} a decision",
                "Raise the budget or add a cheaper arm", column="budget", value=self.budget,
            )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidTraffic:
    """Propensities under `Terms`.

    Attributes
    ----------
    propensity
        Shape (arms,), the floor included.
    cost, net
        Expected money a decision costs, and earns net of that, at these propensities.
    price
        What a decision's marginal unit of money must earn beyond itself for the budget to hold; 0: the budget does not
        bind.
    """

    propensity: Floats
    cost: float
    net: float
    price: float


def net_best(posteriors: Posteriors, terms: Terms) -> Floats:
    """P(this arm earns most net of its cost), shape (arms,), sums to 1; errors are below 1e-4, see the tests.

    Raises
    ------
    InputError
        If there is not one cost for each arm.

    Examples
    --------
    >>> from bandits.rewards import BetaBernoulli
    >>> belief = BetaBernoulli(arms=("a", "b"), successes=np.array([30.0, 30.0]), exposure=np.full(2, 1000.0))
    >>> net_best(belief, Terms(cost=(0.1, 0.1), reward_value=10.0)).round(3).tolist()
    [0.5, 0.5]
    >>> net_best(belief, Terms(cost=(0.1, 0.3), reward_value=10.0)).round(3).tolist()
    [0.995, 0.005]
    """
    return _Quantiles(posteriors, terms).best(0.0)


def paid_traffic(posteriors: Posteriors, terms: Terms, *, floor: float = 0.0) -> PaidTraffic:
    """Thompson sampling on net earnings whose expected cost keeps to the budget.

    Money gets a price: costs count (1 + price) times, with the lowest price at which the shares, the floor included,
    keep to the budget (the dual of a knapsack; Agrawal and Devanur 2016). Without a budget the price is 0.

    Raises
    ------
    InputError
        If there is not one cost for each arm, or the floor alone breaks the budget.

    Examples
    --------
    >>> from bandits.rewards import BetaBernoulli
    >>> belief = BetaBernoulli(arms=("a", "b"), successes=np.array([20.0, 60.0]), exposure=np.full(2, 1000.0))
    >>> traffic = paid_traffic(belief, Terms(cost=(0.05, 0.25), reward_value=10.0, budget=0.15))
    >>> traffic.propensity.round(3).tolist(), round(traffic.cost, 6), round(traffic.price, 2)
    ([0.5, 0.5], 0.15, 0.99)
    """
    table, cost = _Quantiles(posteriors, terms), np.asarray(terms.cost, dtype=float)

    def shares(price: float) -> Floats:
        return with_floor(table.best(price), floor)

    price, propensity = 0.0, shares(0.0)
    budget = np.inf if terms.budget is None else terms.budget
    if propensity @ cost > budget:
        last = cheapest_only(cost, floor)
        if last @ cost > budget * (1.0 + 1e-12):
            raise InputError.of(
                f"with a floor of {floor:g} a decision costs {last @ cost:g} at least", "Lower the floor, raise the "
                "budget, or pause the dearest arm", column="budget", value=budget,
            )  # fmt: skip
        low, high = 0.0, 1.0
        while (propensity := shares(high)) @ cost > budget and high < _HIGHEST_PRICE:
            low, high = high, 4.0 * high
        if propensity @ cost > budget:
            propensity = last
        else:
            for _ in range(_HALVINGS):
                middle = (low + high) / 2.0
                low, high = (middle, high) if shares(middle) @ cost > budget else (low, middle)
            propensity = shares(high)
        price = high
    paid = float(propensity @ cost)
    earned = terms.reward_value * float(propensity @ posteriors.mean())
    return PaidTraffic(propensity=propensity, cost=paid, net=earned - paid, price=price)


def cheapest_only(cost: Sequence[float] | Floats, floor: float = 0.0) -> Floats:
    """Propensities of the traffic that costs least: the floor, and all else on the cheapest arm or arms; shape (arms,).

    Examples
    --------
    >>> cheapest_only([0.1, 0.3, 0.1], floor=0.1).round(2).tolist()
    [0.45, 0.1, 0.45]
    """
    paid = np.asarray(cost, dtype=float)
    cheapest = np.isclose(paid, paid.min(), rtol=1e-12, atol=0.0)
    return with_floor(cheapest / cheapest.sum(), floor)


class _Quantiles:
    """The arms' quantiles in money, looked up once; a cost only shifts them.

    P(k best) = ∫ Π_{j≠k} F_j dF_k by the trapezoid rule over the quantiles of all arms. Between its quantiles an arm's
    distribution function is interpolated as a normal score, in which it is nearly straight.
    """

    def __init__(self, posteriors: Posteriors, terms: Terms) -> None:
        self._cost = np.asarray(terms.cost, dtype=float)
        self._count = len(posteriors.arms)
        if self._cost.shape != (self._count,):
            raise InputError.of(
                "there is not one cost for each arm", f"Pass {self._count} costs", column="cost", value=len(self._cost)
            )
        half = np.concatenate([_TAILS, np.linspace(1e-3, 0.5, max(_POINTS // self._count, _FEWEST_POINTS))])
        ends = np.array([np.stack(posteriors.interval(1.0 - 2.0 * level)) for level in half[:-1]])
        middle = np.stack(posteriors.interval(0.0))[:1]
        money = terms.reward_value * np.concatenate([ends[:, 0], middle, ends[::-1, 1]])
        score = special.ndtri(np.concatenate([half, 1.0 - half[-2::-1]]))
        self._money, self._inside = money, []
        for arm in range(self._count):
            # an arm that is known to the last digit may have equal quantiles
            kept = np.concatenate([[True], np.diff(money[:, arm]) > 0])
            self._inside.append(interpolate.PchipInterpolator(money[kept, arm], score[kept], extrapolate=False))

    def best(self, price: float) -> Floats:
        """P(best) where costs count (1 + price) times."""
        if self._count == 1:
            return np.ones(1)
        paid = self._cost * (1.0 + price)
        at = np.unique((self._money - paid).ravel())
        reached = np.empty((self._count, len(at) + 2))
        reached[:, 0], reached[:, -1] = 0.0, 1.0
        for arm, inside in enumerate(self._inside):
            gross = at + paid[arm]
            known = np.clip(gross, inside.x[0], inside.x[-1])
            score = special.ndtr(inside(known))
            reached[arm, 1:-1] = np.where(gross < inside.x[0], 0.0, np.where(gross > inside.x[-1], 1.0, score))
        logs = np.log(np.maximum(reached, 1e-300))
        others = np.exp(logs.sum(axis=0) - logs)
        best = (np.diff(reached, axis=1) * (others[:, 1:] + others[:, :-1]) / 2.0).sum(axis=1)
        return np.asarray(best / best.sum())
