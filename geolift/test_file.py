"""The geo test file (TOML): its settings, their types, and where in the text a fault lies."""

from __future__ import annotations

import difflib
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast

from measurement.errors import InputError, Problem, shorten
from measurement.toml_files import read_toml

_FIELDS = {
    "channel": str,
    "treated": list,
    "start": date,
    "end": date,
    "kind": str,
    "incremental_spend": (int, float),
    "cooldown_weeks": int,
    "estimator": str,
    "inference": str,
    "level": float,
    "exclude": list,
    "starts": dict,
    "cells": (dict, str),
    "schedule": str,
}
_REQUIRED = ("channel", "treated", "start", "end")
_EXAMPLES = {
    "channel": 'Write channel = "search"',
    "treated": 'Write treated = ["Hamburg", "Bremen"]',
    "start": "Write start = 2026-03-02, without quotes",
    "end": "Write end = 2026-04-12, without quotes",
    "kind": 'Write kind = "scale_up"',
    "incremental_spend": "Write incremental_spend = 60000.0",
    "cooldown_weeks": "Write cooldown_weeks = 2",
    "estimator": 'Write estimator = "synthetic_control"',
    "inference": 'Write inference = "block_conformal"',
    "level": "Write level = 0.9",
    "exclude": 'Write exclude = ["Kiel"]',
    "starts": "Write [starts] at the end of the file and below it a line a geo, such as Bremen = 2026-03-16",
    "cells": 'Write cells = "each", or [cells] at the end of the file and below it north = ["Hamburg", "Bremen"]',
    "schedule": 'Write schedule = "schedule.csv"',
}


def test_values(file: Path) -> tuple[dict[str, Any], str]:
    """The settings of a test file, lists as tuples, and its text.

    Raises
    ------
    InputError
        Where the file is missing, not TOML, or settings are unknown, missing or of the wrong type.
    """
    tree, text = _parse(file)
    problems = _type_problems(tree, file.name, text)
    if problems:
        raise InputError(problems)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in tree.items()}
    if tree.get("cells") == "each":
        values["cells"] = {"each": ()}
    elif "cells" in tree:
        values["cells"] = {name: tuple(geos) for name, geos in tree["cells"].items()}
    return values, text


test_values.__test__ = False  # type: ignore[attr-defined]  # pytest would take its name for a test


def placed(problem: Problem, file: str, text: str) -> Problem:
    """The problem with file and line of its setting."""
    return Problem(
        message=problem.message,
        remedy=problem.remedy,
        file=file,
        line=_line_of(problem.column, text),
        column=problem.column,
        value=problem.value,
        severity=problem.severity,
    )


def _parse(file: Path) -> tuple[dict[str, Any], str]:
    if not file.is_file():
        raise InputError.of("there is no such geo test file", "Pass the path of a .toml file", file=str(file))
    return read_toml(file, "the test is")


def _type_problems(tree: dict[str, Any], file: str, text: str) -> list[Problem]:
    problems = [
        Problem(message=f"'{name}' is missing", remedy=f"Add {name} = …", file=file, column=name)
        for name in _REQUIRED
        if name not in tree
    ]
    for name, value in tree.items():
        line = _line_of(name, text)
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, 1)
            remedy = f"Did you mean '{near[0]}'?" if near else f"Remove it; known: {', '.join(_FIELDS)}"
            message = f"'{name}' is not a setting of a geo test"
        elif not _fits(name, value):
            message, remedy = f"'{name}' has the wrong type", _EXAMPLES[name]
        else:
            continue
        problems.append(
            Problem(message=message, remedy=remedy, file=file, line=line, column=name, value=shorten(value))
        )
    return problems


def _fits(name: str, value: object) -> bool:
    if isinstance(value, bool | datetime):
        return False
    if isinstance(value, list):
        return name in {"treated", "exclude"} and _names(value)
    if name == "starts":
        return isinstance(value, dict) and all(
            isinstance(day, date) and not isinstance(day, datetime) for day in value.values()
        )
    if name == "cells":
        return value == "each" or (isinstance(value, dict) and all(_names(geos) for geos in value.values()))
    return isinstance(value, cast("type", _FIELDS[name]))


def _names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _line_of(name: str, text: str) -> int | None:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=|\s*\[\s*{re.escape(name)}\s*\]", line):
            return number
    return None
