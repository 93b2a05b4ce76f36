"""Spoilers of single cells: numbers and dates."""

from __future__ import annotations

import datetime as dt

from tests.measurement.spoiling import Expected, PanelFile, spoil_cell, spoiler


@spoiler
def negative_spend(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.spend, "-125.5", "refunds")


@spoiler
def negative_exposure(root, rng):
    if PanelFile(root).with_exposure is None:
        return None
    return spoil_cell(root, rng, lambda panel: panel.with_exposure[1], "-3", "Enter what was booked")


@spoiler
def text_in_spend(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.spend, "about 300", "Enter a number")


@spoiler
def text_in_outcome(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.outcome, "follows", "Enter a number")


@spoiler
def spreadsheet_error(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.outcome, "#REF!", "Mend the formula")


@spoiler
def missing_outcome(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.outcome, "", "Fill it in")


@spoiler
def missing_spend(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.spend, "n/a", "Fill it in")


@spoiler
def infinite_outcome(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.outcome, "inf", "division by zero")


@spoiler
def overflowing_outcome(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.outcome, "1e999", "division by zero")


@spoiler
def decimal_comma_in_a_point_file(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.spend, "1.234,5", "the same way")


@spoiler
def unclear_thousands(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.outcome, "91,234", "without thousands separator")


@spoiler
def date_in_a_number_column(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.spend, "12.03.2026", "as number")


@spoiler
def foreign_currency_sign(root, rng):
    ours = PanelFile(root).settings["workspace"]["currency"]
    return spoil_cell(root, rng, lambda panel: panel.spend, "£ 310.50" if ours != "GBP" else "€ 310.50", f"to {ours}")


@spoiler
def two_currencies(root, rng):
    panel = PanelFile(root)
    ours = panel.settings["workspace"]["currency"]
    panel.header.append("currency")
    for row in panel.rows:
        row.append(ours)
    place = panel.set(panel.pick(rng), "currency", "CHF")
    panel.save()
    return Expected(place=place, remedy=f"to {ours}")


@spoiler
def zero_population(root, rng):
    if "population" not in PanelFile(root).panel:
        return None
    return spoil_cell(root, rng, lambda panel: panel.panel["population"], "0", "true number")


@spoiler
def date_in_words(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.date, "last Monday", "yyyy-mm-dd")


@spoiler
def date_missing(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.date, "", "Fill it in")


@spoiler
def day_that_does_not_exist(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.date, "2026-02-30", "Correct it")


@spoiler
def date_in_another_format(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.date, "16.03.2026", "the same way")


@spoiler
def day_number_of_a_sheet(root, rng):
    return spoil_cell(root, rng, lambda panel: panel.date, "46097", "as date")


@spoiler
def month_and_day_mixed(root, rng):
    panel = PanelFile(root)
    panel.set_all(panel.date, lambda day: dt.date.fromisoformat(day).strftime("%d/%m/%Y"))
    row = next(index for index in range(panel.pick(rng), 0, -1) if int(panel.get(index, panel.date)[:2]) > 12)
    day, month, year = panel.get(row, panel.date).split("/")
    place = panel.set(row, panel.date, f"{month}/{day}/{year}")
    panel.save()
    return Expected(place=place, remedy="yyyy-mm-dd")


@spoiler
def day_and_month_ambiguous(root, rng):
    panel = PanelFile(root)
    days = [f"{day:02d}/{month:02d}/2026" for month in range(1, 13) for day in range(1, 13)]
    known = panel.dates()
    panel.set_all(panel.date, lambda day: days[known.index(day) % len(days)])
    panel.save()
    return Expected(place=f"{panel.name}:2, '{panel.date}'", remedy="yyyy-mm-dd")


@spoiler
def week_on_another_day(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    moved = dt.date.fromisoformat(panel.get(row, panel.date)) + dt.timedelta(days=2)
    place = panel.set(row, panel.date, moved.isoformat())
    panel.save()
    return Expected(place=place, remedy="Give every week the date of its")


@spoiler
def months_instead_of_weeks(root, rng):
    panel = PanelFile(root)
    every_fourth = set(panel.dates()[::4])
    panel.keep(lambda _, day: day in every_fourth)
    panel.save()
    return Expected(place=f"{panel.name}, '{panel.date}'", remedy="weeks")


@spoiler
def total_row(root, rng):
    panel = PanelFile(root)
    panel.rows.append([*panel.rows[-1]])
    place = panel.set(len(panel.rows) - 1, panel.date, "Summe")
    panel.save()
    return Expected(place=place, remedy="Remove the total row")
