"""Spoilt copies of a workspace: each spoiler breaks one thing and says where the message must point.

A spoiler edits the files of a *copied* workspace in place. It reads ``liftwerk.toml`` to find the panel and its
columns, so it works on any workspace whose panel is a CSV file::

    for name, spoiler in SPOILERS.items():
        copy = shutil.copytree(workspace, tmp_path / name)
        expected = spoiler(copy, np.random.default_rng(1))
        if expected is None:        # the workspace has nothing that this spoiler could break
            continue
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What one of the problems reported must contain.

    Attributes
    ----------
    place
        Fragment of ``Problem.place`` (file, line, column).
    remedy
        Fragment of ``Problem.remedy``.
    """

    place: str
    remedy: str


Spoiler = Callable[[Path, np.random.Generator], "Expected | None"]
SPOILERS: dict[str, Spoiler] = {}
SETTINGS = "liftwerk.toml"


def spoiler(function: Spoiler) -> Spoiler:
    """Register a spoiler under its name."""
    SPOILERS[function.__name__] = function  # type: ignore[attr-defined]
    return function


class PanelFile:
    """The panel of a workspace as rows of text."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8"))
        self.panel = self.settings["panel"]
        self.name: str = self.panel["file"]
        text = (root / self.name).read_text(encoding="utf-8-sig")
        self.delimiter = max(";,\t", key=text.split("\n", 1)[0].count)
        self.header, *self.rows = list(csv.reader(io.StringIO(text), delimiter=self.delimiter))

    date = property(lambda self: self.panel["date"])
    geo = property(lambda self: self.panel.get("geo"))
    outcome = property(lambda self: self.panel["outcome"])

    @property
    def channel(self) -> str:
        return next(iter(self.panel["channels"]))

    @property
    def spend(self) -> str:
        return self.panel["channels"][self.channel]["spend"]

    @property
    def with_exposure(self) -> tuple[str, str] | None:
        pairs = [(section["spend"], section.get("exposure")) for section in self.panel["channels"].values()]
        return next(((spend, exposure) for spend, exposure in pairs if exposure and exposure != spend), None)

    def at(self, column: str) -> int:
        return self.header.index(column)

    def pick(self, rng: np.random.Generator) -> int:
        """A row in the middle of the file."""
        return int(rng.integers(len(self.rows) // 4, 3 * len(self.rows) // 4))

    def get(self, row: int, column: str) -> str:
        return self.rows[row][self.at(column)]

    def set(self, row: int, column: str, value: str) -> str:
        """Write a cell and return its place as a problem names it."""
        self.rows[row][self.at(column)] = value
        return f"{self.name}:{row + 2}, '{column}'"

    def set_all(self, column: str, value: str | Callable[[str], str]) -> str:
        for row in self.rows:
            row[self.at(column)] = value if isinstance(value, str) else value(row[self.at(column)])
        return f"{self.name}, '{column}'"

    def text(self) -> str:
        stream = io.StringIO()
        csv.writer(stream, delimiter=self.delimiter, lineterminator="\n").writerows([self.header, *self.rows])
        return stream.getvalue()

    def save(self) -> None:
        (self.root / self.name).write_text(self.text(), encoding="utf-8")

    def dates(self) -> list[str]:
        return sorted({row[self.at(self.date)] for row in self.rows})

    def keep(self, wanted: Callable[[str, str], bool]) -> None:
        """Keep rows by (geo, date)."""
        geo = (lambda row: row[self.at(self.geo)]) if self.geo else (lambda row: "")
        self.rows = [row for row in self.rows if wanted(geo(row), row[self.at(self.date)])]


def _cell(
    root: Path, rng: np.random.Generator, column: Callable[[PanelFile], str], value: str, remedy: str
) -> Expected:
    panel = PanelFile(root)
    place = panel.set(panel.pick(rng), column(panel), value)
    panel.save()
    return Expected(place=place, remedy=remedy)


# --- cells -----------------------------------------------------------------------------------------------------------
@spoiler
def negative_spend(root, rng):
    return _cell(root, rng, lambda panel: panel.spend, "-125.5", "refunds")


@spoiler
def negative_exposure(root, rng):
    if PanelFile(root).with_exposure is None:
        return None
    return _cell(root, rng, lambda panel: panel.with_exposure[1], "-3", "Enter what was booked")


@spoiler
def text_in_spend(root, rng):
    return _cell(root, rng, lambda panel: panel.spend, "about 300", "Enter a number")


@spoiler
def text_in_outcome(root, rng):
    return _cell(root, rng, lambda panel: panel.outcome, "follows", "Enter a number")


@spoiler
def spreadsheet_error(root, rng):
    return _cell(root, rng, lambda panel: panel.outcome, "#REF!", "Mend the formula")


@spoiler
def missing_outcome(root, rng):
    return _cell(root, rng, lambda panel: panel.outcome, "", "Fill it in")


@spoiler
def missing_spend(root, rng):
    return _cell(root, rng, lambda panel: panel.spend, "n/a", "Fill it in")


@spoiler
def infinite_outcome(root, rng):
    return _cell(root, rng, lambda panel: panel.outcome, "inf", "division by zero")


@spoiler
def overflowing_outcome(root, rng):
    return _cell(root, rng, lambda panel: panel.outcome, "1e999", "division by zero")


@spoiler
def decimal_comma_in_a_point_file(root, rng):
    return _cell(root, rng, lambda panel: panel.spend, "1.234,5", "the same way")


@spoiler
def unclear_thousands(root, rng):
    return _cell(root, rng, lambda panel: panel.outcome, "91,234", "without thousands separator")


@spoiler
def date_in_a_number_column(root, rng):
    return _cell(root, rng, lambda panel: panel.spend, "12.03.2026", "as number")


@spoiler
def foreign_currency_sign(root, rng):
    ours = PanelFile(root).settings["workspace"]["currency"]
    return _cell(root, rng, lambda panel: panel.spend, "£ 310.50" if ours != "GBP" else "€ 310.50", f"to {ours}")


@spoiler
def two_currencies(root, rng):
    panel = PanelFile(root)
    ours = panel.settings["workspace"]["currency"]
    panel.header.append("currency")
    for row in panel.rows:
        row.append(ours)
    place = panel.set(panel.pick(rng), "currency", "CHF")
    panel.save()
    return Expected(place=place, remedy=f"to {ours}")


@spoiler
def zero_population(root, rng):
    if "population" not in PanelFile(root).panel:
        return None
    return _cell(root, rng, lambda panel: panel.panel["population"], "0", "true number")


# --- dates -----------------------------------------------------------------------------------------------------------
@spoiler
def date_in_words(root, rng):
    return _cell(root, rng, lambda panel: panel.date, "last Monday", "yyyy-mm-dd")


@spoiler
def date_missing(root, rng):
    return _cell(root, rng, lambda panel: panel.date, "", "Fill it in")


@spoiler
def day_that_does_not_exist(root, rng):
    return _cell(root, rng, lambda panel: panel.date, "2026-02-30", "Correct it")


@spoiler
def date_in_another_format(root, rng):
    return _cell(root, rng, lambda panel: panel.date, "16.03.2026", "the same way")


@spoiler
def day_number_of_a_sheet(root, rng):
    return _cell(root, rng, lambda panel: panel.date, "46097", "as date")


@spoiler
def month_and_day_mixed(root, rng):
    panel = PanelFile(root)
    panel.set_all(panel.date, lambda day: dt.date.fromisoformat(day).strftime("%d/%m/%Y"))
    row = next(index for index in range(panel.pick(rng), 0, -1) if int(panel.get(index, panel.date)[:2]) > 12)
    day, month, year = panel.get(row, panel.date).split("/")
    place = panel.set(row, panel.date, f"{month}/{day}/{year}")
    panel.save()
    return Expected(place=place, remedy="yyyy-mm-dd")


@spoiler
def day_and_month_ambiguous(root, rng):
    panel = PanelFile(root)
    days = [f"{day:02d}/{month:02d}/2026" for month in range(1, 13) for day in range(1, 13)]
    known = panel.dates()
    panel.set_all(panel.date, lambda day: days[known.index(day) % len(days)])
    panel.save()
    return Expected(place=f"{panel.name}:2, '{panel.date}'", remedy="yyyy-mm-dd")


@spoiler
def week_on_another_day(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    moved = dt.date.fromisoformat(panel.get(row, panel.date)) + dt.timedelta(days=2)
    place = panel.set(row, panel.date, moved.isoformat())
    panel.save()
    return Expected(place=place, remedy="Give every week the date of its")


@spoiler
def months_instead_of_weeks(root, rng):
    panel = PanelFile(root)
    every_fourth = set(panel.dates()[::4])
    panel.keep(lambda _, day: day in every_fourth)
    panel.save()
    return Expected(place=f"{panel.name}, '{panel.date}'", remedy="weeks")


@spoiler
def total_row(root, rng):
    panel = PanelFile(root)
    panel.rows.append([*panel.rows[-1]])
    place = panel.set(len(panel.rows) - 1, panel.date, "Summe")
    panel.save()
    return Expected(place=place, remedy="Remove the total row")


# --- calendar --------------------------------------------------------------------------------------------------------
@spoiler
def duplicate_row(root, rng):
    panel = PanelFile(root)
    panel.rows.append([*panel.rows[panel.pick(rng)]])
    panel.save()
    return Expected(place=f"{panel.name}:{len(panel.rows) + 1}, '{panel.date}'", remedy="Remove one of the rows")


@spoiler
def geo_week_missing(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    days = panel.dates()
    geo, gap = panel.get(0, panel.geo), days[int(rng.integers(10, len(days) - 10))]
    panel.keep(lambda name, day: (name, day) != (geo, gap))
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy="Add the row")


@spoiler
def week_missing_everywhere(root, rng):
    panel = PanelFile(root)
    days = panel.dates()
    gap = days[int(rng.integers(10, len(days) - 10))]
    panel.keep(lambda _, day: day != gap)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy="Add its rows")


@spoiler
def geo_starts_late(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    geo, start = panel.get(0, panel.geo), panel.dates()[5]
    panel.keep(lambda name, day: name != geo or day >= start)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"start the whole panel on {start}")


@spoiler
def geo_ends_early(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    geo, stop = panel.get(0, panel.geo), panel.dates()[-6]
    panel.keep(lambda name, day: name != geo or day <= stop)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"last_complete = {stop}")


@spoiler
def last_week_lacks_geos(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    geo, *_, before, last = panel.get(0, panel.geo), *panel.dates()
    panel.keep(lambda name, day: day != last or name != geo)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"last_complete = {before}")


@spoiler
def partial_last_week(root, rng):
    panel = PanelFile(root)
    *_, before, last = panel.dates()
    columns = [panel.outcome, *(section["spend"] for section in panel.panel["channels"].values())]
    for row in range(len(panel.rows)):
        if panel.get(row, panel.date) == last:
            for column in columns:
                panel.set(row, column, f"{float(panel.get(row, column)) * 0.3:.2f}")
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"last_complete = {before}")


# --- columns ---------------------------------------------------------------------------------------------------------
@spoiler
def channel_never_spent(root, rng):
    panel = PanelFile(root)
    place = panel.set_all(panel.spend, "0")
    panel.save()
    return Expected(place=place, remedy=f"Remove [panel.channels.{panel.channel}]")


@spoiler
def constant_control(root, rng):
    panel = PanelFile(root)
    if not panel.panel.get("controls"):
        return None
    place = panel.set_all(panel.panel["controls"][0], "100")
    panel.save()
    return Expected(place=place, remedy="Remove it from panel.controls")


@spoiler
def constant_outcome(root, rng):
    panel = PanelFile(root)
    place = panel.set_all(panel.outcome, "5000")
    panel.save()
    return Expected(place=place, remedy="Check the export")


@spoiler
def spend_without_exposure(root, rng):
    panel = PanelFile(root)
    if panel.with_exposure is None:
        return None
    exposure, start = panel.with_exposure[1], panel.pick(rng)
    for row in range(start, start + len(panel.rows) // 10):
        panel.set(row, exposure, "0")
    panel.save()
    return Expected(place=f"'{exposure}'", remedy="Enter the exposure")


@spoiler
def spend_column_renamed(root, rng):
    panel = PanelFile(root)
    wanted = panel.spend
    panel.header[panel.at(wanted)] = wanted.upper()
    panel.save()
    return Expected(place=f"{panel.name}:1, '{wanted}'", remedy=f"Did you mean '{wanted.upper()}'")


@spoiler
def date_column_missing(root, rng):
    panel = PanelFile(root)
    wanted, index = panel.date, panel.at(panel.date)
    panel.header.pop(index)
    for row in panel.rows:
        row.pop(index)
    panel.save()
    return Expected(place=f"{panel.name}:1, '{wanted}'", remedy="Use one of")


@spoiler
def header_twice(root, rng):
    panel = PanelFile(root)
    panel.header.append(panel.spend)
    for row in panel.rows:
        row.append(row[panel.at(panel.spend)])
    panel.save()
    return Expected(place=f"{panel.name}:1, '{panel.spend}'", remedy="Rename or remove one of them")


@spoiler
def geo_in_two_spellings(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    row = panel.pick(rng)
    right = panel.get(row, panel.geo)
    place = panel.set(row, panel.geo, f"{right.lower()} ")
    panel.save()
    return Expected(place=place, remedy=f"Write '{right}' in every row")


@spoiler
def geo_missing(root, rng):
    if not PanelFile(root).geo:
        return None
    return _cell(root, rng, lambda panel: panel.geo, "  ", "Fill it in")


# --- the file as a whole ---------------------------------------------------------------------------------------------
@spoiler
def empty_file(root, rng):
    panel = PanelFile(root)
    (root / panel.name).write_bytes(b"")
    return Expected(place=panel.name, remedy="Export the data again")


@spoiler
def blank_file(root, rng):
    panel = PanelFile(root)
    (root / panel.name).write_bytes(b"\xef\xbb\xbf\r\n \r\n")
    return Expected(place=panel.name, remedy="Export the data again")


@spoiler
def header_only(root, rng):
    panel = PanelFile(root)
    panel.rows = []
    panel.save()
    return Expected(place=f"{panel.name}:1", remedy="one row for each period")


@spoiler
def file_missing(root, rng):
    panel = PanelFile(root)
    path = root / panel.name
    path.rename(path.with_name(f"old_{path.name}"))
    return Expected(place=panel.name, remedy=f"Did you mean 'old_{path.name}'")


@spoiler
def latin_letters(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.set(row, panel.geo or panel.date, "Thüringen")
    (root / panel.name).write_bytes(panel.text().encode("cp1252", errors="replace"))
    first = next(line for line, text in enumerate(panel.text().splitlines(), start=1) if not text.isascii())
    return Expected(place=f"{panel.name}:{first}", remedy="UTF-8")


@spoiler
def letters_lost(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.set(row, panel.geo or panel.date, "Th\ufffdringen")
    panel.save()
    return Expected(place=f"{panel.name}:{row + 2}", remedy="UTF-8")


@spoiler
def workbook_named_csv(root, rng):
    panel = PanelFile(root)
    pd.DataFrame(panel.rows, columns=panel.header).to_excel(root / "panel.xlsx", index=False)
    (root / "panel.xlsx").replace(root / panel.name)
    return Expected(place=panel.name, remedy="true ending")


@spoiler
def row_too_long(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.rows[row].append("7")
    panel.save()
    return Expected(place=f"{panel.name}:{row + 2}", remedy="in quotes")


@spoiler
def row_too_short(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.rows[row].pop()
    panel.save()
    return Expected(place=f"{panel.name}:{row + 2}", remedy="Fill the row up")


@spoiler
def torn_parquet(root, rng):
    panel = PanelFile(root)
    pd.DataFrame(panel.rows, columns=panel.header).to_parquet(root / "panel.parquet")
    whole = (root / "panel.parquet").read_bytes()
    (root / "panel.parquet").write_bytes(whole[: len(whole) // 2])
    _set(root, "panel", "file", '"panel.parquet"')
    return Expected(place="panel.parquet", remedy="Export it again")


@spoiler
def several_sheets(root, rng):
    panel = PanelFile(root)
    table = pd.DataFrame(panel.rows, columns=panel.header)
    with pd.ExcelWriter(root / "panel.xlsx") as book:
        table.to_excel(book, sheet_name="2025", index=False)
        table.to_excel(book, sheet_name="2026", index=False)
    _set(root, "panel", "file", '"panel.xlsx"')
    return Expected(place="panel.xlsx", remedy="Name the right one")


@spoiler
def unknown_ending(root, rng):
    panel = PanelFile(root)
    (root / panel.name).rename(root / "panel.docx")
    _set(root, "panel", "file", '"panel.docx"')
    return Expected(place="panel.docx", remedy="Save it as one of")


# --- settings --------------------------------------------------------------------------------------------------------
def _set(root: Path, table: str, key: str, value: str) -> int:
    """Set ``key = value`` in ``[table]`` (replacing it) and return its line."""
    lines = (root / SETTINGS).read_text(encoding="utf-8").splitlines()
    header = next(index for index, line in enumerate(lines) if line.startswith(f"[{table}]"))
    end = next((index for index in range(header + 1, len(lines)) if lines[index].startswith("[")), len(lines))
    body = [line for line in lines[header + 1 : end] if not re.match(rf"{key}\s*=", line)]
    lines[header:end] = [lines[header], f"{key} = {value}", *body]
    (root / SETTINGS).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return header + 2


def _append(root: Path, text: str) -> int:
    """Append to the settings and return the line on which the text starts."""
    known = (root / SETTINGS).read_text(encoding="utf-8").rstrip("\n") + "\n"
    (root / SETTINGS).write_text(known + text, encoding="utf-8")
    return known.count("\n") + 1


@spoiler
def settings_not_toml(root, rng):
    line = _append(root, "total = = 3\n")
    return Expected(place=f"{SETTINGS}:{line}", remedy="Mend that line")


@spoiler
def settings_not_utf8(root, rng):
    path = root / SETTINGS
    path.write_bytes(path.read_bytes() + "# für später\n".encode("cp1252"))
    return Expected(place=SETTINGS, remedy="UTF-8")


@spoiler
def settings_missing(root, rng):
    (root / SETTINGS).unlink()
    return Expected(place=SETTINGS, remedy="liftwerk init")


@spoiler
def setting_misspelt(root, rng):
    line = _set(root, "panel", "outcom", '"revenue"')
    return Expected(place=f"{SETTINGS}:{line}, 'panel.outcom'", remedy="Did you mean 'outcome'")


@spoiler
def outcome_not_named(root, rng):
    path = root / SETTINGS
    path.write_text(re.sub(r"(?m)^outcome\s*=.*\n", "", path.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    return Expected(place=f"{SETTINGS}:", remedy="Add outcome = …")


@spoiler
def setting_of_the_wrong_type(root, rng):
    line = _set(root, "budget", "max_change", '"a little"')
    return Expected(place=f"{SETTINGS}:{line}, 'budget.max_change'", remedy="Correct")


@spoiler
def budget_negative(root, rng):
    line = _set(root, "budget", "total", "-5.0")
    return Expected(place=f"{SETTINGS}:{line}, 'budget.total'", remedy="Correct")


@spoiler
def locale_unknown(root, rng):
    line = _set(root, "workspace", "locale", '"xx_YY"')
    return Expected(place=f"{SETTINGS}:{line}, 'workspace.locale'", remedy="Correct")


@spoiler
def rule_for_an_unknown_channel(root, rng):
    line = _append(root, '\n[[budget.rules]]\nkind = "fixed"\nchannel = "skywriting"\nvalue = 5.0\n')
    return Expected(place=f"{SETTINGS}:{line + 3}, 'budget.rules.", remedy="Use one of")


@spoiler
def column_used_twice(root, rng):
    panel = PanelFile(root)
    _append(root, f'\n[panel.channels.again]\nspend = "{panel.spend}"\n')
    return Expected(place="'panel.channels.again.spend'", remedy="Name another column")


@spoiler
def holidays_of_nowhere(root, rng):
    line = _set(root, "panel", "holidays", '"QQ"')
    return Expected(place=f"{SETTINGS}:{line}, 'panel.holidays'", remedy="ISO country code")


@spoiler
def last_complete_before_the_data(root, rng):
    line = _set(root, "panel", "last_complete", "1999-12-27")
    return Expected(place=f"{SETTINGS}:{line}, 'panel.last_complete'", remedy="Set last_complete")


@spoiler
def lift_test_of_an_unknown_geo(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    day = panel.dates()[-5]
    _append(
        root,
        f'\n[[lift_tests]]\nchannel = "{panel.channel}"\ngeos = ["Atlantis"]\nstart = {day}\nend = {panel.dates()[-2]}\n'
        "incremental_outcome = 5.0\nstandard_error = 1.0\nincremental_spend = 2.0\n",
    )
    return Expected(place=f"{SETTINGS}:", remedy="Use one of")


@spoiler
def lift_test_outside_the_panel(root, rng):
    panel = PanelFile(root)
    line = _append(
        root,
        f'\n[[lift_tests]]\nchannel = "{panel.channel}"\nstart = 2001-01-01\nend = 2001-02-01\n'
        "incremental_outcome = 5.0\nstandard_error = 1.0\nincremental_spend = 2.0\n",
    )
    return Expected(place=f"{SETTINGS}:{line + 3}", remedy="The panel runs from")


# --- geo tests and event tables --------------------------------------------------------------------------------------
def _geo_test(root: Path, text: str) -> str:
    (root / "geo_tests").mkdir(exist_ok=True)
    (root / "geo_tests" / "spoilt.toml").write_text(text, encoding="utf-8")
    return "geo_tests/spoilt.toml"


@spoiler
def geo_test_of_an_unknown_geo(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    days = panel.dates()
    text = f'channel = "{panel.channel}"\ntreated = ["Atlantis"]\nstart = {days[-9]}\nend = {days[-5]}\n'
    return Expected(place=f"{_geo_test(root, text)}:2, 'treated'", remedy="Use one of")


@spoiler
def geo_test_ends_before_it_starts(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    days = panel.dates()
    treated = panel.get(0, panel.geo)
    text = f'channel = "{panel.channel}"\ntreated = ["{treated}"]\nstart = {days[-5]}\nend = {days[-9]}\n'
    return Expected(place=f"{_geo_test(root, text)}:4, 'end'", remedy="Swap start and end")


def _frame(root: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(root / name) if name.endswith(".parquet") else pd.read_csv(root / name)


def _save_frame(frame: pd.DataFrame, root: Path, name: str) -> None:
    if name.endswith(".parquet"):
        frame.to_parquet(root / name, index=False)
    else:
        frame.to_csv(root / name, index=False)


def _spoil_events(
    root: Path, rng: np.random.Generator, table: str, edit: Callable[[pd.DataFrame, int], str], remedy: str
) -> Expected | None:
    section = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8")).get("creatives")
    if section is None:
        return None
    frame = _frame(root, section[table])
    row = int(rng.integers(5, len(frame)))
    column = edit(frame, row)
    _save_frame(frame, root, section[table])
    return Expected(place=f"{section[table]}:{row + 2}, '{column}'", remedy=remedy)


@spoiler
def propensity_of_zero(root, rng):
    def edit(frame: pd.DataFrame, row: int) -> str:
        frame.loc[row, "propensity"] = 0.0
        return "propensity"

    return _spoil_events(root, rng, "decisions", edit, "probability with which")


@spoiler
def decision_logged_twice(root, rng):
    def edit(frame: pd.DataFrame, row: int) -> str:
        frame.loc[row, "decision_id"] = frame["decision_id"].iloc[0]
        return "decision_id"

    return _spoil_events(root, rng, "decisions", edit, "logged twice")


@spoiler
def reward_without_decision(root, rng):
    def edit(frame: pd.DataFrame, row: int) -> str:
        frame.loc[row, "decision_id"] = "nobody"
        return "decision_id"

    return _spoil_events(root, rng, "rewards", edit, "Export both logs")


@spoiler
def negative_duration_of_a_model_call(root, rng):
    section = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8")).get("content", {})
    files = sorted((root / section["tables"]).glob("gen_call.*")) if "tables" in section else []
    if not files:
        return None
    name = files[0].relative_to(root).as_posix()
    frame = _frame(root, name)
    row = int(rng.integers(5, len(frame)))
    frame["duration_ms"] = frame["duration_ms"].astype(float)
    frame.loc[row, "duration_ms"] = -4.0
    _save_frame(frame, root, name)
    return Expected(place=f"{name}:{row + 2}, 'duration_ms'", remedy="0 or more")
