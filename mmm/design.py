"""Panel → scaled arrays: everything the engines need, in units in which all numbers are near 1.

Outcome: each geo divided by its own mean. Media: exposure per head (population, or mean outcome where no population
is known) divided by the channel's mean over active geo-periods, with a history of ``lags − 1`` periods before the
panel, taken as the mean of the panel's first ``lags`` periods. Effects are parametrised by ROAS: the national
coefficient of a channel is roas × spend / Σ money-weighted saturated media, so that ROAS keeps its meaning whatever
the shape parameters are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError, Problem
from measurement.panel import Panel
from mmm.baseline import SharedColumns, shared_columns
from mmm.spec import ModelSpec, Prior

FloatArray = NDArray[np.float64]
MIN_PERIODS = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Design:
    """The data as the engines see them. G geos, T periods, C channels, L lags, K shared columns.

    Attributes
    ----------
    panel
        Where the numbers come from.
    outcome
        Shape (G, T), each geo divided by ``scale``.
    scale
        Shape (G,): outcome units per scaled unit.
    money
        Shape (G, T): money per scaled unit of outcome.
    media
        Shape (G, C, L − 1 + T), scaled exposure, history first.
    media_unit
        Shape (G, C): exposure per scaled unit.
    spend
        Shape (C,): money over the whole panel.
    shared
        The shared linear columns.
    roas_log_mean, roas_log_sd
        Shape (C,): log-normal prior of each channel's ROAS.
    """

    panel: Panel
    outcome: FloatArray
    scale: FloatArray
    money: FloatArray
    media: FloatArray
    media_unit: FloatArray
    spend: FloatArray
    shared: SharedColumns
    roas_log_mean: FloatArray
    roas_log_sd: FloatArray

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
        """Number of channels C."""
        return int(self.media.shape[1])

    @property
    def lags(self) -> int:
        """Length of the carry-over L."""
        return int(self.media.shape[2]) - self.periods + 1


def build_design(panel: Panel, spec: ModelSpec) -> Design:
    """Scale a panel.

    Raises
    ------
    InputError
        Where the panel cannot carry a media mix model: no channels, too short, no outcome, a channel without
        spend or exposure. All problems at once.
    """
    _refuse_hopeless(panel, spec)
    outcome = panel.data["outcome"].to_numpy().astype(np.float64)
    scale = outcome.mean(axis=1)
    money = scale[:, None] * panel.data["value_per_unit"].to_numpy()
    population = panel.data["population"].to_numpy().astype(np.float64)
    size = population if len(set(population.tolist())) > 1 else scale / scale.mean()
    media, unit = _scaled_media(panel, size, spec.lags)
    spend = panel.data["spend"].to_numpy().sum(axis=(0, 1))
    log_mean, log_sd = _roas_prior(panel, spec, spend)
    return Design(
        panel=panel,
        outcome=np.ascontiguousarray(outcome / scale[:, None]),
        scale=scale,
        money=np.ascontiguousarray(money),
        media=media,
        media_unit=unit,
        spend=spend,
        shared=shared_columns(panel, spec, size),
        roas_log_mean=log_mean,
        roas_log_sd=log_sd,
    )


def with_history(media: FloatArray, lags: int) -> FloatArray:
    """Prepend ``lags − 1`` periods at the mean of the first ``lags``; shape (..., T) → (..., lags − 1 + T)."""
    first = media[..., :lags].mean(axis=-1, keepdims=True)
    return np.ascontiguousarray(np.concatenate([np.repeat(first, lags - 1, axis=-1), media], axis=-1))


def _scaled_media(panel: Panel, size: FloatArray, lags: int) -> tuple[FloatArray, FloatArray]:
    exposure = np.moveaxis(panel.data["exposure"].to_numpy().astype(np.float64), 2, 1)
    per_head = exposure / size[:, None, None]
    active = per_head > 0
    typical = per_head.sum(axis=(0, 2)) / active.sum(axis=(0, 2))
    unit = size[:, None] * typical[None, :]
    return with_history(exposure / unit[:, :, None], lags), unit


def _roas_prior(panel: Panel, spec: ModelSpec, spend: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log-normal prior by channel: the user's, or one in which the channels explain ``media_share`` together."""
    default = spec.media_share * float(panel.outcome_value.sum()) / float(spend.sum())
    log_mean = np.full(len(spend), np.log(default))
    log_sd = np.full(len(spend), spec.roas_log_sd)
    for index, channel in enumerate(panel.channels):
        prior = spec.roas_priors.get(channel)
        if prior is not None:
            log_mean[index], log_sd[index] = log_normal(prior)
    return log_mean, log_sd


def log_normal(prior: Prior) -> tuple[float, float]:
    """Parameters of the log-normal with a given mean and standard deviation."""
    variance = np.log1p((prior.sd / prior.mean) ** 2)
    return float(np.log(prior.mean) - variance / 2), float(np.sqrt(variance))


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
    problems += [
        _problem("a ROAS prior names a channel that the panel does not have", "Correct the name", column=name)
        for name in spec.roas_priors
        if name not in panel.channels
    ]
    if problems:
        raise InputError(problems)


def _problem(message: str, remedy: str, *, column: str = "panel", value: str = "") -> Problem:
    return Problem(message=message, remedy=remedy, column=column, value=value)
