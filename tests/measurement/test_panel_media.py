"""From files to the panel: reach and frequency, treatments with their reference, named holidays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from measurement.readers.checks import check_workspace
from measurement.readers.panel_table import load_panel, read_panel
from measurement.workspace import Workspace
from tests.measurement.small_workspace import panel_frame
from tests.measurement.spoiling import append_settings, set_setting


def write(root: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(root / "data" / "panel.csv", index=False)


def with_price(root: Path, **settings: str) -> pd.DataFrame:
    """The small workspace with a price, and a treatment for each reference asked for."""
    frame = panel_frame()
    rng = np.random.default_rng(8)
    for name, reference in settings.items():
        frame[f"{name}_column"] = np.round(rng.uniform(8, 12, len(frame)), 2)
        append_settings(root, f'[panel.treatments.{name}]\ncolumn = "{name}_column"\nreference = {reference}\n')
    write(root, frame)
    return frame


def test_references_come_from_the_data(small: Path) -> None:
    frame = with_price(small, low='"min"', high='"max"', usual='"mean"', fixed="9.5")
    panel = read_panel(Workspace.open(small))
    assert check_workspace(Workspace.open(small)) == []
    assert panel.treatments == ("low", "high", "usual", "fixed")
    assert "low_column" not in panel.controls
    wanted = [frame["low_column"].min(), frame["high_column"].max(), frame["usual_column"].mean(), 9.5]
    np.testing.assert_allclose(panel.data["treatment_reference"], wanted)
    hamburg = frame[frame["geo"] == "Hamburg"]["usual_column"]
    np.testing.assert_array_equal(panel.data["treatment"].sel(geo="Hamburg", treatment_name="usual"), hamburg)


def test_rows_that_are_left_out_move_no_reference(small: Path) -> None:
    frame = with_price(small, low='"min"')
    frame.loc[frame["week"] == "2026-11-16", "low_column"] = 1.0
    write(small, frame)
    set_setting(small, "panel", "last_complete", "2026-11-09")
    kept = frame[frame["week"] <= "2026-11-09"]["low_column"]
    assert read_panel(Workspace.open(small)).data["treatment_reference"].item() == kept.min()


def test_a_reference_never_seen_is_warned_of(small: Path) -> None:
    with_price(small, price="95.0")
    (note,) = read_panel(Workspace.open(small)).notes
    assert (note.severity, note.column, note.value) == ("warning", "panel.treatments.price.reference", "95")
    assert note.line is not None


def test_a_treatment_without_a_readable_cell_is_told_cell_by_cell(small: Path) -> None:
    frame = with_price(small, price='"min"').astype({"price_column": object})
    frame["price_column"] = "n/a"
    write(small, frame)
    problems = load_panel(Workspace.open(small)).problems
    assert {problem.column for problem in problems if problem.severity == "error"} == {"price_column"}


def with_reach(root: Path, frequency: np.ndarray) -> pd.DataFrame:
    frame = panel_frame()
    frame["reach"], frame["frequency"] = frame["search_clicks"], frequency
    write(root, frame)
    settings = root / "liftwerk.toml"
    text = settings.read_text(encoding="utf-8")
    text = text.replace('exposure = "search_clicks"', 'reach = "reach"\nfrequency = "frequency"')
    settings.write_text(text, encoding="utf-8")
    return frame


def test_reach_and_frequency_stay_apart(small: Path) -> None:
    frame = with_reach(small, 1.0 + np.arange(240) % 3)
    panel = read_panel(Workspace.open(small))
    assert panel.reach_channels == ("search",)
    bremen = frame[frame["geo"] == "Bremen"]
    for name in ("reach", "frequency"):
        np.testing.assert_array_equal(panel.data[name].sel(geo="Bremen", rf_channel="search"), bremen[name])
    np.testing.assert_array_equal(
        panel.data["exposure"].sel(geo="Bremen", channel="search"), bremen["reach"] * bremen["frequency"]
    )
    np.testing.assert_array_equal(panel.data["exposure"].sel(channel="tv"), panel.data["spend"].sel(channel="tv"))


@pytest.mark.parametrize(
    ("frequency", "told"),
    [(0.5 + np.arange(240) % 3, "below 1 in 80 rows"), (np.full(240, 2.0), "never changes")],
)
def test_odd_frequencies_are_warned_of(small: Path, frequency: np.ndarray, told: str) -> None:
    with_reach(small, frequency)
    (note,) = [note for note in read_panel(Workspace.open(small)).notes if note.column == "frequency"]
    assert note.severity == "warning"
    assert told in note.message


def test_holidays_that_occur_once_are_joined(small: Path) -> None:
    panel = read_panel(Workspace.open(small))
    assert panel.holidays.dims == ("date", "holiday_name")
    assert "other holidays" in panel.holiday_names
    assert panel.controls == ("price_index",)


def test_named_holidays_from_a_file(small: Path) -> None:
    (small / "data" / "feasts.csv").write_text("date;name\n14.05.2026;Feast\n15.10.2025;Feast\n01.06.2026;Once\n")
    set_setting(small, "panel", "holidays", '"data/feasts.csv"')
    panel = read_panel(Workspace.open(small))
    assert panel.holiday_names == ("Feast", "other holidays")
    assert panel.holidays.sel(holiday_name="Feast").sum() == 2.0
    assert float(panel.holidays.sel(holiday_name="other holidays", date="2026-06-01")) == 1.0


def test_a_panel_without_holidays_has_none(small: Path) -> None:
    settings = small / "liftwerk.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('holidays = "DE"\n', ""), encoding="utf-8")
    assert read_panel(Workspace.open(small)).holiday_names == ()
