"""Response curves out of a pymc-marketing MMM, for planning with a model that lives elsewhere.

``mmm.sample_saturation_curve(...)`` documents an xarray DataArray over (chain, draw, channel, x), with one more
dimension for panel models; y is the contribution of one period in the target's own units, x is spend in the model's
scaled units (``mmm.data.get_channel_scale()`` turns it into money). Its adstock is normalised by default: under steady
spend the adstocked spend is the spend itself, so that the saturation curve is the response curve.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from measurement.curves import ResponseCurves
from measurement.errors import InputError

_DIMENSIONS = ("chain", "draw", "channel", "x")


def curves_from_pymc_marketing(
    curve: xr.DataArray,
    channel_scale: xr.DataArray,
    *,
    current: Mapping[str, float],
    currency: str,
    days_per_period: float = 7.0,
    value_per_unit: float = 1.0,
) -> ResponseCurves:
    """Every posterior draw of the curves as money a week.

    Parameters
    ----------
    curve
        ``mmm.sample_saturation_curve(max_value=2.0, num_points=200, num_samples=500)``, in the original scale (the
        default); give ``max_value`` as many times the largest spend seen as a plan may reach.
    channel_scale
        ``mmm.data.get_channel_scale()``.
    current
        Today's spend a week by channel, by cell (``"tv in Berlin"``) for panel models; channels not named have 0.
    currency
        ISO code.
    days_per_period
        Days between two dates of the model.
    value_per_unit
        Money a unit of the target is worth; 1 where that is revenue.

    Returns
    -------
    ResponseCurves
        Cells are channels, or channels in geos where the model has one dimension more.

    Raises
    ------
    InputError
        A dimension is missing, there is more than one beside the documented ones, or a scale is not positive.

    Examples
    --------
    >>> curve = xr.DataArray(
    ...     [[[[0.0, 60.0, 80.0]]]],
    ...     dims=("chain", "draw", "channel", "x"),
    ...     coords={"channel": ["tv"], "x": [0.0, 0.5, 1.0]},
    ... )
    >>> scale = xr.DataArray([200.0], dims="channel", coords={"channel": ["tv"]})
    >>> found = curves_from_pymc_marketing(curve, scale, current={"tv": 50.0}, currency="EUR")
    >>> found.spend.tolist(), found.outcome.tolist()
    ([[0.0, 100.0, 200.0]], [[[0.0, 60.0, 80.0]]])
    """
    place = _place(curve, channel_scale)
    order = ["chain", "draw", "channel", *([place] if place else []), "x"]
    drawn = curve.transpose(*order).sortby("x")
    scale = channel_scale.sel(channel=drawn["channel"])
    if place is not None and place in scale.dims:
        scale = scale.sel({place: drawn[place]}).transpose("channel", place)
    values = drawn.to_numpy().astype(np.float64)
    draws, points = values.shape[0] * values.shape[1], values.shape[-1]
    names = list(map(str, drawn["channel"].to_numpy()))
    geos = list(map(str, drawn[place].to_numpy())) if place is not None else []
    shape = (len(names), max(len(geos), 1))
    sizes = np.broadcast_to(np.atleast_1d(scale.to_numpy()).reshape(len(names), -1), shape).astype(np.float64)
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise InputError.of(
            "the scale of a channel is not positive",
            "Pass mmm.data.get_channel_scale() of the fitted model",
            column="channel_scale",
            value=sizes.min(),
        )
    a_week = 7.0 / days_per_period
    outcome = values.reshape(draws, -1, points) * (value_per_unit * a_week)
    channels = tuple(name for name in names for _ in range(shape[1]))
    where = tuple(geo for _ in names for geo in geos)
    cells = tuple(f"{a} in {b}" for a, b in zip(channels, where, strict=True)) if where else channels
    return ResponseCurves(
        channels=channels,
        geos=where,
        spend=drawn["x"].to_numpy().astype(np.float64)[None] * sizes.reshape(-1, 1) * a_week,
        outcome=outcome,
        observed_spend=np.array([float(current.get(cell, 0.0)) for cell in cells]),
        currency=currency,
    )


def _place(curve: xr.DataArray, channel_scale: xr.DataArray) -> str | None:
    """The one dimension beside the documented ones, which is taken for the geo."""
    missing = [name for name in _DIMENSIONS if name not in curve.dims]
    if missing or "channel" not in channel_scale.dims:
        raise InputError.of(
            "this is not what pymc-marketing's sample_saturation_curve() returns",
            "Pass mmm.sample_saturation_curve() and mmm.data.get_channel_scale()",
            column=missing[0] if missing else "channel_scale",
            value=", ".join(map(str, curve.dims)),
        )
    others = [str(name) for name in curve.dims if name not in _DIMENSIONS]
    if len(others) > 1:
        raise InputError.of(
            "a plan knows channels and geos, and these curves have more dimensions",
            f"Choose one of all but one of them before, e.g. curve.sel({others[1]}=…)",
            column="dims",
            value=", ".join(others),
        )
    return others[0] if others else None
