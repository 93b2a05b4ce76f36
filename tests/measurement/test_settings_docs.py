"""docs/settings.md names every key there is, with its default, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import pytest

from measurement import settings
from measurement.access_settings import AccessSection, PlatformSection
from measurement.settings import Section

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
TABLES: dict[str, type[Section]] = {
    "[workspace]": settings.WorkspaceSection,
    "[panel]": settings.PanelSection,
    "[panel.channels.NAME]": settings.ChannelSection,
    "[panel.treatments.NAME]": settings.TreatmentSection,
    "[mmm]": settings.MmmSection,
    "[mmm.channels.NAME]": settings.MmmChannelSection,
    "[mmm.priors.NAME]": settings.ChannelPrior,
    "[[lift_tests]]": settings.LiftTestSection,
    "[budget]": settings.BudgetSection,
    "[creatives]": settings.CreativesSection,
    "[journeys]": settings.JourneysSection,
    "[content]": settings.ContentSection,
    "[content.canary]": settings.CanarySection,
    "[content.join]": settings.JoinSection,
    "[content.error_budget]": settings.ErrorBudgetSection,
    "[[content.error_budget.alerts]]": settings.BurnAlertSection,
    "[access]": AccessSection,
    "[platforms.NAME]": PlatformSection,
}
RULES = get_args(get_args(settings.BudgetRule)[0])


def rows(heading: str) -> dict[str, list[str]]:
    """Rows of the table below a heading: first cell → the others."""
    body = re.split(r"(?m)^#+ ", PAGE.read_text(encoding="utf-8").split(f"# `{heading}`\n", 1)[1], maxsplit=1)[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[:1] == "|"]
    return {first.strip("`"): rest for first, *rest in cells[2:]}


@pytest.mark.parametrize("heading", TABLES)
def test_every_key_is_told_with_its_default(heading: str) -> None:
    told, fields = rows(heading), TABLES[heading].model_fields
    assert list(told) == list(fields)
    for name, field in fields.items():
        default = field.get_default(call_default_factory=True)
        shown = told[name][0]
        if field.is_required():
            assert shown == "*required*", name
        elif default is not None:
            assert shown.strip("`") == json.dumps(default), name
        else:
            assert "`" not in shown or shown == "as in `[mmm]`", name


def test_every_rule_is_told_with_its_keys() -> None:
    told = rows("[[budget.rules]]")
    kinds = {rule.model_fields["kind"].annotation.__args__[0]: rule for rule in RULES}
    assert set(told) == set(kinds)
    for kind, rule in kinds.items():
        assert set(re.findall(r"`(\w+)`", told[kind][0])) == set(rule.model_fields) - {"kind"}


def test_no_table_is_forgotten() -> None:
    assert set(settings.Settings.model_fields) - {"panel_section"} | {"panel"} == {
        heading.strip("[]").split(".")[0] for heading in TABLES
    }
