"""The files of an approved week, in ``exports/<week>-approved/``: what is booked, to the cent, and who said so.

The folder is there exactly while the week is approved. It is made from the audit log and the decision alone, so that
making it again changes no byte.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter
from babel.numbers import get_decimal_symbol

from decisions.amounts import to_cents, total_of
from decisions.export import (
    BUDGET_COLUMNS,
    GEO_COLUMNS,
    PLATFORM_COLUMNS,
    daily_rows,
    geo_rows,
    unused_stem,
    write_csv,
)
from decisions.labels import label, neutral
from decisions.locking import locked
from decisions.platforms import GOOGLE_ADS, write_google_ads
from decisions.publish import publication
from decisions.sheets import GAIN, INK, LINE, LOSS, MUTED, Looks, Sheet
from decisions.standing import Standing, moved_money
from decisions.weeks import parse_week
from measurement.settings import Settings
from measurement.wording import Wording, load_wording

SCHEMA = "liftwerk.approval/1"


def folder_name(week: str) -> str:
    """Name of the folder under ``exports``."""
    return f"{week}-approved"


def publish_approved(exports: Path, standing: Standing, document: Mapping[str, Any], settings: Settings) -> Path:
    """Write the folder as a whole; the same approval written again changes no byte."""
    words = load_wording("decisions", str(document["locale"]), str(document["currency"]))
    current = {str(line["channel"]): float(line["current"]) for line in document["channels"]}
    # The log sorts its keys; the files keep the order of the decision.
    rows = [(name, money, standing.recommended[name], standing.budget[name]) for name, money in current.items()]
    with publication(exports, folder_name(standing.week)) as folder:
        write_csv(folder / "budget.csv", BUDGET_COLUMNS, _budget_rows(standing, rows, words))
        if get_decimal_symbol(words.locale) == ",":
            _write_local(folder / "budget_local.csv", standing, rows, words)
        cells = approved_cells(standing, document.get("cells", ()))
        if cells:
            write_csv(folder / "budget_by_geo.csv", GEO_COLUMNS, geo_rows(standing.week, cells, words.currency))
        _write_workbook(folder / "budget.xlsx", standing, rows, words)
        (folder / "platforms").mkdir()
        taken: set[str] = set()
        for name, _, _, money in rows:
            stem = unused_stem(name, taken)
            write_csv(
                folder / "platforms" / f"{stem}.csv",
                PLATFORM_COLUMNS,
                daily_rows(standing.week, name, money, words.currency),
            )
        google = settings.platforms.get(GOOGLE_ADS)
        if google is not None:
            write_google_ads(
                google, standing.budget, folder / "platforms" / f"{unused_stem('google_ads_editor', taken)}.csv"
            )
        tree = approval_document(standing, current, words.currency)
        (folder / "approval.json").write_text(
            json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )
    return exports / folder_name(standing.week)


def approved_cells(standing: Standing, cells: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Money by geo: the recommended split of each channel, scaled to what was approved, to the cent."""
    found: list[dict[str, Any]] = []
    for channel in dict.fromkeys(str(cell["channel"]) for cell in cells):
        own = [cell for cell in cells if cell["channel"] == channel]
        money, whole = standing.budget[channel], sum(float(cell["proposed"]) for cell in own)
        by = "proposed" if whole > 0 else "current"
        weights = {str(cell["geo"]): float(cell[by]) for cell in own}
        total = sum(weights.values()) or 1.0
        shares = to_cents({geo: money * weight / total for geo, weight in weights.items()}, money)
        found += [{**cell, "proposed": shares[str(cell["geo"])]} for cell in own]
    return found


def withdraw_approved(exports: Path, week: str) -> None:
    """Remove the folder of a week that is not approved (any more)."""
    folder = exports / folder_name(week)
    if folder.is_dir():
        with locked(exports / ".lock"):
            shutil.rmtree(folder, ignore_errors=True)


def approved_lines(exports: Path, week: str) -> list[str] | None:
    """Hashes of the log's lines that the approved files name, ``None`` where there are no such files."""
    try:
        tree = json.loads((exports / folder_name(week) / "approval.json").read_text(encoding="utf-8"))
        return [str(one["hash"]) for one in tree["approvals"]]
    except FileNotFoundError:
        return None if not (exports / folder_name(week)).exists() else []
    except (OSError, ValueError, KeyError, TypeError):
        return []


