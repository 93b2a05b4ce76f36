"""A deterministic workspace with every artifact the dashboard reads, made without any model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from decisions.approval import AuditLog, sha256
from measurement.checks import Check
from measurement.curves import ResponseCurves
from measurement.readers.curves_table import write_curves
from measurement.store import RunDraft, RunStore

CHANNELS = ("search", "social", "tv", "display", "video", "radio", "print", "affiliate")
SPEND = np.array([52e3, 41e3, 60e3, 22e3, 30e3, 14e3, 9e3, 16e3])
ROAS = np.array([2.9, 2.1, 1.4, 0.8, 1.9, 1.1, 0.7, 2.4])
MARGINAL = np.array([1.9, 1.6, 0.7, 0.45, 1.5, 0.9, 0.4, 1.25])
CHANGE = np.array([11e3, 7e3, -14e3, -5.5e3, 6e3, 0.0, -2.25e3, -2.25e3])
ACTIONS = ("scale", "scale", "cut", "cut", "scale", "hold", "cut", "test")
GEOS = ("Hamburg", "Bremen", "Berlin", "Bayern", "Hessen", "Saarland", "Sachsen", "Thüringen",
        "Brandenburg", "Niedersachsen", "Schleswig-Holstein", "Rheinland-Pfalz", "Nordrhein-Westfalen",
        "Baden-Württemberg", "Sachsen-Anhalt", "Mecklenburg-Vorpommern")  # fmt: skip
WEEKS = pd.date_range("2024-05-27", periods=130, freq="7D")
SETTINGS = """[workspace]
name = "Nordwind"
currency = "EUR"
locale = "{locale}"
[panel]
file = "data/panel.csv"
date = "week"
geo = "geo"
outcome = "revenue"
[budget]
total = 244000.0
[content]
objectives = {{latency_p95 = 4000.0, hallucination_rate = 0.05}}
"""
HEALTHY = (
    Check(name="r_hat", passed=True, value=1.004, limit=1.01, remedy="Sample longer"),
    Check(name="ess", passed=True, value=812.0, limit=400.0, remedy="Sample longer"),
)
SICK = (
    Check(name="r_hat", passed=False, value=1.18, limit=1.01, remedy="Raise mmm.tune to 2000 and fit again"),
    Check(name="divergences", passed=False, value=57, limit=0, remedy="Tighten the priors of the channels named"),
)


def build(root: Path, *, healthy: bool = True, locale: str = "en_GB") -> Path:
    """Write the workspace and give its folder back."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "liftwerk.toml").write_text(SETTINGS.format(locale=locale), encoding="utf-8")
    store, rng = RunStore(root / "runs"), np.random.default_rng(11)
    with store.write("mmm", seed=7, options={"adstock": "geometric"}) as draft:
        _mmm(draft, rng, HEALTHY if healthy else SICK)
    for channel, effect in (("search", 0.06), ("display", 0.0)):
        with store.write("geo_readout", seed=7, options={"test": f"geo_tests/{channel}.toml"}) as draft:
            _geo(draft, rng, channel, effect)
    with store.write("geo_design", seed=7, options={"channel": "video", "weeks": 6}) as draft:
        _designs(draft)
    with store.write("creatives", seed=7) as draft:
        _creatives(draft)
    with store.write("content", seed=7) as draft:
        _content(draft, rng)
    fit = store.latest("mmm")
    assert fit is not None
    write_plan(root, {f"mmm/{fit.id}": "0" * 64})
    write_decision(root, "2026-W47", scale=0.7)
    write_decision(root, "2026-W48", healthy=healthy)
    return root


def _frame(draft: RunDraft, name: str, table: pd.DataFrame) -> None:
    file = draft.folder / name
    if name.endswith(".csv"):
        table.to_csv(file, index=False)
    else:
        table.to_parquet(file, index=False)


def _json(draft: RunDraft, name: str, tree: object) -> None:
    (draft.folder / name).write_text(json.dumps(tree), encoding="utf-8")


