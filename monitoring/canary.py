"""Control against canary, looked at as often as one likes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from monitoring.intervals import Floats, wilson

if TYPE_CHECKING:
    import duckdb

Verdict = Literal["continue", "stop", "not_enough_data"]

#: Rate ratios canary / control that the alternative mixes over, above the margin.
_RATIOS = np.array([1.2, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0])

#: Observations a look holds at least.
_LOOK = 100

GUARDRAILS = ("error_rate", "hallucination_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRule:
    """When a canary is stopped.

    Attributes
    ----------
    alpha
        A canary that is no worse is stopped with at most this probability, over all looks and both guardrails.
    minimum_sample
        Observations an arm before "continue" is said; a stop needs no minimum, its error is controlled anyway.
    margin
        Tolerated excess of the canary's rate as a share of the control's: 0.1 lets it be a tenth worse.
    """

    alpha: float = 0.05
    minimum_sample: int = 200
    margin: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 1 and self.minimum_sample >= 1 and self.margin >= 0):
            raise InputError.of("a canary rule has impossible limits", "Pass e.g. CanaryRule()", column="canary")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryTest:
    """One guardrail of one pipeline.

    Attributes
    ----------
    control_n, control_events, canary_n, canary_events
        Observations and bad ones.
    e_value, e_max
        Evidence against "no worse" now and at its highest; a stop is latched at the highest.
    threshold
        Evidence at which the canary is stopped: number of guardrails / alpha.
    stopped_at
        Hour of the log at which the threshold was crossed, ``None`` if never.
    """

    team: str
    pipeline: str
    kpi: str
    control_n: int
    control_events: int
    canary_n: int
    canary_events: int
    e_value: float
    e_max: float
    threshold: float
    stopped_at: pd.Timestamp | None
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, rates with Wilson intervals."""
        facts = asdict(self) | {"stopped_at": None if self.stopped_at is None else self.stopped_at.isoformat() + "Z"}
        for arm, events, n in (
            ("control", self.control_events, self.control_n),
            ("canary", self.canary_events, self.canary_n),
        ):
            if n:
                lower, upper = wilson(np.array([float(events)]), np.array([float(n)]), 0.95)
                ends = {"lower": float(lower[0]), "upper": float(upper[0]), "level": 0.95}
                facts[f"{arm}_rate"] = {"value": events / n} | ends
            else:
                facts[f"{arm}_rate"] = None
        return facts


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryReport:
    """All guardrails of all pipelines that run a canary."""

    tests: tuple[CanaryTest, ...]
    rule: CanaryRule

    @property
    def verdict(self) -> Verdict:
        """``stop`` if any guardrail says so, else ``not_enough_data`` if any lacks data or nothing runs."""
        verdicts = {test.verdict for test in self.tests}
        if "stop" in verdicts:
            return "stop"
        return "not_enough_data" if not verdicts or "not_enough_data" in verdicts else "continue"

    def to_dict(self) -> dict[str, object]:
        """The content of ``canary.json``."""
        return {
            "verdict": self.verdict,
            "rule": asdict(self.rule),
            "method": "conditional-binomial mixture e-process, hourly or every 100 observations, Bonferroni",
            "tests": [test.to_dict() for test in self.tests],
        }


def e_process(bad: NDArray[np.int64], n: NDArray[np.int64], margin: float = 0.0) -> Floats:
    """Evidence that the canary's rate exceeds (1 + margin) × the control's, after each look.

    Given the bad observations of a look, each lies in the canary with the canary's share of that look's observations
    (shifted by the margin) if it is no worse; the likelihood ratio against a larger rate ratio is a supermartingale
    whatever the rates do over time, so an outage that hits both arms is no evidence. Without replacement the counts are
    hypergeometric, whose convex expectations lie below the binomial's (Hoeffding 1963). Mixed over rate ratios. By
    Ville's inequality P(it ever reaches 1/alpha) ≤ alpha.

    Parameters
    ----------
    bad, n
        Bad and all observations of each look, shape (..., looks, 2): control, canary.

    Returns
    -------
    array
        Shape (..., looks).

    Examples
    --------
    >>> e_process(np.array([[20, 20], [20, 60]]), np.array([[1000, 1000], [1000, 1000]])).round(1).tolist()
    [0.2, 254.9]
    """
    control, canary = n[..., 0, None].astype(float), n[..., 1, None].astype(float) * (1.0 + margin)
    both = (control > 0) & (canary > 0)
    total = np.where(both, control + canary, 1.0)
    share = np.where(both, canary / total, 0.5)
    # odds of lying in the canary grow by the rate ratio
    grown = 1.0 + share * (_RATIOS - 1.0)
    step = bad[..., 1, None] * np.log(_RATIOS) - bad.sum(axis=-1)[..., None] * np.log(grown)
    course = np.cumsum(np.where(both, step, 0.0), axis=-2)
    return np.asarray(np.exp(np.minimum(course, 600.0)).mean(axis=-1))


