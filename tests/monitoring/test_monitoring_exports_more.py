"""Files of more real writers, made on 2026-11-29 against an endpoint that answers as each provider does.

OpenTelemetry's own instrumentations (openai-v2 2.3b0, google-genai 1.3b0), OpenLLMetry's 0.62.4 for Anthropic, Bedrock,
Cohere, Google, LangChain and Mistral, OpenInference's for Agno, Anthropic, Bedrock, Google, LangChain, LiteLLM, OpenAI's
agents and smolagents, LangSmith 0.15.1 (through OpenTelemetry, and its runs), Logfire 5.4.0 and MLflow 3.17.2. Each asked
for a chat and for a model that is refused, most for a streamed chat as well: 1,200 tokens in, 1,024 of them read from a
cache (Anthropic: 100 written to it too), 34 out, of them 10 of reasoning. Phoenix's table was put together from spans
that OpenInference wrote. What is long or names a machine was taken out.
"""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring.intake.calls import CallRules
from monitoring.intake.doubles import without_doubles
from monitoring.intake.fields import AT
from monitoring.intake.gathered import empty_row
from monitoring.intake.prices import Price, PriceTable
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import DayStore

EXPORTS = Path(__file__).parent / "exports"
GPT, CLAUDE, GEMINI = "gpt-4o-mini-2024-07-18", "claude-sonnet-4-20250514", "gemini-2.5-flash-001"
MISTRAL = "mistral-small-2503"


def chat(model, *, cached=1_024, written=0, count=1, tokens=(1_200, 34)):
    return [(model, *tokens, cached, written, None)] * count


def failed(error, model="broken"):
    return [(model, 0, 0, 0, 0, error)]


SMALL = [("text-embedding-3-small", 8, 0, 0, 0, None)]
#: File → calls: model, tokens in, out, from and to a cache (0 where the writer leaves them out), error; and how many
#: have the time to the first token.
WRITERS = {
    "google_genai.jsonl": (chat(GEMINI, count=2) + failed("404"), 1),
    "openai_v2.jsonl": (chat(GPT, cached=0, count=2) + SMALL + failed("BadRequestError"), 0),
    "langsmith_otel.jsonl": (chat("gpt-4o-mini", count=2) + failed("OpenAIInvalidRequestError"), 0),
    "langsmith_runs.jsonl": (chat(GPT, count=2) + failed("OpenAIInvalidRequestError"), 1),
    "logfire.jsonl": (chat(GPT, count=3) + SMALL + failed("openai.BadRequestError"), 0),
    "mlflow_autolog.jsonl": (
        [*chat(GPT, count=3), ("text-embedding-3-small", 0, 0, 0, 0, None), *failed("BadRequestError")], 0,
    ),
    "openinference_agents.jsonl": (chat(GPT) + failed("error", None), 0),
    "openinference_agno.jsonl": (chat("gpt-4o-mini", count=2) + failed("agno.exceptions.ModelProviderError"), 0),
    "openinference_anthropic.jsonl": (chat(CLAUDE, written=100, count=2) + failed("not_found_error"), 1),
    "openinference_bedrock.jsonl": (
        chat(f"anthropic.{CLAUDE}-v1:0", written=100) + chat(CLAUDE, written=100)
        + failed("botocore.errorfactory.ValidationException"), 0,
    ),
    "openinference_google.jsonl": (chat(GEMINI, count=2) + failed("google.genai.errors.ClientError"), 0),
    "openinference_langchain.jsonl": (
        chat(GPT) + chat("gpt-4o-mini") + failed("langchain_openai.chat_models.base.OpenAIInvalidRequestError"), 0,
    ),
    "openinference_litellm.jsonl": (
        chat("openai/gpt-4o-mini", count=2) + SMALL + failed("litellm.exceptions.BadRequestError", "openai/broken"), 0,
    ),
    "openinference_smolagents.jsonl": (
        chat("gpt-4o-mini", cached=0, count=3) + failed("openai.BadRequestError", None), 0,
    ),
    "phoenix.csv": (chat(GPT) + chat("gpt-4o-mini") + failed("error"), 0),
    "traceloop_anthropic.jsonl": (chat(CLAUDE, written=100, count=2) + failed("not_found_error"), 1),
    "traceloop_bedrock.jsonl": (
        chat(f"{CLAUDE.removeprefix('anthropic.')}-v1:0", written=100) + chat(CLAUDE, cached=0, tokens=(76, 34))
        + failed("ValidationException"), 0,
    ),
    "traceloop_cohere.jsonl": (
        chat("command-a", cached=0, tokens=(1_180, 30)) + failed("cohere.errors.not_found_error.NotFoundError"), 0,
    ),
    "traceloop_google.jsonl": (
        chat("gemini-2.5-flash", count=2) + failed("google.genai.errors.ClientError"), 0,
    ),
    "traceloop_langchain.jsonl": (chat(GPT) + chat("gpt-4o-mini") + failed("OpenAIInvalidRequestError"), 0),
    "traceloop_mistral.jsonl": (chat(MISTRAL, count=2) + failed("SDKError"), 0),
}  # fmt: skip


def taken(folder, *files, **rules):
    store = DayStore(folder)
    report = store.take([(file, file.name) for file in files], CallRules(pseudonyms=Pseudonyms(b"key"), **rules))
    return [row for day in store.calls for row in pq.read_table(day).to_pylist()], report


def told(call):
    counts = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    return (call["model"], *(int(call[name] or 0) for name in counts), call["error_type"])


