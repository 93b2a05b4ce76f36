"""Control against canary on any KPI of the catalogue, looked at as often as one likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from measurement.errors import InputError
from monitoring.canary_evidence import (
    BIN,
    Looks,
    bounded_mean,
    e_process,
    quantile,
    quantile_set,
    tails,
    unbounded_mean,
)
from monitoring.canary_looks import Pipeline, check_guardrail, observations, read_looks
from monitoring.catalogue import CATALOGUE, Measure
from monitoring.dayqueries import Ask, asking
from monitoring.intervals import Floats, ratio_interval, wilson

if TYPE_CHECKING:
    import duckdb

Verdict = Literal["continue", "stop", "not_enough_data"]
Test = Literal["counts", "bounded_mean", "unbounded_mean", "quantile"]

GUARDRAILS = ("error_rate", "hallucination_rate")
LEVEL = 0.95
METHODS: Mapping[Test, str] = {
    "counts": "conditional-binomial mixture e-process",
    "bounded_mean": "empirical-Bernstein confidence sequence",
    "unbounded_mean": "asymptotic confidence sequence",
    "quantile": "beta-binomial confidence sequence of the control's quantile, conditional-binomial e-process above it",
}
#: Excess beyond which no bound is looked for.
_FAR = (-0.95, 20.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRule:
    """When a canary is stopped.

    Attributes
    ----------
    alpha
        A canary that is no worse is stopped with at most this probability, over all looks and all guardrails.
    minimum_sample
        Observations an arm before "continue" is said; a stop needs no minimum, its error is controlled anyway (but
        for means without bounds, whose test begins there).
    margin
        Tolerated excess of the canary as a share of the control's value: 0.1 lets it be a tenth worse.
    guardrails
        KPIs that are watched; the evidence that stops grows with their number (Bonferroni on e-values).
    margins
        Margin by KPI, where it is another.
    since
        By team and pipeline: only what was begun from this moment on counts (a person resumed the canary then).
    """

    alpha: float = 0.05
    minimum_sample: int = 200
    margin: float = 0.0
    guardrails: tuple[str, ...] = GUARDRAILS
    margins: Mapping[str, float] = field(default_factory=dict)
    since: Mapping[Pipeline, pd.Timestamp] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits = (self.margin, *self.margins.values())
        if not (0 < self.alpha < 1 and self.minimum_sample >= 1 and min(limits) >= 0 and self.guardrails):
            raise InputError.of("a canary rule has impossible limits", "Pass e.g. CanaryRule()", column="canary")
        for name in (*self.guardrails, *self.margins):
            check_guardrail(name)
        if len(set(self.guardrails)) < len(self.guardrails) or not set(self.margins) <= set(self.guardrails):
            raise InputError.of(
                "guardrails stand twice, or a margin is for none of them",
                "Name each guardrail once, and margins for guardrails only",
                file="liftwerk.toml", column="content.canary.guardrails", value=", ".join(self.guardrails),
            )  # fmt: skip

    @property
    def threshold(self) -> float:
        """Evidence at which a guardrail stops the canary."""
        return len(self.guardrails) / self.alpha

    def margin_of(self, kpi: str) -> float:
        """Tolerated excess on a KPI."""
        return self.margins.get(kpi, self.margin)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmValue:
    """A KPI in one arm, with an interval: Wilson, Student or delta method; for quantiles valid at every look."""

    value: float
    lower: float | None
    upper: float | None
    level: float = LEVEL


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryTest:
    """One guardrail of one pipeline.

    Attributes
    ----------
    control_n, canary_n
        Observations.
    control_events, canary_events
        Bad ones; ``None`` where the KPI does not count.
    control_value, canary_value
        The KPI in each arm, ``None`` without observations.
    margin
        Tolerated excess.
    excess_lower
        Always-valid lower bound of the canary's excess as a share of the control's value, at level
        1 - alpha / guardrails; positive is worse. ``None`` where the data allow none.
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
    method: str
    control_n: int
    control_events: int | None
    canary_n: int
    canary_events: int | None
    control_value: ArmValue | None
    canary_value: ArmValue | None
    margin: float
    excess_lower: float | None
    e_value: float
    e_max: float
    threshold: float
    stopped_at: pd.Timestamp | None
    verdict: Verdict

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        facts = asdict(self) | {"stopped_at": None if self.stopped_at is None else self.stopped_at.isoformat() + "Z"}
        # the names these had when every guardrail was a rate
        return facts | {"control_rate": facts["control_value"], "canary_rate": facts["canary_value"]}


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
        since = [
            {"team": team, "pipeline": pipeline, "since": f"{moment.isoformat()}Z"}
            for (team, pipeline), moment in self.rule.since.items()
        ]
        return {
            "verdict": self.verdict,
            "rule": asdict(replace(self.rule, since={})) | {"since": since},
            "method": "anytime-valid tests by hour or 100 observations, error over all guardrails by Bonferroni",
            "tests": [test.to_dict() for test in self.tests],
        }


