"""What a fit reports besides contributions, as scalars to diagnose: points of the curves, and parts of the baseline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.design import Design
from mmm.media_response import Draws
from mmm.response import outcome_of, steady_state
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Points of a response curve that are diagnosed, as multiples of the recent spend.
CURVE_AT = (0.5, 1.0, 2.0)


def reported(draws: Draws, design: Design, spec: ModelSpec, chains: int) -> dict[str, FloatArray]:
    """Named quantities of shape (chain, draw, size), chains of the draws one after the other.

    ``curve``: national outcome a week at half, once and twice the recent spend, of each channel. ``baseline`` and
    parts such as ``season`` or ``control:NAME``: their national value in the period in which they can be largest.
    """
    found = {"curve": _curve_points(draws, design, spec), **_components(draws, design)}
    return {name: values.reshape(chains, len(draws) // chains, -1) for name, values in found.items()}


def _curve_points(draws: Draws, design: Design, spec: ModelSpec) -> FloatArray:
    """Shape (D, P · points)."""
    state = steady_state(design)
    parts = [
        outcome_of(draws, state, spec, name, channel, now * np.array(CURVE_AT)).sum(axis=1)
        for channel, (name, now) in enumerate(zip(design.panel.channels, state.recent_spend, strict=True))
    ]
    return np.concatenate(parts, axis=1)


def _components(draws: Draws, design: Design) -> dict[str, FloatArray]:
    """Component of the decomposition → its national value at its largest period, each of shape (D, 1)."""
    shared, extra, money = design.shared, design.extra, design.money
    names = dict.fromkeys(("baseline", *shared.component, *extra.component))
    found = {}
    for name in names:
        columns = [index for index, component in enumerate(shared.component) if component == name]
        rows = [index for index, component in enumerate(extra.component) if component == name]
        by_time = np.einsum("gt,gtk->tk", money, shared.values[:, :, columns])
        at = design.periods - 1 if name == "baseline" else int(np.argmax(np.abs(by_time).sum(axis=1)))
        value = draws.shared[:, columns] @ by_time[at]
        value = value + np.einsum("dgr,gr->d", draws.extra[:, :, rows], money[:, at, None] * extra.values[:, rows, at])
        if name == "baseline":
            value = value + draws.intercept @ money[:, at]
            value = value + (draws.shock[:, at] * money[:, at].sum() if draws.shock.shape[1] else 0.0)
        found[name] = value[:, None]
    return found
