"""The media mix model: a specification, and one verb."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measurement.checks import Check
from measurement.estimates import LiftEstimate
from measurement.panel import Panel
from measurement.progress import Progress, silent
from mmm import checks, contributions, response
from mmm.blas import one_blas_thread
from mmm.calibration import LiftDesign, lift_design
from mmm.design import Design, build_design
from mmm.diagnostics import Convergence, convergence, e_bfmi
from mmm.engines import Sampled, end_to_end, pooled, sample_posterior
from mmm.fitted import UNTESTED_LEVEL, FittedMMM
from mmm.lift_fit import conflict, predicted_lifts
from mmm.media_response import Draws, collect_draws
from mmm.parameters import Parameters, parameters
from mmm.plausibility import MediaFacts
from mmm.predictive_checks import Replications
from mmm.preview import Preview, preview_fit
from mmm.reported import reported
from mmm.selection import Score, chosen_spec
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Chains this near to agreement only need company: further sets of chains, half as long, join the first.
NEARLY, FURTHER_SETS = 1.05, 3
#: Distance between the seeds of sets, so that none is shared with a fit of the next seed.
SET_SEED = 1_000_003
#: Otherwise a second attempt samples this many times more draws and tunes this many times longer.
RETRY_DRAWS, RETRY_TUNE, RETRY_ACCEPT = 2, 2, 0.9
#: What lift tests are held against is a fit without them, of this share of the draws, with a seed of its own.
UNTESTED_SHARE, UNTESTED_SEED = 4, 2_000_003


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Problem:
    """What is being fitted."""

    spec: ModelSpec
    design: Design
    lifts: LiftDesign
    layout: Parameters
    seed: int
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Attempt:
    """One run of the sampler, with the quantities that are reported and how well they converged."""

    draws: Draws
    contribution: FloatArray
    organic: FloatArray
    marginal: FloatArray
    parameters: Mapping[str, FloatArray]
    diverging: NDArray[np.bool_]
    found: Convergence
    checks: tuple[Check, ...]
    options: Mapping[str, Any]

    @property
    def failed(self) -> set[str]:
        return {check.name for check in self.checks if not check.passed}

    @property
    def converged(self) -> bool:
        return all(check.passed for check in self.checks)


class MMM:
    """A hierarchical Bayesian media mix model.

    Parameters
    ----------
    spec
        What the model is and how it is sampled.

    Examples
    --------
    >>> MMM(ModelSpec(saturation="tanh")).spec.saturation
    'tanh'
    """

    def __init__(self, spec: ModelSpec | None = None) -> None:
        self.spec = spec or ModelSpec()

    @one_blas_thread()
    def fit(
        self, panel: Panel, lifts: Sequence[LiftEstimate] = (), *, seed: int, progress: Progress = silent
    ) -> FittedMMM:
        """Fit to a panel and, as further likelihood, to lift tests.

        Parameters
        ----------
        panel
            Outcome, spend, controls by geo and period.
        lifts
            Readouts of experiments; each is compared with the model's own counterfactual.
        seed
            Of everything random: the same seed, data and code give the same result.
        progress
            Told where the work stands.

        Returns
        -------
        FittedMMM
            With ``healthy`` false where sampling or fit fall short.

        Raises
        ------
        InputError
            Where the panel or a lift test cannot be used.
        """
        progress(0.0, "preparing the media mix model")
        spec, scores = chosen_spec(panel, self.spec, lifts)
        design = build_design(panel, spec)
        problem = _Problem(
            spec=spec,
            design=design,
            lifts=lift_design(design, lifts, ageing=spec.lift_ageing),
            layout=parameters(design, spec),
            seed=seed,
            scores=scores,
        )
        attempt = _converged_attempt(problem, spec, progress)
        untested = _untested(problem, progress) if lifts else None
        progress(0.97, "checking the fit")
        fitted = _fitted(problem, attempt, untested)
        progress(1.0, "media mix model done")
        return fitted

    @one_blas_thread()
    def preview(
        self, panel: Panel, lifts: Sequence[LiftEstimate] = (), *, seed: int, progress: Progress = silent
    ) -> Preview:
        """A quick look in seconds, labelled as one, on which nothing can be decided; see `mmm.preview`."""
        return preview_fit(self.spec, panel, lifts, seed=seed, progress=progress)


def _converged_attempt(problem: _Problem, spec: ModelSpec, progress: Progress) -> _Attempt:
    """Sample; where that falls short, go on: with further chains if these only were too short, else once, harder."""
    sampled = _sample(problem, spec, problem.seed, progress)
    first = again = _diagnosed(problem, spec, sampled)
    if first.converged:
        return first
    progress(0.0, "sampling again, longer")
    for place in range(1, FURTHER_SETS + 1):
        if again.converged or not _nearly(again):
            break
        sampled = pooled(sampled, _half_set(problem, spec, place, progress))
        again = _diagnosed(problem, spec, sampled)
    if not again.converged and not _nearly(again):
        harder = replace(
            spec,
            draws=RETRY_DRAWS * spec.draws,
            tune=RETRY_TUNE * spec.tune,
            target_accept=max(RETRY_ACCEPT, spec.target_accept),
        )
        again = _diagnosed(problem, harder, _sample(problem, harder, problem.seed, progress))
    return replace(again, options={**again.options, "retried_after": _failures(first)})


def _nearly(attempt: _Attempt) -> bool:
    return attempt.found.r_hat <= NEARLY and attempt.failed <= {"r_hat", "ess_bulk", "ess_tail"}


def _half_set(problem: _Problem, spec: ModelSpec, place: int, progress: Progress) -> Sampled:
    """Chains of half the length, laid end to end in pairs; the diagnostics split every chain where two of them meet."""
    shorter = replace(spec, draws=(spec.draws + 1) // 2, chains=spec.chains + spec.chains % 2)
    return end_to_end(_sample(problem, shorter, problem.seed + SET_SEED * place, progress), spec.draws)


def _failures(attempt: _Attempt) -> str:
    return ", ".join(f"{check.name} {check.value}" for check in attempt.checks if not check.passed)


def _sample(problem: _Problem, spec: ModelSpec, seed: int, progress: Progress) -> Sampled:
    return sample_posterior(problem.design, problem.layout, problem.lifts, spec, seed=seed, progress=progress)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Untested:
    """What the data say without any lift test: lifts (D, I) and ROAS (D, paid channels)."""

    lifts: FloatArray
    roas: FloatArray


def _untested(problem: _Problem, progress: Progress) -> _Untested:
    """Fit without the lift tests, briefly: only intervals are read from it."""
    progress(0.0, "fitting without the lift tests, to hold them against the data")
    spec = replace(problem.spec, draws=max(50, problem.spec.draws // UNTESTED_SHARE))
    without = replace(problem, lifts=lift_design(problem.design, ()))
    sampled = _sample(without, spec, problem.seed + UNTESTED_SEED, progress)
    draws = _draws(problem, spec, sampled)
    paid = sampled.contribution.reshape(len(draws), -1)[:, : problem.design.channels]
    return _Untested(
        lifts=predicted_lifts(draws, problem.lifts, problem.design, spec), roas=paid / problem.design.spend
    )


def _draws(problem: _Problem, spec: ModelSpec, sampled: Sampled) -> Draws:
    """A sample as draws, chain after chain."""
    chains, count = sampled.diverging.shape
    natural = problem.layout.natural(sampled.points)
    return collect_draws(
        {name: values.reshape(chains * count, -1) for name, values in natural.items()},
        (
            sampled.by_geo.reshape(chains * count, *sampled.by_geo.shape[2:]),
            sampled.shared.reshape(chains * count, -1),
        ),
        problem.layout,
        problem.design,
        spec,
    )


def _diagnosed(problem: _Problem, spec: ModelSpec, sampled: Sampled) -> _Attempt:
    """A sample with its reported quantities, and how well they converged."""
    chains, count = sampled.diverging.shape
    natural, draws = problem.layout.natural(sampled.points), _draws(problem, spec, sampled)
    marginal = response.marginal_roas(draws, problem.design, spec).reshape(chains, count, -1)
    paid = sampled.contribution[..., : problem.design.channels]
    found = convergence(
        {
            "contribution": sampled.contribution,
            "marginal_roas": marginal,
            "total_contribution": paid.sum(axis=2, keepdims=True),
            **reported(draws, problem.design, spec, chains),
        }
    )
    diverged = int(sampled.diverging.sum())
    return _Attempt(
        draws=draws,
        contribution=paid,
        organic=sampled.contribution[..., problem.design.channels :],
        marginal=marginal,
        parameters=natural,
        diverging=sampled.diverging,
        found=found,
        checks=tuple(
            checks.convergence_checks(found, divergences=diverged, draws=chains * count, e_bfmi=e_bfmi(sampled.energy))
        ),
        options={
            "engine": spec.engine,
            "draws": spec.draws,
            "tune": spec.tune,
            "chains": chains,
            "target_accept": spec.target_accept,
            "gradients": sampled.gradients,
        },
    )


def _fitted(problem: _Problem, attempt: _Attempt, untested: _Untested | None) -> FittedMMM:
    fitted = FittedMMM(
        spec=problem.spec,
        seed=problem.seed,
        options={
            **problem.spec.to_dict(),
            **attempt.options,
            "dropped_columns": list(problem.design.shared.dropped),
            **({"baseline_scores": [asdict(score) for score in problem.scores]} if problem.scores else {}),
            **({"roas_without_tests": _intervals(untested.roas, problem.design)} if untested else {}),
        },
        design=problem.design,
        lifts=problem.lifts,
        draws=attempt.draws,
        contribution=attempt.contribution,
        organic=attempt.organic,
        marginal=attempt.marginal,
        parameters=attempt.parameters,
        diverging=attempt.diverging,
        checks=attempt.checks,
    )
    design = problem.design
    further = checks.fit_checks(_facts(fitted), design, problem.spec, problem.lifts)
    if "retried_after" in attempt.options:
        further.append(checks.retry_note(str(attempt.options["retried_after"])))
    if untested:
        further += checks.lift_checks(problem.lifts, conflict(untested.lifts, problem.lifts))
    return replace(fitted, checks=(*attempt.checks, *further))


def _intervals(roas: FloatArray, design: Design) -> dict[str, list[float]]:
    """Median and ends of the interval by channel."""
    outside = (1.0 - UNTESTED_LEVEL) / 2.0
    ends = np.quantile(roas, (0.5, outside, 1.0 - outside), axis=0).T
    return {name: [float(end) for end in row] for name, row in zip(design.panel.channels, ends, strict=True)}


def _facts(fitted: FittedMMM) -> checks.FitFacts:
    """Posterior facts for the plausibility checks, from 200 draws."""
    draws, design, spec = fitted.thinned(200), fitted.design, fitted.spec
    observed = design.panel.outcome_value
    rng = np.random.default_rng([fitted.seed, 12])
    expected, baseline, inside = np.empty_like(observed), np.empty_like(observed), 0.0
    replications = Replications.of(len(draws))
    for geo in range(design.geos):
        parts = contributions.geo_parts(draws, design, spec, geo)
        media = np.sum([parts[name] for name in design.panel.channels], axis=0)
        total = np.sum(list(parts.values()), axis=0)
        expected[geo], baseline[geo] = total.mean(axis=0), (total - media).mean(axis=0)
        noise = contributions.noise_draws(draws, spec, geo, design.periods, rng) * design.money[geo]
        lower, upper = contributions.quantiles(total + noise, 0.9)
        inside += float(((observed[geo] >= lower) & (observed[geo] <= upper)).mean()) / design.geos
        scale = draws.noise[:, geo, None] * design.money[geo]
        replications.add(observed[geo] - total, noise, scale, design.geos)
    _, held = response.response_curves(draws, design, spec, points=20)
    effect = fitted.parameters["effect"]
    return checks.FitFacts(
        media=MediaFacts(
            contribution=fitted.contribution.reshape(-1, design.channels),
            effect=effect.reshape(-1, effect.shape[-1]),
            weights=draws.weights,
        ),
        expected=expected,
        baseline=baseline,
        covered=inside,
        held_curves=held,
        replications=replications,
    )
