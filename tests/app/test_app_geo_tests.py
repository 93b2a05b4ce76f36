"""What a geo test's page draws besides its main charts: placebo paths, power curves, cells, a running test."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app.figures.canvas import Style
from app.figures.geo_tests import placebo_lines, power_lines
from app.figures.timelines import AxisWords, Window
from app.theme import palette
from measurement.wording import load_wording


@pytest.fixture(scope="module")
def style() -> Style:
    return Style(palette=palette(None), wording=load_wording("app", "de_DE", "EUR"))


def paths() -> pd.DataFrame:
    dates = pd.date_range("2026-01-05", periods=20, freq="7D")
    rng = np.random.default_rng(1)
    rows = [
        pd.DataFrame({"date": dates, "set": number, "effect": 0.02 * rng.normal(size=20) + (0.2 if number == 0 else 0)})
        for number in range(6)
    ]
    return pd.concat(rows)


def test_placebo_paths_are_drawn_with_the_treated_one_on_top(style: Style) -> None:
    axes = AxisWords(x="Datum", y="Effekt", text=style.wording.percent)
    window = Window(start=pd.Timestamp("2026-04-06"), end=pd.Timestamp("2026-05-17"), text="Test")
    figure = placebo_lines(paths(), style, axes, window, name="Testregionen")
    assert len(figure.data) == 6
    assert figure.data[-1].line.width > figure.data[0].line.width
    assert figure.data[-1].line.color == style.palette.accent
    assert figure.layout.yaxis.range[1] > 0.2
    assert "Testregionen" in {note.text for note in figure.layout.annotations}


def test_power_curves_name_their_designs_and_mark_the_wanted_power(style: Style) -> None:
    effects = np.linspace(0, 0.5, 51)
    table = pd.concat(
        [
            pd.DataFrame({"rank": rank, "effect": effects, "power": np.clip(0.1 + effects * 10 / rank, 0, 1)})
            for rank in (1, 2, 3)
        ]
    )
    figure = power_lines(
        table,
        style,
        [(1, "Plan 1"), (2, "Plan 2")],
        titles=("Wahrer Lift", "Trennschärfe"),
        text=style.wording.percent,
        wanted=0.8,
    )
    assert len(figure.data) == 2
    assert {"Plan 1", "Plan 2"} <= {note.text for note in figure.layout.annotations}
    assert figure.layout.shapes[0].y0 == 0.8
    assert max(figure.data[0].x) < 0.3


def test_the_catalogue_has_words_for_every_running_rule() -> None:
    from geolift.verdict import RUNNING

    for locale in ("de_DE", "en_GB"):
        words = load_wording("app", locale, "EUR")
        for rule in RUNNING:
            facts = {"channel": "TV", "seen": "3", "planned": "8"}
            assert "TV" in words.text(f"verdict.running_{rule}_title", **facts)
            assert words.text(f"verdict.running_{rule}_body", **facts)
