"""The files of a week: right to the cent, readable anywhere, dangerous nowhere."""

from __future__ import annotations

import csv
import json
import math
import re
import string
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from bs4 import BeautifulSoup

from decisions.export import write_export
from decisions.labels import file_stem, neutral
from decisions.recommendation import Stability
from measurement.wording import read_catalogue

#: A workbook keeps 15 figures of a number, as every spreadsheet does.
DIGITS = 1e-15
CATALOGUES = Path(__file__).resolve().parents[2] / "decisions" / "wording"


@pytest.fixture(scope="module")
def week(decision, tmp_path_factory) -> Path:
    return write_export(decision, tmp_path_factory.mktemp("exports"), Stability())


@pytest.fixture(scope="module")
def blocked_week(blocked, tmp_path_factory) -> Path:
    return write_export(blocked, tmp_path_factory.mktemp("exports"), Stability())


def test_the_same_decision_gives_the_same_bytes(decision, week, tmp_path):
    other = write_export(decision, tmp_path, Stability())
    names = {file.relative_to(week) for file in week.rglob("*") if file.is_file()}
    assert names == {file.relative_to(other) for file in other.rglob("*") if file.is_file()}
    for name in names:
        assert (week / name).read_bytes() == (other / name).read_bytes(), name


def test_csv_has_the_decision_to_the_cent_and_no_formula(decision, week):
    with (week / "budget.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [float(row["proposed"]) for row in rows] == [line.proposed for line in decision.channels]
    assert [row["channel"][0] for row in rows].count("=") == 0
    assert "'=cmd|'/c calc'!A1" in {row["channel"] for row in rows}


def test_workbook_round_trips_and_holds_no_formula_of_a_user(decision, week):
    book = openpyxl.load_workbook(week / "budget.xlsx")
    assert [sheet.title for sheet in book] == ["Entscheidung", "Kanäle", "Belege", "Methoden & Prüfungen"]
    formulas = [cell.value for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert all(re.fullmatch(r"=SUM\([A-E]\d+:[A-E]\d+\)", formula) for formula in formulas)
    first, channels = book.worksheets[:2]
    header = next(row[0].row for row in first.iter_rows(max_col=1) if row[0].value == "Kanal")
    rows = list(first.iter_rows(min_row=header + 1, max_row=header + len(decision.channels)))
    assert [[cell.value for cell in row[2:5]] for row in rows] == [
        [line.current, line.proposed, line.change] for line in decision.channels
    ]
    assert all("€" in cell.number_format for cell in rows[0][2:5])
    assert channels.freeze_panes is not None
    assert channels.auto_filter.ref is not None
    assert first.column_dimensions["A"].width > 15


def test_every_number_of_the_workbook_comes_back_as_it_was(decision, week):
    book = openpyxl.load_workbook(week / "budget.xlsx")
    first, channels, evidence = book.worksheets[:3]
    ends, at = (
        decision.gain.interval,
        next(row[0].row for row in first.iter_rows() if row[0].value == "Umzuschichten pro Woche"),
    )
    shown = [first.cell(at + down, 3).value for down in range(5)]
    facts = [decision.moved, decision.gain.value, ends.lower, ends.upper, decision.chance_of_loss]
    assert shown == pytest.approx(facts, rel=DIGITS)
    header = next(row[0].row for row in channels.iter_rows(max_col=1) if row[0].value == "Kanal")
    for row, line in zip(channels.iter_rows(min_row=header + 1), decision.channels, strict=True):
        gain, slope = line.move.gain, line.move.marginal_roas
        money = [line.current, line.proposed, line.change, gain.value, gain.interval.lower, gain.interval.upper]
        rest = [line.move.chance, slope.value, slope.interval.lower, slope.interval.upper]
        assert [cell.value for cell in row[2:8]] == [round(value, 2) for value in money]
        assert [cell.value for cell in row[8:12]] == pytest.approx(rest, rel=DIGITS)
    readings = [reading for line in decision.channels for reading in line.evidence.readings]
    dates = [row[6].value.date() for row in evidence.iter_rows() if hasattr(row[6].value, "date")]
    assert dates == [reading.until for reading in readings]
    # Sums that a program which does not compute, e.g. a preview, shows: the values kept beside the formulas.
    kept = openpyxl.load_workbook(week / "budget.xlsx", data_only=True).worksheets[0]
    total = next(row for row in kept.iter_rows() if row[0].value == "Summe")
    assert [total[2].value, total[3].value] == [decision.total_current, decision.total_proposed]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_check_without_a_number_is_written_as_text(decision, tmp_path, value):
    checks = [{"name": "r_hat", "passed": False, "value": value, "limit": 1.01, "remedy": "Raise draws"}]
    folder = write_export(replace(decision, checks=checks), tmp_path, Stability())
    cells = [cell.value for row in openpyxl.load_workbook(folder / "budget.xlsx").worksheets[-1] for cell in row]
    assert str(value) in cells


def test_report_needs_nothing_and_runs_nothing(week):
    text = (week / "report.html").read_text(encoding="utf-8")
    page = BeautifulSoup(text, "html.parser")
    assert not page.find_all(["script", "link", "img", "iframe", "form"])
    assert not [
        tag for tag in page.find_all(True) for name in tag.attrs if name.startswith("on") or name in {"src", "href"}
    ]
    assert "url(" not in text
    assert "@import" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert len(page.find_all("svg")) == 2
    assert page.html["lang"] == "de"
    assert page.h1.text == "18.000\xa0€ pro Woche umschichten"


def test_report_and_document_tell_the_same_reasons(decision, week):
    document = json.loads((week / "decision.json").read_text(encoding="utf-8"))
    text = BeautifulSoup((week / "report.html").read_text(encoding="utf-8"), "html.parser").text
    for line in document["channels"]:
        assert line["reasons"]["de"] in text
        assert line["change"] == pytest.approx(line["proposed"] - line["current"], abs=1e-9)
    assert document["total_proposed"] == pytest.approx(sum(line["proposed"] for line in document["channels"]))


def test_a_blocked_week_says_so_everywhere(blocked, blocked_week):
    document = json.loads((blocked_week / "decision.json").read_text(encoding="utf-8"))
    assert (document["status"], document["state"], document["moved"]) == ("unhealthy", "do_not_act", 0.0)
    assert all(line["proposed"] == line["current"] for line in document["channels"])
    page = BeautifulSoup((blocked_week / "report.html").read_text(encoding="utf-8"), "html.parser")
    assert page.h1.text == "Do not act this week"
    assert "Chains agree (R-hat)" in page.text
    assert openpyxl.load_workbook(blocked_week / "budget.xlsx").worksheets[0]["A1"].value == "Do not act this week"


def test_platform_files_add_up_and_stay_in_their_folder(decision, week):
    files = sorted((week / "platforms").iterdir())
    assert len(files) == len(decision.channels)
    assert all(set(file.stem) <= set(string.ascii_letters + string.digits + "_-") for file in files)
    rows = [row for file in files for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines())]
    assert sum(round(float(row["daily_budget"]) * 100) for row in rows) == round(decision.total_proposed * 100)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c", "..", "con:", "x" * 300, "\0", "Größe"])
def test_no_name_leaves_its_folder(name):
    stem = file_stem(name)
    assert stem
    assert Path(stem).name == stem
    assert len(stem) <= 60


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1+1", "\u3000=1", "\x00=1"]
)
def test_formulas_are_neutralised(text):
    assert neutral(text) == "'" + text
    assert neutral("search") == "search"


