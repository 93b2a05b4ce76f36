"""Which geo test to run next: real designs on the panel's geos, valued by what they would change in the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from measurement.curves import FloatArray, ResponseCurves
from measurement.errors import InputError
from measurement.panel import Panel

if TYPE_CHECKING:
    from budget_optimizer.constraints import Rule
    from budget_optimizer.next_test import TestDesign, TestValue
    from geolift.design_study import GeoDesign

#: A better plan pays for half a year; fewer draws than this say nothing about the value of knowing more.
TEST_PAYS_WEEKS, FEWEST_DRAWS = 26, 50
#: A test must be worth at least this share of the budget of these weeks.
LEAST_TEST_VALUE = 0.0005
#: Length, two-sided level and power of the tests that are designed.
TEST_WEEKS, ALPHA, POWER = 6, 0.1, 0.8
#: A set of geos needs others to be held against.
FEWEST_GEOS = 6
#: Designs of one channel and kind that are valued.
VALUED = 3
#: Best designs that are priced for every channel, and the last weeks that say what is usual.
DESIGNS, USUAL_WEEKS = 20, 8
#: Quantiles of the normal distribution at 1 − ALPHA / 2 and POWER: an effect of their sum times the standard error is
#: found with that power.
DETECTABLE_ERRORS = 1.6448536 + 0.8416212


@dataclass(frozen=True, slots=True, kw_only=True)
class Designs:
    """Geo tests that could be run.

    Attributes
    ----------
    by_channel
        What each could find and would cost.
    described
        Its geos and effects by `TestDesign.name`.
    why_assumed
        Why there are none, ``""`` where there are some.
    """

    by_channel: Mapping[str, Sequence[TestDesign]]
    described: Mapping[str, Mapping[str, object]]
    why_assumed: str = ""


def next_tests(
    curves: ResponseCurves, rules: Sequence[Rule], seed: int, panel: Panel | None = None
) -> dict[str, object]:
    """``next_test`` and ``tests`` of ``plan.json``: the geo test that would improve the plan most, and all by rank.

    Parameters
    ----------
    curves, rules
        Of the plan.
    seed
        Of the simulated readings.
    panel
        History by geo, ``None`` where there is none; then, and where no design can be made, the test is assumed to
        halve what is not known, free of charge, and ``basis`` says so.

    Returns
    -------
    dict
        ``next_test`` is ``None`` where no test is worth more than it costs; ``tests`` has every channel all the same.
    """
    from budget_optimizer.next_test import next_test

    if curves.draws < FEWEST_DRAWS:
        return {"next_test": None, "tests": []}
    designs = geo_designs(panel, curves, seed)
    ranked = next_test(curves, rules, designs=designs.by_channel, weeks=TEST_PAYS_WEEKS, seed=seed)
    least = LEAST_TEST_VALUE * float(curves.observed_spend.sum()) * TEST_PAYS_WEEKS
    lines = [_line(one, designs) for one in ranked]
    worth_it = bool(ranked) and ranked[0].net > least
    return {"next_test": _best(ranked[0], designs) | {"ranking": lines} if worth_it else None, "tests": lines}


def _best(best: TestValue, designs: Designs) -> dict[str, object]:
    return {
        **_line(best, designs),
        "value_of_certainty": best.value_of_certainty / best.weeks,
        "prior_sd": best.prior_sd,
        "assumption": _assumption(best, designs),
    }


def _line(value: TestValue, designs: Designs) -> dict[str, object]:
    return {
        "channel": value.channel,
        "value": value.value_of_test / value.weeks,
        "weeks": value.weeks,
        "cost": value.cost,
        "net": value.net,
        "standard_error": value.standard_error,
        "basis": "assumption" if value.assumed else "geo_design",
        "design": None if value.assumed else dict(designs.described[value.design.name]),
    }


def _assumption(best: TestValue, designs: Designs) -> str:
    if best.assumed:
        why = f" ({designs.why_assumed})" if designs.why_assumed else ""
        return f"the test is assumed to halve what is not known of the channel, free of charge{why}"
    return (
        f"the smallest effect the design finds with {POWER:.0%} power is {DETECTABLE_ERRORS:.2f} standard errors; "
        "response is spread over geos as spend is; forgone outcome and saved spend count the same, a saving is no gain"
    )


def geo_designs(panel: Panel | None, curves: ResponseCurves, seed: int) -> Designs:
    """The sharpest sound designs for every channel of the panel, going dark and doubling spend."""
    from geolift.design import design_geo_test
    from geolift.design_study import Effort

    if panel is None or not panel.channels:
        return Designs(by_channel={}, described={}, why_assumed="there is no panel to design a test on")
    if len(panel.geos) < FEWEST_GEOS:
        return Designs(by_channel={}, described={}, why_assumed=f"a design needs at least {FEWEST_GEOS} geos")
    effort = Effort(keep=60, exhaustive=2000, beam=30)
    try:
        # the power of a set of geos does not depend on the channel, and is the same for a lift and for a loss
        found = design_geo_test(
            panel, channel=panel.channels[0], weeks=TEST_WEEKS, alpha=ALPHA, power=POWER, effort=effort, seed=seed
        )
    except InputError as error:
        return Designs(by_channel={}, described={}, why_assumed=str(error.problems[0].message))
    sound = [one for one in found.designs if one.aa_rejection <= 2 * ALPHA + 1e-9 and one.mde < found.effects[-1]]
    if not sound:
        return Designs(by_channel={}, described={}, why_assumed="every design sees effects where there are none")
    by_channel: dict[str, Sequence[TestDesign]] = {}
    described: dict[str, Mapping[str, object]] = {}
    for channel in (name for name in curves.members if name in panel.channels):
        offers, texts = _offers(channel, sound[:DESIGNS], panel, curves)
        if offers:
            by_channel[channel] = offers
            described |= texts
    return Designs(by_channel=by_channel, described=described)


def _offers(
    channel: str, sound: Sequence[GeoDesign], panel: Panel, curves: ResponseCurves
) -> tuple[list[TestDesign], dict[str, Mapping[str, object]]]:
    """What each design finds and costs on one channel.

    The test sees the treated geos' share ``s`` of the channel's weekly effect for as many weeks as it lasts, so that
    its error on the whole effect is ``se / (weeks · s)``.
    """
    from budget_optimizer.next_test import TestDesign, effect_of

    usual = _usual_spend(panel, channel)
    today = float(curves.observed_spend[list(curves.members[channel])].sum())
    offers: list[TestDesign] = []
    texts: dict[str, Mapping[str, object]] = {}
    for kind, levels in (("go_dark", (0.0, 1.0)), ("scale_up", (1.0, 2.0))):
        effect = float(effect_of(curves, channel, levels).mean())
        # what a test saves is not credited to it: the plan can save it without a test
        a_week = max(0.0, effect - today if kind == "go_dark" else today - effect)
        found: list[TestDesign] = []
        for number, design in enumerate(sound):
            share = float(usual[[geo in design.treated for geo in panel.geos]].sum() / max(usual.sum(), 1e-12))
            if share <= 0 or today <= 0:
                continue
            name = f"{channel} {kind} {number}"
            error = design.mde_outcome / DETECTABLE_ERRORS / (TEST_WEEKS * share)
            found.append(TestDesign(standard_error=error, cost=TEST_WEEKS * share * a_week, levels=levels, name=name))
            texts[name] = _text(kind, design, share, today)
        offers += sharpest(found)
    return offers, texts


def sharpest(designs: Sequence[TestDesign]) -> list[TestDesign]:
    """Designs for which no cheaper one is sharper, the sharpest first; at most `VALUED`, spread over their costs."""
    front: list[TestDesign] = []
    for design in sorted(designs, key=lambda one: (one.standard_error, one.cost)):
        if not front or design.cost < front[-1].cost:
            front.append(design)
    at = np.unique(np.linspace(0, len(front) - 1, min(len(front), VALUED)).round().astype(int))
    return [front[int(k)] for k in at]


def _text(kind: str, design: GeoDesign, share: float, today: float) -> dict[str, Any]:
    sign = -1.0 if kind == "go_dark" else 1.0
    return {
        "kind": kind,
        "treated": list(design.treated),
        "weeks": TEST_WEEKS,
        "mde": design.mde,
        "power": POWER,
        "spend_share": share,
        "incremental_spend": sign * TEST_WEEKS * share * today,
        "holdout_share": design.holdout_share,
    }


def _usual_spend(panel: Panel, channel: str) -> FloatArray:
    """Mean spend of the last weeks by geo, shape (G,)."""
    rows = np.asarray(panel.data["spend"].sel(channel=channel).to_numpy(), dtype=np.float64)
    periods = USUAL_WEEKS * 7 // panel.days_per_period
    return np.asarray(rows[:, -periods:].mean(axis=1), dtype=np.float64)
