"""The workbook: the decision for whoever pays, the channels for whoever books, the evidence for whoever doubts."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from decisions import sentences
from decisions.document import ChannelAdvice, WeekDecision
from decisions.labels import label
from decisions.recommendation import Stability
from decisions.sheets import BAD, GAIN, HEAD, INK, LINE, LOSS, MUTED, Looks, Sheet, printable
from decisions.weeks import parse_week
from measurement.wording import Wording


def write_workbook(decision: WeekDecision, file: Path, words: Wording, stability: Stability) -> None:
    """Write ``budget.xlsx``; the same decision gives the same bytes."""
    with xlsxwriter.Workbook(str(file), {"strings_to_formulas": False, "strings_to_urls": False}) as book:
        # Dates inside the file are the decision's, not the clock's: repeating the job changes no byte.
        book.set_properties(
            {
                "title": f"{decision.workspace} {decision.week}",
                "author": "liftwerk",
                "created": datetime.combine(parse_week(decision.week), datetime.min.time(), UTC).replace(tzinfo=None),
            }
        )
        looks = Looks(book, words)
        pages = {
            "decision": _decision_sheet,
            "channels": _channels_sheet,
            "geos": _geos_sheet,
            "evidence": _evidence_sheet,
            "methods": _methods_sheet,
        }
        for name, page in pages.items():
            if name == "geos" and not decision.cells:
                continue
            sheet = book.add_worksheet(words.text(f"sheet.{name}")[:31])
            sheet.hide_gridlines(2)
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 1 if name == "decision" else 0)
            sheet.set_footer(f"&L&8{printable(decision.workspace)} · {decision.week}&R&8&P / &N")
            page(Sheet(book, sheet, looks), decision, words, stability)


def _decision_sheet(page: Sheet, decision: WeekDecision, words: Wording, stability: Stability) -> None:  # noqa: ARG001 - all sheets are called alike
    for column, width in enumerate((24, 14, 16, 16, 16, 13, 24)):
        page.sheet.set_column(column, column, width)
    page.title(sentences.headline(decision, words), f"{decision.workspace} · {decision.week}", bad=not decision.healthy)
    page.paragraph(sentences.lead(decision, words), 6, font_size=12)
    page.row += 1
    _facts(page, decision, words)
    page.row += 1
    names = [
        words.text(f"column.{name}")
        for name in ("channel", "action", "current", "proposed", "change", "percent", "grade")
    ]
    first = page.header(names, right=(2, 3, 4, 5))
    for line in decision.channels:
        _money_row(page, line, words)
    _total_row(page, decision, words, first)
    if decision.channels:
        page.sheet.autofilter(first, 0, first + len(decision.channels), 6)
        _chart(page, decision, words, first)
    page.sheet.set_landscape()


def _facts(page: Sheet, decision: WeekDecision, words: Wording) -> None:
    """The numbers to remember, one a row."""
    ends, looks = decision.gain.interval, page.looks
    level = words.percent(ends.level)
    rows: list[tuple[str, float, str]] = [
        (words.text("field.moved"), decision.moved, looks.money),
        (words.text("field.gain"), decision.gain.value, looks.signed),
        (words.text("field.gain_between", level=level) + " ≥", ends.lower, looks.signed),
        (words.text("field.gain_between", level=level) + " ≤", ends.upper, looks.signed),
        (words.text("field.chance_of_loss"), decision.chance_of_loss, looks.chance),
    ]
    for name, value, form in rows:
        page.sheet.merge_range(page.row, 0, page.row, 1, "", page.looks(bottom=1, bottom_color=LINE))
        page.text(0, name, bottom=1, bottom_color=LINE, font_color=MUTED)
        page.number(2, value, num_format=form, bold=True, bottom=1, bottom_color=LINE, align="right")
        page.row += 1
    page.sheet.merge_range(page.row, 0, page.row, 1, "", page.looks(bottom=1, bottom_color=LINE))
    page.text(0, words.text("field.data_until"), bottom=1, bottom_color=LINE, font_color=MUTED)
    page.sheet.write_datetime(
        page.row, 2, datetime.combine(decision.data_until, datetime.min.time()),
        page.looks(num_format=page.looks.date, bold=True, bottom=1, bottom_color=LINE, align="right"),
    )  # fmt: skip
    page.row += 1


def _money_row(page: Sheet, line: ChannelAdvice, words: Wording) -> None:
    colour = GAIN if line.change > 0 else LOSS if line.change < 0 else INK
    rule = {"bottom": 1, "bottom_color": LINE}
    page.text(0, label(line.channel), bold=True, **rule)
    page.text(1, words.text(f"action.{line.decision.action}"), **rule)
    page.number(2, line.current, num_format=page.looks.money, **rule)
    page.number(3, line.proposed, num_format=page.looks.money, bold=True, **rule)
    page.number(4, line.change, num_format=page.looks.signed, font_color=colour, **rule)
    share = line.change / line.current if line.current else 0.0
    page.number(5, share, num_format=page.looks.signed_percent, font_color=colour, **rule)
    page.text(6, words.text(f"grade.{line.evidence.grade}"), **rule)
    page.row += 1


def _total_row(page: Sheet, decision: WeekDecision, words: Wording, first: int) -> None:
    """Sums as formulas, so that a person who edits a line sees the total follow."""
    look = {"top": 1, "bold": True}
    page.text(0, words.text("column.total"), **look)
    page.text(1, "", **look)
    values = (
        decision.total_current,
        decision.total_proposed,
        round(decision.total_proposed - decision.total_current, 2),
    )
    for column, value in zip((2, 3, 4), values, strict=True):
        letter = "ABCDE"[column]
        form = page.looks.signed if column == 4 else page.looks.money
        if decision.channels:
            formula = f"=SUM({letter}{first + 2}:{letter}{page.row})"
            page.sheet.write_formula(page.row, column, formula, page.looks(num_format=form, **look), value)
        else:
            page.number(column, value, num_format=form, **look)
    page.text(5, "", **look)
    page.text(6, "", **look)
    page.row += 2


def _chart(page: Sheet, decision: WeekDecision, words: Wording, first: int) -> None:
    name, count = page.sheet.get_name(), len(decision.channels)
    chart = page.book.add_chart({"type": "bar"})
    for column, colour in ((2, "#B9C0C4"), (3, HEAD)):
        chart.add_series(
            {
                "name": [name, first, column],
                "categories": [name, first + 1, 0, first + count, 0],
                "values": [name, first + 1, column, first + count, column],
                "fill": {"color": colour},
                "gap": 60,
            }
        )
    chart.set_title({"name": words.text("section.chart_budget"), "name_font": {"size": 12, "bold": True, "color": INK}})
    axis = {"num_font": {"color": MUTED}, "line": {"none": True}}
    chart.set_y_axis({**axis, "reverse": True})
    chart.set_x_axis(
        {**axis, "num_format": page.looks.money_whole, "major_gridlines": {"visible": True, "line": {"color": LINE}}}
    )
    chart.set_legend({"position": "top", "font": {"color": MUTED}})
    chart.set_size({"width": 880, "height": 130 + 38 * count})
    page.sheet.insert_chart(page.row, 0, chart, {"description": words.text("section.chart_budget")})


def _channels_sheet(page: Sheet, decision: WeekDecision, words: Wording, stability: Stability) -> None:  # noqa: ARG001 - all sheets are called alike
    for column, width in enumerate((18, 12, 15, 15, 14, 14, 14, 14, 10, 10, 10, 10, 62)):
        page.sheet.set_column(column, column, width)
    keys = (
        "channel",
        "action",
        "current",
        "proposed",
        "change",
        "gain",
        "lower",
        "upper",
        "chance",
        "marginal",
        "lower",
        "upper",
        "reason",
    )
    page.title(words.text("section.channels"), words.text("text.moved_caption", currency=decision.currency))
    first = page.header([words.text(f"column.{key}") for key in keys], right=range(2, 12))
    rule = {"bottom": 1, "bottom_color": LINE, "valign": "top"}
    for line in decision.channels:
        gain, slope = line.move.gain, line.move.marginal_roas
        page.text(0, label(line.channel), bold=True, **rule)
        page.text(1, words.text(f"action.{line.decision.action}"), **rule)
        for column, value in enumerate((line.current, line.proposed), start=2):
            page.number(column, value, num_format=page.looks.money, **rule)
        for column, value in enumerate((line.change, gain.value, gain.interval.lower, gain.interval.upper), start=4):
            page.number(column, round(value, 2), num_format=page.looks.signed, **rule)
        page.number(8, line.move.chance, num_format=page.looks.chance, **rule)
        for column, value in enumerate((slope.value, slope.interval.lower, slope.interval.upper), start=9):
            page.number(column, value, num_format="0.00", **rule)
        page.text(12, line.reasons[words.language], text_wrap=True, **rule)
        page.sheet.set_row(page.row, 16 * (1 + len(line.reasons[words.language]) // 64))
        page.row += 1
    page.sheet.freeze_panes(first + 1, 1)
    page.sheet.repeat_rows(first)
    page.sheet.autofilter(first, 0, max(page.row - 1, first), len(keys) - 1)
    page.sheet.set_landscape()


def _geos_sheet(page: Sheet, decision: WeekDecision, words: Wording, stability: Stability) -> None:  # noqa: ARG001 - all sheets are called alike
    for column, width in enumerate((22, 26, 16, 16, 16)):
        page.sheet.set_column(column, column, width)
    keys = ("channel", "geo", "current", "proposed", "change")
    page.title(words.text("sheet.geos"), words.text("text.moved_caption", currency=decision.currency))
    first = page.header([words.text(f"column.{key}") for key in keys], right=(2, 3, 4))
    rule = {"bottom": 1, "bottom_color": LINE}
    for cell in decision.cells:
        current, proposed = float(cell["current"]), float(cell["proposed"])
        page.text(0, label(str(cell["channel"])), bold=True, **rule)
        page.text(1, label(str(cell["geo"])), **rule)
        page.number(2, current, num_format=page.looks.money, **rule)
        page.number(3, proposed, num_format=page.looks.money, bold=True, **rule)
        page.number(4, round(proposed - current, 2), num_format=page.looks.signed, **rule)
        page.row += 1
    page.sheet.freeze_panes(first + 1, 1)
    page.sheet.repeat_rows(first)
    page.sheet.autofilter(first, 0, max(page.row - 1, first), len(keys) - 1)


def _evidence_sheet(page: Sheet, decision: WeekDecision, words: Wording, stability: Stability) -> None:  # noqa: ARG001 - all sheets are called alike
    for column, width in enumerate((22, 26, 28, 10, 12, 12, 14, 20, 36)):
        page.sheet.set_column(column, column, width)
    keys = ("channel", "grade", "method", "roas", "lower", "upper", "until", "agrees", "run")
    page.title(words.text("section.evidence"), words.text("text.method_grade"))
    first = page.header([words.text(f"column.{key}") for key in keys], right=(3, 4, 5, 6))
    rule = {"bottom": 1, "bottom_color": LINE}
    for line in decision.channels:
        for reading in line.evidence.readings:
            page.text(0, label(line.channel), bold=True, **rule)
            page.text(1, words.text(f"grade.{line.evidence.grade}"), **rule)
            page.text(2, words.text(f"method.{reading.method}"), **rule)
            ends = () if reading.roas is None else (reading.roas.value, *_ends(reading.roas.interval))
            for column, value in enumerate(ends, start=3):
                page.number(column, value, num_format="0.00", **rule)
            moment = datetime.combine(reading.until, datetime.min.time())
            page.sheet.write_datetime(
                page.row, 6, moment, page.looks(num_format=page.looks.date, align="right", **rule)
            )
            verdict = "" if reading.agrees is None else words.text("word.yes" if reading.agrees else "word.no")
            page.text(7, words.text("word.expired") if reading.expired else verdict, **rule)
            page.text(8, reading.run, font_color=MUTED, **rule)
            page.row += 1
    page.sheet.freeze_panes(first + 1, 1)
    page.sheet.autofilter(first, 0, max(page.row - 1, first), len(keys) - 1)
    page.sheet.set_landscape()


def _methods_sheet(page: Sheet, decision: WeekDecision, words: Wording, stability: Stability) -> None:
    for column, width in enumerate((40, 16, 28, 18, 80)):
        page.sheet.set_column(column, column, width)
    page.title(words.text("section.methods"), f"{decision.workspace} · {decision.week}")
    extra = [
        sentences.next_test(decision, words),
        *sentences.creatives(decision, words),
        *sentences.content(decision, words),
    ]
    for text in (*sentences.methods(decision, words, stability), *extra):
        page.paragraph(text, 4)
    page.row += 1
    keys = ("check", "result", "value", "limit", "remedy")
    first = page.header([words.text(f"column.{key}") for key in keys], right=(2, 3))
    rule = {"bottom": 1, "bottom_color": LINE, "valign": "top"}
    for check in sorted(decision.checks, key=lambda one: (bool(one["passed"]), not one.get("blocking", True))):
        passed, blocking = bool(check["passed"]), bool(check.get("blocking", True))
        word = "passed" if passed else "failed" if blocking else "hint"
        page.text(0, sentences.check_name(str(check["name"]), words), **rule)
        page.text(1, words.text(f"word.{word}"), font_color=BAD if word == "failed" else INK, **rule)
        for column, name in ((2, "value"), (3, "limit")):
            value = check.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                page.number(column, value, num_format="0.####" if abs(value) < 1000 else "#,##0", **rule)
            else:
                page.text(column, "" if value is None else str(value), align="right", **rule)
        page.text(4, "" if passed else sentences.remedy(check, words), text_wrap=True, **rule)
        page.row += 1
    page.sheet.autofilter(first, 0, max(page.row - 1, first), len(keys) - 1)
    page.sheet.set_landscape()


def _ends(interval: Any) -> tuple[float, float]:  # noqa: ANN401 - an Interval
    return interval.lower, interval.upper
