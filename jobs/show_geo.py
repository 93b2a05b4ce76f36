"""What ``geo design`` and ``geo read`` print for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from decisions.labels import label
from jobs.runs import read_document
from jobs.screen import Screen
from jobs.show import ends, show_run, words_of
from measurement.store import RunRecord
from measurement.wording import Wording
from measurement.workspace import Workspace


def show_designs(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """The ten best designs, what the best costs and sees in money, and cells or schedule where asked for."""
    words, options = words_of(workspace), record.options
    title = f"{label(str(options['channel']))}, {options['weeks']} weeks"
    if options.get("switchback"):
        _switchback(screen, words, record, title)
    elif (record.folder / "cells.csv").is_file():
        screen.title(f"Cells for {title}")
        _table(screen, words, pd.read_csv(record.file("cells.csv")), first="cell", power="power")
        screen.line("Each cell is measured without the others as donors; give each a dose or a channel of its own.")
    else:
        table = pd.read_csv(record.file("designs.csv"))
        screen.title(f"Designs for {title}")
        _table(screen, words, table.head(10), first="rank", power="power_at_target")
        _best(screen, words, table.iloc[0].to_dict(), str(options.get("kind", "scale_up")))
        if "chosen_aa_rejection" in table:
            screen.line(
                "In windows that did not choose them, tests of such sets find something without any lift in "
                f"{words.percent(table['chosen_aa_rejection'].iloc[0])} of the cases; the readout widens its interval "
                "for that, and says how often it still happens."
            )
    _certificates(screen, record)
    show_run(screen, workspace, record)


def _table(screen: Screen, words: Wording, table: pd.DataFrame, *, first: str, power: str) -> None:
    rows = [
        (
            str(row[first]).replace("_", " "),
            str(row["treated"]).replace(";", ", "),
            words.percent(row["mde"], digits=1),
            words.money(row["mde_outcome"]),
            "–" if pd.isna(row["detectable_iroas"]) else words.number(row["detectable_iroas"]),
            words.percent(row[power]),
            words.percent(row["holdout_share"]),
            "–" if pd.isna(row["incremental_spend"]) else words.money(row["incremental_spend"]),
        )
        for row in table.to_dict("records")
    ]
    heads = (first, "treat", "smallest effect", "in money", "as iROAS", "power", "untouched", "moves")
    screen.table(heads, rows, right=(0, 2, 3, 4, 5, 6, 7))


def _best(screen: Screen, words: Wording, best: Mapping[Any, Any], kind: str) -> None:
    """The first design in one sentence."""
    verb = {"go_dark": "Switch off", "new": "Start"}.get(kind, "Raise spend in")
    spend = best["incremental_spend"]
    money = "" if pd.isna(spend) else f" That moves {words.money(abs(spend))} of spend."
    screen.line(
        f"{verb} {str(best['treated']).replace(';', ', ')}: the test finds {words.percent(best['mde'], digits=1)} "
        f"({words.money(best['mde_outcome'])}) or more in {words.percent(best['power_at_target'])} of the cases.{money}"
    )


def _certificates(screen: Screen, record: RunRecord) -> None:
    if not (record.folder / "certificates.csv").is_file():
        return
    table = pd.read_csv(record.file("certificates.csv"))
    sizes = [len(str(treated).split(";")) for treated in table["treated"]]
    proven = [str(size) for size, certified in zip(sizes, table["certified"], strict=True) if certified]
    open_ = [str(size) for size, certified in zip(sizes, table["certified"], strict=True) if not certified]
    if proven:
        screen.line(f"Of all sets of {', '.join(proven)}, the one that donors match best is proven, and was measured.")
    if open_:
        screen.line(
            f"Of sets of {', '.join(open_)}, a better match is not ruled out: allow more with --certify SECONDS."
        )


def _switchback(screen: Screen, words: Wording, record: RunRecord, title: str) -> None:
    table = pd.read_csv(record.file("designs.csv"))
    rows = [
        (
            str(row["rank"]),
            str(row["block"]),
            str(row["washout"]),
            "–" if pd.isna(row["mde"]) else words.percent(row["mde"], digits=1),
            "–" if pd.isna(row["mde_outcome"]) else words.money(row["mde_outcome"]),
            words.percent(row["aa_rejection"]),
            words.percent(row["carry_over_bias"]),
            "–" if pd.isna(row["incremental_spend"]) else words.money(row["incremental_spend"]),
        )
        for row in table.to_dict("records")
    ]
    screen.title(f"Switchback plans for {title}")
    heads = (
        "rank",
        "block",
        "washed out",
        "smallest effect",
        "in money",
        "false alarms",
        "lost to carry-over",
        "moves",
    )
    screen.table(heads, rows, right=tuple(range(8)))
    screen.line("Block and washout count periods of the panel. The drawn schedule of plan 1 is in schedule.csv.")


def show_readout(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """What a test measured: the verdict in words, then the figures."""
    words, readout = words_of(workspace), read_document(record, "readout.json")
    outcome, iroas = readout["incremental_outcome"], readout["iroas"]
    alarms, chosen = readout.get("aa_rejection"), readout.get("aa_rejection_chosen")
    rows = [
        ("effect a period and geo", words.number(readout["att"], digits=3)),
        ("lift", words.percent(readout["lift_percent"] / 100, digits=1)),
        ("incremental outcome", _with_ends(outcome, words)),
        ("iROAS", "unknown" if iroas is None else f"{words.number(iroas['value'])}  {ends(iroas, words, 2)}"),
        ("p-value", "–" if readout["p_value"] is None else words.number(readout["p_value"], digits=3)),
    ]
    if alarms:
        rows.append(("false alarms of this test on this panel", words.percent(alarms["rate"], digits=1)))
    if chosen:
        rows.append(("the same for geos chosen for their fit", words.percent(chosen["rate"], digits=1)))
    screen.title(
        f"{label(str(readout['channel']))} in {', '.join(readout['treated'])}, {readout['start']} to {readout['end']}"
    )
    screen.line(str(readout["verdict"]["sentence"]))
    screen.table(("", f"{words.percent(outcome['level'])} interval"), rows)
    if readout.get("cells"):
        _cells(screen, words, readout["cells"])
    show_run(screen, workspace, record)


def _cells(screen: Screen, words: Wording, cells: list[Mapping[str, Any]]) -> None:
    rows = [
        (
            str(cell["name"]),
            words.percent(cell["lift_percent"] / 100, digits=1),
            _with_ends(cell["incremental_outcome"], words),
            "unknown" if cell["iroas"] is None else words.number(cell["iroas"]["value"]),
            words.number(cell["adjusted_p_value"], digits=3),
        )
        for cell in cells
    ]
    screen.table(("cell", "lift", "incremental outcome", "iROAS", "p-value among all cells"), rows, right=(1, 2, 3, 4))


def _with_ends(tree: Mapping[str, Any], words: Wording) -> str:
    return f"{words.number(tree['value'], digits=1)}  {ends(tree, words, 1)}"
