"""Spoilers of the calendar and of whole columns."""

from __future__ import annotations

from tests.measurement.spoiling import Expected, PanelFile, spoil_cell, spoiler


@spoiler
def duplicate_row(root, rng):
    panel = PanelFile(root)
    panel.rows.append([*panel.rows[panel.pick(rng)]])
    panel.save()
    return Expected(place=f"{panel.name}:{len(panel.rows) + 1}, '{panel.date}'", remedy="Remove one of the rows")


@spoiler
def geo_week_missing(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    days = panel.dates()
    geo, gap = panel.get(0, panel.geo), days[int(rng.integers(10, len(days) - 10))]
    panel.keep(lambda name, day: (name, day) != (geo, gap))
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy="Add the row")


@spoiler
def week_missing_everywhere(root, rng):
    panel = PanelFile(root)
    days = panel.dates()
    gap = days[int(rng.integers(10, len(days) - 10))]
    panel.keep(lambda _, day: day != gap)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy="Add its rows")


@spoiler
def geo_starts_late(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    geo, start = panel.get(0, panel.geo), panel.dates()[5]
    panel.keep(lambda name, day: name != geo or day >= start)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"start the whole panel on {start}")


@spoiler
def geo_ends_early(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    geo, stop = panel.get(0, panel.geo), panel.dates()[-6]
    panel.keep(lambda name, day: name != geo or day <= stop)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"last_complete = {stop}")


@spoiler
def last_week_lacks_geos(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    geo, *_, before, last = panel.get(0, panel.geo), *panel.dates()
    panel.keep(lambda name, day: day != last or name != geo)
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"last_complete = {before}")


@spoiler
def partial_last_week(root, rng):
    panel = PanelFile(root)
    *_, before, last = panel.dates()
    columns = [panel.outcome, *(section["spend"] for section in panel.panel["channels"].values())]
    for row in range(len(panel.rows)):
        if panel.get(row, panel.date) == last:
            for column in columns:
                panel.set(row, column, f"{float(panel.get(row, column)) * 0.3:.2f}")
    panel.save()
    return Expected(place=f"'{panel.date}'", remedy=f"last_complete = {before}")


@spoiler
def channel_never_spent(root, rng):
    panel = PanelFile(root)
    place = panel.set_all(panel.spend, "0")
    panel.save()
    return Expected(place=place, remedy=f"Remove [panel.channels.{panel.channel}]")


@spoiler
def constant_control(root, rng):
    panel = PanelFile(root)
    if not panel.panel.get("controls"):
        return None
    place = panel.set_all(panel.panel["controls"][0], "100")
    panel.save()
    return Expected(place=place, remedy="Remove it from panel.controls")


@spoiler
def constant_outcome(root, rng):
    panel = PanelFile(root)
    place = panel.set_all(panel.outcome, "5000")
    panel.save()
    return Expected(place=place, remedy="Check the export")


@spoiler
def spend_without_exposure(root, rng):
    panel = PanelFile(root)
    if panel.with_exposure is None:
        return None
    exposure, start = panel.with_exposure[1], panel.pick(rng)
    for row in range(start, start + len(panel.rows) // 10):
        panel.set(row, exposure, "0")
    panel.save()
    return Expected(place=f"'{exposure}'", remedy="Enter the exposure")


@spoiler
def spend_column_renamed(root, rng):
    panel = PanelFile(root)
    wanted = panel.spend
    panel.header[panel.at(wanted)] = wanted.upper()
    panel.save()
    return Expected(place=f"{panel.name}:1, '{wanted}'", remedy=f"Did you mean '{wanted.upper()}'")


@spoiler
def date_column_missing(root, rng):
    panel = PanelFile(root)
    wanted, index = panel.date, panel.at(panel.date)
    panel.header.pop(index)
    for row in panel.rows:
        row.pop(index)
    panel.save()
    return Expected(place=f"{panel.name}:1, '{wanted}'", remedy="Use one of")


@spoiler
def header_twice(root, rng):
    panel = PanelFile(root)
    panel.header.append(panel.spend)
    for row in panel.rows:
        row.append(row[panel.at(panel.spend)])
    panel.save()
    return Expected(place=f"{panel.name}:1, '{panel.spend}'", remedy="Rename or remove one of them")


@spoiler
def geo_in_two_spellings(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    row = panel.pick(rng)
    right = panel.get(row, panel.geo)
    place = panel.set(row, panel.geo, f"{right.lower()} ")
    panel.save()
    return Expected(place=place, remedy=f"Write '{right}' in every row")


@spoiler
def geo_missing(root, rng):
    if not PanelFile(root).geo:
        return None
    return spoil_cell(root, rng, lambda panel: panel.geo, "  ", "Fill it in")
