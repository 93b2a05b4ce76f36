"""Canary tests of every kind of KPI: no false alarm at any look, faults found, drift and ramps no evidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks import content_canary as study
from measurement.errors import InputError
from monitoring.canary import CanaryRule
from monitoring.canary_evidence import quantile_set
from monitoring.content import content_report

KINDS = list(study.TESTS)


@pytest.mark.parametrize("world", ["steady", "ramp"])
def test_four_guardrails_at_once_hold_the_error_at_every_look(world):
    rng, streams = np.random.default_rng(3), 40
    stopped = [
        any((study.TESTS[kind](study.draw(rng, kind, world)) >= study.THRESHOLD).any() for kind in KINDS)
        for _ in range(streams)
    ]
    assert sum(stopped) <= 6  # P(more at 5%) is under 1%


def test_a_fixed_sample_test_is_fooled_by_the_same_streams():
    rng = np.random.default_rng(4)
    assert np.mean([study.naive(study.draw(rng, "money", "ramp"), 1.0) for _ in range(20)]) > 0.5


@pytest.mark.parametrize(("kind", "worse", "most"), [
    ("rate", 1.0, 1500), ("latency", 0.25, 1500), ("money", 0.35, 2500), ("score", 0.03, 1200),
])  # fmt: skip
def test_a_worse_canary_is_stopped_soon(kind, worse, most):
    rng, seen = np.random.default_rng(5), []
    for _ in range(15):
        looks = study.draw(rng, kind, "steady", worse)
        over = np.flatnonzero(study.TESTS[kind](looks) >= study.THRESHOLD)
        seen.append(looks.n[: over[0] + 1, 1].sum() if len(over) else np.inf)
    assert np.median(seen) <= most


def test_the_quantile_sequence_covers_at_every_look():
    rng, edges = np.random.default_rng(6), np.log([0.5, 1.0, 2.0])
    outside = 0
    for _ in range(200):
        values = rng.standard_normal((60, 40)) + np.log(1.5) - 1.6448536269514722  # p95 at log 1.5
        above = (values[:, :, None] >= edges).sum(axis=1).cumsum(axis=0).astype(float)
        possible = quantile_set(above, np.arange(40.0, 2401.0, 40.0), 0.95, 0.05)
        outside += not possible[-1, 2]  # the interval from 1 to 2 holds it
    assert outside <= 10


def _calls(latency=1.0, cost=1.0, count=6000, seed=1):
    rng = np.random.default_rng(seed)
    arm = rng.choice(["control", "canary"], count)
    canary = arm == "canary"
    return pd.DataFrame({
        "start_ts": pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(np.sort(rng.uniform(0, 10 * 86400, count)), unit="s"),
        "duration_ms": 900 * np.exp(0.5 * rng.standard_normal(count)) * np.where(canary, latency, 1.0),
        "cost": 0.02 * np.exp(0.8 * rng.standard_normal(count)) * np.where(canary, cost, 1.0),
        "team": "web", "pipeline": "ads", "model": "m", "arm": arm, "currency": "EUR", "error_type": "",
        "input_tokens": 1000.0, "output_tokens": 200.0, "span_id": [f"s{i}" for i in range(count)],
        "output_id": [f"o{i}" for i in range(count)],
    })  # fmt: skip


def _canary(calls, scores=None, **rule):
    tables = {"gen_call": calls} | ({} if scores is None else {"gen_score": scores})
    found = content_report(tables, currency="EUR", canary_rule=CanaryRule(**rule)).canary()
    return {test["kpi"]: test for test in found["tests"]}


KPIS = ("latency_p95", "latency_p50", "cost_per_output", "cost_per_1k_tokens", "tokens")


def test_slow_and_dear_canaries_are_told_with_how_much_at_least():
    tests = _canary(_calls(latency=1.5, cost=1.6), guardrails=KPIS)
    assert {kpi: test["verdict"] for kpi, test in tests.items()} == dict.fromkeys(KPIS[:4], "stop") | {
        "tokens": "continue"
    }
    for kpi, true in (("latency_p95", 0.5), ("latency_p50", 0.5), ("cost_per_output", 0.6)):
        assert 0.0 < tests[kpi]["excess_lower"] < true
        assert tests[kpi]["canary_value"]["lower"] > tests[kpi]["control_value"]["upper"]
    exact = _calls(latency=1.5, cost=1.6)
    slow = exact.loc[exact["arm"] == "canary", "duration_ms"].quantile(0.95)
    assert tests["latency_p95"]["canary_value"]["value"] == pytest.approx(slow)


def test_a_margin_tolerates_what_it_says_and_no_more():
    calls = _calls(latency=1.15)
    assert _canary(calls, guardrails=("latency_p95",))["latency_p95"]["verdict"] == "stop"
    within = _canary(calls, guardrails=("latency_p95",), margins={"latency_p95": 0.2})["latency_p95"]
    assert (within["verdict"], within["margin"]) == ("continue", 0.2)
    assert _canary(calls, guardrails=("latency_p95",), margin=0.02)["latency_p95"]["verdict"] == "stop"


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_scores_where_higher_is_better_on_any_scale(scale):
    calls = _calls()
    rng = np.random.default_rng(2)
    mean = np.where(calls["arm"] == "canary", 0.84, 0.9)
    scores = pd.DataFrame({
        "span_id": calls["span_id"], "scored_ts": calls["start_ts"], "name": "fact_score",
        "value": scale * rng.beta(30 * mean, 30 * (1 - mean)), "source": "llm_judge",
    })  # fmt: skip
    test = _canary(calls, scores, guardrails=("fact_score", "brand_fit"))
    assert test["fact_score"]["verdict"] == "stop"
    assert ("Bernstein" in test["fact_score"]["method"]) == (scale == 1.0)
    assert test["brand_fit"]["verdict"] == "not_enough_data"
    swapped = calls.assign(arm=calls["arm"].map({"canary": "control", "control": "canary"}))
    assert _canary(swapped, scores, guardrails=("fact_score",))["fact_score"]["verdict"] == "continue"


def test_what_was_before_a_resumption_is_not_held_against_the_canary():
    calls = _calls(latency=1.5)
    since = {("web", "ads"): calls["start_ts"].iloc[4500].tz_localize(None)}
    later = _canary(calls, guardrails=("latency_p95",), since=since)["latency_p95"]
    assert later["control_n"] + later["canary_n"] == 1500
    assert later["verdict"] == "stop"
    mended = pd.concat([calls.head(4500), _calls(seed=9).tail(1500)])
    assert _canary(mended, guardrails=("latency_p95",), since=since)["latency_p95"]["verdict"] == "continue"


@pytest.mark.parametrize("name", ["latency_95", "throughput_per_hour", "time_to_recovery", "conversion_lift"])
def test_a_guardrail_without_a_value_for_each_arm_is_refused(name):
    with pytest.raises(InputError, match="KPI") as refused:
        CanaryRule(guardrails=("error_rate", name))
    assert refused.value.problems[0].column == "content.canary.guardrails"


def test_a_margin_without_its_guardrail_is_refused():
    with pytest.raises(InputError, match="margin is for none"):
        CanaryRule(margins={"latency_p95": 0.1})
