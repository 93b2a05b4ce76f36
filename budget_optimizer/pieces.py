"""Piecewise-linear curves cut into pieces: concave hulls from above, exact concave runs, refinement.

A curve on a piece is bounded from above by its concave hull there. Splitting a piece where a plan sits makes the
bound exact at that plan; after finitely many splits hull and curve agree everywhere (a segment is its own hull).
This is spatial branch and bound for separable functions (Falk & Soland 1969), driven by a mixed-integer solver.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.curves import FloatArray, ResponseCurves

IntArray = NDArray[np.intp]
Piece = tuple[int, int, int]  # cell, first point, last point


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shapes:
    """Curves of N cells; every view (the mean, tail means) shares the points of its cell.

    Attributes
    ----------
    points
        Spend at the breakpoints of each cell, N arrays of shape (P,).
    values
        Outcome at them, N arrays of shape (V, P).
    convex
        True at inner points where the slope of some view rises, N arrays of shape (P,).
    """

    points: tuple[FloatArray, ...]
    values: tuple[FloatArray, ...]
    convex: tuple[NDArray[np.bool_], ...]

    def at(self, spend: FloatArray) -> FloatArray:
        """Value of every view at one spend a cell, shape (V, N)."""
        columns = []
        for x, y, where in zip(self.points, self.values, spend, strict=True):
            if len(x) == 1:
                columns.append(y[:, 0])
                continue
            left = min(max(int(np.searchsorted(x, where, side="right")) - 1, 0), len(x) - 2)
            share = min(max((where - x[left]) / (x[left + 1] - x[left]), 0.0), 1.0)
            columns.append(y[:, left] + share * (y[:, left + 1] - y[:, left]))
        return np.array(columns).T

    def run_around(self, cell: int, spend: float) -> Piece:
        """The longest piece around ``spend`` on which every view is concave."""
        x, kinks = self.points[cell], np.flatnonzero(self.convex[cell])
        tolerance = 1e-9 * max(1.0, float(x[-1]))
        before, after = kinks[x[kinks] <= spend + tolerance], kinks[x[kinks] > spend + tolerance]
        first = int(before[-1]) if len(before) else 0
        last = int(after[0]) if len(after) else len(x) - 1
        return cell, first, last

    def hull(self, piece: Piece) -> IntArray:
        """Points that carry the concave hull of a piece (all of them where there are several views)."""
        cell, first, last = piece
        inside = self.convex[cell][first + 1 : last]
        if len(self.values[cell]) > 1 or not inside.any():
            return np.arange(first, last + 1)
        return first + upper_hull(self.points[cell][first : last + 1], self.values[cell][0, first : last + 1])

    def split(self, piece: Piece, spend: float) -> list[Piece]:
        """The piece cut at the breakpoints on both sides of ``spend``."""
        cell, first, last = piece
        x = self.points[cell]
        tolerance = 1e-9 * max(1.0, float(x[-1]))
        left = int(np.clip(np.searchsorted(x, spend + tolerance, side="right") - 1, first, last))
        right = left if abs(x[left] - spend) <= tolerance else min(left + 1, last)
        cuts = sorted({first, left, right, last})
        return [(cell, a, b) for a, b in itertools.pairwise(cuts)] or [piece]


def upper_hull(x: FloatArray, y: FloatArray) -> IntArray:
    """Indices of the upper concave hull of points sorted by x (Andrew's monotone chain).

    Examples
    --------
    >>> upper_hull(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.0, 0.2, 2.0, 2.5])).tolist()
    [0, 2, 3]
    """
    xs, ys = x.tolist(), y.tolist()
    kept: list[int] = []
    for i in range(len(xs)):
        while len(kept) >= 2:
            a, b = kept[-2], kept[-1]
            if (ys[b] - ys[a]) * (xs[i] - xs[b]) > (ys[i] - ys[b]) * (xs[b] - xs[a]):
                break
            kept.pop()
        kept.append(i)
    return np.array(kept, dtype=np.intp)


def shapes_of(points: tuple[FloatArray, ...], values: tuple[FloatArray, ...]) -> Shapes:
    """Shapes with their convex kinks found; a rise below 1e-9 of the steepest slope counts as straight."""
    convex = []
    for x, y in zip(points, values, strict=True):
        flags = np.zeros(len(x), dtype=bool)
        if len(x) > 2:
            slopes = np.diff(y, axis=1) / np.diff(x)
            rise = np.diff(slopes, axis=1) > 1e-9 * np.abs(slopes).max(axis=1, keepdims=True)
            flags[1:-1] = rise.any(axis=0)
        convex.append(flags)
    return Shapes(points=points, values=values, convex=tuple(convex))


def grid_points(curves: ResponseCurves, lower: FloatArray, upper: FloatArray, cap: float) -> tuple[FloatArray, ...]:
    """Breakpoints of every cell with its ends ``lower`` and ``upper`` among them; flat beyond the last point."""
    result = []
    for cell, grid in enumerate(curves.spend):
        last = max(cap, float(upper[cell]), float(grid[-1]))
        extra = np.array([lower[cell], upper[cell], last])
        merged = np.union1d(grid, extra)
        close = np.diff(merged) <= 1e-10 * max(1.0, last)
        if close.any():
            # keep the requested end, drop the grid point beside it
            wanted = np.isin(merged, extra)
            drop = np.zeros(len(merged), dtype=bool)
            for i in np.flatnonzero(close):
                drop[i + 1 if not wanted[i + 1] else i] = True
            merged = merged[~drop]
        result.append(merged)
    return tuple(result)


def view_values(curves: ResponseCurves, points: tuple[FloatArray, ...], views: FloatArray) -> tuple[FloatArray, ...]:
    """Views of shape (V, C, P) on the grid, read off at the breakpoints of each cell."""
    return tuple(
        np.array([np.interp(points[cell], curves.spend[cell], view[cell]) for view in views])
        for cell in range(len(curves.cells))
    )


def index_of(x: FloatArray, value: float) -> int:
    """Index of the breakpoint nearest to ``value``."""
    return int(np.abs(x - value).argmin())
