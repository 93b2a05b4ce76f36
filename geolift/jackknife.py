"""Jackknife+ over blocks of time (Barber, Candès, Ramdas and Tibshirani 2021): leave out, predict, compare.

Every block as long as the measured window is left out of the history in turn. The fit without it predicts the block,
which says how wrong such predictions are, and the measured window, which says how far the prediction itself moves.
Blocks rather than single periods keep the serial dependence of the errors. A block lies between periods that were
fitted, the measured window behind them: where the gap drifts, or has a slope, it is predicted less well. Errors of
blocks are scaled to what that place costs by the model of the gap (`geolift.drift`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geolift.drift import drift_levels, mean_errors, persistence
from geolift.estimators import Comparison, Estimator
from geolift.inference import TestResult, rejection_level
from measurement.errors import InputError
from measurement.estimates import Interval

FloatArray = NDArray[np.float64]
#: Blocks left out at most, evenly spaced; they overlap where the history is short.
BLOCKS = 99


def jackknife_plus(
    estimator: Estimator, comparison: Comparison, *, level: float = 0.9, stretch: float = 1.0, blocks: int = BLOCKS
) -> TestResult:
    """p-value and interval of the mean effect by jackknife+.

    Parameters
    ----------
    blocks
        Number of blocks left out, fewer where the history holds fewer.
    stretch
        Factor on the errors of the left-out blocks (`geolift.selection`).

    Raises
    ------
    InputError
        Where the history holds too few blocks for the level.

    Notes
    -----
    With ``n`` blocks, predictions ``m_b`` of the window without block ``b`` and scaled errors ``e_b`` on it, the
    interval for the counterfactual runs from the ``⌊α(n+1)⌋``-th smallest ``m_b − e_b`` to the
    ``⌈(1−α)(n+1)⌉``-th smallest ``m_b + e_b``. The p-value is the smallest α whose interval leaves out "no effect", so
    that the two cannot contradict each other. Guaranteed coverage for exchangeable blocks is ``1 − 2α``; in practice it
    is near ``1 − α``.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> donors = 100 + rng.normal(size=(5, 60))
    >>> treated = donors.mean(axis=0) + 0.2 * rng.normal(size=60) + np.r_[np.zeros(56), np.full(4, 3.0)]
    >>> from geolift.synthetic_control import SyntheticControl
    >>> one = Comparison(treated=treated, donors=donors, pre=56, names=tuple("abcde"))
    >>> found = jackknife_plus(SyntheticControl(), one)
    >>> found.p_value < 0.1, found.interval.contains(3.0)
    (True, True)
    """
    alpha = rejection_level(level)
    fit = estimator.fit(comparison.treated, comparison.donors, comparison.pre)
    drift = float(persistence(fit.effect[None, : comparison.pre])[0])
    middles, errors = left_out(
        estimator, comparison, level=int(drift_levels(fit.effect[None, : comparison.pre])[0]), blocks=blocks
    )
    count = len(errors)
    if alpha * (count + 1) < 1:
        raise InputError.of(
            f"the history holds only {count} blocks as long as the test",
            f"A {level:.0%} interval needs {int(np.ceil(1 / alpha)) - 1}: bring more history, use a lower level, or "
            "block_conformal",
            column="inference",
            value="jackknife_plus",
        )
    observed = float(comparison.treated[comparison.pre :].mean())
    low, high = np.sort(middles - stretch * errors), np.sort(middles + stretch * errors)
    rank = int(np.floor(alpha * (count + 1) + 1e-9))
    interval = Interval(
        lower=observed - float(high[count - rank]), upper=observed - float(low[rank - 1]), level=level, kind="conformal"
    )
    # "No effect" is left out by the interval of level a exactly where fewer than ⌊a(n+1)⌋ of the ends lie beyond it.
    beyond = min(int((high >= observed).sum()), int((low <= observed).sum()))
    return TestResult(
        p_value=float(min((beyond + 1) / (count + 1), 1.0)),
        interval=interval,
        method="jackknife_plus",
        draws=count,
        details={"stretch": stretch, "median_block_error": float(np.median(errors)), "persistence": drift},
    )


def left_out(
    estimator: Estimator, comparison: Comparison, *, level: int, blocks: int = BLOCKS
) -> tuple[FloatArray, FloatArray]:
    """Predicted mean of the measured window without each block, and the absolute error on the block, both (n,).

    Errors are scaled from the block's place in the history to that of the measured window; ``level`` is the gap's of
    `geolift.drift.drift_levels`.
    """
    pre, post = comparison.pre, comparison.post
    last = pre - post
    if last < 2:
        return np.empty(0), np.empty(0)
    starts = np.unique(np.linspace(0, last, min(blocks, last + 1)).round().astype(int))
    middles, errors = [], []
    for start in starts:
        block = np.arange(start, start + post)
        order = np.concatenate([np.delete(np.arange(pre), block), block, np.arange(pre, pre + post)])
        treated = comparison.treated[order]
        fit = estimator.fit(treated, comparison.donors[:, order], pre - post)
        middles.append(float(fit.counterfactual[pre:].mean()))
        errors.append(abs(float(fit.effect[pre - post : pre].mean())))
    scale = mean_errors(pre + post, post, level)[-1] / mean_errors(pre, post, level)[starts]
    return np.array(middles), np.array(errors) * scale
