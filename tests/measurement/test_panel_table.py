"""From files to panels: public data sets pass, every format gives the same panel, warnings do not block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from measurement.errors import InputError
from measurement.panel import Panel
from measurement.readers.checks import check_workspace
from measurement.readers.panel_table import load_panel, read_panel
from measurement.workspace import Workspace
from tests.measurement.small_workspace import GEOS, WEEKS, panel_frame


def rewrite(root: Path, old: str, new: str) -> Workspace:
    settings = root / "liftwerk.toml"
    text = settings.read_text(encoding="utf-8")
    assert old in text
    settings.write_text(text.replace(old, new), encoding="utf-8")
    return Workspace.open(root)


def errors(workspace: Workspace) -> list[str]:
    return [str(problem) for problem in check_workspace(workspace) if problem.severity == "error"]


def warnings(workspace: Workspace) -> list[str]:
    return [str(problem) for problem in check_workspace(workspace) if problem.severity == "warning"]


def test_robyn(public_workspace: Callable[[str, str], Workspace], shared_data: Path) -> None:
    workspace = public_workspace("robyn", "mmm/robyn_simulated_weekly.csv")
    assert errors(workspace) == []
    assert len(warnings(workspace)) == 1  # the column 'events' is not used
    panel = read_panel(workspace)
    truth = pd.read_csv(shared_data / "mmm" / "robyn_simulated_weekly.csv")
    assert panel.geos == ("national",)
    assert panel.channels == ("tv", "ooh", "print", "facebook", "search")
    assert panel.controls == ("competitor_sales_B",)
    assert "Ostermontag" in panel.holiday_names
    assert panel.organic == ("newsletter",)
    assert panel.period == "week"
    np.testing.assert_array_equal(panel.data["outcome"].to_numpy()[0], truth["revenue"])
    facebook = panel.data.sel(geo="national", channel="facebook")
    np.testing.assert_array_equal(facebook["spend"], truth["facebook_S"])
    np.testing.assert_array_equal(facebook["exposure"], truth["facebook_I"])
    tv = panel.data.sel(channel="tv")
    xr.testing.assert_equal(tv["exposure"].drop_vars("channel"), tv["spend"].drop_vars("channel"))
    assert panel.current_spend()["facebook"] == pytest.approx(12206.3586456633)


def test_meridian(public_workspace: Callable[[str, str], Workspace], shared_data: Path) -> None:
    workspace = public_workspace("meridian", "mmm/meridian_geo_all_channels.csv")
    assert check_workspace(workspace) == []
    panel = read_panel(workspace)
    truth = pd.read_csv(shared_data / "mmm" / "meridian_geo_all_channels.csv")
    assert {name: size for name, size in panel.data.sizes.items() if size} == {
        "geo": 40,
        "date": 156,
        "channel": 5,
        "control_name": 3,
        "organic_name": 1,
    }
    total = float((truth["conversions"] * truth["revenue_per_conversion"]).sum())
    assert panel.outcome_value.sum() == pytest.approx(total)
    row = truth[(truth["geo"] == "Geo17") & (truth["time"] == "2022-05-30")].iloc[0]
    cell = panel.data.sel(geo="Geo17", date="2022-05-30")
    assert float(cell["population"]) == pytest.approx(row["population"])
    assert float(cell["spend"].sel(channel="channel3")) == row["Channel3_spend"]
    assert float(cell["organic"].squeeze()) == row["Organic_channel0_impression"]
    assert float(cell["control"].sel(control_name="Promo")) == row["Promo"]


def test_geolift(public_workspace: Callable[[str, str], Workspace]) -> None:
    workspace = public_workspace("geolift", "geo/geolift_test.csv")
    assert check_workspace(workspace) == []
    panel = read_panel(workspace)
    assert (panel.period, len(panel.geos), len(panel.dates), panel.channels) == ("day", 40, 105, ())


def same(one: Panel, other: Panel) -> None:
    xr.testing.assert_identical(one.data, other.data)
    assert (one.currency, one.outcome_kind, one.period) == (other.currency, other.outcome_kind, other.period)


def german(frame: pd.DataFrame) -> str:
    """As a German Excel writes it: semicolons, decimal comma, thousands dots, day.month.year, euro signs."""
    text = frame.copy()
    text["week"] = pd.to_datetime(frame["week"]).dt.strftime("%d.%m.%Y")
    for name in ("revenue", "price_index", "search_spend", "tv_spend"):
        text[name] = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in frame[name]]
    text["tv_spend"] += " €"
    return text.to_csv(sep=";", index=False, lineterminator="\r\n")


def test_every_format_gives_the_same_panel(small: Path) -> None:
    wanted = read_panel(Workspace.open(small))
    frame = panel_frame()
    old = 'file = "data/panel.csv"'
    (small / "data" / "german.csv").write_text(german(frame), encoding="utf-8-sig")
    same(read_panel(workspace := rewrite(small, old, new := 'file = "data/german.csv"')), wanted)
    assert check_workspace(workspace) == []
    typed = frame.assign(week=pd.to_datetime(frame["week"]))
    typed.to_parquet(small / "data" / "panel.parquet")
    same(read_panel(rewrite(small, new, old := 'file = "data/panel.parquet"')), wanted)
    typed.to_excel(small / "data" / "panel.xlsx", index=False)
    same(read_panel(rewrite(small, old, new := 'file = "data/panel.xlsx"')), wanted)
    with duckdb.connect(str(small / "data" / "panel.duckdb")) as connection:
        connection.register("typed", typed)
        connection.execute("create table sales as select * from typed")
    url = 'url = "duckdb://data/panel.duckdb"\ntable = "sales"'
    same(read_panel(rewrite(small, new, url)), wanted)
    weeks = pd.to_datetime(frame["week"]).dt.strftime("%G-W%V")
    frame.assign(week=weeks).to_csv(small / "data" / "weeks.csv", index=False)
    same(read_panel(rewrite(small, url, 'file = "data/weeks.csv"')), wanted)


def test_the_order_of_rows_and_columns_is_irrelevant(small: Path) -> None:
    wanted = read_panel(Workspace.open(small))
    frame = panel_frame()
    shuffled = frame.sample(frac=1, random_state=4)[sorted(frame.columns)]
    shuffled.to_csv(small / "data" / "panel.csv", index=False)
    panel = read_panel(Workspace.open(small))
    same(panel, wanted)
    assert ["not in order" in problem.message for problem in panel.notes] == [True]
    frame.iloc[::-1].to_csv(small / "data" / "panel.csv", index=False)
    assert read_panel(Workspace.open(small)).notes == ()  # newest first is as good an order


def test_holidays_by_week(small: Path) -> None:
    panel = read_panel(Workspace.open(small))
    assert panel.controls == ("price_index",)
    assert float(panel.holidays.sel(date="2025-12-22").sum()) == 2.0  # both days of Christmas
    assert float(panel.holidays.sel(date="2026-11-16").sum()) == 0.0
    (small / "data" / "days.csv").write_text("date\n2026-03-03\n2026-03-03\n2026-03-08\n2031-01-01\n")
    workspace = rewrite(small, 'holidays = "DE"', 'holidays = "data/days.csv"')
    own = read_panel(workspace).holidays
    assert float(own.sum()) == float(own.sel(date="2026-03-02", holiday_name="days")) == 2.0
    (small / "data" / "days.csv").write_text("date\n2011-03-03\n")
    panel = read_panel(workspace)
    assert panel.holiday_names == ()
    assert [(note.line, note.column) for note in panel.notes] == [(15, "panel.holidays")]


def test_national_panels_without_geo(small: Path) -> None:
    frame = panel_frame()
    frame[frame["geo"] == "Bremen"].drop(columns="geo").to_csv(small / "data" / "panel.csv", index=False)
    (small / "geo_tests" / "tv_bremen.toml").unlink()
    workspace = rewrite(small, 'geo = "geo"\n', "")
    workspace = rewrite(small, 'geos = ["Hamburg"]\n', "")
    assert errors(workspace) == []
    assert read_panel(workspace).geos == ("national",)


def test_geo_rows_without_a_geo_setting_say_what_is_missing(small: Path) -> None:
    workspace = rewrite(small, 'geo = "geo"\n', "")
    with pytest.raises(InputError, match=r"name it as panel\.geo"):
        read_panel(workspace)


def test_value_per_unit_as_number_and_as_column(small: Path) -> None:
    workspace = rewrite(
        small, 'outcome = "revenue"\n', 'outcome = "revenue"\noutcome_kind = "units"\nvalue_per_unit = 42.0\n'
    )
    panel = read_panel(workspace)
    np.testing.assert_allclose(panel.outcome_value, 42 * panel.data["outcome"])
    frame = panel_frame()
    frame["margin"] = 2.0
    frame.loc[7, "margin"] = 0.0
    frame.to_csv(small / "data" / "panel.csv", index=False)
    workspace = rewrite(small, "value_per_unit = 42.0", 'value_per_unit = "margin"')
    with pytest.raises(InputError, match=r"panel\.csv:9, 'margin'.*above zero"):
        read_panel(workspace)


def test_reach_times_frequency_is_the_exposure(small: Path) -> None:
    frame = panel_frame()
    frame["reach"], frame["frequency"] = frame["search_clicks"], 1.0 + np.arange(len(frame)) % 3
    frame.to_csv(small / "data" / "panel.csv", index=False)
    workspace = rewrite(small, 'exposure = "search_clicks"', 'reach = "reach"\nfrequency = "frequency"')
    exposure = read_panel(workspace).data["exposure"].sel(channel="search")
    assert float(exposure.sum()) == pytest.approx(float((frame["reach"] * frame["frequency"]).sum()))
    workspace = rewrite(small, 'frequency = "frequency"\n', "")
    assert "belong together" in errors(workspace)[0]


def test_weeks_may_start_on_any_day(small: Path) -> None:
    frame = panel_frame()
    sundays = pd.to_datetime(frame["week"]) - pd.Timedelta(days=1)
    frame.assign(week=sundays.dt.strftime("%m/%d/%Y")).to_csv(small / "data" / "panel.csv", index=False)
    panel = read_panel(Workspace.open(small))
    assert panel.dates[-1] == pd.Timestamp("2026-11-15")
    assert set(panel.dates.day_of_week) == {6}


def test_last_complete_trims_and_confirms(small: Path) -> None:
    frame = panel_frame()
    last = frame["week"] == "2026-11-16"
    frame.loc[last, ["revenue", "search_spend", "tv_spend"]] *= 0.2
    frame.to_csv(small / "data" / "panel.csv", index=False)
    assert "looks incomplete" in errors(Workspace.open(small))[0]
    trimmed = rewrite(small, 'date = "week"', 'date = "week"\nlast_complete = 2026-11-09')
    assert errors(trimmed) == []
    assert read_panel(trimmed).dates[-1] == pd.Timestamp("2026-11-09")
    confirmed = rewrite(small, "last_complete = 2026-11-09", "last_complete = 2026-11-16")
    assert errors(confirmed) == []
    assert len(read_panel(confirmed).dates) == WEEKS


def test_faults_after_last_complete_do_not_matter(small: Path) -> None:
    with (small / "data" / "panel.csv").open("a", encoding="utf-8") as file:
        file.write("2026-11-23,Bayern,follows,,,,,,\n")
    assert "text stands" in errors(Workspace.open(small))[0]
    assert errors(rewrite(small, 'date = "week"', 'date = "week"\nlast_complete = 2026-11-16')) == []


def test_all_problems_at_once_and_no_echoes(small: Path) -> None:
    frame = panel_frame().astype(object)
    frame.loc[3, "week"] = "soon"
    frame.loc[4, "revenue"] = "n/a"
    frame.loc[5, "tv_spend"] = -3
    frame.to_csv(small / "data" / "panel.csv", index=False)
    with pytest.raises(InputError) as raised:
        read_panel(Workspace.open(small))
    places = {problem.place for problem in raised.value.problems}
    # A date that cannot be read leaves a hole, but the hole is not told as a gap.
    assert places == {"data/panel.csv:5, 'week'", "data/panel.csv:6, 'revenue'", "data/panel.csv:7, 'tv_spend'"}


def test_long_gaps_are_told_once(small: Path) -> None:
    frame = panel_frame()
    days = sorted(frame["week"].unique())
    hole = frame["week"].isin(days[10:15]) & (frame["geo"] == GEOS[1])
    frame[~hole].to_csv(small / "data" / "panel.csv", index=False)
    found = errors(Workspace.open(small))
    assert len(found) == 1
    assert f"panel.csv:{WEEKS + 11}," in found[0]
    assert f"Bremen, {days[10]} to {days[14]}" in found[0]


def test_warnings_do_not_block(small: Path) -> None:
    frame = panel_frame()
    frame["note"] = "x"
    frame.loc[30, "tv_spend"] *= 1000
    frame.loc[31, "search_clicks"] = 0
    frame["newsletter"] = frame["newsletter"].astype(float)
    frame.to_csv(small / "data" / "panel.csv", index=False)
    workspace = Workspace.open(small)
    assert errors(workspace) == []
    told = "\n".join(warnings(workspace))
    assert "note" in told
    assert "panel.csv:32, 'tv_spend': the value is more than 10 times" in told
    assert "panel.csv:33, 'search_clicks': money was spent" in told
    assert len(read_panel(workspace).notes) == 3


def test_short_panels_and_future_dates_are_warned_of(small: Path) -> None:
    frame = panel_frame(weeks=20)
    weeks = pd.to_datetime(frame["week"]) + pd.Timedelta(weeks=52 * 50)
    frame.assign(week=weeks.dt.strftime("%Y-%m-%d")).to_csv(small / "data" / "panel.csv", index=False)
    told = "\n".join(warnings(Workspace.open(small)))
    assert "covers 20 weeks" in told
    assert "lies in the future" in told


def test_a_broken_panel_still_tells_its_geos(small: Path) -> None:
    frame = panel_frame()
    frame.loc[4, "tv_spend"] = -3
    frame.to_csv(small / "data" / "panel.csv", index=False)
    reading = load_panel(Workspace.open(small))
    assert reading.panel is None
    assert reading.geos == GEOS


def test_a_large_panel_is_read_by_columns_not_by_cells(tmp_path: Path) -> None:
    geos, weeks = 2_000, 200
    rng = np.random.default_rng(0)
    dates = np.tile(pd.date_range("2023-01-02", periods=weeks, freq="7D"), geos)
    frame = pd.DataFrame({"week": dates, "geo": np.repeat([f"g{index}" for index in range(geos)], weeks)})
    for name in ("y", "a", "b"):
        frame[name] = rng.uniform(1, 2, len(frame))
    frame.to_parquet(tmp_path / "panel.parquet")
    (tmp_path / "liftwerk.toml").write_text(
        '[panel]\nfile = "panel.parquet"\ndate = "week"\ngeo = "geo"\noutcome = "y"\n'
        '[panel.channels.a]\nspend = "a"\n[panel.channels.b]\nspend = "b"\n'
    )
    panel = read_panel(Workspace.open(tmp_path))
    assert panel.data["spend"].shape == (geos, weeks, 2)
    assert float(panel.data["outcome"].sum()) == pytest.approx(frame["y"].sum())


def test_channels_that_always_run_together_are_warned_of(small: Path) -> None:
    frame = panel_frame()
    frame["tv_spend"] = frame["search_spend"]
    frame.to_csv(small / "data" / "panel.csv", index=False)
    assert "the same as that of 'search'" in "\n".join(warnings(Workspace.open(small)))


def test_lift_tests_that_reach_beyond_the_panel_are_known_by_their_line(small: Path) -> None:
    workspace = rewrite(small, "start = 2026-03-02\nend = 2026-03-29", "start = 2020-03-02\nend = 2020-03-29")
    (problem,) = check_workspace(workspace)
    assert (problem.file, problem.line) == ("liftwerk.toml", 27)
