"""From the event tables to statistics: which decision earned what, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from bandits.rewards import Floats
from measurement.checks import Check
from measurement.errors import InputError

_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativeLog:
    """Decisions joined with their rewards.

    Attributes
    ----------
    decisions
        One row a decision: experiment_id, arm_id, day (UTC date), age (hours at the end of the log), value (sum of its
        rewards, 0 where none came), first_delay (hours, NaN where none came), people (what it counts so that every arm
        is judged on the same people, see `alike`; 1 where the policy did not look at the context).
    end
        Time of the last event in either table.
    checks
        What was wrong with the log.
    """

    decisions: pd.DataFrame
    end: pd.Timestamp
    checks: tuple[Check, ...]


def join_log(decisions: pd.DataFrame, rewards: pd.DataFrame) -> CreativeLog:
    """Join the contract's tables ``creative_decisions`` and ``creative_rewards``.

    A reward delivered twice (same decision, time and value) counts once; further rewards of a decision add up. Rewards
    of unknown decisions are counted in a check, never silently dropped. A reward timed before its decision counts as
    having come at once; a check says how many there are.

    Raises
    ------
    InputError
        If a column is missing, a decision id stands twice, or a propensity lies outside (0, 1].
    """
    _need(decisions, "creative_decisions", ("decision_id", "ts", "experiment_id", "arm_id", "propensity"))
    _need(rewards, "creative_rewards", ("decision_id", "ts", "value"))
    if decisions.empty:
        raise InputError.of("there are no creative decisions", "Log decisions first", file="creative_decisions")
    _valid(decisions)
    once = rewards.drop_duplicates(["decision_id", "ts", "value"])
    known = once[once["decision_id"].isin(decisions["decision_id"])]
    if not np.isfinite(known["value"].to_numpy(dtype=float)).all():
        raise InputError.of(
            "a reward is not a number", "Remove or correct the row", file="creative_rewards", column="value"
        )
    by_decision = known.groupby("decision_id").agg(value=("value", "sum"), rewarded=("ts", "min"))
    joined = decisions.merge(by_decision, left_on="decision_id", right_index=True, how="left")
    end = max(decisions["ts"].max(), rewards["ts"].max()) if len(rewards) else decisions["ts"].max()
    delay = (joined["rewarded"] - joined["ts"]).dt.total_seconds() / _HOUR
    backwards = _backwards(delay)
    delay = delay.clip(lower=0.0)
    table = pd.DataFrame(
        {
            "experiment_id": joined["experiment_id"].astype(str),
            "arm_id": joined["arm_id"].astype(str),
            "day": joined["ts"].dt.floor("D"),
            "age": (end - joined["ts"]).dt.total_seconds() / _HOUR,
            "value": joined["value"].fillna(0.0).astype(float),
            "first_delay": delay,
        }
    )
    table["people"] = alike(decisions)
    checks = (_unknown(once, known), _repeated(rewards, once), _traffic(decisions), backwards)
    return CreativeLog(decisions=table, end=end, checks=checks)


def daily_counts(log: CreativeLog, weight: Floats) -> pd.DataFrame:
    """Per experiment, arm and day: ``decisions`` (young ones by their ``weight``) and ``rewarded`` decisions.

    The input of `monitoring.fatigue`.
    """
    people = log.decisions["people"]
    frame = log.decisions.assign(decisions=weight * people, rewarded=(log.decisions["value"] > 0) * people)
    keys = ["experiment_id", "arm_id", "day"]
    return frame.groupby(keys, sort=True)[["decisions", "rewarded"]].sum().reset_index()


def alike(decisions: pd.DataFrame) -> Floats:
    """What each decision counts so that all arms of an experiment are judged on the same people, shape (n,).

    A contextual policy shows an arm to those whom it pleases: their plain mean would praise it for its audience.
    Decisions of such experiments count by one over their propensity, scaled so that an arm's day counts as many
    decisions as it is worth (Kish's effective sample size). Elsewhere every decision counts 1.

    Examples
    --------
    >>> day = pd.to_datetime(["2026-11-02"] * 4, utc=True)
    >>> log = pd.DataFrame({"ts": day, "experiment_id": "e", "arm_id": ["a", "a", "a", "b"], "policy_version": "1",
    ...                     "propensity": [0.8, 0.8, 0.2, 0.2]})
    >>> alike(log).round(2).tolist()
    [0.33, 0.33, 1.33, 1.0]
    """
    weight = np.ones(len(decisions))
    if "policy_version" not in decisions:
        return weight
    table = pd.DataFrame(
        {name: decisions[name].astype(str).to_numpy() for name in ("experiment_id", "arm_id", "policy_version")}
        | {"day": decisions["ts"].dt.floor("D").to_numpy(), "each": 1.0 / decisions["propensity"].to_numpy(dtype=float)}
    )
    within = table.groupby(["experiment_id", "policy_version", "arm_id"])["each"].agg(["min", "max"])
    varies = (within["max"] > within["min"] * (1.0 + 1e-6)).groupby("experiment_id").any()
    mine = table["experiment_id"].map(varies).to_numpy(dtype=bool)
    if mine.any():
        groups = table[mine].assign(square=table["each"] ** 2).groupby(["experiment_id", "arm_id", "day"])
        scale = groups["each"].transform("sum") / groups["square"].transform("sum")
        weight[mine] = table.loc[mine, "each"] * scale
    return weight


def _need(table: pd.DataFrame, name: str, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError.of(
            f"the table has no column '{missing[0]}'", f"Give it the columns {', '.join(columns)}", file=name,
            column=missing[0], value=", ".join(map(str, table.columns)),
        )  # fmt: skip


def _valid(decisions: pd.DataFrame) -> None:
    repeated = decisions["decision_id"].duplicated()
    if repeated.any():
        raise InputError.of(
            "a decision id stands twice", "Give each decision an id of its own", file="creative_decisions",
            column="decision_id", value=decisions.loc[repeated, "decision_id"].iloc[0],
        )  # fmt: skip
    propensity = decisions["propensity"].to_numpy(dtype=float)
    wrong = ~((propensity > 0) & (propensity <= 1))
    if wrong.any():
        raise InputError.of(
            "a propensity lies outside (0, 1]", "Log the probability the arm was shown with",
            file="creative_decisions", line=int(np.flatnonzero(wrong)[0]) + 2, column="propensity",
            value=propensity[wrong][0],
        )  # fmt: skip


def _unknown(once: pd.DataFrame, known: pd.DataFrame) -> Check:
    lost = len(once) - len(known)
    return Check(
        name="rewards_of_unknown_decisions",
        passed=lost <= 0.01 * max(len(once), 1),
        value=float(lost),
        limit=float(0.01 * len(once)),
        remedy="Log every decision before its reward, and keep both tables over the same span",
        blocking=False,
    )


def _repeated(rewards: pd.DataFrame, once: pd.DataFrame) -> Check:
    return Check(
        name="rewards_delivered_twice",
        passed=len(rewards) - len(once) <= 0.01 * max(len(rewards), 1),
        value=float(len(rewards) - len(once)),
        limit=float(0.01 * len(rewards)),
        remedy="Rewards delivered twice count once; see why the sender repeats them",
        blocking=False,
    )


def _backwards(delay: pd.Series[float]) -> Check:
    came = delay.notna()
    early = float((delay < 0).sum()) / max(float(came.sum()), 1.0)
    return Check(
        name="rewards_after_decisions",
        passed=early <= 0.01,
        value=early,
        limit=0.01,
        remedy="Log the times of decisions and rewards by one clock, in UTC: the delay cannot be learnt from these",
    )


def _traffic(decisions: pd.DataFrame) -> Check:
    """Whether arms were shown as often as their logged propensities say (chi-square over policy versions)."""
    keys = ["experiment_id", "policy_version"] if "policy_version" in decisions else ["experiment_id"]
    statistic, freedom = 0.0, 0
    for _, part in decisions.groupby(keys):
        arms = part.groupby("arm_id")["propensity"].agg(["size", "mean", "std"])
        # contextual policies give an arm several propensities in one version: the test is for tables
        if len(arms) < 2 or arms["std"].fillna(0.0).max() > 1e-9 or abs(arms["mean"].sum() - 1.0) > 1e-6:
            continue
        expected = arms["mean"] * len(part)
        if expected.min() < 5:
            continue
        statistic += float(((arms["size"] - expected) ** 2 / expected).sum())
        freedom += len(arms) - 1
    p_value = float(stats.chi2.sf(statistic, freedom)) if freedom else None
    return Check(
        name="traffic_matches_propensity",
        passed=p_value is None or p_value >= 1e-4,
        value=p_value,
        limit=1e-4,
        remedy="The arms were not shown as often as the logged propensities say: mend the delivery or the logging",
        blocking=False,
    )
