"""Problems of inputs, errors first, each with its place and remedy."""

from __future__ import annotations

from app.markup.cards import note
from app.markup.table import Cell, Column, table
from app.scene import Scene
from decisions.problem_words import in_words
from measurement.errors import Problem

_SHOWN = 200


def problems_table(scene: Scene, problems: list[Problem]) -> str:
    """The table, with a line for what it leaves out."""
    columns = [
        Column(title=scene.text("health.severity")),
        Column(title=scene.text("health.place")),
        Column(title=scene.text("health.problem")),
        Column(title=scene.text("health.value"), minor=True),
        Column(title=scene.text("gates.remedy")),
    ]
    ordered = sorted(problems, key=lambda problem: problem.severity != "error")
    rows = [
        [
            Cell(
                text=("✕ " if problem.severity == "error" else "! ") + scene.text(f"severity.{problem.severity}"),
                tone="bad" if problem.severity == "error" else "warn",
            ),
            Cell(text=problem.place),
            Cell(text=problem.message),
            Cell(text=problem.value),
            Cell(text=problem.remedy),
        ]
        for problem in (in_words(problem, scene.decided) for problem in ordered[:_SHOWN])
    ]
    more = note(scene.text("health.more", count=len(ordered) - _SHOWN)) if len(ordered) > _SHOWN else ""
    return table(columns, rows, label=scene.text("health.inputs")) + more
