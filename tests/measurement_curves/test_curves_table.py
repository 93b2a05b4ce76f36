"""Curves as tables: what is read is what was written, and what is no curve is named with place and remedy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.readers.curves_table import read_curves, read_run_curves, write_curves


def long_table(draws: int = 3) -> pd.DataFrame:
    rows = [
        {"channel": channel, "draw": draw, "spend": spend, "outcome": (2 + draw) * spend**power, "current_spend": today}
        for channel, power, today in (("search", 0.5, 40.0), ("tv, national", 0.8, 0.0))
        for draw in range(draws)
        for spend in (0.0, 10.0, 40.0, 100.0)
    ]
    return pd.DataFrame(rows)


def write(table: pd.DataFrame, folder: Path, name: str = "curves.csv") -> Path:
    path = folder / name
    if name.endswith("parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["curves.csv", "curves.parquet"])
def test_reads_a_long_table(tmp_path, name):
    curves = read_curves(write(long_table(), tmp_path, name), "EUR")
    assert curves.channels == ("search", "tv, national")
    assert curves.outcome.shape == (3, 2, 4)
    assert curves.observed_spend.tolist() == [40.0, 0.0]
    np.testing.assert_allclose(curves.outcome[1, 0], 3 * np.sqrt(curves.spend[0]))


def test_order_of_rows_does_not_matter(tmp_path):
    shuffled = long_table().sample(frac=1.0, random_state=4)
    shuffled = pd.concat([long_table().iloc[:1], shuffled.drop(index=0)])  # keep which channel comes first
    first, second = (read_curves(write(t, tmp_path), "EUR") for t in (long_table(), shuffled))
    assert first.channels == second.channels
    np.testing.assert_array_equal(first.outcome[0], second.outcome[0])
    np.testing.assert_allclose(np.sort(first.outcome, axis=0), np.sort(second.outcome, axis=0))


def test_german_csv(tmp_path):
    path = tmp_path / "kurven.csv"
    long_table().to_csv(path, index=False, sep=";", decimal=",")
    curves = read_curves(path, "EUR")
    np.testing.assert_allclose(curves.outcome[0, 0], 2 * np.sqrt(curves.spend[0]), rtol=1e-9)


def test_channels_with_fewer_points_keep_their_curve(tmp_path):
    table = long_table()
    drop = (table.channel == "search") & (table.spend == 10.0)
    curves = read_curves(write(table[~drop], tmp_path), "EUR")
    assert curves.spend.shape == (2, 4)
    at = np.array([[0.0, 20.0, 40.0, 70.0, 100.0]])
    want = np.interp(at[0], [0, 40, 100], 2 * np.sqrt([0, 40, 100]))
    np.testing.assert_allclose(np.interp(at[0], curves.spend[0], curves.outcome[0, 0]), want)


def test_draws_with_points_of_their_own_are_laid_on_common_points(tmp_path):
    table = long_table()
    other = (table.channel == "search") & (table.draw == 1) & (table.spend == 10.0)
    table.loc[other, ["spend", "outcome"]] = [20.0, 3 * np.sqrt(20.0)]
    curves = read_curves(write(table, tmp_path), "EUR")
    want = np.interp(curves.spend[0], [0, 20, 40, 100], 3 * np.sqrt([0, 20, 40, 100]))
    np.testing.assert_allclose(curves.outcome[1, 0], want)


def test_today_from_the_panel_where_the_table_has_none(tmp_path):
    path = write(long_table().drop(columns="current_spend"), tmp_path)
    assert read_curves(path, "EUR", current={"search": 7.0}).observed_spend.tolist() == [7.0, 0.0]


def spoil(kind: str) -> pd.DataFrame:  # noqa: C901 - one case a fault
    table = long_table()
    match kind:
        case "falls":
            table.loc[2, "outcome"] = 1.0
        case "nan":
            table.loc[5, "outcome"] = np.nan
        case "negative":
            table.loc[0, "spend"] = -5.0
        case "one point":
            table = table[(table.channel != "search") | (table.spend == 40.0)]
        case "column":
            table = table.drop(columns="outcome")
        case "text":
            table["spend"] = table["spend"].astype(object)
            table.loc[3, "spend"] = "much"
        case "twice":
            table.loc[2, "spend"] = 10.0
        case "lost draw":
            table = table[(table.channel != "search") | (table.draw != 1)]
        case "other end":
            table.loc[3, "spend"] = 90.0
        case "today":
            table.loc[3, "current_spend"] = 90.0
        case "empty":
            table = table.iloc[:0]
        case "infinite":
            table.loc[3, "outcome"] = np.inf
    return table


FAULTS = {
    "falls": ("curves.csv:4", "falls"),
    "nan": ("curves.csv:7", "outcome"),
    "negative": ("curves.csv:2", "negative"),
    "one point": ("curves.csv:2", "only one point"),
    "column": ("'outcome'", "lacks a column"),
    "text": ("curves.csv:5", "much"),
    "twice": ("curves.csv", "same spend twice"),
    "lost draw": ("'draw'", "search: 2 of 3"),
    "other end": ("'spend'", "different spend"),
    "today": ("'current_spend'", "search"),
    "empty": ("curves.csv", "no rows"),
    "infinite": ("curves.csv:5", "outcome"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_bad_curve_is_named_with_place_and_remedy(tmp_path, kind):
    with pytest.raises(InputError) as caught:
        read_curves(write(spoil(kind), tmp_path), "EUR")
    assert caught.value.exit_status == 2
    for part in FAULTS[kind]:
        assert part in str(caught.value)
    assert all(problem.remedy for problem in caught.value.problems)


@pytest.mark.parametrize("kind", ["falls", "nan", "negative", "one point", "column", "lost draw", "infinite"])
def test_a_bad_parquet_is_named_too(tmp_path, kind):
    with pytest.raises(InputError):
        read_curves(write(spoil(kind), tmp_path, "curves.parquet"), "EUR")


def test_all_faults_of_a_kind_at_once(tmp_path):
    table = long_table()
    table.loc[[2, 6, 10], "outcome"] = 1.0
    with pytest.raises(InputError) as caught:
        read_curves(write(table, tmp_path), "EUR")
    assert len(caught.value.problems) == 3


def test_run_curves_come_back_as_they_were(tmp_path):
    rng = np.random.default_rng(5)
    curves = ResponseCurves(
        channels=("a", "b"),
        spend=np.array([[0.0, 1.0, 3.0], [0.0, 2.0, 9.0]]),
        outcome=np.cumsum(rng.random((50, 2, 3)), axis=2),
        observed_spend=np.array([1.0, 2.0]),
        currency="CHF",
        run="20261123T1",
    )
    write_curves(curves, tmp_path / "curves.parquet", level=0.8)
    again = read_run_curves(tmp_path / "curves.parquet")
    np.testing.assert_array_equal(again.outcome, curves.outcome)
    np.testing.assert_array_equal(again.spend, curves.spend)
    assert (again.channels, again.currency, again.run) == (("a", "b"), "CHF", "20261123T1")
    table = pd.read_parquet(tmp_path / "curves.parquet")
    assert (table["lower"] <= table["mean"]).all()
    assert table["level"].unique().tolist() == [0.8]


@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_a_spoilt_run_file_is_named(tmp_path, content):
    path = tmp_path / "curves.parquet"
    path.write_bytes(content)
    with pytest.raises(InputError, match="liftwerk fit"):
        read_run_curves(path)
