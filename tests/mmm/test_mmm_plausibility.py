"""What a fit says of media, held against what can be."""

from __future__ import annotations

import numpy as np

from mmm.calibration import lift_design
from mmm.channel_spec import ChannelModel
from mmm.design import build_design
from mmm.plausibility import MediaFacts, media_checks
from mmm.spec import ModelSpec
from mmm.transforms import adstock_weights
from tests.mmm.rich_panel import rich_panel


def _window_check(retention: tuple[float, ...], spec: ModelSpec):
    design = build_design(rich_panel(2), spec)
    rng, draws = np.random.default_rng(1), 50
    weights = np.zeros((draws, len(design.media_names), design.lags))
    for channel, (name, kept) in enumerate(zip(design.media_names, retention, strict=True)):
        adstock, lags = spec.channel(name).adstock or "geometric", spec.window(name)
        weights[:, channel, :lags] = adstock_weights(adstock, np.full((draws, 1), kept), lags)
    facts = MediaFacts(
        contribution=rng.gamma(9.0, 1.0, (draws, len(design.panel.channels))),
        effect=rng.lognormal(size=(draws, len(design.media_names))),
        weights=weights,
    )
    return {one.name: one for one in media_checks(facts, design, spec, lift_design(design, []))}["carry_over_cut"]


def test_channels_that_outlast_the_window_are_named_with_what_is_cut_off():
    told = _window_check((0.9, 0.5, 0.7, 0.2), ModelSpec(lags=10, channels={"social": ChannelModel(lags=4)}))
    assert not told.passed
    assert not told.blocking
    assert told.value == "tv (35% of its effect after 10 periods), social (24% of its effect after 4 periods)"


def test_nothing_is_cut_off_where_the_window_is_long_or_nothing_is_carried_over():
    spec = ModelSpec(channels={"tv": ChannelModel(adstock="none"), "social": ChannelModel(lags=30)})
    assert _window_check((0.5, 0.85, 0.9, 0.2), spec).passed
