"""Fits without sampling: draws from the prior put in the place of posterior draws, for tests of what is done with a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from measurement.checks import Check
from measurement.estimates import LiftEstimate
from measurement.panel import Panel
from mmm import response
from mmm.calibration import lift_design
from mmm.contributions import component_names, geo_parts
from mmm.design import build_design
from mmm.fitted import FittedMMM
from mmm.media_response import collect_draws
from mmm.parameters import parameters
from mmm.prior_checks import simulate_from_prior
from mmm.spec import ModelSpec

CHAINS, DRAWS = 2, 30


def prior_fit(panel: Panel, spec: ModelSpec, lifts: Sequence[LiftEstimate] = (), seed: int = 1) -> FittedMMM:
    """A `FittedMMM` whose draws are the prior's."""
    design = build_design(panel, spec)
    layout = parameters(design, spec)
    sample = simulate_from_prior(design, layout, spec, seed, draws=CHAINS * DRAWS)
    draws = collect_draws(sample.natural, sample.coefficients, layout, design, spec)
    totals = np.zeros((len(draws), len(design.media_names)))
    for geo in range(design.geos):
        parts = geo_parts(draws, design, spec, geo)
        totals += np.stack([parts[name].sum(axis=1) for name in component_names(design).values()], axis=1)
    totals = totals.reshape(CHAINS, DRAWS, -1)
    return FittedMMM(
        spec=spec,
        seed=seed,
        options=spec.to_dict(),
        design=design,
        lifts=lift_design(design, lifts, ageing=spec.lift_ageing),
        draws=draws,
        contribution=totals[..., : design.channels],
        organic=totals[..., design.channels :],
        marginal=response.marginal_roas(draws, design, spec).reshape(CHAINS, DRAWS, -1),
        parameters={name: values.reshape(CHAINS, DRAWS, -1) for name, values in sample.natural.items()},
        diverging=np.zeros((CHAINS, DRAWS), dtype=np.bool_),
        checks=(Check(name="r_hat", passed=False, value=9.0, limit=1.01, remedy="Fit"),),
    )
