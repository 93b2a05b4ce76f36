"""A running test that may be looked at every period: a boundary for the whole path, learnt from the panel itself.

A test read again every day finds something in the end. Here the path of the cumulative effect is held against a
boundary that the paths of untreated sets in past windows of the same planned length cross, at any of their periods,
in at most α of the cases. Looking often costs nothing then; stopping is allowed the moment the path leaves the
boundary, for harm or for success.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geolift.data_order import in_data_order
from geolift.estimators import Estimator
from geolift.inference import placebo_members, rejection_level
from geolift.synthetic_control import SyntheticControl
from geolift.test_plan import GeoTest
from geolift.trouble import usable_donors
from measurement.errors import InputError
from measurement.panel import Panel

FloatArray = NDArray[np.float64]
#: Past windows and sets whose paths teach the boundary.
WINDOWS, SETS = 12, 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunningReading:
    """A test on its way.

    Attributes
    ----------
    dates
        First day of each period seen so far.
    effect, lower, upper
        Shape (seen,): mean effect a treated geo and period up to each look, and its band; the bands of all looks
        together hold with probability ``level``.
    planned
        Number of periods planned.
    level
        Of the whole path.
    paths
        Number of untreated paths behind the boundary.
    stopped
        First look at which the band excludes zero, ``None`` while it never did.
    rule
        ``"stop_harm"`` (the outcome moves against the channel), ``"stop_lift"``, ``"go_on"`` or ``"finished"``.
    """

    dates: pd.DatetimeIndex
    effect: FloatArray
    lower: FloatArray
    upper: FloatArray
    planned: int
    level: float
    paths: int
    stopped: int | None
    rule: str

    def table(self) -> pd.DataFrame:
        """Columns date, effect, lower, upper, level: money a treated geo and period."""
        return pd.DataFrame(
            {"date": self.dates, "effect": self.effect, "lower": self.lower, "upper": self.upper, "level": self.level}
        )

    def to_dict(self) -> dict[str, object]:
        """The last look and the rule as plain JSON values."""
        return {
            "rule": self.rule,
            "seen": len(self.effect),
            "planned": self.planned,
            "effect": float(self.effect[-1]),
            "lower": float(self.lower[-1]),
            "upper": float(self.upper[-1]),
            "level": self.level,
            "stopped": self.stopped,
        }


def running_reading(panel: Panel, test: GeoTest, *, seed: int) -> RunningReading | None:
    """`watch_geo_test` of a test that has not ended; ``None`` where it has, or the history is too short for that."""
    last = panel.dates[-1].date()
    if (test.measured_until - last).days < panel.days_per_period:
        return None
    try:
        return watch_geo_test(panel, test, seed=seed)
    except InputError:  # too little history for a boundary: the readout's own checks say so
        return None


def watch_geo_test(panel: Panel, test: GeoTest, *, seed: int) -> RunningReading:
    """Read a running test by synthetic control, as often as one likes.

    Parameters
    ----------
    panel
        Up to today; periods after the test's measured window are left out.
    test
        The test; its planned end sets the length of the path.
    seed
        For the sample of untreated sets.

    Returns
    -------
    RunningReading

    Raises
    ------
    InputError
        Where no period of the test has been seen, or the history is too short for the boundary.
    """
    start, stop = test.window(panel)
    donors, _ = usable_donors(panel, test, start)
    planned = math.ceil(((test.measured_until - panel.dates[start].date()).days + 1) / panel.days_per_period)
    places = {geo: place for place, geo in enumerate(panel.geos)}
    rows = [places[geo] for geo in (*in_data_order(panel, test.treated), *donors)]
    outcome, size = panel.outcome_value[rows, :stop], len(test.treated)
    chosen = SyntheticControl()
    bound, paths = path_boundary(
        chosen, outcome[size:, :start], size=size, planned=planned, alpha=rejection_level(test.level), seed=seed
    )
    fit = chosen.fit(outcome[:size].mean(axis=0), outcome[size:], start)
    looks = np.arange(1, stop - start + 1)
    mean = fit.effect[start:].cumsum() / looks
    half = bound * fit.pre_rmse / np.sqrt(looks)
    lower, upper = mean - half, mean + half
    outside = np.flatnonzero((lower > 0) | (upper < 0))
    stopped = int(outside[0]) + 1 if len(outside) else None
    return RunningReading(
        dates=panel.dates[start:stop],
        effect=mean,
        lower=lower,
        upper=upper,
        planned=planned,
        level=test.level,
        paths=paths,
        stopped=stopped,
        rule=_rule(stopped, mean, kind=test.kind, finished=len(looks) >= planned),
    )


def _rule(stopped: int | None, mean: FloatArray, *, kind: str, finished: bool) -> str:
    if stopped is None:
        return "finished" if finished else "go_on"
    helps = (mean[stopped - 1] > 0) != (kind == "go_dark")
    return "stop_lift" if helps else "stop_harm"


def path_boundary(
    estimator: Estimator, history: FloatArray, *, size: int, planned: int, alpha: float, seed: int
) -> tuple[float, int]:
    """The multiple of ``rmse / √t`` that untreated paths leave, at any look, in at most ``alpha`` of the cases.

    Parameters
    ----------
    history
        Shape (J, T): untreated geos before the test.
    size
        Number of treated geos.
    planned
        Periods of a path.

    Returns
    -------
    tuple[float, int]
        The multiple and the number of paths.

    Raises
    ------
    InputError
        Where there are too few paths for ``alpha``.
    """
    donors, periods = history.shape
    first = 2 * planned + 10
    members = placebo_members(donors, size, most=SETS, seed=seed)
    if periods < first or (len(members) + 1) * alpha < 1:
        raise InputError.of(
            "there is too little history to read this test while it runs",
            f"Bring {first} periods before the test and more untreated geos, or read it when it has ended",
            column="start",
            value=f"{periods} periods, {donors} untreated geos",
        )
    allowed = np.ones((len(members), donors), dtype=np.bool_)
    np.put_along_axis(allowed, members, False, axis=1)
    peaks = []
    for end in np.unique(np.linspace(first, periods, WINDOWS).round().astype(int)):
        window, pre = history[:, :end], int(end) - planned
        series = window[members].mean(axis=1)
        effect = series - estimator.counterfactuals(series, window, pre, allowed)
        error = np.sqrt(np.mean(effect[:, :pre] ** 2, axis=1, keepdims=True))
        path = np.abs(effect[:, pre:].cumsum(axis=1)) / np.sqrt(np.arange(1, planned + 1))
        peaks.append((path / np.maximum(error, 1e-300)).max(axis=1))
    every = np.sort(np.concatenate(peaks))
    rank = min(math.ceil((1 - alpha) * (len(every) + 1)), len(every))
    return float(every[rank - 1]), len(every)
