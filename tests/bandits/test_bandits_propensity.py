"""Exact P(best): closed form, golden numbers, brute force, floors, and the faults of peers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from bandits.propensity import best_arm, top_two, with_floor
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, GammaPoisson
from measurement.errors import InputError


def _beta(alpha, beta):
    alpha, beta = np.asarray(alpha, dtype=float), np.asarray(beta, dtype=float)
    names = tuple(f"arm {number}" for number in range(len(alpha)))
    return BetaBernoulli(arms=names, successes=alpha - 1.0, exposure=alpha + beta - 2.0)


def _two_arms_closed_form(a, b):
    """P(second > first) for integer parameters (E. Miller 2015)."""
    (a0, b0), (a1, b1) = a, b
    i = np.arange(a1)
    terms = special.betaln(a0 + i, b0 + b1) - np.log(b1 + i) - special.betaln(1 + i, b1) - special.betaln(a0, b0)
    return float(np.exp(terms).sum())


def _dense(posterior, better):
    """P(best) by a plain trapezoid with the library's incomplete beta function."""
    low, high = posterior.support()
    start, stop = (low.max(), high.max()) if better == "higher" else (low.min(), high.min())
    x = np.linspace(start, stop, int(np.clip((stop - start) / posterior.width.min() * 12, 3000, 60_000)))
    a, b = posterior.alpha[:, None], posterior.beta[:, None]
    p = special.expit(x)[None]
    beaten = special.betainc(a, b, p) if better == "higher" else special.betainc(b, a, special.expit(-x)[None])
    log = np.log(np.clip(beaten, 1e-300, 1))
    return (posterior.density(x) * np.exp(log.sum(axis=0) - log)).sum(axis=1) * (x[1] - x[0])


def test_golden_three_arms_at_low_counts():
    """Published .117/.297/.586 came from draws; adaptive quadrature with 1e-12 gives the digits held here."""
    best = best_arm(_beta([2, 3, 4], [199, 198, 197]))
    assert best.p_best == pytest.approx([0.117, 0.297, 0.586], abs=2e-3)
    assert best.p_best == pytest.approx([0.1175760900936701, 0.2980293048899758, 0.5843946050163542], abs=1e-10)
    assert best.leader == 2


@given(st.tuples(*[st.integers(1, 400)] * 4))
@settings(max_examples=60, deadline=None)
def test_two_arms_equal_the_closed_form(counts):
    a0, b0, a1, b1 = counts
    exact = _two_arms_closed_form((a0, b0), (a1, b1))
    assert best_arm(_beta([a0, a1], [b0, b1])).p_best[1] == pytest.approx(exact, abs=1e-8)
    assert best_arm(_beta([a0, a1], [b0, b1]), better="lower").p_best[0] == pytest.approx(exact, abs=1e-8)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("kind", ["cold", "mature", "mixed"])
@pytest.mark.parametrize("arms", [2, 7, 30])
def test_many_arms_equal_brute_force(arms, kind, better):
    rng = np.random.default_rng([arms, len(kind)])
    shown = {
        "cold": rng.integers(0, 20, arms),
        "mature": rng.integers(20_000, 60_000, arms),
        "mixed": (10 ** rng.uniform(0, 6, arms)).astype(int),
    }[kind]
    posterior = _beta(1 + (won := rng.binomial(shown, rng.uniform(0.02, 0.03, arms))), 1 + shown - won)
    best = best_arm(posterior, better=better)
    np.testing.assert_allclose(best.p_best, _dense(posterior, better), atol=1e-8)
    draws = posterior.sample(np.random.default_rng(0), 40_000)
    extreme = draws.max(axis=1) if better == "higher" else draws.min(axis=1)
    loss = np.abs(extreme[:, None] - draws)
    error = 5 * loss.std(axis=0) / 200 + 1e-12
    assert (np.abs(best.expected_loss - loss.mean(axis=0)) < error).all()
    assert best.expected_best == pytest.approx(extreme.mean(), abs=5 * extreme.std() / 200)


@pytest.mark.slow
@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("kind", ["cold", "mature", "mixed"])
def test_hundred_arms_equal_brute_force(kind, better):
    test_many_arms_equal_brute_force(100, kind, better)


