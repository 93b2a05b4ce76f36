"""Panel → scaled arrays: everything the engines need, in units in which all numbers are near 1.

Outcome: each geo divided by its own mean. Media: exposure per head (where no population is known: in units of the
geo's own strong periods of the channel, since a half saturation in money cannot be alike in geos large and small)
divided by the channel's mean over active geo-periods, with a history of ``lags − 1`` periods before the panel, taken as
the mean of the panel's first ``lags`` periods. Channels with known reach: reach per head and mean frequency, each
divided by its mean over active geo-periods. Effects are parametrised by ROAS (or marginal ROAS, share,
coefficient): the national coefficient of a channel is roas × spend / Σ money-weighted transformed media, so that ROAS
keeps its meaning whatever the shape parameters are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError, Problem
from measurement.panel import Panel
from mmm.baseline import PATH_EVERY, GeoRows, SharedColumns, geo_rows, random_walk_basis, shared_columns
from mmm.channel_spec import Prior
from mmm.effect_priors import EffectPriors, effect_priors
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
MIN_PERIODS = 20
#: Where no population is known, a geo is as large as this quantile of its active periods: nearly its largest, and no
#: week of a scale-up test.
STRONG = 0.95

__all__ = ["Design", "Prior", "build_design", "with_history"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The data as the engines see them. G geos, T periods, C media (paid channels, then organic), L lags.

    Attributes
    ----------
    panel
        Where the numbers come from.
    media_names
        Length C.
    outcome
        Shape (G, T), each geo divided by ``scale``.
    scale
        Shape (G,): outcome units per scaled unit.
    money
        Shape (G, T): money per scaled unit of outcome.
    media
        Shape (G, C, L − 1 + T), scaled exposure (frequency where reach is known), history first.
    reach
        Shape as ``media``: scaled reach, ones where it is not known.
    media_unit, reach_unit
        Shape (G, C): exposure (frequency) and reach per scaled unit.
    spend
        Shape (P,): money of the P paid channels over the whole panel.
    shared
        The shared linear columns.
    extra
        Further rows of each geo.
    shocks
        Whether all geos share a deviation in each period.
    varying
        Shape (C,): number of a channel's course over time, −1 where its effect is steady.
    path
        Shape (B, T): steps of a course.
    priors
        Of the effects.
    """

    panel: Panel
    media_names: tuple[str, ...]
    outcome: FloatArray
    scale: FloatArray
    money: FloatArray
    media: FloatArray
    reach: FloatArray
    media_unit: FloatArray
    reach_unit: FloatArray
    spend: FloatArray
    shared: SharedColumns
    extra: GeoRows
    shocks: bool
    varying: NDArray[np.int64]
    path: FloatArray
    priors: EffectPriors

    @property
    def geos(self) -> int:
        """Number of geos G."""
        return int(self.outcome.shape[0])

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return int(self.outcome.shape[1])

    @property
    def channels(self) -> int:
        """Number of paid channels P."""
        return len(self.panel.channels)

    @property
    def lags(self) -> int:
        """Length of the longest carry-over L."""
        return int(self.media.shape[2]) - self.periods + 1

    @property
    def effect_log_mean(self) -> FloatArray:
        """Shape (C,): prior mean of each medium's log effect."""
        return self.priors.log_mean

    @property
    def effect_log_sd(self) -> FloatArray:
        """Shape (C,): its prior standard deviation."""
        return self.priors.log_sd


def build_design(panel: Panel, spec: ModelSpec) -> Design:
    """Scale a panel.

    Raises
    ------
    InputError
        Where the panel cannot carry a media mix model: no channels, too short, no outcome, a channel without
        spend or exposure. All problems at once.
    """
    organic = tuple(
        name for index, name in enumerate(panel.organic) if (panel.data["organic"].to_numpy()[..., index] > 0).any()
    )
    names = (*panel.channels, *organic)
    _refuse_hopeless(panel, spec)
    outcome = panel.data["outcome"].to_numpy().astype(np.float64)
    scale = outcome.mean(axis=1)
    money = scale[:, None] * panel.data["value_per_unit"].to_numpy()
    population = panel.data["population"].to_numpy().astype(np.float64)
    lags = spec.longest_lags(names)
    people = population if len(set(population.tolist())) > 1 else None
    media, reach, units = _scaled_media(panel, organic, people, lags)
    spend = panel.data["spend"].to_numpy().sum(axis=(0, 1)).astype(np.float64)
    shocks = len(panel.geos) > 1 if spec.shocks is None else spec.shocks and len(panel.geos) > 1
    varying = [spec.channel(name).varying for name in names]
    return Design(
        panel=panel,
        media_names=names,
        outcome=np.ascontiguousarray(outcome / scale[:, None]),
        scale=scale,
        money=np.ascontiguousarray(money),
        media=media,
        reach=reach,
        media_unit=units[0],
        reach_unit=units[1],
        spend=spend,
        shared=shared_columns(panel, spec),
        extra=geo_rows(panel, spec),
        shocks=shocks,
        varying=np.where(varying, np.cumsum(varying) - 1, -1).astype(np.int64),
        path=np.ascontiguousarray(random_walk_basis(len(panel.dates), PATH_EVERY).T),
        priors=effect_priors(panel, spec, names, float(money.mean(axis=1).sum())),
    )


