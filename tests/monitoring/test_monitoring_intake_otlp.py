"""Spans of the real OpenTelemetry SDK and file exporter come through with tokens, latency and errors intact."""

from __future__ import annotations

import json

import pytest

from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.fields import AT, slots_of
from monitoring.intake.lines import gather
from monitoring.intake.pseudonyms import Pseudonyms
from tests.monitoring.otel_file import START, Recorder

NEW = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.usage.input_tokens": 1200,
    "gen_ai.usage.output_tokens": 340,
    "gen_ai.usage.cache_read.input_tokens": 1000,
    "gen_ai.response.time_to_first_chunk": 0.42,
}
OLD = {
    "gen_ai.operation.name": "chat",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.usage.prompt_tokens": 1200,
    "gen_ai.usage.completion_tokens": 340,
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4o",
    "llm.token_count.prompt": 1200,
    "llm.token_count.completion": 340,
    "llm.cost.total": 0.0123,
    "input.value": "my secret prompt",
    "user.id": "anna@example.org",
}


def read(file, **options):
    rows, aside = [], []
    for chunk in gather(file, file.name, slots_of({}, keep_text=options.get("keep_text", False))):
        rows += chunk.leaves()
        aside += chunk.aside
    rules = CallRules(pseudonyms=Pseudonyms(b"key"), **options)
    return call_table(rows, rules).to_pylist(), aside


@pytest.mark.parametrize("attributes", [NEW, OLD, OPENINFERENCE])
@pytest.mark.parametrize("batch", [1, 8])
def test_every_dialect_keeps_tokens_latency_and_model(tmp_path, attributes, batch):
    recorder = Recorder(tmp_path / "spans.jsonl", batch=batch)
    recorder.span("chat", attributes, seconds=1.25)
    recorder.close()
    (call,), aside = read(tmp_path / "spans.jsonl")
    assert not aside
    assert (call["input_tokens"], call["output_tokens"], call["duration_ms"]) == (1200, 340, 1250.0)
    assert call["model"].startswith("gpt-4o")
    assert call["pipeline"] == "copywriter"
    assert call["start_ts"].isoformat() == "2026-03-02T10:00:00"


def test_details_of_the_newest_names(tmp_path):
    recorder = Recorder(tmp_path / "spans.jsonl", {"service.name": "copy", "team": "web"})
    recorder.span("chat", NEW)
    recorder.close()
    (call,), _ = read(tmp_path / "spans.jsonl")
    assert (call["model"], call["team"], call["cache_read_tokens"]) == ("gpt-4o-2024-08-06", "web", 1000)
    assert call["ttft_ms"] == pytest.approx(420)
    line = json.loads((tmp_path / "spans.jsonl").read_text())
    span = line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert (call["span_id"], call["trace_id"]) == (span["spanId"], span["traceId"])


def test_errors_by_exception_status_and_attribute(tmp_path):
    recorder = Recorder(tmp_path / "spans.jsonl")
    with pytest.raises(TimeoutError), recorder.tracer.start_as_current_span("chat", attributes=OLD):
        raise TimeoutError
    from opentelemetry.trace import Status, StatusCode

    span = recorder.tracer.start_span("chat", attributes=OLD)
    span.set_status(Status(StatusCode.ERROR, "the prompt was: secret"))
    span.end()
    recorder.span("chat", {**OLD, "error.type": "rate_limit_exceeded"})
    recorder.span("chat", OLD)
    recorder.close()
    calls, _ = read(tmp_path / "spans.jsonl")
    assert sorted(str(call["error_type"]) for call in calls) == ["None", "TimeoutError", "error", "rate_limit_exceeded"]
    assert "secret" not in str(calls)


def test_only_leaf_calls_count_whatever_lies_between(tmp_path):
    """An agent, a model call of the framework around it, a tool step, and the client library's own span inside."""
    recorder = Recorder(tmp_path / "spans.jsonl")
    agent = recorder.span("invoke_agent", {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 9999})
    outer = recorder.span("ChatOpenAI", OPENINFERENCE, parent=agent)
    step = recorder.span("parse", {"openinference.span.kind": "CHAIN"}, parent=outer)
    recorder.span("chat", NEW, parent=step)
    recorder.span("chat", NEW, parent=agent)
    recorder.close()
    calls, _ = read(tmp_path / "spans.jsonl")
    assert [call["input_tokens"] for call in calls] == [1200, 1200]
    assert {call["model"] for call in calls} == {"gpt-4o-2024-08-06"}


def test_text_is_kept_only_when_switched_on_and_people_are_pseudonyms(tmp_path):
    recorder = Recorder(tmp_path / "spans.jsonl")
    recorder.span("chat", OPENINFERENCE)
    recorder.close()
    (plain,), _ = read(tmp_path / "spans.jsonl")
    (full,), _ = read(tmp_path / "spans.jsonl", keep_text=True)
    assert "secret" not in str(plain)
    assert full["prompt_text"] == "my secret prompt"
    assert "anna" not in str(plain)
    assert plain["unit_id"] == Pseudonyms(b"key").of("anna@example.org") != Pseudonyms(b"other").of("anna@example.org")


