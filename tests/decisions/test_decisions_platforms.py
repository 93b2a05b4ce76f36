"""Files for advertising platforms: to the cent, only the cells that are meant, and no file that bites."""

from __future__ import annotations

import csv
import io
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.platform_template import fill_template
from decisions.platforms import GOOGLE_COLUMNS, campaign_days, campaign_weeks, write_google_ads
from decisions.refusal import Refusal
from measurement.errors import InputError
from measurement.settings import PlatformSection, Settings

BUDGET = {"search": 1000.01, "social": 700.0, "tv": 0.0}


def platform(**more: object) -> PlatformSection:
    campaigns = [
        {"name": "Brand", "channel": "search", "share": 0.3},
        {"name": "Generic", "channel": "search", "share": 0.7},
        {"name": "Prospecting", "channel": "social"},
        {"name": "Spot", "channel": "tv"},
    ]
    return PlatformSection.model_validate({"campaigns": campaigns, **more})


META = PlatformSection.model_validate(
    {"campaigns": [{"name": "Prospecting", "channel": "social", "share": 0.6}, {"name": "Größe", "channel": "social", "share": 0.4}],
     "name_column": "Campaign Name", "budget_column": "Daily Budget"}
)  # fmt: skip


def test_campaigns_add_up_to_their_channel_to_the_cent():
    weeks = campaign_weeks(platform(), BUDGET)
    assert weeks == {"Brand": 300.0, "Generic": 700.01, "Prospecting": 700.0, "Spot": 0.0}


@settings(max_examples=200, deadline=None)
@given(
    cents=st.integers(0, 10**9),
    parts=st.lists(st.integers(1, 1000), min_size=1, max_size=12),
)
def test_weeks_add_up_and_seven_days_miss_a_channel_by_less_than_seven_cents(cents, parts):
    shares = [part / sum(parts) for part in parts]
    campaigns = [{"name": f"c{at}", "channel": "tv", "share": share} for at, share in enumerate(shares)]
    section, budget = PlatformSection.model_validate({"campaigns": campaigns}), {"tv": cents / 100}
    weeks, days = campaign_weeks(section, budget), campaign_days(section, budget)
    assert sum(round(100 * money) for money in weeks.values()) == cents
    assert 0 <= cents - 7 * sum(round(100 * money) for money in days.values()) < 7
    assert all(money >= 0 for money in days.values())
    assert all(abs(7 * days[name] - weeks[name]) < 0.085 for name in weeks)


@pytest.mark.parametrize("name", ["=1+1", "+Brand", "-Brand", "@Brand", " =1+1", "\t=1", "|calc", "%calc"])
def test_a_campaign_that_a_spreadsheet_would_compute_is_refused_by_the_settings(name):
    with pytest.raises(ValueError, match="a spreadsheet would compute"):
        PlatformSection.model_validate({"campaigns": [{"name": name, "channel": "tv"}]})


def test_the_google_file_has_the_documented_columns_and_pauses_what_gets_nothing(tmp_path):
    write_google_ads(platform(), BUDGET, tmp_path / "g.csv")
    rows = list(csv.reader((tmp_path / "g.csv").read_text(encoding="utf-8").splitlines()))
    assert tuple(rows[0]) == GOOGLE_COLUMNS == ("Campaign", "Campaign daily budget", "Campaign status")
    assert rows[1:] == [
        ["Brand", "42.85", ""],
        ["Generic", "100.00", ""],
        ["Prospecting", "100.00", ""],
        ["Spot", "", "Paused"],
    ]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", 'Campaign Name,Status,Daily Budget\nProspecting,on,1.00\n"Größe",on,2\nOther,"a, b",3\n'),
        ("utf-16", "Campaign Name\tStatus\tDaily Budget\r\nProspecting\ton\t1.00\r\nGröße\ton\t2\r\nOther\ta\t3\r\n"),
        ("utf-8-sig", "Campaign Name;Status;Daily Budget\r\nProspecting;on;1,00\r\nGröße;on;2,50\r\nOther;a;3,00"),
        (
            "cp1252",
            '"Campaign Name","Status","Daily Budget"\n"Prospecting","on","1.00"\n"Größe","on","2"\n"Other","a","3"\n',
        ),
    ],
)
def test_only_the_budget_cells_of_a_template_change(tmp_path, encoding, text):
    file = tmp_path / "template.csv"
    file.write_bytes(text.encode(encoding))
    filled = fill_template(file, META, BUDGET)
    point = "," if ";" in text else "."
    assert [(one.row, one.campaign, one.after) for one in filled.changes] == [
        (2, "Prospecting", f"60{point}00"), (3, "Größe", f"40{point}00")
    ]  # fmt: skip
    assert filled.untouched == 1
    assert file.read_bytes() == text.encode(encoding)  # nothing is written until asked for
    filled.write(tmp_path / "out.csv")
    before, after = text, (tmp_path / "out.csv").read_bytes().decode(encoding)
    separator = next(one for one in "\t;," if one in before.split("\n", 1)[0])
    parse = lambda said: list(csv.reader(io.StringIO(said), delimiter=separator))  # noqa: E731
    changed = [
        (r, c) for r, row in enumerate(parse(after)) for c, cell in enumerate(row) if cell != parse(before)[r][c]
    ]
    assert changed == [(1, 2), (2, 2)]
    assert ("\r\n" in after, after.endswith("\n")) == ("\r\n" in before, before.endswith("\n"))
    assert after.count('"') == before.count('"') or encoding == "utf-8"
    again = tmp_path / "out.csv"
    assert fill_template(again, META, BUDGET).changes == ()