def _mmm(draft: RunDraft, rng: np.random.Generator, checks: tuple[Check, ...]) -> None:
    draft.check(checks)
    weekly = SPEND * ROAS
    total = weekly * len(WEEKS)
    _frame(draft, "channels.csv", pd.DataFrame({
        "channel": CHANNELS, "spend": SPEND * 130, "contribution": total, "contribution_lower": total * 0.7,
        "contribution_upper": total * 1.35, "share": weekly / 4.2e6, "roas": ROAS, "roas_lower": ROAS * 0.7,
        "roas_upper": ROAS * 1.35, "marginal_roas": MARGINAL, "marginal_roas_lower": MARGINAL * 0.6,
        "marginal_roas_upper": MARGINAL * 1.5, "level": 0.9,
    }))  # fmt: skip
    write_curves(_curves(), draft.folder / "curves.parquet")
    season = 1 + 0.2 * np.sin(np.arange(130) / 52 * 2 * np.pi)
    share = rng.dirichlet(np.full(len(GEOS), 8.0))
    rows, fits = [], []
    for geo, part in zip(GEOS, share, strict=True):
        base = 3.2e6 * part * season
        parts = {"baseline": base, "newsletter": 9e4 * part * np.ones(130)}
        parts |= {c: SPEND[i] * ROAS[i] * part * season * rng.uniform(0.6, 1.4, 130) for i, c in enumerate(CHANNELS)}
        for name, mean in parts.items():
            rows.append(pd.DataFrame({"date": WEEKS, "geo": geo, "component": name, "mean": mean,
                                      "lower": mean * 0.8, "upper": mean * 1.2}))  # fmt: skip
        mean = np.sum(list(parts.values()), axis=0)
        fits.append(pd.DataFrame({"date": WEEKS, "geo": geo, "observed": mean * rng.normal(1, 0.03, 130),
                                  "mean": mean, "lower": mean * 0.94, "upper": mean * 1.06}))  # fmt: skip
    _frame(draft, "decomposition.parquet", pd.concat(rows))
    _frame(draft, "fit.csv", pd.concat(fits))


def _curves() -> ResponseCurves:
    grid = np.linspace(0, 2, 41)[None, :] * SPEND[:, None]
    top = (ROAS * SPEND * 2)[:, None]
    mean = top * grid**1.4 / (grid**1.4 + SPEND[:, None] ** 1.4)
    scale = np.random.default_rng(5).lognormal(0, 0.15, (60, len(CHANNELS), 1))
    return ResponseCurves(
        channels=CHANNELS, spend=grid, outcome=scale * mean[None], observed_spend=SPEND, currency="EUR", run="fake"
    )


def _geo(draft: RunDraft, rng: np.random.Generator, channel: str, effect: float) -> None:
    draft.check([Check(name="pre_fit", passed=True, value=0.12, limit=0.4, remedy="Choose other donors")])
    dates = pd.date_range("2025-12-01", periods=32, freq="7D")
    counter = 410e3 * (1 + 0.1 * np.sin(np.arange(32) / 8))
    lift = np.where(np.arange(32) >= 24, effect, 0.0)
    observed = counter * (1 + lift) * rng.normal(1, 0.008, 32)
    _frame(draft, "series.csv", pd.DataFrame({"date": dates, "observed": observed, "counterfactual": counter,
                                              "lower": counter * 0.975, "upper": counter * 1.025}))  # fmt: skip
    _frame(draft, "placebos.csv", pd.concat(
        [pd.DataFrame({"date": dates, "set": number, "effect": rng.normal(0, 0.01, 32) + (lift if number == 0 else 0)})
         for number in range(6)]))  # fmt: skip
    value = float((observed - counter)[24:].sum())
    _json(draft, "readout.json", {
        "channel": channel, "treated": ["Hamburg", "Bremen"], "start": "2026-05-18", "end": "2026-07-12",
        "att": value / 16, "lift_percent": 100 * effect, "incremental_spend": 96000.0,
        "incremental_outcome": {"value": value, "lower": value - 7e4, "upper": value + 7e4, "level": 0.9},
        "iroas": {"value": value / 96e3, "lower": (value - 7e4) / 96e3, "upper": (value + 7e4) / 96e3, "level": 0.9},
        "p_value": 0.012 if effect else 0.61, "pre_fit": {"scaled_l2_imbalance": 0.12}, "kind": "scale_up",
        "estimator": {"name": "synthetic_control", "fixed_effects": True},
        "donor_weights": {"Niedersachsen": 0.41, "Hessen": 0.27, "Berlin": 0.19, "Sachsen": 0.13},
        "aa_rejection": {"rate": 0.094, "lower": 0.06, "upper": 0.14, "windows": 320, "alpha": 0.1},
        "aa_rejection_chosen": {"rate": 0.13, "lower": 0.07, "upper": 0.22, "windows": 60, "alpha": 0.1},
        "placebo": {"sets": 320, "set_p_value": 0.02, "other_estimators": {"did": value / 16 - 6e3},
                    "in_time_att": 120.0, "in_time_p_value": 0.62},
        "cells": [_cell("Hamburg", value * 0.6), _cell("Bremen", value * 0.4)], "verdict": {"rule": "lift" if effect else "no_lift",
                                              "facts": {"detectable_lift": 0.021}},
    })  # fmt: skip


