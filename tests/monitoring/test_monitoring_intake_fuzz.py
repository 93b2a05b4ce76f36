"""Any JSON value in any field of any format: never a traceback, the neighbours stay, what is bad is listed."""

from __future__ import annotations

import copy
import csv
import gzip
import json
import os
import stat
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from measurement.errors import InputError
from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.lines import gather
from monitoring.intake.plain import take_csv
from monitoring.intake.prometheus import increase, read_counters
from monitoring.intake.pseudonyms import KEY_FILE, Pseudonyms
from monitoring.intake.store import DayStore
from monitoring.intake.verdicts import score_table

RULES = CallRules(pseudonyms=Pseudonyms(b"key"), keep_text=True)
NS = 1_772_445_600_000_000_000


def attribute(key, **value):
    return {"key": key, "value": value}


OTLP = {
    "resourceSpans": [
        {
            "resource": {"attributes": [attribute("liftwerk.team", stringValue="web")]},
            "scopeSpans": [{"spans": [{
                "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "parentSpanId": "eee19b7ec3c1b173",
                "startTimeUnixNano": str(NS), "endTimeUnixNano": str(NS + 10**9), "status": {"code": 2},
                "attributes": [
                    attribute("gen_ai.operation.name", stringValue="chat"), attribute("gen_ai.usage.input_tokens", intValue="12"),
                    attribute("user.id", stringValue="anna"), attribute("gen_ai.usage.cost", doubleValue=0.5),
                    attribute("mlflow.chat.tokenUsage", stringValue='{"output_tokens": 4}'),
                    attribute("gen_ai.input.messages", stringValue="a prompt"),
                ],
                "events": [
                    {"name": "gen_ai.evaluation.result", "timeUnixNano": str(NS), "attributes": [
                        attribute("gen_ai.evaluation.name", stringValue="brand_fit"),
                        attribute("gen_ai.evaluation.score.value", doubleValue=0.7),
                        attribute("gen_ai.response.model", stringValue="judge"),
                    ]},
                    {"name": "exception", "attributes": [attribute("exception.type", stringValue="Timeout")]},
                    {"name": "first_token", "timeUnixNano": str(NS + 10**8)},
                ],
            }]}],
        }
    ]
}  # fmt: skip
OBSERVATION = {
    "id": "obs-1", "traceId": "tr-1", "type": "GENERATION", "name": "draft", "startTime": "2026-03-02T10:00:00.000Z",
    "endTime": "2026-03-02T10:00:02.500Z", "completionStartTime": "2026-03-02T10:00:00.400Z", "model": "claude-x",
    "usageDetails": {"input": 200, "output": 50, "cache_read_input_tokens": 800}, "costDetails": {"total": 0.004},
    "usage": {"promptTokens": 3}, "totalCost": 0.1, "level": "ERROR", "statusMessage": "Timeout", "promptVersion": 7,
    "parentObservationId": "span-0", "userId": "anna", "metadata": {"team": "web", "attributes": {"gen_ai.system": "x"}},
}  # fmt: skip
SCORE = {
    "id": "s1", "traceId": "tr-1", "observationId": "obs-1", "name": "hallucination", "value": 1, "stringValue": "True",
    "source": "EVAL", "timestamp": "2026-03-03T08:00:00Z", "configId": "c",
}  # fmt: skip
PAGE = {"id": "tr-1", "name": "t", "userId": "u", "metadata": {}, "observations": [OBSERVATION], "scores": [SCORE]}
PLAIN_SPAN = {
    "trace_id": "W4/HcUVvM+wq3oZZZ0OGjg==", "span_id": "iJiiHzzqtjQ=", "parent_span_id": None, "name": "x",
    "start_time_unix_nano": NS, "end_time_unix_nano": NS + 10**9, "status": {"code": "STATUS_CODE_ERROR"},
    "events": [{"name": "exception", "attributes": {"exception.type": "Timeout"}}],
    "attributes": {"mlflow.spanType": '"CHAT_MODEL"', "mlflow.llm.cost": '{"total_cost": 0.01}', "gen_ai.usage.input_tokens": 3},
}  # fmt: skip
MLFLOW = {
    "info": {"trace_id": "tr-5b8f", "tags": {"team": "web", "mlflow.trace.user": "anna"}, "assessments": [
        {"assessment_name": "hallucination", "span_id": "iJiiHzzqtjQ=", "feedback": {"value": False},
         "source": {"source_type": "LLM_JUDGE", "source_id": "judge-2"}, "create_time": "2026-03-02T11:00:00Z"}]},
    "data": {"spans": [PLAIN_SPAN]},
}  # fmt: skip
CONSOLE = {
    "context": {"trace_id": "0x5b8efff798038103d269b633813fc60c", "span_id": "0xeee19b7ec3c1b174"}, "parent_id": None,
    "start_time": "2026-03-02T10:00:00Z", "end_time": "2026-03-02T10:00:01Z", "status": {"status_code": "UNSET"},
    "attributes": {"gen_ai.operation.name": "chat", "llm.token_count.prompt": 4}, "resource": {"attributes": {"team": "x"}},
}  # fmt: skip
FORMATS = {
    "otlp": OTLP, "observation": OBSERVATION, "score": SCORE, "page": PAGE, "mlflow": MLFLOW, "span": PLAIN_SPAN,
    "console": CONSOLE,
}  # fmt: skip

