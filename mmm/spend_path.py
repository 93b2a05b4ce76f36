"""Spend as somebody plans it → media as the model sees them, inside the panel and in the periods after it.

Beyond its end a panel is continued at its recent pattern: the mean of the last `RECENT_WEEKS` weeks, for daily panels
by day of the week. Where a path spends less than the panel (or its continuation), exposure falls in proportion; where
it spends more, the further money buys exposure at the usual rate: that of the whole panel inside it, the recent one
after it. Exposure that came without spend stays. Where reach is known, money moves how many are reached and leaves how
often as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from mmm.design import Design
from mmm.response import RECENT_WEEKS

FloatArray = NDArray[np.float64]
#: ``None``: as it was. An array (G, W, P). A table date, channel, spend, and optional geo; cells it does not name stay.
#: By channel a number or (W,) of national spend a period, spread over geos as it was, or (G, W).
Spend = FloatArray | pd.DataFrame | Mapping[str, float | FloatArray] | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Horizon:
    """A panel and some periods after it. G geos, P paid channels, C media, W = T + ahead periods, L lags.

    Attributes
    ----------
    design
        The panel as the model sees it.
    dates
        Length W.
    spend
        Shape (G, W, P).
    media, reach
        Shape (G, C, L − 1 + W), scaled, history first.
    money
        Shape (G, W): money per scaled unit of outcome.
    rate
        Shape (G, P, W): scaled media (reach, where it is known) that one unit of further money buys.
    time
        Shape (W,): period of the panel, its last one after its end; for effects that vary.
    """

    design: Design
    dates: pd.DatetimeIndex
    spend: FloatArray
    media: FloatArray
    reach: FloatArray
    money: FloatArray
    rate: FloatArray
    time: NDArray[np.int64]


def horizon(design: Design, ahead: int) -> Horizon:
    """Continue a panel by ``ahead`` periods at its recent pattern."""
    panel, first = design.panel, design.lags - 1
    days = panel.days_per_period
    later = panel.dates[-1] + pd.to_timedelta(days * np.arange(1, ahead + 1), unit="D")
    spend = np.moveaxis(panel.data["spend"].to_numpy().astype(np.float64), 2, 1)
    media = np.concatenate([design.media[..., :first], recent_pattern(design.media[..., first:], ahead, days)], axis=2)
    reach = np.concatenate([design.reach[..., :first], recent_pattern(design.reach[..., first:], ahead, days)], axis=2)
    for name in panel.reach_channels:
        channel = panel.channels.index(name)
        media[:, channel, first + design.periods :] = usual_frequency(design, channel, recent=True)[:, None]
    whole, now = _rates(design, spend, design.periods), _rates(design, spend, _recent_periods(design))
    inside = np.arange(design.periods + ahead) < design.periods
    return Horizon(
        design=design,
        dates=pd.DatetimeIndex(panel.dates.append(later)),
        spend=np.moveaxis(recent_pattern(spend, ahead, days), 1, 2),
        media=media,
        reach=reach,
        money=recent_pattern(design.money, ahead, days),
        rate=np.where(inside, whole[..., None], np.where(np.isfinite(now), now, whole)[..., None]),
        time=np.minimum(np.arange(design.periods + ahead), design.periods - 1),
    )


def recent_pattern(values: FloatArray, ahead: int, days: int) -> FloatArray:
    """Values (…, T) continued by ``ahead`` periods at the mean of the recent weeks, by day of the week where daily."""
    per_week = 7 // days
    weeks = max(1, min(RECENT_WEEKS, values.shape[-1] // per_week))
    last = values[..., -weeks * per_week :]
    week = last.reshape(*values.shape[:-1], weeks, per_week).mean(axis=-2)
    return np.concatenate([values, week[..., np.arange(ahead) % per_week]], axis=-1)


def usual_frequency(design: Design, channel: int, *, recent: bool) -> FloatArray:
    """Mean scaled frequency of a channel by geo, weighted by reach, shape (G,); of the whole panel where it rested."""
    first = design.lags - 1
    often, people = design.media[:, channel, first:], design.reach[:, channel, first:]
    overall = float((often * people).sum() / people.sum())
    window = slice(-_recent_periods(design) if recent else None, None)
    reached = people[:, window].sum(axis=1)
    contacts = (often * people)[:, window].sum(axis=1)
    usual: FloatArray = np.divide(contacts, reached, out=np.full(design.geos, overall), where=reached > 0)
    return usual


def media_of(base: Horizon, spend: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Scaled media and reach, each (G, C, L − 1 + W), under another spend path (G, W, P)."""
    design, first = base.design, base.design.lags - 1
    media, reach = base.media.copy(), base.reach.copy()
    for channel, name in enumerate(design.panel.channels):
        before, after = base.spend[:, :, channel], spend[:, :, channel]
        known = name in design.panel.reach_channels
        moving = reach if known else media
        kept = np.divide(after, before, out=np.ones_like(before), where=before > 0)
        there = moving[:, channel, first:]
        more = there + (after - before) * base.rate[:, channel]
        moving[:, channel, first:] = np.where(after <= before, there * kept, more)
        if known:
            often = media[:, channel, first:]
            usual = usual_frequency(design, channel, recent=False)[:, None]
            media[:, channel, first:] = np.where((after > before) & (often <= 0), usual, often)
    return media, reach


