"""The next tests by rank: where, for how long, what each would teach and cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene


def tests_table(scene: Scene, plan: Mapping[str, Any]) -> str:
    """One row a channel, the best test first; ``""`` where the plan has none."""
    tests = plan.get("tests") or ()
    if not tests:
        return ""
    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("budget.design"), minor=True),
        Column(title=scene.text("budget.worth"), align="right", hint=scene.text("budget.worth_hint")),
        Column(title=scene.text("budget.costs"), align="right"),
        Column(title=scene.text("budget.net"), align="right", hint=scene.text("budget.net_hint")),
    ]
    words = scene.wording
    rows = [
        [
            Cell(text=readable(str(test["channel"]))),
            Cell(text=design_text(scene, test), small=True),
            Cell(text=words.money(float(test["value"]) * float(test["weeks"]))),
            Cell(text=words.money(float(test["cost"]))),
            Cell(text=words.money(float(test["net"]), signed=True), tone="gain" if test["net"] > 0 else "loss"),
        ]
        for test in tests
    ]
    return table(columns, rows, label=scene.text("budget.tests"))


def design_text(scene: Scene, test: Mapping[str, Any]) -> str:
    """A design in a sentence, or that it was assumed."""
    design = test.get("design")
    if not design:
        return scene.text("budget.assumed")
    return scene.text(
        f"budget.{design['kind']}",
        geos=", ".join(map(str, design["treated"])),
        weeks=design["weeks"],
        mde=scene.wording.percent(float(design["mde"]), digits=1),
    )
