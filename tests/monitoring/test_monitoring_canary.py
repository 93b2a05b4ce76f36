"""The canary: false alarms at every look, power, and robustness to outages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from monitoring.canary import CanaryRule, e_process
from monitoring.content import content_report


def streams(rng, count, rate, *, looks=150, per_look=40, ratio=1.0, share=0.5, weather=None):
    """Counts of shape (count, looks, 2): bad and all, random split, ``weather`` multiplies both rates by look."""
    everyone = rng.poisson(per_look, (count, looks))
    canary = rng.binomial(everyone, share)
    n = np.stack([everyone - canary, canary], axis=-1)
    level = rate * (np.ones(looks) if weather is None else weather)
    bad = rng.binomial(n, np.minimum(np.stack([level, level * ratio], axis=-1), 1.0))
    return bad, n


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.05, 0.3])
@pytest.mark.parametrize("share", [0.5, 0.1])
def test_false_alarms_stay_below_alpha_at_every_look(rate, share):
    bad, n = streams(np.random.default_rng(1), 400, rate, share=share)
    assert (e_process(bad, n).max(axis=1) >= 1 / 0.05).mean() <= 0.05


def test_an_outage_that_hits_both_arms_is_no_evidence():
    """Even when the canary's share of the traffic changes with the outage, which a pooled comparison would misread."""
    rng = np.random.default_rng(2)
    first = streams(rng, 400, 0.01, looks=60, share=0.05)
    outage = streams(rng, 400, 0.30, looks=60, share=0.50)
    bad, n = (np.concatenate(pair, axis=1) for pair in zip(first, outage, strict=True))
    assert (e_process(bad, n).max(axis=1) >= 1 / 0.05).mean() <= 0.05
    pooled = bad.sum(axis=1) / n.sum(axis=1)
    assert (pooled[:, 1] > 1.3 * pooled[:, 0]).mean() > 0.9  # the fallacy this avoids


def test_a_doubling_is_stopped_in_time():
    bad, n = streams(np.random.default_rng(3), 400, 0.02, ratio=2.0, looks=200)
    course = e_process(bad, n) >= 2 / 0.05
    seen = np.cumsum(n[..., 1], axis=1)
    first = np.where(course.any(axis=1), course.argmax(axis=1), n.shape[1] - 1)
    assert course.any(axis=1).mean() > 0.95
    assert np.median(seen[np.arange(400), first]) <= 1500


def test_a_margin_tolerates_what_it_says():
    bad, n = streams(np.random.default_rng(4), 400, 0.05, ratio=1.25)
    assert (e_process(bad, n, 0.25).max(axis=1) >= 20).mean() <= 0.05
    assert (e_process(bad, n).max(axis=1) >= 20).mean() > 0.1


def _calls(rate, count, seed=1, per_hour=80):
    rng = np.random.default_rng(seed)
    arm = rng.choice(["control", "canary"], count)
    bad = rng.random(count) < np.where(arm == "canary", rate[1], rate[0])
    return pd.DataFrame(
        {
            "start_ts": pd.Timestamp("2026-10-05", tz="UTC") + pd.to_timedelta(np.arange(count) / per_hour, unit="h"),
            "duration_ms": 500.0,
            "team": "web",
            "model": "m",
            "pipeline": "copy",
            "arm": arm,
            "error_type": np.where(bad, "timeout", ""),
            "span_id": [f"s{number}" for number in range(count)],
        }
    )


def _scores(calls, rate, seed=2):
    rng = np.random.default_rng(seed)
    bad = rng.random(len(calls)) < np.where(calls["arm"] == "canary", rate[1], rate[0])
    return pd.DataFrame(
        {
            "span_id": calls["span_id"],
            "scored_ts": calls["start_ts"],
            "name": "hallucination",
            "value": bad.astype(float),
            "source": "llm_judge",
        }
    )


def test_the_report_says_stop_with_facts():
    calls = _calls((0.02, 0.02), 6000)
    canary = content_report({"gen_call": calls, "gen_score": _scores(calls, (0.03, 0.08))}, currency="EUR").canary()
    assert canary["verdict"] == "stop"
    by_kpi = {test["kpi"]: test for test in canary["tests"]}
    assert by_kpi["error_rate"]["verdict"] == "continue"
    stopped = by_kpi["hallucination_rate"]
    assert stopped["e_max"] >= stopped["threshold"] == 40
    assert stopped["stopped_at"] < calls["start_ts"].max().isoformat()
    assert stopped["canary_rate"]["lower"] < 0.08 < stopped["canary_rate"]["upper"]


def test_little_data_is_a_verdict_of_its_own():
    report = content_report({"gen_call": _calls((0.02, 0.02), 150)}, currency="EUR")
    assert report.canary()["verdict"] == "not_enough_data"
    nothing = content_report({"gen_call": _calls((0, 0), 50).drop(columns="arm")}, currency="EUR").canary()
    assert (nothing["verdict"], nothing["tests"]) == ("not_enough_data", [])


def test_a_grave_fault_stops_before_the_minimum_sample():
    report = content_report({"gen_call": _calls((0.0, 0.5), 100)}, currency="EUR")
    assert report.canary()["verdict"] == "stop"


def test_an_impossible_rule_is_refused():
    with pytest.raises(InputError, match="canary rule"):
        CanaryRule(alpha=0.0)
