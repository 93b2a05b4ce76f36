"""The arrays that the compiled density reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class KernelData(NamedTuple):
    """Everything that does not change while sampling. G geos, T periods, C channels, K columns, N lift cells."""

    outcome: FloatArray  # (G, T)
    money: FloatArray  # (G, T)
    media: FloatArray  # (G, C, L-1+T)
    spend: FloatArray  # (C,)
    shared: FloatArray  # (G, T, K)
    shared_gram: FloatArray  # (G, K, K)
    shared_outcome: FloatArray  # (G, K)
    outcome_square: FloatArray  # (G,)
    group: IntArray  # (K,)
    prior_sd: FloatArray  # (K,)
    centre: FloatArray  # (n,) prior mean of the unconstrained parameters
    spread: FloatArray  # (n,) prior standard deviation
    intercept: FloatArray  # (2,) prior mean and sd
    kinds: IntArray  # (adstock kind, its parameters, saturation kind, its parameters, lags, learnt groups)
    cell_media: FloatArray  # (N, 2, L-1+W) actual and usual media of a lift test's geo
    cell_window: FloatArray  # (N, W) money weight of each period
    cell_place: IntArray  # (N, 3) geo, channel, lift
    lift_value: FloatArray  # (I,)
    lift_error: FloatArray  # (I,)


class Work(NamedTuple):
    """Arrays that one chain writes into. J = C + 1 coefficients a geo."""

    weights: FloatArray  # (C, 3, L)
    carried: FloatArray  # (G, C, T)
    saturated: FloatArray  # (G, C, 4, T)
    cell_carried: FloatArray  # (N, 2, W)
    cell_saturated: FloatArray  # (N, 2, 4, W)
    rows: FloatArray  # (G, J, T)
    gram: FloatArray  # (G, J, J)
    cross: FloatArray  # (G, J, K)
    inverse: FloatArray  # (G, J, J) A⁻¹
    gain: FloatArray  # (G, J, K) A⁻¹F
    load: FloatArray  # (G, J) A⁻¹h
    mean: FloatArray  # (J,) m
    width: FloatArray  # (J,) s
    sigma: FloatArray  # (G,)
    shared_sd: FloatArray  # (K,)
    total: FloatArray  # (C,) money-weighted saturated media
    effect: FloatArray  # (N,) d
    unit_mean: FloatArray  # (G, J)
    slope: FloatArray  # (G, J, T)


def new_work(data: KernelData) -> Work:
    """Arrays for one chain."""
    geos, channels, _ = data.media.shape
    periods, columns, cells = data.outcome.shape[1], data.shared.shape[2], data.cell_media.shape[0]
    rows, lags = channels + 1, int(data.kinds[4])
    shapes = {
        "weights": (channels, 3, lags),
        "carried": (geos, channels, periods),
        "saturated": (geos, channels, 4, periods),
        "cell_carried": (cells, 2, data.cell_window.shape[1]),
        "cell_saturated": (cells, 2, 4, data.cell_window.shape[1]),
        "rows": (geos, rows, periods),
        "gram": (geos, rows, rows),
        "cross": (geos, rows, columns),
        "inverse": (geos, rows, rows),
        "gain": (geos, rows, columns),
        "load": (geos, rows),
        "mean": (rows,),
        "width": (rows,),
        "sigma": (geos,),
        "shared_sd": (columns,),
        "total": (channels,),
        "effect": (cells,),
        "unit_mean": (geos, rows),
        "slope": (geos, rows, periods),
    }
    return Work(**{name: np.zeros(shape) for name, shape in shapes.items()})
