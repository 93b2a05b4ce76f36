"""What is wrong with inputs, said in German: every part arrives, and every spoilt workspace is told in German."""

from __future__ import annotations

import re
import shutil
import tomllib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from decisions.problem_words import in_words
from measurement.errors import InputError, Problem
from measurement.readers.checks import check_workspace
from measurement.wording import Wording
from measurement.workspace import Workspace
from tests.measurement.small_workspace import build_workspace
from tests.measurement.spoilt_panels import SPOILERS

GERMAN = Wording(locale="de_DE", currency="EUR", messages={})
ENGLISH = Wording(locale="en_GB", currency="EUR", messages={})
LISTED = tomllib.loads((resources.files("decisions") / "wording" / "problems_de.toml").read_text(encoding="utf-8"))


def _said(message: str, remedy: str = "Check the export") -> Problem:
    return Problem(message=message, remedy=remedy, file="data/panel.csv", line=7, value="x")


@pytest.mark.parametrize("kind", ["message", "remedy"])
def test_no_sentence_loses_or_invents_a_part(kind: str) -> None:
    parts = re.compile(r"\{(\w+)\}")
    for english, german in LISTED[kind].items():
        assert sorted(parts.findall(english)) == sorted(parts.findall(german)), english


def test_parts_arrive_and_place_and_value_stay() -> None:
    found = in_words(
        _said("money was spent (tv_spend) without any reach", "Did you mean 'tv'? Otherwise remove it"), GERMAN
    )
    assert found.message == "es wurde Geld ausgegeben (tv_spend), aber ohne Reichweite"
    assert found.remedy == "War 'tv' gemeint? Sonst entfernen"
    assert (found.file, found.line, found.value) == ("data/panel.csv", 7, "x")


def test_what_is_gathered_from_many_lines_is_said_whole() -> None:
    found = in_words(_said("… and 4 more like this, on lines 138 to 141: the spend is negative"), GERMAN)
    assert found.message == "… und 4 weitere wie diese, in den Zeilen 138 bis 141: Ausgaben: der Wert ist negativ"


def test_hostile_parts_are_text() -> None:
    found = in_words(_said("no money was ever spent on the channel '{0.__class__}<b>'"), GERMAN)
    assert found.message == "für den Kanal '{0.__class__}<b>' wurde nie Geld ausgegeben"


def test_english_stays_and_the_unknown_is_shown_as_it_is() -> None:
    problem = _said("something nobody wrote down")
    assert in_words(problem, ENGLISH) is problem
    assert in_words(problem, GERMAN).message == "something nobody wrote down"


@pytest.mark.slow
def test_every_spoilt_workspace_is_told_in_german(tmp_path: Path) -> None:
    sound = build_workspace(tmp_path / "sound")
    silent = set()
    for name, spoiler in SPOILERS.items():
        copy = Path(shutil.copytree(sound, tmp_path / name))
        spoiler(copy, np.random.default_rng(1))
        try:
            problems = check_workspace(Workspace.open(copy))
        except InputError as error:
            problems = list(error.problems)
        for problem in problems:
            found = in_words(problem, GERMAN)
            silent |= {text for text in (problem.message, problem.remedy) if text in (found.message, found.remedy)}
    assert silent == set()
