"""Revenue per decision where most decisions earn nothing: chance of an order times a log-normal order value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from bandits.fourier import CosineSeries, log_gamma_ratio
from bandits.reward_checks import check_arms
from bandits.rewards import Floats
from measurement.errors import InputError

#: Prior weight of the pooled log-variance and log-mean of order values, in orders.
_VARIANCE_WEIGHT, _MEAN_WEIGHT = 20.0, 1.0
#: The log-variance is taken to be at most so many times the pooled one (or the largest seen): see the notes.
_CAP = 4.0
#: Orders that all cost the same are still taken to spread by one percent.
_LEAST_VARIANCE = 1e-4
_NODES = 64
_TAIL = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True)
class HurdleLognormal:
    """Mean revenue a decision: P(order) ~ Beta, logarithms of order values ~ normal-inverse-gamma.

    Attributes
    ----------
    arms
        Names.
    exposure, orders
        Decisions (may be fractional) and those with revenue, shape (arms,).
    logs, log_squares
        Sum of the logarithms of order values, and of their squares, shape (arms,).
    prior
        (alpha, beta) of the chance of an order.

    Notes
    -----
    The mean is θ exp(μ + σ²/2). On the line of its logarithm it is log θ + μ + σ²/2, whose characteristic function is a
    ratio of gamma functions times a one-dimensional integral over σ²; densities come from its cosine series (Fang and
    Oosterlee 2008), to rounding. Under an untruncated inverse gamma the expected revenue would be infinite, hence the
    upper end of σ². Means and variances of order values borrow from all arms together (one order's and twenty orders'
    worth). Sufficient statistics are sums, so batches merge in any order.

    Examples
    --------
    >>> one = HurdleLognormal.empty(("a", "b")).update([0] * 100 + [1] * 100, ([0.0] * 9 + [20.0]) * 20)
    >>> bool(abs(one.mean()[0] - 2.0) < 0.3)
    True
    """

    arms: tuple[str, ...]
    exposure: Floats
    orders: Floats
    logs: Floats
    log_squares: Floats
    prior: tuple[float, float] = (1.0, 1.0)
    _series: tuple[CosineSeries, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_arms(self.arms)
        for name in ("exposure", "orders", "logs", "log_squares"):
            values = getattr(self, name)
            if values.shape != (len(self.arms),) or not np.isfinite(values).all():
                raise InputError.of(f"{name} must be one number for each arm", "Correct the batch", column=name)
        if (self.exposure < 0).any() or (self.orders < 0).any() or (self.orders > self.exposure + 1e-9).any():
            raise InputError.of("an arm has more orders than decisions", "Correct the batch", column="orders")
        if min(self.prior) < 0.5:
            raise InputError.of("prior parameters below .5 are not supported", "Pass e.g. (1, 1)", column="prior")
        series = tuple(self._expand(arm) for arm in range(len(self.arms)))
        object.__setattr__(self, "_series", series)

    @classmethod
    def empty(cls, arms: Sequence[str], prior: tuple[float, float] = (1.0, 1.0)) -> Self:
        """Nothing seen yet; order values around 1."""
        zero = np.zeros(len(arms))
        return cls(arms=tuple(arms), exposure=zero, orders=zero, logs=zero, log_squares=zero, prior=prior)

    def update(self, arm: ArrayLike, reward: ArrayLike) -> Self:
        """Add a batch: ``arm`` (indices) and ``reward`` (≥ 0), both of shape (batch,); order does not matter."""
        index, values = np.asarray(arm, dtype=np.int64), np.asarray(reward, dtype=float)
        if index.shape != values.shape or not np.isfinite(values).all() or (values < 0).any():
            raise InputError.of("revenue must be one number of at least 0 a decision", "Correct it", column="reward")
        if index.size and not (index.min() >= 0 and index.max() < len(self.arms)):
            raise InputError.of("a batch names an arm that does not exist", "Correct it", column="arm")
        count, sold = len(self.arms), values > 0
        logs = np.log(values[sold])
        return replace(
            self,
            exposure=self.exposure + np.bincount(index, minlength=count),
            orders=self.orders + np.bincount(index[sold], minlength=count),
            logs=self.logs + np.bincount(index[sold], logs, count),
            log_squares=self.log_squares + np.bincount(index[sold], logs**2, count),
        )

    def merge(self, other: Self) -> Self:
        """What both have seen together; the same as one update with both batches."""
        if self.arms != other.arms or self.prior != other.prior:
            raise InputError.of(
                "posteriors with different arms or priors cannot be merged", "Merge like with like", column="arms"
            )
        return replace(
            self,
            exposure=self.exposure + other.exposure,
            orders=self.orders + other.orders,
            logs=self.logs + other.logs,
            log_squares=self.log_squares + other.log_squares,
        )

    @property
    def alpha(self) -> Floats:
        """First parameter of the Beta posterior of an order's chance, shape (arms,)."""
        return self.orders + self.prior[0]

    @property
    def beta(self) -> Floats:
        """Second parameter, shape (arms,)."""
        return np.maximum(self.exposure - self.orders, 0.0) + self.prior[1]

    @property
    def width(self) -> Floats:
        """See `Posteriors.width`; the line is the logarithm of the mean."""
        chance = special.polygamma(1, self.alpha) - special.polygamma(1, self.alpha + self.beta)
        spread = np.empty(len(self.arms))
        for arm in range(len(self.arms)):
            _, weight, variance, _, kappa = self._order_value(arm)
            mean = float(weight @ variance)
            spread[arm] = mean / kappa + float(weight @ (variance - mean) ** 2) / 4.0
        return np.minimum(np.sqrt(chance + spread), 1.0)

    def support(self) -> tuple[Floats, Floats]:
        """See `Posteriors.support`."""
        return np.array([one.low for one in self._series]), np.array([one.high for one in self._series])

    def density(self, x: Floats) -> Floats:
        """See `Posteriors.density`."""
        return np.array([one.density(x) for one in self._series])

    def below(self, x: float) -> Floats:
        """See `Posteriors.below`."""
        return self.below_each(np.array([x]))[:, 0]

    def above(self, x: float) -> Floats:
        """See `Posteriors.above`."""
        return np.asarray(1.0 - self.below(x))

    def below_each(self, x: Floats) -> Floats:
        """See `Posteriors.below_each`."""
        return np.array([one.below(x) for one in self._series])

    def value(self, x: Floats) -> Floats:
        """See `Posteriors.value`."""
        return np.exp(x)

    def line(self, value: Floats) -> Floats:
        """See `Posteriors.line`; 0 lies at minus infinity."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(value > 0, np.log(np.maximum(value, 0.0)), -np.inf)

    def mean(self) -> Floats:
        """See `Posteriors.mean`."""
        values = np.empty(len(self.arms))
        for arm in range(len(self.arms)):
            _, weight, variance, centre, kappa = self._order_value(arm)
            values[arm] = float(weight @ np.exp(centre + variance / (2.0 * kappa) + variance / 2.0))
        return np.asarray(self.alpha / (self.alpha + self.beta) * values)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """See `Posteriors.interval`."""
        tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
        lower, upper = (np.exp([one.quantile(share) for one in self._series]) for share in tails)
        return np.asarray(lower), np.asarray(upper)

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """See `Posteriors.sample`."""
        draws = np.empty((size, len(self.arms)))
        for arm in range(len(self.arms)):
            (shape, rate, cap), _, _, centre, kappa = self._order_value(arm)
            least = special.gammainc(shape, rate / cap)
            variance = rate / special.gammaincinv(shape, least + (1.0 - least) * rng.random(size))
            mean = rng.normal(centre, np.sqrt(variance / kappa))
            draws[:, arm] = rng.beta(self.alpha[arm], self.beta[arm], size) * np.exp(mean + variance / 2.0)
        return draws

    def _pooled(self) -> tuple[float, float, float]:
        """Mean and variance of the logarithms of all order values, and the upper end of the variance."""
        total = float(self.orders.sum())
        if total <= 0:
            return 0.0, 1.0, _CAP
        mean = float(self.logs.sum()) / total
        variance = max(float(self.log_squares.sum()) / total - mean**2, _LEAST_VARIANCE)
        many = np.maximum(self.orders, 1e-9)
        own = np.maximum(self.log_squares - self.logs**2 / many, 0.0)
        largest = float(((own + _VARIANCE_WEIGHT * variance) / (self.orders + _VARIANCE_WEIGHT)).max())
        return mean, variance, _CAP * max(variance, largest)

    def _order_value(self, arm: int) -> tuple[tuple[float, float, float], Floats, Floats, float, float]:
        """Posterior of σ² (shape, rate, cap), its nodes' weights and values, and centre and weight of μ."""
        pooled, spread, cap = self._pooled()
        n = float(self.orders[arm])
        kappa = _MEAN_WEIGHT + n
        own = float(self.logs[arm]) / n if n > 0 else pooled
        squares = max(float(self.log_squares[arm]) - n * own**2, 0.0)
        centre = (_MEAN_WEIGHT * pooled + n * own) / kappa
        shape = (_VARIANCE_WEIGHT + n) / 2.0
        rate = (_VARIANCE_WEIGHT * spread + squares + _MEAN_WEIGHT * n * (own - pooled) ** 2 / kappa) / 2.0
        low = rate / special.gammainccinv(shape, _TAIL)
        high = min(cap, rate / special.gammaincinv(shape, _TAIL))
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        half = (np.log(high) - np.log(low)) / 2.0
        place = np.log(low) + half * (nodes + 1.0)
        height = -shape * place - rate * np.exp(-place)
        mass = weights * np.exp(height - height.max())
        return (shape, rate, cap), mass / mass.sum(), np.exp(place), centre, kappa

    def _expand(self, arm: int) -> CosineSeries:
        """The density of log θ + μ + σ²/2."""
        _, weight, variance, centre, kappa = self._order_value(arm)
        a, b = float(self.alpha[arm]), float(self.beta[arm])
        around, reach = centre + variance / 2.0, 8.0 * np.sqrt(variance / kappa)
        low = float(np.log(special.betaincinv(a, b, _TAIL)) + (around - reach).min())
        high = float(np.log1p(-special.betaincinv(b, a, _TAIL)) + (around + reach).max())

        def characteristic(t: Floats) -> np.ndarray:
            orders = np.exp(log_gamma_ratio(a, t) - log_gamma_ratio(a + b, t))
            phase = 1j * t[:, None] * around - t[:, None] ** 2 * variance / (2.0 * kappa)
            return np.asarray(orders * (np.exp(phase) @ weight))

        return CosineSeries.of(characteristic, low, high)


def fits_lognormal(values: Floats) -> tuple[float, float]:
    """How far the log-normal's mean order value is from the plain mean, and what chance alone allows.

    Both on the log scale, where too low is seen as well as too high: as a share, too low ends at −1.

    Parameters
    ----------
    values
        Order values above 0, shape (n,), at least two.
    """
    logs, n, mean = np.log(values), len(values), float(values.mean())
    variance = float(logs.var())
    noise = np.sqrt((variance + variance**2 / 2.0) / n + float(values.var()) / mean**2 / n)
    return float(logs.mean() + variance / 2.0 - np.log(mean)), float(max(4.0 * noise, 0.02))
