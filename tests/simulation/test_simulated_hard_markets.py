"""Markets that are hard on a model: random walks, drifting geos, reacting budgets, mixed forms, outliers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from measurement.errors import InputError
from simulation.budget_reaction import BEFORE, LATELY, LEAST, MOST, reacting_plan, reaction
from simulation.market import Market, simulate_market
from simulation.market_spec import MIXED_FORMS, ChannelSpec, MarketSpec, Preset, market_spec
from simulation.media import carry_over, saturate


def made(preset: Preset, seed: int = 3, *, geos: int = 6, weeks: int = 100, **changes: object) -> Market:
    spec = market_spec(preset, n_geos=geos, n_weeks=weeks, n_channels=4, channel_seed=seed)
    return simulate_market(seed, replace(spec, **changes))  # type: ignore[arg-type]


def relative(market: Market, component: str) -> np.ndarray:
    """A component over the geo's constant baseline, shape (G, T)."""
    return market.components[component] / market.components["baseline"]


def test_random_walk_steps_are_large_shared_and_not_smooth():
    steps = np.diff(relative(made("random_walk", weeks=400, geo_walk=0.0), "unexplained"), axis=1)
    np.testing.assert_allclose(steps, steps[:1].repeat(6, axis=0), atol=1e-12)
    assert steps[0].std() == pytest.approx(0.025, rel=0.1)
    assert abs(np.corrcoef(steps[0, 1:], steps[0, :-1])[0, 1]) < 0.15


def test_random_walk_geo_effects_vary_by_three_tenths():
    effect = simulate_market(1, market_spec("random_walk", n_geos=300, n_weeks=30, n_channels=3)).response.geo_effect
    assert effect.std() / effect.mean() == pytest.approx(0.3, rel=0.15)


def test_budgets_follow_the_walk_they_foresee():
    def correlation(follow: float) -> float:
        found = []
        for seed in range(12):
            market = made("random_walk", seed, geos=2, weeks=130, follow=follow)
            walk = relative(market, "unexplained").mean(axis=0)
            spend = market.panel.data["spend"].sum("geo").to_numpy()
            found.append(np.mean([np.corrcoef(walk, spend[:, c])[0, 1] for c in range(4)]))
        return float(np.mean(found))

    aloof, following = correlation(0.0), correlation(2.0)
    assert abs(aloof) < 0.15
    assert 0.15 < following - aloof < 0.8


def test_drifting_geos_have_a_way_of_their_own():
    drifting, plain = made("geo_drift"), made("plain")
    own = relative(drifting, "unexplained")
    own = own - own.mean(axis=0)
    assert np.diff(own, axis=1).std() == pytest.approx(0.006, rel=0.15)
    promoted = drifting.table["promotion"].to_numpy()[:100] > 0
    response = relative(drifting, "promotion")[:, promoted].mean(axis=1)
    assert response.std() / response.mean() > 0.1
    same = relative(plain, "promotion")[:, promoted]
    np.testing.assert_allclose(same, same[:1].repeat(6, axis=0), rtol=1e-12)


def test_reaction_is_the_change_of_the_last_weeks():
    outcome = np.random.default_rng(1).gamma(50.0, 2.0, 60)
    factor = reaction(outcome, 0.8)
    week = 30
    lately, before = outcome[week - LATELY : week].mean(), outcome[week - LATELY - BEFORE : week - LATELY].mean()
    assert factor[week] == pytest.approx(1 + 0.8 * (lately / before - 1))
    assert (factor[: LATELY + BEFORE] == 1.0).all()
    later = outcome.copy()
    later[week:] *= 3.0
    np.testing.assert_array_equal(reaction(later, 0.8)[: week + 1], factor[: week + 1])
    wild = reaction(np.exp(np.random.default_rng(2).normal(0.0, 2.0, 200)), 3.0)
    assert (wild.min(), wild.max()) == (LEAST, MOST)


def test_reacting_plan_agrees_with_the_outcome_it_leads_to():
    plan = np.random.default_rng(3).gamma(9.0, 1.0, (80, 2))
    demand = np.random.default_rng(4).gamma(90.0, 1.0, 80)

    def outcome(national: np.ndarray) -> np.ndarray:
        return demand + carry_over(national.sum(axis=1), 0.5)

    found = reacting_plan(plan, outcome, 1.0)
    np.testing.assert_allclose(found, plan * reaction(outcome(found), 1.0)[:, None], rtol=1e-9)
    assert not np.allclose(found, plan)


def test_confounded_budgets_react_to_the_outcome_in_the_panel():
    reacting, steady = made("confounded_spend"), made("confounded_spend", reaction=0.0)
    spend, usual = (one.panel.data["spend"].sum("geo").to_numpy() for one in (reacting, steady))
    ratio = np.divide(spend, usual, out=np.full_like(spend, np.nan), where=usual > 0)
    national = reacting.panel.data["outcome"].sum("geo").to_numpy()
    enough = slice(LATELY + BEFORE, None)
    expected = reaction(national, 1.0)[enough]
    for channel in range(4):
        on_air = np.isfinite(ratio[enough, channel])
        np.testing.assert_allclose(ratio[enough, channel][on_air], expected[on_air], rtol=1e-5)
    assert expected.std() > 0.03
    assert {channel.season for channel in reacting.spec.channels} == {1.5}


def test_mixed_forms_are_those_of_each_channel():
    market = made("mixed_forms")
    head = market.delivery.media / market.panel.data["population"].to_numpy()[:, None, None]
    response = market.response
    for place, name in enumerate(market.panel.channels):
        adstock, saturation = MIXED_FORMS[place]
        assert market.truth["adstock"][name]["form"] == adstock
        assert market.truth["saturation"][name]["form"] == saturation
        carried = carry_over(head[:, :, place], response.decay[place], adstock)
        share = saturate(carried, response.half[place], response.slope[place], saturation)
        factor = response.scale[place] * market.panel.data["population"].to_numpy() * response.geo_effect[:, place]
        expected = (factor[:, None] * share)[:, market.spec.warmup_weeks :]
        np.testing.assert_allclose(market.components[name], expected, rtol=1e-12)


def test_a_channel_may_name_its_own_forms():
    own = ChannelSpec(name="a", weekly_spend=1.0, roas=1.0, adstock="weibull")
    other = ChannelSpec(name="b", weekly_spend=1.0, roas=1.0)
    spec = MarketSpec(channels=(own, other), saturation="tanh")
    assert spec.forms == (("weibull", "tanh"), ("geometric", "tanh"))


def test_outliers_are_rare_and_far_off():
    market, quiet = (made("outliers", geos=40, outliers=share) for share in (0.01, 0.0))
    change = (market.panel.data["outcome"] - quiet.panel.data["outcome"]).to_numpy()
    distance = abs(change / (market.spec.noise * market.expected.mean(axis=1, keepdims=True)))[change != 0]
    assert (change != 0).mean() == pytest.approx(0.01, rel=0.4)
    assert 5.0 <= distance.min() + 1e-4 < distance.max() <= 10.0001
    assert (change > 0).any()
    assert (change < 0).any()


@pytest.mark.parametrize(
    ("field", "value"),
    [("outliers", 1.0), ("outliers", -0.1), ("follow", -1.0), ("reaction", -1.0), ("promotion_cv", -1.0)],
)
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(InputError) as error:
        MarketSpec(**{field: value})
    assert error.value.problems[0].column == field
