"""Langfuse, MLflow, the console exporter, call tables, Prometheus and prices."""

from __future__ import annotations

import csv
import gzip
import json

import pandas as pd
import pytest

from measurement.errors import InputError
from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.gathered import Gathered
from monitoring.intake.lines import gather
from monitoring.intake.plain import read_call_table, take_csv
from monitoring.intake.prices import PriceTable
from monitoring.intake.prometheus import increase, read_counters
from monitoring.intake.pseudonyms import Pseudonyms

RULES = CallRules(pseudonyms=Pseudonyms(b"key"))
OBSERVATION = {
    "id": "obs-1", "traceId": "tr-1", "type": "GENERATION", "name": "draft", "startTime": "2026-03-02T10:00:00.000Z",
    "endTime": "2026-03-02T10:00:02.500Z", "completionStartTime": "2026-03-02T10:00:00.400Z", "model": "claude-x",
    "usageDetails": {"input": 200, "output": 50, "cache_read_input_tokens": 800, "total": 1050},
    "costDetails": {"input": 0.001, "total": 0.004}, "level": "DEFAULT", "parentObservationId": "span-0",
    "promptVersion": 7, "metadata": {"team": "web", "liftwerk.arm": "canary"}, "input": "my secret prompt",
}  # fmt: skip


def read(tmp_path, text, name="spans.jsonl", rules=RULES):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    chunks = list(gather(file, name))
    calls = [call for chunk in chunks for call in call_table(chunk.leaves(), rules).to_pylist()]
    return calls, [s for chunk in chunks for s in chunk.scores], [one for chunk in chunks for one in chunk.aside]


def test_langfuse_observations_and_scores(tmp_path):
    around = {**OBSERVATION, "id": "span-0", "type": "SPAN", "parentObservationId": None}
    scores = [
        {"id": "s1", "traceId": "tr-1", "observationId": "obs-1", "name": "hallucination", "value": 1, "source": "EVAL",
         "timestamp": "2026-03-03T08:00:00Z"},
        {"id": "s2", "traceId": "tr-1", "name": "brand_fit", "stringValue": "True", "source": "ANNOTATION",
         "timestamp": "2026-03-03 08:00:00.000000"},
        {"id": "s3", "traceId": "tr-1", "name": "tone", "stringValue": "warm", "source": "ANNOTATION"},
    ]  # fmt: skip
    calls, found, aside = read(tmp_path, "\n".join(map(json.dumps, [around, OBSERVATION, *scores])))
    (call,) = calls
    assert (call["input_tokens"], call["output_tokens"], call["cache_read_tokens"]) == (1000, 50, 800)
    assert (call["duration_ms"], call["ttft_ms"]) == (2500, 400)
    assert (call["cost"], call["currency"], call["prompt_version"]) == (0.004, "USD", "7")
    assert (call["team"], call["arm"], call["model"]) == ("web", "canary", "claude-x")
    assert [(s["name"], s["value"], s["source"], s["span_id"]) for s in found] == [
        ("hallucination", 1.0, "llm_judge", "obs-1"),
        ("brand_fit", 1.0, "human", None),
    ]
    assert [one.line for one in aside] == [5]
    assert "secret" not in str(calls)


def test_langfuse_blob_csv_page_and_trace(tmp_path):
    snake = {
        "id": "obs-1", "trace_id": "tr-1", "type": "GENERATION", "start_time": "2026-03-02 10:00:00.000000",
        "end_time": "2026-03-02 10:00:02.500000", "provided_model_name": "claude-x", "level": "ERROR",
        "usage_details": {"input": 200, "output": 50, "input_cached_tokens": 800}, "user_id": "anna",
        "status_message": "RateLimitError: quota of anna", "trace_name": "newsletter",
    }  # fmt: skip
    (call,), _, _ = read(tmp_path, json.dumps(snake))
    assert (call["input_tokens"], call["pipeline"], call["error_type"]) == (1000, "newsletter", "RateLimitError")
    assert "anna" not in str(call)
    table = tmp_path / "langfuse.csv"
    with table.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, snake)
        writer.writeheader()
        writer.writerow({**snake, "usage_details": json.dumps(snake["usage_details"])})
    into = Gathered(file="langfuse.csv")
    take_csv(table, into)
    assert call_table(into.leaves(), RULES).to_pylist() == [call]
    page = {"data": [OBSERVATION], "meta": {"page": 1}}
    trace = {"id": "tr-1", "name": "t", "userId": "u", "timestamp": "2026-03-02T10:00:00Z", "observations": [OBSERVATION],
             "scores": [{"name": "x", "value": 0.5, "source": "API"}]}  # fmt: skip
    document = json.dumps([page, trace, {"id": "tr-2", "timestamp": "2026-03-02T10:00:00Z", "userId": None}], indent=1)
    calls, scores, aside = read(tmp_path, document, "export.json")
    assert ([call["span_id"] for call in calls], len(scores), aside) == (["obs-1", "obs-1"], 1, [])


