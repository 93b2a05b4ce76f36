"""The workbook in LibreOffice: it opens there, and every cell comes out as it went in."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from decisions.export import write_export
from decisions.recommendation import Stability

PROGRAM = shutil.which("soffice") or shutil.which("libreoffice")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="LibreOffice is not on the PATH: install libreoffice-calc")
#: A workbook keeps 15 figures of a number.
DIGITS = 1e-14


def through_libreoffice(book: Path, folder: Path) -> Path:
    """Open a workbook without a screen and save it anew, both by LibreOffice, with a profile of its own."""
    assert PROGRAM is not None
    words = ["--headless", "--norestore", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(folder)]
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    for _ in range(2):  # with a new profile the program may end once, to begin anew
        done = subprocess.run([PROGRAM, profile, *words, str(book)], check=False, capture_output=True, timeout=300)
        if (folder / book.name).is_file():
            return folder / book.name
    pytest.fail(f"LibreOffice did not save {book.name}: {done.stderr.decode(errors='replace')}")


def cells(book: Path, *, computed: bool) -> dict[tuple[str, str], object]:
    """Every cell that is not empty, by sheet and place; ``computed``: what formulas give, not how they read."""
    return {
        (sheet.title, cell.coordinate): cell.value
        for sheet in openpyxl.load_workbook(book, data_only=computed)
        for row in sheet.iter_rows()
        for cell in row
        if cell.value not in (None, "")
    }


@pytest.mark.parametrize("computed", [False, True])
def test_every_cell_comes_back_from_libreoffice(decision, tmp_path, computed):
    split = [
        {"channel": line.channel, "geo": geo, "current": line.current / 2, "proposed": line.proposed / 2}
        for line in decision.channels
        for geo in ("Bremen", "=1+1")
    ]
    ours = write_export(replace(decision, cells=split), tmp_path / "exports", Stability()) / "budget.xlsx"
    (tmp_path / "theirs").mkdir()
    theirs = through_libreoffice(ours, tmp_path / "theirs")
    before, after = cells(ours, computed=computed), cells(theirs, computed=computed)
    assert list(before) == list(after)
    numbers = {place: value for place, value in before.items() if isinstance(value, int | float)}
    assert len(numbers) > 100
    for place, value in before.items():
        expected = pytest.approx(value, rel=DIGITS, abs=1e-12) if place in numbers else value
        assert after[place] == expected, place
    formulas = [value for value in after.values() if isinstance(value, str) and value.startswith("=SUM(")]
    assert bool(formulas) != computed