def test_both_catalogues_have_the_same_keys_and_fields():
    english, german = (read_catalogue(CATALOGUES / f"{language}.toml") for language in ("en", "de"))
    # Remedies come in English with the artifacts; only other languages need words of their own.
    assert english.keys() == {key for key in german if not key.startswith("remedy.")}
    assert {f"check.{key.removeprefix('remedy.')}" for key in german if key.startswith("remedy.")} <= german.keys()
    for key in english:
        fields = [
            {field for _, field, _, _ in string.Formatter().parse(text) if field}
            for text in (english[key], german[key])
        ]
        assert fields[0] == fields[1], key


def test_every_word_is_used():
    room = CATALOGUES.parent
    source = "\n".join(
        file.read_text(encoding="utf-8")
        for file in [*room.glob("*.py"), *room.glob("templates/*"), *(room.parent / "jobs").glob("*.py")]
    )
    composed = tuple(re.findall(r'"(\w+\.\w*)(?:\{|" ~)', source))
    for key in read_catalogue(CATALOGUES / "en.toml"):
        name = key.partition(".")[2]
        rule = key.startswith("rule.") and all(part in source for part in name.split("_"))
        assert rule or name in source or key.startswith(composed), key


RULES = (
    ("total budget 1,250,000", "Gesamtbudget 1.250.000 €", "Total budget €1,250,000"),
    (
        "total budget at least 900 (of which 50.50 in reserve)",
        "Gesamtbudget mindestens 900 €, davon 50,50 € Reserve",
        None,
    ),
    ("tv changes by at most 25% (at most 319,144)", "TV ändert sich um höchstens 25 % (höchstens 319.144 €)", None),
    (
        "tv in Hamburg changes by at most 12.5% (at least 3.25)",
        "TV in Hamburg ändert sich um höchstens 12,5 % (mindestens 3,25 €)",
        None,
    ),
    ("no channel changes by more than 25%", "Kein Kanal ändert sich um mehr als 25 %", None),
    ("out_of_home has no spend today (at most 0)", "Out of home hat heute keine Ausgaben (höchstens 0 €)", None),
    ("tv zero or at least 80,000", "TV null oder mindestens 80.000 €", None),
    ("brand at least 25% of the total", "Brand mindestens 25 % des Gesamtbudgets", None),
    ("tv + radio at most 90,000", "TV + Radio höchstens 90.000 €", None),
    ("search fixed at 12.50", "Search fest bei 12,50 €", "Search fixed at €12.50"),
    ("ROAS of the plan at least 1.5", "ROAS des Plans mindestens 1,50", None),
    ("cost per outcome of search at most 40", "Kosten je Ergebnis von Search höchstens 40 €", None),
    ("at most 3 active channels of tv + radio", "Höchstens 3 aktive Kanäle aus TV + Radio", None),
    ("at most 3 active channels", "Höchstens 3 aktive Kanäle", None),
    ("curve of tv is known from 1,000", "Die Kurve von TV ist ab 1.000 € bekannt", None),
    ("search at most 63,000 (2)", "Search höchstens 63.000 €", None),
    ("something new", "something new", "something new"),
)


