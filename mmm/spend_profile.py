"""How a channel was bought: how low and how high it went, what an exposure cost, whether it followed the season."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.panel import Panel
from mmm.baseline import fourier
from mmm.collinearity import relative_spend, within_geos

FloatArray = NDArray[np.float64]

#: Spend levels are means over this many days: carry-over blurs anything shorter.
LEVEL_DAYS = 28
#: Days on air before and after a date whose costs are compared.
COST_DAYS = 56
YEAR_DAYS = 365


def coverage_table(panel: Panel) -> pd.DataFrame:
    """Where and how much each channel was on air.

    Returns
    -------
    pandas.DataFrame
        Columns ``channel``, ``spend`` (money), ``spend_share``, ``periods_on_air`` (in any geo), ``on_air`` (share of
        geo-periods), ``lowest``, ``highest`` (4-week spend of a geo as a multiple of that geo's mean on air), and
        ``variation`` (standard deviation within geos over the mean).
    """
    spend = panel.data["spend"].to_numpy().astype(np.float64)
    total = spend.sum(axis=(0, 1))
    level = _level(spend, max(1, LEVEL_DAYS // panel.days_per_period))
    ever = spend.sum(axis=1) > 0
    relative = within_geos(relative_spend(panel))
    rows = []
    for index, channel in enumerate(panel.channels):
        levels, some = level[ever[:, index], :, index], bool(ever[:, index].any())
        rows.append(
            {
                "channel": channel,
                "spend": total[index],
                "spend_share": total[index] / total.sum() if total.sum() > 0 else np.nan,
                "periods_on_air": int((spend[..., index] > 0).any(axis=0).sum()),
                "on_air": float((spend[..., index] > 0).mean()),
                "lowest": float(levels.min()) if some else np.nan,
                "highest": float(levels.max()) if some else np.nan,
                "variation": float(relative[ever[:, index], :, index].std()) if some else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=_COVERAGE)


_COVERAGE = ["channel", "spend", "spend_share", "periods_on_air", "on_air", "lowest", "highest", "variation"]


def _level(spend: FloatArray, window: int) -> FloatArray:
    """Moving mean over ``window`` periods divided by the geo's mean on air, shape (G, T', C)."""
    window = min(window, spend.shape[1])
    moving = np.lib.stride_tricks.sliding_window_view(spend, window, axis=1).mean(axis=-1)
    active = (spend > 0).sum(axis=1, keepdims=True)
    usual = spend.sum(axis=1, keepdims=True) / np.maximum(active, 1)
    return np.asarray(np.divide(moving, usual, out=np.zeros_like(moving), where=usual > 0), dtype=np.float64)


def counted_channels(panel: Panel) -> list[int]:
    """Places of the channels whose exposure was counted, that is, differs from their spend."""
    spend, exposure = panel.data["spend"].to_numpy(), panel.data["exposure"].to_numpy()
    return [place for place in range(len(panel.channels)) if not np.allclose(spend[..., place], exposure[..., place])]


def share_table(panel: Panel) -> pd.DataFrame:
    """Where the money went and what it bought there, by channel and geo, for channels with counted exposure.

    Exposures of two channels (a click, a view) are different things, so that shares are taken over geos within a
    channel, never over channels.

    Returns
    -------
    pandas.DataFrame
        Columns ``channel``, ``geo``, ``spend_share`` and ``exposure_share`` of the channel's total, ``relative_cost``
        (cost per exposure over that of the median geo).
    """
    spend, exposure = panel.data["spend"].to_numpy().sum(axis=1), panel.data["exposure"].to_numpy().sum(axis=1)
    rows = []
    for place in counted_channels(panel):
        money, bought = spend[:, place], exposure[:, place]
        if not (money.sum() > 0 and bought.sum() > 0):
            continue
        cost = np.divide(money, bought, out=np.full(len(money), np.nan), where=(money > 0) & (bought > 0))
        typical = float(np.nanmedian(cost)) if np.isfinite(cost).any() else np.nan
        rows += [
            {
                "channel": panel.channels[place],
                "geo": geo,
                "spend_share": money[number] / money.sum(),
                "exposure_share": bought[number] / bought.sum(),
                "relative_cost": cost[number] / typical,
            }
            for number, geo in enumerate(panel.geos)
        ]
    return pd.DataFrame(rows, columns=["channel", "geo", "spend_share", "exposure_share", "relative_cost"])


def cost_table(panel: Panel) -> pd.DataFrame:
    """Cost per exposure of all geos over time, for channels with counted exposure.

    Returns
    -------
    pandas.DataFrame
        Columns ``date``, ``channel``, ``cost`` (money per exposure); periods without spend or exposure are left out.
    """
    spend, exposure = panel.data["spend"].to_numpy().sum(axis=0), panel.data["exposure"].to_numpy().sum(axis=0)
    parts = []
    for place in counted_channels(panel):
        on_air = (spend[:, place] > 0) & (exposure[:, place] > 0)
        cost = spend[on_air, place] / exposure[on_air, place]
        parts.append(pd.DataFrame({"date": panel.dates[on_air], "channel": panel.channels[place], "cost": cost}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["date", "channel", "cost"])


def cost_changes(costs: pd.DataFrame, days_per_period: int) -> pd.DataFrame:
    """How each channel's cost per exposure moved.

    Parameters
    ----------
    costs
        From `cost_table`.
    days_per_period
        7 for weeks, 1 for days.

    Returns
    -------
    pandas.DataFrame
        Columns ``channel``, ``jump`` (log ratio of the medians of 8 weeks on air after and before ``jump_date``, the
        largest there is), ``jump_date``, ``jump_z`` (in standard errors), ``drift`` (log change from first to last
        date by the median of all slopes, Sen 1968), ``drift_lower``, ``drift_upper`` (90%). Missing below 24 weeks on
        air.
    """
    window = COST_DAYS // days_per_period
    rows = []
    for channel, part in costs.groupby("channel", sort=False):
        if len(part) < 3 * window:
            continue
        rows.append({"channel": channel, **_jump(part, window), **_drift(part)})
    columns = ["channel", "jump", "jump_date", "jump_z", "drift", "drift_lower", "drift_upper"]
    return pd.DataFrame(rows, columns=columns)


def _jump(part: pd.DataFrame, window: int) -> dict[str, object]:
    logged = np.log(part["cost"].to_numpy(dtype=np.float64))
    views = np.median(np.lib.stride_tricks.sliding_window_view(logged, window), axis=1)
    change = views[window:] - views[:-window]
    place = int(np.argmax(np.abs(change)))
    noise = 1.4826 * float(np.median(np.abs(np.diff(logged)))) / np.sqrt(2.0)
    error = max(noise * np.sqrt(np.pi / window), 1e-6)  # a median's variance is π/2 that of a mean; two of them
    return {
        "jump": float(change[place]),
        "jump_date": part["date"].iloc[place + window],
        "jump_z": float(abs(change[place]) / error),
    }


def _drift(part: pd.DataFrame) -> dict[str, float]:
    from scipy.stats import theilslopes

    days = (part["date"] - part["date"].iloc[0]).dt.days.to_numpy(dtype=np.float64)
    found = theilslopes(np.log(part["cost"].to_numpy(dtype=np.float64)), days / days[-1], alpha=0.9)
    return {"drift": float(found[0]), "drift_lower": float(found[2]), "drift_upper": float(found[3])}


def season_table(panel: Panel) -> pd.DataFrame:
    """Correlation of each channel's spend, within geos, with the yearly season of the outcome.

    The season is the sine and cosine part (two harmonics) of the outcome of all geos, fitted beside a trend.

    Returns
    -------
    pandas.DataFrame
        Columns ``channel``, ``correlation``; empty below one year of data.
    """
    columns = ["channel", "correlation"]
    if len(panel.dates) * panel.days_per_period < YEAR_DAYS:
        return pd.DataFrame(columns=columns)
    outcome = panel.outcome_value.sum(axis=0)
    waves = np.column_stack([column for _, column in fourier(panel.dates, 2)])
    trend = np.column_stack([np.ones(len(outcome)), np.linspace(-0.5, 0.5, len(outcome))])
    fitted = np.linalg.lstsq(np.column_stack([trend, waves]), outcome, rcond=None)[0]
    season = waves @ fitted[trend.shape[1] :]
    season = season - season.mean()
    spend = within_geos(relative_spend(panel))
    size = np.sqrt((spend**2).sum(axis=(0, 1)) * (season**2).sum() * spend.shape[0])
    shared = np.einsum("gtc,t->c", spend, season)
    return pd.DataFrame(
        {
            "channel": panel.channels,
            "correlation": np.divide(shared, size, out=np.full(len(size), np.nan), where=size > 0),
        },
        columns=columns,
    )