@pytest.mark.parametrize("name", WRITERS)
def test_every_call_comes_through_once_and_whole(tmp_path, name):
    expected, streamed = WRITERS[name]
    calls, report = taken(tmp_path, EXPORTS / name)
    assert not report.aside
    assert sorted(map(told, calls), key=str) == sorted(expected, key=str)
    assert all(call["duration_ms"] > 5 for call in calls)
    waits = [(call["ttft_ms"], call["duration_ms"]) for call in calls if call["ttft_ms"] is not None]
    assert len(waits) == streamed
    assert all(50 < first <= whole for first, whole in waits)


def test_a_table_of_spans_in_parquet_is_read_like_the_same_in_csv(tmp_path):
    pd.read_csv(EXPORTS / "phoenix.csv").to_parquet(tmp_path / "spans.parquet")
    calls, _ = taken(tmp_path / "store", tmp_path / "spans.parquet")
    assert sorted(map(told, calls), key=str) == sorted(WRITERS["phoenix.csv"][0], key=str)


def test_traces_of_mlflow_in_parquet_and_csv(tmp_path):
    trees = [json.loads(line) for line in (EXPORTS / "mlflow_autolog.jsonl").read_text().splitlines()]
    rows = [{"trace_id": tree["info"]["trace_id"], "spans": json.dumps(tree["data"]["spans"])} for tree in trees]
    pd.DataFrame(rows).to_csv(tmp_path / "traces.csv", index=False)
    calls, _ = taken(tmp_path / "one", tmp_path / "traces.csv")
    assert len(calls) == 5
    spans = [
        [{**span, "attributes": json.dumps(span["attributes"])} for span in tree["data"]["spans"]] for tree in trees
    ]
    pq.write_table(pa.table({"trace_id": [row["trace_id"] for row in rows], "spans": spans}), tmp_path / "t.parquet")
    calls, _ = taken(tmp_path / "two", tmp_path / "t.parquet")
    assert len(calls) == 5
    rows[0]["spans"] = "[Span(name='write')]"
    pd.DataFrame(rows).to_csv(tmp_path / "traces.csv", index=False)
    _, report = taken(tmp_path / "three", tmp_path / "traces.csv")
    assert "to_json" in report.aside[0].reason


def test_what_the_collector_writes_is_read_whatever_it_is_called(tmp_path):
    lines = (EXPORTS / "google_genai.jsonl").read_bytes().splitlines()
    pack = lambda raw: pa.compress(raw, codec="zstd", asbytes=True)  # noqa: E731
    messages = b"".join(struct.pack(">I", len(pack(line))) + pack(line) for line in lines)
    numbers = b"\n".join(lines).replace(b'"intValue":"1200"', b'"intValue":1200')
    forms = {
        "traces.json": messages,
        "traces-2026-11-29T07-12-00.000.json.zst": b"".join(pack(line + b"\n") for line in lines),
        "traces.json.1": gzip.compress(b"\n".join(lines)),
        "numbers.jsonl": numbers,
        "cut.json": messages + b"\0\0\1\0cut off",
    }
    for name, content in forms.items():
        (tmp_path / name).write_bytes(content)
        calls, report = taken(tmp_path / f"store-{name}", tmp_path / name)
        assert (sorted(map(told, calls), key=str), report.aside) == (
            sorted(WRITERS["google_genai.jsonl"][0], key=str), (),
        ), name  # fmt: skip


def test_a_binary_file_is_told_once_with_the_remedy(tmp_path):
    (tmp_path / "traces.binpb").write_bytes(b"\x0a\x9c\x12\x0a\x20\x00\x01" * 200)
    calls, report = taken(tmp_path / "store", tmp_path / "traces.binpb")
    assert calls == []
    assert [one.line for one in report.aside] == [1]
    assert "format: json" in report.aside[0].reason


def test_a_gateways_name_finds_the_models_price(tmp_path):
    price = Price(model="gpt-4o-mini", input=1.0, output=2.0, cache_read=0.5, cache_write=1.0, version="v1")
    calls, _ = taken(tmp_path, EXPORTS / "openinference_litellm.jsonl", prices=PriceTable(prices=(price,)))
    assert [call["cost_source"] for call in calls if call["model"] == "openai/gpt-4o-mini"] == ["prices v1"] * 2


def row(start_ms, length_ms, scope, **values):
    made = empty_row()
    values |= {"trace_id": "t", "parent_span_id": "p", "start_us": 1_000 * start_ms, "duration_ms": length_ms}
    for name, value in (values | {"scope": scope}).items():
        made[AT[name]] = value
    return made


def test_calls_side_by_side_stay_apart_unless_they_are_the_same():
    same = {"model": "m", "input_tokens": 5.0, "output_tokens": 3.0}
    parallel = [row(0, 100, "a", **same), row(1, 90, "a", **same)]
    assert without_doubles(parallel) == parallel  # one writer: two calls at once
    later = [row(0, 100, "a", **same), row(101, 90, "b", **same)]
    assert without_doubles(later) == later
    other = [row(0, 100, "a", **same), row(1, 90, "b", **same | {"input_tokens": 6.0, "output_tokens": 4.0})]
    assert without_doubles(other) == other
    twice = [row(0, 100, "a", cache_read_tokens=2.0, **same), row(1, 98, "b", ttft_ms=20.0, **same)]
    (one,) = without_doubles(twice)
    assert (one[AT["duration_ms"]], one[AT["ttft_ms"]], one[AT["cache_read_tokens"]]) == (98, 20.0, 2.0)
