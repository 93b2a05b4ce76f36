"""Simulation-based calibration: worlds drawn from the prior, fitted, and the rank of every truth among its draws.

If model, simulator and sampler agree, the rank of the truth among independent posterior draws is uniform. The world is
simulated in the units of the density and handed to it as it is, so that an outcome that no panel could hold (below
zero, say) needs no rejection, which would bend the ranks.

References
----------
Talts, Betancourt, Simpson, Vehtari, Gelman (2018), Validating Bayesian inference algorithms with simulation-based
calibration. Modrák et al. (2023) on quantities that depend on the data, as the likelihood here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from measurement.progress import silent
from mmm.calibration import lift_design
from mmm.contributions import geo_parts
from mmm.design import Design
from mmm.diagnostics import Convergence, convergence
from mmm.engines import Sampled, sample_posterior
from mmm.media_response import Draws, collect_draws, panel_response
from mmm.parameters import Parameters
from mmm.prior_checks import simulate_from_prior
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: Block of parameters → family in which its ranks are judged; blocks not named here are scales.
FAMILIES = {
    "effect": "effect",
    "retention": "carry_over",
    "scale": "carry_over",
    "shape": "carry_over",
    "peak": "carry_over",
    "half": "saturation",
    "slope": "saturation",
    "noise": "noise",
}
#: Each try samples so many times as long as the one before.
LENGTHS = (1, 4, 4)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replication:
    """One world.

    Attributes
    ----------
    ranks
        Family → ranks of its members, each from 0 to ``draws``.
    draws
        Number of (thinned) draws.
    r_hat, ess
        Worst over the parameters; the ranks are trustworthy where ``ess`` is well above ``draws``.
    divergences
        Number.
    """

    ranks: dict[str, IntArray]
    draws: int
    r_hat: float
    ess: float
    divergences: int


def replicate(design: Design, layout: Parameters, spec: ModelSpec, *, seed: int, draws: int = 99) -> Replication:
    """Draw one world, fit it, rank its truth.

    Parameters
    ----------
    design, layout, spec
        The model; the outcome of the design is replaced by the simulated one.
    seed
        Of world and sampler.
    draws
        Thinned posterior draws against which the truth is ranked.
    """
    world = simulate_from_prior(design, layout, spec, seed)
    simulated = replace(design, outcome=np.ascontiguousarray(world.outcome[0]))
    truth = quantities(world.natural, world.coefficients, simulated, layout, spec)
    sampled, natural, found = _sample(simulated, layout, spec, seed, draws)
    total = sampled.diverging.size
    keep = np.linspace(0, total - 1, draws).astype(int)
    flat = {name: values.reshape(total, -1)[keep] for name, values in natural.items()}
    by_geo = sampled.by_geo.reshape(total, *sampled.by_geo.shape[2:])[keep]
    drawn = quantities(flat, (by_geo, sampled.shared.reshape(total, -1)[keep]), simulated, layout, spec)
    return Replication(
        ranks={name: (drawn[name] < truth[name]).sum(axis=0) for name in drawn},
        draws=draws,
        r_hat=found.r_hat,
        ess=min(found.ess_bulk, found.ess_tail),
        divergences=int(sampled.diverging.sum()),
    )


def _sample(
    design: Design, layout: Parameters, spec: ModelSpec, seed: int, wanted: int
) -> tuple[Sampled, dict[str, FloatArray], Convergence]:
    """Draws of one world; longer, up to 16 times, where they are worth fewer than the independent ones wanted.

    Whether to go on depends on the draws alone, never on the truth, so the ranks stay uniform.
    """
    lifts = lift_design(design, [])
    for longer in LENGTHS:
        spec = replace(spec, draws=spec.draws * longer, tune=spec.tune * longer)
        sampled = sample_posterior(design, layout, lifts, spec, seed=seed, progress=silent)
        natural = {name: np.asarray(values) for name, values in layout.natural(sampled.points).items()}
        found = convergence({name: values for name, values in natural.items() if name != "weight"})
        if min(found.ess_bulk, found.ess_tail) > wanted:
            break
    return sampled, natural, found


def quantities(
    natural: dict[str, FloatArray],
    coefficients: tuple[FloatArray, FloatArray],
    design: Design,
    layout: Parameters,
    spec: ModelSpec,
) -> dict[str, FloatArray]:
    """What is ranked, by family, each of shape (D, members)."""
    draws = collect_draws(natural, coefficients, layout, design, spec)
    found: dict[str, list[FloatArray]] = {}
    for name, values in natural.items():
        if name != "weight":
            found.setdefault(FAMILIES.get(name, "scales"), []).append(values)
    media = range(len(design.media_names))
    effects = draws.effect.reshape(len(draws), -1)
    contribution = np.stack([_contribution(draws, design, spec, channel) for channel in media], axis=1)
    total = contribution[:, : design.channels].sum(axis=1, keepdims=True)
    found |= {"geo_effect": [effects], "intercept": [draws.intercept], "shared": [draws.shared]}
    found |= {"contribution": [contribution], "total": [total]}
    found["likelihood"] = [_log_likelihood(draws, design, spec)[:, None]]
    if draws.shock.shape[1]:
        found["shock"] = [draws.shock]
    if draws.extra.size:
        found["geo_rows"] = [draws.extra.reshape(len(draws), -1)]
    return {name: np.concatenate(parts, axis=1) for name, parts in found.items()}


def _contribution(draws: Draws, design: Design, spec: ModelSpec, channel: int) -> FloatArray:
    parts = [
        draws.effect[:, geo, channel] * (panel_response(draws, design, spec, channel, geo) @ design.money[geo])
        for geo in range(design.geos)
    ]
    return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _log_likelihood(draws: Draws, design: Design, spec: ModelSpec) -> FloatArray:
    """Log density of the outcome given everything else, up to a constant, shape (D,)."""
    result = np.zeros(len(draws))
    for geo in range(design.geos):
        expected = np.sum(list(geo_parts(draws, design, spec, geo).values()), axis=0) / design.money[geo]
        size = (design.outcome[geo] - expected) / draws.noise[:, geo, None]
        if spec.noise == "student_t":
            result -= 0.5 * (spec.degrees + 1.0) * np.log1p(size**2 / spec.degrees).sum(axis=1)
        else:
            result -= 0.5 * (size**2).sum(axis=1)
        result -= design.periods * np.log(draws.noise[:, geo])
    return result


def uniformity(ranks: list[IntArray], *, draws: int, bins: int) -> float:
    """P-value of uniform ranks, the replications being the independent units.

    The members of a family are correlated within a replication, so a χ² test on the pooled histogram would find too
    much. Shares of the bins are taken by replication, and their mean compared with equal shares by Hotelling's test,
    whose covariance is that between replications.

    Parameters
    ----------
    ranks
        One array of ranks (members,) a replication, each from 0 to ``draws``.
    draws
        Number of draws behind each rank.
    bins
        Number of bins; a divisor of ``draws + 1``, so that all are equally likely. Needs more replications than bins.
    """
    from scipy.stats import f

    shares = np.stack([np.bincount(one * bins // (draws + 1), minlength=bins) / len(one) for one in ranks])[:, :-1]
    count, size = shares.shape
    away = shares.mean(axis=0) - 1.0 / bins
    # Estimated around the hypothesis, the covariance is not singular where no rank fell into a bin.
    centred = shares - 1.0 / bins
    covariance = centred.T @ centred / count
    square = float(away @ np.linalg.solve(covariance + 1e-12 * np.eye(size), away))
    statistic = (count - size) / size * square / max(1.0 - square, 1e-12)
    return float(f.sf(statistic, size, count - size))
