"""Filling budgets into a template that somebody downloaded from a platform: only the budget cells change.

The file keeps its encoding, separator, line ends and every other cell. What would change is shown first; nothing is
written until asked for.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openpyxl

from decisions.platforms import campaign_amounts
from decisions.refusal import Refusal
from measurement.errors import InputError
from measurement.settings import PlatformSection
from measurement.store import write_atomically

#: A template is a list of campaigns, not a warehouse; what unpacks to more is not one.
LARGEST_BYTES = 20 * 2**20
LARGEST_UNPACKED = 200 * 2**20
_ENCODINGS = ("utf-8-sig", "utf-16", "cp1252")
_SEPARATORS = ("\t", ";", ",")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One cell: its row in the file (1 is the header), the campaign, and the text before and after."""

    row: int
    campaign: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What filling would do.

    Attributes
    ----------
    changes
        Cells that get another text.
    untouched
        Rows that belong to none of the platform's campaigns.
    content
        The filled file.
    """

    changes: tuple[Change, ...]
    untouched: int
    content: bytes

    def write(self, file: Path) -> None:
        """Write the filled file in one step."""
        write_atomically(file, self.content)


def fill_template(template: Path, platform: PlatformSection, budget: Mapping[str, float]) -> Filled:
    """Put the approved budget into a template, a CSV or an XLSX file.

    Parameters
    ----------
    template
        The file as it was downloaded.
    platform
        Campaigns and column names.
    budget
        Money a week by channel.

    Raises
    ------
    InputError
        A file that cannot be read, a column or a campaign it does not have.
    """
    if not template.is_file():
        raise InputError.of("there is no such file", "Correct the path", file=template.name)
    if template.stat().st_size > LARGEST_BYTES:
        raise _wrong(template, "the file is too large for a template", "Download the template anew")
    amounts = campaign_amounts(platform, budget)
    fill = _fill_workbook if template.suffix.lower() == ".xlsx" else _fill_text
    return fill(template, platform, amounts)


def _fill_text(template: Path, platform: PlatformSection, amounts: Mapping[str, float]) -> Filled:
    text, encoding = _decoded(template)
    end = "\r\n" if "\r\n" in text else "\n"
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    decimal = "," if separator == ";" and re.search(r"\d,\d{1,2}(?:;|\"|$)", text, re.MULTILINE) else "."
    name_at, budget_at = _columns(template, rows[0] if rows else [], platform)
    changes, untouched = _changes(template, rows, (name_at, budget_at), amounts, decimal)
    for change in changes:
        rows[change.row - 1][budget_at] = change.after
    stream = io.StringIO(newline="")
    quoted = first.lstrip("\ufeff").startswith('"')
    csv.writer(
        stream, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    ).writerows(rows)
    written = stream.getvalue() if text.endswith("\n") else stream.getvalue().removesuffix(end)
    return Filled(changes=tuple(changes), untouched=untouched, content=written.encode(encoding))


def _fill_workbook(template: Path, platform: PlatformSection, amounts: Mapping[str, float]) -> Filled:
    try:
        with zipfile.ZipFile(template) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_UNPACKED:
                raise _wrong(template, "the file unpacks to more than a template", "Download the template anew")
        book = openpyxl.load_workbook(template)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as broken:
        raise _wrong(template, "this is not a workbook", "Save it as .xlsx or .csv") from broken
    sheet: Any = book.active  # a chart sheet has no rows, and no template is one
    if sheet is None:
        raise _wrong(template, "the workbook has no sheet", "Download the template anew")
    rows = [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    name_at, budget_at = _columns(template, rows[0] if rows else [], platform)
    changes, untouched = _changes(template, rows, (name_at, budget_at), amounts, ".")
    for change in changes:
        sheet.cell(change.row, budget_at + 1).value = float(change.after)
    stream = io.BytesIO()
    book.save(stream)
    return Filled(changes=tuple(changes), untouched=untouched, content=stream.getvalue())


def _decoded(template: Path) -> tuple[str, str]:
    raw = template.read_bytes()
    order = ("utf-16", *_ENCODINGS) if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in order:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        plain = encoding == "utf-8-sig" and not raw.startswith(b"\xef\xbb\xbf")
        return text, "utf-8" if plain else encoding
    raise _wrong(template, "the file is not text", "Save it as CSV (UTF-8) or .xlsx")


def _columns(template: Path, header: Sequence[str], platform: PlatformSection) -> tuple[int, int]:
    names = [" ".join(name.split()).casefold() for name in header]
    found = []
    for wanted in (platform.name_column, platform.budget_column):
        key = " ".join(wanted.split()).casefold()
        if names.count(key) != 1:
            raise InputError.of(
                "the template has no column of this name" if key not in names else "the template has this column twice",
                f"Set name_column and budget_column to two of: {', '.join(header)[:200] or '(no header found)'}",
                file=template.name,
                column=wanted,
            )
        found.append(names.index(key))
    return found[0], found[1]


def _changes(
    template: Path, rows: Sequence[Sequence[str]], at: tuple[int, int], amounts: Mapping[str, float], decimal: str
) -> tuple[list[Change], int]:
    name_at, budget_at = at
    changes: list[Change] = []
    seen: set[str] = set()
    untouched = 0
    for number, row in enumerate(rows[1:], start=2):
        name = row[name_at].strip() if len(row) > max(at) else ""
        if name not in amounts:
            untouched += 1
            continue
        if name in seen:
            raise Refusal.by("template_twice", campaign=name)
        seen.add(name)
        after = f"{amounts[name]:.2f}".replace(".", decimal)
        if row[budget_at].strip() != after:
            changes.append(Change(row=number, campaign=name, before=row[budget_at], after=after))
    missing = [name for name in amounts if name not in seen]
    if missing:
        raise InputError.of(
            "the template lacks campaigns of the settings",
            "Download the template with these campaigns, or correct their names in liftwerk.toml",
            file=template.name,
            value=", ".join(missing),
        )
    return changes, untouched


def _wrong(template: Path, message: str, remedy: str) -> InputError:
    error = InputError.of(message, remedy, file=template.name)
    return InputError(error.problems)
