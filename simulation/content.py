"""A content pipeline with known truth: model calls, outputs, verdicts, incidents, a canary, budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.content_calls import draw_calls
from simulation.content_scores import draw_scores
from simulation.content_spec import ContentSpec, ModelSpec
from simulation.content_use import budgets, business_outcomes, creative_variants, incidents

FloatArray = NDArray[np.float64]
OUTPUT_COLUMNS = ("output_id", "variant_id", "team", "requested_ts", "approved_ts", "published_ts", "status")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Content:
    """``tables``: name (``gen_call``, …) → rows in the contract's columns; ``truth``: what is behind them."""

    seed: int
    spec: ContentSpec
    tables: dict[str, pd.DataFrame]
    truth: dict[str, Any]


def simulate_content(seed: int, spec: ContentSpec | None = None) -> Content:
    """Simulate a content pipeline.

    Parameters
    ----------
    seed
        Non-negative.
    spec
        By default `ContentSpec`.

    Examples
    --------
    >>> content = simulate_content(1)
    >>> sorted(content.tables)[:3]
    ['business_outcome', 'creative_variant', 'gen_call']
    """
    spec = spec or ContentSpec()
    outputs = draw_outputs(np.random.default_rng([seed, 50]), spec)
    calls = draw_calls(np.random.default_rng([seed, 51]), spec, outputs)
    tables = {
        "gen_call": calls,
        "gen_score": draw_scores(np.random.default_rng([seed, 52]), spec, outputs),
        "gen_output": outputs[list(OUTPUT_COLUMNS)],
        "gen_incident": incidents(spec),
        "creative_variant": creative_variants(outputs),
        "business_outcome": business_outcomes(np.random.default_rng([seed, 53]), spec),
        "team_budget": budgets(spec),
    }
    return Content(seed=seed, spec=spec, tables=tables, truth=_truth(spec, outputs, calls))


def draw_outputs(rng: np.random.Generator, spec: ContentSpec) -> pd.DataFrame:
    """One row an output asked for: ``gen_output`` and what is true of it.

    Beside the contract's columns: ``pipeline``, ``model``, ``arm`` (missing while no canary runs), ``day`` (0-based),
    ``incident`` (made by the failing model in its week) and ``invented`` (1.0 where the text holds an invented fact).
    """
    first = pd.Timestamp(spec.last_day, tz="UTC") - pd.Timedelta(days=spec.days - 1)
    weekday = (first.weekday() + np.arange(spec.days)) % 7
    parts = []
    for team in spec.teams:
        counts = rng.poisson(team.outputs_per_day * np.where(weekday >= 5, 0.25, 1.0))
        day = np.repeat(np.arange(spec.days), counts)
        names, weights = zip(*team.models, strict=True)
        parts.append(
            pd.DataFrame(
                {
                    "team": team.name,
                    "pipeline": team.pipeline,
                    "model": rng.choice(names, size=len(day), p=weights),
                    "day": day,
                    "second": np.floor(rng.uniform(6.5, 17.5, len(day)) * 3_600.0),
                }
            )
        )
    outputs = pd.concat(parts, ignore_index=True).sort_values(["day", "second", "team"], ignore_index=True)
    number = pd.Series(np.arange(len(outputs)))
    outputs["output_id"] = "o" + number.astype(str).str.zfill(5)
    outputs["variant_id"] = "v" + number.astype(str).str.zfill(5)
    outputs["requested_ts"] = first + pd.to_timedelta(outputs["day"] * 86_400.0 + outputs["second"], unit="s")
    outputs["arm"] = _arms(rng, spec, outputs)
    outputs["incident"] = in_incident(spec, outputs)
    outputs["invented"] = (rng.random(len(outputs)) < true_rate(spec, outputs)).astype(np.float64)
    return _published(rng, spec, outputs)


