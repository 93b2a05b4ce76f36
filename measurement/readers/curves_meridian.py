"""Response curves out of Google Meridian, for planning with a model that lives elsewhere.

``Analyzer.response_curves()`` documents an xarray Dataset with ``spend`` (spend_multiplier, channel) and
``incremental_outcome`` (spend_multiplier, channel, metric); both are totals over the selected weeks. Only the mean and
an interval are in it, not the draws: a plan over such curves has no chance of a loss.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from measurement.curves import ResponseCurves
from measurement.errors import InputError


def curves_from_meridian(dataset: xr.Dataset, *, weeks: float, currency: str) -> ResponseCurves:
    """The mean curves as money a week.

    Parameters
    ----------
    dataset
        What ``analyzer.response_curves(spend_multipliers=[0, 0.1, …, 2])`` returned, or was saved as with
        ``to_netcdf`` and opened again; give it many multipliers, since curves are straight lines between them.
    weeks
        Number of weeks in ``selected_times``: Meridian's numbers are totals over them.
    currency
        ISO code.

    Returns
    -------
    ResponseCurves
        One draw; today's spend is that at multiplier 1.

    Raises
    ------
    InputError
        Something documented is missing, or the multipliers do not include 1.

    Examples
    --------
    >>> data = xr.Dataset(
    ...     {
    ...         "spend": (("spend_multiplier", "channel"), [[0.0], [520.0], [1040.0]]),
    ...         "incremental_outcome": (("spend_multiplier", "channel", "metric"), [[[0.0]], [[1040.0]], [[1560.0]]]),
    ...     },
    ...     coords={"spend_multiplier": [0.0, 1.0, 2.0], "channel": ["tv"], "metric": ["mean"]},
    ... )
    >>> curves_from_meridian(data, weeks=52, currency="EUR").outcome.tolist()
    [[[0.0, 20.0, 30.0]]]
    """
    for name in ("spend", "incremental_outcome", "spend_multiplier", "channel", "metric"):
        if name not in dataset.variables:
            raise InputError.of(
                "this is not what Meridian's Analyzer.response_curves() returns",
                "Save that Dataset with to_netcdf and open it with xarray.open_dataset",
                column=name,
                value=", ".join(map(str, dataset.variables)),
            )
    if not weeks > 0:
        raise InputError.of("weeks must be positive", "Give the number of weeks of the curves", column="weeks")
    multiplier = dataset["spend_multiplier"].to_numpy().astype(float)
    today = np.flatnonzero(np.isclose(multiplier, 1.0))
    if not len(today):
        raise InputError.of(
            "today's spend is not on the curves",
            "Include 1.0 in spend_multipliers",
            column="spend_multiplier",
            value=multiplier.tolist(),
        )
    order = np.argsort(multiplier)
    spend = dataset["spend"].transpose("spend_multiplier", "channel").to_numpy().astype(float)
    mean = dataset["incremental_outcome"].sel(metric="mean").transpose("spend_multiplier", "channel")
    return ResponseCurves(
        channels=tuple(map(str, dataset["channel"].to_numpy())),
        spend=spend[order].T / weeks,
        outcome=mean.to_numpy().astype(float)[order].T[None] / weeks,
        observed_spend=spend[today[0]] / weeks,
        currency=currency,
    )
