"""What becomes of the outputs: variants in creative tests, business outcomes, incidents, budgets."""

from __future__ import annotations

import numpy as np
import pandas as pd

from measurement.errors import InputError
from simulation.content_spec import ContentSpec
from simulation.creative_spec import ARMS

#: Business outcomes measured every week: experiment, arm, metric, true value, standard error, sample.
OUTCOMES: tuple[tuple[str, str, str, float, float, int], ...] = (
    ("winter-jackets", "winter-jackets-2", "conversion_lift", 0.30, 0.08, 2_200),
    ("winter-jackets", "winter-jackets-2", "roas_delta", 0.22, 0.09, 2_200),
    ("winter-jackets", "winter-jackets-2", "aov", 88.0, 2.1, 100),
    ("gift-guide", "gift-guide-1", "conversion_lift", 0.04, 0.09, 1_500),
    ("gift-guide", "gift-guide-1", "clv_shift", 1.8, 1.4, 1_500),
    ("running", "running-1", "conversion_lift", 0.18, 0.09, 2_000),
    ("help-articles", "assistant", "ticket_reduction", 0.11, 0.02, 5_400),
    ("help-articles", "assistant", "time_to_resolution", 6.4, 0.5, 820),
    ("help-articles", "assistant", "lead_quality", 0.61, 0.02, 610),
)
PLATFORMS: dict[str, str] = {"winter-jackets": "social", "gift-guide": "video", "running": "display"}


def creative_variants(outputs: pd.DataFrame) -> pd.DataFrame:
    """``creative_variant``: each creative of the tests is an output of the first week, made by the model it names.

    Parameters
    ----------
    outputs
        From `simulation.content.draw_outputs`; every model must have made enough outputs in the first week.
    """
    first = outputs["requested_ts"].min().normalize()
    early = outputs[(outputs["day"] < 6) & outputs["published_ts"].notna()]
    taken: set[str] = set()
    rows: list[tuple[object, ...]] = []
    for arm in ARMS:
        made = _first_output(early, "model", arm.attributes["generator_model"], taken)
        start = first + pd.Timedelta(days=7 + arm.starts)
        rows.append((made["variant_id"], made["output_id"], arm.experiment_id, arm.arm_id, start))
    article = _first_output(early, "pipeline", "help-articles", taken)
    week = first + pd.Timedelta(days=7)
    rows.append((article["variant_id"], article["output_id"], "help-articles", "assistant", week))
    table = pd.DataFrame(rows, columns=["variant_id", "output_id", "experiment_id", "arm_id", "valid_from"])
    table.insert(4, "platform", table["experiment_id"].map(PLATFORMS).fillna("web"))
    table.insert(5, "platform_ad_id", [f"ad-{7_100_000 + 37 * number}" for number in range(len(table))])
    return table.assign(valid_to=pd.Series([pd.NaT] * len(table)).dt.tz_localize("UTC"))


def _first_output(early: pd.DataFrame, column: str, value: str, taken: set[str]) -> pd.Series:
    """The first published output with ``value`` in ``column`` that no creative uses yet; it is taken from now on."""
    free = early[(early[column] == value) & ~early["output_id"].isin(taken)]
    if free.empty:
        raise InputError.of(
            "the first week has too few published outputs for the creatives", "Raise outputs_per_day", value=value
        )
    taken.add(str(free["output_id"].iloc[0]))
    return free.iloc[0]


def business_outcomes(rng: np.random.Generator, spec: ContentSpec) -> pd.DataFrame:
    """``business_outcome``: every Sunday of the last eight weeks, the true value with its error and 95% interval."""
    sundays = pd.date_range(end=pd.Timestamp(spec.last_day, tz="UTC"), periods=8, freq="7D")
    rows: list[tuple[object, ...]] = []
    for day in sundays:
        for experiment, arm, metric, true, error, n in OUTCOMES:
            value = round(float(rng.normal(true, error)), 4)
            low, high = round(value - 1.96 * error, 4), round(value + 1.96 * error, 4)
            rows.append((day, experiment, arm, metric, value, n, low, high, "randomised comparison"))
    columns = ["day", "experiment_id", "arm_id", "metric", "value", "n", "lower", "upper", "method"]
    return pd.DataFrame(rows, columns=columns)


def incidents(spec: ContentSpec) -> pd.DataFrame:
    """``gen_incident``: the incident week, and three small ones."""
    first = pd.Timestamp(spec.last_day, tz="UTC") - pd.Timedelta(days=spec.days - 1)
    small = [
        ("prompt_regression", 9, 8.5, 1.4, 3.0, spec.teams[0].name, "medium"),
        ("moderation_outage", 17, 10.0, 0.3, 2.2, spec.teams[-1].name, "low"),
        ("quota_exhausted", 49, 14.2, 0.6, 4.5, spec.teams[min(1, len(spec.teams) - 1)].name, "medium"),
    ]
    if spec.incident is not None:
        hours = 24.0 * spec.incident.days - 10.0
        small.append(("model_degradation", spec.incident.from_day, 5.0, 9.0, hours, spec.teams[0].name, "high"))
    rows: list[tuple[object, ...]] = []
    for kind, day, hour, seen_after, solved_after, team, severity in sorted(small, key=lambda row: row[1]):
        opened = first + pd.Timedelta(minutes=round((24 * day + hour) * 60))
        detected = opened + pd.Timedelta(minutes=round(60 * seen_after))
        resolved = opened + pd.Timedelta(minutes=round(60 * solved_after))
        rows.append((f"i{len(rows) + 1:02d}", kind, opened, detected, resolved, team, severity))
    columns = ["incident_id", "kind", "opened_ts", "detected_ts", "resolved_ts", "team", "severity"]
    return pd.DataFrame(rows, columns=columns)


def budgets(spec: ContentSpec) -> pd.DataFrame:
    """``team_budget``: one row a team and month of the window."""
    last = pd.Timestamp(spec.last_day)
    months = pd.period_range(last - pd.Timedelta(days=spec.days - 1), last, freq="M")
    rows = [(team.name, str(month), team.monthly_budget, "EUR") for month in months for team in spec.teams]
    return pd.DataFrame(rows, columns=["team", "month", "amount", "currency"])
