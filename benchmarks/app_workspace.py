"""Artifacts of a 40-geo, 156-week, 10-channel workspace in the contract's columns, made in seconds."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import sample_data
from decisions.approval import AuditLog, sha256
from jobs.content import run_content
from jobs.creatives import run_creatives
from jobs.geo_read import run_geo_read
from measurement.checks import Check
from measurement.curves import ResponseCurves
from measurement.readers.curves_table import write_curves
from measurement.store import RunStore
from measurement.workspace import Workspace

GEOS, WEEKS, CHANNELS, DRAWS = 40, 156, 10, 400
SETTINGS = """[workspace]
name = "Bench"
currency = "EUR"
locale = "en_GB"
[panel]
file = "data/panel.csv"
date = "week"
geo = "geo"
outcome = "revenue"
{channels}
[budget]
total = 1000000.0
max_change = 0.25
[creatives]
decisions = "data/creative_decisions.parquet"
rewards = "data/creative_rewards.parquet"
[content]
tables = "data/content/"
[content.objectives]
latency_p95 = 9000.0
hallucination_rate = 0.08
cost_per_output = 0.10
"""
TEST = """channel = "channel_03"
treated = ["Geo 03", "Geo 11", "Geo 24", "Geo 30"]
start = 2026-08-03
end = 2026-09-13
kind = "scale_up"
"""
_LOGS = ("creative_decisions.parquet", "creative_rewards.parquet", "content")


@dataclass(frozen=True, kw_only=True)
class World:
    """What the tables are made of: channels, weeks by geo, the panel, today's spend and returns by channel."""

    names: list[str]
    index: pd.DataFrame
    panel: pd.DataFrame
    current: np.ndarray
    roas: np.ndarray


def build(root: Path) -> Path:
    """Write the workspace and give its folder back."""
    rng = np.random.default_rng(3)
    world = _inputs(root, rng)
    store = RunStore(root / "runs")
    _fit(store, world, rng)
    proposed = np.round(world.current * np.where(world.roas > np.median(world.roas), 1.1, 0.9), 2)
    proposed[0] += round(1e6 - proposed.sum(), 2)
    proposed = proposed.round(2)
    _plan(store, world, proposed)
    for week, share in (("2026-W47", 0.7), ("2026-W48", 1.0)):
        planned = world.current + (proposed - world.current) * share
        _decision(root, week, world.names, world.current, planned, world.roas)
    _other_jobs(root)
    return root


def _other_jobs(root: Path) -> None:
    """Creatives and content of the sample workspace, and a geo test on the panel: quick jobs, really run."""
    logs = Path(sample_data.__file__).parent / "workspace" / "data"
    for name in _LOGS:
        copy = shutil.copytree if (logs / name).is_dir() else shutil.copyfile
        copy(logs / name, root / "data" / name)
    (root / "geo_tests").mkdir()
    (root / "geo_tests" / "test.toml").write_text(TEST, encoding="utf-8")
    workspace = Workspace.open(root)
    run_creatives(workspace, seed=7)
    run_content(workspace, seed=7)
    run_geo_read(workspace, root / "geo_tests" / "test.toml", seed=7)


def _inputs(root: Path, rng: np.random.Generator) -> World:
    """The settings and the panel, on disk too."""
    names = [f"channel_{c:02d}" for c in range(CHANNELS)]
    geos = [f"Geo {g:02d}" for g in range(GEOS)]
    dates = pd.date_range("2023-12-04", periods=WEEKS, freq="7D")
    (root / "data").mkdir(parents=True)
    channels = "\n".join(f'[panel.channels.{name}]\nspend = "{name}"' for name in names)
    (root / "liftwerk.toml").write_text(SETTINGS.format(channels=channels), encoding="utf-8")
    index = pd.MultiIndex.from_product([geos, dates], names=["geo", "date"]).to_frame(index=False)
    spend = rng.gamma(4, 620, (len(index), CHANNELS)).round(2)
    panel = pd.DataFrame({"week": index["date"].dt.strftime("%Y-%m-%d"), "geo": index["geo"],
                          "revenue": rng.gamma(40, 1500, len(index)).round(2), **dict(zip(names, spend.T, strict=True))})  # noqa: E501 - one table a line  # fmt: skip
    panel.to_csv(root / "data" / "panel.csv", index=False)
    current = np.full(CHANNELS, 100_000.0) * rng.uniform(0.6, 1.4, CHANNELS)
    current *= 1e6 / current.sum()
    roas = rng.uniform(0.6, 3.0, CHANNELS)
    return World(names=names, index=index, panel=panel, current=current, roas=roas)


