"""What leaves the house adds up to the plan, to the cent, whatever the plan is."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from decisions.amounts import to_cents
from decisions.document import WeekDecision
from decisions.export import write_export
from decisions.recommendation import Stability

GEOS = ("Bremen", "Hamburg", "Hessen")


def cents(money: object) -> int:
    return round(float(str(money)) * 100)


def random_plan(decision: WeekDecision, seed: int) -> WeekDecision:
    """The same decision with other money in every channel and geo: from nothing to a hundred million, odd cents."""
    rng = np.random.default_rng(seed)
    channels, cells = [], []
    for line in decision.channels:
        today, then = rng.lognormal(9, 3, 2) * rng.integers(0, 2, 2).clip(1 if seed % 3 else 0)
        current, proposed = round(min(today, 1e8), 2), round(min(then, 1e8), 2)
        channels.append(replace(line, current=current, proposed=proposed, calculated=proposed,
                                decision=replace(line.decision, change=round(proposed - current, 2))))  # fmt: skip
        split = [to_cents(dict(zip(GEOS, (rng.dirichlet(np.ones(3)) * money).tolist(), strict=True)), money)
                 for money in (current, proposed)]  # fmt: skip
        cells += [{"channel": line.channel, "geo": geo, "current": split[0][geo], "proposed": split[1][geo]}
                  for geo in GEOS]  # fmt: skip
    return replace(decision, channels=tuple(channels), cells=cells)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def adds_up(folder: Path, plan: WeekDecision) -> None:
    """Every file of the week says the plan's money: in all, by channel, by geo, by day."""
    expected = [(cents(line.current), cents(line.proposed)) for line in plan.channels]
    total = tuple(sum(one[side] for one in expected) for side in (0, 1))

    table = rows(folder / "budget.csv")
    assert [(cents(row["current"]), cents(row["proposed"])) for row in table] == expected
    assert all(cents(row["change"]) == cents(row["proposed"]) - cents(row["current"]) for row in table)

    document = json.loads((folder / "decision.json").read_text(encoding="utf-8"))
    assert (cents(document["total_current"]), cents(document["total_proposed"])) == total
    assert [(cents(line["current"]), cents(line["proposed"])) for line in document["channels"]] == expected

    geos = rows(folder / "budget_by_geo.csv")
    names = [row["channel"] for row in table]
    by_geo = [
        tuple(sum(cents(row[side]) for row in geos if row["channel"] == name) for side in ("current", "proposed"))
        for name in names
    ]
    assert by_geo == expected

    days: dict[str, int] = dict.fromkeys(names, 0)
    for file in (folder / "platforms").iterdir():
        for row in rows(file):
            days[row["channel"]] += cents(row["daily_budget"])
    assert list(days.values()) == [proposed for _, proposed in expected]

    sheet = openpyxl.load_workbook(folder / "budget.xlsx", data_only=True).worksheets[0]
    book = {row[0].value: (cents(row[2].value), cents(row[3].value)) for row in sheet.iter_rows()
            if isinstance(row[2].value, int | float) and isinstance(row[3].value, int | float)}  # fmt: skip
    assert list(book.values()) == [*expected, total]


@pytest.mark.parametrize(
    "seeds", [range(5), pytest.param(range(5, 105), marks=pytest.mark.slow)], ids=["five plans", "a hundred plans"]
)
def test_every_file_adds_up_to_the_plan_to_the_cent(decision, tmp_path, seeds):
    for seed in seeds:
        plan = random_plan(decision, seed)
        adds_up(write_export(plan, tmp_path / str(seed), Stability()), plan)
