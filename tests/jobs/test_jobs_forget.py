"""``liftwerk forget``: no byte of the id is left, neighbours stay, and the numbers are those of a fresh start."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from decisions.approval import AuditLog
from jobs.content import run_content
from jobs.forget import run_forget
from jobs.held import held_tables
from measurement.erasure import still_named
from measurement.errors import InputError
from measurement.person import Person
from measurement.workspace import Workspace

UNIT, OTHER = "kunde-4711", "kunde-47110"
T0 = 1_772_445_600_000_000_000
SETTINGS = """[workspace]
currency = "EUR"
[creatives]
decisions = "data/decisions.csv"
rewards = "data/rewards.csv"
[journeys]
touchpoints = "data/touchpoints.parquet"
[content]
spans = "data/spans/*"
tables = "data/content/"
"""


def otlp(calls):
    """One line of several spans; a call is (number, person or None, trace)."""
    spans = []
    for number, person, trace in calls:
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": str(number),
        }
        if person:
            attributes |= {"user.id": person, "gen_ai.prompt": f"Hello {person}, buy!"}
        spans.append({
            "traceId": f"{trace:032x}", "spanId": f"{number:016x}", "startTimeUnixNano": str(T0 + number * 10**9),
            "endTimeUnixNano": str(T0 + number * 10**9 + 5 * 10**8),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
        })  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})


@pytest.fixture
def workspace(tmp_path):
    data = tmp_path / "data"
    (data / "spans").mkdir(parents=True)
    (data / "content").mkdir()
    (tmp_path / "liftwerk.toml").write_text(SETTINGS)
    people = [UNIT, OTHER, "kunde-1", "kunde-2"]
    (data / "decisions.csv").write_text(
        "decision_id,ts,experiment_id,unit_id,arm_id,propensity\n"
        + "".join(f"d{n},2026-03-02T10:00:00Z,e,{people[n % 4]},a{n % 2},0.5\n" for n in range(400))
    )
    (data / "rewards.csv").write_text(
        "decision_id,ts,value\n" + "".join(f"d{n},2026-03-02T11:00:00Z,{n % 2}\n" for n in range(400))
    )
    journey = [
        {"unit_id": person, "ts": pd.Timestamp("2026-03-02", tz="UTC") + pd.Timedelta(hours=n), "channel": "search",
         "kind": "click" if n % 2 else "conversion", "value": 1.0, "cost": 0.0}
        for n in range(20) for person in people
    ]  # fmt: skip
    pd.DataFrame(journey).to_parquet(data / "touchpoints.parquet")
    (data / "spans" / "a.jsonl").write_text(
        "\n".join(
            [otlp([(1, None, 1), (2, UNIT, 2), (3, OTHER, 3)]), otlp([(4, None, 2), (5, None, 5)]), "broken " + UNIT]
        )
        + "\n"
    )
    observation = {
        "id": "o1", "traceId": "tr-9", "type": "GENERATION", "startTime": "2026-03-03T10:00:00Z", "model": "m",
        "endTime": "2026-03-03T10:00:01Z", "usageDetails": {"input": 5, "output": 5}, "input": f"an {UNIT}",
    }  # fmt: skip
    scores = [
        {"name": "hallucination", "value": 1, "traceId": trace, "timestamp": "2026-03-04T10:00:00Z"}
        for trace in ("tr-9", "tr-8")
    ]
    (data / "spans" / "langfuse.json.gz").write_bytes(
        gzip.compress(
            json.dumps(
                [observation, {**observation, "id": "o2", "traceId": "tr-8", "input": OTHER}, *scores], indent=1
            ).encode()
        )
    )
    (data / "content" / "gen_score.csv").write_text(
        f"span_id,name,value,source\n{2:016x},hallucination,1,human\n{3:016x},hallucination,0,human\n"
    )
    (data / "notes.html").write_text(f"<p>Call {UNIT} back</p>")
    return Workspace.open(tmp_path)


def everything(root):
    found = {}
    for file in sorted(root.rglob("*")):
        if file.is_file():
            raw = file.read_bytes()
            found[file] = gzip.decompress(raw) if file.suffix == ".gz" else raw
            if file.suffix == ".parquet":
                found[file] = pd.read_parquet(file).to_csv().encode()
    return found


def test_no_byte_of_the_id_is_left_and_every_kpi_is_that_of_a_fresh_start(workspace, tmp_path):
    run_content(workspace, seed=7)
    pseudonym = pd.read_parquet(tmp_path / "content" / "calls" / "2026-03-02.parquet")["unit_id"].dropna().iloc[0]
    done = run_forget(workspace, UNIT, seed=7)
    assert done.left == ()
    for file, content in everything(tmp_path).items():
        cleaned = content.replace(OTHER.encode(), b"")
        assert UNIT.encode() not in cleaned, file
        assert pseudonym.encode() not in cleaned, file
    assert set(done.rebuilt) == {"content"}
    (run,) = [folder for folder in (tmp_path / "runs" / "content").iterdir() if folder.is_dir()]
    fresh = tmp_path.parent / f"{tmp_path.name}-fresh"
    fresh.mkdir()
    shutil.copytree(tmp_path / "data", fresh / "data")
    shutil.copy(tmp_path / "liftwerk.toml", fresh)
    again = run_content(Workspace.open(fresh), seed=7)
    assert (run / "kpis.csv").read_bytes() == again.file("kpis.csv").read_bytes()


def test_neighbours_stay_and_what_belongs_to_the_person_goes_with_them(workspace, tmp_path):
    run_content(workspace, seed=7)
    run_forget(workspace, UNIT, seed=7)
    data = tmp_path / "data"
    decisions = pd.read_csv(data / "decisions.csv")
    rewards = pd.read_csv(data / "rewards.csv")
    assert len(decisions) == len(rewards) == 300
    assert set(decisions["decision_id"]) == set(rewards["decision_id"])
    assert set(pd.read_parquet(data / "touchpoints.parquet")["unit_id"]) == {OTHER, "kunde-1", "kunde-2"}
    calls = pd.concat([pd.read_parquet(file) for file in sorted((tmp_path / "content" / "calls").glob("*.parquet"))])
    # span 4 belongs to the person's trace; of trace 3, 1 and 5 and of the other person nothing is missing
    assert sorted(calls["span_id"]) == sorted([f"{n:016x}" for n in (1, 3, 5)] + ["o2"])
    assert pd.read_csv(data / "content" / "gen_score.csv", dtype=str)["span_id"].tolist() == [f"{3:016x}"]
    assert "[removed]" in (data / "notes.html").read_text()


def test_forgetting_twice_or_a_stranger_changes_nothing(workspace, tmp_path):
    run_content(workspace, seed=7)
    run_forget(workspace, UNIT, seed=7)
    before = everything(tmp_path)
    assert run_forget(workspace, UNIT, seed=7).removed == {}
    assert run_forget(workspace, "nobody-here", seed=7).removed == {}
    assert everything(tmp_path) == before
    with pytest.raises(InputError, match="no person is named"):
        run_forget(workspace, "  ", seed=7)


def test_a_name_is_found_where_it_stands_alone():
    person = Person(frozenset({"anna"}))
    assert person.named_in('{"user": "anna"}')
    assert person.named_in("ask anna.")
    for text in ("anna@example.org", "joanna", "anna2", "x-anna", "anna_b"):
        assert not person.named_in(text), text


def test_the_audit_log_is_told_and_never_changed(workspace, tmp_path):
    run_forget(workspace, UNIT, seed=7)
    log = tmp_path / "audit" / "log.jsonl"
    assert json.loads(log.read_text())["action"] == "forgot"
    assert UNIT not in log.read_text()
    AuditLog(log).append("edited", "2026-W10", {"reason": f"{OTHER} asked"}, actor="me")
    assert run_forget(workspace, OTHER, seed=7).left == ("audit/log.jsonl",)


def test_what_is_held_is_told(workspace):
    run_content(workspace, seed=7)
    told = {row["table"]: row for row in held_tables(workspace)}
    assert told["touchpoints"]["people"] == 4
    assert (told["content/calls"]["rows"], told["content/calls"]["people"], told["content/calls"]["text"]) == (
        7,
        2,
        "no",
    )
    assert told["content/calls"]["from"] == "2026-03-02"


def test_a_file_that_cannot_be_searched_is_said(workspace, tmp_path):
    broken = Path(tmp_path / "data" / "broken.parquet")
    broken.write_bytes(b"PAR1 nothing")
    with pytest.raises(InputError, match="may still be in it"):
        run_forget(workspace, UNIT, seed=7)
    assert still_named(tmp_path / "data" / "notes.html", Person(frozenset({UNIT})))
