"""The first page's table: what each channel gets, why, and how well it is known."""

from __future__ import annotations

from app.brief import Brief, ChannelLine, Range
from app.markup.cards import Tone
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene

_ACTIONS: dict[str, tuple[str, Tone]] = {
    "scale": ("↑", "gain"),
    "cut": ("↓", "loss"),
    "hold": ("→", "plain"),
    "test": ("?", "accent"),
    "stop": ("✕", "bad"),
}
GRADES = {"experiment": "●●●", "model": "●●○", "assumption": "●○○"}


def channel_table(scene: Scene, brief: Brief, before: Brief | None) -> str:
    """One row a channel, the largest increase first; last week's change beside this week's."""
    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("table.action")),
        Column(title=scene.text("table.today"), align="right", minor=True),
        Column(title=scene.text("table.proposed" if brief.healthy else "table.calculated"), align="right"),
        Column(title=scene.text("table.change"), align="right"),
        *(
            [
                Column(
                    title=scene.text("table.last_week"),
                    align="right",
                    minor=True,
                    hint=scene.text("table.last_week_hint"),
                )
            ]
            if before
            else []
        ),
        Column(
            title=scene.text("table.marginal_roas"),
            align="right",
            minor=True,
            hint=scene.text("table.marginal_roas_hint"),
        ),
        Column(title=scene.text("table.evidence"), minor=True),
        Column(title=scene.text("table.why"), minor=True),
    ]
    widest = max((abs(line.planned) for line in brief.lines), default=0.0) or 1.0
    earlier = {line.channel: line for line in before.lines} if before else {}
    ordered = sorted(brief.lines, key=lambda line: -line.planned)
    rows = [_channel(scene, line, widest, earlier.get(line.channel), before is not None) for line in ordered]
    return table(columns, rows, label=scene.text("week.table_label"), quiet=not brief.healthy)


def _channel(
    scene: Scene, line: ChannelLine, widest: float, earlier: ChannelLine | None, with_earlier: bool
) -> list[Cell]:
    words = scene.wording
    sign, tone = _ACTIONS.get(line.action, ("", "plain"))
    return [
        Cell(text=readable(line.channel)),
        Cell(text=f"{sign} {scene.text(f'action.{line.action}')}", tone=tone, pill=True),
        Cell(text=words.money(line.current)),
        Cell(text=words.money(line.calculated)),
        Cell(
            text=_change(scene, line.planned),
            tone="gain" if line.planned >= 0.5 else "loss" if line.planned <= -0.5 else "plain",
            bar=line.planned / widest,
        ),
        *([Cell(text=_change(scene, earlier.planned) if earlier else "–")] if with_earlier else []),
        Cell(text=words.number(line.marginal_roas.value), below=_ends(scene, line.marginal_roas)),
        Cell(text=f"{GRADES[line.grade]}\u00a0{scene.text(f'grade.{line.grade}')}"),
        Cell(text=line.reason, small=True),
    ]


def _change(scene: Scene, change: float) -> str:
    return scene.wording.money(change, signed=True) if abs(change) >= 0.5 else "–"


def _ends(scene: Scene, value: Range) -> str:
    words = scene.wording
    return f"{scene.end(value.lower, words.number)} – {scene.end(value.upper, words.number)}"
