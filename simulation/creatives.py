"""Creative tests with known truth: adaptive traffic, tiring creatives, late conversions, true propensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from simulation.creative_spec import ArmSpec, CreativeSpec
from simulation.units import unit_ids

FloatArray = NDArray[np.float64]
#: People who may be met, and the share of impressions on mobile.
UNITS, MOBILE_SHARE = 40_000, 0.68


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Creatives:
    """``decisions`` and ``rewards`` in the columns of the event tables, and the ``truth`` behind them."""

    seed: int
    spec: CreativeSpec
    decisions: pd.DataFrame
    rewards: pd.DataFrame
    truth: dict[str, Any]


def simulate_creatives(seed: int, spec: CreativeSpec | None = None) -> Creatives:
    """Simulate the log of a delivery system that runs Beta-Bernoulli Thompson sampling with a floor.

    Every midnight the propensities become floor + (1 − K·floor)·P(best), from the conversions that have arrived by
    then; the logged propensity is the one the arm was drawn with. A reward row exists for a conversion that arrived
    within the log; a unit meets an experiment at most once a day.

    Parameters
    ----------
    seed
        Non-negative.
    spec
        By default `CreativeSpec`.

    Examples
    --------
    >>> from simulation.creative_spec import CreativeSpec
    >>> log = simulate_creatives(1, CreativeSpec(days=7, decisions_per_day=50))
    >>> bool(log.decisions["propensity"].between(0.05, 1).all())
    True
    >>> list(log.rewards.columns)
    ['decision_id', 'ts', 'value']
    """
    spec = spec or CreativeSpec()
    shock = np.random.default_rng([seed, 20]).normal(0.0, spec.day_shock, spec.days)
    parts = [_experiment(seed, number, name, spec, shock) for number, name in enumerate(spec.experiments)]
    log = pd.concat([part for part, _ in parts], ignore_index=True)
    log = log.sort_values(["ts", "experiment_id", "unit_id"], ignore_index=True)
    log.insert(0, "decision_id", [f"d{number:06d}" for number in range(len(log))])
    end = pd.Timestamp(spec.last_day, tz="UTC") + pd.Timedelta(days=1)
    came = log["reward_ts"].notna() & (log["reward_ts"] < end)
    rewards = log.loc[came, ["decision_id", "reward_ts"]].rename(columns={"reward_ts": "ts"})
    rewards = rewards.assign(value=1.0).sort_values(["ts", "decision_id"], ignore_index=True)
    rates = {arm: rate for _, part in parts for arm, rate in part.items()}
    pending = int(log["reward_ts"].notna().sum() - came.sum())
    return Creatives(
        seed=seed,
        spec=spec,
        decisions=log.drop(columns="reward_ts"),
        rewards=rewards,
        truth=_truth(spec, rates, pending),
    )


def probability_best(successes: FloatArray, failures: FloatArray, points: int = 801) -> FloatArray:
    """P(arm is best) under independent Beta(1 + s, 1 + f) posteriors by the trapezoid rule, shape (K,), sum 1."""
    a, b = successes + 1.0, failures + 1.0
    mean, sd = a / (a + b), np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1.0)))
    low, high = max(float((mean - 8 * sd).min()), 1e-9), min(float((mean + 8 * sd).max()), 1.0 - 1e-9)
    grid = np.linspace(low, high, points)[:, None]
    log_cdf = np.log(np.maximum(beta.cdf(grid, a, b), 1e-300))
    others = np.exp(log_cdf.sum(axis=1, keepdims=True) - log_cdf)
    share = np.trapezoid(beta.pdf(grid, a, b) * others, grid[:, 0], axis=0)
    return np.asarray(share / share.sum(), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Day:
    """Impressions of one day: index of unit and arm, seconds since the log began, arrival (infinite: no conversion)."""

    unit: NDArray[np.int64]
    arm: NDArray[np.int64]
    mobile: NDArray[np.bool_]
    shown: FloatArray
    arrives: FloatArray
    propensity: FloatArray


def _experiment(
    seed: int, number: int, name: str, spec: CreativeSpec, shock: FloatArray
) -> tuple[pd.DataFrame, dict[str, FloatArray]]:
    """The log of one experiment (with ``reward_ts``), and each arm's true rate by day without day noise."""
    rng = np.random.default_rng([seed, 21, number])
    arms = [arm for arm in spec.arms if arm.experiment_id == name]
    own = rng.normal(0.0, spec.own_noise, (len(arms), spec.days))
    fresh = np.stack([arm.rate * arm.fresh_share(spec.days) for arm in arms])
    rates = fresh * np.exp(shock + own)
    days: list[_Day] = []
    for day in range(spec.days):
        active = np.array([arm.starts <= day for arm in arms])
        propensity = _propensities(active, days, day, spec.floor)
        days.append(_one_day(rng, spec, propensity, rates[:, day], day))
    log = _frame(spec, arms, np.array(unit_ids(seed, UNITS)), days)
    log.insert(1, "experiment_id", name)
    return log, {arm.arm_id: fresh[index] for index, arm in enumerate(arms)}


