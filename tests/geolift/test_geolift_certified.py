"""Certified sets are the best of all sets; cells are disjoint, keep their distance and are as sharp as can be."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from geolift.candidates import Pool, SetRules
from geolift.cell_design import design_cells, pack
from geolift.certified import certified_set
from geolift.design import design_geo_test
from geolift.design_study import Effort, GeoDesign
from measurement.errors import InputError
from measurement.panel import Panel

GEOS = tuple("abcdefghijkl")


def history(geos: int = 12, periods: int = 90, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    season = 1 + 0.2 * np.sin(np.arange(periods) / 6) + 0.04 * rng.normal(size=periods)
    return rng.uniform(300, 1500, (geos, 1)) * season * (1 + 0.03 * rng.normal(size=(geos, periods)))


def pool(outcome: np.ndarray, **rules: object) -> Pool:
    return Pool(
        geos=GEOS[: len(outcome)],
        outcome_share=outcome.sum(axis=1) / outcome.sum(),
        donors=np.ones(len(outcome), dtype=bool),
        rules=SetRules(**rules),  # type: ignore[arg-type]
    )


def imbalance(outcome: np.ndarray, treated: tuple[int, ...], donors: list[int]) -> float:
    """Least mean absolute distance over the treated level, by a linear program of its own."""
    moved = outcome - outcome.mean(axis=1, keepdims=True)
    target, rest = moved[list(treated)].mean(axis=0), moved[donors]
    periods, count = len(target), len(donors)
    bounds = np.block([[-rest.T, -np.eye(periods)], [rest.T, -np.eye(periods)]])
    solved = linprog(
        np.r_[np.zeros(count), np.ones(periods) / periods],
        A_ub=bounds,
        b_ub=np.r_[-target, target],
        A_eq=np.r_[np.ones(count), np.zeros(periods)][None],
        b_eq=[1.0],
    )
    return float(solved.fun) / outcome[list(treated)].mean()


def test_no_set_is_better_than_the_certified_one() -> None:
    outcome = history(9, 30)
    rules = {"must_exclude": ("i",), "neighbours": {"a": ("b",)}, "holdout_share": (0.5, 0.9)}
    owner = pool(outcome, **rules)
    found = certified_set(outcome, owner, 2, seconds=60)
    assert found is not None
    assert found.certified
    worth = {}
    for places in combinations(range(8), 2):
        if owner.keeps(places):
            worth[places] = imbalance(outcome, places, np.flatnonzero(owner.sets([places]).allowed[0]).tolist())
    best = min(worth, key=lambda places: worth[places])
    assert found.treated == best
    assert found.imbalance == pytest.approx(worth[best], rel=1e-4)
    assert found.bound <= worth[best] * 1.0001


def test_business_rules_bind_the_certified_search() -> None:
    outcome = history(9, 30)
    regions = {geo: "north" if place < 4 else "south" for place, geo in enumerate(GEOS[:9])}
    found = certified_set(outcome, pool(outcome, must_include=("a",), region=regions, most_per_region=1), 2, seconds=60)
    assert found is not None
    assert 0 in found.treated
    assert max(found.treated) >= 4
    assert certified_set(outcome, pool(outcome, holdout_share=(0.99, 1.0)), 3, seconds=60) is None


def test_above_the_exhaustive_size_designs_carry_certificates() -> None:
    dates = pd.date_range("2025-01-06", periods=90, freq="7D")
    panel = Panel.from_arrays(outcome=history(), dates=dates, geos=GEOS)
    effort = Effort(exhaustive=10, beam=4, keep=10, certify_seconds=60)
    designs = design_geo_test(panel, channel="tv", weeks=4, rules=SetRules(sizes=(2,)), effort=effort)
    assert not designs.exhaustive
    assert [one.certified for one in designs.certificates] == [True]
    assert len(designs.certificates[0].treated) == 2


def design(treated: str, mde: float, spend: float = 10.0) -> GeoDesign:
    return GeoDesign(
        treated=tuple(treated),
        mde=mde,
        power=0.8,
        power_at_target=0.8,
        aa_rejection=0.1,
        holdout_share=1 - 0.1 * len(treated),
        incremental_spend=spend,
        mde_outcome=mde,
        detectable_iroas=None,
        imbalance=0.1,
        curve=(),
    )


def test_cells_are_disjoint_and_the_dullest_is_as_sharp_as_can_be() -> None:
    offers = [design("ab", 0.02), design("bc", 0.021), design("cd", 0.05), design("ad", 0.022), design("e", 0.03)]
    picked, bound = pack(offers, 2, SetRules())
    assert {one.treated for one in picked} == {("b", "c"), ("a", "d")}
    assert bound == pytest.approx(0.022 + 1e-4 * (0.021 + 0.022), rel=1e-6)
    apart, _ = pack(offers, 2, SetRules(neighbours={"a": ("b",)}))
    assert {one.treated for one in apart} == {("a", "b"), ("e",)}
    with pytest.raises(InputError, match="disjoint"):
        pack(offers, 4, SetRules())
    with pytest.raises(InputError, match="disjoint"):
        pack(offers, 2, SetRules(), budget=15.0)


def test_cells_are_designed_from_a_panel() -> None:
    dates = pd.date_range("2025-01-06", periods=90, freq="7D")
    spend = 0.1 * history()[:, :, None]
    panel = Panel.from_arrays(outcome=history(), dates=dates, geos=GEOS, spend=spend, channels=("tv",))
    effort = Effort(exhaustive=300, keep=25)
    found = design_cells(panel, cells=2, channel="tv", weeks=4, rules=SetRules(sizes=(1, 2)), effort=effort)
    one, two = found.cells
    assert not set(one.treated) & set(two.treated)
    assert found.bound == pytest.approx(found.goal, rel=1e-6)
    assert one.holdout_share == two.holdout_share
    assert 0 < one.mde <= two.mde <= 0.5
    assert found.table()["cell"].tolist() == ["cell_1", "cell_2"]
    held = design_cells(
        panel, cells=2, channel="tv", weeks=4, rules=SetRules(sizes=(1, 2)), effort=effort, must_include=("h",)
    )
    assert sum("h" in cell.treated for cell in held.cells) == 1
    with pytest.raises(InputError, match="do not fit"):
        design_cells(panel, cells=9, channel="tv", weeks=4)