def mlflow_trace():
    """As ``Trace.to_json`` of MLflow 3 writes it: attributes are JSON in JSON, ids base64."""

    def span(own, parent, kind, **more):
        attributes = {"mlflow.spanType": json.dumps(kind), "mlflow.spanInputs": '{"q": "my secret"}', **more}
        return {
            "trace_id": "W4/HcUVvM+wq3oZZZ0OGjg==", "span_id": own, "parent_span_id": parent, "name": "x", "events": [],
            "start_time_unix_nano": 1772445600000000000, "end_time_unix_nano": 1772445601500000000,
            "status": {"code": "STATUS_CODE_OK", "message": ""}, "attributes": attributes,
        }  # fmt: skip

    usage = json.dumps({"input_tokens": 200, "output_tokens": 50, "total_tokens": 1050, "cache_read_input_tokens": 800})
    call = span("iJiiHzzqtjQ=", "AAAAAAAAAAE=", "CHAT_MODEL", **{
        "mlflow.chat.tokenUsage": usage, "mlflow.llm.model": '"claude-x"', "mlflow.llm.cost": '{"total_cost": 0.01}',
    })  # fmt: skip
    verdict = {
        "assessment_name": "hallucination", "span_id": "iJiiHzzqtjQ=", "feedback": {"value": False},
        "source": {"source_type": "LLM_JUDGE", "source_id": "judge-2"}, "create_time": "2026-03-02T11:00:00Z",
    }  # fmt: skip
    info = {"trace_id": "tr-5b8f", "tags": {"team": "web"}, "assessments": [verdict]}
    return {"info": info, "data": {"spans": [span("AAAAAAAAAAE=", None, "CHAIN"), call]}}


def test_mlflow_traces_with_counts_beside_the_total(tmp_path):
    calls, scores, aside = read(tmp_path, json.dumps(mlflow_trace()))
    (call,) = calls
    assert not aside
    assert (call["input_tokens"], call["output_tokens"], call["duration_ms"]) == (1000, 50, 1500)
    assert (call["model"], call["team"], call["cost"], call["currency"]) == ("claude-x", "web", 0.01, "USD")
    assert [(s["name"], s["value"], s["span_id"], s["judge_version"]) for s in scores] == [
        ("hallucination", 0.0, call["span_id"], "judge-2")
    ]


def test_the_console_exporter(tmp_path):
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="OpenTelemetry's SDK is not installed")
    tracer = sdk.TracerProvider().get_tracer("x")
    span = tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 12})
    span.end()
    calls, _, aside = read(tmp_path, span.to_json(indent=None) + "\n" + span.to_json(), "console.json")
    assert [call["input_tokens"] for call in calls[:1]] == [12]
    assert calls[0]["span_id"] == f"{span.context.span_id:016x}"
    assert aside  # the second, spread over lines after a first line, is no JSON line


def test_a_compressed_file_and_one_cut_off(tmp_path):
    text = "\n".join(json.dumps({**OBSERVATION, "id": f"o{n}"}) for n in range(2000)).encode()
    file = tmp_path / "spans.jsonl.gz"
    file.write_bytes(gzip.compress(text))
    assert sum(chunk.spans for chunk in gather(file, "x")) == 2000
    file.write_bytes(gzip.compress(text)[:-2000])
    chunks = list(gather(file, "x"))
    assert 0 < sum(chunk.spans for chunk in chunks) < 2000
    assert "cannot be read any further" in chunks[-1].aside[-1].reason