def _cell(geo: str, value: float) -> dict[str, object]:
    outcome = {"value": value, "lower": value - 5e4, "upper": None, "level": 0.9}
    return {"name": geo, "treated": [geo], "lift_percent": 4.2, "incremental_outcome": outcome, "iroas": None,
            "adjusted_p_value": 0.04}  # fmt: skip


def _designs(draft: RunDraft) -> None:
    effects = np.linspace(0, 0.5, 26)
    _frame(draft, "power_curves.csv", pd.concat(
        [pd.DataFrame({"rank": rank, "effect": effects, "power": np.clip(0.1 + effects * 15 / rank, 0, 1)})
         for rank in (1, 2, 3)]))  # fmt: skip
    _frame(draft, "designs.csv", pd.DataFrame({
        "rank": [1, 2, 3], "treated": ["Hamburg; Saarland", "Hessen; Bremen", "Berlin; Sachsen; Thüringen"],
        "weeks": 6, "mde": [0.041, 0.048, 0.055], "power_at_target": [0.87, 0.82, 0.8],
        "holdout_share": [0.93, 0.9, 0.85], "incremental_spend": [84e3, 91e3, 120e3],
        "imbalance": [0.11, 0.14, 0.19]}))  # fmt: skip


def _creatives(draft: RunDraft) -> None:
    mean = np.array([0.034, 0.031, 0.041, 0.022, 0.029, 0.037])
    _frame(draft, "arms.csv", pd.DataFrame({
        "experiment_id": ["autumn"] * 4 + ["retarget"] * 2, "arm_id": ["calm", "bold", "dog", "price", "short", "long"],
        "decisions": [9200, 8100, 21400, 3300, 15000, 15100], "rewards": [313, 251, 877, 73, 435, 559],
        "mean": mean, "lower": mean * 0.9, "upper": mean * 1.1, "p_best": [0.06, 0.01, 0.93, 0.0, 0.04, 0.96],
        "expected_loss": [0.007, 0.01, 0.0001, 0.019, 0.008, 0.0002],
        "next_propensity": [0.09, 0.03, 0.86, 0.02, 0.1, 0.9],
        "fatigue": ["none", "suspected", "none", "confirmed", "none", "none"],
        "fatigue_since": [None, "2026-11-14", None, "2026-11-02", None, None]}))  # fmt: skip
    _frame(draft, "policies.csv", pd.DataFrame({
        "experiment_id": "autumn", "policy": ["logged", "equal", "equal", "leader", "leader_by_device"],
        "estimator": ["mean", "ipw", "dr", "dr", "dr"], "value": [0.0367, 0.0321, 0.0322, 0.0412, 0.0437],
        "lower": [0.035, 0.029, 0.03, 0.038, 0.039], "upper": [0.038, 0.036, 0.034, 0.044, 0.048],
        "effective_n": [42000, 9100, 9100, 21000, 640], "warnings": ["", "", "", "", "effective_n"]}))  # fmt: skip
    _frame(draft, "segments.csv", pd.DataFrame({
        "experiment_id": "autumn", "segment": ["mobile", "mobile", "desktop"], "arm_id": ["dog", "calm", "calm"],
        "decisions": [9000, 4000, 5200], "mean": [0.045, 0.031, 0.0388], "lower": [0.041, 0.027, 0.035],
        "upper": [0.049, 0.036, 0.043], "p_best": [0.99, 0.01, 0.71]}))  # fmt: skip
    rule = {"potential_value": 0.01, "quantile": 0.95, "minimum_days": 14.0}
    _json(draft, "stop.json", {"level": 0.9, "rule": rule, "experiments": {
        "autumn": {"leader": "dog", "p_best": 0.93, "expected_loss": 1e-4, "value_remaining": 0.004, "stop": True,
                   "reason": "value_remaining", "rule": rule},
        "retarget": {"leader": "long", "p_best": 0.96, "expected_loss": 2e-4, "value_remaining": 0.03, "stop": False,
                     "reason": "keep_going", "rule": rule}}})  # fmt: skip


