"""The model at given non-linear parameters as one dense Gaussian: no elimination, no compiled code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmm.calibration import LiftDesign, lift_design
from mmm.collapsed import kernel_data
from mmm.design import Design, build_design
from mmm.kernel_arrays import KernelData
from mmm.media_response import Draws, channel_response, collect_draws, panel_response
from mmm.parameters import INTERCEPT_PRIOR, Parameters, parameters
from mmm.spec import ModelSpec


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A design with all that is made of it."""

    spec: ModelSpec
    design: Design
    layout: Parameters
    lifts: LiftDesign
    data: KernelData

    @classmethod
    def of(cls, panel, spec: ModelSpec, lifts=()) -> Problem:
        design = build_design(panel, spec)
        layout, laid = parameters(design, spec), lift_design(design, lifts)
        return cls(spec=spec, design=design, layout=layout, lifts=laid, data=kernel_data(design, layout, spec, laid))

    @property
    def size(self) -> int:
        """Number of non-linear parameters."""
        return len(self.layout.centre)

    @property
    def rows(self) -> int:
        """Coefficients of a geo."""
        return 1 + len(self.design.media_names) + len(self.design.extra.group)

    @property
    def columns(self) -> int:
        """Shared coefficients, shocks included."""
        return len(self.design.shared.names) + self.design.shocks * self.design.periods

    def natural(self, points) -> dict[str, np.ndarray]:
        return self.layout.natural(np.atleast_2d(points))

    def draws(self, point) -> Draws:
        """The transforms at one point; coefficients all zero."""
        empty = np.zeros((1, self.design.geos, self.rows)), np.zeros((1, self.columns))
        return collect_draws(self.natural(point), empty, self.layout, self.design, self.spec)


@dataclass(frozen=True, kw_only=True)
class Dense:
    """Observations = basis · coefficient + noise; coefficient = centre + prior · standard normal."""

    basis: np.ndarray
    centre: np.ndarray
    prior: np.ndarray
    noise: np.ndarray
    observed: np.ndarray

    def posterior(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and precision of the whitened coefficients given the observations."""
        scaled = self.basis * self.prior / self.noise[:, None]
        precision = scaled.T @ scaled + np.eye(len(self.prior))
        gap = (self.observed - self.basis @ self.centre) / self.noise
        return np.linalg.solve(precision, scaled.T @ gap), precision


def national_effects(problem: Problem, point) -> np.ndarray:
    """National coefficient of every medium, from what its effect is said to mean."""
    design, draws = problem.design, problem.draws(point)
    effect = problem.natural(point)["effect"][0]
    money, value = design.money, float(design.panel.outcome_value.sum())
    result = np.empty(len(effect))
    for channel, kind in enumerate(design.priors.kind):
        rows = [panel_response(draws, design, problem.spec, channel, geo)[0] for geo in range(design.geos)]
        brought = float((money * np.stack(rows)).sum())
        if kind == "coefficient":
            result[channel] = effect[channel] / money.mean(axis=1).sum()
        elif kind == "share":
            result[channel] = effect[channel] * value / brought
        else:
            if kind == "marginal_roas":
                brought = (_brought(problem, draws, channel, 1.01) - brought) / 0.01
            result[channel] = effect[channel] * design.spend[channel] / brought
    return result


def _brought(problem: Problem, draws: Draws, channel: int, factor: float) -> float:
    design = problem.design
    paths = (factor * design.media[:, channel], design.reach[:, channel])
    return float((design.money * channel_response(draws, design, problem.spec, channel, paths)[0]).sum())


def dense(problem: Problem, point) -> Dense:
    """Lay out observations (outcome by geo and period, then lifts) and coefficients (by geo, then shared)."""
    design, laid, draws = problem.design, problem.lifts, problem.draws(point)
    geos, periods, rows, media = design.geos, design.periods, problem.rows, len(design.media_names)
    natural = {name: values[0] for name, values in problem.natural(point).items()}
    national = national_effects(problem, point)
    basis = np.zeros((geos * periods + len(laid.value), geos * rows + problem.columns))
    for geo in range(geos):
        at, own = slice(geo * periods, (geo + 1) * periods), geo * rows
        basis[at, own] = 1.0
        for channel in range(media):
            basis[at, own + 1 + channel] = panel_response(draws, design, problem.spec, channel, geo)[0]
        basis[at, own + 1 + media : own + rows] = design.extra.values[geo].T
        basis[at, geos * rows : geos * rows + len(design.shared.names)] = design.shared.values[geo]
        if design.shocks:
            basis[at, geos * rows + len(design.shared.names) :] = np.eye(periods)
    for cell, (geo, channel, test) in enumerate(laid.place):
        paths = (laid.media[cell], laid.reach[cell])
        level = channel_response(draws, design, problem.spec, channel, paths, time=laid.time[cell])[0]
        effect = (level[0] - level[1]) @ laid.window[cell]
        basis[geos * periods + test, geo * rows + channel + 1] += effect / laid.error[test]
    further = np.zeros(len(design.extra.group))
    spread = national * natural["geo_spread"] if geos > 1 else np.zeros(media)
    extra_sd = natural["extra_sd"][design.extra.group] if len(further) else further
    weight = natural["weight"] if "weight" in natural else np.ones(geos * periods)
    return Dense(
        basis=basis,
        centre=np.r_[np.tile(np.r_[INTERCEPT_PRIOR[0], national, further], geos), np.zeros(problem.columns)],
        prior=np.r_[np.tile(np.r_[INTERCEPT_PRIOR[1], spread, extra_sd], geos), _shared_sd(problem, natural)],
        noise=np.r_[np.repeat(natural["noise"], periods) / np.sqrt(weight), np.ones(len(laid.value))],
        observed=np.r_[design.outcome.ravel(), laid.value / laid.error],
    )


def _shared_sd(problem: Problem, natural) -> np.ndarray:
    shared = problem.design.shared
    sd = shared.prior_sd.copy()
    sd[shared.group == 0] = natural["walk_sd"][0] if "walk_sd" in natural else 0.0
    if "gp_sd" in natural:
        length, wave = natural["gp_length"][0], shared.group == 1
        spectrum = np.sqrt(2 * np.pi) * length * np.exp(-0.5 * (length * shared.frequency[wave]) ** 2)
        sd[wave] = natural["gp_sd"][0] * np.sqrt(spectrum) + 1e-9
    return np.r_[sd, np.full(problem.columns - len(sd), natural["shock_sd"][0] if problem.design.shocks else 0.0)]


def log_prior(problem: Problem, point) -> float:
    """Log prior of a point, up to a constant: standard normal, and the log of Gamma(ν/2, ν/2) for weights of the noise."""
    names = np.repeat(problem.layout.names, problem.layout.sizes)
    weights = names == "weight"
    values = (problem.layout.centre + problem.layout.spread * point)[weights]
    half = 0.5 * problem.spec.degrees
    return float(-0.5 * (point[~weights] ** 2).sum() + half * (values - np.exp(values)).sum())
