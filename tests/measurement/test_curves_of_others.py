"""Curves out of Robyn's and pymc-marketing's exports, against what those models compute themselves."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from measurement.errors import InputError
from measurement.readers.curves_pymc_marketing import curves_from_pymc_marketing
from measurement.readers.curves_robyn import curves_from_robyn, read_robyn

PERIODS, START = 104, 12


def decayed(spend: np.ndarray, theta: float) -> np.ndarray:
    """Geometric adstock by its definition, one period after the other."""
    kept, before = [], 0.0
    for amount in spend:
        before = amount + theta * before
        kept.append(before)
    return np.array(kept)


def hill(stock: np.ndarray, alpha: float, inflexion: float) -> np.ndarray:
    return stock**alpha / (stock**alpha + inflexion**alpha)


def export(*, newest: bool = True, days: int = 7) -> dict[str, Any]:
    """A small ``RobynModel-*.json`` as jsonlite writes it: every value is an array."""
    rng = np.random.default_rng(1)
    spend = {"tv_S": rng.gamma(2.0, 500.0, PERIODS), "search_S": rng.gamma(4.0, 100.0, PERIODS)}
    hyper, summary = {}, [{"variable": "(Intercept)", "coef": 1000.0}]
    for name, (alpha, gamma, theta, coef) in {
        "tv_S": (2.2, 0.6, 0.5, 8000.0),
        "search_S": (0.8, 0.4, 0.1, 3000.0),
    }.items():
        stock = decayed(spend[name], theta)[START - 1 : PERIODS]
        inflexion = gamma * stock.max() if newest else (1 - gamma) * stock.min() + gamma * stock.max()
        hyper |= {f"{name}_alphas": [alpha], f"{name}_gammas": [gamma], f"{name}_thetas": [theta]}
        summary.append({"variable": name, "coef": coef, "decompAgg": coef * hill(stock, alpha, inflexion).sum()})
    rows = [{"DATE": f"d{t}", **{name: float(values[t]) for name, values in spend.items()}} for t in range(PERIODS)]
    return {
        "InputCollect": {
            "adstock": ["geometric"], "paid_media_spends": list(spend), "dayInterval": [days],
            "rollingWindowStartWhich": [START], "rollingWindowEndWhich": [PERIODS],
        },
        "ExportedModel": {"select_model": ["1_2_3"], "hyper_values": hyper, "summary": summary},
        "Extras": {"raw_data": rows},
    }  # fmt: skip


@pytest.mark.parametrize("newest", [True, False])
def test_robyn_curves_are_the_settled_response(newest: bool) -> None:
    tree = export(newest=newest)
    curves = curves_from_robyn(tree, currency="EUR")
    assert curves.channels == ("tv_S", "search_S")
    spend = np.array([row["tv_S"] for row in tree["Extras"]["raw_data"]])
    stock = decayed(spend, 0.5)[START - 1 :]
    inflexion = 0.6 * stock.max() if newest else 0.4 * stock.min() + 0.6 * stock.max()
    settled = decayed(np.full(400, 700.0), 0.5)[-1]  # the same spend for 400 weeks
    found = curves.outcome_at(np.array([700.0, 0.0]))[0]
    assert found[0] == pytest.approx(8000.0 * hill(settled, 2.2, inflexion), rel=2e-3)  # straight between points
    assert found[1] == 0.0
    assert curves.observed_spend == pytest.approx([spend[-1], tree["Extras"]["raw_data"][-1]["search_S"]])


def test_robyn_days_become_weeks() -> None:
    daily, weekly = (curves_from_robyn(export(days=days), currency="EUR") for days in (1, 7))
    assert daily.spend == pytest.approx(7 * weekly.spend)
    assert daily.outcome == pytest.approx(7 * weekly.outcome)
    last = [row["tv_S"] for row in export()["Extras"]["raw_data"]][-7:]
    assert daily.observed_spend[0] == pytest.approx(sum(last))


def test_robyn_weibull_carries_over_as_defined() -> None:
    tree = export()
    tree["InputCollect"]["adstock"] = ["weibull_cdf"]
    spend, summary = np.array([row["tv_S"] for row in tree["Extras"]["raw_data"]]), tree["ExportedModel"]["summary"]
    shape, scale = 1.5, 0.05
    width = round(float(np.quantile(np.arange(1, PERIODS + 1), scale)))
    left = [1.0, *(np.exp(-((t / width) ** shape)) for t in range(1, PERIODS))]
    weights = np.cumprod(left)
    stock = np.array([sum(spend[t - k] * weights[k] for k in range(t + 1)) for t in range(PERIODS)])[START - 1 :]
    summary[1]["decompAgg"] = 8000.0 * hill(stock, 2.2, 0.6 * stock.max()).sum()
    tree["ExportedModel"]["hyper_values"] |= {"tv_S_shapes": [shape], "tv_S_scales": [scale]}
    tree["InputCollect"]["paid_media_spends"] = ["tv_S"]
    curves = curves_from_robyn(tree, currency="EUR")
    settled = 500.0 * weights.sum()
    expected = 8000.0 * hill(settled, 2.2, 0.6 * stock.max())
    assert curves.outcome_at(np.array([500.0]))[0, 0] == pytest.approx(expected, rel=2e-3)


def spoilt(part: str, field: str, value: object) -> dict[str, Any]:
    tree = copy.deepcopy(export())
    tree[part][field] = value
    return tree


@pytest.mark.parametrize(
    ("tree", "match"),
    [
        ({"InputCollect": export()["InputCollect"]}, "ExportedModel is missing"),
        (spoilt("Extras", "raw_data", []), "add_data = TRUE"),
        (spoilt("InputCollect", "paid_media_selected", ["tv_S", "search_clicks"]), "modelled on exposure"),
        (spoilt("InputCollect", "dayInterval", None), "dayInterval"),
        (spoilt("ExportedModel", "hyper_values", {"tv_S_alphas": [2.0]}), "tv_S_gammas"),
        (spoilt("InputCollect", "rollingWindowStartWhich", [60]), "cannot be reproduced"),
    ],
)
def test_robyn_exports_that_cannot_be_used_say_why(tree: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        curves_from_robyn(tree, currency="EUR")


def test_a_robyn_file_is_read_and_one_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = tmp_path / "RobynModel-1_2_3.json"
    file.write_text(json.dumps(export()), encoding="utf-8")
    assert read_robyn(file, "EUR").draws == 1
    file.write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="RobynModel-1_2_3"):
        read_robyn(file, "EUR")


def sampled(place: bool) -> tuple[xr.DataArray, xr.DataArray]:
    """As `sample_saturation_curve` and `get_channel_scale` of version 1.3 return them (geos before channels)."""
    x = np.linspace(0, 2, 11)
    beta = np.array([[900.0, 1000.0], [1100.0, 1000.0]])  # draw, channel
    values = beta[None, :, :, None] * np.tanh(x)
    coords: dict[str, Any] = {"chain": [0], "draw": [0, 1], "channel": ["tv", "search"], "x": x}
    curve = xr.DataArray(values, dims=("chain", "draw", "channel", "x"), coords=coords)
    if place:
        curve = xr.concat([curve, 2 * curve], dim=xr.IndexVariable("country", ["A", "B"]))
        curve = curve.transpose("chain", "draw", "country", "channel", "x")
    return curve, xr.DataArray([3000.0, 2000.0], dims="channel", coords={"channel": ["tv", "search"]})


def test_pymc_marketing_curves_are_money_a_week_by_draw() -> None:
    curve, scale = sampled(place=False)
    curves = curves_from_pymc_marketing(curve, scale, current={"tv": 1500.0}, currency="EUR")
    assert curves.draws == 2
    at = np.array([3000.0, 400.0])  # x of 1.0 and 0.2: points of the curve
    assert curves.outcome_at(at)[:, 0] == pytest.approx([900 * np.tanh(1), 1100 * np.tanh(1)])
    assert curves.outcome_at(at)[:, 1] == pytest.approx(1000 * np.tanh(0.2))
    assert curves.observed_spend.tolist() == [1500.0, 0.0]
    daily = curves_from_pymc_marketing(curve, scale, current={}, currency="EUR", days_per_period=1, value_per_unit=40)
    assert daily.spend == pytest.approx(7 * curves.spend)
    assert daily.outcome == pytest.approx(7 * 40 * curves.outcome)


def test_pymc_marketing_panels_become_geos() -> None:
    curve, scale = sampled(place=True)
    curves = curves_from_pymc_marketing(curve, scale, current={"tv in B": 100.0}, currency="EUR")
    assert curves.cells == ("tv in A", "tv in B", "search in A", "search in B")
    assert curves.outcome[:, 1] == pytest.approx(2 * curves.outcome[:, 0])
    assert curves.observed_spend.tolist() == [0.0, 100.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda curve, scale: (curve.mean("draw"), scale), "sample_saturation_curve"),
        (lambda curve, scale: (curve.expand_dims(a=[1], b=[2]), scale), "more dimensions"),
        (lambda curve, scale: (curve, 0 * scale), "not positive"),
        (lambda curve, scale: (-curve, scale), "falls"),
    ],
)
def test_pymc_marketing_curves_that_cannot_be_used_say_why(change: Any, match: str) -> None:
    curve, scale = change(*sampled(place=False))
    with pytest.raises(InputError, match=match):
        curves_from_pymc_marketing(curve, scale, current={}, currency="EUR")