def approval_document(standing: Standing, current: Mapping[str, float], currency: str) -> dict[str, Any]:
    """``approval.json``: who approved what, and the lines of the audit log that say so."""
    return {
        "schema": SCHEMA,
        "week": standing.week,
        "currency": currency,
        "decision_sha256": standing.document,
        "version": standing.version,
        "edited": standing.changed,
        "total": total_of(list(standing.budget.values())),
        "moved": moved_money(standing.budget, current),
        "channels": [
            {
                "channel": name,
                "current": money,
                "recommended": standing.recommended[name],
                "approved": standing.budget[name],
            }
            for name, money in current.items()
        ],
        "approvals": [
            {
                "name": entry.actor,
                "role": entry.details.get("role"),
                "via": entry.details.get("via"),
                "at": entry.at,
                "note": entry.details.get("note", ""),
                "line": entry.seq,
                "hash": entry.hash,
            }
            for entry in standing.approvals
        ],
    }


def _budget_rows(
    standing: Standing, rows: Sequence[tuple[str, float, float, float]], words: Wording
) -> Iterable[Sequence[str]]:
    for name, current, _, approved in rows:
        change = round(approved - current, 2)
        action = "hold" if not change else "scale" if change > 0 else "cut"
        amounts = (f"{money:.2f}" for money in (current, approved, change))
        yield (standing.week, neutral(name), action, *amounts, words.currency)


def _write_local(
    file: Path, standing: Standing, rows: Sequence[tuple[str, float, float, float]], words: Wording
) -> None:
    """The table as spreadsheets of the country open it: ``;`` between cells, a decimal comma, a byte-order mark."""
    keys = ("week", "channel", "current", "proposed", "approved", "change")
    with file.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
        writer.writerow([words.text(f"column.{key}") for key in keys])
        for name, current, recommended, approved in rows:
            amounts = (current, recommended, approved, round(approved - current, 2))
            writer.writerow([standing.week, neutral(name), *(f"{money:.2f}".replace(".", ",") for money in amounts)])


def _write_workbook(
    file: Path, standing: Standing, rows: Sequence[tuple[str, float, float, float]], words: Wording
) -> None:
    with xlsxwriter.Workbook(str(file), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties(
            {"author": "liftwerk", "created": datetime.combine(parse_week(standing.week), datetime.min.time())}
        )
        sheet = book.add_worksheet(words.text("sheet.approved")[:31])
        sheet.hide_gridlines(2)
        sheet.set_paper(9)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        page = Sheet(book, sheet, Looks(book, words))
        for column, width in enumerate((26, 17, 17, 17, 17)):
            sheet.set_column(column, column, width)
        names = ", ".join(standing.approved_by)
        page.title(words.text("approved.title", week=standing.week), words.text("approved.by", names=names))
        first = page.header(
            [words.text(f"column.{key}") for key in ("channel", "current", "proposed", "approved", "change")],
            right=(1, 2, 3, 4),
        )
        rule: dict[str, object] = {"bottom": 1, "bottom_color": LINE}
        for name, current, recommended, approved in rows:
            change = round(approved - current, 2)
            page.text(0, label(name), bold=True, **rule)
            for column, money in ((1, current), (2, recommended), (3, approved)):
                page.number(column, money, num_format=page.looks.money, bold=column == 3, **rule)
            colour = GAIN if change > 0 else LOSS if change < 0 else INK
            page.number(4, change, num_format=page.looks.signed, font_color=colour, **rule)
            page.row += 1
        _totals(page, rows, words, first)
        sheet.freeze_panes(first + 1, 1)
        sheet.autofilter(first, 0, first + max(len(rows), 1), 4)
        for entry in standing.approvals:
            note = f" {entry.details['note']}" if entry.details.get("note") else ""
            page.paragraph(
                words.text("approved.line", name=entry.actor, at=entry.at, line=entry.seq, hash=entry.hash) + note,
                4,
                font_color=MUTED,
            )


def _totals(page: Sheet, rows: Sequence[tuple[str, float, float, float]], words: Wording, first: int) -> None:
    look: dict[str, object] = {"top": 1, "bold": True}
    page.text(0, words.text("column.total"), **look)
    for column in range(1, 5):
        values = [float(row[column]) if column < 4 else round(row[3] - row[1], 2) for row in rows]
        letter, form = "ABCDE"[column], page.looks.signed if column == 4 else page.looks.money
        formula = f"=SUM({letter}{first + 2}:{letter}{page.row})"
        page.sheet.write_formula(page.row, column, formula, page.looks(num_format=form, **look), total_of(values))
    page.row += 2
