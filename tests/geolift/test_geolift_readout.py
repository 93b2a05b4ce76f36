"""Readouts: the test file, the totals, the spend, the words, and trouble said loudly."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geolift.readout import GeoReadout, read_geo_test
from geolift.spend import test_spend as spend_of
from geolift.test_plan import ESTIMATORS, GeoTest
from geolift.verdict import detectable_lift
from measurement.errors import InputError, Problem
from measurement.panel import Panel

START, END = date(2026, 9, 14), date(2026, 10, 25)
GEOS = tuple(f"geo {place}" for place in range(14))


def market(
    *,
    lift: float = 0.0,
    spend_factor: float = 2.0,
    seed: int = 0,
    touched: int | None = None,
    constant: bool = False,
    periods: int = 70,
    notes: tuple[Problem, ...] = (),
) -> Panel:
    """Fourteen geos that move together; the first two are treated in the six weeks from mid-September."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range("2025-08-04", periods=periods, freq="7D")
    size = rng.uniform(500, 1500, size=(14, 1))
    season = 1 + 0.2 * np.sin(np.arange(periods) / 8) + 0.05 * rng.normal(size=periods)
    outcome = size * season * (1 + 0.02 * rng.normal(size=(14, periods)))
    spend = 0.1 * size * season
    during = (dates >= pd.Timestamp(START)) & (dates <= pd.Timestamp(END))
    outcome[:2, during] *= 1 + lift
    spend[:2, during] *= spend_factor
    if touched is not None:
        spend[touched, during] *= 5
    if constant:
        outcome[5] = 100.0
    return Panel.from_arrays(
        outcome=outcome, dates=dates, geos=GEOS, spend=spend[:, :, None], channels=("search",), notes=notes
    )


def plan(**changes: object) -> GeoTest:
    return GeoTest(**{"channel": "search", "treated": GEOS[:2], "start": START, "end": END, **changes})  # type: ignore[arg-type]


def failed(readout: GeoReadout) -> set[str]:
    return {check.name for check in readout.checks if not check.passed}


def test_a_lift_is_found_and_totalled() -> None:
    panel = market(lift=0.2)
    readout = read_geo_test(panel, plan(), seed=1)
    usual = market(lift=0.0).outcome_value[:2, 58:64].sum()
    outcome = readout.lift.incremental_outcome
    assert outcome.interval.contains(0.2 * usual)
    assert outcome.value == pytest.approx(0.2 * usual, rel=0.15)
    assert outcome.value == pytest.approx(readout.fit.att * 2 * 6)
    assert readout.verdict.rule == "lift"
    assert "search brought" in readout.verdict.sentence
    assert readout.healthy


def test_spend_from_the_panel_is_actual_minus_business_as_usual() -> None:
    panel = market(spend_factor=2.0)
    spend = spend_of(panel, plan())
    usual = float(market(spend_factor=1.0).data["spend"][:2, 58:64].sum())
    assert spend.incremental == pytest.approx(usual, rel=1e-6)
    assert spend.source == "panel"
    assert spend_of(panel, plan(kind="new")).incremental == pytest.approx(2 * usual, rel=1e-6)
    assert spend_of(panel, plan(incremental_spend=123.0)).incremental == 123.0


def test_go_dark_has_negative_spend_and_outcome_but_positive_iroas() -> None:
    readout = read_geo_test(market(lift=-0.15, spend_factor=0.0), plan(kind="go_dark"), seed=1)
    assert readout.lift.incremental_spend < 0
    assert readout.lift.incremental_outcome.value < 0
    assert readout.lift.iroas is not None
    assert readout.lift.iroas.interval.lower > 0
    assert readout.verdict.rule == "lift"
    assert "Without search" in readout.verdict.sentence


def test_cool_down_periods_count_in_the_outcome_not_in_the_spend() -> None:
    panel = market(lift=0.1)
    short, long = (read_geo_test(panel, plan(cooldown_weeks=weeks), seed=1) for weeks in (0, 2))
    assert (short.comparison.post, long.comparison.post) == (6, 8)
    assert long.lift.incremental_spend == pytest.approx(short.lift.incremental_spend)
    assert long.lift.measured_until == date(2026, 11, 8)


