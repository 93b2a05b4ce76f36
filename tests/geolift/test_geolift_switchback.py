"""Switchback tests on panels: a schedule is drawn, run, read back, and handed over like any other test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.switchback import with_effect
from geolift.switchback_design import SwitchbackDesigns, design_switchback
from geolift.switchback_readout import read_switchback
from geolift.switchback_schedule import plan_of, read_schedule
from geolift.test_plan import GeoTest
from measurement.errors import InputError
from measurement.panel import Panel

GEOS = ("north", "south", "west")


def panel(periods: int = 104) -> Panel:
    rng = np.random.default_rng(3)
    season = 1 + 0.15 * np.sin(np.arange(periods) / 8) + 0.04 * rng.normal(size=periods)
    outcome = np.array([[900.0], [1200.0], [700.0]]) * season * (1 + 0.03 * rng.normal(size=(3, periods)))
    spend = np.repeat(np.array([[90.0], [120.0], [70.0]]), periods, axis=1)[:, :, None]
    dates = pd.date_range("2024-01-01", periods=periods, freq="7D")
    return Panel.from_arrays(outcome=outcome, dates=dates, geos=GEOS, spend=spend, channels=("tv",))


@pytest.fixture(scope="module")
def designs() -> SwitchbackDesigns:
    return design_switchback(panel().select(until=pd.Timestamp("2025-06-30")), channel="tv", weeks=24, seed=5)


def run(designs: SwitchbackDesigns, *, kind: str, lift: float) -> tuple[Panel, GeoTest]:
    """The panel with the test in it, and its plan."""
    whole, table = (
        panel(),
        designs.schedule.assign(
            **{name: pd.to_datetime(designs.schedule[name]) for name in ("start", "end", "counted_from")}
        ),
    )
    test = GeoTest(
        channel="tv",
        treated=GEOS,
        start=designs.schedule["start"].min(),
        end=designs.schedule["end"].max(),
        kind=kind,  # type: ignore[arg-type]
        schedule="schedule.csv",
    )
    plan, first = plan_of(whole, test, table)
    window = slice(first, first + plan.periods)
    outcome, spend = whole.outcome_value.copy(), whole.data["spend"].to_numpy().copy()
    if kind == "go_dark":
        spend[:, window, 0] *= plan.active()
        outcome[:, window] = with_effect(outcome[:, window] / (1 + lift), plan, lift=lift, carry_over=0.0)
    else:
        spend[:, window, 0] *= 1 + plan.active()
        outcome[:, window] = with_effect(outcome[:, window], plan, lift=lift, carry_over=0.0)
    changed = Panel.from_arrays(outcome=outcome, dates=whole.dates, geos=GEOS, spend=spend, channels=("tv",))
    return changed, test


def test_plans_are_ranked_and_their_schedule_follows_the_panel(designs: SwitchbackDesigns) -> None:
    table = designs.table()
    assert list(table["rank"]) == list(range(1, len(table) + 1))
    kept = table[table["carry_over_bias"] >= -0.1]
    assert kept["rank"].max() == len(kept)
    assert kept["mde"].is_monotonic_increasing
    assert table["aa_rejection"].max() <= 0.2
    assert designs.schedule["start"].min() == pd.Timestamp("2025-07-07").date()
    assert set(designs.schedule["geo"]) == set(GEOS)
    assert designs.incremental_spend == pytest.approx(12 * 280.0)


@pytest.mark.parametrize(("kind", "sign"), [("scale_up", 1.0), ("go_dark", -1.0)])
def test_a_switchback_test_is_read(designs: SwitchbackDesigns, tmp_path: Path, kind: str, sign: float) -> None:
    whole, test = run(designs, kind=kind, lift=0.1)
    designs.schedule.to_csv(tmp_path / "schedule.csv", index=False)
    readout = read_switchback(whole, test, read_schedule(tmp_path / "schedule.csv"), seed=1)
    assert readout.result.lift == pytest.approx(0.1, abs=0.04)
    assert readout.result.interval.contains(0.1)
    assert readout.lift.incremental_spend == pytest.approx(sign * 12 * 280.0, rel=1e-6)
    assert sign * readout.lift.incremental_outcome.value > 0
    assert readout.lift.iroas is not None
    assert readout.lift.iroas.value > 0
    assert readout.verdict.rule == "lift"
    assert readout.aa is not None
    assert readout.aa.rate <= 0.2
    content = json.loads(json.dumps(readout.to_dict(), allow_nan=False))
    assert content["lift_percent"] == pytest.approx(100 * sign * readout.result.lift)
    gap = readout.series()["observed"] - readout.series()["counterfactual"]
    assert float(gap.sum()) == pytest.approx(readout.lift.incremental_outcome.value)


@pytest.mark.parametrize("lift", [0.0, 0.1])
def test_an_outcome_without_noise_has_no_error_and_is_refused(designs: SwitchbackDesigns, lift: float) -> None:
    whole, test = run(designs, kind="scale_up", lift=0.0)
    table = designs.schedule.assign(
        **{name: pd.to_datetime(designs.schedule[name]) for name in ("start", "end", "counted_from")}
    )
    plan, first = plan_of(whole, test, table)
    outcome = np.full(whole.outcome_value.shape, 500.0)
    outcome[:, first : first + plan.periods] *= 1 + lift * plan.active()
    filled = Panel.from_arrays(outcome=outcome, dates=whole.dates, geos=GEOS)
    with pytest.raises(InputError, match="no error can be estimated") as refused:
        read_switchback(filled, replace(test, incremental_spend=100.0), table, seed=1)
    assert refused.value.problems[0].column == "outcome"


def test_schedules_that_do_not_fit_are_refused(designs: SwitchbackDesigns, tmp_path: Path) -> None:
    whole, test = run(designs, kind="scale_up", lift=0.0)
    file = tmp_path / "schedule.csv"
    with pytest.raises(InputError, match="no such schedule"):
        read_schedule(file)
    designs.schedule.drop(columns="on").to_csv(file, index=False)
    with pytest.raises(InputError, match="no column 'on'"):
        read_schedule(file)
    designs.schedule.assign(start="soon").to_csv(file, index=False)
    with pytest.raises(InputError, match="not a date") as refused:
        read_schedule(file)
    assert refused.value.problems[0].line == 2
    designs.schedule.to_csv(file, index=False)
    good = read_schedule(file)
    with pytest.raises(InputError, match="name different geos"):
        read_switchback(whole, replace(test, treated=GEOS[:2]), good, seed=1)
    with pytest.raises(InputError, match="not run to its end"):
        read_switchback(whole.select(until=pd.Timestamp("2025-10-06")), test, good, seed=1)
    with pytest.raises(InputError, match="does not follow"):
        read_switchback(whole, test, good.drop(index=[0]), seed=1)
    with pytest.raises(InputError, match="not those of the schedule"):
        read_switchback(whole, replace(test, start=test.start.replace(day=1)), good, seed=1)


def test_a_plan_needs_history_and_geos() -> None:
    with pytest.raises(InputError, match="too few to plan"):
        design_switchback(panel(20), channel="tv", weeks=24)
    with pytest.raises(InputError, match="not a geo"):
        design_switchback(panel(), channel="tv", weeks=24, geos=("east",))
