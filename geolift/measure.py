"""The measurement at the heart of a readout: counterfactual, effect, p-value and interval, cell by cell where asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.cells import Cell, CellFits, cells_of, fit_cells, pooled_conformal
from geolift.choice import estimator_named, run_inference, settled
from geolift.data_order import in_data_order
from geolift.estimators import Comparison, Estimator, Fit
from geolift.handover import as_json, finite, lift_estimate
from geolift.inference import TestResult, block_conformal
from geolift.selection import choice_stretch
from geolift.spend import TestSpend, test_spend
from geolift.synthetic_control import SyntheticControl
from geolift.test_plan import POOLED, GeoTest
from geolift.trouble import usable_donors
from measurement.errors import InputError
from measurement.estimates import LiftEstimate
from measurement.panel import Panel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellReading:
    """One cell, read on its own.

    Attributes
    ----------
    cell
        Its geos and first day.
    lift
        Totals over its geos and measured window.
    fit, result
        Its counterfactual, and p-value and interval of its mean effect.
    spend
        What was spent in it.
    adjusted
        Its p-value among all cells of the test (Holm 1979): small in at most α of the tests that did nothing.
    """

    cell: Cell
    lift: LiftEstimate
    fit: Fit
    result: TestResult
    spend: TestSpend
    adjusted: float

    def to_dict(self) -> dict[str, object]:
        """As plain JSON values; infinite ends are ``None``."""
        iroas = self.lift.iroas
        return {
            "name": self.cell.name,
            "treated": list(self.cell.geos),
            "start": self.cell.start.isoformat(),
            "att": self.fit.att,
            "lift_percent": 100 * self.fit.lift,
            "incremental_outcome": as_json(self.lift.incremental_outcome),
            "standard_error": finite(self.lift.standard_error),
            "incremental_spend": self.spend.incremental,
            "iroas": None if iroas is None else as_json(iroas),
            "p_value": self.result.p_value,
            "adjusted_p_value": self.adjusted,
            "scaled_l2_imbalance": self.fit.scaled_l2,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What a test did.

    Attributes
    ----------
    comparison
        All treated geos as one mean beside the donors; the test's first day is its start.
    fit, result
        Counterfactual of that mean, and p-value and interval of its mean effect.
    base
        Counterfactual outcome of the treated geos from their own starts on, total.
    estimator
        The one used, with the penalty it chose; plain synthetic control where refits of it would take too long.
    name
        Of the estimator used.
    constant
        Geos that never change, left out as donors.
    history
        Shape (treated + donors, pre): outcome before the test, the treated geos first.
    cells
        Each cell on its own, empty where there is one only.
    """

    comparison: Comparison
    fit: Fit
    result: TestResult
    base: float
    estimator: Estimator
    name: str
    constant: tuple[str, ...]
    history: FloatArray
    cells: tuple[CellReading, ...] = ()


def measure(panel: Panel, test: GeoTest, *, estimator: Estimator | None, seed: int) -> Measured:
    """Measure a test; arguments as in `geolift.readout.read_geo_test`."""
    start, stop = test.window(panel)
    donors, constant = usable_donors(panel, test, start)
    places = {geo: place for place, geo in enumerate(panel.geos)}
    rows = np.array([places[geo] for geo in (*in_data_order(panel, test.treated), *donors)], dtype=np.intp)
    outcome, size = panel.outcome_value[rows, :stop], len(test.treated)
    comparison = Comparison(treated=outcome[:size].mean(axis=0), donors=outcome[size:], pre=start, names=donors)
    chosen = estimator or estimator_named(test.estimator, treated_units=size, seed=seed)
    stretch = choice_stretch(outcome[:, :start], np.arange(size, dtype=np.intp), seed=seed).factor
    cells: tuple[CellReading, ...] = ()
    if len(cells_of(test)) > 1:
        if chosen.name not in POOLED:
            raise InputError.of(
                f"{chosen.name} cannot read cells or staggered starts", f"Use {', '.join(POOLED)}", column="estimator"
            )
        fitted = fit_cells(panel, test, donors, chosen)
        settle = [settled(chosen, one) for one in fitted.fits]
        fit, base = fitted.together(), fitted.base
        result = pooled_conformal(settle, fitted, level=test.level, stretch=stretch)
        cells = _readings(panel, test, fitted, settle, stretch)
        refits = settle[0]
    elif chosen.name == "bayesian":
        fit, result = _bayesian(chosen, comparison, test)
        base, refits = float(fit.counterfactual[start:].sum()) * size, SyntheticControl()
    else:
        fit = chosen.fit(comparison.treated, comparison.donors, start)
        base, refits = float(fit.counterfactual[start:].sum()) * size, settled(chosen, fit)
        result = run_inference(
            test.inference, refits, comparison, size=size, level=test.level, seed=seed, stretch=stretch
        )
    return Measured(
        comparison=comparison,
        fit=fit,
        result=result,
        base=base,
        estimator=refits,
        name=chosen.name,
        constant=constant,
        history=outcome[:, :start],
        cells=cells,
    )


def _bayesian(chosen: Estimator, comparison: Comparison, test: GeoTest) -> tuple[Fit, TestResult]:
    from geolift.bayesian import BayesianSyntheticControl, read_posterior

    if test.inference not in (None, "posterior") or not isinstance(chosen, BayesianSyntheticControl):
        raise InputError.of(
            "a Bayesian synthetic control brings its own interval",
            'Leave inference out, or write inference = "posterior"',
            column="inference",
            value=test.inference,
        )
    return read_posterior(chosen, comparison, level=test.level)


def _readings(
    panel: Panel, test: GeoTest, fitted: CellFits, estimators: list[Estimator], stretch: float
) -> tuple[CellReading, ...]:
    results = [
        block_conformal(estimator, one, level=test.level, stretch=stretch)
        for estimator, one in zip(estimators, fitted.comparisons, strict=True)
    ]
    adjusted = holm(np.array([result.p_value for result in results]))
    readings = []
    parts = zip(fitted.cells, fitted.comparisons, fitted.fits, results, adjusted, strict=True)
    for cell, one, fit, result, p_value in parts:
        alone = cell.test(test)
        spend = test_spend(panel, alone)
        lift = lift_estimate(alone, one, fit, result, spend, panel.currency)
        readings.append(CellReading(cell=cell, lift=lift, fit=fit, result=result, spend=spend, adjusted=float(p_value)))
    return tuple(readings)


def holm(p_values: FloatArray) -> FloatArray:
    """p-values adjusted for their number (Holm 1979), shape of ``p_values``.

    Examples
    --------
    >>> holm(np.array([0.04, 0.01, 0.5])).round(2).tolist()
    [0.08, 0.03, 0.5]
    """
    order = np.argsort(p_values, kind="stable")
    raised = np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1))
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(raised, 1.0)
    return adjusted
