"""Delimited text as exports write it: encoding, delimiter, ragged rows, each fault with its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from measurement.errors import shorten
from measurement.readers.findings import CAP, Findings, IntArray

DELIMITERS = (";", ",", "\t")
_SAMPLE_LINES = 50
_TITLE_LINES = 30
# UTF-8 that was once read as Windows-1252: Ã¼ for ü, â‚¬ for €.
_GARBLED = re.compile("Ã[\u0080-\u00bf¤¶¼Ÿ–œ„©¨]|â‚¬")


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """Rows of text as they stand in the file.

    Attributes
    ----------
    header
        Column names, blanks trimmed, in file order; may repeat.
    rows
        Text, one column a header entry (columns are numbered), empty rows left out.
    lines
        Line of each row as an editor shows it, shape (N,).
    delimiter
        What separates the cells.
    header_line
        Line of the header.
    """

    header: tuple[str, ...]
    rows: pd.DataFrame
    lines: IntArray
    delimiter: str
    header_line: int


def read_text_table(content: bytes, found: Findings, expects: Sequence[str] = ()) -> TextTable | None:
    """Split delimited text into cells; ``None`` where the file cannot be read at all.

    Parameters
    ----------
    content
        The file's bytes: UTF-8 with or without byte order mark, or UTF-16 with one (Excel's "Unicode text").
    found
        Receives encoding errors and rows with too many or too few cells.
    expects
        Columns the header must have; a title above the first line that has them all is left out with a warning.
    """
    text = decode(content, found)
    if text is None:
        return None
    if not text.strip('\ufeff \n\t;,"'):
        found.add("the file is empty", "Export the data again, with a header line and one row for each period")
        return None
    delimiter, body, header_line = _declared_delimiter(text)
    title = title_lines(_first_cells(body, delimiter), expects)
    if title:
        body = body.split("\n", title)[-1]
        name_title(title, header_line, found)
        header_line += title
    delimiter = delimiter or find_delimiter(body)
    open_line = _open_quote(body, delimiter)
    if open_line is not None:
        found.add(
            "a quotation mark is opened and never closed",
            "Close it, or double a quotation mark that belongs to the text",
            line=header_line + open_line,
            value=body.split("\n")[open_line],
        )
        return None
    header, body, header_lines = _split_header(body, delimiter)
    rows, lines = _cells(body, len(header), delimiter, found, header_line + header_lines)
    if rows.empty and not found.has_errors:
        found.add(
            "the file has a header but no rows",
            "Export the data again, with one row for each period",
            line=header_line,
        )
    return TextTable(header=header, rows=rows, lines=lines, delimiter=delimiter, header_line=header_line)


def title_lines(rows: Sequence[Sequence[str]], expects: Sequence[str]) -> int:
    """How many rows stand above the first one that has all the names expected; 0 where none has.

    Examples
    --------
    >>> title_lines([["Campaign report"], ["1 to 31 March"], ["Day", "Cost"]], ["Day", "Cost"])
    2
    """
    return next((index for index, row in enumerate(rows) if expects and set(expects) <= set(row)), 0)


def name_title(lines: int, first: int, found: Findings) -> None:
    """Warn that lines above the header are left out."""
    found.add(
        f"{lines} line(s) above the header are left out",
        "Nothing need be done; export without a title to silence this",
        line=first,
        severity="warning",
    )


def _first_cells(text: str, delimiter: str) -> list[list[str]]:
    """Cells of the first lines, split by whatever delimiter gives most."""
    lines = text[: 1 << 16].split("\n")[:_TITLE_LINES]
    return [
        max(([cell.strip(' "') for cell in line.split(mark)] for mark in delimiter or DELIMITERS), key=len)
        for line in lines
    ]


def _open_quote(text: str, delimiter: str) -> int | None:
    """Line (from 0) of a quotation mark that opens a cell and never ends, ``None`` where all are closed."""
    if text.count('"') % 2 == 0:
        return None
    odd = next(index for index, line in enumerate(text.split("\n")) if line.count('"') % 2)
    starts_cell = re.search(rf'(^|{re.escape(delimiter)})\s*"', text.split("\n")[odd])
    return odd if starts_cell else None


def decode(content: bytes, found: Findings) -> str | None:
    """Text of a file; every line that is not UTF-8 is a finding, and then there is no text."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if b"\0" in content[:4096]:
        found.add("this is not a text file", "Export it as CSV (UTF-8), or give it its true ending: .xlsx or .parquet")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _name_bad_lines(content, found)
        return None
    if "\ufffd" in text:
        _name_replaced(text, found)
        return None
    garbled = _GARBLED.search(text)
    if garbled:
        found.add(
            "letters look garbled by an earlier conversion",
            "Export the file again from its source as UTF-8",
            line=1 + text.count("\n", 0, garbled.start()),
            value=text[max(garbled.start() - 8, 0) : garbled.end() + 8],
            severity="warning",
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name_bad_lines(content: bytes, found: Findings) -> None:
    remedy = "Save the file as UTF-8 (in Excel: Save as, 'CSV UTF-8')"
    bad = 0
    for number, raw in enumerate(content.splitlines(), start=1):
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError as error:
            bad += 1
            if bad <= CAP:
                found.add(
                    f"the text is not UTF-8: byte 0x{raw[error.start]:02x} at character {error.start + 1} of the line",
                    remedy,
                    line=number,
                    value=raw.decode("cp1252", errors="replace"),
                )
    if bad > CAP:
        found.add(f"… and {bad - CAP} more lines that are not UTF-8", remedy)


def _name_replaced(text: str, found: Findings) -> None:
    lines = [number for number, line in enumerate(text.splitlines(), start=1) if "\ufffd" in line]
    found.lines = np.asarray(lines, dtype=np.int64)
    found.rows(
        np.arange(len(lines)),
        "",
        "letters were lost in an earlier conversion (the file holds '\ufffd')",
        "Export the file again from its source as UTF-8",
    )


def _declared_delimiter(text: str) -> tuple[str, str, int]:
    """Excel's optional first line ``sep=;``, and leading empty lines."""
    declared = re.match(r"\ufeff?\"?sep=(.)\"?[ ;,\t]*\n", text)
    body = text[declared.end() :] if declared else text
    blank = re.match(r"(?:[ \t;,]*\n)*", body)
    skipped = blank.end() if blank else 0
    line = 1 + text.count("\n", 0, len(text) - len(body) + skipped)
    return (declared[1] if declared else ""), body[skipped:], line


def find_delimiter(text: str) -> str:
    r"""``;``, ``,`` or tab: what splits the header, and then the first lines, most evenly.

    Examples
    --------
    >>> find_delimiter('week;geo;revenue\n02.03.2026;Bayern;1.234,50\n')
    ';'
    """
    head = text[: 1 << 16].split("\n")[:_SAMPLE_LINES]
    bare = [re.sub(r'"[^"]*"', "", line) for line in head if line.strip()]

    def evenness(delimiter: str) -> tuple[float, int]:
        counts = [line.count(delimiter) for line in bare]
        return (counts.count(counts[0]) / len(counts) if counts[0] else 0.0, counts[0])

    return max(DELIMITERS, key=evenness)


def _split_header(text: str, delimiter: str) -> tuple[tuple[str, ...], str, int]:
    """Header cells, the text after it, and how many lines the header takes (a quoted name may hold a break)."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    cells = next(reader)
    lines = reader.line_num
    end = 0
    for _ in range(lines):
        end = text.find("\n", end) + 1 or len(text)
    names = [" ".join(cell.split()) for cell in cells]
    return tuple(names), text[end:], lines


def _cells(body: str, width: int, delimiter: str, found: Findings, first_line: int) -> tuple[pd.DataFrame, IntArray]:
    """Cells as text, and the line of each row."""
    names = [str(index) for index in range(width)]
    if not body.strip():
        return pd.DataFrame({name: pd.Series([], dtype="str") for name in names}), np.empty(0, dtype=np.int64)
    ragged: list[tuple[int, int, str]] = []

    def keep_apart(row: arrow_csv.InvalidRow) -> str:
        ragged.append((row.number, row.actual_columns, row.text))
        return "skip"

    table = arrow_csv.read_csv(
        pa.py_buffer(body.encode("utf-8")),
        read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=True,
            ignore_empty_lines=False,
            invalid_row_handler=keep_apart,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types={name: pa.string() for name in names}, strings_can_be_null=False, check_utf8=False
        ),
    )
    frame = table.to_pandas()
    lines = _lines(frame, ragged, first_line, '"' in body)
    _name_ragged(ragged, width, delimiter, found)
    filled = np.zeros(len(frame), dtype=bool)
    for name in names:
        filled |= (frame[name].str.strip() != "").to_numpy(dtype=bool)
    return frame[filled].reset_index(drop=True), lines[filled]


def _lines(frame: pd.DataFrame, ragged: list[tuple[int, int, str]], first_line: int, quoted: bool) -> IntArray:
    """Line of every row of ``frame``, counting rows kept apart and breaks inside quotes.

    ``ragged`` holds the ordinal, the number of cells and the text of each row kept apart; its ordinals are
    replaced by lines.
    """
    total = len(frame) + len(ragged)
    height = np.ones(total, dtype=np.int64)
    apart = np.asarray([number - 1 for number, _, _ in ragged], dtype=np.int64)
    whole = np.setdiff1d(np.arange(total), apart)
    if quoted:
        for name in frame:
            height[whole] += frame[name].str.count("\n").to_numpy(dtype=np.int64)
        height[apart] += np.asarray([text.count("\n") for _, _, text in ragged], dtype=np.int64)
    starts = first_line + np.concatenate([[0], np.cumsum(height)[:-1]])
    ragged[:] = [(int(starts[number - 1]), cells, text) for number, cells, text in ragged]
    return np.asarray(starts[whole], dtype=np.int64)


def _name_ragged(ragged: list[tuple[int, int, str]], width: int, delimiter: str, found: Findings) -> None:
    many = "Put cells that hold the delimiter in quotes, e.g. \"1,5\", or export with ';' between the cells"
    few = "Fill the row up, or remove the line"
    for line, cells, text in ragged[:CAP]:
        remedy = many if cells > width else few
        found.add(f"the row has {cells} cells, the header {width}", remedy, line=line, value=shorten(text, 60))
    if len(ragged) > CAP:
        found.add(
            f"… and {len(ragged) - CAP} more rows with another number of cells than the header",
            f"Check the delimiter (read as {delimiter!r}) and quotes around cells that hold it",
        )