def _content(draft: RunDraft, rng: np.random.Generator) -> None:
    draft.check([Check(name="outputs_judged", passed=True, value=0.21, limit=0.05, remedy="Judge more outputs")])
    days, rows = pd.date_range("2026-10-26", periods=28, freq="D"), []
    levels = {"latency_p95": (3300, 4000), "error_rate": (0.012, 0.02), "hallucination_rate": (0.031, 0.05),
              "cost_per_output": (0.42, None), "time_to_publish": (2.5, None), "fact_score": (0.94, 0.9)}  # fmt: skip
    for kpi, (level, objective) in levels.items():
        value = level * rng.normal(1, 0.06, 28)
        value[15:20] *= 1.6 if kpi in ("latency_p95", "hallucination_rate") else 1.0
        worse = value > (objective or np.inf) if kpi != "fact_score" else value < (objective or 0)
        rows.append(pd.DataFrame({"day": days, "team": "(all)", "model": "(all)", "kpi": kpi, "value": value,
                                  "lower": value * 0.9, "upper": value * 1.1, "n": 400, "objective": objective,
                                  "breached": worse if objective is not None else None}))  # fmt: skip
    _frame(draft, "kpis.csv", pd.concat(rows))
    rates = {"control_rate": {"value": 0.012, "lower": 0.01, "upper": 0.014, "level": 0.95},
             "canary_rate": {"value": 0.031, "lower": 0.024, "upper": 0.04, "level": 0.95}}  # fmt: skip
    _json(draft, "canary.json", {"verdict": "stop", "tests": [
        {"team": "brand", "pipeline": "teasers", "kpi": "error_rate", "e_max": 61.2, "threshold": 40.0,
         "verdict": "stop", **rates},
        {"team": "brand", "pipeline": "teasers", "kpi": "hallucination_rate", "e_max": 1.4, "threshold": 40.0,
         "verdict": "continue", "control_rate": rates["control_rate"], "canary_rate": None}]})  # fmt: skip
    _frame(
        draft,
        "error_budgets.csv",
        pd.DataFrame(
            {
                "team": ["(all)", "brand"],
                "kpi": "error_rate",
                "from": "2026-10-26",
                "until": "2026-11-22",
                "objective": 0.02,
                "allowed_share": 0.02,
                "events": [11_000, 4_000],
                "bad": [150, 96],
                "allowed_bad": [220.0, 80.0],
                "spent": [0.68, 1.2],
                "spent_lower": [0.58, 0.98],
                "spent_upper": [0.8, 1.46],
                "burn_rate": [0.4, 2.3],
                "level": 0.95,
            }
        ),
    )
    _frame(
        draft,
        "judges.csv",
        pd.DataFrame(
            [
                {
                    "judge_version": "judge-2",
                    "judged": 687,
                    "labels": 117,
                    "agreement": 0.99,
                    "agreement_lower": 0.95,
                    "agreement_upper": 0.998,
                    "sensitivity": 0.93,
                    "sensitivity_lower": 0.7,
                    "sensitivity_upper": 0.99,
                    "specificity": 1.0,
                    "specificity_lower": 0.96,
                    "specificity_upper": 1.0,
                    "level": 0.95,
                }
            ]
        ),
    )
    _frame(
        draft,
        "generators.csv",
        pd.DataFrame(
            {
                "by": ["model", "model"],
                "rank": [1, 2],
                "model": ["lumen-large", "atlas-2"],
                "prompt_version": "(all)",
                "variants": [5, 3],
                "experiments": [3, 2],
                "decisions": [54_000, 9_700],
                "lift": [0.17, -0.08],
                "lift_lower": [0.04, -0.26],
                "lift_upper": [0.3, 0.09],
                "incremental_revenue": [26_600.0, -2_850.0],
                "incremental_revenue_lower": [6_900.0, -8_800.0],
                "incremental_revenue_upper": [46_300.0, 3_100.0],
                "generation_cost": [0.36, 0.12],
                "media_cost": [648.0, 117.0],
                "per_euro": [41.1, -24.4],
                "per_euro_lower": [10.7, -75.5],
                "per_euro_upper": [71.4, 26.5],
                "level": 0.95,
            }
        ),
    )
    _frame(draft, "alerts.csv", pd.DataFrame({
        "day": ["2026-11-12", "2026-11-13"], "kind": ["objective", "cost_spike"], "severity": ["low", "high"],
        "team": ["brand", "(all)"], "model": ["(all)", "(all)"], "kpi": ["hallucination_rate", "cost"],
        "value": [0.062, 412.0], "limit": [0.05, 280.0], "detail": ["above its objective", "usual: 190.00"]}))  # fmt: skip


