"""Public holidays as columns: one a holiday, whatever the year, the weekday and the label say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.readers.holiday_calendar import OTHER_HOLIDAYS, holiday_columns, read_holidays

WEEKS = pd.date_range("2021-12-27", periods=157, freq="7D")


def columns(setting: str, dates: pd.DatetimeIndex, root: Path = Path(), days: int = 7) -> pd.DataFrame:
    names, values = holiday_columns(read_holidays(setting, root, dates), dates, days)
    return pd.DataFrame(values, index=dates, columns=list(names))


def test_a_holiday_has_one_column_over_the_years() -> None:
    found = columns("DE", WEEKS)
    assert len(found.columns) == 9
    assert OTHER_HOLIDAYS not in found
    easter = found["Ostermontag"]
    assert list(easter.index[easter > 0]) == [pd.Timestamp(day) for day in ("2022-04-18", "2023-04-10", "2024-04-01")]
    assert set(easter) == {0.0, 1.0}


def test_no_day_is_lost() -> None:
    holidays = read_holidays("DE-BY", Path(), WEEKS)
    first, last = np.datetime64("2021-12-27"), np.datetime64("2024-12-30")
    inside = ((holidays.days >= first) & (holidays.days < last)).sum()
    assert columns("DE-BY", WEEKS).to_numpy().sum() == pytest.approx(inside)


def test_a_moved_holiday_is_shared_between_its_weeks() -> None:
    # New Year's Day 2022 was a Saturday, observed on Friday 31 December; Independence Day 2021 a Sunday, observed on
    # the Monday of the next week.
    found = columns("US", pd.date_range("2021-06-28", periods=130, freq="7D"))
    assert not [name for name in found if "observed" in name]
    july = found["Independence Day"]
    assert july[july > 0].to_dict() == {
        pd.Timestamp("2021-06-28"): 0.5,
        pd.Timestamp("2021-07-05"): 0.5,
        pd.Timestamp("2022-07-04"): 1.0,
        pd.Timestamp("2023-07-03"): 1.0,
    }
    assert found["New Year's Day"].loc["2021-12-27"] == 1.0


def test_two_holidays_on_one_day_keep_their_names() -> None:
    # Ascension and Labour Day fell together in 2008.
    found = columns("DE", pd.date_range("2007-01-01", periods=120, freq="7D"))
    assert not [name for name in found if ";" in name]
    shared = found.loc["2008-04-28"]
    assert set(shared.index[shared > 0]) == {"Christi Himmelfahrt", "Erster Mai"}


def test_what_occurs_once_is_joined() -> None:
    year = pd.date_range("2024-01-01", periods=52, freq="7D")
    found = columns("DE", year)
    assert list(found.columns) == [OTHER_HOLIDAYS]
    assert found[OTHER_HOLIDAYS].sum() == 9
    # The day of the Reformation was a holiday everywhere in 2017 only.
    found = columns("DE", pd.date_range("2016-01-04", periods=156, freq="7D"))
    assert found[OTHER_HOLIDAYS].loc["2017-10-30"] == found[OTHER_HOLIDAYS].sum() == 1.0


def test_days_of_a_long_holiday(tmp_path: Path) -> None:
    fair = [f"{day:%Y-%m-%d},Fair" for year in (2024, 2025) for day in pd.date_range(f"{year}-10-04", periods=4)]
    (tmp_path / "fair.csv").write_text("\n".join(["date,name", *fair, "2024-05-01,May Day", "2030-01-01,Far off"]))
    by_week = columns("fair.csv", pd.date_range("2024-01-01", periods=104, freq="7D"), tmp_path)
    # Friday to Monday 2024: three of four days in the first week.
    assert by_week["Fair"].loc[["2024-09-30", "2024-10-07"]].tolist() == [0.75, 0.25]
    assert by_week["Fair"].sum() == pytest.approx(2.0)
    assert list(by_week.columns) == ["Fair", OTHER_HOLIDAYS]
    by_day = columns("fair.csv", pd.date_range("2024-01-01", periods=731, freq="D"), tmp_path, days=1)
    assert by_day["Fair"].loc["2024-10-03":"2024-10-08"].tolist() == [0, 1, 1, 1, 1, 0]


def test_dates_without_names_are_counted(tmp_path: Path) -> None:
    (tmp_path / "shut.csv").write_text("day\n2024-03-04\n2024-03-05\n2024-03-20\n2024-03-20\n")
    found = columns("shut.csv", pd.date_range("2024-03-04", periods=4, freq="7D"), tmp_path)
    assert found.to_dict("list") == {"shut": [2.0, 0.0, 1.0, 0.0]}


def test_outside_the_panel_there_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.csv").write_text("date,name\n1999-01-01,New Year\n2031-01-01,New Year\n")
    assert columns("old.csv", WEEKS, tmp_path).shape == (157, 0)


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(InputError, match=r"panel\.holidays"):
        read_holidays("DE-QQ", Path(), WEEKS)