def test_densities_of_few_and_of_many_observations_are_one_formula():
    """Just below and just above the evidence from which the density is written around its mode."""
    few = BetaBernoulli(arms=("a", "b"), successes=np.array([40.0, 9_990.0]), exposure=np.array([19_000.0, 19_990.0]))
    many = BetaBernoulli(
        arms=("a", "b", "c"), successes=np.append(few.successes, 9e4), exposure=np.append(few.exposure, 1e6)
    )
    low, high = few.support()
    for arm in (0, 1):
        x = np.linspace(low[arm], high[arm], 301)
        np.testing.assert_allclose(few.density(x)[arm], many.density(x)[arm], rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("make", [
    lambda rng: GammaPoisson(arms=tuple("abcd"), events=rng.integers(0, 60, 4).astype(float), exposure=rng.uniform(5, 90, 4)),
    lambda rng: NormalMean(arms=tuple("abcd"), total=rng.normal(0, 9, 4), squares=rng.uniform(90, 200, 4), exposure=np.full(4, 30.0)),
])  # fmt: skip
@pytest.mark.parametrize("better", ["higher", "lower"])
def test_counts_and_amounts_agree_with_sampling(make, better):
    posterior = make(np.random.default_rng(5))
    draws = posterior.sample(np.random.default_rng(1), 100_000)
    winner = draws.argmax(axis=1) if better == "higher" else draws.argmin(axis=1)
    expected = np.bincount(winner, minlength=4) / len(draws)
    assert best_arm(posterior, better=better).p_best == pytest.approx(expected, abs=0.008)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("kind", ["rates", "counts"])
def test_arms_that_are_alike_are_worked_out_once_and_right(kind, better):
    """Beside the same arms told apart by a hair, which are worked out one by one."""
    rng = np.random.default_rng(3)
    total, shown = rng.integers(0, 3, 40).astype(float), np.full(40, 30.0)
    names, hair = tuple(map(str, range(40))), np.arange(40) * 1e-11

    def best(more):
        if kind == "rates":
            return best_arm(BetaBernoulli(arms=names, successes=total, exposure=shown + more), better=better)
        return best_arm(GammaPoisson(arms=names, events=total, exposure=shown + more), better=better)

    one, each = best(0.0), best(hair)
    np.testing.assert_allclose(one.p_best, each.p_best, atol=1e-9)
    np.testing.assert_allclose(one.expected_loss, each.expected_loss, atol=1e-9)
    assert len(set(one.p_best)) == 3
    nothing = best_arm(BetaBernoulli.empty(names, prior=(1.0, 50.0)), better=better)
    np.testing.assert_allclose(nothing.p_best, 1.0 / 40.0, rtol=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1)), min_size=2, max_size=25),
    st.floats(0, 0.04),
    st.sampled_from(["higher", "lower"]),
    st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_propensities_lie_on_the_simplex_above_the_floor(arms, floor, better, second):
    shown = np.array([n for n, _ in arms], dtype=float)
    posterior = _beta(1 + (won := np.floor(shown * [r for _, r in arms])), 1 + shown - won)
    p = best_arm(posterior, better=better).p_best
    propensity = with_floor(top_two(p) if second else p, floor)
    assert propensity.sum() == pytest.approx(1.0, abs=1e-12)
    assert (propensity >= floor).all()
    assert (propensity >= 0).all()


def test_no_arm_is_starved_to_exactly_zero_by_a_finite_number_of_draws():
    """A peer's 10,000 Monte-Carlo draws leave 43 to 95 of 100 arms at exactly 0, which breaks off-policy evaluation."""
    shown = np.full(100, 2000)
    won = np.random.default_rng(0).binomial(shown, np.random.default_rng(1).uniform(0.02, 0.05, 100))
    assert (best_arm(_beta(1 + won, 1 + shown - won)).p_best > 0).all()


def test_top_two_with_lower_is_better_keeps_the_best_arm():
    """A peer gives rates .05/.10/.20 the weights [.01, .495, .495] when lower is better."""
    posterior = _beta([51, 101, 201], [951, 901, 801])
    weights = with_floor(top_two(best_arm(posterior, better="lower").p_best), 0.01)
    assert weights[0] == pytest.approx(0.49, abs=0.01)
    assert weights[0] > weights[2]
    assert weights[1] > weights[2]


def test_top_two_with_two_arms_still_learns():
    """Top-two sampling of two arms is .5/.5 for ever; a peer keeps it so."""
    assert top_two(np.array([0.2, 0.8])) == pytest.approx([0.2, 0.8])
    assert top_two(np.array([1.0, 0.0, 0.0])) == pytest.approx([0.5, 0.25, 0.25])


def test_top_two_matches_its_definition_by_simulation():
    p = np.array([0.6, 0.3, 0.1])
    rng = np.random.default_rng(2)
    first, again = rng.choice(3, 40_000, p=p), rng.choice(3, (40_000, 60), p=p)
    other = again[np.arange(40_000), (again != first[:, None]).argmax(axis=1)]
    shown = np.where(rng.random(40_000) < 0.5, first, other)
    assert top_two(p) == pytest.approx(np.bincount(shown) / 40_000, abs=0.01)


def test_an_arm_without_conversions_does_not_hold_half_the_traffic():
    """A peer gives an arm with 0 of 1000 beside 10 and 20 of 1000 49% of the traffic."""
    best = best_arm(_beta([1, 11, 21], [1001, 991, 981]))
    assert best.p_best[0] < 1e-5
    assert best.p_best[2] > 0.95


def test_a_floor_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="does not fit"):
        with_floor(np.full(4, 0.25), 0.3)
