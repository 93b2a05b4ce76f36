"""The judge against people: calibration, and the rate behind its verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

from benchmarks.content_coverage import judged, quantiles, rates
from monitoring.content import content_report
from monitoring.judges import corrected_posterior, corrected_rates


def test_intervals_cover_over_simulated_days():
    for number, rate in enumerate((0.01, 0.05, 0.2)):
        assert 0.93 <= rates(np.random.default_rng(number), 4000, rate) <= 0.97
    for q, heavy in ((0.5, False), (0.95, True), (0.99, False)):
        assert 0.92 <= quantiles(np.random.default_rng(9), 800, q, heavy=heavy) <= 0.975


def test_corrected_rates_cover_where_the_judges_own_do_not():
    drawn, found, naive, width = judged(np.random.default_rng(2), 100, 0.05, 0.8, 0.05)
    assert 0.93 <= drawn <= 0.985
    assert found >= 0.95
    assert naive < 0.6
    assert width < 0.13


def test_the_posterior_is_the_integral_it_claims_to_be():
    pairs = pd.DataFrame({"tp": [9], "fn": [2], "fp": [4], "tn": [60]})
    flagged, alone, bad, labelled = 14.0, 120.0, 2.0, 20.0
    median, lower, upper = corrected_posterior(
        np.array([bad]), np.array([labelled]), np.array([[flagged]]), np.array([[alone]]), pairs, 0.95
    )[:, 0]

    def below(end):
        grid, catch, alarm = np.linspace(1e-4, end, 300), np.linspace(0.003, 0.997, 120), np.linspace(0.001, 0.3, 150)
        r, c, a = np.meshgrid(grid, catch, alarm, indexing="ij")
        shown = r * c + (1 - r) * a
        density = (
            stats.beta(0.5, 0.5).pdf(r) * stats.binom.pmf(bad, labelled, r) * stats.binom.pmf(flagged, alone, shown)
            * stats.beta(10, 3).pdf(c) * stats.beta(5, 61).pdf(a)
        )  # fmt: skip
        return integrate.trapezoid(density.sum(axis=(1, 2)), grid)

    whole = below(0.9999)
    for end, share in ((lower, 0.025), (median, 0.5), (upper, 0.975)):
        assert below(end) / whole == pytest.approx(share, abs=0.03)


def _table(rng, count, catch, alarm, *, audited=0.3, rate=0.1, version="v1", start=0):
    truth = rng.random(count) < rate
    verdict = np.where(truth, rng.random(count) < catch, rng.random(count) < alarm)
    label = rng.random(count) < audited
    at = pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(np.arange(count) % 3, unit="D")
    names = [f"o{start + i}" for i in range(count)]
    calls = pd.DataFrame({
        "start_ts": at, "duration_ms": 1.0, "team": "web", "model": "m", "output_id": names,
        "span_id": [f"s{start + i}" for i in range(count)],
    })  # fmt: skip
    scores = pd.DataFrame({"output_id": names, "scored_ts": at, "name": "hallucination"})
    machine = scores.assign(value=verdict.astype(float), source="llm_judge", judge_version=version)
    people = scores[label].assign(value=truth[label].astype(float), source="human", judge_version=None)
    return calls, pd.concat([machine, people], ignore_index=True), truth


def test_the_report_corrects_by_version_and_says_how_well_each_agrees():
    rng = np.random.default_rng(4)
    parts = [_table(rng, 3000, 0.6, 0.1, version="v1"), _table(rng, 3000, 0.9, 0.02, version="v2", start=3000)]
    calls, scores = (pd.concat([part[i] for part in parts], ignore_index=True) for i in (0, 1))
    report = content_report(
        {"gen_call": calls, "gen_score": scores}, currency="EUR", level=0.99,
        objectives={"hallucination_rate_corrected": 0.05},
    )  # fmt: skip
    judges = report.judges().set_index("judge_version")
    for version, catch, alarm in (("v1", 0.6, 0.1), ("v2", 0.9, 0.02)):
        row = judges.loc[version]
        assert row["sensitivity_lower"] <= catch <= row["sensitivity_upper"]
        assert row["specificity_lower"] <= 1 - alarm <= row["specificity_upper"]
        assert row["agreement"] > 0.85
    corrected = report.series("hallucination_rate_corrected")
    for lower, value, upper in zip(corrected.lower, corrected.value, corrected.upper, strict=True):
        assert lower < value < upper
        assert lower < 0.1 < upper
    table = report.kpis()
    assert table.loc[table["kpi"] == "hallucination_rate_corrected", "breached"].any()
    assert not [check for check in report.checks if check.name.startswith(("judge", "labels")) and not check.passed]


def test_people_alone_and_a_judge_without_people():
    rng = np.random.default_rng(5)
    calls, scores, _ = _table(rng, 600, 0.9, 0.02, audited=0.2)
    human = scores[scores["source"] == "human"]
    alone = content_report({"gen_call": calls, "gen_score": human}, currency="EUR")
    assert alone.series("hallucination_rate_corrected").value[0] is not None
    assert alone.judges().empty
    machine = content_report({"gen_call": calls, "gen_score": scores[scores["source"] == "llm_judge"]}, currency="EUR")
    assert machine.series("hallucination_rate_corrected").value == (None, None, None)
    failed = {check.name for check in machine.checks if not check.passed}
    assert "judge_calibrated" in failed
    assert corrected_rates(pd.DataFrame(), level=0.95).empty


def test_labels_that_follow_the_verdict_are_told():
    calls, scores, _ = _table(np.random.default_rng(6), 3000, 0.8, 0.05)
    flagged = set(scores.loc[(scores["source"] == "llm_judge") & (scores["value"] == 1), "output_id"])
    kept = scores[(scores["source"] == "llm_judge") | scores["output_id"].isin(flagged)]
    report = content_report({"gen_call": calls, "gen_score": kept}, currency="EUR")
    assert "labels_at_random" in {check.name for check in report.checks if not check.passed}


def test_a_day_without_a_hallucination_is_held_by_its_interval():
    pairs = pd.DataFrame({"tp": [20], "fn": [1], "fp": [4], "tn": [375]})
    none, few, many = np.array([0.0, 0.0, 3.0]), np.array([15.0, 15.0, 15.0]), np.array([[1.0], [2.0], [40.0]])
    _, lower, _ = corrected_posterior(none, few, many, np.full((3, 1), 135.0), pairs, 0.95)
    assert (lower[0], lower[1]) == (0.0, 0.0)
    assert lower[2] > 0.1
