"""A fitted media mix model: frozen, with its tables, curves, checks and posterior."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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

FloatArray = NDArray[np.float64]
METHOD = "hierarchical Bayesian media mix model"
FORMAT_VERSION = 2


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
        marginal_roas (each with _lower, _upper), level.
        """
        table = pd.DataFrame({"channel": list(self.channels), "spend": self.design.spend})
        share = self._flat(self.contribution).mean(axis=0) / self.panel.outcome_value.sum()
        values = {
            "contribution": self._flat(self.contribution),
            "roas": self.roas_draws,
            "marginal_roas": self._flat(self.marginal),
        }
        for name, drawn in values.items():
            table[name] = drawn.mean(axis=0)
            table[f"{name}_lower"], table[f"{name}_upper"] = quantiles(drawn, level)
            if name == "contribution":
                table["share"] = share
        table["level"] = level
        return table

    def response_curves(self, points: int = 60, draws: int = 400, run: str = "") -> ResponseCurves:
        """National outcome a week against steady national spend a week; see `mmm.response`."""
        curves, _ = response.response_curves(self.thinned(draws), self.design, self.spec, points=points, run=run)
        return curves

    def decomposition(self, level: float = 0.9) -> pd.DataFrame:
        """Expected outcome by date, geo and component (columns date, geo, component, mean, lower, upper; money).

        Means add up to the mean of `fit_table` exactly.
        """
        return contributions.decomposition(self.thinned(400), self.design, self.spec, level)

    def fit_table(self, level: float = 0.9) -> pd.DataFrame:
        """Observed outcome and its posterior predictive (columns date, geo, observed, mean, lower, upper; money)."""
        return contributions.fit_table(self.thinned(400), self.design, self.spec, level=level, seed=self.seed)

    def predicted_lifts(self) -> FloatArray:
        """The model's own value of each lift test in money, shape (D, I)."""
        return predicted_lifts(self.draws, self.lifts, self.design, self.spec)

    def thinned(self, count: int) -> Draws:
        """Evenly spaced draws, at most ``count``."""
        total = len(self.draws)
        keep = np.unique(np.linspace(0, total - 1, min(count, total)).astype(int))
        return Draws(**{name: getattr(self.draws, name)[keep] for name in Draws.__slots__})

    @property
    def posterior(self) -> Any:  # noqa: ANN401 - xarray.DataTree; arviz is untyped
        """ArviZ DataTree: parameters, coefficients, and the reported quantities."""
        import arviz

        chains, draws = self.diverging.shape
        shape = (chains, draws)
        panel, shared = self.panel, self.design.shared
        coords: dict[str, list[str]] = {
            "channel": list(panel.channels),
            "medium": list(self.design.media_names),
            "geo": list(panel.geos),
            "column": list(shared.names),
        }
        variables = {name: np.asarray(values) for name, values in self.parameters.items()}
        dims = {name: [f"{name}_entry"] for name in variables}
        for name, members in self.members.items():
            coords[f"{name}_medium"] = [self.design.media_names[index] for index in members]
            dims[name] = [f"{name}_medium"]
        dims["noise"] = ["geo"]
        variables |= {
            "roas": self.contribution / self.design.spend,
            "contribution": self.contribution,
            "organic_contribution": self.organic,
            "marginal_roas": self.marginal,
            "geo_effect": self.draws.effect.reshape(*shape, *self.draws.effect.shape[1:]),
            "intercept": self.draws.intercept.reshape(*shape, -1),
            "geo_row": self.draws.extra.reshape(*shape, *self.draws.extra.shape[1:]),
            "shared_effect": self.draws.shared.reshape(*shape, -1),
            "shock": self.draws.shock.reshape(*shape, -1),
        }
        dims |= {name: ["channel"] for name in ("roas", "contribution", "marginal_roas")}
        dims |= {"geo_effect": ["geo", "medium"], "intercept": ["geo"], "shared_effect": ["column"]}
        dims |= {"organic_contribution": ["organic"], "geo_row": ["geo", "row"], "shock": ["shock_period"]}
        empty = [name for name, values in variables.items() if 0 in values.shape]
        for name in empty:
            del variables[name], dims[name]
        tree = arviz.from_dict(
            {"posterior": variables, "sample_stats": {"diverging": self.diverging}},
            coords=coords,
            dims=dims,
        )
        options = json.dumps(dict(self.options), sort_keys=True)
        tree.attrs.update(format_version=FORMAT_VERSION, spec=self.spec.to_json(), seed=self.seed, options=options)
        return tree

    def save(self, path: str | Path) -> None:
        """Write the posterior as NetCDF (read it with ``arviz.from_netcdf``)."""
        self.posterior.to_netcdf(Path(path), engine="h5netcdf")

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
