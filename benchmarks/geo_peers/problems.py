"""Random problems of every kind a solver may stumble over."""

from __future__ import annotations

import numpy as np

KINDS = ("plain", "duplicates", "collinear", "low rank", "wide", "exact", "scaled", "walks")


def speed_problems(count, donors=40, periods=90, seed=0):
    """Geos that share a season; each problem has donors of its own."""
    rng = np.random.default_rng(seed)
    season = 2 * np.sin(np.arange(periods) / 5)
    pools = rng.normal(size=(count, donors, periods)) + season
    targets = pools[:, :5].mean(axis=1) + 0.2 * rng.normal(size=(count, periods))
    return list(zip(targets, pools, strict=True))


def shared_problems(count, donors=40, periods=90, seed=1):
    """Many targets (count, periods) and their common donors."""
    rng = np.random.default_rng(seed)
    pool = rng.normal(size=(donors, periods)) + 2 * np.sin(np.arange(periods) / 5)
    chosen = rng.integers(donors, size=(count, 5))
    return pool[chosen].mean(axis=1) + 0.2 * rng.normal(size=(count, periods)), pool


def objective_problems(count, seed=2):
    """Problems of `KINDS` in turn, as (kind, target, pool)."""
    rng = np.random.default_rng(seed)
    return [(kind := KINDS[number % len(KINDS)], *_problem(kind, rng)) for number in range(count)]


def _problem(kind, rng):
    donors, periods = int(rng.integers(3, 45)), int(rng.integers(10, 95))
    if kind == "wide":
        donors, periods = int(rng.integers(30, 60)), int(rng.integers(5, 20))
    pool = 100 + 10 * rng.normal(size=(donors, periods)) + 8 * np.sin(np.arange(periods) / 5)
    if kind == "duplicates":
        pool[donors // 2 :] = pool[rng.integers(0, max(donors // 2, 1), donors - donors // 2)]
    elif kind == "collinear":
        pool[-1] = rng.dirichlet(np.ones(donors - 1)) @ pool[:-1]
        pool[0] = pool[1] + 1e-7 * rng.normal(size=periods)
    elif kind == "low rank":
        pool = 100 + 10 * rng.normal(size=(donors, 3)) @ rng.normal(size=(3, periods))
    elif kind == "scaled":
        pool = pool * 10.0 ** rng.uniform(-3, 6)
    elif kind == "walks":
        pool = 100 + rng.normal(size=(donors, periods)).cumsum(axis=1)
    mixed = rng.dirichlet(np.full(donors, 0.3)) @ pool
    return (mixed if kind == "exact" else mixed + 0.1 * pool.std() * rng.normal(size=periods)), pool
