"""Convergence diagnostics on (chain, draw, …) arrays (Vehtari, Gelman, Simpson, Carpenter, Bürkner 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence:
    """The worst of a set of quantities.

    Attributes
    ----------
    r_hat
        Largest rank-normalised split R-hat.
    ess_bulk, ess_tail
        Smallest effective sample sizes; tail at the 5% and 95% quantiles.
    worst
        Name of the quantity with the smallest of the two.
    """

    r_hat: float
    ess_bulk: float
    ess_tail: float
    worst: str


def convergence(quantities: dict[str, FloatArray]) -> Convergence:
    """Diagnose named quantities, each of shape (chain, draw, size)."""
    import arviz_stats.base

    array_stats: Any = arviz_stats.base.array_stats  # type: ignore[attr-defined]  # not in its __all__

    names = [f"{name}[{index}]" for name, values in quantities.items() for index in range(values.shape[2])]
    stacked = np.concatenate(list(quantities.values()), axis=2)
    axes = {"chain_axis": 0, "draw_axis": 1}
    r_hat = np.asarray(array_stats.rhat(stacked, **axes, method="rank"))
    bulk = np.asarray(array_stats.ess(stacked, **axes, method="bulk"))
    tail = np.asarray(array_stats.ess(stacked, **axes, method="tail", prob=(0.05, 0.95)))
    weakest = np.fmin(bulk, tail)
    return Convergence(
        r_hat=_worst(r_hat, np.max),
        ess_bulk=_worst(bulk, np.min),
        ess_tail=_worst(tail, np.min),
        worst=names[int(np.argmin(np.where(np.isfinite(weakest), weakest, -1.0)))],
    )


def _worst(values: FloatArray, pick: object) -> float:
    """The worst value; infinite (R-hat) or 0 (ESS) where any is not a number: never a pass."""
    if not np.isfinite(values).all():
        return float("inf") if pick is np.max else 0.0
    return float(values.max() if pick is np.max else values.min())


def e_bfmi(energy: FloatArray) -> float:
    """Smallest energy fraction of missing information over chains; ``energy`` has shape (chain, draw)."""
    change = np.diff(energy, axis=1)
    return float(np.min((change**2).mean(axis=1) / energy.var(axis=1)))


def autocorrelation(residual: FloatArray) -> float:
    """Mean lag-1 autocorrelation over rows (G, T)."""
    centred = residual - residual.mean(axis=1, keepdims=True)
    return float(np.mean((centred[:, 1:] * centred[:, :-1]).sum(axis=1) / (centred**2).sum(axis=1)))
