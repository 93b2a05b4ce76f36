"""Plain geo panels for studies of geo tests: outcome only, with a lift put in by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel, Period

FloatArray = NDArray[np.float64]
Kind = Literal["stationary", "trending", "integrated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoPanelSpec:
    """A panel without media.

    Attributes
    ----------
    n_geos, n_periods, period
        Size; daily panels have a pattern over the week.
    kind
        ``stationary``: shared factors and geo noise, both autoregressive around fixed levels. ``trending``: besides,
        each geo grows or shrinks at a pace of its own. ``integrated``: besides, each geo's level is a random walk,
        which no weighted mean of other geos can follow.
    size_sd
        Standard deviation of log geo size.
    factors
        Shared movements; each geo follows each to its own degree.
    factor_sd, noise
        Standard deviation of a factor and of the geo's own noise, relative to the geo's level.
    persistence
        First-order autoregression of factors and noise.
    pace_sd
        Standard deviation over geos of growth from first to last period (``trending``, ``integrated``).
    step_sd
        Standard deviation of a random-walk step (``integrated``).
    last_period
        Last day, or Monday of the last week, ISO date.
    """

    n_geos: int = 40
    n_periods: int = 90
    period: Period = "day"
    kind: Kind = "stationary"
    size_sd: float = 0.7
    factors: int = 3
    factor_sd: float = 0.06
    noise: float = 0.05
    persistence: float = 0.3
    pace_sd: float = 0.10
    step_sd: float = 0.008
    last_period: str = "2026-11-16"

    def __post_init__(self) -> None:
        if self.n_geos < 2 or self.n_periods < 8:
            raise InputError.of(
                "a geo panel needs two geos and eight periods",
                "Simulate a larger panel",
                column="n_geos",
                value=f"{self.n_geos} × {self.n_periods}",
            )
        if self.kind not in ("stationary", "trending", "integrated"):
            raise InputError.of(
                "unknown kind of geo panel", "Use stationary, trending or integrated", column="kind", value=self.kind
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeoPanel:
    """A simulated panel nothing was done to.

    Attributes
    ----------
    seed, spec
        What it was made from.
    panel
        Outcome by geo and period, no channels.
    """

    seed: int
    spec: GeoPanelSpec
    panel: Panel

    def with_lift(self, treated: Sequence[str], *, start: int, periods: int, lift: float) -> tuple[Panel, float]:
        """The panel had a test raised the outcome of some geos, and the true incremental outcome.

        Parameters
        ----------
        treated
            Names of the geos.
        start, periods
            First period of the test (0-based) and its length.
        lift
            Relative change, e.g. 0.05; negative for a go-dark test.

        Raises
        ------
        InputError
            For unknown geos or a window outside the panel.

        Examples
        --------
        >>> world = simulate_geo_panel(1, GeoPanelSpec(n_geos=4, n_periods=20))
        >>> panel, true = world.with_lift(["geo 01"], start=15, periods=5, lift=0.1)
        >>> bool(abs(float((panel.data["outcome"] - world.panel.data["outcome"]).sum()) - true) < 1e-6)
        True
        """
        unknown = sorted(set(treated) - set(self.panel.geos))
        if unknown:
            raise InputError.of(
                "not a geo of the panel", "Use names of panel.geos", column="treated", value=", ".join(unknown)
            )
        if not 0 <= start < start + periods <= self.spec.n_periods:
            raise InputError.of("the test lies outside the panel", "Move or shorten it", column="start", value=start)
        outcome = self.panel.data["outcome"].to_numpy().copy()
        where = np.ix_([self.panel.geos.index(name) for name in treated], range(start, start + periods))
        change = outcome[where] * lift
        outcome[where] += change
        changed = Panel.from_arrays(outcome=outcome, dates=self.panel.dates, geos=self.panel.geos)
        return changed, float(change.sum())


def simulate_geo_panel(seed: int, spec: GeoPanelSpec | None = None) -> GeoPanel:
    """Simulate a panel of outcomes.

    outcome = size × (1 + Σ loading × factor + weekday + own movement + noise), never below a tenth of the size.

    Parameters
    ----------
    seed
        Non-negative.
    spec
        By default `GeoPanelSpec`.

    Examples
    --------
    >>> simulate_geo_panel(1, GeoPanelSpec(n_geos=4, n_periods=20, kind="integrated")).panel.data["outcome"].shape
    (4, 20)
    """
    spec = spec or GeoPanelSpec()
    rng = np.random.default_rng([seed, 60])
    geos, periods = spec.n_geos, spec.n_periods
    size = 10_000.0 * rng.lognormal(0.0, spec.size_sd, geos)
    factors = _autoregression(rng, (spec.factors, periods), spec.factor_sd, spec.persistence)
    relative = rng.dirichlet(np.ones(max(spec.factors, 1)), geos)[:, : spec.factors] @ factors
    relative = relative + _autoregression(rng, (geos, periods), spec.noise, spec.persistence)
    pace, steps = rng.normal(0.0, spec.pace_sd, geos), rng.normal(0.0, spec.step_sd, (geos, periods))
    if spec.kind != "stationary":
        relative = relative + pace[:, None] * np.linspace(-0.5, 0.5, periods)
    if spec.kind == "integrated":
        relative = relative + steps.cumsum(axis=1)
    dates = pd.date_range(end=spec.last_period, periods=periods, freq="7D" if spec.period == "week" else "D")
    if spec.period == "day":
        relative = relative + np.array([0.04, 0.0, -0.02, 0.0, 0.05, 0.03, -0.10])[dates.day_of_week]
    outcome = np.round(size[:, None] * np.maximum(1.0 + relative, 0.1), 2)
    width = len(str(geos))
    names = [f"geo {number + 1:0{max(width, 2)}d}" for number in range(geos)]
    return GeoPanel(seed=seed, spec=spec, panel=Panel.from_arrays(outcome=outcome, dates=dates, geos=names))


def _autoregression(rng: np.random.Generator, shape: tuple[int, int], sd: float, persistence: float) -> FloatArray:
    """Rows of a stationary first-order autoregression with standard deviation ``sd``."""
    shock = rng.normal(0.0, sd, shape)
    path = shock.copy()
    for step in range(1, shape[1]):
        path[:, step] = persistence * path[:, step - 1] + np.sqrt(1.0 - persistence**2) * shock[:, step]
    return path
