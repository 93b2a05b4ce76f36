"""What a plan says besides its optimum: other budgets and risks, what changed since last week, geos, the next test."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from decisions.recommendation import Stability, holds, moves
from jobs.next_test import DETECTABLE_ERRORS, TEST_WEEKS, geo_designs, next_tests, sharpest
from jobs.plan import Holds, PlanSource, run_plan
from jobs.plan_change import curves_file
from jobs.runs import read_document
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval
from measurement.plans import Allocation
from measurement.readers.curves_table import read_run_curves, write_curves
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import Workspace
from simulation.market import simulate_market
from tests.jobs.conftest import call

CHANNELS = ("search", "tv", "radio")
TODAY = np.array([400.0, 300.0, 300.0])


def curves(top: tuple[float, ...] = (3000.0, 2400.0, 1500.0), draws: int = 80, seed: int = 1) -> ResponseCurves:
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 1, 30)[None] * 3 * TODAY[:, None]
    scale = rng.lognormal(0, [0.1, 0.4, 0.2], (draws, 3))
    return ResponseCurves(
        channels=CHANNELS,
        spend=grid,
        outcome=scale[:, :, None] * (np.array(top)[:, None] * grid / (grid + 1.2 * TODAY[:, None]))[None],
        observed_spend=TODAY,
        currency="EUR",
    )


def workspace(folder: Path, budget: str = "max_change = 0.25") -> Workspace:
    (folder / "liftwerk.toml").write_text(f"[budget]\ntotal = 1000.0\nweeks = 2\n{budget}\n", encoding="utf-8")
    return Workspace.open(folder)


def source(response: ResponseCurves, week: str, name: str = "a") -> PlanSource:
    return PlanSource(curves=response, first_week=week, inputs={"curves.csv": name})


def test_a_plan_knows_other_budgets_and_risks(tmp_path):
    run = run_plan(workspace(tmp_path), seed=1, source=source(curves(), "2026-W48"))
    plan, frontier = read_document(run, "plan.json"), pd.read_csv(run.file("frontier.csv"))
    less, more = plan["sensitivity"]
    assert (less["total"], more["total"]) == pytest.approx((900.0, 1100.0))
    assert less["difference"] < 0 < more["difference"]
    assert sum(more["proposed"].values()) == pytest.approx(1100.0)
    assert less["next_euro"] > more["next_euro"] > 0
    known = frontier[frontier["expected_outcome"].notna()]
    assert known["total"].between(750.0, 1250.0).all()  # a quarter more or less is all that max_change allows
    assert known["expected_outcome"].is_monotonic_increasing
    middle = frontier.loc[frontier["share"] == 1.0, "expected_outcome"].item()
    assert middle == pytest.approx(plan["expected_outcome"], rel=1e-6)
    assert "changes by at most 25%" in frontier.loc[frontier["share"] == 0.5, "reason"].item()
    risk = pd.read_csv(run.file("risk.csv"))
    assert risk["tail_outcome"].is_monotonic_increasing
    assert risk["expected_outcome"].is_monotonic_decreasing
    assert risk.loc[risk["chosen"], "weight"].tolist() == [0.0]
    assert plan["difference"] is None


def test_a_single_curve_has_no_risk_and_no_test(tmp_path):
    run = run_plan(workspace(tmp_path), seed=1, source=source(curves(draws=1), "2026-W48"))
    assert not run.file("risk.csv").is_file()
    plan = read_document(run, "plan.json")
    assert (plan["next_test"], plan["tests"]) == (None, [])


def test_the_change_since_last_week_adds_up(tmp_path):
    first = run_plan(workspace(tmp_path), seed=1, source=source(curves(), "2026-W47"))
    moved = curves((3600.0, 1800.0, 1500.0))
    second = run_plan(workspace(tmp_path, "max_change = 0.4"), seed=1, source=source(moved, "2026-W48", "b"))
    before, after = read_document(first, "plan.json"), read_document(second, "plan.json")
    changed = after["difference"]
    assert (changed["since"], changed["week"]) == (first.id, "2026-W47")
    assert [step["cause"] for step in changed["steps"]] == ["curves", "rules"]
    total = sum(step["expected_outcome"] for step in changed["steps"])
    assert total == pytest.approx(after["expected_outcome"] - before["expected_outcome"])
    for channel in CHANNELS:
        shift = sum(step["spend"][channel] for step in changed["steps"])
        assert shift == pytest.approx(after["proposed"][channel] - before["proposed"][channel], abs=0.02)
    table = pd.read_csv(second.file("difference.csv"))
    assert set(table["cause"]) == {"curves", "rules"}
    # the same week again is not compared with itself
    again = run_plan(workspace(tmp_path, "max_change = 0.3"), seed=1, source=source(moved, "2026-W48", "b"))
    assert read_document(again, "plan.json")["difference"]["since"] == first.id


def fit(store: RunStore, response: ResponseCurves, *, data: str, adstock: str):
    inputs = {"data/panel.csv": data, "liftwerk.toml [panel] [mmm]": adstock}
    with store.write(
        "mmm", seed=7, options={"adstock": adstock, "until": data, "lift_tests": []}, inputs=inputs
    ) as draft:
        write_curves(response, draft.folder / "curves.parquet")
    return store.runs("mmm")[-1]


@pytest.mark.parametrize(
    ("data", "adstock", "bridge", "causes"),
    [
        ("2026-11-15", "geometric", False, ["data"]),
        ("2026-11-08", "weibull", False, ["model"]),
        ("2026-11-15", "weibull", False, ["data + model"]),
        ("2026-11-15", "weibull", True, ["data", "model"]),
    ],
)
def test_data_and_model_are_told_apart(tmp_path, data, adstock, bridge, causes):
    place = workspace(tmp_path)
    store = RunStore(place.runs)
    last = fit(store, curves(), data="2026-11-08", adstock="geometric")
    if bridge:
        fit(store, curves((3300.0, 2100.0, 1500.0)), data=data, adstock="geometric")
    new = fit(store, curves((3600.0, 1800.0, 1500.0)), data=data, adstock=adstock)

    def planned(model, week):
        from measurement.readers.curves_table import read_run_curves

        made_from = {f"mmm/{model.id}": model.id}
        response = read_run_curves(model.file("curves.parquet"))
        return run_plan(
            place, seed=1, source=PlanSource(curves=response, first_week=week, inputs=made_from, model=model)
        )

    planned(last, "2026-W47")
    changed = read_document(planned(new, "2026-W48"), "plan.json")["difference"]
    assert [step["cause"] for step in changed["steps"]] == causes


def test_geo_curves_give_real_geos(tmp_path):
    place = workspace(tmp_path, "[[budget.rules]]\nkind = 'bounds'\nchannel = 'tv'\nmax = 320.0")
    base = curves()
    geos = ("Bremen", "Hamburg")
    by_geo = ResponseCurves(
        channels=tuple(np.repeat(CHANNELS, 2)), geos=geos * 3, currency="EUR",
        spend=np.repeat(base.spend, 2, axis=0) / 2, outcome=np.repeat(base.outcome, 2, axis=1) / 2,
        observed_spend=np.repeat(TODAY, 2) / 2,
    )  # fmt: skip
    run = run_plan(place, seed=1, source=source(by_geo, "2026-W48"))
    table, plan = pd.read_csv(run.file("allocation.csv")), read_document(run, "plan.json")
    assert set(table["geo"]) == set(geos)
    week = table[table["week"] == "2026-W48"]
    assert len(week) == 6
    assert week["proposed"].sum() == pytest.approx(1000.0, abs=1e-6)
    assert week.groupby("channel")["proposed"].sum().to_dict() == pytest.approx(plan["proposed"])
    assert plan["proposed"]["tv"] <= 320.0
    assert {cell["geo"] for cell in plan["cells"]} == set(geos)
    assert sorted(test["channel"] for test in plan["tests"]) == sorted(CHANNELS)

    from jobs.decide import read_allocation

    made = moves(read_allocation(run), by_geo)
    assert [move.channel for move in made] == list(CHANNELS)
    assert {move.channel: round(move.proposed, 2) for move in made} == plan["proposed"]


def test_a_table_of_curves_by_geo_is_planned_by_geo(tmp_path):
    workspace(tmp_path)
    rows = [
        {"channel": channel, "geo": geo, "draw": 0, "spend": spend, "outcome": top * spend / (spend + 300), "current_spend": 250}
        for channel, geo, spend in itertools.product(("search", "tv"), ("Bremen", "Hessen"), (0, 100, 200, 400, 800))
        for top in [2000 if geo == "Bremen" else 900]
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(tmp_path / "curves.csv", index=False)
    result = call("plan", "--curves", tmp_path / "curves.csv", "-w", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    plan = json.loads(result.stdout)["plan"]
    spend = {(cell["channel"], cell["geo"]): cell["proposed"] for cell in plan["cells"]}
    assert spend["search", "Bremen"] > spend["search", "Hessen"]
    assert plan["total_proposed"] == 1000.0


def by_geo_of(response: ResponseCurves) -> ResponseCurves:
    """Two geos with half the money each; a unit of money earns half as much again in the first as in the second."""
    channels = tuple(channel for channel in response.channels for _ in range(2))
    parts = np.tile([1.2, 0.8], len(response.channels))
    return ResponseCurves(
        channels=channels, geos=("Bremen", "Hessen") * len(response.channels),
        spend=np.repeat(response.spend, 2, axis=0) / 2,
        outcome=np.repeat(response.outcome, 2, axis=1) / 2 * parts[None, :, None],
        observed_spend=np.repeat(response.observed_spend, 2) / 2, currency="EUR",
    )  # fmt: skip


def planned_from_fit(place: Workspace, week: str) -> RunRecord:
    model = RunStore(place.runs).latest("mmm")
    file = curves_file(model, place.settings.budget)
    made_from = PlanSource(
        curves=read_run_curves(file), first_week=week, inputs={f"mmm/{model.id}": file_hash(file)}, model=model
    )
    return run_plan(place, seed=1, source=made_from)


def test_geos_are_planned_apart_only_where_the_settings_say_so(tmp_path):
    place = workspace(tmp_path)
    national = fit(RunStore(place.runs), curves(), data="2026-11-08", adstock="geometric")
    alone = planned_from_fit(place, "2026-W47")
    options, inputs = dict(national.options), dict(national.inputs)
    with RunStore(place.runs).write("mmm", seed=8, options=options, inputs=inputs) as draft:
        write_curves(curves(), draft.folder / "curves.parquet")
        write_curves(by_geo_of(curves()), draft.folder / "curves_by_geo.parquet")
    kept = read_document(planned_from_fit(place, "2026-W47"), "plan.json")
    before = read_document(alone, "plan.json")
    assert {name: kept[name] for name in ("proposed", "value", "gap")} == {
        name: before[name] for name in ("proposed", "value", "gap")
    }
    assert "cells" not in kept

    free = read_document(
        planned_from_fit(workspace(tmp_path, "max_change = 0.4\nby_geo = true"), "2026-W48"), "plan.json"
    )
    assert free["expected_outcome"] > kept["expected_outcome"]
    bremen = sum(cell["proposed"] for cell in free["cells"] if cell["geo"] == "Bremen")
    assert bremen > 0.55 * free["total_proposed"]
    # what changed since last week: the rules (the geos among them), told by channel
    assert [step["cause"] for step in free["difference"]["steps"]] == ["rules"]
    assert {channel for step in free["difference"]["steps"] for channel in step["spend"]} == set(CHANNELS)


def test_a_plan_by_geo_needs_curves_by_geo(tmp_path):
    fit(RunStore(workspace(tmp_path).runs), curves(), data="2026-11-08", adstock="geometric")
    with pytest.raises(InputError) as told:
        planned_from_fit(workspace(tmp_path, "by_geo = true"), "2026-W48")
    assert (told.value.problems[0].column, told.value.problems[0].value) == ("budget.by_geo", "true")


def test_what_is_held_stays_in_every_geo_to_the_cent(tmp_path):
    place, response = workspace(tmp_path), by_geo_of(curves())
    odd = replace(response, observed_spend=response.observed_spend * np.linspace(0.951, 1.037, 6))
    free = run_plan(place, seed=1, source=source(odd, "2026-W48"))
    assert read_document(free, "plan.json")["proposed"]["tv"] != pytest.approx(odd.observed_spend[2:4].sum(), abs=1)
    today = float(odd.observed_spend[[at for at, name in enumerate(odd.channels) if name == "tv"]].sum())
    held = run_plan(
        place, seed=1, source=source(odd, "2026-W48"), holds=Holds(spend={"tv": round(today, 2)}, free=free)
    )
    plan = read_document(held, "plan.json")
    assert plan["proposed"]["tv"] == round(today, 2)
    for cell in plan["cells"]:
        if cell["channel"] == "tv":
            assert cell["proposed"] == pytest.approx(cell["current"], abs=0.01)


def test_money_between_geos_is_a_move_too():
    response = by_geo_of(curves())
    now = dict(zip(response.cells, response.observed_spend.tolist(), strict=True))
    then = now | {"tv in Bremen": now["tv in Bremen"] + 40.0, "tv in Hessen": now["tv in Hessen"] - 40.0}
    still = Estimate(
        value=0.0, interval=Interval(lower=0.0, upper=0.0, level=0.9, kind="credible"), unit="EUR", method="", run=""
    )
    plan = Allocation(
        spend=then, current=now, expected_outcome=0.0, upper_bound=0.0, gap=0.0, marginal_roas={}, binding=(),
        shadow_prices={}, gain=still, chance_of_loss=0.0, currency="EUR",
    )  # fmt: skip
    tv = next(move for move in moves(plan, response) if move.channel == "tv")
    assert (tv.shift, tv.regional, tv.size) == pytest.approx((0.0, 40.0, 40.0))
    assert tv.gain.value > 0
    cautious = replace(Stability.of_risk("balanced"), switching_cost=1e6)
    assert holds(moves(plan, response), cautious)["tv"] in ("hold_cost", "hold_uncertain")


@pytest.fixture(scope="module")
def market():
    return simulate_market(7)


def market_curves(market, draws: int = 100) -> ResponseCurves:
    truth = market.truth
    names = tuple(truth["curves"])
    outcome = np.array([truth["curves"][name]["outcome"] for name in names])
    scale = np.random.default_rng(3).lognormal(0, 0.4, (draws, len(names)))
    return ResponseCurves(
        channels=names, spend=np.array([truth["curves"][name]["spend"] for name in names]),
        outcome=scale[:, :, None] * outcome, currency="EUR",
        observed_spend=np.array([truth["current_spend"][name] for name in names]),
    )  # fmt: skip


def test_tests_are_valued_with_their_own_error_and_cost(market):
    from budget_optimizer.constraints import TotalBudget

    response, panel = market_curves(market), market.panel
    found = geo_designs(panel, response, seed=1)
    assert set(found.by_channel) == set(response.channels)
    effect = response.outcome_at(response.observed_spend).mean(axis=0)
    for channel, offers in found.by_channel.items():
        c = response.channels.index(channel)
        for offer in offers:
            told = found.described[offer.name]
            share = told["spend_share"]
            assert 0 < share < 1
            usual = panel.outcome_value[[geo in told["treated"] for geo in panel.geos], -8:].mean(axis=1).sum()
            smallest = told["mde"] * usual * TEST_WEEKS
            assert offer.standard_error * DETECTABLE_ERRORS * TEST_WEEKS * share == pytest.approx(smallest, rel=1e-6)
            if told["kind"] == "go_dark":
                lost = TEST_WEEKS * share * (effect[c] - response.observed_spend[c])
                assert offer.cost == pytest.approx(max(0.0, lost), rel=1e-6)
    rules = [TotalBudget(float(response.observed_spend.sum()))]
    told = next_tests(response, rules, 1, panel)
    assert [line["basis"] for line in told["tests"]] == ["geo_design"] * len(response.channels)
    nets = [line["net"] for line in told["tests"]]
    assert nets == sorted(nets, reverse=True)


def test_without_geos_the_test_is_assumed_and_says_so(market):
    from budget_optimizer.constraints import TotalBudget

    response = market_curves(market)
    rules = [TotalBudget(float(response.observed_spend.sum()))]
    few = market.panel.select(geos=market.panel.geos[:3])
    told = next_tests(response, rules, 1, few)
    assert {line["basis"] for line in told["tests"]} == {"assumption"}
    assert told["next_test"]["design"] is None
    assert "at least 6 geos" in told["next_test"]["assumption"]


def test_only_designs_that_are_cheaper_or_sharper_are_valued():
    from budget_optimizer.next_test import TestDesign

    offers = [TestDesign(standard_error=e, cost=c, name=f"{e}") for e, c in ((3, 1), (1, 9), (2, 9), (2.5, 4), (4, 2))]
    assert [one.name for one in sharpest(offers)] == ["1", "2.5", "3"]


def test_rules_for_holds_keep_the_outlook_of_the_free_plan(tmp_path):
    from jobs.plan import Holds

    place, made = workspace(tmp_path), source(curves(), "2026-W48")
    free = run_plan(place, seed=1, source=made)
    held = run_plan(place, seed=1, source=made, holds=Holds(spend={"tv": 300.0}, free=free))
    assert read_document(held, "plan.json")["proposed"]["tv"] == 300.0
    for name in ("frontier.csv", "risk.csv"):
        assert held.file(name).read_bytes() == free.file(name).read_bytes()
    for name in ("next_test", "tests", "sensitivity", "difference"):
        assert read_document(held, "plan.json")[name] == read_document(free, "plan.json")[name]


def test_a_model_exported_by_robyn_is_planned(tmp_path):
    from tests.measurement.test_curves_of_others import export

    (tmp_path / "liftwerk.toml").write_text("[budget]\nmax_change = 0.3\n", encoding="utf-8")
    (tmp_path / "RobynModel-1.json").write_text(json.dumps(export()), encoding="utf-8")
    result = call("plan", "--curves", tmp_path / "RobynModel-1.json", "-w", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    plan = json.loads(result.stdout)["plan"]
    assert set(plan["proposed"]) == {"tv_S", "search_S"}
    assert plan["gap"] <= 1e-4
    (tmp_path / "RobynModel-1.json").write_text("{}", encoding="utf-8")
    result = call("plan", "--curves", tmp_path / "RobynModel-1.json", "-w", tmp_path)
    assert result.exit_code == 2
    assert "robyn_write" in result.stderr


def test_weeks_are_real_where_carry_over_is_known(tmp_path):
    place = workspace(tmp_path)
    made = PlanSource(
        curves=curves(), first_week="2026-W48", inputs={"curves.csv": "a"}, carry={"tv": 0.7, "print": 0.1}
    )
    run = run_plan(place, seed=1, source=made)
    plan, flight = read_document(run, "plan.json"), pd.read_csv(run.file("flight.csv"))
    assert flight["spend"].sum() == pytest.approx(2000.0, abs=0.05)
    assert set(flight["week"]) == {"2026-W48", "2026-W49"}
    assert plan["flight"]["gap"] <= 1e-4
    assert plan["flight"]["value"] >= plan["flight"]["steady_value"]
    assert plan["flight"]["retention"] == {"tv": 0.7}
    wide = flight.pivot_table(index="channel", columns="week", values="spend")
    assert (wide.max(axis=1) <= 1.25 * TODAY[[2, 0, 1]] + 0.01).all()  # rules hold in every week
    assert (
        read_document(run_plan(place, seed=1, source=source(curves(), "2026-W48", "b")), "plan.json")["flight"] is None
    )


def test_a_rule_that_cannot_hold_week_by_week_is_said(tmp_path):
    place = workspace(tmp_path, "[[budget.rules]]\nkind = 'min_if_active'\nchannel = 'tv'\nmin = 100.0")
    made = PlanSource(curves=curves(), first_week="2026-W48", inputs={"curves.csv": "a"}, carry={"tv": 0.7})
    run = run_plan(place, seed=1, source=made)
    assert not run.file("flight.csv").is_file()
    assert "on/off rule" in read_document(run, "plan.json")["flight"]["reason"]


def test_carry_over_of_a_fit_is_read_and_checked(tmp_path):
    from jobs.flight import read_carry_over
    from measurement.errors import InputError

    file = tmp_path / "carry_over.csv"
    assert read_carry_over(file) == {}
    file.write_text("channel,retention\ntv,0.6\n", encoding="utf-8")
    assert read_carry_over(file) == {"tv": 0.6}
    file.write_text("channel,retention\ntv,1.0\n", encoding="utf-8")
    with pytest.raises(InputError, match="tv: 1"):
        read_carry_over(file)