def test_a_workbook_keeps_everything_else(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Campaign Name", "Daily Budget", "Note"])
    for row in (["Prospecting", 1, "=1+1"], ["Größe", 2, "x"], ["Other", 3, "y"]):
        book.active.append(row)
    book.active["A1"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("Second")["A1"] = "kept"
    book.save(tmp_path / "t.xlsx")
    filled = fill_template(tmp_path / "t.xlsx", META, BUDGET)
    filled.write(tmp_path / "out.xlsx")
    out = openpyxl.load_workbook(tmp_path / "out.xlsx")
    assert [[cell.value for cell in row] for row in out.active.iter_rows(min_row=2)] == [
        ["Prospecting", 60, "=1+1"], ["Größe", 40, "x"], ["Other", 3, "y"]
    ]  # fmt: skip
    assert out["Second"]["A1"].value == "kept"
    assert out.active["A1"].font.bold


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", b"", "no column"),
        ("t.csv", b"a,b\n1,2\n", "no column"),
        ("t.csv", b"Campaign Name,Daily Budget,daily budget\nx,1,2\n", "twice"),
        ("t.csv", b"Campaign Name,Daily Budget\nProspecting,1\n", "lacks campaigns"),
        ("t.xlsx", b"PK\x03\x04 not a workbook", "not a workbook"),
        ("t.xlsx", b"", "not a workbook"),
        ("t.csv", b"\xff\xfe\x00", "no column|not text"),
        ("missing.csv", None, "no such file"),
    ],
)
def test_a_template_that_does_not_fit_is_named(tmp_path, name, content, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        fill_template(tmp_path / name, META, BUDGET)


def test_a_campaign_twice_in_the_template_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text(
        "Campaign Name,Daily Budget\nProspecting,1\nProspecting,2\nGröße,1\n", encoding="utf-8"
    )
    with pytest.raises(Refusal, match="twice"):
        fill_template(tmp_path / "t.csv", META, BUDGET)


def test_a_bomb_is_not_unpacked(tmp_path):
    file = tmp_path / "bomb.xlsx"
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed,
        packed.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as stream,
    ):
        for _ in range(210):
            stream.write(b"\0" * 2**20)
    assert file.stat().st_size < 2**20
    with pytest.raises(InputError, match="unpacks"):
        fill_template(file, META, BUDGET)


@pytest.mark.parametrize(
    ("campaigns", "said"),
    [
        ([], "at least 1"),
        ([{"name": "a", "channel": "tv", "share": 0.5}], "add up"),
        ([{"name": "a", "channel": "tv", "share": 0.5}, {"name": "b", "channel": "tv"}], "every campaign"),
        ([{"name": "a", "channel": "tv"}, {"name": "a", "channel": "tv"}], "twice"),
    ],
)
def test_settings_that_do_not_add_up_are_refused(campaigns, said):
    with pytest.raises(ValueError, match=said):
        PlatformSection.model_validate({"campaigns": campaigns})


def test_a_campaign_of_an_unknown_channel_is_named_in_the_settings(tmp_path):
    panel = {"file": "p.csv", "date": "week", "outcome": "y", "channels": {"tv": {"spend": "tv"}}}
    with pytest.raises(ValueError, match="channel"):
        Settings.model_validate({"panel": panel, "platforms": {"x": {"campaigns": [{"name": "a", "channel": "tvv"}]}}})
