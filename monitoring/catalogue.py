"""Every KPI of the content pipeline: what it is, which way is better, and the SQL that makes it."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from measurement.errors import InputError, Problem
from measurement.kpis import Direction, Kpi

#: How rows become a value with an interval.
Kind = Literal["quantile", "rate", "mean", "total", "ratio", "hits", "per_hour", "corrected"]
#: Views that `monitoring.tables` builds: model calls, judged scores, outputs, published outputs, incidents.
Source = Literal["calls", "scores", "outputs", "published", "incidents", "business", "labels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """How a KPI is computed.

    Attributes
    ----------
    kpi
        Its definition.
    kind
        ``quantile``: order statistic of ``value``; ``rate``: share of rows where ``value`` is 1 (Wilson); ``mean``;
        ``total``: sum; ``ratio``: Σ value / Σ per; ``hits``: sum over judged rows; ``per_hour``: sum over hours seen.
    source
        The view it reads.
    value, per
        SQL expressions over that view; rows where they are NULL are not counted.
    where
        SQL condition.
    quantile
        For ``quantile``.
    """

    kpi: Kpi
    kind: Kind
    source: Source
    value: str
    per: str = "NULL"
    where: str = "TRUE"
    quantile: float = 0.5


def _measure(
    definition: tuple[str, str, str, Direction, str], kind: Kind, source: Source, value: str, **more: object
) -> Measure:
    name, title, unit, direction, formula = definition
    kpi = Kpi(id=name, name=title, unit=unit, direction=direction, formula=formula)
    return Measure(kpi=kpi, kind=kind, source=source, value=value, **more)  # type: ignore[arg-type]  # forwarded fields


def _latency(share: int) -> Measure:
    formula = f"{share}th percentile of the duration of a model call, failed calls included"
    definition: tuple[str, str, str, Direction, str] = (
        f"latency_p{share}",
        f"Latency p{share}",
        "ms",
        "lower",
        formula,
    )
    return _measure(definition, "quantile", "calls", "duration_ms", quantile=share / 100)


def _score(name: str, title: str, formula: str) -> Measure:
    return _measure((name, title, "fraction", "higher", formula), "mean", "scores", "value", where=f"name = '{name}'")


def _found(name: str, title: str, score: str, formula: str) -> Measure:
    return _measure((name, title, "count", "lower", formula), "hits", "scores", "value", where=f"name = '{score}'")


def _business(name: str, title: str, unit: str, direction: Direction, formula: str) -> Measure:
    return _measure((name, title, unit, direction, formula), "mean", "business", "value", where=f"metric = '{name}'")


_TOKENS = "input_tokens + output_tokens"

MEASURES: tuple[Measure, ...] = (
    _latency(50),
    _latency(95),
    _latency(99),
    _measure(
        ("ttft_p95", "Time to first token p95", "ms", "lower", "95th percentile of the time to the first token"),
        "quantile", "calls", "ttft_ms", quantile=0.95,
    ),
    _measure(
        ("error_rate", "Error rate", "fraction", "lower", "model calls with an error / model calls"),
        "rate", "calls", "error",
    ),
    _measure(
        ("throughput_per_hour", "Throughput", "per_hour", "higher",
         "model calls without error / hours of that day in the log"),
        "per_hour", "calls", "1 - error",
    ),
    _measure(
        ("tokens", "Tokens", "count", "lower", "input and output tokens of all model calls"),
        "total", "calls", _TOKENS,
    ),
    _measure(
        ("context_utilisation", "Context-window use", "fraction", "lower", "mean of input tokens / context window"),
        "mean", "calls", "input_tokens / nullif(context_window, 0)",
    ),
    _measure(
        ("cache_hit_share", "Cache-hit share", "fraction", "higher", "input tokens read from a cache / input tokens"),
        "ratio", "calls", "cache_read_tokens", per="input_tokens", where="cache_read_tokens IS NOT NULL",
    ),
    _measure(
        ("cost_per_output", "Cost per output", "currency", "lower",
         "cost of all calls for outputs first worked on that day / those outputs, by the costliest call's model"),
        "mean", "outputs", "cost",
    ),
    _measure(
        ("cost_per_1k_tokens", "Cost per 1,000 tokens", "currency", "lower",
         "1,000 × cost / tokens, of calls with both"),
        "ratio", "calls", "1000.0 * cost", per=_TOKENS, where=f"cost IS NOT NULL AND {_TOKENS} > 0",
    ),
    _measure(
        ("hallucination_rate", "Hallucination rate", "fraction", "lower",
         "judged outputs with a hallucination score of at least .5 / judged outputs; not judged is left out"),
        "rate", "scores", "CAST(value >= 0.5 AS DOUBLE)", where="name = 'hallucination'",
    ),
    _measure(
        ("moderation_hits", "Moderation hits", "count", "lower", "judged outputs that moderation flagged"),
        "hits", "scores", "CAST(value > 0 AS DOUBLE)", where="name = 'moderation'",
    ),
    _score("fact_score", "Fact score", "mean fact score of judged outputs"),
    _score("coverage", "Coverage", "mean share of the brief that judged outputs cover"),
    _score("readability", "Readability", "mean readability of judged outputs"),
    _score("entity_consistency", "Entity consistency", "mean entity consistency of judged outputs"),
    _score("brand_fit", "Brand fit", "mean brand fit of judged outputs"),
    _found("policy_violations", "Policy violations", "policy_violation", "policy violations found in judged outputs"),
    _found("audit_findings", "Audit findings", "audit_finding", "audit findings in judged outputs"),
    _found("data_leaks", "Data leaks", "data_leak", "leaks of personal or secret data found in judged outputs"),
    _measure(
        ("time_to_publish", "Time to publish", "hours", "lower",
         "median hours from request to publication, by the day of publication"),
        "quantile", "published", "hours", quantile=0.5,
    ),
    _measure(
        ("time_to_recovery", "Time to recovery", "hours", "lower",
         "mean hours from opening to resolving an incident, by the day it opened; open incidents are left out"),
        "mean", "incidents", "hours",
    ),
    _business("conversion_lift", "Conversion lift", "fraction", "higher", "relative lift of conversions, as measured"),
    _business("roas_delta", "ROAS delta", "ratio", "higher", "change of return on ad spend, as measured"),
    _business("lead_quality", "Lead quality", "fraction", "higher", "share of qualified leads, as measured"),
    _business("ticket_reduction", "Ticket reduction", "fraction", "higher", "share of support tickets avoided"),
    _business("time_to_resolution", "Time to resolution", "hours", "lower", "hours to resolve a ticket"),
    _business("clv_shift", "Customer lifetime value", "currency", "higher", "change of customer lifetime value"),
    _business("aov", "Average order value", "currency", "higher", "average order value"),
)  # fmt: skip

#: Not a sum of rows: `monitoring.judges` computes it from verdicts and people's labels together.
CORRECTED = _measure(
    (
        "hallucination_rate_corrected",
        "Hallucination rate, corrected",
        "fraction",
        "lower",
        "hallucination rate behind the judge's verdicts, by its sensitivity and specificity on people's labels",
    ),
    "corrected",
    "labels",
    "value",
)

CATALOGUE: Mapping[str, Measure] = {measure.kpi.id: measure for measure in (*MEASURES, CORRECTED)}


def nearest(name: str, known: Collection[str], otherwise: str) -> str:
    """A remedy for a KPI that is none: the nearest known one, else what is said ``otherwise``."""
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean '{near[0]}'" if near else otherwise


def check_objectives(objectives: Mapping[str, float]) -> None:
    """Refuse objectives for KPIs that do not exist.

    Raises
    ------
    InputError
        One problem for each unknown KPI id, with the nearest known one.
    """
    problems = [
        Problem(
            message="an objective names a KPI that does not exist",
            remedy=nearest(name, CATALOGUE, f"Use one of {', '.join(CATALOGUE)}"),
            file="liftwerk.toml",
            column="content.objectives",
            value=name,
        )
        for name in objectives
        if name not in CATALOGUE
    ]
    if problems:
        raise InputError(problems)
