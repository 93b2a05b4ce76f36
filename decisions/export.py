"""What leaves the house for a week: workbook, table, report, document, and a budget file for every channel."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from decisions.amounts import by_day
from decisions.document import WeekDecision
from decisions.labels import file_stem, neutral
from decisions.publish import publication
from decisions.recommendation import Stability
from decisions.report import render_report
from decisions.sentences import wordings
from decisions.spreadsheet import write_workbook
from decisions.weeks import parse_week

BUDGET_COLUMNS = ("week", "channel", "action", "current", "proposed", "change", "currency")
GEO_COLUMNS = ("week", "channel", "geo", "current", "proposed", "change", "currency")
PLATFORM_COLUMNS = ("date", "channel", "daily_budget", "currency")


def write_export(decision: WeekDecision, exports: Path, stability: Stability) -> Path:
    """Write ``exports/<week>/`` as a whole; the same decision written again changes no byte.

    Parameters
    ----------
    decision
        The decision.
    exports
        The workspace's ``exports`` folder.
    stability
        The rule by which channels were held; named in the report.

    Returns
    -------
    Path
        The folder.
    """
    words = wordings(decision.locale, decision.currency)
    own = next(one for one in words.values() if one.locale == decision.locale)
    with publication(exports, decision.week) as folder:
        write_workbook(decision, folder / "budget.xlsx", own, stability)
        write_csv(folder / "budget.csv", BUDGET_COLUMNS, _budget_rows(decision))
        if decision.cells:
            write_csv(
                folder / "budget_by_geo.csv", GEO_COLUMNS, geo_rows(decision.week, decision.cells, decision.currency)
            )
        (folder / "report.html").write_text(render_report(decision, own, stability), encoding="utf-8")
        (folder / "platforms").mkdir()
        for stem, rows in _platform_files(decision):
            write_csv(folder / "platforms" / f"{stem}.csv", PLATFORM_COLUMNS, rows)
        document = json.dumps(decision.to_dict(), indent=2, ensure_ascii=False, allow_nan=False, default=str)
        (folder / "decision.json").write_text(document + "\n", encoding="utf-8")
    return exports / decision.week


def _budget_rows(decision: WeekDecision) -> Iterable[Sequence[str]]:
    for line in decision.channels:
        amounts = (f"{amount:.2f}" for amount in (line.current, line.proposed, line.change))
        yield (decision.week, neutral(line.channel), line.decision.action, *amounts, decision.currency)


def geo_rows(week: str, cells: Iterable[Mapping[str, Any]], currency: str) -> Iterable[Sequence[str]]:
    """A row a channel and geo, where the plan is by geo."""
    for cell in cells:
        current, proposed = float(cell["current"]), float(cell["proposed"])
        amounts = (f"{money:.2f}" for money in (current, proposed, round(proposed - current, 2)))
        yield (week, neutral(str(cell["channel"])), neutral(str(cell["geo"])), *amounts, currency)


def _platform_files(decision: WeekDecision) -> Iterable[tuple[str, list[Sequence[str]]]]:
    """A file a channel: the daily budget of the decided week, which adds up to the proposal to the cent."""
    taken: set[str] = set()
    for line in decision.channels:
        yield (
            unused_stem(line.channel, taken),
            daily_rows(decision.week, line.channel, line.proposed, decision.currency),
        )


def daily_rows(week: str, channel: str, money: float, currency: str) -> list[Sequence[str]]:
    """A week's money of a channel, a row a day; the days add up to it to the cent."""
    monday = parse_week(week)
    return [
        ((monday + timedelta(days=day)).isoformat(), neutral(channel), f"{amount:.2f}", currency)
        for day, amount in enumerate(by_day(money))
    ]


def unused_stem(channel: str, taken: set[str]) -> str:
    """A file name of its own, also where names differ in case or signs only."""
    stem = file_stem(channel)
    name, number = stem, 2
    while name.lower() in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name.lower())
    return name


def write_csv(file: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A CSV file: ``,`` separated, ``.`` decimal, UTF-8."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