def in_incident(spec: ContentSpec, outputs: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether an output was made by the failing model in its week."""
    event = spec.incident
    if event is None:
        return np.zeros(len(outputs), dtype=bool)
    week = outputs["day"].between(event.from_day, event.from_day + event.days - 1)
    return np.asarray(week & (outputs["model"] == event.model), dtype=np.bool_)


def true_rate(spec: ContentSpec, outputs: pd.DataFrame) -> FloatArray:
    """Probability of an invented fact of each output."""
    base: dict[str, float] = {model.name: model.hallucination for model in spec.models}
    rate = outputs["model"].map(base).to_numpy(dtype=np.float64)
    if spec.incident is not None:
        rate = np.where(outputs["incident"], rate * spec.incident.hallucination_factor, rate)
    if spec.canary is not None:
        rate = np.where(outputs["arm"] == "canary", rate * spec.canary.hallucination_factor, rate)
    return np.minimum(rate, 0.95)


def _arms(rng: np.random.Generator, spec: ContentSpec, outputs: pd.DataFrame) -> pd.Series:
    canary = spec.canary
    if canary is None:
        return pd.Series([None] * len(outputs), dtype="str")
    running = (outputs["team"] == canary.team) & (outputs["day"] >= canary.from_day)
    drawn = pd.Series(np.where(rng.random(len(outputs)) < canary.share, "canary", "control"), dtype="str")
    return drawn.where(running)


def _published(rng: np.random.Generator, spec: ContentSpec, outputs: pd.DataFrame) -> pd.DataFrame:
    """Approval and publication; what lies after the last day has not happened yet."""
    count = len(outputs)
    end = pd.Timestamp(spec.last_day, tz="UTC") + pd.Timedelta(days=1)
    rejected = rng.random(count) < np.where(outputs["invented"] > 0, 0.45, 0.06)
    review = np.ceil(5.0 * 3_600.0 * np.exp(rng.normal(0.0, 0.7, count)))
    queue = np.ceil(13.0 * 3_600.0 * np.exp(rng.normal(0.0, 0.6, count)))
    approved = outputs["requested_ts"] + pd.to_timedelta(pd.Series(review), unit="s")
    published = approved + pd.to_timedelta(pd.Series(queue), unit="s")
    outputs["approved_ts"] = approved.where(~rejected & (approved < end))
    outputs["published_ts"] = published.where(~rejected & (published < end))
    status = np.where(outputs["published_ts"].notna(), "published", "requested")
    status = np.where(outputs["published_ts"].isna() & outputs["approved_ts"].notna(), "approved", status)
    outputs["status"] = np.where(rejected & (approved < end), "rejected", status)
    return outputs


def _truth(spec: ContentSpec, outputs: pd.DataFrame, calls: pd.DataFrame) -> dict[str, Any]:
    first = pd.Timestamp(spec.last_day) - pd.Timedelta(days=spec.days - 1)

    def day(number: int) -> str:
        return str((first + pd.Timedelta(days=number)).date())

    truth: dict[str, Any] = {
        "window": {"first_day": day(0), "last_day": spec.last_day},
        "models": {model.name: _model_truth(model, calls) for model in spec.models},
        "invented_share": {str(team): float(part.mean()) for team, part in outputs.groupby("team")["invented"]},
        "judge": {
            "judge-1": {"sensitivity": spec.sensitivity, "specificity": spec.specificity},
            "judge-2": {"sensitivity": spec.new_sensitivity, "specificity": spec.specificity},
            "new_version_from": day(spec.new_judge_day),
        },
    }
    if spec.canary is not None:
        truth["canary"] = {
            "team": spec.canary.team,
            "from": day(spec.canary.from_day),
            "share": spec.canary.share,
            "hallucination_factor": spec.canary.hallucination_factor,
        }
    if spec.incident is not None:
        truth["incident"] = {
            "model": spec.incident.model,
            "first_day": day(spec.incident.from_day),
            "last_day": day(spec.incident.from_day + spec.incident.days - 1),
            "latency_factor": spec.incident.latency_factor,
            "error_rate": spec.incident.error_rate,
            "hallucination_factor": spec.incident.hallucination_factor,
        }
    return truth


def _model_truth(model: ModelSpec, calls: pd.DataFrame) -> dict[str, float]:
    return {
        "hallucination": model.hallucination,
        "error_rate": model.error_rate,
        "median_latency_ms": model.latency_ms,
        "cost": float(calls.loc[calls["model"] == model.name, "cost"].sum()),
    }
