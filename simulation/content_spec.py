"""What a simulated content pipeline is made of: teams, models, prices, judges, a canary and an incident week."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A generator model and what is true of it.

    Attributes
    ----------
    name
        Name in ``gen_call.model``.
    input_price, output_price, cache_price
        Euros per million tokens; a cached input token costs ``cache_price`` instead of ``input_price``.
    latency_ms
        Median latency of a call.
    error_rate
        Share of calls that fail.
    hallucination
        Share of outputs with an invented fact, under the control prompt.
    context_window
        Tokens.
    """

    name: str
    input_price: float
    output_price: float
    cache_price: float
    latency_ms: float
    error_rate: float
    hallucination: float
    context_window: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamSpec:
    """A team: its pipeline, outputs a weekday, the share of its outputs each model makes, and its monthly budget."""

    name: str
    pipeline: str
    outputs_per_day: float
    models: tuple[tuple[str, float], ...]
    monthly_budget: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CanarySpec:
    """A new prompt version on part of one team's outputs: ``factor`` × the hallucination rate, cheaper calls."""

    team: str = "performance"
    from_day: int = 35
    share: float = 0.4
    hallucination_factor: float = 4.0
    latency_factor: float = 0.85
    token_factor: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentSpec:
    """A week in which one model is slow, fails and invents."""

    model: str = "lumen-large"
    from_day: int = 28
    days: int = 7
    latency_factor: float = 3.0
    error_rate: float = 0.14
    hallucination_factor: float = 2.2


MODELS: tuple[ModelSpec, ...] = (
    ModelSpec(
        name="lumen-large",
        input_price=2.8,
        output_price=13.5,
        cache_price=0.28,
        latency_ms=2400.0,
        error_rate=0.012,
        hallucination=0.030,
        context_window=200_000,
    ),
    ModelSpec(
        name="lumen-small",
        input_price=0.5,
        output_price=2.3,
        cache_price=0.05,
        latency_ms=900.0,
        error_rate=0.010,
        hallucination=0.065,
        context_window=128_000,
    ),
    ModelSpec(
        name="atlas-2",
        input_price=1.4,
        output_price=5.6,
        cache_price=0.35,
        latency_ms=1500.0,
        error_rate=0.020,
        hallucination=0.045,
        context_window=64_000,
    ),
)

TEAMS: tuple[TeamSpec, ...] = (
    TeamSpec(
        name="brand",
        pipeline="campaign-copy",
        outputs_per_day=16.0,
        models=(("lumen-large", 0.7), ("atlas-2", 0.3)),
        monthly_budget=32.0,
    ),
    TeamSpec(
        name="performance",
        pipeline="ad-variants",
        outputs_per_day=42.0,
        models=(("lumen-small", 0.6), ("lumen-large", 0.4)),
        monthly_budget=30.0,
    ),
    TeamSpec(
        name="service",
        pipeline="help-articles",
        outputs_per_day=9.0,
        models=(("atlas-2", 0.8), ("lumen-small", 0.2)),
        monthly_budget=9.0,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentSpec:
    """A content pipeline.

    Attributes
    ----------
    teams, models
        Who works with what; weekends see a quarter of a weekday's outputs.
    last_day, days
        Window; each team's outputs are asked for on these days.
    canary, incident
        What happens in it; ``None`` for a quiet pipeline.
    judged, audited
        Share of approved outputs that a model judges, and that a person reads.
    sensitivity, specificity
        Of the judge, for an invented fact; the second judge version has ``new_sensitivity``.
    new_judge_day
        Day from which the second judge version works.
    """

    teams: tuple[TeamSpec, ...] = TEAMS
    models: tuple[ModelSpec, ...] = MODELS
    last_day: str = "2026-11-22"
    days: int = 63
    canary: CanarySpec | None = CanarySpec()
    incident: IncidentSpec | None = IncidentSpec()
    judged: float = 0.75
    audited: float = 0.18
    sensitivity: float = 0.82
    new_sensitivity: float = 0.91
    specificity: float = 0.98
    new_judge_day: int = 45
