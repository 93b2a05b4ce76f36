"""Everything that is wrong with a workspace's inputs, all at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import cast

from measurement.errors import InputError, Problem
from measurement.readers.events import load_content_tables, load_creatives, load_touchpoints
from measurement.readers.findings import Findings
from measurement.readers.inputs import GEO_TESTS, geo_test_files
from measurement.readers.panel_columns import suggest
from measurement.readers.panel_table import PanelReading, load_panel
from measurement.toml_files import read_toml
from measurement.workspace import Workspace, line_of_setting

_GEO_TEST_KINDS = ("go_dark", "scale_up", "new")


def check_workspace(workspace: Workspace) -> list[Problem]:
    r"""Validate every input that ``liftwerk.toml`` names.

    Problems come input by input, errors of each first. An input that is not named is not a problem.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> _ = (root / "liftwerk.toml").write_text('[panel]\nfile = "p.csv"\ndate = "week"\noutcome = "revenue"\n')
    >>> [(problem.file, problem.message) for problem in check_workspace(Workspace.open(root))]
    [('p.csv', 'the file does not exist')]
    """
    settings = workspace.settings
    reading = load_panel(workspace)
    groups = [list(reading.problems), _check_lift_tests(workspace, reading)]
    groups += [_check_geo_test(file, workspace, reading) for file in geo_test_files(workspace)]
    if settings.creatives is not None:
        groups.append(load_creatives(workspace)[1])
    if settings.journeys is not None:
        groups.append(load_touchpoints(workspace)[1])
    if settings.content is not None:
        groups.append(_check_content(workspace))
    return [problem for group in groups for problem in sorted(group, key=lambda one: one.severity)]


def _check_lift_tests(workspace: Workspace, reading: PanelReading) -> list[Problem]:
    """``[[lift_tests]]`` against the panel's geos and dates."""
    found = Findings(workspace.file.name)
    for index, test in enumerate(workspace.settings.lift_tests):
        place = f"lift_tests.{index}"
        _check_geos(found, f"{place}.geos", test.geos, reading)
        _check_window(found, f"{place}.start", test.start, test.end, reading)
    return [replace(problem, line=workspace.setting_line(problem.column)) for problem in found.problems]


def _check_geos(found: Findings, setting: str, geos: tuple[str, ...], reading: PanelReading) -> None:
    for geo in geos:
        if reading.geos and geo not in reading.geos:
            remedy = suggest(geo, reading.geos, reading.geos)
            found.add("this geo is not in the panel", remedy, column=setting, value=geo)


def _check_window(found: Findings, setting: str, start: dt.date, end: dt.date, reading: PanelReading) -> None:
    """A test must overlap the panel."""
    if reading.dates is None or len(reading.dates) < 2:
        return
    first = reading.dates[0].date()
    last = (reading.dates[-1] + (reading.dates[1] - reading.dates[0])).date() - dt.timedelta(days=1)
    if end < first or start > last:
        found.add(
            "the test lies outside the panel",
            f"The panel runs from {first} to {last}: correct the dates or remove the test",
            column=setting,
            value=f"{start} to {end}",
        )


def _check_geo_test(file: Path, workspace: Workspace, reading: PanelReading) -> list[Problem]:
    """What would keep a geo test from being read; the estimator's own needs are checked when it is read."""
    found = Findings(f"{GEO_TESTS}/{file.name}")
    try:
        test, text = read_toml(file, "the test is", named=f"{GEO_TESTS}/{file.name}")
    except InputError as error:
        return list(error.problems)
    for key, kind in (("channel", str), ("treated", list), ("start", dt.date), ("end", dt.date)):
        if key not in test:
            found.add(f"'{key}' is missing", f"Add {key} = …", column=key)
        elif type(test[key]) is not kind:  # a time of day is no day
            found.add(f"'{key}' has the wrong type", f"Write {_EXAMPLES[key]}", column=key, value=test[key])
    if not found.problems:
        _check_geo_test_values(found, test, workspace, reading)
    return [replace(problem, line=line_of_setting(text, [problem.column])) for problem in found.problems]


_EXAMPLES = {
    "channel": 'channel = "search"',
    "treated": 'treated = ["Hamburg", "Bremen"]',
    "start": "start = 2026-03-02, without quotes",
    "end": "end = 2026-04-12, without quotes",
}


def _check_geo_test_values(
    found: Findings, test: dict[str, object], workspace: Workspace, reading: PanelReading
) -> None:
    channels = workspace.settings.panel.channels
    channel, treated = cast("str", test["channel"]), cast("list[object]", test["treated"])
    start, end = cast("dt.date", test["start"]), cast("dt.date", test["end"])  # types were checked by the caller
    if channels and channel not in channels:
        remedy = suggest(channel, channels, channels)
        found.add("this channel is not under [panel.channels]", remedy, column="channel", value=channel)
    _check_geos(found, "treated", tuple(str(geo) for geo in treated), reading)
    if end < start:
        found.add("the test ends before it starts", "Swap start and end", column="end", value=end)
    else:
        _check_window(found, "start", start, end, reading)
    kind = test.get("kind", "scale_up")
    if kind not in _GEO_TEST_KINDS:
        remedy = f"Use one of: {', '.join(_GEO_TEST_KINDS)}"
        found.add("this kind of test is not known", remedy, column="kind", value=kind)


def _check_content(workspace: Workspace) -> list[Problem]:
    section = workspace.settings.content
    problems: list[Problem] = []
    if section is not None and section.tables is not None:
        problems += load_content_tables(workspace)[1]
    if section is not None and section.spans is not None and not any(workspace.root.glob(section.spans)):
        found = Findings(workspace.file.name)
        found.add(
            "no file matches content.spans",
            "Correct the pattern; it is relative to liftwerk.toml",
            column="content.spans",
            line=workspace.setting_line("content.spans"),
            value=section.spans,
        )
        problems += found.problems
    return problems
