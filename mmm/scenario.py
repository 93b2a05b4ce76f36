"""What one spend path brings more than another, carry-over into the periods after included."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.estimates import Estimate, Interval
from mmm.contributions import quantiles
from mmm.design import Design, with_history
from mmm.media_response import Draws, channel_response
from mmm.spec import ModelSpec
from mmm.spend_path import Horizon, Spend, horizon, lay_out_spend, media_of

FloatArray = NDArray[np.float64]
History = Literal["kept", "follows"]
#: Name of the row of all channels together.
TOTAL = "total"
METHOD = "hierarchical Bayesian media mix model, spend paths compared"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Incremental:
    """Outcome under one spend path minus that under another. D draws, P channels, G geos, W periods; money.

    Attributes
    ----------
    channels, geos, dates, currency
        Names of the axes, and the money.
    by_channel
        Shape (D, P). Channels add up: the model has no interactions between them.
    by_geo
        Shape (D, G).
    by_date
        Shape (D, W).
    spend
        Shape (P,): spend under the first path minus that under the second.
    """

    channels: tuple[str, ...]
    geos: tuple[str, ...]
    dates: pd.DatetimeIndex
    currency: str
    by_channel: FloatArray
    by_geo: FloatArray
    by_date: FloatArray
    spend: FloatArray

    @property
    def draws(self) -> FloatArray:
        """All channels, geos and periods together, shape (D,)."""
        return np.asarray(self.by_channel.sum(axis=1), dtype=np.float64)

    def total(self, level: float = 0.9) -> Estimate:
        """The whole difference."""
        lower, upper = quantiles(self.draws, level)
        interval = Interval(lower=float(lower), upper=float(upper), level=level, kind="credible")
        return Estimate(value=float(self.draws.mean()), interval=interval, unit=self.currency, method=METHOD)

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """One row a channel whose spend differs, and their total.

        Columns: channel, incremental_spend, incremental_outcome, iroas (both with _lower, _upper), level. ``iroas`` is
        missing where incremental spend is zero.
        """
        moved = np.flatnonzero((self.by_channel != 0).any(axis=0) | (self.spend != 0))
        rows = [(self.channels[place], self.spend[place], self.by_channel[:, place]) for place in moved]
        rows.append((TOTAL, self.spend.sum(), self.draws))
        found = []
        for name, spend, drawn in rows:
            row = {"channel": name, "incremental_spend": spend, **_ends("incremental_outcome", drawn, level)}
            ratio = drawn / spend if spend != 0 else np.full_like(drawn, np.nan)
            found.append({**row, **_ends("iroas", ratio, level), "level": level})
        return pd.DataFrame(found)

    def over_time(self, level: float = 0.9) -> pd.DataFrame:
        """All channels and geos together: columns date, mean, lower, upper (money)."""
        lower, upper = quantiles(self.by_date, level)
        return pd.DataFrame({"date": self.dates, "mean": self.by_date.mean(axis=0), "lower": lower, "upper": upper})

    def geo_table(self, level: float = 0.9) -> pd.DataFrame:
        """All channels and periods together: columns geo, mean, lower, upper (money)."""
        lower, upper = quantiles(self.by_geo, level)
        return pd.DataFrame({"geo": list(self.geos), "mean": self.by_geo.mean(axis=0), "lower": lower, "upper": upper})


def incremental(
    draws: Draws,
    design: Design,
    spec: ModelSpec,
    paths: tuple[Spend, Spend],
    *,
    ahead: int = 0,
    after: int | None = None,
    history: History = "kept",
) -> Incremental:
    """Compare two spend paths.

    Parameters
    ----------
    draws, design, spec
        The fit.
    paths
        Actual and counterfactual, each over the panel's T periods and ``ahead`` more; see `mmm.spend_path.Spend`.
    ahead
        Periods after the panel that the paths may change.
    after
        Periods after the last difference whose outcome still counts; ``None``: all that carry-over reaches.
    history
        The periods before the panel, of which no spend is known: ``"kept"`` as the model laid them out, in both paths;
        or ``"follows"``: each path's own first periods repeated, as the model itself does. With no spend of a channel
        as the counterfactual and ``after=0``, the second gives the channel's contribution.

    Raises
    ------
    InputError
        Where a path does not fit the panel.
    """
    if history not in ("kept", "follows"):
        raise InputError.of("unknown choice", "Use kept or follows", column="history", value=history)
    base, window = horizon(design, ahead + design.lags - 1), slice(0, design.periods + ahead)
    spends = []
    for path in paths:
        whole = base.spend.copy()
        whole[:, window] = lay_out_spend(path, base, window)
        spends.append(whole)
    media = [_laid_out(base, spend, history) for spend in spends]
    differs = np.flatnonzero((spends[0] != spends[1]).any(axis=(0, 2)))
    tail = design.lags - 1 if after is None else after
    stop = min(int(differs[-1]) + 1 + tail, len(base.dates)) if len(differs) else len(base.dates)
    result = Incremental(
        channels=design.panel.channels,
        geos=design.panel.geos,
        dates=base.dates[:stop],
        currency=design.panel.currency,
        by_channel=np.zeros((len(draws), design.channels)),
        by_geo=np.zeros((len(draws), design.geos)),
        by_date=np.zeros((len(draws), stop)),
        spend=np.asarray((spends[0] - spends[1]).sum(axis=(0, 1)), dtype=np.float64),
    )
    for channel in range(design.channels):
        for geo in range(design.geos):
            both = [np.stack([path[kind][geo, channel] for path in media]) for kind in (0, 1)]
            if (both[0][0] == both[0][1]).all() and (both[1][0] == both[1][1]).all():
                continue
            level = channel_response(draws, design, spec, channel, (both[0], both[1]), time=base.time)
            brought = (
                draws.effect[:, geo, channel, None] * (level[:, 0] - level[:, 1])[:, :stop] * base.money[geo, :stop]
            )
            result.by_channel[:, channel] += brought.sum(axis=1)
            result.by_geo[:, geo] += brought.sum(axis=1)
            result.by_date[:] += brought
    return result


def _laid_out(base: Horizon, spend: FloatArray, history: History) -> tuple[FloatArray, FloatArray]:
    """Media and reach of a path, with the history that belongs to it."""
    media, reach = media_of(base, spend)
    if history == "kept":
        return media, reach
    lags = base.design.lags
    return with_history(media[..., lags - 1 :], lags), with_history(reach[..., lags - 1 :], lags)


def _ends(name: str, drawn: FloatArray, level: float) -> dict[str, float]:
    lower, upper = quantiles(drawn, level)
    return {name: float(drawn.mean()), f"{name}_lower": float(lower), f"{name}_upper": float(upper)}
