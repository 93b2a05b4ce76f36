"""A fitted media mix model: frozen, with its tables, curves, checks and posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.checks import Check, healthy
from measurement.curves import ResponseCurves
from measurement.estimates import Estimate, Interval
from measurement.panel import Panel
from mmm import contributions, response
from mmm.calibration import LiftDesign
from mmm.contributions import quantiles
from mmm.design import Design
from mmm.lift_fit import predicted_lifts
from mmm.media_response import Draws
from mmm.parameters import parameters
from mmm.spec import ModelSpec

if TYPE_CHECKING:
    from mmm.forecast import Forecast, Future
    from mmm.optimal_frequency import FrequencyCurves
    from mmm.plots import FitPlots
    from mmm.scenario import History, Incremental
    from mmm.spend_path import Spend

FloatArray = NDArray[np.float64]
METHOD = "hierarchical Bayesian media mix model"
#: Of the intervals that are kept of the fit without lift tests.
UNTESTED_LEVEL = 0.9
#: Scales by which what is not yet known goes on after the panel.
_FUTURE_SCALES = ("walk_sd", "extra_sd", "shock_sd")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedMMM:
    """The result of `mmm.model.MMM.fit`.

    Attributes
    ----------
    spec, seed, options
        What was asked for, and how it was sampled in the end.
    design
        The data as the model saw them.
    lifts
        Lift tests used as likelihood.
    draws
        All posterior draws, chains one after the other.
    contribution
        Shape (chain, draw, C): money over the whole panel, paid channels.
    organic
        Shape (chain, draw, O): the same of organic media.
    marginal
        Shape (chain, draw, C): marginal ROAS, see `mmm.response.marginal_roas`.
    parameters
        Name → (chain, draw, size): the non-linear parameters in natural units.
    diverging
        Shape (chain, draw).
    checks
        The health gate.
    """

    spec: ModelSpec
    seed: int
    options: Mapping[str, Any]
    design: Design
    lifts: LiftDesign
    draws: Draws
    contribution: FloatArray
    organic: FloatArray
    marginal: FloatArray
    parameters: Mapping[str, FloatArray]
    diverging: NDArray[np.bool_]
    checks: tuple[Check, ...]

    @property
    def healthy(self) -> bool:
        """Whether no blocking check failed: only then may the result move money."""
        return healthy(self.checks)

    @property
    def panel(self) -> Panel:
        """The data it was fitted to."""
        return self.design.panel

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the C channels."""
        return self.panel.channels

    @property
    def roas_draws(self) -> FloatArray:
        """Contribution over spend in the whole panel, shape (D, C)."""
        return np.asarray(self._flat(self.contribution) / self.design.spend, dtype=np.float64)

    def roas(self, level: float = 0.9) -> dict[str, Estimate]:
        """ROAS by channel: outcome value that the channel brought, over its spend, whole panel."""
        return self._estimates(self.roas_draws, level, "ratio")

    def marginal_roas(self, level: float = 0.9) -> dict[str, Estimate]:
        """Outcome of the next euro at the mean spend of the last 8 weeks, steady state."""
        return self._estimates(self._flat(self.marginal), level, "ratio")

    def total_contribution(self, level: float = 0.9) -> Estimate:
        """All paid channels together over the whole panel, money."""
        total = self._flat(self.contribution).sum(axis=1, keepdims=True)
        return self._estimate(total[:, 0], level, self.panel.currency)

    def channels_table(self, level: float = 0.9) -> pd.DataFrame:
        """One row a channel.

        Columns: channel, spend, contribution (with _lower, _upper), share (of the total outcome value), roas,
        marginal_roas (each with _lower, _upper), level; where lift tests were used and the level is 90%, also
        roas_without_tests (median, with _lower, _upper), from the fit that the tests are held against.
        """
        drawn = {
            "contribution": self._flat(self.contribution),
            "roas": self.roas_draws,
            "marginal_roas": self._flat(self.marginal),
        }
        whole = float(self.panel.outcome_value.sum())
        table = contributions.channels_table(self.channels, self.design.spend, drawn, whole, level)
        untested = self.options.get("roas_without_tests")
        if untested and level == UNTESTED_LEVEL:
            columns = [f"roas_without_tests{end}" for end in ("", "_lower", "_upper")]
            table[columns] = [untested[channel] for channel in self.channels]
        return table

    def organic_table(self, level: float = 0.9) -> pd.DataFrame:
        """One row an organic medium: medium, contribution (with _lower, _upper), share of the total outcome, level."""
        names, drawn = self.design.media_names[len(self.channels) :], self._flat(self.organic)
        lower, upper = quantiles(drawn, level)
        mean = drawn.mean(axis=0)
        return pd.DataFrame(
            {
                "medium": list(names),
                "contribution": mean,
                "contribution_lower": lower,
                "contribution_upper": upper,
                "share": mean / float(self.panel.outcome_value.sum()),
                "level": level,
            }
        )

    def response_curves(self, points: int = 60, draws: int = 400, run: str = "") -> ResponseCurves:
        """National outcome a week against steady national spend a week; see `mmm.response`."""
        curves, _ = response.response_curves(self.thinned(draws), self.design, self.spec, points=points, run=run)
        return curves

    def geo_response_curves(self, points: int = 40, draws: int = 100, run: str = "") -> ResponseCurves:
        """A curve for each channel and geo; see `mmm.response.geo_response_curves`."""
        return response.geo_response_curves(self.thinned(draws), self.design, self.spec, points=points, run=run)

    def decomposition(self, level: float = 0.9) -> pd.DataFrame:
        """Expected outcome by date, geo and component (columns date, geo, component, mean, lower, upper; money).

        Means add up to the mean of `fit_table` exactly.
        """
        return contributions.decomposition(self.thinned(400), self.design, self.spec, level)

    def fit_table(self, level: float = 0.9) -> pd.DataFrame:
        """Observed outcome and its posterior predictive (columns date, geo, observed, mean, lower, upper; money)."""
        return contributions.fit_table(self.thinned(400), self.design, self.spec, level=level, seed=self.seed)

    def national_fit_table(self, level: float = 0.9) -> pd.DataFrame:
        """The same for all geos together (columns date, observed, mean, lower, upper; money)."""
        return contributions.national_fit_table(self.thinned(400), self.design, self.spec, level=level, seed=self.seed)

    def predicted_lifts(self) -> FloatArray:
        """The model's own value of each lift test in money, shape (D, I)."""
        return predicted_lifts(self.draws, self.lifts, self.design, self.spec)

    def thinned(self, count: int) -> Draws:
        """Evenly spaced draws, at most ``count``."""
        keep = self.kept(count)
        return Draws(**{name: getattr(self.draws, name)[keep] for name in Draws.__slots__})

    def kept(self, count: int) -> NDArray[np.int64]:
        """Which draws `thinned` keeps."""
        total = len(self.draws)
        return np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))

    def incremental(
        self,
        actual: Spend = None,
        counterfactual: Spend = None,
        *,
        ahead: int = 0,
        after: int | None = None,
        history: History = "kept",
    ) -> Incremental:
        """Outcome under one spend path minus that under another, carry-over included.

        ``None`` is spend as it was, and after the panel as it was lately. See `mmm.scenario.incremental` for ``after``
        and ``history``, `mmm.spend_path.Spend` for how paths are given; ``ahead`` is how many periods after the panel
        they cover.

        Examples
        --------
        ``fitted.incremental(None, {"tv": 0.0}).table()``: what tv brought.
        """
        from mmm.scenario import incremental

        draws, paths = self.thinned(400), (actual, counterfactual)
        return incremental(draws, self.design, self.spec, paths, ahead=ahead, after=after, history=history)

    def forecast(self, future: Future | int = 8, *, seed: int) -> Forecast:
        """Outcome of the periods to come: how many, or what is assumed of them, see `mmm.forecast`.

        Examples
        --------
        ``fitted.forecast(Future(periods=8, spend={"tv": 50_000.0}), seed=1).table()``
        """
        from mmm.forecast import Future, forecast

        assumed = Future(periods=future) if isinstance(future, int) else future
        keep = self.kept(400)
        scales = {name: self._flat(self.parameters[name])[keep] for name in _FUTURE_SCALES if name in self.parameters}
        return forecast(self.thinned(400), scales, self.design, self.spec, assumed, seed=seed)

    @property
    def longest_forecast(self) -> int:
        """How many periods a forecast may have."""
        from mmm.future_columns import longest_future

        return longest_future(self.design)

    def optimal_frequency(self) -> FrequencyCurves:
        """Outcome against mean frequency for channels whose reach is known, see `mmm.optimal_frequency`."""
        from mmm.optimal_frequency import frequency_curves

        return frequency_curves(self.thinned(400), self.design, self.spec)

    @property
    def plot(self) -> FitPlots:
        """Figures: ``fitted.plot.roas()`` and others, see `mmm.plots.FitPlots`."""
        from mmm.plots import FitPlots

        return FitPlots(self)

    @property
    def posterior(self) -> Any:  # noqa: ANN401 - xarray.DataTree; arviz is untyped
        """ArviZ DataTree: parameters, coefficients, and the reported quantities."""
        from mmm.archive import posterior_tree

        return posterior_tree(self)

    def save(self, path: str | Path) -> None:
        """Write the posterior as NetCDF (read it with `load`, or with ``arviz.from_netcdf``)."""
        self.posterior.to_netcdf(Path(path), engine="h5netcdf")

    @staticmethod
    def load(path: str | Path, panel: Panel) -> FittedMMM:
        """Read back what `save` wrote, given the panel of the fit; see `mmm.archive` for reading without it."""
        from mmm.archive import load_fit

        return load_fit(path, panel)

    @property
    def members(self) -> Mapping[str, tuple[int, ...]]:
        """Block of parameters → media it belongs to, for the blocks that are by medium."""
        return parameters(self.design, self.spec).members

    @staticmethod
    def _flat(values: FloatArray) -> FloatArray:
        return values.reshape(-1, values.shape[-1])

    def _estimates(self, drawn: FloatArray, level: float, unit: str) -> dict[str, Estimate]:
        return {name: self._estimate(drawn[:, index], level, unit) for index, name in enumerate(self.channels)}

    @staticmethod
    def _estimate(drawn: FloatArray, level: float, unit: str) -> Estimate:
        lower, upper = quantiles(drawn, level)
        interval = Interval(lower=float(lower), upper=float(upper), level=level, kind="credible")
        return Estimate(value=float(drawn.mean()), interval=interval, unit=unit, method=f"{METHOD}, posterior mean")
