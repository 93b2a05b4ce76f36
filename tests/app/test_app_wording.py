"""The catalogues speak of the same things in both languages."""

from __future__ import annotations

import re
import string
import tomllib
from importlib import resources
from pathlib import Path

from app.units import KPI_UNITS
from measurement.wording import read_catalogue

FOLDER = resources.files("app") / "wording"
EN, DE = (read_catalogue(FOLDER / f"{language}.toml") for language in ("en", "de"))


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys() -> None:
    assert set(EN) == set(DE)


def test_both_languages_have_the_same_fields() -> None:
    assert {key: _fields(DE[key]) for key in EN} == {key: _fields(EN[key]) for key in EN}


def test_every_kpi_of_the_contract_has_a_name() -> None:
    assert {f"kpi.{kpi}" for kpi in KPI_UNITS} <= set(EN)


def test_no_message_is_empty_or_left_in_english() -> None:
    same = {
        key for key in EN if EN[key] == DE[key] and len(re.findall(r"\b[a-z]{3,}\b", re.sub(r"{.*?}", "", EN[key]))) > 2
    }
    assert not same
    assert all(text.strip() for text in (*EN.values(), *DE.values()))


def test_the_theme_of_the_server_is_the_theme_of_the_figures() -> None:
    import app
    from app.theme import DARK, LIGHT

    config = tomllib.loads((Path(app.__file__).parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))[
        "theme"
    ]
    for mode, colours in (("light", LIGHT), ("dark", DARK)):
        found = config[mode]
        assert (found["backgroundColor"], found["textColor"], found["primaryColor"]) == (
            colours.paper,
            colours.ink,
            colours.accent,
        )
        assert found["borderColor"] == colours.line


def test_the_style_sheet_loads_nothing_from_anywhere() -> None:
    from app.theme import style_sheet

    assert not re.search(r"url\(|@import|https?:", style_sheet())


def test_every_kpi_stands_in_one_group_of_trends() -> None:
    from app.views.content_page import _GROUPS

    grouped = [kpi for members in _GROUPS.values() for kpi in members]
    assert sorted(grouped) == sorted(KPI_UNITS)
