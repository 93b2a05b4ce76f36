"""What would another policy have earned? The log's own decisions, weighed as that policy would have made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bandits.context import segments
from bandits.evaluation import LoggedDecisions, arm_means, evaluate_policy
from bandits.logs import join_log
from bandits.off_policy import ESTIMATORS, Estimator, Influence, interval
from bandits.policy_file import PolicyFile
from bandits.report import CreativeReport
from bandits.rewards import Floats
from bandits.segment_report import table_of_part
from measurement.errors import InputError

POLICY_COLUMNS = (
    "experiment_id", "policy", "estimator", "value", "lower", "upper", "level", "decisions", "effective_n",
    "largest_weight", "mean_weight", "warnings",
)  # fmt: skip
#: The estimator that is shown where one has to do.
SHOWN: Estimator = "dr"
#: A decision of whose rewards less than this share has come says nothing yet.
_RIPE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One experiment's ripe decisions; ``running``: which arms were in the race that day, shape (n, arms)."""

    name: str
    arms: tuple[str, ...]
    rows: NDArray[np.int64]
    action: NDArray[np.int64]
    reward: Floats
    propensity: Floats
    segment: NDArray[np.int64] | None
    running: NDArray[np.bool_]


def what_if(
    decisions: pd.DataFrame,
    rewards: pd.DataFrame,
    report: CreativeReport,
    *,
    by: Sequence[str] = (),
    policy: PolicyFile | None = None,
    seed: int,
) -> pd.DataFrame:
    """Mean reward a decision of several policies, by every estimator, columns `POLICY_COLUMNS`.

    Policies: ``logged`` (what was shown), ``equal`` (all creatives alike), ``next`` (the shares the report gives),
    ``leader`` (the likeliest best alone), ``leader_by_…`` (the one of each segment, with ``by``), ``yours`` (with
    ``policy``). A policy that is learnt is learnt from one half of the log and judged on the other, both ways:
    what was chosen for having earned much would else be praised for its luck.

    Parameters
    ----------
    report
        Of the same tables: its delays say which decisions are ripe, its options how policies are learnt.
    by
        Context columns that make segments.
    policy
        A policy of the user's own.
    seed
        Of the halves, folds and replays.

    Notes
    -----
    Rewards that are still to come are made up for: a decision's reward counts by one over the chance that it would have
    come by now, and decisions younger than half of the rewards take are left out. A creative that joined late or left
    early is shown only on the days on which it was there; the others share its traffic meanwhile.
    """
    log = join_log(decisions, rewards)
    frame = log.decisions.reset_index(drop=True)
    propensity = decisions["propensity"].to_numpy(dtype=float)
    group = segments(decisions, by)[0] if by else None
    half = np.random.default_rng([seed, 1]).permutation(len(frame)) % 2
    learnt = _learnt(decisions, rewards, report, half, group, seed)
    rows: list[dict[str, object]] = []
    for name, where in frame.groupby("experiment_id").indices.items():
        part = _part(str(name), frame, np.asarray(where, dtype=np.int64), propensity, group, report)
        if part is None:
            continue
        policies = _policies(part, half, learnt, by)
        if policy is not None and (own := policy.shares(part.name, part.arms, decisions.iloc[part.rows])) is not None:
            policies["yours"] = own
        rows.append(_logged(part, report.options.level))
        prediction = arm_means(part.action, part.reward, len(part.arms), segment=part.segment, seed=seed)
        for label, shares in policies.items():
            rows += _judged(part, label, shares, prediction, level=report.options.level, seed=seed)
    return pd.DataFrame(rows, columns=list(POLICY_COLUMNS))


def _part(
    name: str, frame: pd.DataFrame, where: NDArray[np.int64], propensity: Floats, group: NDArray[np.int64] | None,
    report: CreativeReport,
) -> _Part | None:  # fmt: skip
    come = report.delays[name].weight(frame["age"].to_numpy()[where])
    rows = where[come >= _RIPE]
    if not len(rows):
        return None
    arms = tuple(sorted(frame["arm_id"].iloc[where].unique()))
    index = {arm: number for number, arm in enumerate(arms)}
    first, last = (frame.iloc[where].groupby("arm_id")["day"].agg(end).reindex(list(arms)) for end in ("min", "max"))
    day = frame["day"].iloc[rows].to_numpy()[:, None]
    return _Part(
        name=name,
        arms=arms,
        rows=rows,
        action=frame["arm_id"].iloc[rows].map(index).to_numpy(dtype=np.int64),
        reward=frame["value"].to_numpy()[rows] / come[come >= _RIPE],
        propensity=propensity[rows],
        segment=None if group is None else group[rows],
        running=(day >= first.to_numpy()) & (day <= last.to_numpy()),
    )


