"""Response curves: piecewise linear, checked when they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.readers.curves_table import long_table, read_curves, read_run_curves, write_curves

GRID = np.array([[0.0, 10.0, 30.0], [5.0, 6.0, 8.0]])
OUTCOME = np.array([[[0.0, 20.0, 30.0], [1.0, 2.0, 2.0]], [[0.0, 40.0, 60.0], [1.0, 4.0, 4.0]]])


def curves(spend: np.ndarray = GRID, outcome: np.ndarray = OUTCOME, observed: tuple[float, ...] = (10.0, 6.0)):
    return ResponseCurves(
        channels=("tv", "search"), spend=spend, outcome=outcome, observed_spend=np.array(observed), currency="EUR"
    )


def test_values_between_points_are_linear_and_held_outside() -> None:
    found = curves()
    np.testing.assert_allclose(found.outcome_at(np.array([5.0, 5.5])), [[10.0, 1.5], [20.0, 2.5]])
    np.testing.assert_allclose(found.outcome_at(np.array([99.0, 0.0])), [[30.0, 1.0], [60.0, 1.0]])
    np.testing.assert_allclose(found.mean(), [[0.0, 30.0, 45.0], [1.0, 3.0, 3.0]])
    assert found.draws == 2


def test_the_next_euro_is_the_slope_to_the_right_and_nothing_beyond_the_grid() -> None:
    found = curves()
    np.testing.assert_allclose(found.marginal_at(np.array([10.0, 5.0])), [[0.5, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(found.marginal_at(np.array([30.0, 9.0])), 0.0)


@given(share=st.floats(0, 1), steps=st.lists(st.floats(0.1, 100), min_size=2, max_size=6), seed=st.integers(0, 2**16))
def test_outcome_never_falls_with_spend(share: float, steps: list[float], seed: int) -> None:
    grid = np.concatenate([[0.0], np.cumsum(steps)])[None]
    gains = np.random.default_rng(seed).exponential(size=(3, 1, len(steps)))
    outcome = np.concatenate([np.zeros((3, 1, 1)), np.cumsum(gains, axis=2)], axis=2)
    found = ResponseCurves(
        channels=("tv",), spend=grid, outcome=outcome, observed_spend=np.array([0.0]), currency="EUR"
    )
    here = found.outcome_at(np.array([share * grid[0, -1]]))
    further = found.outcome_at(np.array([share * grid[0, -1] * 1.5]))
    assert (further >= here - 1e-9).all()
    assert (found.marginal_at(np.array([share * grid[0, -1]])) >= 0).all()


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"spend": GRID[:, :1], "outcome": OUTCOME[:, :, :1]}, "two points"),
        ({"outcome": OUTCOME[:, :, :2]}, "shape"),
        ({"observed": (1.0,)}, "one number a channel"),
        ({"observed": (1.0, -2.0)}, "negative"),
        ({"spend": GRID - 3}, "negative"),
        ({"spend": GRID[:, ::-1]}, "do not increase"),
        ({"outcome": OUTCOME[:, :, ::-1]}, "falls"),
        ({"outcome": np.where(OUTCOME == 2.0, np.nan, OUTCOME)}, "missing or infinite"),
    ],
)
def test_curves_that_cannot_be(change: dict[str, object], part: str) -> None:
    with pytest.raises(InputError, match=part):
        curves(**change)


def test_one_spend_a_channel() -> None:
    with pytest.raises(InputError, match="one spend a channel"):
        curves().outcome_at(np.array([1.0]))


def test_curves_by_geo_are_kept_in_tables_and_in_runs(tmp_path: Path) -> None:
    curves = ResponseCurves(
        channels=("tv", "tv", "radio"),
        geos=("Bremen", "Hessen", "Bremen"),
        spend=np.array([[0.0, 10.0, 20.0]] * 3),
        outcome=np.array([[[0.0, 5.0, 8.0], [0.0, 6.0, 7.0], [0.0, 1.0, 2.0]]] * 2),
        observed_spend=np.array([4.0, 5.0, 6.0]),
        currency="EUR",
        run="fit",
    )
    assert curves.members == {"tv": (0, 1), "radio": (2,)}
    write_curves(curves, tmp_path / "curves.parquet")
    long_table(curves).to_csv(tmp_path / "long.csv", index=False)
    for again in (read_run_curves(tmp_path / "curves.parquet"), read_curves(tmp_path / "long.csv", "EUR")):
        assert again.cells == ("tv in Bremen", "tv in Hessen", "radio in Bremen")
        np.testing.assert_allclose(again.outcome, curves.outcome)
        np.testing.assert_allclose(again.observed_spend, curves.observed_spend)


def test_a_fault_of_a_curve_by_geo_names_the_geo(tmp_path: Path) -> None:
    rows = "tv,Bremen,0,0,0\ntv,Bremen,0,10,5\ntv,Hessen,0,0,0\ntv,Hessen,0,10,5\ntv,Hessen,0,20,4\n"
    (tmp_path / "long.csv").write_text("channel,geo,draw,spend,outcome\n" + rows, encoding="utf-8")
    with pytest.raises(InputError, match="tv in Hessen"):
        read_curves(tmp_path / "long.csv", "EUR")
