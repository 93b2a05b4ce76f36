"""Creative fatigue: whether a creative has begun to decay against the pool of the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError

Floats = NDArray[np.float64]
State = Literal["none", "suspected", "confirmed"]

FATIGUE_COLUMNS = (
    "experiment_id", "arm_id", "fatigue", "fatigue_since", "confirmed_on", "evidence", "decay_per_day", "lost_per_day",
)  # fmt: skip

#: Rates of decay per day that the alternative mixes over.
_DECAYS = np.array([0.015, 0.03, 0.06, 0.12])
#: Log likelihood ratios are cut here: beyond, exp overflows and nothing is left to decide.
_LARGEST = 500.0
#: P(max over T days ≥ A) over the bound T/A, from simulated nulls: a jump past the threshold overshoots it.
_OVERSHOOT = 0.375
#: The noise is taken this many standard errors larger than estimated: too small makes alarms, too large waits.
_NOISE_DOUBT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class FatigueRule:
    """How much evidence it takes.

    Attributes
    ----------
    false_alarm
        A creative that does not tire is confirmed as tired within ``days`` with at most this probability.
    days
        Length of the watch the error is controlled over.
    suspected
        Suspicion needs this share of the evidence that confirmation needs.
    minimum_days
        Days with traffic before anything is said.
    pool
        ``"all"``: the creatives of every experiment make the pool, which is quiet but moves with other products too;
        a confirmation then needs the creative to have fallen behind its own experiment as well, so that a product going
        out of season is not read as tired creatives. ``"experiment"``: only those of the same experiment.
    """

    false_alarm: float = 0.05
    days: int = 60
    suspected: float = 0.1
    minimum_days: int = 5
    pool: Literal["all", "experiment"] = "all"

    @property
    def threshold(self) -> float:
        """Shiryaev–Roberts statistic at which fatigue is confirmed.

        P(max over T days ≥ A) ≤ T/A by Ville's inequality, which counts no overshoot; three eighths of that are what
        simulations show, whatever the traffic.
        """
        return _OVERSHOOT * self.days / self.false_alarm


def detect_fatigue(daily: pd.DataFrame, rule: FatigueRule | None = None) -> pd.DataFrame:
    """The state of every creative on the last day.

    Each day a creative's rewards are compared with what its decisions would have earned had it moved with the pool of
    the other creatives, so that weekends, seasons and outages cancel. The evidence is a Shiryaev–Roberts
    e-detector: the sum, over every day on which decay may have begun, of the likelihood ratio of "decays from that day
    on" (a mixture of rates) against "keeps its level", with the unknown level integrated out. Day-to-day noise
    beyond chance is estimated from day-to-day differences, pooled over the creatives, which slow decay hardly touches.

    Parameters
    ----------
    daily
        One row per experiment_id, arm_id, day: ``decisions`` and ``rewarded`` (numbers).

    Returns
    -------
    DataFrame
        `FATIGUE_COLUMNS`: state, since when decay most likely runs (``None`` for "none"), day of confirmation,
        statistic as a share of the threshold, estimated decay a day, rewards lost a day at today's traffic.

    Notes
    -----
    Shin, Ramdas, Rinaldo, "E-detectors" (2024); Shiryaev (1963); Roberts (1966). The threshold is set by simulation
    rather than by Ville's bound, which would wait a day longer for a third of the false alarms allowed;
    benchmarks/bandits_fatigue.py measures the rate for 2 to 30 creatives, much and little traffic, and counts with
    estimated noise. The highest statistic of the log counts: one good day does not withdraw a confirmation.

    Raises
    ------
    InputError
        If a column is missing or a count is negative.
    """
    rule = rule or FatigueRule()
    for column in ("experiment_id", "arm_id", "day", "decisions", "rewarded"):
        if column not in daily.columns:
            raise InputError.of(f"daily counts have no column '{column}'", "Pass CreativeReport.daily", column=column)
    if len(daily) and (daily[["decisions", "rewarded"]].to_numpy(dtype=float) < 0).any():
        raise InputError.of("a daily count is negative", "Correct the counts", column="decisions")
    if daily.empty:
        return pd.DataFrame(columns=list(FATIGUE_COLUMNS))
    keys = ["experiment_id", "arm_id"]
    shown = daily.pivot_table(index="day", columns=keys, values="decisions", aggfunc="sum", fill_value=0.0)
    earned = daily.pivot_table(index="day", columns=keys, values="rewarded", aggfunc="sum", fill_value=0.0)
    experiments = shown.columns.get_level_values(0)
    everyone = relative_rates(shown.to_numpy(dtype=float), earned.to_numpy(dtype=float))
    rows: list[dict[str, object]] = []
    for experiment in dict.fromkeys(experiments):
        members = np.flatnonzero(experiments == experiment)
        own = relative_rates(
            shown.iloc[:, members].to_numpy(dtype=float), earned.iloc[:, members].to_numpy(dtype=float)
        )
        for place, number in enumerate(members):
            at_home = _evidence_of(own, place, rule)
            series, arm = (everyone, int(number)) if rule.pool == "all" else (own, place)
            found = _evidence_of(series, arm, rule) if rule.pool == "all" else at_home
            row: dict[str, object] = {"experiment_id": experiment, "arm_id": shown.columns[int(number)][1]}
            rows.append(row | _verdict(found, at_home, shown.index, _expected_now(series, arm), rule))
    return pd.DataFrame(rows, columns=list(FATIGUE_COLUMNS))


def _evidence_of(series: RelativeRates, arm: int, rule: FatigueRule) -> Evidence:
    days = np.flatnonzero(np.isfinite(series.ratio[:, arm]))
    if len(days) < rule.minimum_days:
        return Evidence.empty()
    return evidence(series.ratio[days, arm], series.variance[days, arm], days)


def _expected_now(series: RelativeRates, arm: int) -> float:
    """Rewards a day at the creative's usual level and its traffic of the last week."""
    return float(series.expected[-7:, arm].mean())


