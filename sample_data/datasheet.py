"""The text of the sample's ``DATASHEET.md``."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from simulation.creative_spec import ARMS
from simulation.market import Market

#: What a column holds; ``{channel}`` columns are described once.
PANEL_COLUMNS: dict[str, str] = {
    "week": "Monday of the week",
    "geo": "one of the 16 German states",
    "revenue": "revenue of the shop, euros; the outcome",
    "population": "inhabitants, end of 2024, rounded to 1,000",
    "<channel>_spend": "media spend, euros",
    "<channel>_clicks, _impressions, _views": "what was delivered for it; tv, radio and out_of_home count nothing",
    "price_index": "mean price of the assortment, 100 = mean of the window",
    "competitor_promotion": "promotion pressure of competitors in the state, 0 to 1",
    "promotion": "mean discount of the shop, 0 to 0.24; the week of Black Friday is the highest",
    "newsletter": "newsletters sent; media without cost",
}
EVENT_COLUMNS: dict[str, dict[str, str]] = {
    "data/creative_decisions.parquet": {
        "decision_id": "number of the impression",
        "ts": "time, UTC",
        "experiment_id": "test the creative belongs to; three of four creatives each",
        "unit_id": "pseudonym of the person, the same in all tables",
        "arm_id": "the creative shown",
        "propensity": "probability with which it was drawn",
        "policy_version": "day of the policy: propensities change at midnight",
        "device": "mobile or desktop",
    },
    "data/creative_rewards.parquet": {
        "decision_id": "impression that led to the conversion",
        "ts": "time the conversion arrived, UTC, hours or days after the impression",
        "value": "1 for a conversion; no row: none so far",
    },
    "data/touchpoints.parquet": {
        "unit_id": "pseudonym of the person",
        "ts": "time, UTC",
        "channel": "channel of the touch; empty for a conversion",
        "kind": "impression, click or conversion",
        "value": "value of the conversion, euros; 0 for touches",
        "cost": "cost of the touch, euros, with its share of all contacts that left no trace",
    },
    "data/content/gen_call.parquet": {
        "start_ts": "start of the model call, UTC",
        "duration_ms": "how long it took, milliseconds",
        "trace_id": "the output's trace",
        "span_id": "the call",
        "team": "team that asked",
        "pipeline": "pipeline of the team",
        "model": "generator model (invented names)",
        "output_id": "output the call worked on",
        "variant_id": "variant the output became",
        "arm": "control or canary while a canary runs, else empty",
        "error_type": "timeout, rate_limit, server_error; empty: no error",
        "input_tokens": "tokens read, cached ones included",
        "output_tokens": "tokens written",
        "cache_read_tokens": "tokens read from the cache",
        "context_window": "the model's context window, tokens",
        "ttft_ms": "time to first token, milliseconds; empty after an error",
        "cost": "cost of the call, euros",
        "currency": "EUR",
    },
    "data/content/gen_score.parquet": {
        "span_id": "empty: verdicts are on outputs",
        "output_id": "output judged",
        "scored_ts": "time of the verdict, UTC",
        "name": "what was judged",
        "value": "1 = found, 0 = not found; scores 0 to 1",
        "source": "rule, llm_judge or human",
        "judge_version": "version of the judge; empty for rules and people",
    },
    "data/content/gen_output.parquet": {
        "output_id": "the output",
        "variant_id": "variant it became",
        "team": "team that asked",
        "requested_ts": "asked for, UTC",
        "approved_ts": "approved, empty if not (yet)",
        "published_ts": "published, empty if not (yet)",
        "status": "requested, approved, published or rejected",
    },
    "data/content/gen_incident.parquet": {
        "incident_id": "the incident",
        "kind": "what happened",
        "opened_ts": "began, UTC",
        "detected_ts": "noticed",
        "resolved_ts": "over",
        "team": "team concerned",
        "severity": "low, medium or high",
    },
    "data/content/creative_variant.parquet": {
        "variant_id": "variant",
        "output_id": "output it was made of",
        "experiment_id": "test it is in",
        "arm_id": "creative it is in that test",
        "platform": "where it runs",
        "platform_ad_id": "its number there",
        "valid_from": "first shown, UTC",
        "valid_to": "last shown, empty: still running",
    },
    "data/content/business_outcome.parquet": {
        "day": "day of the reading",
        "experiment_id": "test",
        "arm_id": "creative or variant",
        "metric": "KPI of the contract",
        "value": "reading",
        "n": "sample",
        "lower": "lower end, 95%",
        "upper": "upper end, 95%",
        "method": "how it was measured",
    },
    "data/content/team_budget.parquet": {
        "team": "team",
        "month": "month, e.g. 2026-11",
        "amount": "budget for generation, euros",
        "currency": "EUR",
    },
}


def datasheet_text(market: Market, tables: Mapping[str, pd.DataFrame], seed: int) -> str:
    """The datasheet: what each column is, how it was made, what the true values mean, the licence.

    Parameters
    ----------
    market
        The sample's market.
    tables
        Path in the workspace → table.
    seed
        Seed of everything.
    """
    parts = [_INTRODUCTION.format(seed=seed)]
    weeks, geos = market.spec.n_weeks, market.spec.n_geos
    parts.append(f"## data/panel.csv\n{geos} states × {weeks} weeks, {market.panel.dates[0].date()} to "
                 f"{market.panel.dates[-1].date()} (Mondays).\n\n{_columns(PANEL_COLUMNS)}")  # fmt: skip
    parts += [
        f"## {path}\n{len(tables[path]):,} rows.\n\n{_columns(columns)}" for path, columns in EVENT_COLUMNS.items()
    ]
    parts.append(_tests(market))
    parts.append(_TRUTH)
    parts.append(_creatives())
    parts.append(_LIMITS)
    return "\n".join(parts)


def _columns(described: Mapping[str, str]) -> str:
    rows = "".join(f"| {name} | {text} |\n" for name, text in described.items())
    return f"| column | what it is |\n|---|---|\n{rows}"


def _tests(market: Market) -> str:
    rows = "".join(
        f"| {test['name']} | {', '.join(test['treated'])} | {test['start']} to {test['end']} | "
        f"{test['true_incremental_outcome']:,.0f} | {test['true_incremental_spend']:,.0f} |\n"
        for test in market.geo_tests
    )
    return (
        "## geo_tests/\nTwo tests ran inside the panel. The lift includes the weeks of cool-down; both columns are "
        "actual minus business as usual.\n\n| test | treated states | weeks of changed spend | true lift, euros | "
        f"change of spend, euros |\n|---|---|---|---|---|\n{rows}"
    )


def _creatives() -> str:
    rows = "".join(
        f"| {arm.arm_id} | {arm.rate:.1%} | {'no' if arm.tires_from is None else f'{arm.decay:.1%} a day'} | "
        f"{' / '.join(arm.attributes.values())} |\n"
        for arm in ARMS
    )
    return (
        "## The twelve creatives\n| creative | true rate while fresh | tires | format / message / model / prompt |\n"
        f"|---|---|---|---|\n{rows}"
    )


_INTRODUCTION = """\
# Datasheet of the sample workspace