def lay_out_spend(spend: Spend, base: Horizon, window: slice) -> FloatArray:
    """Spend by geo, period and channel, shape (G, W', P), for a window of a horizon's periods.

    Parameters
    ----------
    spend
        See `Spend`; its periods are those of the window.
    base
        What stays where ``spend`` does not say otherwise, and how national spend is spread over geos.
    window
        Periods of the horizon.

    Raises
    ------
    InputError
        Names the channel, geo, date or shape that does not fit, and negative or missing amounts.
    """
    was = base.spend[:, window]
    if spend is None:
        return was.copy()
    if isinstance(spend, pd.DataFrame):
        laid = _of_table(spend, base, window)
    elif isinstance(spend, Mapping):
        laid = was.copy()
        for name, amount in spend.items():
            channel = _place(name, base.design.panel.channels, "channel")
            laid[:, :, channel] = _by_geo(np.asarray(amount, dtype=np.float64), base, channel, window)
    else:
        laid = np.array(spend, dtype=np.float64)
        if laid.shape != was.shape:
            raise InputError.of(
                "spend has the wrong shape",
                "Pass one number a geo, period and channel of the panel",
                column="spend",
                value=f"{laid.shape}, expected {was.shape}",
            )
    if not (np.isfinite(laid).all() and (laid >= 0).all()):
        raise InputError.of(
            "spend must be a number of zero or more",
            "Fill the gaps, and enter refunds apart",
            column="spend",
            value=str(float(np.nanmin(laid))),
        )
    return laid


def geo_shares(base: Horizon, channel: int, window: slice) -> FloatArray:
    """How national spend is spread over geos, shape (G, W'): as in the period, else as in the whole panel."""
    spend = base.spend[:, window, channel]
    whole = base.spend[:, : base.design.periods, channel].sum(axis=1)
    total = spend.sum(axis=0)
    usual = np.broadcast_to((whole / whole.sum())[:, None], spend.shape)
    shares: FloatArray = np.divide(spend, total, out=usual.copy(), where=total > 0)
    return shares


def _by_geo(amount: FloatArray, base: Horizon, channel: int, window: slice) -> FloatArray:
    """One channel's spend, shape (G, W'), from a number, (W',) or (G, W')."""
    shares = geo_shares(base, channel, window)
    if amount.shape == shares.shape:
        return amount
    if amount.ndim == 0 or amount.shape == shares.shape[1:]:
        return np.asarray(shares * amount, dtype=np.float64)
    raise InputError.of(
        "the spend of a channel has the wrong shape",
        "Pass a number, one number a period, or one a geo and period",
        column=f"spend.{base.design.panel.channels[channel]}",
        value=f"{amount.shape}, expected {shares.shape}",
    )


def _of_table(table: pd.DataFrame, base: Horizon, window: slice) -> FloatArray:
    missing = [name for name in ("date", "channel", "spend") if name not in table.columns]
    if missing:
        raise InputError.of(
            "a table of spend lacks a column",
            "Give it the columns date, channel, spend, and geo where spend is by geo",
            column=missing[0],
            value=", ".join(map(str, table.columns)),
        )
    panel, dates = base.design.panel, base.dates[window]
    laid, known = base.spend[:, window].copy(), {day: place for place, day in enumerate(dates)}
    keys = ["date", "channel", *(["geo"] if "geo" in table.columns else [])]
    if table.duplicated(keys).any():
        twice = table.loc[table.duplicated(keys), keys].iloc[0]
        raise InputError.of(
            "a table of spend names a cell twice", "Add the rows up", column="spend", value=", ".join(map(str, twice))
        )
    for row in table.to_dict("records"):
        channel, day = _place(str(row["channel"]), panel.channels, "channel"), pd.Timestamp(row["date"])
        if day not in known:
            span = f"{dates[0]:%Y-%m-%d} to {dates[-1]:%Y-%m-%d}" if len(dates) else "none"
            remedy = f"Use the first day of a period, here {span}, or look further ahead"
            raise InputError.of("this date is none of the periods", remedy, column="date", value=f"{day:%Y-%m-%d}")
        period, amount = known[day], float(row["spend"])
        if "geo" in row:
            laid[_place(str(row["geo"]), panel.geos, "geo"), period, channel] = amount
        else:
            laid[:, period, channel] = geo_shares(base, channel, window)[:, period] * amount
    return laid


def _place(name: str, known: tuple[str, ...], what: str) -> int:
    if name in known:
        return known.index(name)
    raise InputError.of(f"the panel has no such {what}", f"Use one of {', '.join(known)}", column=what, value=name)


def _recent_periods(design: Design) -> int:
    return min(RECENT_WEEKS * (7 // design.panel.days_per_period), design.periods)


def _rates(design: Design, spend: FloatArray, periods: int) -> FloatArray:
    """Scaled media (reach, where known) per unit of money in the last periods, (G, P); NaN for channels that rested.

    Geos without spend buy at the rate of all geos together.
    """
    panel, paid = design.panel, slice(0, design.channels)
    known = np.array([name in panel.reach_channels for name in panel.channels], dtype=bool)
    series = np.where(known[None, :, None], design.reach[:, paid], design.media[:, paid])[..., -periods:].sum(axis=2)
    unit = np.where(known, design.reach_unit[:, paid], design.media_unit[:, paid])
    money = spend[..., -periods:].sum(axis=2)
    total = money.sum(axis=0)
    overall = np.divide((series * unit).sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
    rate: FloatArray = np.divide(series, money, out=overall / unit, where=money > 0)
    return rate
