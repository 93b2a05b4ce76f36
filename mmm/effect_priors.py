"""Priors of the channels' effects, each in its user's unit: ROAS, marginal ROAS, share or coefficient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel
from mmm.channel_spec import Prior, PriorKind
from mmm.kernel_arrays import AVERAGE, COEFFICIENT, MARGINAL, IntArray
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Default prior of an organic medium's share of the outcome: median, and standard deviation of its logarithm.
ORGANIC_SHARE, ORGANIC_LOG_SD = 0.02, 1.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EffectPriors:
    """Log-normal priors of the C media's effects.

    Attributes
    ----------
    log_mean, log_sd
        Shape (C,).
    kind
        Length C: unit of the effect.
    basis
        Shape (C,): the national coefficient is effect × basis / normaliser.
    normaliser
        Shape (C,): `AVERAGE` (money-weighted media), `MARGINAL` (their change for 1% more) or `COEFFICIENT` (one).
    """

    log_mean: FloatArray
    log_sd: FloatArray
    kind: tuple[PriorKind, ...]
    basis: FloatArray
    normaliser: IntArray


def effect_priors(panel: Panel, spec: ModelSpec, names: tuple[str, ...], money: float) -> EffectPriors:
    """Priors of paid channels and organic media.

    Parameters
    ----------
    panel, spec
        Data and specification.
    names
        Paid channels, then organic media.
    money
        Mean money of all geos in a period.

    Raises
    ------
    InputError
        Where an organic medium, which costs nothing, has a prior on a return.
    """
    spend = panel.data["spend"].to_numpy().sum(axis=(0, 1)).astype(np.float64)
    value = float(panel.outcome_value.sum())
    default = spec.media_share * value / max(float(spend.sum()), 1e-300)
    log_mean, log_sd = np.full(len(names), np.log(default)), np.full(len(names), spec.effect_log_sd)
    kinds: list[PriorKind] = []
    for index, name in enumerate(names):
        paid, prior = index < len(spend), spec.priors.get(name)
        if prior is None:
            kinds.append("roas" if paid else "share")
            if not paid:
                log_mean[index], log_sd[index] = np.log(ORGANIC_SHARE), ORGANIC_LOG_SD
            continue
        if not paid and prior.kind in {"roas", "marginal_roas"}:
            raise InputError.of(
                "organic media cost nothing, so they have no return on spend",
                "Give a prior on share or coefficient",
                column=f"mmm.priors.{name}",
                value=prior.kind,
            )
        # Reach enters as a factor, so its marginal return is its average one.
        linear = prior.kind == "marginal_roas" and name in panel.reach_channels
        kinds.append("roas" if linear else prior.kind)
        log_mean[index], log_sd[index] = log_normal(prior)
    spends = np.concatenate([spend, np.ones(len(names) - len(spend))])
    basis = [_basis(kind, float(spends[index]), value, money) for index, kind in enumerate(kinds)]
    codes = {"roas": AVERAGE, "share": AVERAGE, "marginal_roas": MARGINAL, "coefficient": COEFFICIENT}
    return EffectPriors(
        log_mean=log_mean,
        log_sd=log_sd,
        kind=tuple(kinds),
        basis=np.array(basis),
        normaliser=np.array([codes[kind] for kind in kinds], dtype=np.int64),
    )


def _basis(kind: PriorKind, spend: float, value: float, money: float) -> float:
    if kind == "share":
        return value
    return 1.0 / money if kind == "coefficient" else spend


def log_normal(prior: Prior) -> tuple[float, float]:
    """Parameters of the log-normal with a given mean and standard deviation."""
    variance = np.log1p((prior.sd / prior.mean) ** 2)
    return float(np.log(prior.mean) - variance / 2), float(np.sqrt(variance))
