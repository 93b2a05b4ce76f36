"""Spans filled by a plan get what a look at each attribute gives; calls and those around them meet across chunks."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from monitoring.intake import lines, otlp
from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.days import merged_calls
from monitoring.intake.fields import AT, ROW, slots_of
from monitoring.intake.gathered import Gathered
from monitoring.intake.pseudonyms import Pseudonyms

KEYS = (
    "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens", "llm.cost.total", "gen_ai.usage.cost.currency", "service.name", "liftwerk.pipeline",
    "gen_ai.operation.name", "gen_ai.server.time_to_first_token", "something.else", "mlflow.chat.tokenUsage",
)  # fmt: skip
VALUES = (
    {"stringValue": "chat"}, {"intValue": "12"}, {"intValue": 7}, {"doubleValue": 0.5}, {"stringValue": "33"},
    {"boolValue": True}, {}, {"intValue": "-1"}, {"doubleValue": "NaN"}, {"stringValue": '{"input_tokens": 5}'},
)  # fmt: skip


def span(attributes, number=1, parent="", end=1_772_445_601):
    return {
        "traceId": f"{1:032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": parent,
        "startTimeUnixNano": "1772445600000000000",
        "endTimeUnixNano": f"{end}000000000",
        "attributes": attributes,
    }


def filled(fill, attributes, base):
    """The row, or what is wrong."""
    try:
        return fill(otlp.msgspec.convert(attributes, list[otlp.Attribute]), base)
    except ValueError as wrong:
        return str(wrong)


@pytest.mark.parametrize("seed", range(8))
def test_a_plan_fills_what_a_look_at_each_attribute_fills(seed):
    rng = np.random.default_rng(seed)
    into, slots = Gathered(), slots_of({}, keep_text=False)
    base = [None] * len(ROW)
    base[AT["pipeline"]] = "from the resource"

    def slowly(attributes, base):
        row = base.copy()
        otlp._attributes(attributes, row, base, slots)
        return row

    told = 0
    for _ in range(400):
        keys = rng.permutation(np.array(KEYS, dtype=object))[: rng.integers(1, len(KEYS))]
        likely = rng.random() < 0.7  # mostly each value is of the kind its key asks for
        attributes = [
            {"key": key, "value": VALUES[0 if "model" in key or "name" in key or "pipeline" in key else 1 if likely else rng.integers(len(VALUES))]}
            for key in keys
        ]  # fmt: skip
        one = filled(lambda found, base: otlp._filled(found, base, into), attributes, base)
        other = filled(slowly, attributes, base)
        if isinstance(other, str):
            # a plan does not look at a value that another one overrules, wrong as it may be
            assert one == other or isinstance(one, list)
            continue
        assert one == other, attributes
        told += 1
    assert told > 100


def test_more_dialects():
    pydantic = {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.details.cache_read_tokens": 40, "operation.cost": 0.25,
    }  # fmt: skip
    strands = {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_write_input_tokens": 30, "gen_ai.server.ttft": 0.2,
    }  # fmt: skip
    into = Gathered()
    for number, attributes in enumerate((pydantic, strands), start=1):
        values = [
            {"key": key, "value": {"stringValue": value} if isinstance(value, str) else {"doubleValue": value}}
            for key, value in attributes.items()
        ]
        line = {"resourceSpans": [{"scopeSpans": [{"spans": [span(values, number)]}]}]}
        lines.take_line(json.dumps(line).encode(), number, into)
    first, second = call_table(into.leaves(), CallRules(pseudonyms=Pseudonyms(b"k"), currency="USD")).to_pylist()
    assert (first["cost"], first["currency"], first["cache_read_tokens"]) == (0.25, "USD", 40)
    assert (second["cache_write_tokens"], second["ttft_ms"]) == (30, 200)


def test_a_wrapper_in_the_next_chunk_is_recognised(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "CHUNK", 2)
    call = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "5"}},
    ]
    step = [{"key": "gen_ai.operation.name", "value": {"stringValue": "invoke_agent"}}]
    # children end first: another call, the call, the step around it, and the call that holds both
    spans = [span(call, 9), span(call, 1, f"{2:016x}"), span(step, 2, f"{3:016x}"), span(call, 3)]
    file = tmp_path / "spans.jsonl"
    file.write_text(
        "".join(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}) + "\n" for one in spans),
        encoding="utf-8",
    )
    chunks = list(lines.gather(file, file.name))
    assert len(chunks) > 1
    kept = [row[AT["span_id"]] for chunk in chunks for row in chunk.leaves()]
    assert sorted(kept) == [f"{1:016x}", f"{9:016x}"]


def test_days_are_merged_as_sql_would():
    duckdb = pytest.importorskip("duckdb")
    rng = np.random.default_rng(4)
    size = 3_000
    names = np.array([f"{number:x}" for number in range(700)], dtype=object)
    calls = pa.table(
        {
            "start_ts": pa.array(rng.integers(0, 900, size)),
            "trace_id": pa.array(np.where(rng.random(size) < 0.1, None, rng.choice(names[:30], size)), pa.string()),
            "span_id": pa.array(rng.choice(names, size)),
            "parent_span_id": pa.array(np.where(rng.random(size) < 0.8, None, rng.choice(names, size)), pa.string()),
            "turn": pa.array(np.arange(size)),
        }
    )
    expected = duckdb.sql(
        """WITH once AS (SELECT * FROM calls
                         QUALIFY row_number() OVER (PARTITION BY trace_id, span_id ORDER BY turn DESC) = 1)
           SELECT turn FROM once o
           WHERE NOT EXISTS (SELECT 1 FROM once i WHERE i.parent_span_id = o.span_id
                             AND i.trace_id IS NOT DISTINCT FROM o.trace_id)
           ORDER BY start_ts, trace_id, span_id"""
    ).fetchnumpy()["turn"]
    assert merged_calls(calls)["turn"].to_pylist() == expected.tolist()
