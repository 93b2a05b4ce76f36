"""Planner: what the best budget would be under other wishes, allocated anew at every change, with its proof."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import loaders
from app.amount_field import amount_field
from app.frame import nothing_yet
from app.markup.cards import Tile, masthead, note, section, state, tiles
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from app.views.decide_bar import on_act, show_notice
from budget_optimizer.clash import ClashError, NoPlanInTimeError
from decisions.rule_words import clash_in_words
from decisions.scenario import SECONDS, Outcome, Wishes
from decisions.standing import Standing
from measurement.curves import ResponseCurves
from measurement.settings import BudgetSection

_RISKS = ("cautious", "balanced", "bold")
_ANY = 1.0


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.planner"), headline=scene.text("planner.headline"), lead=scene.text("planner.lead")
        )
    )
    curves = loaders.plan_curves(scene.workspace)
    if curves is None:
        nothing_yet(scene, "plan", "liftwerk plan")
        return
    show_notice()
    budget = scene.workspace.settings.budget or BudgetSection()
    wishes = _wishes(scene, curves, budget)
    if wishes is None:  # the field says what is wrong with the amount
        return
    try:
        outcome = loaders.scenario(scene.workspace, curves, wishes)
    except ClashError as error:
        st.html(state(title=scene.text("planner.clash"), body=scene.text("planner.clash_body"), tone="bad"))
        for sentence in clash_in_words(error.clash, scene.decided):
            st.html(note(sentence, "bad"))
        return
    except NoPlanInTimeError:
        seconds = scene.wording.number(SECONDS, digits=1)
        body = scene.text("planner.late", seconds=seconds)
        st.html(state(title=scene.text("planner.late_title"), body=body, tone="warn"))
        return
    st.html(tiles(_tiles(scene, outcome)))
    st.html(note(_proof(scene, outcome), "good"))
    st.html(section(scene.text("planner.channels"), scene.text("planner.channels_note")))
    st.html(_channels(scene, outcome))
    _downloads(scene, outcome)
    _propose(scene, outcome)


def _wishes(scene: Scene, curves: ResponseCurves, budget: BudgetSection) -> Wishes | None:
    today = float(curves.observed_spend.sum())
    left, middle, right = st.columns([2, 2, 3], gap="medium")
    with left:
        total = amount_field(
            scene,
            scene.text("planner.total", currency=scene.wording.currency),
            value=float(budget.total or round(today, 2)),
            key="planner_total",
            span=(1.0, max(today, budget.total or 0.0) * 10),
            kept="lw_planner_total",
        )
    with middle:
        share = st.slider(
            scene.text("planner.max_change"),
            0.05,
            _ANY,
            min(budget.max_change or _ANY, _ANY),
            0.05,
            format="percent",
            key="planner_change",
            help=scene.text("planner.max_change_help"),
        )
    with right:
        risk = st.segmented_control(
            scene.text("planner.risk"),
            _RISKS,
            default=budget.risk,
            required=True,
            format_func=lambda name: scene.text(f"risk.{name}"),
            key="planner_risk",
        )
    kept = st.multiselect(
        scene.text("planner.kept"), list(curves.members), format_func=readable, key="planner_kept", placeholder="–"
    )
    if total is None:
        return None
    return Wishes(
        total=total,
        risk=risk if risk in _RISKS else "balanced",  # type: ignore[arg-type]
        max_change=None if share >= _ANY else float(share),
        kept=tuple(sorted(kept)),
    )


def _tiles(scene: Scene, outcome: Outcome) -> list[Tile]:
    words, plan = scene.wording, outcome.allocation
    ends = plan.gain.interval
    total = sum(price for rule, price in plan.shadow_prices.items() if rule.startswith("total budget"))
    return [
        Tile(
            label=scene.text("week.gain"),
            value=words.money(plan.gain.value, signed=True),
            note=scene.text(
                "week.between",
                lower=words.money(ends.lower, signed=True),
                upper=words.money(ends.upper, signed=True),
                level=words.percent(ends.level),
            ),
            tone="gain" if plan.gain.value > 0 else "loss" if plan.gain.value < 0 else "plain",
        ),
        Tile(
            label=scene.text("week.chance"),
            value=scene.chance(plan.chance_of_loss),
            note=scene.text("week.chance_note"),
        ),
        Tile(label=scene.text("budget.next_euro"), value=words.number(total), note=scene.text("budget.next_euro_note")),
        Tile(
            label=scene.text("week.optimum"),
            value=f"≤ {words.percent(max(plan.gap, 1e-4), digits=2)}",
            note=scene.text("planner.took", seconds=words.number(max(outcome.seconds, 0.01))),
        ),
    ]


def _proof(scene: Scene, outcome: Outcome) -> str:
    """The certificate in a sentence, and the rules that hold the plan back."""
    words, plan = scene.wording, outcome.allocation
    value = plan.expected_outcome if plan.value is None else plan.value
    text = scene.text("planner.proof", value=words.money(value), bound=words.money(plan.upper_bound))
    rules = [scene.rule(rule) for rule in plan.binding]
    more = scene.text("planner.more_rules", count=len(rules) - 4) if len(rules) > 4 else ""
    return f"{text} {scene.text('planner.binding', rules='; '.join(rules[:4]) + more)}" if rules else text


def _channels(scene: Scene, outcome: Outcome) -> str:
    words = scene.wording
    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("table.today"), align="right"),
        Column(title=scene.text("table.proposed"), align="right"),
        Column(title=scene.text("table.change"), align="right"),
        Column(title=scene.text("planner.share"), align="right", minor=True),
    ]
    changes = {name: money - outcome.current[name] for name, money in outcome.proposed.items()}
    widest = max((abs(change) for change in changes.values()), default=0.0) or 1.0
    total = sum(outcome.proposed.values()) or 1.0
    rows = [
        [
            Cell(text=readable(name)),
            Cell(text=words.money(outcome.current[name])),
            Cell(text=words.money(money)),
            Cell(
                text=words.money(changes[name], signed=True) if abs(changes[name]) >= 0.5 else "–",
                tone="gain" if changes[name] >= 0.5 else "loss" if changes[name] <= -0.5 else "plain",
                bar=changes[name] / widest,
            ),
            Cell(text=words.percent(money / total)),
        ]
        for name, money in sorted(outcome.proposed.items(), key=lambda pair: -changes[pair[0]])
    ]
    return table(columns, rows, label=scene.text("planner.channels"))


def _downloads(scene: Scene, outcome: Outcome) -> None:
    rows = pd.DataFrame({"current": outcome.current, "proposed": outcome.proposed}).rename_axis("channel").reset_index()
    st.download_button(
        scene.text("planner.csv"),
        loaders.safe_csv(rows),
        file_name="liftwerk_scenario.csv",
        mime="text/csv",
        key="planner_csv",
        on_click="ignore",
    )


def _propose(scene: Scene, outcome: Outcome) -> None:
    """Put the scenario up for approval, where it spends what the week's recommendation spends."""
    weeks = loaders.weeks(scene.workspace)
    standing: Standing | None = loaders.standing(scene.workspace, weeks[-1]) if weeks else None
    if standing is None or not standing.actionable or not scene.may("edit"):
        return
    same = abs(sum(standing.recommended.values()) - sum(outcome.proposed.values())) < 0.005
    if not same or set(outcome.proposed) != set(standing.recommended):
        st.html(note(scene.text("planner.other_total")))
        return
    with st.popover(scene.text("planner.propose", week=standing.week), key="planner_propose"):
        reason = st.text_input(scene.text("decide.reason"), key="planner_reason", max_chars=500)
        st.button(
            scene.text("edit.save"),
            key="planner_save",
            type="primary",
            on_click=on_act,
            args=(
                scene,
                lambda review, person: review.edit(
                    person, standing.week, standing.version, dict(outcome.proposed), reason
                ),
            ),
        )