def with_history(media: FloatArray, lags: int) -> FloatArray:
    """Prepend ``lags − 1`` periods at the mean of the first ``lags``; shape (..., T) → (..., lags − 1 + T)."""
    first = media[..., :lags].mean(axis=-1, keepdims=True)
    return np.ascontiguousarray(np.concatenate([np.repeat(first, lags - 1, axis=-1), media], axis=-1))


def _scaled_media(
    panel: Panel, organic: tuple[str, ...], population: FloatArray | None, lags: int
) -> tuple[FloatArray, FloatArray, tuple[FloatArray, FloatArray]]:
    """Media and reach (G, C, L − 1 + T), and what one scaled unit of each is (G, C)."""
    exposure = np.moveaxis(panel.data["exposure"].to_numpy().astype(np.float64), 2, 1)
    own = [panel.organic.index(name) for name in organic]
    free = np.moveaxis(panel.data["organic"].to_numpy().astype(np.float64), 2, 1)[:, own]
    amount = np.concatenate([exposure, free], axis=1)
    unit = _units(amount, population)
    reach, reach_unit = np.ones_like(amount), np.ones(amount.shape[:2])
    for index, name in enumerate(panel.reach_channels):
        channel = panel.channels.index(name)
        people = panel.data["reach"].to_numpy()[..., index].astype(np.float64)
        often = panel.data["frequency"].to_numpy()[..., index].astype(np.float64)
        amount[:, channel], reach[:, channel] = often, people
        unit[:, channel] = _typical(often[:, None])[0]
        reach_unit[:, channel] = _units(people[:, None], population)[:, 0]
    media = with_history(amount / unit[:, :, None], lags)
    return media, with_history(reach / reach_unit[:, :, None], lags), (unit, reach_unit)


def _units(amount: FloatArray, population: FloatArray | None) -> FloatArray:
    """What a typical active geo-period has in each geo, (G, C, T) → (G, C): alike per head, or per own strong ones."""
    if population is not None:
        size = np.repeat(population[:, None], amount.shape[1], axis=1)
    else:
        active = np.where(amount > 0, amount, np.nan)
        active[..., 0] = np.where(np.isnan(active).all(axis=2), 1.0, active[..., 0])  # where nothing ran, any will do
        size = np.nanquantile(active, STRONG, axis=2)
    return size * _typical(amount / size[:, :, None])[None, :]


def _typical(values: FloatArray) -> FloatArray:
    """Mean over the geo-periods in which something ran, shape (G, C, T) → (C,)."""
    return np.asarray(values.sum(axis=(0, 2)) / np.maximum((values > 0).sum(axis=(0, 2)), 1), dtype=np.float64)


def _refuse_hopeless(panel: Panel, spec: ModelSpec) -> None:
    problems = []
    if not panel.channels:
        problems.append(_problem("the panel has no paid channels", "Add [panel.channels.NAME] with its spend"))
    if len(panel.dates) < MIN_PERIODS:
        problems.append(
            _problem(
                f"a media mix model needs at least {MIN_PERIODS} periods",
                "Add history; two years of weeks are a good start",
                value=str(len(panel.dates)),
            )
        )
    total = panel.data["outcome"].to_numpy().sum(axis=1)
    problems += [
        _problem("the outcome sums to nothing or less in this geo", "Leave the geo out", column=geo, value=f"{sum_:g}")
        for geo, sum_ in zip(panel.geos, total, strict=True)
        if not sum_ > 0
    ]
    problems += _media_problems(panel)
    known = {*panel.channels, *panel.organic}
    problems += [
        _problem(f"{what} names a channel that the panel does not have", "Correct the name", column=name)
        for what, names in (("a prior", spec.priors), ("[mmm.channels]", spec.channels))
        for name in names
        if name not in known
    ]
    if problems:
        raise InputError(problems)


def _media_problems(panel: Panel) -> list[Problem]:
    problems = []
    spend, exposure = panel.data["spend"].to_numpy(), panel.data["exposure"].to_numpy()
    for index, channel in enumerate(panel.channels):
        for what, values in (("spend", spend[..., index]), ("exposure", exposure[..., index])):
            if (values < 0).any():
                problems.append(
                    _problem(f"{what} is negative", "Enter refunds apart", column=channel, value=f"{values.min():g}")
                )
            if not (values > 0).any():
                problems.append(
                    _problem(
                        f"the channel has no {what} in the whole panel",
                        "Remove it from [panel.channels], or add the weeks in which it ran",
                        column=channel,
                    )
                )
    organic = panel.data["organic"].to_numpy()
    problems += [
        _problem("organic media are negative", "Enter counts of sends or views", column=name)
        for index, name in enumerate(panel.organic)
        if (organic[..., index] < 0).any()
    ]
    return problems


def _problem(message: str, remedy: str, *, column: str = "panel", value: str = "") -> Problem:
    return Problem(message=message, remedy=remedy, column=column, value=value)
