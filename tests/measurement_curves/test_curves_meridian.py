"""Curves in Meridian's documented form become money a week."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from measurement.errors import InputError
from measurement.readers.curves_meridian import curves_from_meridian
from measurement.readers.curves_table import long_table, read_curves


def meridian(multipliers=(0.0, 0.5, 1.0, 2.0)) -> xr.Dataset:
    steps = np.array(multipliers)
    spend = steps[:, None] * np.array([520.0, 1040.0])
    mean = 30 * np.sqrt(spend)
    return xr.Dataset(
        {
            "spend": (("spend_multiplier", "channel"), spend),
            "incremental_outcome": (
                ("spend_multiplier", "channel", "metric"),
                np.stack([mean, 0.8 * mean, 1.2 * mean], axis=2),
            ),
        },
        coords={"spend_multiplier": steps, "channel": ["tv", "search"], "metric": ["mean", "ci_lo", "ci_hi"]},
    )


def test_totals_become_weeks():
    curves = curves_from_meridian(meridian((2.0, 0.0, 1.0, 0.5)), weeks=52, currency="USD")
    assert curves.channels == ("tv", "search")
    assert curves.observed_spend.tolist() == [10.0, 20.0]
    np.testing.assert_allclose(curves.outcome[0, 0] * 52, 30 * np.sqrt(curves.spend[0] * 52))


def test_what_was_converted_can_be_planned_from_the_command_line(tmp_path):
    curves = curves_from_meridian(meridian(), weeks=52, currency="USD")
    long_table(curves).to_parquet(tmp_path / "curves.parquet")
    again = read_curves(tmp_path / "curves.parquet", "USD")
    np.testing.assert_array_equal(again.outcome, curves.outcome)
    np.testing.assert_array_equal(again.observed_spend, curves.observed_spend)


@pytest.mark.parametrize(
    ("dataset", "weeks", "match"),
    [
        (meridian().drop_vars("spend"), 52, "response_curves"),
        (meridian((0.0, 0.5, 2.0)), 52, "Include 1.0"),
        (meridian(), 0, "weeks"),
    ],
)
def test_what_does_not_fit_is_named(dataset, weeks, match):
    with pytest.raises(InputError, match=match):
        curves_from_meridian(dataset, weeks=weeks, currency="USD")
