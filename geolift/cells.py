"""Treated geos in groups of their own: separate cells, and geos that start one after the other.

Every cell has its own counterfactual, fitted on its own periods before its own start; no treated geo is ever a donor.
What the cells found is added up. Its test moves the measured windows of all cells together: under the hypothesis the
cells' windows, shifted alike, are one of T equally likely arrangements, however the cells' errors move together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from geolift.drift import drift_levels, persistence, surprises
from geolift.estimators import Comparison, Estimator, Fit, describe_fit, refitted
from geolift.inference import TestResult, invert, rejection_level
from geolift.permutation import surprise_p_values
from geolift.test_plan import GeoTest
from measurement.estimates import Interval
from measurement.panel import Panel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Treated geos that share a counterfactual and a first day."""

    name: str
    geos: tuple[str, ...]
    start: date

    def test(self, whole: GeoTest) -> GeoTest:
        """The cell as a test of its own, the other treated geos kept out of the donors."""
        others = tuple(geo for geo in whole.treated if geo not in self.geos)
        alone = not others
        return replace(
            whole,
            treated=self.geos,
            start=self.start,
            exclude=(*whole.exclude, *others),
            incremental_spend=whole.incremental_spend if alone else None,
            starts={},
            cells={},
        )


def cells_of(test: GeoTest) -> tuple[Cell, ...]:
    """The cells of a test, those that start first leading; one where it has neither cells nor steps."""
    if not test.cells:
        named = {"": test.treated}
    elif list(test.cells) == ["each"]:
        named = {geo: (geo,) for geo in test.treated}
    else:
        named = {name: tuple(geos) for name, geos in test.cells.items()}
    cells = []
    for name, geos in named.items():
        days = sorted({test.starts.get(geo, test.start) for geo in geos})
        for day in days:
            together = tuple(geo for geo in geos if test.starts.get(geo, test.start) == day)
            label = " ".join(part for part in (name, f"from {day}" if len(days) > 1 else "") if part)
            cells.append(Cell(name=label or "all", geos=together, start=day))
    return tuple(sorted(cells, key=lambda cell: cell.start))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellFits:
    """The cells of one test, fitted.

    Attributes
    ----------
    cells
        The cells.
    comparisons
        Each cell's mean beside the donors, which are the same for all.
    fits
        Their counterfactuals.
    """

    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    fits: tuple[Fit, ...]

    @property
    def sizes(self) -> FloatArray:
        """Geos of each cell."""
        return np.array([len(cell.geos) for cell in self.cells], dtype=np.float64)

    @property
    def base(self) -> float:
        """Counterfactual outcome of all treated geos from their own starts on."""
        sums = [fit.counterfactual[fit.pre :].sum() for fit in self.fits]
        return float(self.sizes @ np.array(sums))

    def together(self) -> Fit:
        """All cells as one mean: no effect counts in a geo that has not started yet."""
        share = self.sizes / self.sizes.sum()
        first = min(fit.pre for fit in self.fits)
        treated = share @ np.array([one.treated for one in self.comparisons])
        rows = []
        for fit, one in zip(self.fits, self.comparisons, strict=True):
            row = fit.counterfactual.copy()
            row[first : fit.pre] = one.treated[first : fit.pre]
            rows.append(row)
        gaps = [fit.gap for fit in self.fits if fit.gap is not None]
        return describe_fit(
            treated,
            self.comparisons[0].donors,
            counterfactual=share @ np.array(rows),
            weights=share @ np.array([fit.weights for fit in self.fits]),
            pre=first,
            fixed_effects=bool(self.fits[0].options.get("fixed_effects", True)),
            gap=max(gaps) if gaps else None,
            options={**self.fits[0].options, "cells": float(len(self.cells))},
        )


