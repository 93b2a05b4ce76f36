"""Figures are pure, complete and free of holes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from app.figures.bars import bars
from app.figures.budget import PlaneWords, Spot, Stair, frontier_line, heat_map, waterfall
from app.figures.canvas import Style, label_dates, padded, spread, thin, ticks
from app.figures.curves import CurveWords, response_curve
from app.figures.timelines import AxisWords, LineNames, Window, against_model, cumulative, stacked, trend
from app.theme import DARK, LIGHT
from app.units import short_money, writer
from measurement.wording import Wording

GERMAN = Wording(locale="de_DE", currency="EUR", messages={})
ENGLISH = Wording(locale="en_GB", currency="EUR", messages={})
STYLE = Style(palette=LIGHT, wording=GERMAN)
WORDS = AxisWords(x="Woche", y="Ergebnis, EUR", text=GERMAN.number)
DATES = pd.date_range("2024-05-27", periods=60, freq="7D")
SERIES = pd.DataFrame(
    {"date": DATES, "observed": np.arange(60.0), "mean": np.arange(60.0), "lower": -1.0, "upper": 70.0}
)


def _all_figures(style: Style) -> dict[str, go.Figure]:
    grid = np.linspace(0, 100, 20)
    curve = pd.DataFrame({"spend": grid, "mean": np.sqrt(grid), "lower": 0.0, "upper": np.sqrt(grid) + 1})
    kpi = pd.DataFrame(
        {"day": DATES, "value": [None, *range(59)], "lower": [None, *range(59)], "upper": [None, *range(59)]}
    ).assign(breached=[None, *[False] * 58, True])
    names = LineNames(observed="Beobachtet", expected="Modell")
    window = Window(start=DATES[40], end=DATES[50], text="Test")
    wide = SERIES.set_index("date")[["observed", "mean"]].rename_axis(columns=None)
    effect = pd.DataFrame({"date": DATES, "effect": np.arange(60.0)})
    frontier = pd.DataFrame({"total": [200.0, 100.0, 300.0], "outcome": [180.0, 110.0, None]})
    plane = PlaneWords(x="Ausgaben pro Woche, EUR", y="Ergebnis pro Woche, EUR")
    spots = [Spot(x=150.0, y=140.0, text="heute", hollow=True), Spot(x=200.0, y=180.0, text="neu", side="above left")]
    stairs = [Stair(name="Neue Daten", change=12.0), Stair(name="Andere Regeln", change=-5.0)]
    geos = pd.DataFrame({"Bremen": [1.0, -2.0], "Hessen": [0.0, 3.0]}, index=["TV", "Radio"])
    return {
        "frontier": frontier_line(frontier, style, plane, spots, x="total", y="outcome"),
        "waterfall": waterfall(stairs, style, start=("W47", 100.0), end=("W48", 107.0), title="Ergebnis, EUR"),
        "heat": heat_map(geos, style, x="Region", title="Änderung, EUR"),
        "bars": bars([("A", 0.7), ("B", 0.3)], style, title="Anteil, %", text=GERMAN.percent),
        "curve": response_curve(
            curve, style, CurveWords(x="Ausgaben", y="Ergebnis", today="heute", proposed="neu"), today=20, proposed=40
        ),
        "against": against_model(SERIES, style, WORDS, names, window=window),
        "stacked": stacked(
            wide, style, WORDS, {"observed": "A", "mean": "B"}, {"observed": "#112233", "mean": "#445566"}
        ),
        "trend": trend(kpi, style, WORDS, objective=30.0, objective_text="Ziel"),
        "cumulative": cumulative(effect, style, WORDS, total=(59.0, 40.0, 80.0), total_text="59"),
    }


@pytest.mark.parametrize("name", list(_all_figures(STYLE)))
def test_a_figure_names_its_axes_and_has_no_holes_in_its_layout(name: str) -> None:
    figure = _all_figures(STYLE)[name]
    assert figure.layout.xaxis.title.text
    has_categories = figure.layout.yaxis.categoryarray is not None
    assert has_categories or any(note.name == "y title" and note.text for note in figure.layout.annotations)
    assert "NaN" not in figure.to_json()
    assert all(np.isfinite(figure.layout.xaxis.range)) if name in ("bars", "curve") else True


def test_german_figures_use_german_separators_and_words() -> None:
    figure = _all_figures(STYLE)["against"]
    assert figure.layout.separators == ",."
    assert any(text.startswith(("Dez.", "Juni", "Okt.")) for text in figure.layout.xaxis.ticktext)
    english = _all_figures(Style(palette=LIGHT, wording=ENGLISH))["against"]
    assert english.layout.separators == ".,"


def test_dark_figures_are_drawn_in_dark_colours() -> None:
    figure = _all_figures(Style(palette=DARK, wording=GERMAN))["bars"]
    assert figure.layout.font.color == DARK.ink
    assert figure.data[0].marker.color == DARK.accent


def test_figures_do_not_change_their_input() -> None:
    before = SERIES.copy()
    _all_figures(STYLE)
    pd.testing.assert_frame_equal(SERIES, before)


@pytest.mark.parametrize("span", [(0, 1), (-3.2, 7.9), (1e5, 4.4e6), (0.001, 0.0042), (-5e-7, 9e-7)])
def test_ticks_are_round_inside_and_few(span: tuple[float, float]) -> None:
    found = ticks(*span)
    assert 2 <= len(found) <= 7
    assert all(span[0] - 1e-9 <= place <= span[1] + 1e-9 for place in found)
    assert np.allclose(np.diff(found), found[1] - found[0])


def test_ticks_of_a_single_value() -> None:
    assert ticks(3.0, 3.0) == [3.0]


def test_thinning_keeps_peaks_and_the_limit() -> None:
    values = np.zeros(100_000)
    values[54_321], values[99] = 9.0, -4.0
    kept = thin(values, 5000)
    assert len(kept) <= 5000
    assert {54_321, 99, 0, 99_999} <= set(kept.tolist())
    assert len(thin(values[:10], 5000)) == 10


def test_labels_keep_their_distance_and_order() -> None:
    places = spread([5.0, 5.1, 5.2, 0.0], 1.0)
    assert np.diff(sorted(places)).min() >= 1.0 - 1e-6
    assert places[0] < places[1] < places[2]


def test_labels_of_channels_that_rest_stay_above_the_axis() -> None:
    resting = pd.DataFrame(0.0, index=DATES, columns=["a", "b", "c", "d"]).assign(d=np.arange(60.0))
    names = {name: name for name in resting.columns}
    figure = stacked(resting, STYLE, WORDS, names, dict.fromkeys(names, "#112233"))
    places = [note.y for note in figure.layout.annotations if note.name != "y title"]
    assert len(places) == 4
    assert min(places) > 0


def test_padding_of_nothing_is_a_unit_range() -> None:
    assert padded([]) == (0.0, 1.0)
    assert padded([float("nan"), 2.0])[0] < 2.0


def test_a_short_series_gets_a_tick_for_each_day() -> None:
    figure = go.Figure()
    label_dates(figure, pd.DatetimeIndex(["2026-11-02", "2026-11-03"]), STYLE, title="Tag")
    assert list(figure.layout.xaxis.ticktext) == ["2. Nov.", "3. Nov."]


@pytest.mark.parametrize(
    ("value", "german", "english"),
    [
        (0.0, "0 €", "€0"),
        (460_000, "460 Tsd. €", "€460k"),
        (4_500_000, "4,5 Mio. €", "€4.5m"),
        (-80_082.7, "-80,1 Tsd. €", "-€80.1k"),
        (2.5e9, "2,5 Mrd. €", "€2.5bn"),
    ],
)
def test_short_amounts(value: float, german: str, english: str) -> None:
    assert short_money(value, GERMAN).replace("\xa0", " ") == german
    assert short_money(value, ENGLISH) == english


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("ms", 850.0, "850 ms"),
        ("ms", 3300.0, "3,3 s"),
        ("ms", 9e6, "2,5 h"),
        ("hours", 2.5, "2,5 h"),
        ("hours", 120.0, "5,0 d"),
        ("currency", 0.0042, "0,0042 €"),
        ("fraction", 0.0312, "3,1 %"),
        ("currency", 0.42, "0,42 €"),
        ("count", 12345.0, "12.345"),
        ("ms", float("nan"), "–"),
    ],
)
def test_quantities_carry_their_unit(unit: str, value: float, text: str) -> None:
    assert writer(unit, GERMAN)(value).replace("\xa0", " ") == text


def test_a_waterfall_ends_where_its_causes_lead() -> None:
    figure = _all_figures(STYLE)["waterfall"]
    bars_drawn = [trace for trace in figure.data if trace.type == "bar"]
    assert [(bar.base[0], bar.x[0]) for bar in bars_drawn] == [(100.0, 12.0), (112.0, -5.0)]
    assert [bar.marker.color for bar in bars_drawn] == [LIGHT.gain, LIGHT.loss]
    assert bars_drawn[-1].base[0] + bars_drawn[-1].x[0] == 107.0


def test_a_frontier_is_sorted_and_leaves_impossible_budgets_out() -> None:
    line = _all_figures(STYLE)["frontier"].data[0]
    assert list(line.x) == [100.0, 200.0]
    assert list(line.y) == [110.0, 180.0]


def test_amounts_that_lie_close_are_written_in_full() -> None:
    close = pd.DataFrame({"total": [2_074_100.0, 2_074_190.0], "outcome": [1_863_674.0, 1_863_712.0]})
    figure = frontier_line(close, STYLE, PlaneWords(x="x", y="y"), [], x="total", y="outcome")
    assert len(set(figure.layout.xaxis.ticktext)) == len(figure.layout.xaxis.ticktext)
    assert len(set(figure.layout.yaxis.ticktext)) == len(figure.layout.yaxis.ticktext)


def _redrawn(x: object) -> object:
    from app.figures.drawing import Drawing

    drawing = Drawing({})
    drawing.add_scatter(x=x, y=np.arange(len(x), dtype=np.float64), fill=None)
    return drawing.done().data[0]


def test_long_lines_with_equal_steps_are_sent_as_start_and_step() -> None:
    weeks = pd.date_range("2023-12-04", periods=156, freq="7D")
    line = _redrawn(weeks)
    assert line.x is None
    assert pd.Timestamp(line.x0) + pd.Timedelta(milliseconds=line.dx) * 155 == weeks[-1]
    grid = np.linspace(5.0, 200_000.0, 60)
    line = _redrawn(grid)
    assert line.x is None
    np.testing.assert_allclose(line.x0 + line.dx * np.arange(60), grid)


@pytest.mark.parametrize(
    ("x", "kept"),
    [
        (pd.date_range("2023-12-04", periods=156, freq="7D").delete(7), "2023-12-04"),
        (pd.date_range("2024-01-01", periods=60, freq="7h"), None),
        (pd.date_range("2024-01-01", periods=30, freq="D"), None),
        (np.linspace(0, 1, 60) ** 2, None),
    ],
)
def test_other_lines_keep_every_place(x: object, kept: str | None) -> None:
    line = _redrawn(x)
    assert len(line.x) == len(x)
    assert line.x[0] == kept if kept else pd.Series(line.x).equals(pd.Series(x))


def test_dates_of_long_lines_are_named_by_months_of_equal_distance() -> None:
    from app.figures.canvas import blank, label_dates

    drawing = blank(STYLE, height=100)
    label_dates(drawing, pd.date_range("2023-12-04", periods=156, freq="7D"), STYLE, title="")
    places = pd.DatetimeIndex(drawing.layout["xaxis"]["tickvals"])
    assert 3 <= len(places) <= 6
    assert set(places.day) == {1}
    months = places.year * 12 + places.month
    assert len(set(np.diff(months))) == 1