def test_no_lift_says_what_could_have_been_seen() -> None:
    readout = read_geo_test(market(), plan(), seed=1)
    assert readout.verdict.rule == "no_lift"
    assert "could have seen" in readout.verdict.sentence
    assert 0 < float(readout.verdict.facts["detectable_lift"]) < 0.2
    assert detectable_lift(1.0, 100.0, alpha=0.1) == pytest.approx(0.0249, abs=1e-3)


def test_a_movement_against_the_channel_is_called_that() -> None:
    assert read_geo_test(market(lift=-0.2), plan(), seed=1).verdict.rule == "loss"


@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "bayesian"])
def test_every_estimator_reads_the_same_lift(name: str) -> None:
    readout = read_geo_test(market(lift=0.2, periods=66), plan(estimator=name), seed=1)
    assert readout.fit.lift == pytest.approx(0.2, abs=0.04)
    assert readout.to_dict()["estimator"]["name"] == name  # type: ignore[index]
    alpha, interval = 0.1, readout.result.interval
    assert (readout.result.p_value <= alpha) != interval.contains(0.0)


@pytest.mark.parametrize(
    ("panel", "test", "check"),
    [
        (market(touched=7), plan(), "donors_untouched"),
        (market(constant=True), plan(), "donors_constant"),
        (market(spend_factor=1.0), plan(), "spend_moved"),
        (market(), plan(incremental_spend=9e6), "spend_as_planned"),
        (market(periods=62), plan(), "test_finished"),
        (market(notes=(Problem(message="75 geo-days are missing", remedy="Send them"),)), plan(), "panel_complete"),
        (market(), plan(start=date(2025, 9, 15)), "history_short"),
    ],
)
def test_data_trouble_is_loud(panel: Panel, test: GeoTest, check: str) -> None:
    assert check in failed(read_geo_test(panel, test, seed=1))


def test_treated_geos_outside_the_donors_range_are_named() -> None:
    panel = market()
    outcome = panel.outcome_value.copy()
    outcome[:2] = 1000 + 30 * (outcome[:2] - outcome[:2].mean(axis=1, keepdims=True))
    wild = Panel.from_arrays(outcome=outcome, dates=panel.dates, geos=panel.geos)
    assert "inside_hull" in failed(read_geo_test(wild, plan(), seed=1))


def test_not_enough_history_is_a_state_of_its_own() -> None:
    readout = read_geo_test(market(), plan(start=date(2025, 9, 15)), seed=1)
    assert readout.verdict.rule == "not_enough_data"
    assert not readout.healthy


def test_without_spend_there_is_no_iroas() -> None:
    panel = market(lift=0.2)
    bare = Panel.from_arrays(outcome=panel.outcome_value, dates=panel.dates, geos=panel.geos)
    readout = read_geo_test(bare, plan(), seed=1)
    assert readout.lift.iroas is None
    assert readout.to_dict()["incremental_spend"] is None


def test_readout_json_holds_the_contract_and_no_infinities() -> None:
    content = read_geo_test(market(lift=0.1), plan(), seed=1).to_dict()
    text = json.dumps(content, allow_nan=False)
    wanted = (
        "channel treated start end att lift_percent incremental_outcome incremental_spend iroas p_value pre_fit "
        "estimator donor_weights placebo aa_rejection verdict"
    )
    assert set(wanted.split()) <= set(json.loads(text))
    assert {"value", "lower", "upper", "level"} <= set(content["incremental_outcome"])  # type: ignore[arg-type]


def test_series_adds_up_to_the_readout() -> None:
    readout = read_geo_test(market(lift=0.1), plan(), seed=1)
    series = readout.series()
    assert list(series.columns) == ["date", "observed", "counterfactual", "lower", "upper"]
    tail = series.tail(readout.comparison.post)
    gap = float((tail["observed"] - tail["counterfactual"]).sum())
    assert gap == pytest.approx(readout.lift.incremental_outcome.value)
    assert (series["lower"] < series["upper"]).all()


def test_the_same_seed_gives_the_same_readout_and_order_does_not_matter() -> None:
    panel = market(lift=0.1)
    order = np.random.default_rng(4).permutation(14)
    mixed = Panel(data=panel.data.isel(geo=order))
    first, again, other = (read_geo_test(item, plan(), seed=3) for item in (panel, panel, mixed))
    assert json.dumps(first.to_dict()) == json.dumps(again.to_dict())
    assert other.fit.att == pytest.approx(first.fit.att, rel=1e-9)
    assert other.result.p_value == first.result.p_value