DEEP = json.loads("[" * 400 + "]" * 400)
TOO_DEEP = "@deep@"  # becomes a nesting that no stack can hold, in the text
VALUES = st.one_of(
    st.sampled_from([None, True, False, {}, [], [[]], [{}], {"a": []}, "", "²", "nan", "NaN", "Infinity", "1e400", -1,
                     0, 10**18, 2**63, 2**64, 10**30, 10**400, 1e300, -0.0, "9" * 5000, "\x00", "{" * 50, DEEP,
                     "[" * 200_000, '{"a":' * 5_000, TOO_DEEP, "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59",
                     {"stringValue": {}}, {"intValue": "x"}, {"kvlistValue": {"values": [{}]}}, "p" * 200_000]),
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=5,
    ),
)  # fmt: skip
QUICK = settings(
    max_examples=int(os.environ.get("LIFTWERK_FUZZ", "50")), deadline=None, suppress_health_check=list(HealthCheck)
)


def places(tree, path=()):
    """The path of every value in a tree."""
    found = [path] if path else []
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return found + [place for key, value in entries for place in places(value, (*path, key))]


def mutate(tree, path, value):
    """The tree with another value at a place, as a line of JSON."""
    changed = copy.deepcopy(tree)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return json.dumps(changed, separators=(",", ":")).replace(json.dumps(TOO_DEEP), "[" * 100_000 + "]" * 100_000)


def good(number):
    """A sound line."""
    tree = copy.deepcopy(OTLP)
    span = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    span |= {"spanId": f"{number:016x}", "traceId": f"{number:032x}", "events": []}
    return json.dumps(tree, separators=(",", ":"))