def test_first_token_events_and_verdicts_in_events(tmp_path):
    recorder = Recorder(tmp_path / "spans.jsonl")
    span = recorder.tracer.start_span("chat", attributes=OLD, start_time=START)
    span.add_event("First Token Stream Event", timestamp=START + 250_000_000)
    span.add_event(
        "gen_ai.evaluation.result", {"gen_ai.evaluation.name": "hallucination", "gen_ai.evaluation.score.value": 1.0}
    )
    span.end(START + 10**9)
    recorder.close()
    (chunk,) = gather(tmp_path / "spans.jsonl", "spans")
    (call,) = call_table(chunk.leaves(), CallRules(pseudonyms=Pseudonyms(b"k"))).to_pylist()
    assert call["ttft_ms"] == 250.0
    assert [(score["name"], score["value"], score["span_id"]) for score in chunk.scores] == [
        ("hallucination", 1.0, call["span_id"])
    ]


def _variant(line, change):
    tree = json.loads(line)
    change(tree)
    return json.dumps(tree)


def test_what_other_writers_do_is_understood(tmp_path):
    """Base64 ids, enum names, numbers as numbers, snake case, the old name of scopes, a BOM, CRLF, a pretty document."""
    recorder = Recorder(tmp_path / "spans.jsonl")
    recorder.span("chat", NEW)
    recorder.close()
    line = (tmp_path / "spans.jsonl").read_text().strip()

    def span(tree):
        return tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]

    def base64(tree):
        span(tree)["traceId"], span(tree)["spanId"] = "W4/HcUVvM+wq3oZZZ0OGjg==", "iJiiHzzqtjQ="

    def typed(tree):
        span(tree)["startTimeUnixNano"] = int(span(tree)["startTimeUnixNano"])
        span(tree)["status"] = {"code": "STATUS_CODE_ERROR"}

    def older(tree):
        tree["resourceSpans"][0]["instrumentationLibrarySpans"] = tree["resourceSpans"][0].pop("scopeSpans")

    def snake(tree):
        names = {"resourceSpans": "resource_spans", "scopeSpans": "scope_spans", "startTimeUnixNano": "start_time_unix_nano",
                 "endTimeUnixNano": "end_time_unix_nano", "traceId": "trace_id", "spanId": "span_id",
                 "stringValue": "string_value", "intValue": "int_value", "doubleValue": "double_value"}  # fmt: skip
        text = json.dumps(tree)
        for old, new in names.items():
            text = text.replace(f'"{old}"', f'"{new}"')
        tree.clear()
        tree.update(json.loads(text))

    for number, change in enumerate((base64, typed, older, snake)):
        file = tmp_path / f"{number}.jsonl"
        file.write_bytes(b"\xef\xbb\xbf" + _variant(line, change).encode() + b"\r\n")
        (call,), aside = read(file)
        assert not aside, change.__name__
        assert call["input_tokens"] == 1200, change.__name__
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(line), indent=2))
    assert len(read(pretty)[0]) == 1


def test_a_bad_span_is_set_aside_and_its_neighbours_stay(tmp_path):
    recorder = Recorder(tmp_path / "spans.jsonl", batch=8)
    for number in range(8):
        recorder.span("chat", NEW, begin=number)
    recorder.close()
    tree = json.loads((tmp_path / "spans.jsonl").read_text())
    spans = tree["resourceSpans"][0]["scopeSpans"][0]["spans"]
    spans[1]["startTimeUnixNano"] = "yesterday"
    spans[2]["attributes"] = "none"
    spans[3]["attributes"].append({"key": "gen_ai.usage.output_tokens", "value": {"intValue": "-4"}})
    del spans[4]["endTimeUnixNano"]
    spans[5]["startTimeUnixNano"] = "1772445600"
    (tmp_path / "bad.jsonl").write_text(json.dumps(tree) + '\n[]\n17\n\n{"a": 1}\n' + '{"resourceMetrics": []}\n' + "{")
    calls, aside = read(tmp_path / "bad.jsonl")
    assert len(calls) == 3
    assert [one.line for one in aside] == [1, 1, 1, 1, 1, 3, 5, 6, 7]
    assert all(one.reason for one in aside)


def test_a_scope_without_a_name_does_not_take_its_neighbours(tmp_path):
    def scope(number, **told):
        span = {"traceId": "0" * 31 + "1", "spanId": f"{number:016x}", "name": "chat"}
        times = {"startTimeUnixNano": "1790000000000000000", "endTimeUnixNano": "1790000001000000000"}
        chat = {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}}
        return {"spans": [{**span, **times, "attributes": [chat]}], **told}

    scopes = [scope(1, scope={"name": "one"}), scope(2), scope(3, scope={"name": "three"})]
    (tmp_path / "spans.jsonl").write_text(json.dumps({"resourceSpans": [{"scopeSpans": scopes}]}) + "\n")
    rows = [row for part in gather(tmp_path / "spans.jsonl", "spans.jsonl") for row in part.rows]
    assert [row[AT["scope"]] for row in rows] == ["one", None, "three"]
