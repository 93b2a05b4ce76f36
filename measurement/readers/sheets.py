"""Excel workbooks: the one sheet that holds the table, with Excel's own row numbers as lines."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from measurement.readers.csv_text import name_title, title_lines
from measurement.readers.findings import Findings
from measurement.readers.tables import RawTable, name_columns

# What openpyxl raises on damaged files: zip, deflate, XML (a SyntaxError) and values that are not what they say.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    InvalidFileException,
)


def read_sheet(
    path: Path, name: str, found: Findings, *, sheet: str | None = None, expects: Sequence[str] = ()
) -> RawTable | None:
    """The table of a workbook; ``None`` where there is none, or several and ``sheet`` does not say which.

    The header is the first row with all columns that ``expects`` names, else the first row with text. Where several
    sheets have content, the only one with such a header is read. Formulas count with the value Excel saved for them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # openpyxl on styles and validations it does not keep
            titles, tables = _sheets(path, sheet)
    except _DAMAGE as error:
        found.add("this is not a workbook that can be read", "Save it in Excel as .xlsx", value=error)
        return None
    filled = {title: rows for title, rows in tables.items() if rows}
    if sheet is not None and sheet not in tables:
        found.add("there is no such sheet", f"Use one of: {', '.join(titles)}", value=sheet)
        return None
    if not filled:
        found.add("the workbook is empty", "Export the data again, with a header line and one row for each period")
        return None
    fitting = {title: rows for title, rows in filled.items() if expects and _header_row(rows, expects) is not None}
    if len(fitting) == 1:
        filled = fitting
    if len(filled) > 1:
        found.add(
            "the workbook has several sheets with content",
            'Name the right one: table = "…" beside file in liftwerk.toml, or remove the others',
            value=", ".join(filled),
        )
        return None
    rows = next(iter(filled.values()))
    header = _header_row(rows, expects) or 0
    if header:
        name_title(header, rows[0][0], found)
    return _table(rows[header:], name, found)


def _sheets(path: Path, sheet: str | None) -> tuple[list[str], dict[str, list[tuple[int, tuple[object, ...]]]]]:
    """Titles of all sheets, and the rows of those wanted."""
    with path.open("rb") as stream:  # openpyxl would leave a damaged file open
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        return book.sheetnames, {title: _rows(book[title]) for title in book.sheetnames if sheet in (None, title)}


def _header_row(rows: list[tuple[int, tuple[object, ...]]], expects: Sequence[str]) -> int | None:
    """Position of the row that has all the names expected, ``None`` where none has."""
    head = [[str(cell).strip() for cell in cells] for _, cells in rows[:30]]
    row = title_lines(head, expects)
    return row if head and set(expects) <= set(head[row]) else None


def _rows(sheet: object) -> list[tuple[int, tuple[object, ...]]]:
    """Row number and cells of every row that is not empty."""
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)  # type: ignore[attr-defined]  # read-only worksheet
    return [(number, cells) for number, cells in rows if any(cell not in (None, "") for cell in cells)]


def _table(rows: list[tuple[int, tuple[object, ...]]], name: str, found: Findings) -> RawTable:
    (header_line, first), body = rows[0], rows[1:]
    width = max(len(cells) for _, cells in rows)
    header = tuple(" ".join(str(cell).split()) if cell is not None else "" for cell in first)
    header += ("",) * (width - len(header))
    columns = {
        str(index): _column([cells[index] if index < len(cells) else None for _, cells in body])
        for index in range(width)
    }
    if not body:
        found.add(
            "the sheet has a header but no rows", "Export it again, with one row for each period", line=header_line
        )
    return RawTable(
        file=name,
        frame=name_columns(pd.DataFrame(columns), header, found, header_line),
        lines=np.asarray([number for number, _ in body], dtype=np.int64),
        header_line=header_line,
    )


def _column(cells: list[object]) -> pd.Series:
    """Cells with one type where they share it; dates beside text become text, so that one parser sees them all."""
    given = [cell for cell in cells if cell is not None]
    if given and all(isinstance(cell, dt.date) for cell in given):
        return pd.Series(pd.to_datetime(pd.Series(cells, dtype=object)))
    if given and all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in given):
        return pd.Series(cells, dtype=object).astype("float64")
    if any(isinstance(cell, dt.date | dt.time) for cell in given) or all(isinstance(cell, str) for cell in given):
        return pd.Series([_text(cell) for cell in cells], dtype="str")
    return pd.Series(cells, dtype=object)


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    return str(cell)