def write_plan(root: Path, inputs: dict[str, str] | None = None) -> None:
    """A plan run in the contract's columns."""
    with RunStore(root / "runs").write("plan", seed=7, inputs=inputs or {}) as draft:
        draft.check(
            [Check(name="certified_gap", passed=True, value=2e-5, limit=1e-4, remedy="Raise the refinement limit")]
        )
        _frame(draft, "allocation.csv", pd.DataFrame({
            "channel": CHANNELS, "geo": "all", "week": "2026-W48", "current": SPEND, "proposed": SPEND + CHANGE,
            "change": CHANGE, "expected_outcome": (SPEND + CHANGE) * ROAS, "marginal_roas": MARGINAL,
            "evidence": ["experiment"] + ["model"] * 6 + ["assumption"]}))  # fmt: skip
        _frame(draft, "frontier.csv", pd.DataFrame({
            "share": [0.8, 0.9, 1.0, 1.1, 1.2, 1.5], "total": [195e3, 219e3, 244e3, 268e3, 293e3, 366e3],
            "expected_outcome": [402e3, 433e3, 461e3, 484e3, 503e3, np.nan],
            "next_euro": [1.4, 1.25, 1.08, 0.9, 0.75, np.nan], "reason": [""] * 5 + ["these rules cannot hold together"]}))  # fmt: skip
        _frame(draft, "risk.csv", pd.DataFrame({
            "weight": [0.0, 0.5, 1.0], "share": 0.1, "expected_outcome": [461e3, 459e3, 452e3],
            "tail_outcome": [381e3, 392e3, 397e3], "chance_of_loss": [0.04, 0.03, 0.02], "chosen": [True, False, False]}))  # fmt: skip
        _frame(draft, "flight.csv", pd.DataFrame({
            "channel": ["search", "search", "tv", "tv"], "geo": "all", "week": ["2026-W48", "2026-W49"] * 2,
            "spend": [60e3, 66e3, 50e3, 42e3], "expected_outcome": [9e4, 95e3, 7e4, 68e3]}))  # fmt: skip
        _json(draft, "plan.json", plan_document())


