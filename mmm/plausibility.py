"""Whether what a fit says of media is possible, how much of it is data, and where its curves leave the data.

A high ROAS is no fault: channels that cost next to nothing have one. What cannot be is a channel that brings more than
the whole outcome, or less than nothing; that blocks. A return far from its prior is pointed out, no more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.checks import Check
from mmm.calibration import LiftDesign
from mmm.design import Design
from mmm.response import RECENT_WEEKS, weekly
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]

#: Overlap of prior and posterior above which the data are said to add little; above the second, nothing.
OVERLAP, NOTHING = 0.8, 0.9
#: Posterior correlation below which two channels cannot be told apart.
ENTANGLED = -0.7
#: Distance of the posterior's median from the prior's, in prior standard deviations, that is worth a word.
SURPRISE = 2.58
#: Share of a channel's effect that may come after the window of its carry-over, without a word.
BEYOND = 0.1
#: Recent spend above this quantile of the weeks, with no week this much higher, is at the edge of what was seen.
EDGE_QUANTILE, EDGE_ROOM = 0.95, 1.1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MediaFacts:
    """Posterior facts on media. D draws, P paid channels, C media.

    Attributes
    ----------
    contribution
        Shape (D, P), money over the whole panel.
    effect
        Shape (D, C): the effects in the unit of their priors.
    weights
        Shape (D, C, L): adstock weights.
    """

    contribution: FloatArray
    effect: FloatArray
    weights: FloatArray


def media_checks(facts: MediaFacts, design: Design, spec: ModelSpec, lifts: LiftDesign) -> list[Check]:
    """Possible, learnt from data, told apart, and read within what was seen."""
    return [
        _possible(facts, design),
        _surprise(facts, design),
        *_learnt(facts, design, spec, lifts),
        _told_apart(facts, design),
        _lasting(facts, design, spec),
        _edge(design),
    ]


def _possible(facts: MediaFacts, design: Design) -> Check:
    """Contradictions to the outcome itself."""
    whole = float(design.panel.outcome_value.sum())
    share = np.median(facts.contribution, axis=0) / whole
    odd = [name for name, value in zip(design.panel.channels, share, strict=True) if not 0.0 <= value <= 1.0]
    together = float(np.median(facts.contribution.sum(axis=1)) / whole)
    if together > 1.0:
        odd.append(f"all channels: {together:.0%} of the outcome")
    return Check(
        name="implausible_roas",
        passed=not odd,
        value=", ".join(odd) or round(together, 4),
        limit="0 to 1 of the outcome",
        remedy="More than the whole outcome, or less than nothing: check units, controls and spend, or run a lift test",
    )


def _surprise(facts: MediaFacts, design: Design) -> Check:
    middle = np.log(np.median(facts.effect, axis=0))
    distance = (middle - design.effect_log_mean) / design.effect_log_sd
    far = [
        f"{name} {value:+.1f} sd"
        for name, value in zip(design.media_names, distance, strict=True)
        if abs(value) > SURPRISE
    ]
    return Check(
        name="surprising_effects",
        passed=not far,
        value=", ".join(far) or round(float(np.abs(distance).max()), 2),
        limit=SURPRISE,
        remedy="Far from what was believed before: right if it is so, else check units, exposure and controls",
        blocking=False,
    )


def _learnt(facts: MediaFacts, design: Design, spec: ModelSpec, lifts: LiftDesign) -> list[Check]:
    overlaps = prior_overlap(facts.effect, design)
    paid = list(zip(design.panel.channels, overlaps[: design.channels], strict=True))
    quiet = [name for name, value in paid if value > OVERLAP]
    tested = {lift.channel for lift in lifts.lifts}
    open_ = [value for name, value in paid if name not in tested and name not in spec.priors]
    nothing = bool(open_) and len(open_) == len(paid) and min(open_) > NOTHING
    return [
        Check(
            name="data_say_little",
            passed=not quiet,
            value=", ".join(quiet) or round(max(value for _, value in paid), 3),
            limit=OVERLAP,
            remedy="For these channels the result is the prior, not the data: run a lift test or vary their spend",
            blocking=False,
        ),
        Check(
            name="nothing_learnt",
            passed=not nothing,
            value=round(min(value for _, value in paid), 3),
            limit=NOTHING,
            remedy="Every channel's result is the default prior: add history or geos, vary spend, or run a lift test",
        ),
    ]


def prior_overlap(effect: FloatArray, design: Design) -> FloatArray:
    """Shared area of prior and posterior of each log effect, both taken as normal, shape (C,): 1 says nothing new.

    Parameters
    ----------
    effect
        Shape (D, C), in the unit of the priors.
    """
    logged = np.log(effect)
    mean, sd = logged.mean(axis=0), np.maximum(logged.std(axis=0), 1e-6)
    pairs = zip(mean, sd, design.effect_log_mean, design.effect_log_sd, strict=True)
    return np.array([_shared_area(*(float(value) for value in pair)) for pair in pairs])


def _shared_area(mean: float, sd: float, centre: float, spread: float) -> float:
    from scipy.stats import norm

    narrow, reach = min(sd, spread), 5.0 * max(sd, spread)
    low, high = min(mean, centre) - reach, max(mean, centre) + reach
    grid = np.linspace(low, high, int(np.clip((high - low) / narrow * 50, 2000, 200_000)))
    return float(np.trapezoid(np.minimum(norm.pdf(grid, mean, sd), norm.pdf(grid, centre, spread)), grid))


def _told_apart(facts: MediaFacts, design: Design) -> Check:
    """Most negative posterior correlation between the contributions of two channels."""
    channels, lowest, pair = design.panel.channels, 0.0, ""
    if len(channels) > 1:
        correlation: FloatArray = np.asarray(np.corrcoef(facts.contribution.T), dtype=np.float64)
        row, column = divmod(int(np.argmin(correlation)), len(channels))
        lowest, pair = float(correlation[row, column]), f"{channels[row]} and {channels[column]}"
    return Check(
        name="entangled_channels",
        passed=lowest >= ENTANGLED,
        value=f"{pair}: {lowest:.2f}" if lowest < ENTANGLED else round(lowest, 2),
        limit=ENTANGLED,
        remedy="The data cannot tell these channels apart: vary one without the other, or run a lift test",
        blocking=False,
    )


def _lasting(facts: MediaFacts, design: Design, spec: ModelSpec) -> Check:
    """Channels whose effect outlasts the window that the model looks back: what comes later is credited to no one."""
    names = []
    for channel, name in enumerate(design.media_names):
        lags = spec.window(name)
        beyond = float(np.median(cut_off(facts.weights[:, channel, :lags])))
        if beyond > BEYOND:
            names.append(f"{name} ({beyond:.0%} of its effect after {lags} periods)")
    return Check(
        name="carry_over_cut",
        passed=not names,
        value=", ".join(names) or 0,
        limit=BEYOND,
        remedy="The effect lasts longer than the model looks back: raise lags of these channels",
        blocking=False,
    )


def cut_off(weights: FloatArray) -> FloatArray:
    """Share of the whole effect that comes after the window, were the last weights' decline to go on; of one: unknown.

    Parameters
    ----------
    weights
        Shape (..., L), adstock weights that sum to 1.

    Returns
    -------
    FloatArray
        Shape (...,), 0 to 1; exact for geometric carry-over, αᴸ.
    """
    if weights.shape[-1] == 1:
        return np.zeros(weights.shape[:-1])
    last, before = weights[..., -1], weights[..., -2]
    kept = np.divide(last, before, out=np.zeros_like(last), where=before > 0)
    falling = kept < 1.0
    after = np.divide(last * kept, 1.0 - kept, out=np.full_like(last, np.inf), where=falling)
    return np.where(falling, after / (1.0 + np.where(falling, after, 0.0)), 1.0)


def _edge(design: Design) -> Check:
    """Channels whose spend is already about as high as it ever was: any increase is read off the curve's form alone."""
    spend = weekly(design.panel, design.panel.data["spend"].to_numpy().sum(axis=0).T.astype(np.float64))
    recent = spend[:, -RECENT_WEEKS:].mean(axis=1)
    high, most = np.quantile(spend, EDGE_QUANTILE, axis=1), spend.max(axis=1)
    edge = (recent > 0) & (recent >= high) & (most < EDGE_ROOM * recent)
    names = [
        f"{name} (highest {top:,.0f} a week)"
        for name, top, yes in zip(design.panel.channels, most, edge, strict=True)
        if yes
    ]
    return Check(
        name="spend_at_edge",
        passed=not names,
        value=", ".join(names) or 0,
        limit=EDGE_QUANTILE,
        remedy="Spend is at the most ever seen: above it the curve is the model's form, not data; raise in steps",
        blocking=False,
    )
