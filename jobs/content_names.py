"""Names of KPIs in ``[content]``, held against the catalogue before anything is measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from measurement.errors import InputError, Problem
from measurement.readers.checks import check_workspace
from measurement.workspace import Workspace


def every_problem(workspace: Workspace) -> list[Problem]:
    """What `measurement.readers.checks` finds in the inputs, and KPIs that do not exist."""
    return [*check_workspace(workspace), *kpi_names(workspace)]


def kpi_names(workspace: Workspace) -> list[Problem]:
    """A problem, with file and line, for each objective and guardrail that names no KPI it can be about."""
    section = workspace.settings.content
    if section is None:
        return []
    from monitoring.canary_looks import check_guardrail
    from monitoring.catalogue import check_objectives

    def objective(name: str) -> None:
        check_objectives({name: 0.0})

    named: list[tuple[str, str, Callable[[str], None]]] = [
        (f"content.objectives.{name}", name, objective) for name in section.objectives
    ]
    if section.canary is not None:
        named += [("content.canary.guardrails", name, check_guardrail) for name in section.canary.guardrails]
        named += [(f"content.canary.margins.{name}", name, check_guardrail) for name in section.canary.margins]
    problems: list[Problem] = []
    for setting, name, refuse in named:
        try:
            refuse(name)
        except InputError as wrong:
            line = workspace.setting_line(setting)
            problems += [replace(one, line=line, column=setting, file=workspace.file.name) for one in wrong.problems]
    return problems
