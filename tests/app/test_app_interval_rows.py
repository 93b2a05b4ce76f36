"""The page's own drawing of intervals: complete, described, to scale, and nothing in it runs."""

from __future__ import annotations

import re

import pytest

from app.markup.interval_rows import Reference, Row, interval_rows
from app.script import PATH, SCRIPT, script_text

ROWS = [
    Row(name="TV", value=1.5, lower=0.5, upper=2.0, colour="#123456"),
    Row(name="<b>Radio</b>", value=-0.5, lower=-1.0, upper=0.25, colour="#654321"),
]


def _drawn(reference: Reference | None = None) -> str:
    return interval_rows(
        ROWS, title="ROAS, EUR", says='TV "leads"', text=lambda value: f"{value:.2f}", reference=reference
    )


def _shares(drawn: str, which: str) -> list[float]:
    return [float(found) for found in re.findall(rf'class="{which}" style="left:([-\d.]+)%', drawn)]


def test_every_row_is_written_and_described() -> None:
    drawn = _drawn()
    assert 'role="img" aria-label="TV &quot;leads&quot;"' in drawn
    assert "ROAS, EUR" in drawn
    assert 'title="TV: 1.50 [0.50 – 2.00]"' in drawn
    assert "&lt;b&gt;Radio&lt;/b&gt;" in drawn
    assert "<b>Radio" not in drawn


def test_places_are_to_scale() -> None:
    dots, starts = _shares(_drawn(), "lw-dot"), _shares(_drawn(), "lw-span")
    scale = (dots[0] - dots[1]) / (1.5 + 0.5)
    assert starts[0] == pytest.approx(dots[0] - scale * 1.0, abs=0.02)
    assert starts[1] == pytest.approx(dots[1] - scale * 0.5, abs=0.02)
    assert all(0 < share < 100 for share in (*dots, *starts))


def test_the_reference_stands_on_its_value_and_inside() -> None:
    drawn = _drawn(Reference(value=4.0, text="brings <more>"))
    at = float(re.findall(r'<em style="left:([\d.]+)%', drawn)[0])
    dots = _shares(drawn, "lw-dot")
    assert at == pytest.approx(dots[0] + (dots[0] - dots[1]) / 2 * 2.5, abs=0.03)
    assert at < 100
    assert "brings &lt;more&gt;" in drawn


def test_one_row_without_width_is_drawn() -> None:
    row = Row(name="A", value=0.0, lower=0.0, upper=0.0, colour="#123456")
    assert "nan" not in interval_rows([row], title="x", says="y", text=str)


def test_the_script_names_the_plotly_that_is_there() -> None:
    assert re.search(r"import\('/static/js/PlotlyChart\.[\w-]+\.js'\)", script_text())
    assert PATH in SCRIPT