type _Learnt = dict[tuple[int, int | None], pd.DataFrame | None]


def _learnt(
    decisions: pd.DataFrame, rewards: pd.DataFrame, report: CreativeReport, half: NDArray[np.int64],
    group: NDArray[np.int64] | None, seed: int,
) -> _Learnt:  # fmt: skip
    """Report tables by the half they were learnt from, and by half and segment; ``None`` where too little was there."""
    found: _Learnt = {}
    options = replace(report.options, half_life_days=None if report.options.half_life_days is None else "learn")
    for number in (0, 1):
        for part in (None, *(range(int(group.max()) + 1) if group is not None else ())):
            chosen = half == number if part is None or group is None else (half == number) & (group == part)
            found[number, part] = table_of_part(decisions[chosen], rewards, options, seed)
    return found


def _policies(part: _Part, half: NDArray[np.int64], learnt: _Learnt, by: Sequence[str]) -> dict[str, Floats]:
    """Probabilities of every arm for every decision, shape (arms,) or (n, arms)."""
    arms, side = len(part.arms), half[part.rows]
    found: dict[str, Floats] = {"equal": np.full(arms, 1.0 / arms)}
    columns: list[tuple[str, str]] = [("next", "next_propensity"), ("leader", "p_best")]
    for label, column in columns:
        shares: Floats = np.empty((len(part.rows), arms))
        known = [_shares(learnt[1 - number, None], part, column) for number in (0, 1)]
        if any(one is None for one in known):
            continue
        for number in (0, 1):
            shares[side == number] = known[number]
        found[label] = shares
    if by and part.segment is not None and "leader" in found:
        shares = found["leader"].copy()
        for number in (0, 1):
            for segment in np.unique(part.segment):
                own = _shares(learnt[1 - number, int(segment)], part, "p_best")
                if own is not None:  # a segment too small to learn from gets the leader of all
                    shares[(side == number) & (part.segment == segment)] = own
        found[f"leader_by_{'_'.join(by)}"] = shares
    return found


def _shares(table: pd.DataFrame | None, part: _Part, column: str) -> Floats | None:
    if table is None:
        return None
    own = table[table["experiment_id"] == part.name].set_index("arm_id")[column]
    if own.empty:
        return None
    shares = own.reindex(list(part.arms)).fillna(0.0).to_numpy(dtype=float)
    if column == "p_best":
        return np.asarray(np.arange(len(shares)) == shares.argmax(), dtype=float)
    return np.asarray(shares / shares.sum())


def _logged(part: _Part, level: float) -> dict[str, object]:
    value = float(part.reward.mean())
    around = part.reward - value
    reach = (min(0.0, float(part.reward.min())) - value, float(part.reward.max()) - value)
    ends = interval(Influence(value=value, influence=around, reach=reach), level)
    n = len(part.rows)
    return {
        "experiment_id": part.name, "policy": "logged", "estimator": "mean", "value": value, "lower": ends.lower,
        "upper": ends.upper, "level": level, "decisions": n, "effective_n": float(n), "largest_weight": 1.0 / n,
        "mean_weight": 1.0, "warnings": "",
    }  # fmt: skip


def _possible(shares: Floats, running: NDArray[np.bool_]) -> Floats:
    """Shares among the arms that were in the race; all alike where the policy shows none of them."""
    left = shares * running
    total = left.sum(axis=1, keepdims=True)
    return np.where(total > 0, left / np.where(total > 0, total, 1.0), running / running.sum(axis=1, keepdims=True))


def _judged(
    part: _Part, label: str, shares: Floats, prediction: Floats, *, level: float, seed: int
) -> list[dict[str, object]]:
    """A row for each estimator; ``prediction`` is of the rewards, the same for every policy."""
    log = LoggedDecisions(
        action=part.action, reward=part.reward, propensity=part.propensity, policy=_possible(shares, part.running),
        prediction=prediction,
    )  # fmt: skip
    rows: list[dict[str, object]] = []
    for estimator in ESTIMATORS:
        try:
            value = evaluate_policy(log, estimator=estimator, level=level, seed=seed)
        except InputError:
            continue  # nothing in the log is what the policy would have shown: there is no such row
        rows.append(
            {
                "experiment_id": part.name, "policy": label, "estimator": estimator, "value": value.estimate.value,
                "lower": value.estimate.interval.lower, "upper": value.estimate.interval.upper, "level": level,
                "decisions": value.n, "effective_n": value.effective_n, "largest_weight": value.largest_share,
                "mean_weight": value.mean_weight,
                "warnings": ";".join(check.name for check in value.checks if not check.passed),
            }
        )  # fmt: skip
    return rows
