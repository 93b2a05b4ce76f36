"""Where the posterior lies and how it is shaped there: a mode, and the linear map that makes it round.

NUTS then starts from a distribution that is nearly standard normal, so that little tuning and few steps a draw are
needed. The map is a change of variables: the target is the same, however poor the map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Density = Callable[[FloatArray], tuple[float, FloatArray]]
#: Curvatures below this (the prior's is 1) are raised to it: a direction is not stretched further than twice the prior.
LEAST_CURVATURE = 0.25
#: Step of the finite differences, in prior standard deviations.
STEP = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """A linear change of variables, ``point = centre + scale · position``.

    Attributes
    ----------
    centre
        Shape (n,): the mode.
    scale
        Shape (n, n), symmetric: inverse root of the curvature at the mode.
    gradients
        Number of gradients it took.
    """

    centre: FloatArray
    scale: FloatArray
    gradients: int

    def points(self, positions: FloatArray) -> FloatArray:
        """Positions (..., n) → points (..., n)."""
        return np.asarray(self.centre + positions @ self.scale, dtype=np.float64)


def find_frame(density: Density, size: int, *, separate: int | None = None) -> Frame:
    """Find the mode from the prior's centre, and the curvature there by differences of gradients.

    Parameters
    ----------
    density
        Log density and gradient at a point.
    size
        n.
    separate
        Entries from here on are many and nearly independent (weights of observations): their curvature is left as
        the prior's.
    """
    from scipy.optimize import minimize

    count = 0

    def loss(point: FloatArray) -> tuple[float, FloatArray]:
        nonlocal count
        count += 1
        value, gradient = density(point)
        return (1e10, np.zeros(size)) if not np.isfinite(value) else (-value, -gradient)

    found = minimize(loss, np.zeros(size), jac=True, method="L-BFGS-B", options={"maxiter": 500, "maxcor": 20})
    centre = np.asarray(found.x, dtype=np.float64)
    inner = size if separate is None else separate
    curvature = np.eye(size)
    for index in range(inner):
        shift = np.zeros(size)
        shift[index] = STEP
        change = loss(centre + shift)[1] - loss(centre - shift)[1]
        curvature[:inner, index] = change[:inner] / (2.0 * STEP)
    values, vectors = np.linalg.eigh(0.5 * (curvature + curvature.T))
    values = np.where(np.isfinite(values), np.maximum(values, LEAST_CURVATURE), 1.0)
    return Frame(centre=centre, scale=(vectors / np.sqrt(values)) @ vectors.T, gradients=count)