def read_canary(connection: duckdb.DuckDBPyConnection, rule: CanaryRule, by_day: Ask | None = None) -> CanaryReport:
    """Test every team's pipeline that has calls of an arm ``canary``.

    Parameters
    ----------
    connection
        From `monitoring.tables.open_tables`.
    rule
        When a canary is stopped.
    by_day
        Answers queries over calls from what is kept by day, `monitoring.dayqueries.DayQueries.ask`.
    """
    days = asking(connection, "calls", by_day)(
        """SELECT DISTINCT day, coalesce(team, '(unknown)') AS team, coalesce(pipeline, '(unknown)') AS pipeline
           FROM calls WHERE arm = 'canary' ORDER BY ALL"""
    )
    running = sorted(set(zip(days["team"].map(str), days["pipeline"].map(str), strict=True)))
    tests: dict[tuple[Pipeline, str], CanaryTest] = {}
    for kpi in rule.guardrails if running else ():
        measure = CATALOGUE[kpi]
        looks = read_looks(asking(connection, measure.source, by_day), measure, rule.since)
        exact = _quantiles(connection, measure, rule.since)
        for key in running:
            tests[key, kpi] = _test(key, measure, looks.get(key), exact.get(key, {}), rule)
    return CanaryReport(tests=tuple(tests[key, kpi] for key in running for kpi in rule.guardrails), rule=rule)


def _quantiles(
    connection: duckdb.DuckDBPyConnection, measure: Measure, since: Mapping[Pipeline, pd.Timestamp]
) -> dict[Pipeline, dict[str, float]]:
    """The exact quantile of each arm; empty for other KPIs."""
    if measure.kind != "quantile":
        return {}
    rows = connection.sql(
        f"""SELECT team, pipeline, arm, quantile_cont(y, {measure.quantile})
            FROM ({observations(measure, since)}) GROUP BY ALL"""  # noqa: S608
    ).fetchall()
    found: dict[Pipeline, dict[str, float]] = {}
    for team, pipeline, arm, value in rows:
        found.setdefault((team, pipeline), {})[arm] = float(value)
    return found


def kind_of(measure: Measure, looks: Looks) -> Test:
    """Which test a KPI gets; scores on another scale than 0 to 1 have no known bound."""
    if measure.kind in {"rate", "hits"}:
        return "counts"
    if measure.kind == "quantile":
        return "quantile"
    bounded = measure.kind == "mean" and measure.kpi.unit == "fraction" and looks.bounded
    return "bounded_mean" if bounded else "unbounded_mean"


