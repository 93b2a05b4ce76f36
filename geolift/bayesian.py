"""Bayesian synthetic control: the donor weights have a posterior, and so has what would have happened.

The one module outside `mmm` that samples with PyMC. It is imported only when a test asks for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.estimators import Comparison, Fit, describe_fit, one_by_one
from geolift.inference import TestResult, rejection_level
from measurement.errors import InputError
from measurement.estimates import Interval

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class BayesianSyntheticControl:
    """Dirichlet weights on the donors, errors that carry over from period to period.

    ``y_t = level + Σ w_j x_jt + e_t``, ``e_t = ρ e_{t−1} + ε_t``, ``w ~ Dirichlet(concentration)``, on data centred by
    unit and scaled to one. The effect is observed minus the posterior mean; its interval holds the weights' and the
    errors' uncertainty, the errors' carry-over over the measured window included.

    Attributes
    ----------
    concentration
        Of the Dirichlet prior; below 1 it favours few donors.
    draws, tune, chains
        Effort of the sampler.
    seed
        Of the sampler.
    """

    concentration: float = 0.4
    draws: int = 500
    tune: int = 700
    chains: int = 2
    seed: int = 0

    @property
    def name(self) -> str:
        """``"bayesian"``."""
        return "bayesian"

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """See `geolift.estimators.Estimator.fit`: the posterior mean; ``options`` hold ρ and R-hat."""
        return self.posterior(treated, donors, pre).fit(treated, donors, pre)

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """See `geolift.estimators.Estimator.counterfactuals`; a sampler run for each series."""
        return one_by_one(self, treated, donors, pre, allowed)

    def posterior(self, treated: FloatArray, donors: FloatArray, pre: int) -> Posterior:
        """Draws of weights and counterfactual.

        Raises
        ------
        InputError
            With fewer than eight periods before the test.
        """
        if pre < 8:
            raise InputError.of(
                "a Bayesian synthetic control needs eight periods before the test",
                "Bring more history, or use synthetic_control",
                column="estimator",
                value=pre,
            )
        level, levels = treated[:pre].mean(), donors[:, :pre].mean(axis=1, keepdims=True)
        scale = float(np.std(treated[:pre])) or float(np.std(donors[:, :pre] - levels)) or 1.0
        target, pool = (treated[:pre] - level) / scale, (donors - levels) / scale
        drawn = self._sample(target, pool[:, :pre])
        weights, shift = drawn["weights"], drawn["shift"]
        middle = level + scale * (shift[:, None] + weights @ pool)
        noise = _carried(
            np.random.default_rng(self.seed),
            carry=drawn["carry"],
            sigma=drawn["sigma"] * scale,
            last=treated[pre - 1] - middle[:, pre - 1],
            periods=len(treated) - pre,
        )
        return Posterior(
            weights=weights,
            middle=middle,
            noise=noise,
            carry=drawn["carry"],
            rhat=float(drawn["rhat"][0]),
            divergences=int(drawn["divergences"][0]),
        )

    def _sample(self, target: FloatArray, pool: FloatArray) -> dict[str, FloatArray]:
        import pymc as pm
        from arviz import rhat

        with pm.Model():
            weights = pm.Dirichlet("weights", np.full(len(pool), self.concentration))
            shift = pm.Normal("shift", 0.0, 0.5)
            sigma = pm.HalfNormal("sigma", 0.7)
            carry = pm.Uniform("carry", 0.0, 0.98)
            middle = shift + weights @ pool
            spread = pm.math.concatenate([[sigma / pm.math.sqrt(1 - carry**2)], sigma * np.ones(len(target) - 1)])
            before = pm.math.concatenate([[0.0], carry * (target[:-1] - middle[:-1])])
            pm.Normal("target", middle + before, spread, observed=target)
            trace = pm.sample(
                draws=self.draws,
                tune=self.tune,
                chains=self.chains,
                cores=1,
                random_seed=self.seed,
                progressbar=False,
                quiet=True,
                compute_convergence_checks=False,
                target_accept=0.9,
                nuts_sampler="nutpie",
            )
        posterior = trace.posterior
        flat = {name: posterior[name].to_numpy() for name in ("weights", "shift", "sigma", "carry")}
        worst = max(float(rhat(flat[name])) for name in ("shift", "sigma", "carry"))
        answer = {name: values.reshape(-1, *values.shape[2:]) for name, values in flat.items()}
        answer["rhat"] = np.array([worst])
        answer["divergences"] = np.array([float(trace.sample_stats["diverging"].sum())])
        return answer


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Posterior:
    """Draws of a Bayesian synthetic control.

    Attributes
    ----------
    weights
        Shape (S, J).
    middle
        Shape (S, T): counterfactual without errors.
    noise
        Shape (S, post): errors over the measured window.
    carry
        Shape (S,): carry-over of the errors.
    rhat, divergences
        What the sampler says of itself.
    """

    weights: FloatArray
    middle: FloatArray
    noise: FloatArray
    carry: FloatArray
    rhat: float
    divergences: int

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """The posterior mean as a `Fit`."""
        return describe_fit(
            treated,
            donors,
            counterfactual=self.middle.mean(axis=0),
            weights=self.weights.mean(axis=0),
            pre=pre,
            fixed_effects=True,
            options={
                "fixed_effects": True,
                "carry_over": float(self.carry.mean()),
                "worst_rhat": self.rhat,
                "divergences": float(self.divergences),
            },
        )


def _carried(
    rng: np.random.Generator, *, carry: FloatArray, sigma: FloatArray, last: FloatArray, periods: int
) -> FloatArray:
    """Errors after the last one before the test, shape (S, periods)."""
    errors, current = np.empty((len(carry), periods)), last
    for step in range(periods):
        current = carry * current + sigma * rng.normal(size=len(carry))
        errors[:, step] = current
    return errors


def read_posterior(
    estimator: BayesianSyntheticControl, comparison: Comparison, *, level: float
) -> tuple[Fit, TestResult]:
    """The fit, and a credible interval of the mean effect with twice the posterior probability of the other sign.

    Raises
    ------
    InputError
        Where the sampler did not converge.
    """
    pre = comparison.pre
    found = estimator.posterior(comparison.treated, comparison.donors, pre)
    if not found.rhat <= 1.05:
        raise InputError.of(
            f"the sampler did not converge (R-hat {found.rhat:.2f})",
            "Use another estimator, or more draws from Python",
            column="estimator",
            value="bayesian",
        )
    fit = found.fit(comparison.treated, comparison.donors, pre)
    effect = (comparison.treated[pre:] - found.middle[:, pre:] - found.noise).mean(axis=1)
    alpha, count = rejection_level(level), len(effect)
    # Ranks instead of quantiles, so that p ≤ α and "zero is outside" are the same statement.
    rank = max(int(np.floor(alpha / 2 * (count + 1) + 1e-9)), 1)
    ordered = np.sort(effect)
    beyond = min(int((effect <= 0).sum()), int((effect >= 0).sum()))
    return fit, TestResult(
        p_value=float(min(2 * (beyond + 1) / (count + 1), 1.0)),
        interval=Interval(
            lower=float(ordered[rank - 1]), upper=float(ordered[count - rank]), level=level, kind="credible"
        ),
        method="posterior",
        draws=count,
        details={"worst_rhat": found.rhat, "divergences": float(found.divergences)},
    )
