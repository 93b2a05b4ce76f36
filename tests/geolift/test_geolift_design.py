"""Designs: power that is simulated as the readout would test it, rules that bind, prices in money."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from geolift.candidates import SetRules
from geolift.design import GeoDesigns, design_geo_test
from geolift.design_study import Effort
from geolift.estimators import Comparison
from geolift.inference import null_p_values
from geolift.power import CandidateSets, look_back_ends, simulated_p_values
from geolift.synthetic_control import SyntheticControl
from measurement.errors import InputError
from measurement.panel import Panel

GEOS = tuple("abcdefghijkl")


def history(seed: int = 0, *, periods: int = 90, geos: int = 12) -> Panel:
    rng = np.random.default_rng(seed)
    size = rng.uniform(300, 1500, size=(geos, 1))
    season = 1 + 0.2 * np.sin(np.arange(periods) / 6) + 0.04 * rng.normal(size=periods)
    outcome = size * season * (1 + 0.03 * rng.normal(size=(geos, periods)))
    spend = (0.1 * size * np.ones(periods))[:, :, None]
    dates = pd.date_range("2025-01-06", periods=periods, freq="7D")
    return Panel.from_arrays(outcome=outcome, dates=dates, geos=GEOS[:geos], spend=spend, channels=("tv",))


QUICK = Effort(look_backs=10, exhaustive=200, beam=8, keep=25)


def quick(**request: object) -> GeoDesigns:
    return design_geo_test(history(), **{"channel": "tv", "weeks": 4, "effort": QUICK, **request})  # type: ignore[arg-type]


def test_simulated_p_values_are_those_of_the_readouts_test() -> None:
    outcome = history(3).outcome_value
    rng = np.random.default_rng(0)
    members = np.zeros((6, 12), dtype=bool)
    for row in range(6):
        members[row, rng.choice(12, 1 + row % 3, replace=False)] = True
    effects = np.array([-0.1, 0.0, 0.05, 0.2])
    ends = np.array([80, 90])
    found = simulated_p_values(
        outcome, CandidateSets(members=members, allowed=~members), post=4, ends=ends, effects=effects
    )
    for row in range(6):
        for place, end in enumerate(ends):
            for column, effect in enumerate(effects):
                series = outcome[members[row], :end].mean(axis=0).copy()
                series[-4:] *= 1 + effect
                names = tuple(str(donor) for donor in range(int((~members[row]).sum())))
                comparison = Comparison(
                    treated=series, donors=outcome[~members[row], :end], pre=int(end) - 4, names=names
                )
                direct = null_p_values(SyntheticControl(), comparison, np.zeros(1))[0]
                assert found[row, place, column] == pytest.approx(direct, abs=1e-12)


def test_designs_are_ranked_and_written_in_the_contracts_columns() -> None:
    designs = quick()
    table = designs.table()
    wanted = ["rank", "treated", "weeks", "mde", "power_at_target", "holdout_share", "incremental_spend", "imbalance"]
    assert list(table.columns[:8]) == wanted
    assert table["rank"].tolist() == list(range(1, len(table) + 1))
    honest = table[table["aa_rejection"] <= 0.2 + 1e-9]
    assert honest["mde"].is_monotonic_increasing
    assert honest["rank"].tolist() == list(range(1, len(honest) + 1))
    assert (table["power"] >= 0.6).all()
    assert table["power"].mean() >= 0.75
    assert 0.5 <= designs.stretch <= 5
    assert 0 <= designs.reliability <= 1
    assert 0 <= designs.fresh_aa_rejection <= 0.5
    assert table["mde"].between(0.005, 0.5).all()
    assert designs.look_backs >= 10
    assert designs.tests > 1000


def test_power_curves_rise_from_about_alpha_to_one() -> None:
    designs = quick()
    curves = designs.power_curves().groupby("effect")["power"].mean()
    assert curves.iloc[0] <= 0.3
    assert curves.iloc[-1] >= 0.95
    best = designs.designs[0]
    beyond = [power for effect, power in zip(designs.effects, best.curve, strict=True) if effect >= best.mde * 1.001]
    assert min(beyond) >= 0.6


def test_business_rules_bind() -> None:
    region = {geo: "north" if place < 6 else "south" for place, geo in enumerate(GEOS)}
    rules = SetRules(sizes=(2, 3), holdout_share=(0.6, 0.95), region=region, most_per_region=1)
    designs = quick(rules=rules, must_include=("a",), must_exclude=("b", "h"))
    for design in designs.designs:
        assert "a" in design.treated
        assert not {"b", "h"} & set(design.treated)
        assert len(design.treated) == 2
        assert {region[geo] for geo in design.treated} == {"north", "south"}
        assert 0.6 <= design.holdout_share <= 0.95


def test_neighbours_of_treated_geos_are_no_donors() -> None:
    from geolift.candidates import Pool

    pool = Pool(
        geos=GEOS,
        outcome_share=np.full(12, 1 / 12),
        donors=np.ones(12, dtype=bool),
        rules=SetRules(neighbours={"a": ("b", "c")}),
    )
    allowed = pool.sets([(0,), (1, 5)]).allowed
    assert not allowed[0, :3].any()
    assert allowed[0, 3:].all()
    assert not allowed[1, [0, 1, 5]].any()


def test_prices_follow_the_kind_of_test() -> None:
    up, dark = quick().designs[0], quick(kind="go_dark").designs[0]
    share = 0.1 * history().outcome_value.mean(axis=1)
    assert up.incremental_spend is not None
    assert up.incremental_spend > 0
    assert up.detectable_iroas == pytest.approx(up.mde_outcome / up.incremental_spend)
    assert dark.incremental_spend is not None
    assert dark.incremental_spend < 0
    assert share.sum() > 0
    by_unit = quick(cost_per_unit=0.5).designs[0]
    assert by_unit.incremental_spend == pytest.approx(0.5 * by_unit.mde_outcome)


def test_a_budget_leaves_dearer_designs_out() -> None:
    every = [abs(design.incremental_spend or 0) for design in quick(top=100).designs]
    limit = float(np.median(every))
    kept = [abs(design.incremental_spend or 0) for design in quick(top=100, budget=limit).designs]
    assert kept
    assert max(kept) <= limit
    with pytest.raises(InputError, match="cheapest"):
        quick(budget=0.01)


def test_where_sets_are_many_the_beam_is_said_to_be_one() -> None:
    assert not quick().exhaustive
    assert design_geo_test(history(), channel="tv", weeks=4, effort=QUICK, rules=SetRules(sizes=(1, 2))).exhaustive


def test_the_same_request_gives_the_same_table() -> None:
    pd.testing.assert_frame_equal(quick().table(), quick().table())


def test_names_and_currency_do_not_change_a_design() -> None:
    panel = history()
    names = dict(zip(GEOS, "mzkylxjwivhu", strict=True))
    data = panel.data.assign_coords(geo=[names[str(geo)] for geo in panel.data["geo"].to_numpy()])
    data = data.assign(outcome=data["outcome"] * 7.0, spend=data["spend"] * 7.0)
    other = design_geo_test(Panel(data=data), channel="tv", weeks=4, effort=QUICK)
    first = quick()
    assert [design.mde for design in other.designs] == pytest.approx([design.mde for design in first.designs])
    assert {names[geo] for geo in first.designs[0].treated} == set(other.designs[0].treated)


@pytest.mark.parametrize(
    ("request_", "column"),
    [
        ({"channel": "radio"}, "channel"),
        ({"weeks": 0}, "weeks"),
        ({"weeks": 40}, "weeks"),
        ({"must_include": ("z",)}, "must_include"),
        ({"must_include": ("a",), "must_exclude": ("a",)}, "must_exclude"),
        ({"rules": SetRules(sizes=(11,))}, "sizes"),
        ({"alpha": 0.9}, "alpha"),
        ({"rules": SetRules(holdout_share=(0.9, 0.2))}, "holdout_share"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(request_: dict[str, object], column: str) -> None:
    with pytest.raises(InputError) as refused:
        quick(**request_)
    assert refused.value.problems[0].column == column


def test_look_backs_are_spread_over_the_history() -> None:
    ends = look_back_ends(130, 6)
    assert len(ends) == 10
    assert ends[-1] == 130
    assert (np.diff(ends) == 6).all()
    assert len(look_back_ends(26, 6)) >= 2
    with pytest.raises(InputError):
        look_back_ends(20, 6)