def _fit(store: RunStore, world: World, rng: np.random.Generator) -> None:
    names, index, current, roas = world.names, world.index, world.current, world.roas
    with store.write("mmm", seed=7) as draft:
        draft.check([Check(name="r_hat", passed=True, value=1.003, limit=1.01, remedy="Sample longer")] * 12)
        total = current * roas * WEEKS
        channel_table = {"channel": names, "spend": current * WEEKS, "contribution": total, "share": 0.03, "level": 0.9}
        for name, value in (("contribution", total), ("roas", roas), ("marginal_roas", roas * 0.7)):
            channel_table |= {name: value, f"{name}_lower": value * 0.7, f"{name}_upper": value * 1.3}
        pd.DataFrame(channel_table).to_csv(draft.folder / "channels.csv", index=False)
        grid = np.linspace(0, 2, 60)[None, :] * current[:, None]
        shape = grid / (grid + current[:, None])
        scale = rng.lognormal(0, 0.2, (DRAWS, CHANNELS, 1))
        write_curves(
            ResponseCurves(channels=tuple(names), spend=grid, outcome=scale * (2 * roas * current)[None, :, None] * shape,  # noqa: E501 - one table a line
                           observed_spend=current, currency="EUR", run="bench"),
            draft.folder / "curves.parquet",
        )  # fmt: skip
        parts = [
            index.assign(component=name, mean=rng.gamma(9, 100, len(index))) for name in ("baseline", "season", *names)
        ]
        table = pd.concat(parts)
        table.assign(lower=table["mean"] * 0.8, upper=table["mean"] * 1.2).to_parquet(
            draft.folder / "decomposition.parquet"
        )
        mean = world.panel["revenue"].to_numpy()
        index.assign(observed=mean, mean=mean * 1.01, lower=mean * 0.9, upper=mean * 1.1).to_csv(
            draft.folder / "fit.csv", index=False
        )


def _plan(store: RunStore, world: World, proposed: np.ndarray) -> None:
    names, current, roas = world.names, world.current, world.roas
    fit = store.latest("mmm")
    assert fit is not None
    with store.write("plan", seed=7, inputs={f"mmm/{fit.id}": "0" * 64}) as draft:
        draft.check([Check(name="certified_gap", passed=True, value=1e-9, limit=1e-4, remedy="Raise the time")])
        pd.DataFrame({"channel": names, "geo": "all", "week": "2026-W48", "current": current, "proposed": proposed,
                      "change": proposed - current, "expected_outcome": proposed * roas, "marginal_roas": roas,
                      "evidence": "model"}).to_csv(draft.folder / "allocation.csv", index=False)  # fmt: skip
        outcome = np.array([1.6e6, 1.8e6, 2.0e6, 2.15e6, 2.25e6])
        pd.DataFrame({"share": [0.8, 0.9, 1, 1.1, 1.2], "total": np.array([0.8, 0.9, 1, 1.1, 1.2]) * 1e6,
                      "expected_outcome": outcome, "next_euro": [2, 1.8, 1.5, 1.2, 0.9]}).to_csv(draft.folder / "frontier.csv", index=False)  # noqa: E501 - one table a line  # fmt: skip
        pd.DataFrame(
            {
                "weight": [0.0, 1.0],
                "share": 0.1,
                "expected_outcome": [2e6, 1.98e6],
                "tail_outcome": [1.6e6, 1.7e6],
                "chance_of_loss": 0.1,
                "chosen": [True, False],
            }
        ).to_csv(draft.folder / "risk.csv", index=False)
        document = {
            "value": 2e6,
            "upper_bound": 2e6,
            "gap": 1e-9,
            "binding": ["total budget 1,000,000"],
            "risk": "balanced",
            "shadow_prices": {"total budget 1,000,000": 1.5},
            "expected_outcome": 2e6,
            "gain": {"value": 5e4},
            "total_current": 1e6,
            "total_proposed": 1e6,
            "sensitivity": [],
            "difference": None,
            "tests": [],
        }
        (draft.folder / "plan.json").write_text(json.dumps(document), encoding="utf-8")


def _decision(
    root: Path, week: str, names: list[str], current: np.ndarray, proposed: np.ndarray, roas: np.ndarray
) -> None:
    folder = root / "exports" / week
    folder.mkdir(parents=True)
    lines = [
        {"channel": name, "action": "scale" if p > c else "cut", "current": round(c, 2), "proposed": round(p, 2),
         "change": round(p - c, 2), "calculated": round(p, 2), "grade": "model", "rule": "scale_gain",
         "reason": "More pays here.", "reasons": {"en": "More pays here.", "de": "Mehr lohnt hier."},
         "marginal_roas": {"value": r, "lower": r * 0.7, "upper": r * 1.3, "level": 0.9}}
        for name, c, p, r in zip(names, current.tolist(), proposed.tolist(), roas.tolist(), strict=True)
    ]  # fmt: skip
    document = {"schema": "liftwerk.decision/1", "week": week, "state": "act", "currency": "EUR", "locale": "en_GB", "moved": 5e4,  # noqa: E501 - one table a line
                "total_current": 1e6, "total_proposed": 1e6, "plan": {"gap": 1e-9}, "canaries": None, "creatives": [],
                "data_until": "2026-11-22", "gain": {"value": 4e4, "lower": 1e4, "upper": 7e4, "level": 0.9},
                "chance_of_loss": 0.03, "channels": lines, "checks": [], "next_test": None}  # fmt: skip
    (folder / "decision.json").write_text(json.dumps(document), encoding="utf-8")
    AuditLog(root / "audit" / "log.jsonl").append_once(
        "recommended",
        week,
        {"state": "act", "moved": 5e4, "decision_sha256": sha256(json.loads(json.dumps(document))),
         "budget": {line["channel"]: line["proposed"] for line in lines}},
    )  # fmt: skip
