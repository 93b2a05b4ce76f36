"""Approving, editing, rejecting: by role, for the version that was shown, logged, and never twice."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

from decisions.approval import AuditLog
from decisions.export import write_export
from decisions.people import Person
from decisions.recommendation import Stability
from decisions.refusal import Refusal
from decisions.review import Review
from decisions.standing import log_recommended
from measurement.errors import InputError
from measurement.settings import Settings

WEEK = "2026-W48"
VIEWER = Person(name="Vera", role="viewer")
ANALYST = Person(name="Anton", role="analyst")
APPROVER = Person(name="Paula", role="approver")
SECOND = Person(name="Piet", role="approver")


def opened(decision, folder: Path, **access: object) -> Review:
    log = AuditLog(folder / "audit" / "log.jsonl")
    log_recommended(log, decision)
    write_export(decision, folder / "exports", Stability())
    settings = Settings.model_validate({"access": access})
    return Review(folder / "exports", log, settings)


@pytest.fixture
def review(decision, tmp_path) -> Review:
    return opened(decision, tmp_path)


def version(review: Review) -> str:
    standing = review.standing(WEEK)
    assert standing is not None
    return standing.version


def other_budget(review: Review) -> dict[str, float]:
    budget = dict(review.standing(WEEK).budget)
    budget["tv"] -= 1000.10
    budget["radio"] += 1000.10
    return {name: round(money, 2) for name, money in budget.items()}


def files(review: Review) -> list[str]:
    folder = review.exports / f"{WEEK}-approved"
    return sorted(file.name for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []


def refused(rule: str, act, *args) -> None:
    with pytest.raises(Refusal) as caught:
        act(*args)
    assert caught.value.rule == rule


def test_an_approval_is_logged_and_its_files_add_up(decision, review):
    standing = review.approve(APPROVER, WEEK, version(review), "seen with sales")
    assert (standing.stage, standing.approved_by) == ("approved", ("Paula",))
    assert review.log.verify().sound
    last = review.log.entries()[-1]
    assert (last.actor, last.action, last.details["note"]) == ("Paula", "approved", "seen with sales")
    folder = review.exports / f"{WEEK}-approved"
    tree = json.loads((folder / "approval.json").read_text())
    assert tree["approvals"][0]["hash"] == last.hash
    assert tree["total"] == decision.total_proposed
    days = [row for file in (folder / "platforms").iterdir() for row in csv.DictReader(file.read_text().splitlines())]
    assert sum(round(float(row["daily_budget"]) * 100) for row in days) == round(decision.total_proposed * 100)
    local = (folder / "budget_local.csv").read_text(encoding="utf-8-sig").splitlines()
    assert local[0] == "Woche;Kanal;Heute;Vorschlag;Freigegeben;Änderung"
    assert local[1].split(";")[4] == f"{decision.channels[0].proposed:.2f}".replace(".", ",")
    book = openpyxl.load_workbook(folder / "budget.xlsx")
    amounts = [row[3].value for row in book.worksheets[0].iter_rows() if isinstance(row[3].value, float)]
    assert amounts == [line.proposed for line in decision.channels]


@pytest.mark.parametrize("person", [VIEWER, ANALYST])
def test_only_an_approver_approves_or_rejects(review, person):
    refused("role", review.approve, person, WEEK, version(review))
    refused("role", review.reject, person, WEEK, version(review), "because")
    assert len(review.log.entries()) == 1
    assert files(review) == []


def test_a_viewer_changes_nothing(review):
    refused("role", review.edit, VIEWER, WEEK, version(review), other_budget(review), "because")
    assert len(review.log.entries()) == 1


def test_an_edit_is_a_new_version_and_the_old_one_cannot_be_approved(review):
    shown = version(review)
    budget = other_budget(review)
    standing = review.edit(ANALYST, WEEK, shown, budget, "tv is booked out")
    assert (standing.stage, standing.budget, standing.changed) == ("edited", budget, True)
    refused("outdated", review.approve, APPROVER, WEEK, shown)
    assert review.approve(APPROVER, WEEK, standing.version).stage == "approved"
    with (review.exports / f"{WEEK}-approved" / "budget.csv").open(newline="") as stream:
        assert {row["channel"].lstrip("'"): float(row["proposed"]) for row in csv.DictReader(stream)} == budget


def test_a_replayed_approval_decides_nothing(review):
    shown = version(review)
    review.approve(APPROVER, WEEK, shown)
    refused("already_approved", review.approve, APPROVER, WEEK, shown)
    review.reject(APPROVER, WEEK, shown, "stop, stock is out")
    assert files(review) == []
    refused("outdated", review.approve, APPROVER, WEEK, shown)
    assert review.standing(WEEK).stage == "rejected"
    assert review.log.verify().sound


def test_two_people_approve_where_much_money_moves(decision, tmp_path):
    review = opened(decision, tmp_path, two_approvers_above=decision.moved - 0.01)
    shown = version(review)
    assert review.approve(APPROVER, WEEK, shown).stage == "awaiting_second"
    assert files(review) == []
    refused("second_person", review.approve, APPROVER, WEEK, shown)
    refused("second_person", review.approve, replace(APPROVER, name="pAULA"), WEEK, shown)
    assert review.approve(SECOND, WEEK, shown).approved_by == ("Paula", "Piet")
    assert "approval.json" in files(review)


def test_one_person_is_enough_up_to_the_threshold(decision, tmp_path):
    review = opened(decision, tmp_path, two_approvers_above=decision.moved)
    assert review.approve(APPROVER, WEEK, version(review)).stage == "approved"


def test_an_edit_forgets_the_first_approval(decision, tmp_path):
    review = opened(decision, tmp_path, two_approvers_above=1.0)
    review.approve(APPROVER, WEEK, version(review))
    edited = review.edit(ANALYST, WEEK, version(review), other_budget(review), "tv is booked out")
    assert review.approve(SECOND, WEEK, edited.version).stage == "awaiting_second"


def test_a_week_whose_gates_failed_is_not_approved(blocked, tmp_path):
    review = opened(blocked, tmp_path)
    refused("gates_failed", review.approve, APPROVER, WEEK, version(review))
    refused("gates_failed", review.edit, APPROVER, WEEK, version(review), other_budget(review), "because")


def test_a_new_recommendation_needs_a_new_approval(decision, review):
    review.approve(APPROVER, WEEK, version(review))
    review.log.append_once("recommended", WEEK, {"state": "act", "budget": {"tv": 1.0}, "decision_sha256": "x"})
    assert review.settled(WEEK).stage == "draft"
    assert files(review) == []


def test_a_changed_export_is_not_approved(review):
    file = review.exports / WEEK / "decision.json"
    tree = json.loads(file.read_text())
    tree["channels"][0]["current"] += 1
    file.write_text(json.dumps(tree))
    refused("export_changed", review.approve, APPROVER, WEEK, version(review))


@pytest.mark.parametrize(
    ("channel", "money", "rule"),
    [
        ("tv", -1.0, "amount"),
        ("tv", math.nan, "amount"),
        ("tv", math.inf, "amount"),
        ("tv", 1e300, "amount"),
        ("tv", "many", "amount"),
        ("tv", None, "amount"),
        ("tv", [1], "amount"),
        ("tv", 1.0, "total"),
        ("../../etc", 1.0, "channels"),
    ],
)
def test_a_budget_that_is_none_is_refused(review, channel, money, rule):
    budget = other_budget(review) | {channel: money}
    refused(rule, review.edit, ANALYST, WEEK, version(review), budget, "because")
    assert len(review.log.entries()) == 1


@pytest.mark.parametrize("reason", ["", "  ", "ab", "x" * 501, "a\x00bcd", "a\u202ebcd"])
def test_a_reason_is_needed_and_printable(review, reason):
    refused("reason", review.reject, APPROVER, WEEK, version(review), reason)


@pytest.mark.parametrize("week", ["2026-W49", "../2026-W48", "2026-W48/..", "2026-W99", ""])
def test_another_week_is_not_decided_on(review, week):
    with pytest.raises(InputError, match=r"week|recommended|read"):
        review.approve(APPROVER, week, version(review))
    assert len(review.log.entries()) == 1


def test_a_refusal_speaks_the_language_of_the_page():
    from measurement.wording import load_wording

    error = Refusal.by("second_person", name="Paula")
    assert "Paula has approved" in str(error)
    assert error.sentence(load_wording("decisions", "de_DE", "EUR")).startswith("Paula hat dieses Budget schon")


def test_writing_an_approval_again_changes_no_byte(review):
    review.approve(APPROVER, WEEK, version(review))
    folder = review.exports / f"{WEEK}-approved"
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.rglob("*") if file.is_file()}
    review.settled(WEEK)
    assert before == {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in before}