def test_names_row_order_and_currency_change_nothing() -> None:
    panel = market(lift=0.1)
    names = {geo: f"{99 - place} {geo[::-1]}" for place, geo in enumerate(GEOS)}
    data = panel.data.isel(geo=slice(None, None, -1))
    data = data.assign_coords(geo=[names[str(geo)] for geo in data["geo"].to_numpy()])
    for name in ("outcome", "spend"):
        data[name] = data[name] * 250.0
    other = read_geo_test(Panel(data=data), plan(treated=(names[GEOS[1]], names[GEOS[0]])), seed=3)
    first = read_geo_test(panel, plan(), seed=3)
    assert other.result.p_value == first.result.p_value
    assert other.aa == first.aa
    assert other.robustness.set_p_value == first.robustness.set_p_value
    for side in ("lower", "upper"):
        ends = getattr(other.result.interval, side), getattr(first.result.interval, side)
        assert ends[0] == pytest.approx(250.0 * ends[1], rel=1e-6)
    assert {names[geo]: pytest.approx(w, abs=1e-9) for geo, w in first.donor_weights.items()} == other.donor_weights


def write(folder: Path, text: str) -> Path:
    file = folder / "test.toml"
    file.write_text(text, encoding="utf-8")
    return file


GOOD = """channel = "search"
treated = ["geo 0", "geo 1"]
start = 2026-09-14
end = 2026-10-25
kind = "scale_up"
"""


def test_a_test_file_is_read(tmp_path: Path) -> None:
    test = GeoTest.read(write(tmp_path, GOOD + "cooldown_weeks = 2\n"), market())
    assert test.treated == ("geo 0", "geo 1")
    assert test.measured_until == date(2026, 11, 8)
    assert test.window(market()) == (58, 66)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (GOOD.replace('"geo 1"', '"geo1"'), 2, "Did you mean 'geo 1'"),
        (GOOD.replace('"search"', '"serch"'), 1, "Did you mean 'search'"),
        (GOOD.replace("2026-10-25", "2026-08-25"), 4, "ends before it starts"),
        (GOOD.replace("scale_up", "scaleup"), 5, "Use one of: go_dark, scale_up, new"),
        (GOOD.replace("2026-09-14", '"14.09.2026"'), 3, "without quotes"),
        (GOOD.replace("2026-09-14", "2031-09-14").replace("2026-10", "2031-10"), 3, "The panel runs from"),
        (GOOD + "chanel = 3\n", 6, "Did you mean 'channel'"),
        (GOOD + "incremental_spend = -5.0\n", 6, "must be positive"),
        (GOOD.replace("kind =", "kind"), 5, "not valid TOML"),
        (GOOD.replace('channel = "search"\n', ""), None, "Add channel"),
    ],
)
def test_a_spoilt_test_file_names_line_and_remedy(tmp_path: Path, text: str, line: int | None, words: str) -> None:
    with pytest.raises(InputError) as refused:
        GeoTest.read(write(tmp_path, text), market())
    assert words in str(refused.value)
    assert refused.value.problems[0].line == line


def test_geolift_walkthrough_from_panel_to_json(shared_data: Path) -> None:
    table = pd.read_csv(shared_data / "geo" / "geolift_test.csv").pivot_table(
        index="location", columns="date", values="Y"
    )
    panel = Panel.from_arrays(
        outcome=table.to_numpy(dtype=float), geos=list(table.index), dates=pd.DatetimeIndex(table.columns)
    )
    test = GeoTest(channel="all", treated=("chicago", "portland"), start=date(2021, 4, 1), end=date(2021, 4, 15))
    content = read_geo_test(panel, test, seed=1).to_dict()
    assert content["att"] == pytest.approx(155.556, rel=1e-4)
    assert content["incremental_outcome"]["value"] == pytest.approx(4667, rel=1e-4)  # type: ignore[index]
    assert content["placebo"]["geolift_p_value"] == pytest.approx(0.014, abs=0.012)  # type: ignore[index]