def _propensities(active: NDArray[np.bool_], days: list[_Day], day: int, floor: float) -> FloatArray:
    """Propensity of each arm (0 before it starts), from what had arrived by the midnight before ``day``, shape (K,)."""
    now, count = day * 86_400.0, len(active)
    shown, won = np.zeros(count), np.zeros(count)
    # Impressions younger than three days are left out: most of their conversions are still under way.
    for past in days[: max(day - 3, 0)]:
        shown += np.bincount(past.arm, minlength=count)
        won += np.bincount(past.arm[past.arrives < now], minlength=count)
    best = probability_best(won[active], (shown - won)[active])
    result = np.zeros(count)
    result[active] = floor + (1.0 - active.sum() * floor) * best
    return np.asarray(np.round(result, 6) / np.round(result, 6).sum(), dtype=np.float64)


def _one_day(rng: np.random.Generator, spec: CreativeSpec, propensity: FloatArray, rates: FloatArray, day: int) -> _Day:
    weekday = (pd.Timestamp(spec.last_day) - pd.Timedelta(days=spec.days - 1 - day)).weekday()
    count = int(rng.poisson(spec.decisions_per_day * (0.85 if weekday >= 5 else 1.06)))
    units = rng.choice(UNITS, size=count, replace=False)
    drawn = rng.choice(len(propensity), size=count, p=propensity)
    second = np.floor(np.clip(rng.beta(2.6, 1.8, count), 0.0, 0.99999) * 86_400.0)
    mobile = rng.random(count) < MOBILE_SHARE
    # The factor keeps the mean over devices at the arm's rate.
    device = np.where(mobile, spec.mobile_lift, 1.0) / (MOBILE_SHARE * spec.mobile_lift + 1.0 - MOBILE_SHARE)
    converted = rng.random(count) < rates[drawn] * device
    delay = np.ceil(spec.delay_days * 86_400.0 * np.exp(rng.normal(0.0, spec.delay_sigma, count)))
    shown = day * 86_400.0 + second
    return _Day(
        unit=units,
        arm=drawn,
        mobile=mobile,
        shown=shown,
        arrives=np.where(converted, shown + delay, np.inf),
        propensity=propensity[drawn],
    )


def _frame(spec: CreativeSpec, arms: list[ArmSpec], pool: NDArray[np.str_], days: list[_Day]) -> pd.DataFrame:
    """All days as one table, with the time each conversion arrives."""
    start = pd.Timestamp(spec.last_day, tz="UTC") - pd.Timedelta(days=spec.days - 1)
    versions = np.array([f"{start + pd.Timedelta(days=number):%Y%m%d}" for number in range(spec.days)])
    arrives = np.concatenate([day.arrives for day in days])
    came = np.isfinite(arrives)
    return pd.DataFrame(
        {
            "ts": start + pd.to_timedelta(np.concatenate([day.shown for day in days]), unit="s"),
            "unit_id": pool[np.concatenate([day.unit for day in days])],
            "arm_id": np.array([arm.arm_id for arm in arms])[np.concatenate([day.arm for day in days])],
            "propensity": np.concatenate([day.propensity for day in days]),
            "policy_version": np.repeat(versions, [len(day.arm) for day in days]),
            "device": np.where(np.concatenate([day.mobile for day in days]), "mobile", "desktop"),
            "reward_ts": (start + pd.to_timedelta(pd.Series(np.where(came, arrives, 0.0)), unit="s")).where(came),
        }
    )


def _truth(spec: CreativeSpec, rates: dict[str, FloatArray], pending: int) -> dict[str, Any]:
    first = pd.Timestamp(spec.last_day) - pd.Timedelta(days=spec.days - 1)
    tires = {
        arm.arm_id: None if arm.tires_from is None else (first + pd.Timedelta(days=arm.tires_from)).date().isoformat()
        for arm in spec.arms
    }
    best_now = {
        name: max((arm.arm_id for arm in spec.arms if arm.experiment_id == name), key=lambda arm: rates[arm][-1])
        for name in spec.experiments
    }
    return {
        "arms": {
            arm.arm_id: {
                "experiment_id": arm.experiment_id,
                "fresh_rate": arm.rate,
                "rate_today": float(rates[arm.arm_id][-1]),
                "tires_from": tires[arm.arm_id],
                "daily_decay": arm.decay,
                **arm.attributes,
            }
            for arm in spec.arms
        },
        "best_today": best_now,
        "delay": {"median_days": spec.delay_days, "log_sd": spec.delay_sigma},
        "noise": {"common_day": spec.day_shock, "own_day": spec.own_noise},
        "mobile_lift": spec.mobile_lift,
        "conversions_under_way": pending,
    }