@pytest.mark.parametrize(("name", "german", "english"), RULES)
def test_rules_have_names_in_both_languages(name, german, english):
    from decisions.rule_words import rule_in_words
    from decisions.sentences import wordings

    words = wordings("de_DE", "EUR")
    assert rule_in_words(name, words["de"]).replace("\xa0", " ") == german
    if english:
        assert rule_in_words(name, words["en"]) == english


def test_every_name_a_rule_can_have_is_known_in_words():
    import numpy as np

    from budget_optimizer.allocator import known_range
    from budget_optimizer.constraints import compile_rules
    from budget_optimizer.written_rules import rules_from_settings
    from decisions.rule_words import rule_in_words
    from decisions.sentences import wordings
    from measurement.curves import ResponseCurves
    from measurement.settings import BudgetSection

    curves = ResponseCurves(
        channels=("tv", "radio"), spend=np.array([[10.0, 900.0], [0.0, 900.0]]), outcome=np.ones((1, 2, 2)) * [0.0, 1.0],
        observed_spend=np.array([100.0, 0.0]), currency="EUR",
    )  # fmt: skip
    rules = [
        {"kind": "bounds", "channel": "tv", "min": 1, "max": 2.5},
        {"kind": "group", "channels": ["tv", "radio"], "min": 1, "max": 2, "min_share": 0.1, "max_share": 0.125},
        {"kind": "group", "channels": ["tv"], "name": "brand", "min": 1},
        {"kind": "min_if_active", "channel": "tv", "min": 3},
        {"kind": "target_roas", "value": 2}, {"kind": "target_roas", "value": 2, "channel": "tv"},
        {"kind": "target_cpa", "value": 2}, {"kind": "target_cpa", "value": 2, "channel": "tv"},
        {"kind": "fixed", "channel": "tv", "value": 3}, {"kind": "max_active", "count": 2},
        {"kind": "max_active", "count": 2, "channels": ["tv"]}, {"kind": "reserve", "value": 5},
    ]  # fmt: skip
    words = wordings("de_DE", "EUR")["de"]
    for total in ({"total": 100.0}, {"total_min": 10.0, "total_max": 200.0}):
        section = BudgetSection.model_validate({"max_change": 0.25, "rules": rules, **total})
        rows = [*known_range(curves), *compile_rules(rules_from_settings(section, curves), curves)]
        names = {row.name for row in rows} | {row.family for row in rows if row.family}
        assert len(names) > 10
        for name in names:
            assert rule_in_words(name, words) != name, name


def test_a_clash_is_told_in_both_languages():
    import numpy as np

    from budget_optimizer.clash import ClashError
    from decisions.rule_words import clash_in_words
    from decisions.scenario import Wishes, try_out
    from decisions.sentences import wordings
    from measurement.curves import ResponseCurves
    from measurement.settings import BudgetSection

    curves = ResponseCurves(
        channels=("tv", "out_of_home", "radio"), spend=np.array([[0.0, 9000.0]] * 3), outcome=np.ones((1, 3, 2)) * [0.0, 1.0],
        observed_spend=np.array([1000.0, 1000.0, 1000.0]), currency="EUR",
    )  # fmt: skip
    wishes = Wishes(total=6000.0, risk="balanced", max_change=0.25)
    with pytest.raises(ClashError) as caught:
        try_out(curves, BudgetSection(), wishes)
    words = wordings("de_DE", "EUR")
    german = [text.replace("\xa0", " ") for text in clash_in_words(caught.value.clash, words["de"])]
    assert german == [
        "Zusammen nicht erfüllbar: Gesamtbudget 6.000 €; Kein Kanal ändert sich um mehr als 25 % (3 Kanäle).",
        "Was am wenigsten kostet: „Gesamtbudget 6.000 €“ um 2.250 € senken.",
    ]
    assert clash_in_words(caught.value.clash, words["en"])[1] == (
        "The cheapest mend: lower “Total budget €6,000” by €2,250."
    )
    assert "lower 'total budget 6,000' by 2,250" in str(caught.value)
