"""CSV, Excel, Parquet and DuckDB give the same table; what cannot be opened says why."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from measurement.readers.cells import read_dates, read_names, read_numbers
from measurement.readers.findings import Findings
from measurement.readers.tables import RawTable, read_database, read_table

MIDNIGHT = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - Parquet files often know no time zones


def read(path: Path, sheet: str | None = None) -> tuple[RawTable | None, Findings]:
    found = Findings(path.name)
    table = read_table(path, path.name, found, sheet=sheet)
    if table is not None:
        found.lines = table.lines
    return table, found


def sheet_file(path: Path, rows: list[list[object]], more: dict[str, list[list[object]]] | None = None) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = "Umsatz"
    for row in rows:
        page.append(row)
    for title, content in (more or {}).items():
        other = book.create_sheet(title)
        for row in content:
            other.append(row)
    book.save(path)
    return path


def test_a_sheet_with_leading_blank_rows_keeps_excels_row_numbers(tmp_path: Path) -> None:
    day = dt.datetime(2026, 3, 2)  # noqa: DTZ001 - sheets know no time zones
    rows = [[], ["Woche", "Umsatz"], [day, 10.5], [], [day + dt.timedelta(7), "1.234,5"], ["", None]]
    table, found = read(sheet_file(tmp_path / "a.xlsx", rows, {"leer": []}))
    assert table is not None
    assert table.header_line == 2
    assert table.lines.tolist() == [3, 5]
    assert read_numbers(table, ["Umsatz"], found)["Umsatz"].tolist() == [10.5, 1234.5]
    assert read_dates(table, "Woche", found).astype("datetime64[D]").astype(str).tolist() == [
        "2026-03-02",
        "2026-03-09",
    ]
    assert found.problems == []


def test_a_sheet_with_errors_text_and_dates_in_the_wrong_place(tmp_path: Path) -> None:
    rows = [["d", "x"], ["02.03.2026", "#REF!"], ["09.03.2026", dt.date(2026, 3, 1)], ["16.03.2026", None]]
    table, found = read(sheet_file(tmp_path / "a.xlsx", rows))
    assert table is not None
    read_numbers(table, ["x"], found)
    assert [(problem.line, problem.column) for problem in found.problems] == [(4, "x"), (2, "x"), (3, "x")]


def test_several_sheets_need_a_name(tmp_path: Path) -> None:
    path = sheet_file(tmp_path / "a.xlsx", [["d"], [1]], {"Plan": [["d"], [2]]})
    table, found = read(path)
    assert table is None
    assert found.problems[0].value == "Umsatz, Plan"
    table, found = read(path, sheet="Plan")
    assert table is not None
    assert table.frame["d"].tolist() == [2.0]
    table, found = read(path, sheet="Ist")
    assert table is None
    assert "Umsatz, Plan" in found.problems[0].remedy


def test_parquet_types(tmp_path: Path) -> None:
    content = pa.table(
        {
            "week": pa.array([dt.date(2026, 3, 2), dt.date(2026, 3, 9)]),
            "geo": pa.array(["Köln", "Bonn"]).dictionary_encode(),
            "spend": pa.array([1, 2], pa.decimal128(10, 2)),
            "clicks": pa.array([1, None], pa.int32()),
        }
    )
    parquet.write_table(content, tmp_path / "a.parquet")
    table, found = read(tmp_path / "a.parquet")
    assert table is not None
    assert read_names(table, "geo", found).tolist() == ["Köln", "Bonn"]
    assert read_dates(table, "week", found)[1] == np.datetime64("2026-03-09", "ns")
    numbers = read_numbers(table, ["spend", "clicks"], found)
    assert numbers["spend"].tolist() == [1.0, 2.0]
    assert [(problem.line, problem.column) for problem in found.problems] == [(3, "clicks")]


def test_duckdb_through_ibis(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "panel.duckdb")) as connection:
        connection.execute("create table sales as select date '2026-03-02' as week, 1.5 as spend")
        connection.execute("create schema mart; create table mart.sales as select 2.5 as spend")
    found = Findings("duckdb:sales")
    table = read_database("duckdb://panel.duckdb", "sales", tmp_path, found)
    assert table is not None
    assert found.problems == []
    assert read_numbers(table, ["spend"], found)["spend"].tolist() == [1.5]
    other = read_database("duckdb://panel.duckdb", "mart.sales", tmp_path, found)
    assert other is not None
    assert other.frame["spend"].astype(float).tolist() == [2.5]


def test_a_database_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "panel.duckdb").write_bytes(b"no database")
    with duckdb.connect(str(tmp_path / "good.duckdb")) as connection:
        connection.execute("create table sales as select 1 as spend")
    for url, table, part in (
        ("duckdb://absent.duckdb", "sales", "does not exist"),
        ("duckdb://panel.duckdb", "sales", "cannot be read"),
        ("duckdb://good.duckdb", "sale", "cannot be read"),
        ("nosuchbackend://host/db", "sales", "cannot be read"),
    ):
        found = Findings("db")
        assert read_database(url, table, tmp_path, found) is None
        assert part in found.problems[0].message
        assert found.problems[0].remedy


def test_passwords_come_from_the_environment_and_stay_out_of_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(tmp_path / "secret.duckdb")) as connection:
        connection.execute("create table sales as select 1 as spend")
    monkeypatch.setenv("PANEL_DB", "secret")
    assert read_database("duckdb://${PANEL_DB}.duckdb", "sales", tmp_path, Findings("db")) is not None


def test_folders_endings_and_torn_files(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "a.docx").write_text("x")
    (tmp_path / "b.parquet").write_bytes(b"PAR1 torn")
    (tmp_path / "c.xlsx").write_bytes(b"PK torn")
    (tmp_path / "d.csv").write_bytes(b"")
    for name, part in (
        ("folder.csv", "is a folder"),
        ("a.docx", "this ending"),
        ("b.parquet", "cannot be read"),
        ("c.xlsx", "not a workbook"),
        ("d.csv", "empty"),
        ("e.csv", "does not exist"),
    ):
        table, found = read(tmp_path / name)
        assert table is None
        assert part in found.problems[0].message
        assert str(tmp_path) not in str(found.problems[0])


def test_two_spellings_are_told_and_trimmed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("geo,x\nBayern,1\nBayern,2\nbayern ,3\n Hessen,4\n,5\n", encoding="utf-8")
    table, found = read(tmp_path / "a.csv")
    assert table is not None
    assert read_names(table, "geo", found).tolist() == ["Bayern", "Bayern", "bayern", "Hessen", ""]
    assert [(problem.line, problem.value) for problem in found.problems] == [(6, ""), (4, "'bayern '")]


def test_findings_count_what_they_do_not_list() -> None:
    found = Findings("a.csv", np.arange(2, 1002))
    found.rows(np.ones(1000, dtype=bool), "x", "wrong", "Mend it")
    assert len(found.problems) == 21
    assert "980 more like this, on lines 22 to 1001" in found.problems[-1].message


def test_a_column_of_a_million_rows_is_quick_to_blame(tmp_path: Path) -> None:
    values = np.ones(1_000_000)
    values[[5, 999_999]] = np.nan
    pd.DataFrame({"x": values}).to_parquet(tmp_path / "a.parquet")
    table, found = read(tmp_path / "a.parquet")
    assert table is not None
    read_numbers(table, ["x"], found)
    assert [problem.line for problem in found.problems] == [7, 1_000_001]


def test_a_title_and_a_pivot_beside_the_data(tmp_path: Path) -> None:
    rows = [["Umsatzbericht"], ["Stand: 23.11.2026"], ["Woche", "Umsatz"], ["02.03.2026", 10.5]]
    path = sheet_file(tmp_path / "a.xlsx", rows, {"Pivot": [["Summe", 10.5]]})
    found = Findings("a.xlsx")
    table = read_table(path, "a.xlsx", found, expects=["Woche", "Umsatz"])
    assert table is not None
    assert (table.header_line, table.lines.tolist()) == (3, [4])
    assert list(table.frame.columns) == ["Woche", "Umsatz"]
    assert [problem.severity for problem in found.problems] == ["warning"]


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    for year in (2025, 2026):
        (tmp_path / "panel" / f"year={year}").mkdir(parents=True)
        pd.DataFrame({"x": [float(year)]}).to_parquet(tmp_path / "panel" / f"year={year}" / "part.parquet")
    table, found = read(tmp_path / "panel")
    assert table is not None
    assert read_numbers(table, ["x"], found)["x"].tolist() == [2025.0, 2026.0]


@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_workbook_is_a_problem_not_a_crash(tmp_path: Path, seed: int) -> None:
    rows = [["d", "x"], *([f"2026-03-{day:02d}", day] for day in range(1, 29))]
    path = sheet_file(tmp_path / "a.xlsx", rows)
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    start = int(rng.integers(len(content) - 60))
    content[start : start + 40] = rng.bytes(40)
    path.write_bytes(bytes(content))
    table, found = read(path)
    assert (table is not None) or (found.problems[0].severity == "error")


@pytest.mark.parametrize("year", ["0001", "1677", "9999"])
def test_years_that_cannot_be(tmp_path: Path, year: str) -> None:
    (tmp_path / "a.csv").write_text(f"d,x\n2026-03-02,1\n{year}-12-31,2\n")
    days = np.array(["2026-03-02", f"{year}-12-31"], dtype="datetime64[s]")
    pd.DataFrame({"d": days}).to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.parquet"):
        table, found = read(tmp_path / name)
        assert table is not None
        assert np.isnat(read_dates(table, "d", found)).tolist() == [False, True]
        assert [(problem.line, problem.message) for problem in found.problems] == [(3, "this date cannot be")]


def test_empty_text_cells_of_parquet_are_missing_not_something_else(tmp_path: Path) -> None:
    content = {"d": ["2026-03-02", None, "2026-03-16"], "x": ["1,5", "2", None], "geo": [None, "a", "a"]}
    parquet.write_table(pa.table(content), tmp_path / "a.parquet")
    table, found = read(tmp_path / "a.parquet")
    assert table is not None
    assert np.isnat(read_dates(table, "d", found)).tolist() == [False, True, False]
    np.testing.assert_array_equal(read_numbers(table, ["x"], found)["x"], [1.5, 2.0, np.nan])
    assert read_names(table, "geo", found).tolist() == ["", "a", "a"]
    assert [(problem.line, problem.column) for problem in found.problems] == [(3, "d"), (4, "x"), (2, "geo")]
    assert all("missing" in problem.message for problem in found.problems)


@pytest.mark.parametrize(
    "cells",
    [
        [True, False],
        [[1.0], [2.0]],
        [b"1", b"2"],
        [dt.timedelta(1), None],
        [MIDNIGHT, None],
        [None, None],
    ],
)
def test_columns_of_any_type_end_in_numbers_or_problems(tmp_path: Path, cells: list[object]) -> None:
    parquet.write_table(pa.table({"x": pa.array(cells)}), tmp_path / "a.parquet")
    table, found = read(tmp_path / "a.parquet")
    assert table is not None
    values = read_numbers(table, ["x"], found)["x"]
    blamed = {problem.line for problem in found.problems}
    assert {2 + int(row) for row in np.flatnonzero(np.isnan(values))} == blamed
    dates = Findings("a.parquet", table.lines)
    read_dates(table, "x", dates)
    assert len(dates.problems) == 2 - cells.count(MIDNIGHT)
    read_names(table, "x", found)