def _verdict(
    found: Evidence, at_home: Evidence, calendar: pd.Index[pd.Timestamp], expected: float, rule: FatigueRule
) -> dict[str, object]:
    """State, dates and size of the loss from the course of the statistic."""
    course = found.statistic[rule.minimum_days - 1 :]
    over = np.flatnonzero(course >= rule.threshold)
    state: State = "none"
    if len(over):
        state = "confirmed" if at_home.supports(found) else "suspected"
    elif len(course) and course[-1] >= rule.suspected * rule.threshold:
        state = "suspected"
    facts: dict[str, object] = {
        "fatigue": state, "fatigue_since": None, "confirmed_on": None, "decay_per_day": None, "lost_per_day": None,
        "evidence": float(found.statistic[-1] / rule.threshold) if len(course) else 0.0,
    }  # fmt: skip
    if state != "none":
        start, decay = found.most_likely()
        if state == "confirmed":
            # the crossing that belongs to this decay, not one that chance brought about before it
            crossed = found.days[over + rule.minimum_days - 1]
            own = min(int(np.searchsorted(crossed, start)), len(over) - 1)
            facts["confirmed_on"] = calendar[int(crossed[own])].date()
        gone = 1.0 - (1.0 - decay) ** int(found.days[-1] - start)
        facts |= {"fatigue_since": calendar[start].date(), "decay_per_day": decay, "lost_per_day": expected * gone}
    return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeRates:
    """Creatives against the pool of the others, by day.

    Attributes
    ----------
    ratio
        Rewards over what the pool's day would have led one to expect, minus 1, shape (days, arms); NaN without traffic.
    variance
        Of the ratio: chance in the creative, chance in the pool, own day-to-day noise.
    expected
        Rewards a creative at its usual level would earn, shape (days, arms).
    noise
        Standard deviation of the own day-to-day noise, as a share, on the large side where little is known of it.
    """

    ratio: Floats
    variance: Floats
    expected: Floats
    noise: float


def relative_rates(shown: Floats, earned: Floats) -> RelativeRates:
    """Compare each creative with the pool of the others, both arrays of shape (days, arms).

    The pool's day is Σ earned / Σ (shown × usual rate) over the others, so a change in the mix of creatives (which a
    bandit brings about) does not look like a change of the day.
    """
    total = np.maximum(shown.sum(axis=0), 1e-9)
    # half a reward keeps creatives without any from dividing by zero
    usual = (earned.sum(axis=0) + 0.5) / (total + 1.0)
    base = shown * usual
    pool_base = base.sum(axis=1, keepdims=True) - base
    pool_earned = earned.sum(axis=1, keepdims=True) - earned
    seen = (shown > 0) & (pool_base > 0) & (pool_earned > 0)
    day = np.where(seen, pool_earned / np.where(seen, pool_base, 1.0), np.nan)
    expected = base * day
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = earned / expected - 1.0
        chance = 1.0 / expected + 1.0 / pool_earned
        # noise of the pool: the mean of the others' own noises, weighted by traffic
        spread = ((base**2).sum(axis=1, keepdims=True) - base**2) / pool_base**2
    noise = _own_noise(ratio, chance, spread)
    variance = chance + noise**2 * (1.0 + spread)
    return RelativeRates(ratio=ratio, variance=variance, expected=np.nan_to_num(expected), noise=noise)


