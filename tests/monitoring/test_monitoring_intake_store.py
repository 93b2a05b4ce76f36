"""The day store: complete, idempotent, late spans on their day, killed jobs harmless."""

from __future__ import annotations

import json
import random

import pyarrow.parquet as pq
import pytest

from monitoring.intake.calls import CallRules
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import LEDGER, DayStore

RULES = CallRules(pseudonyms=Pseudonyms(b"key"))
DAY_NS = 86_400 * 10**9
FIRST = 1_772_409_600 * 10**9  # 2026-03-02T00:00:00Z


def line(number, *, day=0, parent=None, **more):
    """An OTLP line of one call."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.usage.input_tokens": "10",
        **more,
    }
    span = {
        "traceId": f"{number:032x}", "spanId": f"{number:016x}", "parentSpanId": parent or "",
        "startTimeUnixNano": str(FIRST + day * DAY_NS + number * 10**6), "endTimeUnixNano": str(FIRST + day * DAY_NS + number * 10**6 + 10**9),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, separators=(",", ":"))


@pytest.fixture
def store(tmp_path):
    return DayStore(tmp_path / "content")


def write(path, lines, end="\n"):
    path.write_text("\n".join(lines) + end)
    return [(path, path.name)]


def rows(store):
    return [row for file in store.calls for row in pq.read_table(file).to_pylist()]


def test_every_good_line_is_in_and_every_bad_one_is_listed(store, tmp_path):
    rng = random.Random(3)
    garbage = ['{"resourceSpans": [', "\x00\x01", "<html>", '{"level":"info"}', "null", '{"resourceSpans": 3}', "nan"]
    lines, bad = [], []
    for number in range(1, 10_001):
        if rng.random() < 0.01:
            bad.append(number)
            lines.append(rng.choice(garbage))
        else:
            lines.append(line(number, day=rng.randrange(3)))
    report = store.take(write(tmp_path / "a.jsonl", lines), RULES)
    assert report.calls == len(rows(store)) == 10_000 - len(bad)
    assert sorted(one.line for one in report.aside) == bad
    assert [file.stem for file in store.calls] == ["2026-03-02", "2026-03-03", "2026-03-04"]


def test_a_hundred_thousand_mixed_lines_with_one_in_a_hundred_garbage(store, tmp_path):
    """OTLP, Langfuse and MLflow by turns; every kind of garbage, each line of it told with a reason."""
    rng = random.Random(8)
    garbage = ['{"resourceSpans": [', '{"resourceSpans": 3', "\x00\x01", "<html>", '{"level":"info"}', "null", "nan", "[" * 9000,
               '{"resourceSpans":[{"scopeSpans":[{"spans":[{"spanId":"x"}]}]}]}', '"text"', "é\udcff"]  # fmt: skip
    observation = (
        '{"id":"o%d","traceId":"t%d","type":"GENERATION","startTime":"2026-03-02T10:00:00Z",'
        '"endTime":"2026-03-02T10:00:01Z","model":"m","usageDetails":{"input":3,"output":4}}'
    )
    trace = (
        '{"info":{"trace_id":"tr-%d"},"data":{"spans":[{"trace_id":"%032x","span_id":"%016x","parent_span_id":null,'
        '"start_time_unix_nano":1772445600000000000,"end_time_unix_nano":1772445601000000000,'
        '"attributes":{"mlflow.spanType":"\\"CHAT_MODEL\\"","gen_ai.usage.input_tokens":3}}]}}'
    )
    lines, bad = [], []
    for number in range(1, 100_001):
        if rng.random() < 0.01:
            bad.append(number)
            lines.append(rng.choice(garbage))
        elif number % 3 == 0:
            lines.append(line(number, day=number % 5))
        elif number % 3 == 1:
            lines.append(observation % (number, number))
        else:
            lines.append(trace % (number, number, number))
    file = tmp_path / "mixed.jsonl"
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    report = store.take([(file, "mixed.jsonl")], RULES)
    assert report.calls == 100_000 - len(bad)
    assert sum(pq.read_metadata(day).num_rows for day in store.calls) == 100_000 - len(bad)
    assert [one.line for one in report.aside] == bad
    assert all(one.file == "mixed.jsonl" and one.reason for one in report.aside)


def test_the_same_file_twice_and_under_another_name_changes_nothing(store, tmp_path):
    files = write(tmp_path / "a.jsonl", [line(number, day=number % 2) for number in range(50)])
    store.take(files, RULES)
    before = {file.name: file.read_bytes() for file in store.calls}
    assert store.take(files, RULES).files == 0
    copy = write(tmp_path / "copy.jsonl", (tmp_path / "a.jsonl").read_text().splitlines())
    assert store.take(copy, RULES).days == ()
    assert {file.name: file.read_bytes() for file in store.calls} == before


def test_late_spans_land_on_their_day_and_order_does_not_matter(store, tmp_path):
    lines = [line(number, day=number % 3) for number in range(60)]
    one, other = DayStore(tmp_path / "one"), store
    one.take(write(tmp_path / "all.jsonl", lines), RULES)
    shuffled = random.Random(1).sample(lines, 60)
    other.take(write(tmp_path / "b.jsonl", shuffled[:30]), RULES)
    report = other.take(write(tmp_path / "c.jsonl", shuffled[30:]), RULES)
    assert rows(one) == rows(other)
    assert set(report.days) <= {"2026-03-02", "2026-03-03", "2026-03-04"}


def test_a_file_that_grows_is_read_from_where_it_ended(store, tmp_path):
    file = tmp_path / "a.jsonl"
    whole = line(3)
    files = write(file, [line(1), "garbage", whole[:40]], end="")
    first = store.take(files, RULES)
    assert [one.line for one in first.aside] == [2, 3]
    file.write_text("\n".join([line(1), "garbage", whole, line(4)]) + "\n")
    second = store.take(files, RULES)
    assert second.spans == 2  # only what is new
    assert [one.line for one in second.aside] == [2]
    assert len(rows(store)) == 3


def test_the_last_word_on_a_span_counts(store, tmp_path):
    store.take(write(tmp_path / "a.jsonl", [line(1)]), RULES)
    store.take(write(tmp_path / "b.jsonl", [line(1, **{"gen_ai.usage.output_tokens": "99"})]), RULES)
    assert [row["output_tokens"] for row in rows(store)] == [99]


def test_a_wrapper_that_comes_with_a_later_file_is_found_out(store, tmp_path):
    inner = line(7, parent=f"{8:016x}").replace(f"{7:032x}", f"{8:032x}")
    store.take(write(tmp_path / "a.jsonl", [inner]), RULES)
    store.take(write(tmp_path / "b.jsonl", [line(8)]), RULES)
    assert [row["span_id"] for row in rows(store)] == [f"{7:016x}"]


def test_a_killed_intake_is_made_good_by_the_next(store, tmp_path):
    files = write(tmp_path / "a.jsonl", [line(number) for number in range(20)])
    store.take(files, RULES)
    before = rows(store)
    (store.folder / LEDGER).unlink()  # killed after the days, before the ledger
    store.take(files, RULES)
    assert rows(store) == before
    assert store.digest()


def test_scores_find_their_call_early_late_and_by_trace(store, tmp_path):
    def score(name, **ids):
        return json.dumps({"name": name, "value": 1, "source": "EVAL", "timestamp": "2026-03-09T00:00:00Z", **ids})

    early = [
        score("hallucination", traceId=f"{1:032x}", observationId=f"{1:016x}"),
        score("brand_fit", traceId=f"{2:032x}"),
    ]
    store.take(write(tmp_path / "s.jsonl", [*early, score("fact_score", traceId="nobody")]), RULES)
    assert [file.stem for file in store.scores] == ["unplaced"]
    store.take(write(tmp_path / "a.jsonl", [line(1), line(2, day=1), line(2, day=1, output_id="o2")]), RULES)
    assert [file.stem for file in store.scores] == ["2026-03-02", "2026-03-03", "unplaced"]
    placed = [row for file in store.scores[:2] for row in pq.read_table(file).to_pylist()]
    assert [(row["name"], row["span_id"], row["output_id"]) for row in placed] == [
        ("hallucination", f"{1:016x}", f"{1:032x}"),
        ("brand_fit", None, "o2"),
    ]


def test_retention_removes_whole_days(store, tmp_path):
    store.take(write(tmp_path / "a.jsonl", [line(day, day=day) for day in range(10)]), RULES)
    assert store.keep(3) == [f"2026-03-{day:02}" for day in range(2, 8)]
    assert [file.stem for file in store.calls] == ["2026-03-08", "2026-03-09", "2026-03-10", "2026-03-11"]
    assert set(store.digest()) == {f"calls/{file.name}" for file in store.calls}
