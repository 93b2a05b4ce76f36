"""Pooling: what it recovers from simulated accounts, and that it helps where it should and yields where it should."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from bandits.hierarchy import pool_rates
from bandits.propensity import best_arm
from measurement.errors import InputError


def account(rng, *, creatives=60, strength=400.0, shown=2000.0, spread=0.0):
    """Creatives of two generator models and three formats; model "new" has 1.5 times the odds."""
    models, formats = rng.choice(["old", "new"], creatives), rng.choice(["video", "image", "text"], creatives)
    effect = np.where(models == "new", np.log(1.5), 0.0) + spread * rng.normal(size=creatives)
    mean = special.expit(-3.5 + effect)
    rate = rng.beta(strength * mean, strength * (1 - mean))
    n = np.full(creatives, shown)
    attributes = {f"c{k}": {"model": models[k], "format": formats[k]} for k in range(creatives)}
    return tuple(attributes), rng.binomial(n.astype(int), rate).astype(float), n, attributes, rate


def test_it_compares_generator_models_and_its_intervals_hold():
    rng = np.random.default_rng(0)
    held, ratios = 0, []
    for _ in range(60):
        arms, won, shown, attributes, _ = account(rng)
        table = pool_rates(arms, won, shown, attributes).compare("model").set_index("level")
        ratio = np.sqrt(1.5)  # against the mean of the two
        row = table.loc["new"]
        ratios.append(row["odds_ratio"])
        held += row["lower"] <= ratio <= row["upper"]
    assert np.mean(ratios) == pytest.approx(np.sqrt(1.5), rel=0.05)
    assert held >= 47  # 90% of 60, less three standard errors


def test_strength_is_recovered():
    rng = np.random.default_rng(1)
    found = [pool_rates(*account(rng, strength=strength)[:4]).strength for strength in (100.0, 100.0, 3000.0, 3000.0)]
    assert all(50 < value < 200 for value in found[:2])
    assert all(value > 600 for value in found[2:])


def test_young_creatives_are_estimated_better_with_their_kin():
    rng = np.random.default_rng(2)
    alone, pooled = [], []
    for _ in range(20):
        arms, won, shown, attributes, rate = account(rng, shown=150.0)
        posterior = pool_rates(arms, won, shown, attributes).posteriors()
        pooled.append(np.mean((posterior.mean() - rate) ** 2))
        alone.append(np.mean(((won + 1) / (shown + 2) - rate) ** 2))
    assert np.mean(pooled) < 0.4 * np.mean(alone)


def test_much_evidence_of_its_own_outweighs_kin():
    kin = pool_rates("abcd", np.array([20.0, 22.0, 18.0, 4000.0]), np.array([1000.0, 1000.0, 1000.0, 40_000.0]))
    assert kin.posteriors().mean()[3] == pytest.approx(0.1, rel=0.02)


def test_a_newcomer_starts_from_its_kin_and_an_unknown_level_is_average():
    rng = np.random.default_rng(3)
    arms, won, shown, attributes, _ = account(rng)
    kin = pool_rates(arms, won, shown, attributes)
    new = kin.newcomers({"x": {"model": "new"}, "y": {"model": "old"}, "z": {"model": "never seen"}})
    x, y, z = new.mean()
    assert y < z < x
    assert x / y == pytest.approx(1.5, rel=0.25)
    best = best_arm(new)
    assert best.p_best[0] > best.p_best[1]
    assert best.p_best.min() > 0.02  # a newcomer is not written off


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="not there"):
        pool_rates(("a",), np.ones(1), np.full(1, 10.0), {"b": {"model": "x"}})
    with pytest.raises(InputError, match="more successes"):
        pool_rates(("a",), np.full(1, 11.0), np.full(1, 10.0))
    with pytest.raises(InputError, match="attribute"):
        pool_rates(("a", "b"), np.ones(2), np.full(2, 10.0)).compare("model")