def read_canary(connection: duckdb.DuckDBPyConnection, rule: CanaryRule) -> CanaryReport:
    """Test every team's pipeline that has calls of an arm ``canary``, on the views of `monitoring.tables`."""
    looks = connection.sql(
        """SELECT kpi, coalesce(team, '(unknown)') AS team, coalesce(pipeline, '(unknown)') AS pipeline,
               date_trunc('hour', start_ts) AS hour,
               count(*) FILTER (WHERE arm = 'control') AS control_n, count(*) FILTER (WHERE arm = 'canary') AS canary_n,
               coalesce(sum(bad) FILTER (WHERE arm = 'control'), 0) AS control_bad,
               coalesce(sum(bad) FILTER (WHERE arm = 'canary'), 0) AS canary_bad
           FROM (SELECT 'error_rate' AS kpi, team, pipeline, start_ts, arm, error AS bad FROM calls
                 UNION ALL
                 SELECT 'hallucination_rate', team, pipeline, start_ts, arm, CAST(value >= 0.5 AS DOUBLE)
                 FROM scores WHERE name = 'hallucination')
           WHERE arm IN ('control', 'canary') AND start_ts IS NOT NULL
           GROUP BY ALL ORDER BY kpi, team, pipeline, hour"""
    ).df()
    running = looks.groupby(["team", "pipeline"])["canary_n"].transform("sum") > 0
    tests = []
    for (team, pipeline), part in looks[running].groupby(["team", "pipeline"], sort=True):
        tests += [_test(str(team), str(pipeline), kpi, part[part["kpi"] == kpi], rule) for kpi in GUARDRAILS]
    return CanaryReport(tests=tuple(tests), rule=rule)


def _merge_looks(looks: pd.DataFrame) -> pd.DataFrame:
    """Join consecutive hours until each look holds `_LOOK` observations.

    Within a look the traffic's split is taken as it turned out. In an hour with two observations that leaves nothing to
    learn; with a hundred it costs a hundredth. Where to join depends on the traffic alone, so the error
    stays controlled.
    """
    seen = looks["control_n"] + looks["canary_n"]
    bucket = ((seen.cumsum() - seen) // _LOOK).rename("bucket")
    sums = {name: (name, "sum") for name in ("control_n", "canary_n", "control_bad", "canary_bad")}
    return looks.groupby(bucket).agg(hour=("hour", "last"), **sums).reset_index(drop=True)


def _test(team: str, pipeline: str, kpi: str, looks: pd.DataFrame, rule: CanaryRule) -> CanaryTest:
    looks = _merge_looks(looks)
    n = looks[["control_n", "canary_n"]].to_numpy(dtype=np.int64)
    bad = looks[["control_bad", "canary_bad"]].to_numpy(dtype=np.int64)
    course = e_process(bad, n, rule.margin)
    threshold = len(GUARDRAILS) / rule.alpha
    over = np.flatnonzero(course >= threshold)
    seen = n.sum(axis=0)
    verdict: Verdict = "continue" if seen.min() >= rule.minimum_sample else "not_enough_data"
    return CanaryTest(
        team=team,
        pipeline=pipeline,
        kpi=kpi,
        control_n=int(seen[0]),
        control_events=int(bad[:, 0].sum()),
        canary_n=int(seen[1]),
        canary_events=int(bad[:, 1].sum()),
        e_value=float(course[-1]) if len(course) else 1.0,
        e_max=float(course.max()) if len(course) else 1.0,
        threshold=threshold,
        stopped_at=pd.Timestamp(looks["hour"].iloc[int(over[0])]) if len(over) else None,
        verdict="stop" if len(over) else verdict,
    )
