"""The creative report: per experiment and arm what is known, what to show next, and whether to stop."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from bandits.delay import MINIMUM_REWARDS, DelayDistribution
from bandits.drift import learn_half_life
from bandits.logs import CreativeLog, daily_counts, join_log
from bandits.order_values import HurdleLognormal, fits_lognormal
from bandits.propensity import Better, best_arm, with_floor
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, Floats, GammaPoisson
from bandits.stopping import StopReport, StopRule, stop_report
from measurement.checks import Check
from measurement.errors import InputError

#: Orders from which on their values are taken to be log-normal, where they are.
_ORDERS = 20
#: Variance of whole numbers over their mean up to which they are counts.
_COUNT_DISPERSION = 5.0
ARM_COLUMNS = (
    "experiment_id", "arm_id", "decisions", "rewards", "mean", "lower", "upper", "p_best", "expected_loss",
    "next_propensity", "fatigue", "fatigue_since", "level",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """How the report reads the log.

    Attributes
    ----------
    level
        Level of the credible intervals.
    floor
        Least propensity of an arm; with many arms at most a fifth of the traffic goes to the floor.
    better
        Whether higher or lower rewards are better.
    rule
        When to stop.
    half_life_days
        Older evidence counts less by half each such span, because creatives tire: over the whole log a tired creative
        looks as good as it once was. ``"learn"``: what predicts best, see `bandits.drift`; ``None``: all counts alike.
    """

    level: float = 0.9
    floor: float = 0.01
    better: Better = "higher"
    rule: StopRule = field(default_factory=StopRule)
    half_life_days: float | Literal["learn"] | None = "learn"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativeReport:
    """What the logs say; write `arms` to arms.csv and `stop` to stop.json.

    Attributes
    ----------
    table
        One row an arm, columns `ARM_COLUMNS` without fatigue.
    stops
        Stop report of each experiment.
    delays, kinds, half_lives
        Learnt delay, kind of reward and half-life of the evidence (days, ``None``: for ever) of each experiment.
    contextual
        Whether the policy of an experiment looked at the context: its arms are then judged on the same people.
    daily
        Daily counts per experiment and arm, for the fatigue detector.
    checks
        Gates on the log.
    options, seed
        What it was made with. The report is exact, so the seed changes nothing; it is kept for the record.
    """

    table: pd.DataFrame
    stops: dict[str, StopReport]
    delays: dict[str, DelayDistribution]
    kinds: dict[str, str]
    half_lives: dict[str, float | None]
    contextual: dict[str, bool]
    daily: pd.DataFrame
    checks: tuple[Check, ...]
    options: ReportOptions
    seed: int
    method: str = "conjugate posteriors, exact P(best), delay-weighted exposure"

    def arms(self, fatigue: pd.DataFrame | None = None) -> pd.DataFrame:
        """The columns of ``arms.csv``.

        Parameters
        ----------
        fatigue
            Columns experiment_id, arm_id, fatigue, fatigue_since, as `monitoring.fatigue` gives them. Without it the
            two columns are empty: not looked at is not "none".
        """
        if fatigue is None:
            table = self.table.assign(fatigue=None, fatigue_since=None)
        else:
            columns = ["experiment_id", "arm_id", "fatigue", "fatigue_since"]
            table = self.table.merge(fatigue[columns], on=columns[:2], how="left")
        return table[list(ARM_COLUMNS)]

    def stop(self) -> dict[str, object]:
        """The content of ``stop.json``: by experiment, plain JSON values."""
        return {
            "level": self.options.level,
            "rule": asdict(self.options.rule),
            "experiments": {
                name: report.to_dict()
                | {
                    "reward": self.kinds[name],
                    "delay_hours_90": self.delays[name].quantile(0.9),
                    "half_life_days": self.half_lives[name],
                    "contextual": self.contextual[name],
                }
                for name, report in self.stops.items()
            },
        }


def creative_report(
    decisions: pd.DataFrame,
    rewards: pd.DataFrame,
    *,
    seed: int,
    level: float = 0.9,
    options: ReportOptions | None = None,
) -> CreativeReport:
    """Posteriors, P(best), next propensities and stop report from the contract's event tables.

    Parameters
    ----------
    decisions
        decision_id, ts (UTC), experiment_id, arm_id, propensity, and policy_version where known.
    rewards
        decision_id, ts, value. All values 0 or 1: rates; whole numbers: counts; money that is mostly 0 and else about
        log-normal: revenue (`bandits.order_values`); anything else: amounts, by the normal approximation of their
        means. ``stop.json`` says which.
    seed
        For the record; nothing is drawn.
    level
        Of the credible intervals; ``options`` overrides.

    Raises
    ------
    InputError
        See `bandits.logs.join_log`.
    """
    options = options or ReportOptions(level=level)
    log = join_log(decisions, rewards)
    frame = log.decisions
    weight = np.ones(len(frame))
    delays: dict[str, DelayDistribution] = {}
    contextual: dict[str, bool] = {}
    pooled = _learn(frame)
    for name, rows in frame.groupby("experiment_id").indices.items():
        part = frame.iloc[rows]
        enough = int(part["first_delay"].notna().sum()) >= MINIMUM_REWARDS
        delays[str(name)] = _learn(part) if enough else pooled
        weight[rows] = delays[str(name)].weight(part["age"].to_numpy())
        contextual[str(name)] = bool((part["people"] != 1.0).any())
    tables, stops, kinds = [], {}, {}
    daily = daily_counts(log, weight)
    half_lives = {str(name): _half_life(part, options) for name, part in daily.groupby("experiment_id")}
    for name, rows in frame.groupby("experiment_id").indices.items():
        known = replace(options, half_life_days=half_lives[str(name)])
        table, stop, kind = _experiment(str(name), frame.iloc[rows], weight[rows], known)
        tables.append(table)
        stops[str(name)], kinds[str(name)] = stop, kind
    return CreativeReport(
        table=pd.concat(tables, ignore_index=True),
        stops=stops,
        delays=delays,
        kinds=kinds,
        half_lives=half_lives,
        contextual=contextual,
        daily=daily,
        checks=(*log.checks, _delay_check(log, pooled)),
        options=options,
        seed=seed,
    )


def _learn(part: pd.DataFrame) -> DelayDistribution:
    came = part[part["first_delay"].notna()]
    return DelayDistribution.learn(came["first_delay"].to_numpy(), came["age"].to_numpy())


def _half_life(daily: pd.DataFrame, options: ReportOptions) -> float | None:
    if options.half_life_days != "learn":
        return options.half_life_days
    wide = daily.pivot_table(index="day", columns="arm_id", values=["decisions", "rewarded"], fill_value=0.0)
    wide = wide.reindex(pd.date_range(wide.index.min(), wide.index.max()), fill_value=0.0)
    return learn_half_life(wide["decisions"].to_numpy(dtype=float), wide["rewarded"].to_numpy(dtype=float))


def _experiment(
    name: str, part: pd.DataFrame, weight: Floats, options: ReportOptions
) -> tuple[pd.DataFrame, StopReport, str]:
    arms = tuple(sorted(part["arm_id"].unique()))
    index = part["arm_id"].map({arm: number for number, arm in enumerate(arms)}).to_numpy(dtype=np.int64)
    values = part["value"].to_numpy()
    trust = part["people"].to_numpy()
    if isinstance(options.half_life_days, float | int):
        trust = trust * 0.5 ** (part["age"].to_numpy() / 24.0 / options.half_life_days)
    posteriors, kind = _posteriors(arms, index, values, weight * trust, trust)
    best = best_arm(posteriors, better=options.better)
    lower, upper = posteriors.interval(options.level)
    days = float(part["age"].max() - part["age"].min()) / 24.0
    table = pd.DataFrame(
        {
            "experiment_id": name,
            "arm_id": arms,
            "decisions": np.bincount(index, minlength=len(arms)),
            "rewards": np.bincount(index, part["first_delay"].notna().to_numpy() * (values != 0), len(arms)).astype(
                int
            ),
            "mean": posteriors.mean(),
            "lower": lower,
            "upper": upper,
            "p_best": best.p_best,
            "expected_loss": best.expected_loss,
            "next_propensity": with_floor(best.p_best, min(options.floor, 0.2 / len(arms))),
            "level": options.level,
        }
    )
    return table, stop_report(posteriors, better=options.better, rule=options.rule, days=days, best=best), kind


def _posteriors(
    arms: tuple[str, ...], index: np.ndarray, values: Floats, exposure: Floats, trust: Floats
) -> tuple[BetaBernoulli | GammaPoisson | HurdleLognormal | NormalMean, str]:
    """The reward model that the values fit; ``trust`` discounts old rewards, ``exposure`` also young decisions."""
    count = len(arms)
    shown = np.bincount(index, exposure, count)
    total = np.bincount(index, trust * values, count)
    if np.isin(values, (0.0, 1.0)).all():
        # a young arm can have more rewards than its delay-weighted exposure
        return BetaBernoulli(arms=arms, successes=total, exposure=np.maximum(shown, total)), "rate"
    sold = values > 0
    whole = (values >= 0).all() and (values == np.round(values)).all() and values.max() < 1000
    # whole numbers that vary far more than counts do are prices without cents
    if whole and values.var() <= _COUNT_DISPERSION * values.mean():
        return GammaPoisson(arms=arms, events=total, exposure=shown), "count"
    if (values >= 0).all() and sold.sum() >= _ORDERS:
        away, chance = fits_lognormal(values[sold])
        if abs(away) <= chance:
            logs, orders = np.log(values[sold]), np.bincount(index[sold], trust[sold], count)
            return HurdleLognormal(
                arms=arms,
                exposure=np.maximum(shown, orders),
                orders=orders,
                logs=np.bincount(index[sold], trust[sold] * logs, count),
                log_squares=np.bincount(index[sold], trust[sold] * logs**2, count),
            ), "revenue"
    if (np.bincount(index, minlength=count) < 2).any():
        raise InputError.of("an arm has a single decision", "Wait for more decisions", column="arm_id")
    squares = np.bincount(index, trust * values**2, count)
    return NormalMean(arms=arms, total=total, squares=squares, exposure=shown), "amount"


def _delay_check(log: CreativeLog, pooled: DelayDistribution) -> Check:
    """Whether the log is long enough to have seen the delays: half its span should hold 90% of the rewards."""
    span = float(log.decisions["age"].max())
    late = pooled.quantile(0.9)
    return Check(
        name="log_longer_than_delay",
        passed=late <= span / 2.0,
        value=late,
        limit=span / 2.0,
        remedy="Most rewards come later than half the log is long: their final number is still uncertain, wait",
        blocking=False,
    )