def evidence(measure: Measure, looks: Looks, rule: CanaryRule, margin: float) -> Floats:
    """Evidence after each look that the canary is worse by more than ``margin``, shape (looks,)."""
    sign = 1.0 if measure.kpi.direction == "lower" else -1.0
    kind = kind_of(measure, looks)
    if kind == "counts":
        return e_process(looks.y, looks.n, margin)
    if kind == "quantile":
        return quantile(looks, margin, measure.quantile, rule.alpha / len(rule.guardrails))
    if kind == "bounded_mean":
        return bounded_mean(looks, margin, sign)
    return unbounded_mean(looks, margin, sign, rule.minimum_sample)


def _test(
    key: Pipeline, measure: Measure, looks: Looks | None, exact: Mapping[str, float], rule: CanaryRule
) -> CanaryTest:
    looks = looks if looks is not None else Looks.empty()
    kpi, kind = measure.kpi.id, kind_of(measure, looks)
    course = evidence(measure, looks, rule, rule.margin_of(kpi))
    over = np.flatnonzero(course >= rule.threshold)
    seen, events = looks.n.sum(axis=0), looks.y.sum(axis=0)
    enough: Verdict = "continue" if seen.min() >= rule.minimum_sample else "not_enough_data"
    values = [_value(measure, kind, looks, arm, exact.get(name)) for arm, name in enumerate(("control", "canary"))]
    return CanaryTest(
        team=key[0],
        pipeline=key[1],
        kpi=kpi,
        method=METHODS[kind],
        control_n=int(seen[0]),
        control_events=int(events[0]) if kind == "counts" else None,
        canary_n=int(seen[1]),
        canary_events=int(events[1]) if kind == "counts" else None,
        control_value=values[0],
        canary_value=values[1],
        margin=rule.margin_of(kpi),
        excess_lower=_excess(measure, looks, rule) if seen.min() > 0 else None,
        e_value=float(course[-1]) if len(course) else 1.0,
        e_max=float(course.max()) if len(course) else 1.0,
        threshold=rule.threshold,
        stopped_at=pd.Timestamp(looks.ends[int(over[0])]) if len(over) else None,
        verdict="stop" if len(over) else enough,
    )


def _excess(measure: Measure, looks: Looks, rule: CanaryRule) -> float | None:
    """Largest margin at which the test would have stopped the canary: the bound of the confidence sequence."""

    def stops(margin: float) -> bool:
        return bool((evidence(measure, looks, rule, margin) >= rule.threshold).any())

    low, high = _FAR if measure.kpi.direction == "lower" else (-5.0, 0.99)
    if not stops(low):
        return None
    for _ in range(16):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if stops(middle) else (low, middle)
    return low


def _value(measure: Measure, kind: Test, looks: Looks, arm: int, exact: float | None) -> ArmValue | None:
    sums = {name: getattr(looks, name)[:, arm].sum(keepdims=True) for name in ("n", "y", "x", "yy", "xx", "xy")}
    n, y, x = (float(sums[name][0]) for name in ("n", "y", "x"))
    if n == 0 or x == 0:
        return None
    if kind == "quantile":
        lower, upper = _quantile_ends(looks, arm, measure.quantile)
        return ArmValue(value=exact if exact is not None else float("nan"), lower=lower, upper=upper)
    ends = wilson(sums["y"], sums["n"], LEVEL) if kind == "counts" else ratio_interval(sums, LEVEL)
    lower, upper = (float(end[0]) if np.isfinite(end[0]) else None for end in ends)
    return ArmValue(value=y / x, lower=lower, upper=upper)


def _quantile_ends(looks: Looks, arm: int, share: float) -> tuple[float | None, float | None]:
    """Confidence sequence of one arm's quantile, in whole bins."""
    edges, above = tails(looks)
    seen = above[:, arm, :-1].cumsum(axis=0)
    possible = np.flatnonzero(quantile_set(seen, looks.n[:, arm].cumsum(), share, 1.0 - LEVEL)[-1])
    if not len(possible):
        return None, None
    first, last = int(possible[0]), int(possible[-1])
    return (
        float(np.exp(edges[first - 1] * BIN)) if first > 0 else None,
        float(np.exp(edges[last] * BIN)) if last < len(edges) else None,
    )
