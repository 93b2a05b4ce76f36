"""Budget: what more or less money would do, what risk costs, what rules cost, what to test next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import chart, loaders
from app.figures.budget import PlaneWords, Spot, frontier_line, heat_map
from app.frame import need_run
from app.markup.cards import Tile, masthead, note, section, tiles
from app.markup.table import Cell, Column, table
from app.names import readable
from app.reshape import around_the_mean, change_by_geo, largest_cell
from app.scene import Scene
from app.views.gates import do_not_act
from app.views.tests_table import tests_table
from measurement.store import RunRecord

_FRONTIER = ("share", "total", "expected_outcome", "next_euro")
_RISK = ("weight", "share", "expected_outcome", "tail_outcome", "chance_of_loss", "chosen")
_FLIGHT = ("channel", "geo", "week", "spend")
_PLAN = ("channel", "geo", "week", "current", "proposed")
#: Attitudes to risk whose outcomes differ by less than this share count as the same.
_SAME = 1e-3
#: A plan by geo has a price a channel and geo; the dearest say enough.
_PRICES_SHOWN = 12


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.budget"), headline=scene.text("budget.headline"), lead=scene.text("budget.lead")
        )
    )
    run = need_run(scene, "plan", "liftwerk plan")
    if run is None:
        return
    do_not_act(scene, run)
    plan = loaders.run_document(run, "plan.json")
    if "sensitivity" not in plan:  # a plan of an earlier version
        st.html(note(scene.text("budget.earlier_version")))
        return
    st.html(tiles(_tiles(scene, plan), quiet=run.status != "healthy"))
    _frontier(scene, run, plan)
    _risk(scene, run, plan)
    _prices(scene, plan)
    _geos(scene, run)
    _weeks(scene, run, plan)
    st.html(section(scene.text("budget.tests"), scene.text("budget.tests_note")))
    st.html(tests_table(scene, plan) or note(scene.text("budget.no_tests")))


def _tiles(scene: Scene, plan: Mapping[str, Any]) -> list[Tile]:
    words, found = scene.wording, []
    for one in plan["sensitivity"]:
        share = words.percent(abs(one["change"]))
        label = scene.text("budget.less" if one["change"] < 0 else "budget.more", share=share)
        if one["difference"] is None:
            found.append(Tile(label=label, value="–", note=scene.text("budget.not_allowed")))
            continue
        gain = float(one["difference"])
        money = words.money(abs(float(one["total"]) - float(plan["total_proposed"])))
        found.append(
            Tile(
                label=label,
                value=words.money(gain, signed=True),
                note=scene.text("budget.outcome_note", money=money),
                tone="gain" if gain > 0 else "loss",
            )
        )
    total = sum(price for rule, price in plan["shadow_prices"].items() if rule.startswith("total budget"))
    found.append(
        Tile(
            label=scene.text("budget.next_euro"),
            value=words.number(total),
            note=scene.text("budget.next_euro_note"),
        )
    )
    gap = words.percent(max(float(plan["gap"]), 1e-4), digits=2)
    found.append(Tile(label=scene.text("week.optimum"), value=f"≤ {gap}", note=scene.text("budget.gap_note")))
    return found


def _frontier(scene: Scene, run: RunRecord, plan: Mapping[str, Any]) -> None:
    st.html(section(scene.text("budget.frontier"), scene.text("budget.frontier_note")))
    points = loaders.run_table(run, "frontier.csv", _FRONTIER)
    known = points.dropna(subset=["expected_outcome"])
    if len(known) < 2:
        st.html(note(scene.text("budget.one_budget")))
        return
    currency = scene.wording.currency
    today = float(plan["total_current"])
    before = float(plan["expected_outcome"]) - float(plan["gain"]["value"])
    spots = [
        Spot(x=today, y=before, text=scene.text("budget.today_mix"), hollow=True),
        Spot(
            x=float(plan["total_proposed"]),
            y=float(plan["expected_outcome"]),
            text=scene.text("media_mix.proposed"),
            side="above left",
        ),
    ]
    words = PlaneWords(
        x=scene.text("axis.spend_week", currency=currency), y=scene.text("axis.outcome_week", currency=currency)
    )
    low, high = (scene.wording.money(float(known["total"].iloc[at])) for at in (0, -1))
    chart.draw(
        scene,
        frontier_line(known, scene.style, words, spots, x="total", y="expected_outcome"),
        name="frontier",
        says=scene.text(
            "budget.frontier_says",
            low=low,
            high=high,
            first=scene.wording.number(float(known["next_euro"].iloc[0])),
            last=scene.wording.number(float(known["next_euro"].iloc[-1])),
        ),
        data=points,
    )


def _risk(scene: Scene, run: RunRecord, plan: Mapping[str, Any]) -> None:
    st.html(section(scene.text("budget.risk"), scene.text("budget.risk_note")))
    if not run.file("risk.csv").is_file():
        st.html(note(scene.text("budget.no_draws")))
        return
    points, words = loaders.run_table(run, "risk.csv", _RISK), scene.wording
    bold, safe = points.iloc[0], points.iloc[-1]
    price = float(bold["expected_outcome"] - safe["expected_outcome"])
    gain = float(safe["tail_outcome"] - bold["tail_outcome"])
    share = words.percent(float(bold["share"]))
    if max(price, gain) < _SAME * float(bold["expected_outcome"]):
        st.html(note(scene.text("budget.risk_same", price=words.money(price), gain=words.money(gain), share=share)))
        return
    chosen = points[points["chosen"].astype(str).str.lower() == "true"].iloc[:1]
    spots = [
        Spot(
            x=float(one["tail_outcome"]),
            y=float(one["expected_outcome"]),
            text=scene.text("budget.chosen", risk=scene.text(f"risk.{plan['risk']}")),
            side="above right",
        )
        for _, one in chosen.iterrows()
    ]
    titles = PlaneWords(
        x=scene.text("axis.tail", currency=words.currency, share=share),
        y=scene.text("axis.outcome_week", currency=words.currency),
    )
    chart.draw(
        scene,
        frontier_line(points, scene.style, titles, spots, x="tail_outcome", y="expected_outcome"),
        name="risk",
        says=scene.text("budget.risk_says", price=words.money(price), gain=words.money(gain), share=share),
        data=points,
    )


def _prices(scene: Scene, plan: Mapping[str, Any]) -> None:
    st.html(section(scene.text("budget.prices"), scene.text("budget.prices_note")))
    prices = sorted(plan["shadow_prices"].items(), key=lambda pair: -abs(pair[1]))
    if not prices:
        st.html(note(scene.text("budget.no_prices")))
        return
    columns = [
        Column(title=scene.text("budget.rule")),
        Column(title=scene.text("budget.price"), align="right", hint=scene.text("budget.prices_note")),
    ]
    rows = [
        [Cell(text=scene.rule(rule)), Cell(text=scene.wording.number(abs(float(price))))]
        for rule, price in prices[:_PRICES_SHOWN]
    ]
    st.html(table(columns, rows, label=scene.text("budget.prices")))
    if len(prices) > _PRICES_SHOWN:
        st.html(note(scene.text("budget.more_prices", count=len(prices) - _PRICES_SHOWN)))


def _geos(scene: Scene, run: RunRecord) -> None:
    """Change by channel and geo, where the plan is by geo."""
    wide = change_by_geo(loaders.run_table(run, "allocation.csv", _PLAN))
    if wide is None:
        return
    st.html(section(scene.text("budget.geos"), scene.text("budget.geos_note")))
    shown = wide.rename(index=readable)
    figure = heat_map(
        shown,
        scene.style,
        x=scene.text("budget.geo"),
        title=scene.text("axis.change_week", currency=scene.wording.currency),
    )
    channel, geo = largest_cell(wide)
    says = scene.text("budget.geos_says", channel=readable(channel), geo=geo)
    chart.draw(scene, figure, name="change_by_geo", says=says, data=wide.reset_index())


def _weeks(scene: Scene, run: RunRecord, plan: Mapping[str, Any]) -> None:
    """Spend by channel and week, where carry-over is known."""
    flight = plan.get("flight")
    if flight is None:
        return
    st.html(section(scene.text("budget.weeks"), scene.text("budget.weeks_note")))
    if flight["reason"]:
        st.html(note(scene.text("budget.no_flight")))
        return
    wide = around_the_mean(loaders.run_table(run, "flight.csv", _FLIGHT))
    figure = heat_map(
        wide.rename(index=readable),
        scene.style,
        x=scene.text("axis.week"),
        title=scene.text("axis.against_mean", currency=scene.wording.currency),
    )
    words = scene.wording
    gain = float(flight["value"]) - float(flight["steady_value"])
    says = scene.text(
        "budget.weeks_says",
        gain=words.money(gain, signed=True),
        gap=words.percent(max(float(flight["gap"]), 1e-4), digits=2),
    )
    chart.draw(scene, figure, name="flight", says=says, data=wide.reset_index())
