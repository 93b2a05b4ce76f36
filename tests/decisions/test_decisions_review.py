"""Approving, editing, rejecting: by role, for the version that was shown, logged, and never twice."""

from __future__ import annotations

import csv
import json
import math
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest

import decisions.review
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
        ("tv", "1000", "amount"),
        ("tv", True, "amount"),
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


def at_once(*acts) -> list[object]:
    """What each act gave or raised, all begun at the same moment."""
    barrier, found = threading.Barrier(len(acts)), [None] * len(acts)

    def run(place: int, act) -> None:
        barrier.wait(10)
        try:
            found[place] = act()
        except Refusal as refusal:
            found[place] = refusal.rule

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


def test_of_two_who_approve_at_once_one_is_told_that_it_is_done(review):
    shown = version(review)
    found = at_once(
        lambda: review.approve(APPROVER, WEEK, shown).stage, lambda: review.approve(SECOND, WEEK, shown).stage
    )
    assert sorted(found) == ["already_approved", "approved"]
    assert [one.action for one in review.log.entries()] == ["recommended", "approved"]


def test_one_person_in_two_windows_is_one_person(decision, tmp_path):
    review = opened(decision, tmp_path, two_approvers_above=1.0)
    shown = version(review)
    found = at_once(*[lambda: review.approve(APPROVER, WEEK, shown).stage] * 2)
    assert sorted(found) == ["awaiting_second", "second_person"]
    assert files(review) == []


def test_a_rejection_while_an_approval_is_written_leaves_no_files(review, monkeypatch):
    shown, write = version(review), decisions.review.publish_approved
    rejected = threading.Thread(target=review.reject, args=(APPROVER, WEEK, shown, "stop, stock is out"))

    def slow(*given: object) -> Path:
        rejected.start()
        while len(review.log.entries()) < 3:  # the rejection is in the log before the approved files are
            time.sleep(0.01)
        time.sleep(0.2)
        return write(*given)

    monkeypatch.setattr(decisions.review, "publish_approved", slow)
    review.approve(APPROVER, WEEK, shown)
    rejected.join(30)
    assert review.standing(WEEK).stage == "rejected"
    assert files(review) == []


KILLED = """
import os, pathlib, signal, sys
import decisions.review
from decisions.approval import AuditLog
from decisions.people import Person
from measurement.settings import Settings
decisions.review.publish_approved = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
root = pathlib.Path(sys.argv[1])
review = decisions.review.Review(root / "exports", AuditLog(root / "audit" / "log.jsonl"), Settings())
review.approve(Person(name="Paula", role="approver"), "2026-W48", sys.argv[2])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_an_approval_that_was_killed_before_its_files_gets_them_later(review, tmp_path):
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), version(review)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert review.log.verify().sound
    standing = review.standing(WEEK)
    assert (standing.stage, files(review), review.in_place(standing)) == ("approved", [], False)
    assert review.in_place(review.settled(WEEK))
    assert "approval.json" in files(review)


def test_files_of_another_approval_are_not_taken_for_this_one(review):
    standing = review.approve(APPROVER, WEEK, version(review))
    assert review.in_place(standing)
    file = review.exports / f"{WEEK}-approved" / "approval.json"
    file.write_text(file.read_text(encoding="utf-8").replace(standing.approvals[0].hash, "0" * 64), encoding="utf-8")
    assert not review.in_place(standing)
    file.unlink()
    assert not review.in_place(standing)
    assert review.in_place(review.settled(WEEK))


def test_an_export_changed_after_the_approval_is_not_booked(review):
    review.approve(APPROVER, WEEK, version(review))
    file = review.exports / WEEK / "decision.json"
    tree = json.loads(file.read_text(encoding="utf-8"))
    tree["channels"][0]["current"] += 1
    file.write_text(json.dumps(tree), encoding="utf-8")
    refused("export_changed", review.settled, WEEK)
    assert files(review) == []


def test_a_refusal_writes_money_and_roles_as_its_language_does(review):
    from measurement.wording import load_wording

    german = load_wording("decisions", "de_DE", "EUR")
    budget = other_budget(review)
    budget["tv"] -= 1234.5
    with pytest.raises(Refusal) as caught:
        review.edit(ANALYST, WEEK, version(review), budget, "because")
    assert "+1.234,50\xa0€" in caught.value.sentence(german)
    with pytest.raises(Refusal) as caught:
        review.approve(VIEWER, WEEK, version(review))
    assert "Leserecht" in caught.value.sentence(german)
    assert "(freigeben)" in caught.value.sentence(german)
