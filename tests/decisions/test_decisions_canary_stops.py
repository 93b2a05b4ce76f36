"""A stopped canary stays stopped until a person resumes it: file and audit log each hold the stop."""

from __future__ import annotations

import json

import pytest

from decisions.approval import AuditLog
from decisions.canary_stops import Breach, CanaryStops
from decisions.people import Person
from decisions.refusal import Refusal
from measurement.errors import InputError

PERSON = Person(name="Mara", role="approver")
BREACH = Breach(team="web", pipeline="ads", kpis=("error_rate",), stopped_at="2026-03-04T10:00:00Z", facts={})


@pytest.fixture
def stops(tmp_path):
    return CanaryStops(tmp_path / "content" / "canary" / "stop.json", AuditLog(tmp_path / "audit" / "log.jsonl"))


def actions(stops):
    return [entry.action for entry in stops.log.entries()]


def test_latched_once_however_often_it_is_found(stops):
    first = stops.latch([BREACH])
    assert stops.latch([BREACH]) == stops.latch([]) == first == stops.standing()
    assert actions(stops) == ["canary_stopped"]
    tree = json.loads(stops.file.read_text())
    assert tree["stopped"] is True
    assert tree["stops"][0]["kpis"] == ["error_rate"]


def test_neither_a_lost_file_nor_a_lost_line_ends_a_stop(stops):
    (stop,) = stops.latch([BREACH])
    stops.file.unlink()
    assert stops.standing() == (stop,)
    stops.latch([])
    assert json.loads(stops.file.read_text())["stopped"] is True
    for file in stops.log.file.parent.iterdir():
        file.unlink()  # killed between the file and the log
    assert stops.standing() == (stop,)
    stops.latch([])
    assert actions(stops) == ["canary_stopped"]


def test_an_edited_file_resumes_nothing(stops):
    (stop,) = stops.latch([BREACH])
    stops.file.write_text('{"stopped": false, "stops": []}')
    assert stops.standing() == (stop,)
    stops.file.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        stops.standing()


def test_a_person_resumes_with_a_reason_and_the_next_breach_is_another_stop(stops):
    (stop,) = stops.latch([BREACH])
    stops.resume(stop.id[:6], PERSON, "prompt 12 was mended")
    assert stops.standing() == ()
    assert json.loads(stops.file.read_text()) == {"stopped": False, "stops": []}
    last = stops.log.entries()[-1]
    assert (last.action, last.actor, last.subject) == ("canary_resumed", "Mara", "web / ads")
    assert last.details["reason"] == "prompt 12 was mended"
    assert list(stops.resumed()) == [("web", "ads")]
    (again,) = stops.latch([BREACH])
    assert again.id != stop.id
    assert stops.log.verify().sound


@pytest.mark.parametrize(("stop_id", "reason", "match"), [
    ("ffff", "a reason", "no such stopped canary"), ("", "a reason", "no such"), (None, "  ", "reason is missing"),
])  # fmt: skip
def test_resuming_needs_a_stop_and_a_reason(stops, stop_id, reason, match):
    (stop,) = stops.latch([BREACH])
    with pytest.raises(InputError, match=match):
        stops.resume(stop.id if stop_id is None else stop_id, PERSON, reason)
    assert actions(stops) == ["canary_stopped"]


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_resuming_needs_an_approver(stops, role):
    (stop,) = stops.latch([BREACH])
    with pytest.raises(Refusal):
        stops.resume(stop.id, Person(name="Kim", role=role), "I would like to")
    assert stops.standing() == (stop,)
