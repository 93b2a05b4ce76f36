"""The arrays that the compiled density reads and writes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmm.kernel_layout import ByReference, Floats1, Floats2, Floats3, Floats4, Ints1, Ints2

IntArray = NDArray[np.int64]
Shapes = dict[str, tuple[int, ...]]

#: Columns of `KernelData.kinds`.
ADSTOCK, SATURATION, ORDER, LAGS, BASIS, VARYING = range(6)
#: A delayed effect peaks within the window, and no later than this many periods after the spend.
LONGEST_DELAY = 9
#: Columns of `KernelData.slots`: where a channel's parameters stand in the sampler's vector, −1 where it has none.
FIRST, SECOND, HALF, SLOPE, SPREAD, SWING = range(6)
#: Entries of `KernelData.blocks`: where blocks start in the sampler's vector, −1 where there are none.
NOISE, EXTRA, WALK, GP_SD, GP_LENGTH, SHOCK, PATH, WEIGHT = range(8)
#: Values of ``kinds[:, BASIS]``: what exp(effect) is a multiple of.
AVERAGE, MARGINAL, COEFFICIENT = range(3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KernelData(ByReference):
    """Everything that does not change while sampling.

    G geos, T periods, C media channels (paid, then organic), L longest carry-over, E further rows of a geo,
    K shared columns, V channels whose effect varies over time in B steps, N lift cells of W periods, I lift tests.
    Where all geos share shocks, the H columns that are the same in all geos and the shocks are one series (see
    `mmm.series_kernel`), and only the other columns have coefficients of their own; else H = 0. S = K − H + T·shocks.
    """

    outcome: Floats2  # (G, T)
    money: Floats2  # (G, T)
    media: Floats3  # (G, C, L-1+T) scaled exposure, or frequency where reach is known
    reach: Floats3  # (G, C, L-1+T) ones where reach is not known
    basis: Floats1  # (C,) spend, total outcome, or a unit: see `kinds`
    extra: Floats3  # (G, E, T)
    extra_group: Ints1  # (E,) which learnt standard deviation
    fixed_gram: Floats3  # (G, J, J) products of the rows of `Work` with each other, but for those of media
    order: Ints1  # (J,) where intercept, channels and further rows stand among the rows of `Work`
    shared: Floats3  # (G, T, K-H) columns with coefficients of their own
    merged: Floats2  # (P, H) the other columns are a basis of P series times this
    series_basis: Floats2  # (P, S) that orthonormal basis, in the places of the series
    series_rest: Floats2  # (T, S) projection on what is outside of it
    own: Floats3  # (G, O, T) the last columns, which differ between geos; the columns before are the same in all
    common_gram: Floats2  # (K-H-O, K-H-O) products of the common columns with coefficients of their own
    own_gram: Floats3  # (G, O, K-H) their products with all of `shared`
    leading: int  # F, so many rows of a geo come first and are the same in all; none where the noise is Student-t
    alike: Floats2  # (F+O, S) products of those rows with the common columns and shocks; then ones for own columns
    leading_own: Floats3  # (G, F, O) products of those rows with own columns
    group: Ints1  # (K,) merged columns first; −1 fixed, 0 walk, 1 Gaussian process; see `mmm.baseline`
    prior_sd: Floats1  # (K,)
    frequency: Floats1  # (K,) angular frequency of a Gaussian process's columns, 0 elsewhere
    shocks: int  # 1 where all geos share a deviation in each period
    path: Floats2  # (B, T) steps of a varying effect
    centre: Floats1  # (n,) prior mean of the unconstrained parameters
    spread: Floats1  # (n,) prior standard deviation
    mix: Floats2  # (C, C) lower triangular: prior standard deviations and correlations of log effects
    degrees: float  # of freedom of the noise; 0 where it is normal
    intercept: Floats1  # (2,) prior mean and sd
    kinds: Ints2  # (C, 6)
    slots: Ints2  # (C, 6)
    blocks: Ints1  # (8,)
    cell_media: Floats3  # (N, 2, L-1+W) actual and usual media of a lift test's geo
    cell_reach: Floats3  # (N, 2, L-1+W)
    cell_window: Floats2  # (N, W) money weight of each period
    cell_time: Ints2  # (N, W) period of the panel, the nearest where it lies outside
    cell_place: Ints2  # (N, 3) geo, channel, lift
    lift_value: Floats1  # (I,)
    lift_error: Floats1  # (I,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Work(ByReference):
    """Arrays that one chain writes into; compiled code allocates nothing.

    J = 1 + E + C coefficients a geo: intercept, the further rows that all geos have alike, channels, other further
    rows (`KernelData.order`). S shared ones: columns, then the series; A_g = I + s R Ω R' s = L_g L_g' is the
    precision of a geo's unit coefficients. Of the whitened cross products L⁻¹ s R Ω [Z I] only those of the last
    M = J − F rows are kept; the first are ``leading`` times `KernelData.alike`. Arrays without a geo, channel or cell
    axis are overwritten for each.
    """

    values: Floats1  # (n,) parameters on the unconstrained scale
    # Media
    weights: Floats3  # (C, 3, L)
    carried: Floats3  # (G, C, L-1+T)
    saturated: Floats4  # (G, C, 4, L-1+T)
    factor: Floats2  # (C, T) course of a varying effect
    nudged: Floats2  # (2, L-1+T) 1% more media, carried
    nudged_saturated: Floats2  # (4, L-1+T)
    nudged_result: Floats1  # (T,)
    cell_carried: Floats3  # (N, 2, L-1+W)
    cell_saturated: Floats4  # (N, 2, 4, L-1+W)
    cell_value: Floats3  # (N, 2, W)
    total: Floats1  # (C,) what the national coefficient is normalised by
    effect: Floats1  # (N,) d
    # Scales and means
    mean: Floats1  # (J,) m
    width: Floats1  # (J,) s
    sigma: Floats1  # (G,)
    shared_sd: Floats1  # (K+T·shocks,) of columns and shocks
    precision: Floats2  # (G, T) Ω, of the noise
    # Geos
    rows: Floats3  # (G, J, T) R
    residual: Floats1  # (T,)
    square: Floats1  # (T,) variance of the shared part of a geo's fit
    weighted: Floats2  # (J, T) R Ω
    weighted_shared: Floats2  # (T, K-H) common columns times the sum of all Ω
    weighted_own: Floats2  # (O, T) own columns times Ω
    by_period: Floats2  # (4, T) sums over geos of Ω and of Ω times the residual; the shared fit, its variance
    fit_own: Floats2  # (O, T) covariance of own columns' coefficients with the fit of the common ones
    cross: Floats2  # (J, S) R Ω [Z I]
    small: Floats3  # (3, J, J) scratch
    long: Floats3  # (2, J, T) scratch
    inverse: Floats3  # (G, J, J) L⁻¹
    scaled: Floats2  # (G·M, S) L⁻¹ s R Ω [Z I], the last M rows
    leading: Floats3  # (G, J, F+O) the others are the first F rows of this times `alike`
    leading_gram: Floats2  # (F+O, F+O) sum over geos of products of those F rows
    leading_score: Floats2  # (2, F+O) sum over geos of those rows times the load; `alike` times shared means
    alike_cross: Floats2  # (G·M, F+O) scaled times the shared covariance times `alike`, before the lift tests
    leading_cross: Floats2  # (F+O, J) scratch
    alike_product: Floats2  # (F+O, S) scratch; then `alike` times the shared covariance before the lift tests
    alike_cov: Floats2  # (F+O, F+O) covariance of `alike` times shared coefficients, before the lift tests
    load: Floats2  # (G, J) L⁻¹ s R Ω times the residual
    unit_mean: Floats2  # (G, J)
    # Shared coefficients
    shared_cov: Floats2  # (S, S), first its inverse
    shared_score: Floats1  # (S,)
    shared_mean: Floats1  # (S,)
    merged_scaled: Floats2  # (P, H) merged columns times their standard deviations
    merged_pulled: Floats2  # (P, H) what the slope of the series needs times merged_scaled
    merged_pull: Floats2  # (P, P) prior precision of the series within the basis; then what its slope needs
    series_pull: Floats2  # (P, S) that precision times the basis
    series_square: Floats2  # (P, S) that times the series' expected square
    scaled_cov: Floats2  # (G·M, S) scaled times shared covariance before the lift tests
    # Lift tests
    lift_load: Floats3  # (G, J, I) L⁻¹ s d
    lift_white: Floats3  # (G, J, I) L' times the next
    lift_units: Floats3  # (G, J, I) covariance of unit coefficients and lifts
    lift_shared: Floats2  # (I, S) covariance of lifts and shared coefficients
    lift_pulled: Floats2  # (I, S) scratch
    lift_cov: Floats2  # (I, I) of the lifts, readout error included
    lift_pull: Floats2  # (I, I) its inverse
    lift_weight: Floats1  # (I,) pull times surprise
    lift_scratch: Floats2  # (J, I)
    lift_alike: Floats2  # (F+O, I) covariance of `alike` times shared coefficients with the lifts, sign turned
    # Slopes
    slope: Floats3  # (G, C, T) by transformed media
    by_mean: Floats1  # (J,) by m, over geos
    by_width: Floats1  # (J,) by log s, over geos
    by_sigma: Floats1  # (G,) by log σ
    by_effect: Floats1  # (N,) by d
    by_weight: Floats1  # (L,) by adstock weights
    by_course: Floats1  # (T,) by the log course of a varying effect
    by_series: Floats2  # (2, L-1+max(T, W)) by a result, by the series within


def new_work(data: KernelData) -> Work:
    """Arrays for one chain."""
    shapes = _media_shapes(data) | _linear_shapes(data) | _lift_shapes(data) | _slope_shapes(data)
    work = Work(**{name: np.zeros(shape) for name, shape in shapes.items()})
    work.rows[:, 0] = 1.0
    work.rows[:, data.order[1 + data.media.shape[1] :]] = data.extra
    work.factor[:] = 1.0
    return work


def _media_shapes(data: KernelData) -> Shapes:
    geos, channels, reach = data.media.shape
    periods, cells, window = data.outcome.shape[1], len(data.cell_media), data.cell_window.shape[1]
    lags = reach - periods + 1
    return {
        "weights": (channels, 3, lags),
        "carried": (geos, channels, reach),
        "saturated": (geos, channels, 4, reach),
        "factor": (channels, periods),
        "nudged": (2, reach),
        "nudged_saturated": (4, reach),
        "nudged_result": (periods,),
        "cell_carried": (cells, 2, lags - 1 + window),
        "cell_saturated": (cells, 2, 4, lags - 1 + window),
        "cell_value": (cells, 2, window),
        "total": (channels,),
        "effect": (cells,),
    }


def _linear_shapes(data: KernelData) -> Shapes:
    (geos, periods), columns, own = data.outcome.shape, data.shared.shape[2], data.own.shape[1]
    rows, (alike, shared), merged = len(data.order), data.alike.shape, data.merged.shape[1]
    kept = rows - data.leading
    return {
        "values": (len(data.centre),),
        "mean": (rows,),
        "width": (rows,),
        "sigma": (geos,),
        "shared_sd": (merged + shared,),
        "precision": (geos, periods),
        "rows": (geos, rows, periods),
        "residual": (periods,),
        "square": (periods,),
        "weighted": (rows, periods),
        "weighted_shared": (periods, columns),
        "weighted_own": (own, periods),
        "by_period": (4, periods),
        "fit_own": (own, periods),
        "cross": (rows, shared),
        "small": (3, rows, rows),
        "long": (2, rows, periods),
        "inverse": (geos, rows, rows),
        "scaled": (geos * kept, shared),
        "leading": (geos, rows, alike),
        "leading_gram": (alike, alike),
        "leading_score": (2, alike),
        "alike_cross": (geos * kept, alike),
        "leading_cross": (alike, rows),
        "alike_product": (alike, shared),
        "alike_cov": (alike, alike),
        "load": (geos, rows),
        "unit_mean": (geos, rows),
        "shared_cov": (shared, shared),
        "shared_score": (shared,),
        "shared_mean": (shared,),
        "merged_scaled": data.merged.shape,
        "merged_pulled": data.merged.shape,
        "merged_pull": (len(data.merged), len(data.merged)),
        "series_pull": data.series_basis.shape,
        "series_square": data.series_basis.shape,
        "scaled_cov": (geos * kept, shared),
    }


def _lift_shapes(data: KernelData) -> Shapes:
    geos, rows, lifts = len(data.outcome), len(data.order), len(data.lift_value)
    alike, shared = data.alike.shape
    return {
        "lift_load": (geos, rows, lifts),
        "lift_white": (geos, rows, lifts),
        "lift_units": (geos, rows, lifts),
        "lift_shared": (lifts, shared),
        "lift_pulled": (lifts, shared),
        "lift_cov": (lifts, lifts),
        "lift_pull": (lifts, lifts),
        "lift_weight": (lifts,),
        "lift_scratch": (rows, lifts),
        "lift_alike": (alike, lifts),
    }


def _slope_shapes(data: KernelData) -> Shapes:
    (geos, channels, reach), periods, rows = data.media.shape, data.outcome.shape[1], len(data.order)
    cells, window = data.cell_window.shape
    lags = reach - periods + 1
    return {
        "slope": (geos, channels, periods),
        "by_mean": (rows,),
        "by_width": (rows,),
        "by_sigma": (geos,),
        "by_effect": (cells,),
        "by_weight": (lags,),
        "by_course": (periods,),
        "by_series": (2, lags - 1 + max(periods, window)),
    }