Nordwind is an invented online shop. Nobody's data went into this: every file is the output of liftwerk's own
simulation, from the seed {seed}. `python -m sample_data.build` writes the same files again, and a test compares them.
Population figures are those of the German states; names of models, creatives and teams are invented.
"""

_TRUTH = """\
## truth.json
What is true in the simulated world, to eight digits, for checking results against. No method may read it.

| key | meaning |
|---|---|
| market.roas | contribution / spend over the whole window |
| market.contribution | expected revenue minus expected revenue had the channel spent nothing in the window, euros |
| market.marginal_roas | extra revenue per extra euro if every week's spend had been 1% higher |
| market.marginal_roas_recent | the same in the steady state at the mean spend of the last eight weeks |
| market.curves | revenue a week of a steady national weekly spend, spread over the states as in the last eight weeks |
| market.adstock, saturation | geometric carry-over by week; Hill half-saturation in euros a head and week, and slope |
| market.geo_effects | factor of the channel's effect in each state |
| market.controls | change of the baseline per unit of the control, as a fraction |
| market.geo_tests, lift_studies | true lift of each test |
| creatives.arms | conversion rate while fresh and on the last day, when a creative began to tire and how fast |
| journeys.removal_effect | share of conversions lost if every touch of a channel ended the journey, exact |
| journeys.incremental_share | share of all conversions truly lost without the channel: what credit should be |
| journeys.not_incremental_share | share of conversions by people who would have bought without any touch |
| journeys.transitions | probabilities of the next step of the others |
| content | true rates of models and judges, the canary and the incident week |

How the panel was made: revenue = baseline of the state × (1 + trend + seasonality + holidays + controls + a slowly
wandering part) + newsletter + media + noise of 3% a state and week. Media act on what was delivered per head: a
geometric carry-over, then a Hill curve, times an effect that differs between states by about 18%. Budgets have steps,
tv, radio and out_of_home run in flights, and now and then a channel is pushed or paused in a few states.
Journeys are of a sample of the shop's customers, touches cost what makes a channel's return on the paths its ROAS in
the market, and so many people buy anyway that the paid channels cause the same share of sales in both.
The seed was chosen so that a plain synthetic control detects both geo tests; with 30 other seeds about nine in ten of
the tests were (p ≤ 0.1 against placebo sets).
"""

_LIMITS = """\
## Limits
Simulated people do not react to each other, states do not spill over, and the model's form is the one liftwerk fits
by default: results on this data say that the software works, not that it is right about your market.
Licence: Apache-2.0, like liftwerk itself.
"""