def plan_document() -> dict[str, object]:
    """``plan.json`` with everything around the optimum."""
    design = {"kind": "go_dark", "treated": ["Hamburg", "Bremen"], "weeks": 6, "mde": 0.034}
    test = {"channel": "video", "value": 1850.0, "weeks": 26, "cost": 9000.0, "net": 39100.0, "basis": "geo_design",
            "design": design, "standard_error": 4000.0}  # fmt: skip
    moved = {"search": 4000.0, "tv": -4000.0, "radio": 0.1}
    return {
        "value": 461e3, "upper_bound": 461e3, "gap": 2e-5, "binding": ["total budget 244,000"], "risk": "balanced",
        "shadow_prices": {"total budget 244,000": 1.08, "tv changes by at most 25% (at most 75,000)": 0.21},
        "expected_outcome": 461e3, "gain": {"value": 21400.0}, "total_current": 244e3, "total_proposed": 244e3,
        "sensitivity": [
            {"change": -0.1, "total": 219.6e3, "difference": -28e3, "next_euro": 1.25, "reason": ""},
            {"change": 0.1, "total": 268.4e3, "difference": 23e3, "next_euro": 0.9, "reason": ""}],
        "difference": {"since": "x", "week": "2026-W47", "steps": [
            {"cause": "data + model", "expected_outcome": 9000.0, "spend": moved},
            {"cause": "rules", "expected_outcome": -2500.0, "spend": {"search": -1000.0, "tv": 1000.0}}]},
        "flight": {"value": 471e3, "steady_value": 468e3, "gap": 1e-6, "reason": ""},
        "next_test": test, "tests": [test, test | {"channel": "search", "net": -3e3, "design": None, "basis": "assumption"}],
    }  # fmt: skip


def write_decision(root: Path, week: str, *, healthy: bool = True, scale: float = 1.0) -> None:
    """An export of one week."""
    folder = root / "exports" / week
    folder.mkdir(parents=True)
    grades = ["experiment"] + ["model"] * 6 + ["assumption"]
    channels = [
        {
            "channel": name, "action": ACTIONS[i], "current": SPEND[i], "proposed": SPEND[i] + scale * CHANGE[i],
            "change": scale * CHANGE[i], "calculated": SPEND[i] + scale * CHANGE[i], "grade": grades[i], "rule": "marginal",
            "reason": "11,000 € more a week: earns €8,000 a week more here than where it comes from. Chance of a gain 93%.",
            "reasons": {"de": "11.000 € mehr pro Woche: bringt hier 8.000 € mehr als dort, wo das Geld herkommt (2.000 € bis "
                              "12.000 €). Chance auf einen Gewinn 93 %."},
            "marginal_roas": {"value": MARGINAL[i], "lower": MARGINAL[i] * 0.6, "upper": MARGINAL[i] * 1.5, "level": 0.9},
        }
        for i, name in enumerate(CHANNELS)
    ]  # fmt: skip
    checks = HEALTHY if healthy else SICK
    document = {
        "week": week, "locale": "en_GB", "state": "act" if healthy else "do_not_act", "currency": "EUR",
        "status": "healthy" if healthy else "unhealthy", "moved": 24e3 * scale, "total_current": 244e3,
        "total_proposed": 244e3, "plan": {"gap": 2e-5}, "canaries": {"verdict": "continue", "stopped": []},
        "creatives": [{"experiment": "autumn", "creative": "price", "rule": "tired"}],
        "data_until": "2026-11-22", "gain": {"value": 21400.0 * scale, "lower": 8900.0 * scale, "upper": 33800.0 * scale,
        "level": 0.9}, "chance_of_loss": 0.04, "channels": channels, "checks": [check.to_dict() for check in checks],
        "next_test": {"channel": "video", "value": 1850.0, "cost": 9000.0, "weeks": 26, "design": {
            "kind": "go_dark", "treated": ["Hamburg", "Bremen"], "weeks": 6, "mde": 0.034}},
    }  # fmt: skip
    document = json.loads(json.dumps(document, default=float))
    (folder / "decision.json").write_text(json.dumps(document), encoding="utf-8")
    AuditLog(root / "audit" / "log.jsonl").append_once("recommended", week, {
        "state": document["state"], "moved": document["moved"], "decision_sha256": sha256(document),
        "budget": {line["channel"]: line["proposed"] for line in document["channels"]}})  # fmt: skip
    (folder / "budget.csv").write_text("channel\n", encoding="utf-8")
    (folder / "report.html").write_text("<p>report</p>", encoding="utf-8")
    (folder / "budget.xlsx").write_bytes(b"PK")