def _own_noise(ratio: Floats, chance: Floats, spread: Floats) -> float:
    """Standard deviation of the own daily noise by moments of day-to-day differences, pooled over the creatives.

    Half a standard error of the estimate is added to the variance: with few creatives or days it is a rough one.
    """
    step = np.diff(ratio, axis=0)
    by_chance = chance[1:] + chance[:-1]
    by_noise = 2.0 + spread[1:] + spread[:-1]
    known = np.isfinite(step) & np.isfinite(by_chance)
    if known.sum() < 5:
        return 0.0
    weight = 1.0 / by_chance[known] ** 2
    excess = (weight * (step[known] ** 2 - by_chance[known])).sum() / (weight * by_noise[known]).sum()
    # neighbouring differences share a day and the creatives share a pool: this many squares are independent
    arms = ratio.shape[1]
    squares = max(float(known.sum()) * (arms - 1) / arms * 2.0 / 3.0, 1.0)
    noise = max(float(excess), 0.0)
    doubt = np.sqrt(2.0 / squares) * (noise + float(np.median(by_chance[known])) / 2.0)
    return float(np.sqrt(noise + _NOISE_DOUBT * doubt))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The course of the e-detector.

    Attributes
    ----------
    days
        Numbers of the days with traffic, shape (days,).
    statistic
        Shiryaev–Roberts statistic by day, shape (days,).
    ratios
        Log likelihood ratio on the last day by day decay began and rate, shape (starts, rates).
    """

    days: NDArray[np.int64]
    statistic: Floats
    ratios: Floats

    @classmethod
    def empty(cls) -> Evidence:
        """Too few days."""
        return cls(days=np.empty(0, dtype=np.int64), statistic=np.empty(0), ratios=np.empty((0, len(_DECAYS))))

    def most_likely(self) -> tuple[int, float]:
        """Most likely day on which decay began, and the posterior mean of its rate."""
        weight = np.exp(self.ratios - self.ratios.max())
        start = int(self.days[weight.sum(axis=1).argmax()])
        return start, float((weight.sum(axis=0) * _DECAYS).sum() / weight.sum())

    def supports(self, other: Evidence) -> bool:
        """Whether decay from the start that ``other`` finds explains these days better than a level does."""
        if not len(self.days):
            return False
        place = int(np.searchsorted(self.days, other.most_likely()[0]))
        return place < len(self.days) and bool(np.exp(self.ratios[place]).mean() > 1.0)


def evidence(ratio: Floats, variance: Floats, day: NDArray[np.int64]) -> Evidence:
    """Shiryaev–Roberts statistic of one creative.

    With weights w = 1/variance, decay profile h (0 before the start, (1-d)^k - 1 after) and the level integrated out
    under a flat prior, the log likelihood ratio by day t is h'Pz - h'Ph/2 with P = W - W11'W/(1'W1). All sums over
    days are cumulative, so every t comes at once.

    Parameters
    ----------
    ratio, variance
        Shape (days,).
    day
        Day numbers, shape (days,); days without traffic are left out.
    """
    weight = 1.0 / variance
    # the profile of decay from each start: shape (starts, rates, days)
    after = np.maximum(day[None, :] - day[:, None], 0)
    profile = (1.0 - _DECAYS)[None, :, None] ** after[:, None, :] - 1.0
    level = np.cumsum(weight)
    seen = np.cumsum(weight * ratio)
    cross = np.cumsum(weight * profile, axis=-1)
    fit = np.cumsum(weight * ratio * profile, axis=-1) - cross * seen / level
    size = np.cumsum(weight * profile**2, axis=-1) - cross**2 / level
    ratios = np.moveaxis(fit - size / 2.0, -1, 0)
    begun = np.tril(np.ones((len(day), len(day)), dtype=bool))[:, :, None]
    ratios = np.where(begun, ratios, -np.inf)
    statistic = np.exp(np.minimum(ratios, _LARGEST)).mean(axis=2).sum(axis=1)
    return Evidence(days=day, statistic=statistic, ratios=ratios[-1])
