"""What geos have between them is no evidence about media: each is divided by its own mean."""

from dataclasses import replace

import numpy as np

from mmm.calibration import lift_design
from mmm.collapsed import kernel_data
from mmm.design import build_design
from mmm.parameters import parameters
from mmm.preconditioning import find_frame
from mmm.sampling import density_of
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec


def test_many_geos_with_media_that_never_change_say_nothing_about_their_effect():
    geos = 40
    spec = ModelSpec(shocks=False)
    market = simulate_market(1, market_spec(n_geos=geos, n_weeks=40, n_channels=1))
    design, rng = build_design(market.panel, spec), np.random.default_rng(1)
    bought = np.exp(rng.normal(0.0, 0.7, (geos, 1, 1)))
    flat = replace(
        design,
        outcome=1.0 + 0.05 * rng.standard_normal(design.outcome.shape),
        media=np.ones_like(design.media) * bought,
    )
    layout = parameters(flat, spec)
    data = kernel_data(flat, layout, spec, lift_design(flat, ()))
    frame = find_frame(density_of(data), len(layout.centre))
    effect, spread = frame.centre[0], np.sqrt((frame.scale @ frame.scale.T)[0, 0])
    # In units of the prior's standard deviation. A spread of levels learnt from the geos puts it at −3.4 ± 0.5.
    assert abs(effect) < 1.0
    assert spread > 0.6
