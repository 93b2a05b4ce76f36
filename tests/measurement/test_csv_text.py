"""Delimited text: encodings, delimiters, ragged rows, and the line of every row."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.readers.csv_text import TextTable, find_delimiter, read_text_table
from measurement.readers.findings import Findings


def read(content: bytes) -> tuple[TextTable | None, Findings]:
    found = Findings("panel.csv")
    return read_text_table(content, found), found


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, ending: str) -> None:
    text = ending.join(["geo;umsatz", "Thüringen;1,5", "Köln;2", ""])
    table, found = read(text.encode(encoding))
    assert table is not None
    assert found.problems == []
    assert table.header == ("geo", "umsatz")
    assert table.rows["0"].tolist() == ["Thüringen", "Köln"]
    assert table.lines.tolist() == [2, 3]


def test_lines_survive_blank_rows_breaks_in_quotes_and_the_sep_line() -> None:
    table, found = read(b'sep=;\n"a\nb";c\n1;2\n\n"x\ny\nz";3\n;;\n4;5\n;\n6;7\n')
    assert table is not None
    assert table.header == ("a b", "c")
    assert table.header_line == 2
    assert table.rows["0"].tolist() == ["1", "x\ny\nz", "4", "6"]
    assert table.lines.tolist() == [4, 6, 10, 12]
    assert [(problem.line, problem.message) for problem in found.problems] == [(9, "the row has 3 cells, the header 2")]


def test_every_line_that_is_not_utf8_is_named() -> None:
    _, found = read("geo;x\nKöln;1\nBonn;2\nFürth;3\n".encode("cp1252"))
    assert [problem.line for problem in found.problems] == [2, 4]
    assert "UTF-8" in found.problems[0].remedy
    assert found.problems[1].value == "Fürth;3"


def test_a_flood_of_ragged_rows_is_capped() -> None:
    _, found = read(b"a,b\n" + b"1,2,3\n" * 100)
    assert len(found.problems) == 21
    assert "80 more" in found.problems[-1].message


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b\n1,5;2,5\n", ";"),
        ("a,b\n1.5,2.5\n", ","),
        ("a\tb\n1,5\t2,5\n", "\t"),
        ('"Revenue, EUR";b\n1;2\n', ";"),
        ('"x;y",b\n1,2\n', ","),
    ],
)
def test_delimiter(text: str, delimiter: str) -> None:
    assert find_delimiter(text) == delimiter


CELLS = st.text(alphabet=st.sampled_from('ab ;,"\n\täß€1.'), max_size=6)


@given(
    rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=8),
    delimiter=st.sampled_from(";,\t"),
)
def test_cells_and_lines_are_those_of_the_csv_module(rows: list[list[str]], delimiter: str) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["one", "two", "three"])
    lines, line = [], 2
    for row in rows:
        writer.writerow(row)
        lines.append(line)
        line += 1 + "".join(row).count("\n")
    kept = [index for index, row in enumerate(rows) if any(cell.strip() for cell in row)]
    table, found = read(stream.getvalue().encode("utf-8"))
    assert table is not None
    assert [list(row) for row in table.rows.itertuples(index=False)] == [rows[index] for index in kept]
    assert table.lines.tolist() == [lines[index] for index in kept]
    assert bool(found.problems) == (not kept)


def test_a_large_file_keeps_every_row() -> None:
    body = b"".join(b"%d,%d\n" % (index, index * 2) for index in range(50_000))
    table, found = read(b"a,b\n" + body)
    assert table is not None
    assert not found.problems
    assert table.lines[-1] == 50_001
    assert np.array_equal(table.rows["1"].astype(int), np.arange(50_000) * 2)


def test_a_title_above_the_header_is_left_out() -> None:
    found = Findings("panel.csv")
    content = b"Campaign report\n1 March 2026 - 31 March 2026\n\nDay,Cost,Campaign\n2026-03-02,5,a\n2026-03-03,6,b\n"
    table = read_text_table(content, found, ["Day", "Cost"])
    assert table is not None
    assert table.header == ("Day", "Cost", "Campaign")
    assert (table.header_line, table.lines.tolist()) == (4, [5, 6])
    assert [problem.severity for problem in found.problems] == ["warning"]
    assert "3 line(s) above the header" in found.problems[0].message


def test_a_quotation_mark_that_never_ends_has_its_line() -> None:
    table, found = read(b'a,b\n1,2\n3,"4\n5,6\n')
    assert table is None
    assert (found.problems[0].line, found.problems[0].value) == (3, '3,"4')
    table, found = read(b'a,b\n1,poster 55" wide\n')
    assert table is not None
    assert table.rows["1"].tolist() == ['poster 55" wide']


def test_garbled_letters_are_a_warning() -> None:
    table, found = read("geo,x\nMünchen,1\n".encode().decode("cp1252").encode())
    assert table is not None
    assert [(problem.line, problem.severity) for problem in found.problems] == [(2, "warning")]