def fit_cells(panel: Panel, test: GeoTest, donors: tuple[str, ...], estimator: Estimator) -> CellFits:
    """Fit every cell on its own periods before its start."""
    cells = cells_of(test)
    _, stop = test.window(panel)
    places = {geo: place for place, geo in enumerate(panel.geos)}
    outcome = panel.outcome_value[:, :stop]
    pool = outcome[[places[geo] for geo in donors]]
    comparisons = []
    for cell in cells:
        start, _ = replace(test, start=cell.start, starts={}, cells={}).window(panel)
        mean = outcome[[places[geo] for geo in cell.geos]].mean(axis=0)
        comparisons.append(Comparison(treated=mean, donors=pool, pre=start, names=donors))
    fits = tuple(estimator.fit(one.treated, one.donors, one.pre) for one in comparisons)
    return CellFits(cells=cells, comparisons=tuple(comparisons), fits=fits)


def pooled_conformal(estimators: Sequence[Estimator], fitted: CellFits, *, level: float, stretch: float) -> TestResult:
    """Block conformal test of all cells together; the interval is for the mean effect of `CellFits.together`.

    Hypotheses are lifts, the same in every cell in proportion to its counterfactual. ``estimators`` (one a cell) keep
    the penalties they chose.
    """
    sizes, posts = fitted.sizes, [one.post for one in fitted.comparisons]
    whole = fitted.together()
    geo_periods = float(sizes.sum()) * max(posts)
    paths = [_path(fit, one) for fit, one in zip(fitted.fits, fitted.comparisons, strict=True)]
    moved = float(sizes @ np.array([path.sum() for path in paths])) / geo_periods

    def p_values(effects: FloatArray) -> FloatArray:
        tested = (whole.att + (effects - whole.att) / stretch) / moved
        left = []
        for estimator, one, path in zip(estimators, fitted.comparisons, paths, strict=True):
            left.append(refitted(estimator, one.treated[None] - tested[:, None] * path, one.donors))
        return _pooled_p_values(left, fitted.comparisons[0].donors, posts, sizes)

    size = float(np.abs(whole.counterfactual).mean())
    scale = stretch * max(whole.pre_rmse, 1e-9 * size, 1e-300)
    lower, upper, p_value = invert(p_values, whole.att, scale, alpha=rejection_level(level))
    return TestResult(
        p_value=p_value,
        interval=Interval(lower=lower, upper=upper, level=level, kind="conformal"),
        method="block_conformal",
        draws=len(whole.effect) - 1,
        details={
            "statistic": "adaptive",
            "stretch": stretch,
            "cells": float(len(sizes)),
            "persistence": float(persistence(whole.effect[None, : whole.pre])[0]),
        },
    )


def _pooled_p_values(
    left: Sequence[tuple[FloatArray, FloatArray | None]], donors: FloatArray, posts: Sequence[int], sizes: FloatArray
) -> FloatArray:
    """p-values (A,) of the cells' windows together: what refits left of each (A, T) and their weights, one a cell.

    Each cell's surprises are added up, as its mean times its geo-periods would be; whether the sum of all cells drifts
    before the first start decides how they are read (`geolift.drift`).
    """
    total = np.tensordot(sizes, np.array([residual for residual, _ in left]), axes=1)
    levels = drift_levels(total[:, : -max(posts)])
    pooled = np.zeros(total.shape)
    for (residual, weights), post, size in zip(left, posts, sizes, strict=True):
        found = surprises(residual, post, levels, donors=donors, weights=weights)
        # Each cell's own window comes first, so that one shift moves all windows by as many periods. A surprise has no
        # unit: the cell's error over a window gives it that of its outcome back.
        error = np.sqrt(np.mean(residual**2, axis=1, keepdims=True) * post)
        pooled += size * error * np.roll(found, post, axis=1)
    return surprise_p_values(pooled, 0)


def _path(fit: Fit, one: Comparison) -> FloatArray:
    """What a lift of 1 adds to the cell's mean a period, shape (T,): its counterfactual, ones where not positive."""
    path = np.zeros(len(one.treated))
    after = fit.counterfactual[one.pre :]
    path[one.pre :] = after if (after > 0).all() else 1.0
    return path
