"""The first page: how much money to move where, what it should bring, how sure that is, and why."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.acting import put_right
from app.brief import Brief, ChannelLine, NextTest, Range
from app.frame import nothing_yet
from app.markup.cards import Tile, Tone, badge, bullets, kicker_line, masthead, note, section, small_title, tiles
from app.markup.interval_rows import Reference, Row, interval_rows
from app.names import listed, readable
from app.scene import Scene
from app.views.decide_bar import decide_bar, show_notice
from app.views.edit_dialog import edit_dialog, open_editor
from app.views.gates import checks_table, do_not_act
from app.views.tests_table import design_text
from app.views.week_table import GRADES, channel_table
from decisions.approved import folder_name

STALE_AFTER_DAYS = 14
_CHECKS_SHOWN = 12
#: A budget that changes by less as a whole is moved, not changed.
_TOTAL_CHANGED = 0.01
_FILES = (
    ("budget.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("budget.csv", "text/csv"),
    ("budget_by_geo.csv", "text/csv"),
    ("report.html", "text/html"),
    ("decision.json", "application/json"),
)
#: Runs that can be read before there is a decision, and their pages.
_READABLE = {
    "mmm": "media_mix",
    "geo_readout": "geo_lift",
    "attribution": "attribution",
    "creatives": "creatives",
    "content": "content",
}
_APPROVED = (
    _FILES[0],
    ("budget.csv", "text/csv"),
    ("budget_by_geo.csv", "text/csv"),
    ("approval.json", "application/json"),
)


def show(scene: Scene) -> None:
    """Draw the page."""
    weeks = loaders.weeks(scene.workspace)
    if not weeks:
        st.html(masthead(kicker=scene.text("page.this_week"), headline=scene.text("week.empty_headline")))
        nothing_yet(scene, "weekly", "liftwerk weekly")
        _already(scene)
        return
    brief = loaders.brief(scene.workspace, weeks[-1], scene.wording.language)
    before = loaders.brief(scene.workspace, weeks[-2], scene.wording.language) if len(weeks) > 1 else None
    _top(scene, brief)
    if not brief.healthy:
        failed = [check for check in brief.checks if not check["passed"] and check.get("blocking", True)]
        st.html(checks_table(scene, failed))
        st.html(section(scene.text("week.calculated"), scene.text("week.calculated_note")))
    st.html(tiles(_tiles(scene, brief, before), quiet=not brief.healthy))
    st.html(channel_table(scene, brief, before))
    _below(scene, brief)


def _already(scene: Scene) -> None:
    """Before the first decision: a fit that failed its gates, which stands in its way, and what else can be read."""
    fit = loaders.latest(scene.workspace, "mmm")
    if fit is not None:
        do_not_act(scene, fit)
    pages = [scene.text(f"page.{page}") for kind, page in _READABLE.items() if loaders.latest(scene.workspace, kind)]
    if pages:
        st.html(note(scene.text("week.already", pages=listed(pages, scene.text("word.and")))))


def _top(scene: Scene, brief: Brief) -> None:
    words = scene.wording
    standing = loaders.standing(scene.workspace, brief.week)
    put_right(scene, standing)
    kicker = scene.text("week.kicker", week=brief.week, start=words.date(brief.monday), end=words.date(brief.sunday))
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", key="week_bar"):
        st.html(kicker_line(kicker), width="stretch")
        # What counts is how old the data are when the week begins that is decided.
        today = max(dt.datetime.now(dt.UTC).date(), brief.monday - dt.timedelta(days=1))
        st.html(data_badge(scene, brief.data_until, today), width="content")
        _health_badge(scene, brief)
        _downloads(scene, scene.workspace.exports / brief.week)
    show_notice()
    tone: Tone = "plain" if brief.healthy else "bad"
    left, right = st.columns([5, 4], gap="large", vertical_alignment="top")
    with left:
        st.html(masthead(headline=headline(scene, brief), lead=lead(scene, brief), tone=tone))
    with right:
        decide_bar(scene, brief, standing, open_editor)
    if standing is not None and standing.actionable:
        edit_dialog(scene, brief, standing)


def headline(scene: Scene, brief: Brief) -> str:
    """The sentence a marketer reads first."""
    if not brief.healthy:
        return scene.text("week.headline_blocked")
    if brief.state == "hold":
        return scene.text("week.headline_hold")
    return scene.text("week.headline_move", amount=scene.wording.money(brief.moved))


def lead(scene: Scene, brief: Brief) -> str:
    """From where to where, in one sentence."""
    if not brief.healthy:
        return scene.text("week.lead_blocked")
    up, down = _movers(scene, brief, 1), _movers(scene, brief, -1)
    if not up and not down:
        return scene.text("week.lead_hold")
    key = "week.lead_move" if up and down else "week.lead_up" if up else "week.lead_down"
    text = scene.text(key, up=up, down=down)
    if abs(brief.total_proposed - brief.total_current) > _TOTAL_CHANGED * brief.total_current:
        before, after = scene.wording.money(brief.total_current), scene.wording.money(brief.total_proposed)
        text += " " + scene.text("week.lead_total", before=before, after=after)
    return text


def _movers(scene: Scene, brief: Brief, sign: int) -> str:
    moved = sorted((line for line in brief.lines if sign * line.change >= 0.5), key=lambda line: -abs(line.change))
    names = [readable(line.channel) for line in moved]
    if len(names) > 3:
        names = [*names[:2], scene.text("week.others", count=len(names) - 2)]
    return listed(names, scene.text("word.and"))


def data_badge(scene: Scene, until: dt.date, today: dt.date) -> str:
    """How far the data reach; stale where a full week could have come in since and a second one nearly has."""
    age = (today - until).days
    stale = age > STALE_AFTER_DAYS
    key = "week.data_stale" if stale else "week.data_fresh"
    return badge(scene.text(key, date=scene.wording.date(until), days=age), "warn" if stale else "good")


def _health_badge(scene: Scene, brief: Brief) -> None:
    label = scene.text("week.trusted" if brief.healthy else "week.not_trusted")
    with st.popover(
        f"{'✓' if brief.healthy else '✕'}  {label}", key=f"health_badge_{'good' if brief.healthy else 'bad'}"
    ):
        st.html(note(scene.text("week.trusted_body" if brief.healthy else "week.not_trusted_body")))
        # What failed, then what guards the money; hints that passed are counted, not listed.
        failed = [check for check in brief.checks if not check["passed"]]
        guards = [check for check in brief.checks if check["passed"] and check.get("blocking", True)]
        shown = [*failed, *guards][:_CHECKS_SHOWN]
        st.html(checks_table(scene, shown))
        rest = len(brief.checks) - len(shown)
        if rest > 0:
            st.html(note(scene.text("week.more_checks", count=rest)))


def _downloads(scene: Scene, folder: Path) -> None:
    with st.popover(scene.text("week.download"), key="downloads"):
        for name, mime in _FILES:
            key = "geo_csv" if "geo" in name else name.rpartition(".")[2]
            _download(scene, folder / name, mime, f"download.{key}")
        approved = folder.with_name(folder_name(folder.name))
        for name, mime in _APPROVED:
            key = "geo_csv" if "geo" in name else name.rpartition(".")[2]
            _download(scene, approved / name, mime, f"download.approved_{key}")


def _download(scene: Scene, file: Path, mime: str, key: str) -> None:
    if file.is_file():
        st.download_button(
            scene.text(key),
            loaders.content(str(file), loaders.stamp(file)),
            file_name=f"liftwerk_{file.parent.name}_{file.name}",
            mime=mime,
            key=f"download_{file.parent.name}_{file.name}",
            type="tertiary",
            on_click="ignore",
        )


def _tiles(scene: Scene, brief: Brief, before: Brief | None) -> list[Tile]:
    words = scene.wording

    def last(text: str) -> str:
        return scene.text("week.last", value=text) if before is not None else ""

    gain = brief.gain
    return [
        Tile(
            label=scene.text("week.gain"),
            value=words.money(gain.value, signed=True),
            note=_between(scene, gain),
            aside=last(words.money(before.gain.value, signed=True)) if before else "",
            tone="gain" if gain.value > 0 else "loss" if gain.value < 0 else "plain",
        ),
        Tile(
            label=scene.text("week.chance"),
            value=scene.chance(brief.chance_of_loss),
            note=scene.text("week.chance_note"),
            aside=last(scene.chance(before.chance_of_loss)) if before else "",
        ),
        Tile(
            label=scene.text("week.moved"),
            value=words.money(brief.planned_moved),
            note=scene.text("week.moved_note", share=words.percent(brief.planned_moved / (brief.total_current or 1.0))),
            aside=last(words.money(before.planned_moved)) if before else "",
        ),
        Tile(
            label=scene.text("week.budget"),
            value=words.money(brief.planned_total),
            note=scene.text("week.budget_note", amount=words.money(brief.total_current)),
            aside=last(words.money(before.planned_total)) if before else "",
        ),
    ]


def _between(scene: Scene, value: Range) -> str:
    if value.lower is None or value.upper is None or value.level is None:
        return ""
    words = scene.wording
    return scene.text(
        "week.between",
        lower=words.money(value.lower, signed=True),
        upper=words.money(value.upper, signed=True),
        level=words.percent(value.level),
    )


def _below(scene: Scene, brief: Brief) -> None:
    st.html(section(scene.text("week.next_euro"), scene.text("week.next_euro_note")))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _marginal(scene, brief.lines)
    with right:
        st.html(small_title(scene.text("week.reading")))
        st.html(bullets([(f"{GRADES[g]} {scene.text(f'grade.{g}')}", scene.text(f"grade.{g}_body")) for g in GRADES]))
        st.html(small_title(scene.text("week.also")))
        st.html(bullets(_also(scene, brief)))


def _also(scene: Scene, brief: Brief) -> list[tuple[str, str]]:
    """What else the week asks for: the next test, creatives to stop, canaries stopped, and the plan's certificate."""
    words, found = scene.wording, []
    if brief.next_test is None:
        found.append((scene.text("week.next_test"), scene.text("week.next_test_none")))
    else:
        found.append((scene.text("week.next_test"), _next_test(scene, brief.next_test)))
    if brief.creatives:
        names = listed([readable(str(item["creative"])) for item in brief.creatives], scene.text("word.and"))
        found.append((scene.text("page.creatives"), scene.text("week.creatives", names=names)))
    if brief.canaries:
        names = listed([f"{test['team']} / {test['pipeline']}" for test in brief.canaries], scene.text("word.and"))
        found.append((scene.text("page.content"), scene.text("week.canaries", names=names)))
    if brief.cells:
        found.append((scene.text("week.by_geo"), scene.text("week.by_geo_body")))
    found.append(
        (scene.text("week.optimum"), scene.text("week.optimum_body", gap=words.percent(max(brief.gap, 1e-4), digits=2)))
    )
    return found