def read(text: bytes, name="spans.jsonl"):
    """Spans and scores as tables, and what was set aside."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_bytes(text)
        chunks = list(gather(file, name))
    calls = pa.concat_tables([call_table(chunk.leaves(), RULES) for chunk in chunks])
    scores = pa.concat_tables([score_table(chunk.scores) for chunk in chunks])
    return calls, scores, [one for chunk in chunks for one in chunk.aside], sum(chunk.spans for chunk in chunks)


@pytest.mark.parametrize("kind", FORMATS)
@QUICK
@given(data=st.data())
def test_any_value_in_any_field(kind, data):
    tree = FORMATS[kind]
    line = mutate(tree, data.draw(st.sampled_from(places(tree))), data.draw(VALUES))
    calls, scores, aside, spans = read("\n".join([good(1), line, good(2)]).encode())
    assert {f"{number:016x}" for number in (1, 2)} <= set(calls["span_id"].to_pylist())
    assert all(one.line == 2 for one in aside)
    assert all(len(one.reason) < 200 for one in aside)
    # whatever still holds a span or a score leaves one, or its place and reason
    held = any(name in line for name in ('"spanId"', '"span_id"', '"startTime"', '"observationId"'))
    assert spans > 2 or len(scores) or aside or not held


@pytest.mark.parametrize("kind", FORMATS)
@QUICK
@given(data=st.data())
def test_any_bytes_in_a_line(kind, data):
    line = bytearray(json.dumps(FORMATS[kind]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(line) - 1))
        line[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4)).replace(b"\n", b" ")
    calls, _, aside, spans = read(b"\n".join([good(1).encode(), bytes(line), good(2).encode()]))
    assert {f"{number:016x}" for number in (1, 2)} <= set(calls["span_id"].to_pylist())
    assert all(one.line == 2 for one in aside)
    assert spans >= 2


@QUICK
@given(text=st.binary(max_size=300), name=st.sampled_from(["a.jsonl", "a.json", "a.jsonl.gz", "a.jsonl.zst"]))
def test_any_file_at_all(text, name):
    _, _, aside, spans = read(text, name)
    assert aside or spans or not text.removeprefix(b"\xef\xbb\xbf").strip() or name.endswith((".gz", ".zst"))


@QUICK
@given(cut=st.integers(0, 400), at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=3))
def test_a_compressed_file_with_a_fault_in_it(cut, at, junk):
    text = bytearray(gzip.compress("\n".join(good(number) for number in range(1, 30)).encode()))
    text[at : at + len(junk)] = junk
    read(bytes(text[: len(text) - cut]), "a.jsonl.gz")


@QUICK
@given(data=st.data())
def test_any_cell_of_a_csv_download(data):
    from monitoring.intake.gathered import Gathered

    cells = {key: value if isinstance(value, str) else json.dumps(value) for key, value in OBSERVATION.items()}
    rows = [cells | {"id": "a"}, dict(cells), cells | {"id": "b"}]
    changed = data.draw(VALUES.filter(lambda value: value != TOO_DEEP))
    rows[1][data.draw(st.sampled_from(sorted(cells)))] = changed if isinstance(changed, str) else json.dumps(changed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, cells)
            writer.writeheader()
            writer.writerows(rows)
        file.write_bytes(
            file.read_bytes() + data.draw(st.sampled_from([b"", b"\xff\xfe,a\n", b"," * 60 + b"1\n", b'"']))
        )
        into = Gathered(file="a.csv")
        take_csv(file, into)
    calls = call_table(into.leaves(), RULES)
    assert {"a", "b"} <= set(calls["span_id"].to_pylist())


@QUICK
@given(
    text=st.text(max_size=60),
    number=st.sampled_from(["1", "NaN", "+Inf", "1e400", "x", "1 2 3", "1 1e300", "1 99999999999999999"]),
)
def test_any_line_of_prometheus(text, number):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.prom"
        sample = 'a_total{m="n"} '
        lines = [
            sample + "1 1772445600",
            text.replace("\n", " ").replace("\r", " "),
            sample + number,
            sample + "5 1772445700",
        ]
        file.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
        samples, aside = read_counters(file, "a.prom")
    assert len(samples) >= 2
    assert {one.line for one in aside} <= {2, 3}
    increase(samples)


def test_a_day_store_takes_the_worst_of_every_format(tmp_path):
    worst = [None, {}, [], [{}], "", "nan", -1, 2**64, 10**400, 1e300, TOO_DEEP, "[" * 100_000, {"a": {}}]
    lines = [mutate(tree, path, value) for tree in FORMATS.values() for path in places(tree) for value in worst]
    file = tmp_path / "a.jsonl"
    file.write_text("\n".join([good(1), *lines, good(2)]) + "\n")
    store = DayStore(tmp_path / "content")
    report = store.take([(file, "a.jsonl")], RULES)
    assert report.calls > 2
    assert store.lines() == len(lines) + 2
    ids = {one for day in store.calls for one in pq.read_table(day)["span_id"].to_pylist()}
    assert {f"{number:016x}" for number in (1, 2)} <= ids
    assert sum("nested too deeply" in one.reason for one in report.aside) >= sum(
        map(len, map(places, FORMATS.values()))
    )


def test_the_key_is_never_readable_by_others_and_made_once(tmp_path, monkeypatch):
    modes = []
    link = os.link

    def watched(source, target):
        modes.append(stat.S_IMODE(source.stat().st_mode))
        link(source, target)

    monkeypatch.delenv("LIFTWERK_PSEUDONYM_KEY", raising=False)
    monkeypatch.setattr(os, "link", watched)
    before = os.umask(0)
    try:
        first = Pseudonyms.open(tmp_path)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert Pseudonyms.open(tmp_path).of("anna") == first.of("anna")
    assert [file.name for file in tmp_path.iterdir()] == [KEY_FILE]
    (tmp_path / KEY_FILE).write_text("\n")
    with pytest.raises(InputError, match="empty"):
        Pseudonyms.open(tmp_path)
