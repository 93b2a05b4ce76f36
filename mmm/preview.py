"""A quick look at a fit, in seconds: the normal approximation at the mode, mended by importance weights.

It is a preview and says so: it has a k̂ instead of convergence diagnostics, no response curves, and never is healthy, so
nothing can be decided on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate
from measurement.panel import Panel
from measurement.progress import Progress, silent
from mmm.calibration import lift_design
from mmm.collapsed import draw_linear, kernel_data
from mmm.contributions import channel_totals, quantiles
from mmm.design import Design, build_design
from mmm.laplace import PARETO_LIMIT, laplace_frame, weighted_draws
from mmm.parameters import parameters
from mmm.selection import chosen_spec
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Draws of the approximation that are weighted, and draws kept of them.
PROPOSALS, KEPT = 1000, 1000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Preview:
    """A preview of a fit. D draws, P paid channels.

    Attributes
    ----------
    spec, seed
        What was asked for.
    design
        The data as the model saw them.
    contribution
        Shape (D, P), money over the whole panel.
    pareto_k
        k̂ of the importance weights.
    effective
        Effective number of weighted draws.
    """

    spec: ModelSpec
    seed: int
    design: Design
    contribution: FloatArray
    pareto_k: float
    effective: float

    @property
    def reweighted(self) -> bool:
        """Whether the weights held; if not, the draws are those of the approximation itself."""
        return self.pareto_k <= PARETO_LIMIT

    @property
    def healthy(self) -> bool:
        """Never: a preview moves no money."""
        return False

    @property
    def label(self) -> str:
        """What the numbers are, in one line."""
        mended = "reweighted" if self.reweighted else "not mended by weights: intervals may be off"
        return f"Preview, not a fit: normal approximation, k̂ = {self.pareto_k:.2f} ({mended})"

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the P channels."""
        return self.design.panel.channels

    @property
    def roas_draws(self) -> FloatArray:
        """Contribution over spend in the whole panel, shape (D, P)."""
        return np.asarray(self.contribution / self.design.spend, dtype=np.float64)

    def roas(self, level: float = 0.9) -> dict[str, Estimate]:
        """ROAS by channel; the method of each estimate says that it is a preview."""
        lower, upper = quantiles(self.roas_draws, level)
        return {
            name: Estimate(
                value=float(self.roas_draws[:, place].mean()),
                interval=Interval(lower=float(lower[place]), upper=float(upper[place]), level=level, kind="credible"),
                unit="ratio",
                method=self.label,
            )
            for place, name in enumerate(self.channels)
        }

    def roas_table(self, level: float = 0.9) -> pd.DataFrame:
        """One row a channel: channel, spend, contribution, roas (each with _lower, _upper), level, pareto_k."""
        table = pd.DataFrame({"channel": list(self.channels), "spend": self.design.spend})
        for name, drawn in (("contribution", self.contribution), ("roas", self.roas_draws)):
            table[name] = drawn.mean(axis=0)
            table[f"{name}_lower"], table[f"{name}_upper"] = quantiles(drawn, level)
        return table.assign(level=level, pareto_k=self.pareto_k)

    def response_curves(self) -> NoReturn:
        """Refused: curves are what a budget is decided on.

        Raises
        ------
        InputError
            Always.
        """
        raise InputError.of(
            "a preview has no response curves, because nothing may be decided on it",
            "Run the whole fit: MMM(spec).fit(...), or liftwerk fit without --preview",
            column="preview",
            value=f"k = {self.pareto_k:.2f}",
        )


def preview_fit(
    spec: ModelSpec, panel: Panel, lifts: Sequence[LiftEstimate] = (), *, seed: int, progress: Progress = silent
) -> Preview:
    """Approximate the posterior at its mode.

    Parameters
    ----------
    spec, panel, lifts, seed, progress
        As in `mmm.model.MMM.fit`.

    Raises
    ------
    InputError
        Where the panel or a lift test cannot be used.
    """
    progress(0.0, "preparing the preview")
    spec, _ = chosen_spec(panel, spec, lifts)
    design = build_design(panel, spec)
    layout = parameters(design, spec)
    data = kernel_data(design, layout, spec, lift_design(design, lifts, ageing=spec.lift_ageing))
    progress(0.2, "finding where the posterior lies")
    found = weighted_draws(data, laplace_frame(data), draws=PROPOSALS, seed=seed)
    kept = np.arange(PROPOSALS)
    if found.pareto_k <= PARETO_LIMIT:
        kept = resampled(found.weights, KEPT, np.random.default_rng([seed, 32]))
    points = found.points[kept]
    by_geo, _ = draw_linear(points[None], data, seed)
    totals = channel_totals(points, by_geo[0], data)[:, : design.channels]
    progress(1.0, "preview done")
    return Preview(
        spec=spec,
        seed=seed,
        design=design,
        contribution=totals,
        pareto_k=found.pareto_k,
        effective=found.effective,
    )


def resampled(weights: FloatArray, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices drawn in proportion to weights, by systematic resampling, shape (count,)."""
    places = (np.arange(count) + rng.random()) / count
    found = np.searchsorted(np.cumsum(weights), places)
    return np.minimum(found, len(weights) - 1).astype(np.int64)
