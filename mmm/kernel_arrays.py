"""The arrays that the compiled density reads and writes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Columns of `KernelData.kinds`.
ADSTOCK, SATURATION, ORDER, LAGS, BASIS, VARYING = range(6)
#: Columns of `KernelData.slots`: where a channel's parameters stand in the sampler's vector, −1 where it has none.
FIRST, SECOND, HALF, SLOPE, SPREAD, SWING = range(6)
#: Entries of `KernelData.blocks`: where blocks start in the sampler's vector, −1 where there are none.
NOISE, LEVEL, EXTRA, WALK, GP_SD, GP_LENGTH, SHOCK, PATH, WEIGHT = range(9)
#: Values of ``kinds[:, BASIS]``: what exp(effect) is a multiple of.
AVERAGE, MARGINAL, COEFFICIENT = range(3)


class KernelData(NamedTuple):
    """Everything that does not change while sampling.

    G geos, T periods, C media channels (paid, then organic), L longest carry-over, E further rows of a geo,
    K shared columns, V channels whose effect varies over time in B steps, N lift cells of W periods, I lift tests.
    """

    outcome: FloatArray  # (G, T)
    money: FloatArray  # (G, T)
    media: FloatArray  # (G, C, L-1+T) scaled exposure, or frequency where reach is known
    reach: FloatArray  # (G, C, L-1+T) ones where reach is not known
    basis: FloatArray  # (C,) spend, total outcome, or a unit: see `kinds`
    extra: FloatArray  # (G, E, T)
    extra_group: IntArray  # (E,) which learnt standard deviation
    shared: FloatArray  # (G, T, K)
    shared_gram: FloatArray  # (G, K, K)
    shared_outcome: FloatArray  # (G, K)
    group: IntArray  # (K,) −1 fixed, 0 walk, 1 Gaussian process; see `mmm.baseline`
    prior_sd: FloatArray  # (K,)
    frequency: FloatArray  # (K,) angular frequency of a Gaussian process's columns, 0 elsewhere
    shocks: int  # 1 where all geos share a deviation in each period
    path: FloatArray  # (B, T) steps of a varying effect
    centre: FloatArray  # (n,) prior mean of the unconstrained parameters
    spread: FloatArray  # (n,) prior standard deviation
    mix: FloatArray  # (C, C) lower triangular: prior standard deviations and correlations of log effects
    degrees: float  # of freedom of the noise; 0 where it is normal
    intercept: FloatArray  # (2,) prior mean, and sd where it is not learnt
    kinds: IntArray  # (C, 6)
    slots: IntArray  # (C, 6)
    blocks: IntArray  # (9,)
    cell_media: FloatArray  # (N, 2, L-1+W) actual and usual media of a lift test's geo
    cell_reach: FloatArray  # (N, 2, L-1+W)
    cell_window: FloatArray  # (N, W) money weight of each period
    cell_time: IntArray  # (N, W) period of the panel, the nearest where it lies outside
    cell_place: IntArray  # (N, 3) geo, channel, lift
    lift_value: FloatArray  # (I,)
    lift_error: FloatArray  # (I,)


class Work(NamedTuple):
    """Arrays that one chain writes into. J = 1 + C + E coefficients a geo, Q = K + T·shocks shared ones."""

    values: FloatArray  # (n,) parameters on the unconstrained scale
    weights: FloatArray  # (C, 3, L)
    carried: FloatArray  # (G, C, L-1+T)
    saturated: FloatArray  # (G, C, 4, L-1+T)
    factor: FloatArray  # (C, T) course of a varying effect
    cell_carried: FloatArray  # (N, 2, L-1+W)
    cell_saturated: FloatArray  # (N, 2, 4, L-1+W)
    cell_value: FloatArray  # (N, 2, W)
    rows: FloatArray  # (G, J, T)
    precision: FloatArray  # (G, T) of the noise
    residual: FloatArray  # (G, T) outcome less the national effects
    gram: FloatArray  # (G, J, J) R Ω R'
    block: FloatArray  # (G, J, J) A⁻¹
    cross: FloatArray  # (G, J, Q) R Ω [Z I]
    scaled: FloatArray  # (G·J, Q) L⁻¹ s R Ω [Z I]
    gain: FloatArray  # (G·J, Q) A⁻¹ s R Ω [Z I]
    load: FloatArray  # (G, J) A⁻¹h
    mean: FloatArray  # (J,) m
    width: FloatArray  # (J,) s
    sigma: FloatArray  # (G,)
    shared_sd: FloatArray  # (Q,)
    total: FloatArray  # (C,) what the national coefficient is normalised by
    effect: FloatArray  # (N,) d
    unit_mean: FloatArray  # (G, J)
    slope: FloatArray  # (G, C, T) derivative by transformed media


def new_work(data: KernelData) -> Work:
    """Arrays for one chain."""
    geos, channels, reach = data.media.shape
    periods, columns, cells = data.outcome.shape[1], data.shared.shape[2], data.cell_media.shape[0]
    rows, lags = 1 + channels + data.extra.shape[1], reach - periods + 1
    window = data.cell_window.shape[1]
    shared = columns + periods * data.shocks
    shapes = {
        "values": (len(data.centre),),
        "weights": (channels, 3, lags),
        "carried": (geos, channels, reach),
        "saturated": (geos, channels, 4, reach),
        "factor": (channels, periods),
        "cell_carried": (cells, 2, lags - 1 + window),
        "cell_saturated": (cells, 2, 4, lags - 1 + window),
        "cell_value": (cells, 2, window),
        "rows": (geos, rows, periods),
        "precision": (geos, periods),
        "residual": (geos, periods),
        "gram": (geos, rows, rows),
        "block": (geos, rows, rows),
        "cross": (geos, rows, shared),
        "scaled": (geos * rows, shared),
        "gain": (geos * rows, shared),
        "load": (geos, rows),
        "mean": (rows,),
        "width": (rows,),
        "sigma": (geos,),
        "shared_sd": (shared,),
        "total": (channels,),
        "effect": (cells,),
        "unit_mean": (geos, rows),
        "slope": (geos, channels, periods),
    }
    work = Work(**{name: np.zeros(shape) for name, shape in shapes.items()})
    work.rows[:, 0] = 1.0
    work.rows[:, 1 + channels :] = data.extra
    work.factor[:] = 1.0
    return work