def test_call_tables_join_the_same_rows(tmp_path):
    file = tmp_path / "calls.csv"
    file.write_text("start_ts,duration_ms,model,input_tokens,unit_id\n2026-03-02T10:00:00Z,800,m,10,anna\n")
    (call,) = read_call_table(file, "calls.csv", RULES)[0].to_pylist()
    assert (call["duration_ms"], call["model"], call["input_tokens"]) == (800, "m", 10)
    assert call["span_id"] == read_call_table(file, "calls.csv", RULES)[0].to_pylist()[0]["span_id"]
    assert "anna" not in str(call)
    good, bad = "2026-03-02T10:00:00Z,800,m\n", "2026-03-02T10:00:00Z,fast,m\n"
    file.write_text("start_ts,duration_ms,model\n" + good + 30 * bad + good.replace("800", "900") + "yesterday,1,m\n")
    calls, aside = read_call_table(file, "calls.csv", RULES)
    assert calls["duration_ms"].to_pylist() == [800, 900]
    assert [one.line for one in aside] == [*range(3, 33), 34]
    assert "'duration_ms'" in aside[0].reason
    file.write_text("start_ts,duration,model\n" + good)
    with pytest.raises(InputError, match="duration_ms"):
        read_call_table(file, "calls.csv", RULES)


def test_prices_by_version_provider_and_name(tmp_path):
    file = tmp_path / "prices.csv"
    file.write_text(
        "model,provider,valid_from,input,output,cache_read,cache_write,cached,version\n"
        "claude-x,,2026-01-01,10,20,1,12.5,,v1\nclaude-x,,2026-03-01,20,40,2,25,,v2\nclaude-*,,,1,1,1,1,,any\n"
        "claude-x,bedrock,2026-01-01,30,60,3,30,excluded,b\n"
    )
    prices = PriceTable.read(file, "prices.csv", "EUR")
    rules = CallRules(pseudonyms=Pseudonyms(b"k"), prices=prices)
    february = {**OBSERVATION, "id": "o2", "startTime": "2026-02-02T10:00:00Z", "endTime": "2026-02-02T10:00:02Z"}
    dated, other = (
        {**OBSERVATION, "id": "o3", "model": "claude-x-20260101"},
        {**OBSERVATION, "id": "o4", "model": "gpt"},
    )
    calls, _, _ = read(tmp_path, "\n".join(map(json.dumps, [OBSERVATION, february, dated, other])), rules=rules)
    cost = {call["span_id"]: (call["cost"], call["currency"], call["cost_source"]) for call in calls}
    # 200 fresh, 800 from the cache, 50 written
    assert cost["obs-1"] == (pytest.approx((200 * 20 + 800 * 2 + 50 * 40) / 1e6), "EUR", "prices v2")
    assert cost["o2"] == (pytest.approx((200 * 10 + 800 * 1 + 50 * 20) / 1e6), "EUR", "prices v1")
    assert cost["o3"][2] == "prices v2"
    assert cost["o4"] == (0.004, "USD", "reported")
    rules = CallRules(pseudonyms=Pseudonyms(b"k"), exchange={"USD": 0.5})
    (call,), _, _ = read(tmp_path, json.dumps(other), rules=rules)
    assert (call["cost"], call["currency"], call["cost_source"]) == (0.002, "EUR", "reported in USD")
    file.write_text("model,input,output,cached\nm,1,2,perhaps\n")
    with pytest.raises(InputError, match="neither 'included' nor 'excluded'"):
        PriceTable.read(file, "prices.csv", "EUR")


def test_prometheus_counters_and_their_resets(tmp_path):
    file = tmp_path / "a.prom"
    file.write_text(
        "# HELP tokens_total Tokens.\n# TYPE tokens_total counter\n"
        'tokens_total{model="m",team="a\\"b"} 100 1772445600000\ntokens_total{model="m",team="a\\"b"} 150 1772449200000\n'
        'tokens_total{model="m",team="a\\"b"} 20 1772452800000\n'
        "# TYPE temperature gauge\ntemperature 20\nthis is no sample\n"
        "# TYPE duration histogram\nduration_count 5 1772445600\nduration_count 9 1772449200\n"
    )
    samples, aside = read_counters(file, "a.prom")
    table = increase(samples).set_index("name")["increase"]
    assert table["tokens_total"] == 50 + 20
    assert table["duration_count"] == 4
    assert "temperature" not in table.index
    assert [one.line for one in aside] == [8]
    assert increase(pd.concat([samples, samples])).equals(increase(samples))
