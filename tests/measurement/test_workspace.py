"""Settings: every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from measurement.errors import InputError
from measurement.workspace import Workspace, line_of_setting
from tests.measurement.small_workspace import SETTINGS


def write(root: Path, text: str) -> Path:
    (root / "liftwerk.toml").write_text(text, encoding="utf-8")
    return root


def test_folders_and_files_both_open(small: Path) -> None:
    by_folder, by_file = Workspace.open(small), Workspace.open(small / "liftwerk.toml")
    assert by_folder == by_file
    assert by_folder.path("data/panel.csv") == small.resolve() / "data" / "panel.csv"
    assert by_folder.runs.parent == by_folder.exports.parent == by_folder.audit_log.parent.parent == small.resolve()
    assert by_folder.settings.budget is not None
    assert by_folder.settings.budget.rules[0].kind == "bounds"


def test_the_smallest_settings_have_good_defaults(tmp_path: Path) -> None:
    settings = Workspace.open(write(tmp_path, '[panel]\nfile = "p.csv"\ndate = "d"\noutcome = "y"\n')).settings
    assert (settings.workspace.currency, settings.mmm.adstock, settings.mmm.saturation) == ("EUR", "geometric", "hill")
    assert (settings.budget, settings.creatives, settings.lift_tests) == (None, None, ())


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "part"),
    [
        ('currency = "EUR"', 'currency = "Euro"', 4, "workspace.currency", ""),
        ('locale = "de_DE"', 'locale = "de_XX1"', 5, "workspace.locale", "unknown locale"),
        ('outcome = "revenue"', 'outcom = "revenue"', 11, "panel.outcom", "not a setting"),
        ('file = "data/panel.csv"', "", 7, "panel", "exactly one source"),
        ("standard_error = 2000.0", "standard_error = -1.0", 30, "lift_tests.0.standard_error", "greater than 0"),
        ("end = 2026-03-29", "end = 2026-02-01", 24, "lift_tests.0", "before start"),
        ('channel = "search"', 'channel = "serch"', 25, "lift_tests.0.channel", "Did you mean 'search'"),
        ("max_change = 0.25", 'max_change = "a bit"', 36, "budget.max_change", "number"),
        ("total = 60000.0", "total = 60000.0\ntotal_min = 5.0", 33, "budget", "not both"),
        ('channel = "tv"\nmax', 'channel = "TV"\nmax', 40, "budget.rules.0.channel", "Use one of: search, tv"),
        ('kind = "bounds"', 'kind = "bound"', 38, "budget.rules.0", ""),
        ("max = 50000.0", "max = -1.0", 41, "budget.rules.0.bounds.max", "greater"),
    ],
)
def test_every_mistake_has_its_line(tmp_path: Path, old: str, new: str, line: int, field: str, part: str) -> None:
    assert old in SETTINGS
    with pytest.raises(InputError) as raised:
        Workspace.open(write(tmp_path, SETTINGS.replace(old, new, 1)))
    problems = {problem.column: problem for problem in raised.value.problems}
    assert field in problems, raised.value
    assert part in f"{problems[field].message} {problems[field].remedy}"
    assert problems[field].line == line
    assert problems[field].remedy


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = SETTINGS.replace('"EUR"', '"Euro"').replace("weeks = 4", "weeks = 400").replace("geo = ", "gco = ")
    with pytest.raises(InputError) as raised:
        Workspace.open(write(tmp_path, text))
    assert {problem.line for problem in raised.value.problems} == {4, 10, 35}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("panel.file", 8),
        ("panel.channels.tv.spend", 22),
        ("panel.channels.tv.absent", 21),
        ("lift_tests.0.geos", 26),
        ("budget.rules.0.max", 41),
        ("nowhere.at.all", None),
    ],
)
def test_lines_of_settings(keys: str, line: int | None) -> None:
    assert line_of_setting(SETTINGS, keys.split(".")) == line
