"""Spoilers of the file as a whole."""

from __future__ import annotations

import pandas as pd

from tests.measurement.spoiling import Expected, PanelFile, set_setting, spoiler


@spoiler
def empty_file(root, rng):
    panel = PanelFile(root)
    (root / panel.name).write_bytes(b"")
    return Expected(place=panel.name, remedy="Export the data again")


@spoiler
def blank_file(root, rng):
    panel = PanelFile(root)
    (root / panel.name).write_bytes(b"\xef\xbb\xbf\r\n \r\n")
    return Expected(place=panel.name, remedy="Export the data again")


@spoiler
def header_only(root, rng):
    panel = PanelFile(root)
    panel.rows = []
    panel.save()
    return Expected(place=f"{panel.name}:1", remedy="one row for each period")


@spoiler
def file_missing(root, rng):
    panel = PanelFile(root)
    path = root / panel.name
    path.rename(path.with_name(f"old_{path.name}"))
    return Expected(place=panel.name, remedy=f"Did you mean 'old_{path.name}'")


@spoiler
def latin_letters(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.set(row, panel.geo or panel.date, "Thüringen")
    (root / panel.name).write_bytes(panel.text().encode("cp1252", errors="replace"))
    first = next(line for line, text in enumerate(panel.text().splitlines(), start=1) if not text.isascii())
    return Expected(place=f"{panel.name}:{first}", remedy="UTF-8")


@spoiler
def letters_lost(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.set(row, panel.geo or panel.date, "Th\ufffdringen")
    panel.save()
    return Expected(place=f"{panel.name}:{row + 2}", remedy="UTF-8")


@spoiler
def workbook_named_csv(root, rng):
    panel = PanelFile(root)
    pd.DataFrame(panel.rows, columns=panel.header).to_excel(root / "panel.xlsx", index=False)
    (root / "panel.xlsx").replace(root / panel.name)
    return Expected(place=panel.name, remedy="true ending")


@spoiler
def row_too_long(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.rows[row].append("7")
    panel.save()
    return Expected(place=f"{panel.name}:{row + 2}", remedy="in quotes")


@spoiler
def row_too_short(root, rng):
    panel = PanelFile(root)
    row = panel.pick(rng)
    panel.rows[row].pop()
    panel.save()
    return Expected(place=f"{panel.name}:{row + 2}", remedy="Fill the row up")


@spoiler
def torn_parquet(root, rng):
    panel = PanelFile(root)
    pd.DataFrame(panel.rows, columns=panel.header).to_parquet(root / "panel.parquet")
    whole = (root / "panel.parquet").read_bytes()
    (root / "panel.parquet").write_bytes(whole[: len(whole) // 2])
    set_setting(root, "panel", "file", '"panel.parquet"')
    return Expected(place="panel.parquet", remedy="Export it again")


@spoiler
def several_sheets(root, rng):
    panel = PanelFile(root)
    table = pd.DataFrame(panel.rows, columns=panel.header)
    with pd.ExcelWriter(root / "panel.xlsx") as book:
        table.to_excel(book, sheet_name="2025", index=False)
        table.to_excel(book, sheet_name="2026", index=False)
    set_setting(root, "panel", "file", '"panel.xlsx"')
    return Expected(place="panel.xlsx", remedy="Name the right one")


@spoiler
def unknown_ending(root, rng):
    panel = PanelFile(root)
    (root / panel.name).rename(root / "panel.docx")
    set_setting(root, "panel", "file", '"panel.docx"')
    return Expected(place="panel.docx", remedy="Save it as one of")