def _next_test(scene: Scene, test: NextTest) -> str:
    """The experiment worth most, with its design and cost where they are known."""
    words = scene.wording
    key = "week.next_test_value" if test.value is not None else "week.next_test_body"
    text = scene.text(key, channel=readable(test.channel), value=words.money(test.value or 0.0))
    if test.design is None:
        return text
    cost = scene.text("week.next_test_cost", cost=words.money(test.cost or 0.0))
    return f"{text} {design_text(scene, {'design': test.design})} {cost}"


def _marginal(scene: Scene, lines: Sequence[ChannelLine]) -> None:
    ranked = sorted(lines, key=lambda line: -line.marginal_roas.value)
    rows = [
        Row(
            name=readable(line.channel),
            value=line.marginal_roas.value,
            lower=_or(line.marginal_roas.lower, line.marginal_roas.value),
            upper=_or(line.marginal_roas.upper, line.marginal_roas.value),
            colour={"scale": scene.palette.gain, "cut": scene.palette.loss}.get(line.action, scene.palette.muted),
        )
        for line in ranked
    ]
    numbers = pd.DataFrame(
        [{"channel": r.name, "marginal_roas": r.value, "lower": r.lower, "upper": r.upper} for r in rows]
    )
    says = scene.text(
        "week.marginal_says",
        best=rows[0].name,
        value=scene.wording.number(rows[0].value),
        below=sum(r.value < 1 for r in rows),
    )
    drawing = interval_rows(
        rows,
        title=scene.text("axis.marginal_roas", currency=scene.wording.currency),
        says=says,
        text=scene.wording.number,
        reference=Reference(value=1.0, text=scene.text("media_mix.break_even")),
    )
    chart.draw_rows(scene, drawing, name="marginal_roas", says=says, data=numbers)


def _or(end: float | None, value: float) -> float:
    """An unbounded end is drawn at the value itself."""
    return value if end is None else end
