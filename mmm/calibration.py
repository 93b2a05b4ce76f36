"""Lift tests as likelihood: the model's own counterfactual on the tested dates and geos.

For each test the media of every treated geo is laid out twice, as it was (actual) and as it would have been (business
as usual), from ``lags − 1`` periods before the test to the last day on which outcome was counted, so that carry-over
into and out of the test is part of the comparison. The model's lift is the money-weighted difference between the two,
and the readout is a normal observation of it with the test's standard error.

How business as usual is restored from one number, ``incremental_spend`` (actual minus business as usual):

- more spend (scale-up, new): it is taken off the treated geos and tested periods in proportion to actual spend;
- less spend (go-dark): it is given back in proportion to each geo's mean spend in the 8 periods before the test;
- a switchback's blocks and staggered starts: spend is moved in each geo's own windows alone;
- outside the panel (a test older than the panel or newer than its last period): spend, and money per unit of outcome,
  are continued at the mean of the nearest 8 periods as business as usual, and actual differs from it by the
  incremental spend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.estimates import LiftEstimate
from mmm.design import Design

FloatArray = NDArray[np.float64]
#: Periods that stand for "as usual" before, or beyond the ends of, the panel.
REFERENCE_PERIODS = 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiftDesign:
    """Lift tests as arrays. I tests, N cells (a test in one geo), W periods in the longest window, L lags.

    Attributes
    ----------
    media, reach
        Shape (N, 2, L − 1 + W): scaled media and reach, actual and business as usual.
    window
        Shape (N, W): money per scaled unit of outcome, times the share of the period that was measured.
    time
        Shape (N, W): period of the panel, the nearest where it lies outside.
    place
        Shape (N, 3): geo, channel, test.
    value, error
        Shape (I,): readout and standard error (grown with age where the specification says so) in money.
    lifts
        The tests themselves.
    unmatched
        Shape (I,): share of incremental spend that the panel's spend cannot hold (it was less than that).
    """

    media: FloatArray
    reach: FloatArray
    window: FloatArray
    time: NDArray[np.int64]
    place: NDArray[np.int64]
    value: FloatArray
    error: FloatArray
    lifts: tuple[LiftEstimate, ...]
    unmatched: FloatArray


@dataclass(frozen=True, slots=True)
class _Cell:
    media: FloatArray
    reach: FloatArray
    window: FloatArray
    time: NDArray[np.int64]
    place: tuple[int, int, int]


def lift_design(design: Design, lifts: Sequence[LiftEstimate], *, ageing: float | None = None) -> LiftDesign:
    """Lay out lift tests on a panel.

    Parameters
    ----------
    design
        The panel as the model sees it.
    lifts
        The tests.
    ageing
        Factor a year by which a standard error grows between the test's end and the panel's; ``None``: not at all.

    Raises
    ------
    InputError
        Where a test names a channel or geo that the panel does not have, or changes no spend.
    """
    cells: list[_Cell] = []
    unmatched = np.zeros(len(lifts))
    for index, lift in enumerate(lifts):
        found, unmatched[index] = _cells_of(design, lift, index)
        cells += found
    longest = max((len(cell.window) for cell in cells), default=1)
    media = np.zeros((len(cells), 2, design.lags - 1 + longest))
    reach, window = np.ones_like(media), np.zeros((len(cells), longest))
    time = np.zeros((len(cells), longest), dtype=np.int64)
    for number, cell in enumerate(cells):
        media[number, :, : cell.media.shape[1]] = cell.media
        reach[number, :, : cell.reach.shape[1]] = cell.reach
        window[number, : len(cell.window)] = cell.window
        time[number, : len(cell.time)] = cell.time
    return LiftDesign(
        media=media,
        reach=reach,
        window=window,
        time=time,
        place=np.array([cell.place for cell in cells], dtype=np.int64).reshape(-1, 3),
        value=np.array([lift.incremental_outcome.value for lift in lifts], dtype=np.float64),
        error=np.array([lift.standard_error * _aged(design, lift, ageing) for lift in lifts], dtype=np.float64),
        lifts=tuple(lifts),
        unmatched=unmatched,
    )


def _aged(design: Design, lift: LiftEstimate, ageing: float | None) -> float:
    years = (design.panel.dates[-1] - pd.Timestamp(lift.end)).days / 365.25
    return 1.0 if ageing is None else float(ageing ** max(years, 0.0))


def _cells_of(design: Design, lift: LiftEstimate, index: int) -> tuple[list[_Cell], float]:
    """The cells of one test, and the share of its incremental spend that found no place."""
    geos, channel = _named(design, lift)
    periods = _axis(design, lift)
    days = design.panel.days_per_period
    tested = np.stack([_tested(lift, design.panel.geos[geo], periods, days) for geo in geos])
    measured = _overlap(periods, days, lift.start, lift.measured_until or lift.end)
    spend = _extended(design.panel.data["spend"].to_numpy()[geos, :, channel], design, periods)
    known = lift.channel in design.panel.reach_channels
    first = design.lags - 1
    media = _extended(design.media[geos, channel, first:], design, periods)
    reach = _extended(design.reach[geos, channel, first:], design, periods)
    money = _extended(design.money[geos], design, periods)
    change, unmatched = _change(design, lift, periods, spend, tested)
    rate = _exposure_rate(design, geos, channel, known=known)
    inside = (periods >= design.panel.dates[0]) & (periods <= design.panel.dates[-1])
    place = np.clip((periods - design.panel.dates[0]).days // days, 0, design.periods - 1)
    cells = []
    for row, geo in enumerate(geos):
        # Where reach is known, money moves how many are reached and leaves how often as it is.
        moving, still = (reach[row], media[row]) if known else (media[row], reach[row])
        moved = _move(moving, spend[row], np.where(inside, -change[row], change[row]), float(rate[row]))
        both = np.stack([np.where(inside, moving, moved), np.where(inside, moved, moving)])
        held = np.stack([still, still])
        window = (money[row] * measured)[first:]
        cells.append(
            _Cell(
                media=held if known else both,
                reach=both if known else held,
                window=window,
                time=np.asarray(place, dtype=np.int64)[first:],
                place=(geo, channel, index),
            )
        )
    return cells, unmatched


def _named(design: Design, lift: LiftEstimate) -> tuple[list[int], int]:
    panel = design.panel
    if lift.channel not in panel.channels:
        known = ", ".join(panel.channels)
        raise InputError.of(
            "a lift test names a channel that the panel does not have",
            f"Use one of {known}",
            column="lift_tests.channel",
            value=lift.channel,
        )
    strangers = [geo for geo in lift.geos if geo not in panel.geos]
    if strangers:
        raise InputError.of(
            "a lift test names geos that the panel does not have",
            "Spell them as in the panel, or leave geos out for all",
            column="lift_tests.geos",
            value=", ".join(strangers),
        )
    if lift.incremental_spend == 0:
        raise InputError.of(
            "a lift test changed no spend, so it says nothing about the channel's effect",
            "Enter incremental_spend: actual minus business as usual, negative for a go-dark test",
            column="lift_tests.incremental_spend",
            value=0,
        )
    geos = [panel.geos.index(geo) for geo in lift.geos] or list(range(design.geos))
    return geos, panel.channels.index(lift.channel)


def _axis(design: Design, lift: LiftEstimate) -> pd.DatetimeIndex:
    """Periods from ``lags − 1`` before the test's first to its last measured one, in the panel's rhythm."""
    days, origin = design.panel.days_per_period, design.panel.dates[0]
    first = (pd.Timestamp(lift.start) - origin).days // days
    last = (pd.Timestamp(lift.measured_until or lift.end) - origin).days // days
    steps = np.arange(first - design.lags + 1, last + 1)
    return pd.DatetimeIndex(origin + pd.to_timedelta(steps * days, unit="D"))


def _overlap(periods: pd.DatetimeIndex, days: int, start: date, end: date) -> FloatArray:
    """Share of each period that lies within ``start`` … ``end``, both inclusive; shape (P,)."""
    opens = np.asarray((periods - pd.Timestamp(start)).days, dtype=np.float64)
    stop = float((pd.Timestamp(end) - pd.Timestamp(start)).days + 1)
    inside = np.minimum(opens + days, stop) - np.maximum(opens, 0.0)
    return np.asarray(np.clip(inside, 0.0, None) / days, dtype=np.float64)


def _tested(lift: LiftEstimate, geo: str, periods: pd.DatetimeIndex, days: int) -> FloatArray:
    """Share of each period in which the test changed a geo's spend; shape (P,)."""
    if not lift.windows:
        return _overlap(periods, days, lift.start, lift.end)
    own = [_overlap(periods, days, window.start, window.end) for window in lift.windows if window.geo == geo]
    return np.sum(own, axis=0) if own else np.zeros(len(periods))


