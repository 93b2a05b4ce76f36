"""The business rules of a design, from a TOML file."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from geolift.candidates import SetRules
from measurement.errors import InputError, Problem, shorten
from measurement.toml_files import read_toml

_KNOWN = {
    "sizes": "sizes = [2, 3, 4]",
    "must_include": 'must_include = ["Hamburg"]',
    "must_exclude": 'must_exclude = ["Berlin"]',
    "holdout_share": "holdout_share = [0.6, 0.95]",
    "most_per_region": "most_per_region = 1",
    "region": '[region] and below it a line a geo, such as Hamburg = "north"',
    "neighbours": '[neighbours] and below it a line a geo, such as Hamburg = ["Bremen", "Kiel"]',
}


def read_rules(file: Path) -> SetRules:
    """Rules for `geolift.design.design_geo_test`.

    Raises
    ------
    InputError
        Where the file is missing, not TOML, or a rule is unknown or of the wrong type.
    """
    if not file.is_file():
        raise InputError.of("there is no such file of rules", "Pass the path of a .toml file", file=str(file))
    tree, _ = read_toml(file, "the rules are")
    problems = []
    for name, value in tree.items():
        if name not in _KNOWN:
            near = difflib.get_close_matches(name, _KNOWN, 1)
            remedy = f"Did you mean '{near[0]}'?" if near else f"Known: {', '.join(_KNOWN)}"
            problems.append(_problem(file, name, value, f"'{name}' is not a rule", remedy))
        elif not _fits(name, value):
            problems.append(_problem(file, name, value, f"'{name}' has the wrong type", f"Write {_KNOWN[name]}"))
    if problems:
        raise InputError(problems)
    return SetRules(**{name: _plain(value) for name, value in tree.items()})


def _problem(file: Path, name: str, value: object, message: str, remedy: str) -> Problem:
    return Problem(message=message, remedy=remedy, file=file.name, column=name, value=shorten(value))


def _fits(name: str, value: object) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if name == "most_per_region":
        return whole
    if name in {"must_include", "must_exclude"}:
        return _all(value, str)
    if name == "sizes":
        return _all(value, int)
    if name == "holdout_share":
        return isinstance(value, list) and len(value) == 2 and _all(value, int | float)
    if not isinstance(value, dict):
        return False
    return all(isinstance(v, str) if name == "region" else _all(v, str) for v in value.values())


def _all(value: object, kind: Any) -> bool:  # noqa: ANN401 - a type or a union of types
    return isinstance(value, list) and all(isinstance(item, kind) and not isinstance(item, bool) for item in value)


def _plain(value: Any) -> Any:  # noqa: ANN401 - what TOML holds
    return tuple(value) if isinstance(value, list) else value
