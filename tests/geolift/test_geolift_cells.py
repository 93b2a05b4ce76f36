"""Separate cells, staggered starts, jackknife+ and the Bayesian synthetic control: other ways to read a test."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geolift.cells import cells_of, fit_cells, pooled_conformal
from geolift.estimators import Comparison
from geolift.jackknife import jackknife_plus, left_out
from geolift.readout import read_geo_test
from geolift.synthetic_control import SyntheticControl
from geolift.test_plan import GeoTest
from measurement.errors import InputError
from measurement.panel import Panel

GEOS = tuple(f"geo {place:02d}" for place in range(16))
DATES = pd.date_range("2025-03-03", periods=80, freq="7D")
START, END = date(2026, 7, 27), date(2026, 9, 6)  # periods 73 to 78


def market(seed: int = 0, **lifts: tuple[float, int]) -> Panel:
    """Sixteen geos; ``geo_03=(0.2, 75)`` raises that geo by a fifth from period 75 to the end of the test."""
    rng = np.random.default_rng(seed)
    size, season = rng.uniform(500, 1500, (16, 1)), 1 + 0.2 * np.sin(np.arange(80) / 8) + 0.05 * rng.normal(size=80)
    outcome = size * season * (1 + 0.02 * rng.normal(size=(16, 80)))
    spend = 0.1 * size * np.ones(80)
    for name, (lift, first) in lifts.items():
        row = GEOS.index(name.replace("_", " "))
        outcome[row, first:79] *= 1 + lift
        spend[row, first:79] *= 2
    return Panel.from_arrays(outcome=outcome, dates=DATES, geos=GEOS, spend=spend[:, :, None], channels=("tv",))


def plan(*treated: int, **changes: object) -> GeoTest:
    geos = tuple(GEOS[place] for place in treated)
    return GeoTest(**{"channel": "tv", "treated": geos, "start": START, "end": END, **changes})  # type: ignore[arg-type]


def test_cells_are_read_apart_and_add_up() -> None:
    panel = market(geo_00=(0.1, 73), geo_01=(0.1, 73), geo_02=(0.3, 73))
    cells = {"low": (GEOS[0], GEOS[1]), "high": (GEOS[2],)}
    readout = read_geo_test(panel, plan(0, 1, 2, cells=cells), seed=1)
    assert {one.cell.name: round(one.fit.lift, 1) for one in readout.cells} == {"low": 0.1, "high": 0.3}
    total = sum(one.lift.incremental_outcome.value for one in readout.cells)
    assert readout.lift.incremental_outcome.value == pytest.approx(total)
    assert sum(one.spend.incremental or 0.0 for one in readout.cells) == pytest.approx(readout.spend.incremental)
    for one in readout.cells:
        assert set(readout.comparison.names).isdisjoint(one.cell.geos)
        assert one.adjusted >= one.result.p_value
        assert one.lift.iroas is not None
    stored = readout.to_dict()["cells"]
    assert [cell["name"] for cell in stored] == ["low", "high"]  # type: ignore[union-attr, index]


def test_every_geo_may_be_a_cell() -> None:
    cells = cells_of(plan(4, 5, cells={"each": ()}))
    assert [(cell.name, cell.geos) for cell in cells] == [(GEOS[4], (GEOS[4],)), (GEOS[5], (GEOS[5],))]
    assert cells[0].test(plan(4, 5)).exclude == (GEOS[5],)


def test_staggered_starts_count_no_effect_before_a_geo_has_started() -> None:
    late = START + timedelta(weeks=3)
    test = plan(0, 3, starts={GEOS[3]: late})
    before = market()
    true = 0.2 * (before.outcome_value[0, 73:79].sum() + before.outcome_value[3, 76:79].sum())
    panel = market(geo_00=(0.2, 73), geo_03=(0.2, 76))
    readout = read_geo_test(panel, test, seed=1)
    outcome = readout.lift.incremental_outcome
    assert outcome.value == pytest.approx(true, rel=0.12)
    assert outcome.interval.contains(true)
    assert readout.to_dict()["lift_percent"] == pytest.approx(20, abs=2.5)
    assert [one.cell.start for one in readout.cells] == [START, late]
    # A jump of the late geo before its own start is no effect of the test.
    jumped = market(geo_00=(0.2, 73), geo_03=(0.2, 76)).outcome_value.copy()
    jumped[3, 73:76] *= 1.5
    spoilt = Panel.from_arrays(outcome=jumped, dates=DATES, geos=GEOS)
    fitted = fit_cells(spoilt, test, GEOS[4:], SyntheticControl())
    assert fitted.together().effect[73:76] == pytest.approx(fitted.fits[0].effect[73:76] / 2)


def test_pooled_p_value_and_interval_never_contradict_and_are_honest() -> None:
    rejected, kept, count = 0, 0, 120
    for seed in range(count):
        panel = market(seed)
        test = plan(0, 1, 2, cells={"a": (GEOS[0],), "b": GEOS[1:3]}, starts={GEOS[1]: START + timedelta(weeks=2)})
        fitted = fit_cells(panel, test, GEOS[3:], SyntheticControl())
        found = pooled_conformal([SyntheticControl()] * 3, fitted, level=0.9, stretch=1.0)
        assert (found.p_value <= 0.1) != found.interval.contains(0.0)
        rejected += found.p_value <= 0.1
        kept += found.interval.contains(0.0)
    assert rejected / count <= 0.17
    assert kept / count >= 0.83


def test_one_cell_is_the_plain_test() -> None:
    panel, test = market(geo_00=(0.1, 73)), plan(0, 1)
    fitted = fit_cells(panel, test, GEOS[2:], SyntheticControl())
    pooled = pooled_conformal([SyntheticControl()], fitted, level=0.9, stretch=1.0)
    plain = read_geo_test(panel, test, seed=1)
    assert fitted.together().att == pytest.approx(plain.fit.att)
    assert pooled.p_value == pytest.approx(plain.result.p_value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"starts": {"geo 99": START}}, "is not treated"),
        ({"starts": {GEOS[0]: date(2027, 1, 4)}}, "starts outside the test"),
        ({"starts": dict.fromkeys(GEOS[:2], date(2026, 8, 3))}, "no geo starts at the start"),
        ({"cells": {"a": (GEOS[0],)}}, "exactly one cell"),
        ({"cells": {"a": (GEOS[0],), "b": GEOS[:2]}}, "exactly one cell"),
        ({"cells": {"each": ()}, "estimator": "tbr"}, "cannot read cells"),
    ],
)
def test_spoilt_cells_are_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        plan(0, 1, **changes)


def test_cells_and_steps_come_from_the_test_file(tmp_path: Path) -> None:
    file = tmp_path / "test.toml"
    text = 'channel = "tv"\ntreated = ["geo 00", "geo 01"]\nstart = 2026-07-27\nend = 2026-09-06\n'
    file.write_text(text + '[starts]\n"geo 01" = 2026-08-10\n[cells]\nnorth = ["geo 00"]\nsouth = ["geo 01"]\n')
    test = GeoTest.read(file, market())
    assert [(cell.name, cell.start) for cell in cells_of(test)] == [("north", START), ("south", date(2026, 8, 10))]
    file.write_text(text + 'cells = "each"\n')
    assert len(cells_of(GeoTest.read(file))) == 2
    file.write_text(text + '[starts]\n"geo 01" = "10.08.2026"\n')
    with pytest.raises(InputError, match="wrong type") as refused:
        GeoTest.read(file)
    assert refused.value.problems[0].line == 5


def test_jackknife_plus_is_honest_and_does_not_contradict_itself() -> None:
    rejected, covered, count = 0, 0, 60
    for seed in range(count):
        outcome = market(seed).outcome_value[:, :79]
        treated = outcome[:2].mean(axis=0)
        treated[73:] += 0.1 * treated[73:].mean()
        one = Comparison(treated=treated, donors=outcome[2:], pre=73, names=GEOS[2:])
        found = jackknife_plus(SyntheticControl(), one, blocks=39)
        assert (found.p_value <= 0.1) != found.interval.contains(0.0)
        covered += found.interval.contains(0.1 / 1.1 * treated[73:].mean())
        plain = Comparison(treated=outcome[:2].mean(axis=0), donors=outcome[2:], pre=73, names=GEOS[2:])
        rejected += jackknife_plus(SyntheticControl(), plain, blocks=39).p_value <= 0.1
    assert rejected / count <= 0.2
    assert covered / count >= 0.8


def test_jackknife_plus_leaves_whole_blocks_out_and_needs_enough_of_them() -> None:
    outcome = market().outcome_value[:, :79]
    one = Comparison(treated=outcome[0], donors=outcome[1:], pre=73, names=GEOS[1:])
    middles, errors = left_out(SyntheticControl(), one, level=0)
    assert len(middles) == len(errors) == 68
    short = Comparison(treated=outcome[0, 60:], donors=outcome[1:, 60:], pre=13, names=GEOS[1:])
    with pytest.raises(InputError, match="only 8 blocks"):
        jackknife_plus(SyntheticControl(), short)
    readout = read_geo_test(market(geo_00=(0.2, 73)), plan(0, inference="jackknife_plus"), seed=1)
    assert readout.result.method == "jackknife_plus"
    assert readout.verdict.rule == "lift"
    assert readout.aa is not None


def test_a_running_test_says_whether_to_go_on() -> None:
    panel = market(geo_00=(-0.4, 73), geo_01=(-0.4, 73)).select(until=pd.Timestamp("2026-08-10"))
    readout = read_geo_test(panel, plan(0, 1), seed=1)
    assert readout.running is not None
    assert readout.running.rule == "stop_harm"
    assert not readout.healthy
    assert "Stop it" in readout.verdict.sentence
    assert readout.to_dict()["running"]["seen"] == 3  # type: ignore[index]
    calm = read_geo_test(market(3).select(until=pd.Timestamp("2026-08-10")), plan(0, 1), seed=1)
    assert "going on" in calm.verdict.sentence


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Importing 'IfElse'")
def test_bayesian_synthetic_control_reads_a_lift() -> None:
    panel = market(geo_00=(0.2, 73), geo_01=(0.2, 73))
    readout = read_geo_test(panel, plan(0, 1, estimator="bayesian"), seed=1)
    assert readout.fit.lift == pytest.approx(0.2, abs=0.04)
    assert readout.result.interval.kind == "credible"
    assert (readout.result.p_value <= 0.1) != readout.result.interval.contains(0.0)
    assert sum(readout.fit.weights) == pytest.approx(1.0)
    assert readout.aa is None