def _extended(values: FloatArray, design: Design, periods: pd.DatetimeIndex) -> FloatArray:
    """Values (rows, T) on another axis, continued beyond the panel at the mean of the nearest periods."""
    place = np.asarray(((periods - design.panel.dates[0]).days) // design.panel.days_per_period)
    result = values[:, np.clip(place, 0, design.periods - 1)].astype(np.float64)
    result[:, place < 0] = values[:, :REFERENCE_PERIODS].mean(axis=1, keepdims=True)
    result[:, place >= design.periods] = values[:, -REFERENCE_PERIODS:].mean(axis=1, keepdims=True)
    return result


def _change(
    design: Design, lift: LiftEstimate, periods: pd.DatetimeIndex, spend: FloatArray, tested: FloatArray
) -> tuple[FloatArray, float]:
    """Actual minus usual spend by geo and period, shape as ``spend``, and the share that found no place."""
    dates = design.panel.dates
    before = max(1, int(np.searchsorted(dates.to_numpy(), np.datetime64(lift.start))))
    geos, channel = _named(design, lift)
    history = design.panel.data["spend"].to_numpy()[geos, :, channel][:, max(0, before - REFERENCE_PERIODS) : before]
    usual = np.broadcast_to(history.mean(axis=1, keepdims=True), spend.shape)
    inside = (periods >= dates[0]) & (periods <= dates[-1])
    reference = np.where(inside, spend, usual) if lift.incremental_spend > 0 else usual
    share = reference * tested
    if not share.sum() > 0:
        share = design.scale[geos][:, None] * tested
    change = lift.incremental_spend * share / share.sum()
    room = np.where(inside, spend, np.inf) if lift.incremental_spend > 0 else np.where(inside, np.inf, spend)
    kept = np.sign(change) * np.minimum(np.abs(change), room)
    return np.asarray(kept, dtype=np.float64), float(1.0 - kept.sum() / lift.incremental_spend)


def _exposure_rate(design: Design, geos: list[int], channel: int, *, known: bool) -> FloatArray:
    """Scaled media (reach where ``known``) per unit of money, shape (len(geos),); the overall rate at no spend."""
    series, unit = (design.reach, design.reach_unit) if known else (design.media, design.media_unit)
    media = series[:, channel, design.lags - 1 :].sum(axis=1)
    spend = design.panel.data["spend"].to_numpy()[:, :, channel].sum(axis=1)
    overall = float((media * unit[:, channel]).sum() / spend.sum())
    own = np.divide(media, spend, out=overall / unit[:, channel], where=spend > 0)
    return np.asarray(own[geos], dtype=np.float64)


def _move(exposure: FloatArray, spend: FloatArray, change: FloatArray, rate: float) -> FloatArray:
    """Exposure after spend changes by ``change``: in proportion where spend is cut, at the usual rate where added."""
    kept = np.divide(spend + change, spend, out=np.ones_like(spend), where=spend > 0)
    return np.asarray(
        np.where(change <= 0, exposure * np.clip(kept, 0.0, None), exposure + change * rate), dtype=np.float64
    )
