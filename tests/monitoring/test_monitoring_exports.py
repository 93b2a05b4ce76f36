"""Spans that real instrumentations wrote through OpenTelemetry's file exporter, against an endpoint that answers alike.

Made on 2026-11-29 with opentelemetry-instrumentation-openai 0.62.4 (OpenLLMetry), openinference-instrumentation-openai
0.1.66, openlit 1.45.0, langfuse 5.0.4, pydantic-ai-slim 2.68.0 and strands-agents 1.62.0. Each asked for a chat, most for
a streamed one, an embedding and a response as well, and last for a model that the endpoint refuses. It counts 1,200
tokens in, 1,024 of them from a cache, and 34 out. Stack traces and addresses were taken out.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from monitoring.intake.calls import CallRules
from monitoring.intake.prices import Price, PriceTable
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import DayStore

EXPORTS = Path(__file__).parent / "exports"
DATED = "gpt-4o-mini-2024-07-18"
#: File → calls, calls with the time to the first token, and the error as it is named.
WRITERS = {
    "langfuse": (5, 1, "error"),
    "openinference": (5, 1, "openai.BadRequestError"),
    "openlit": (5, 4, "BadRequestError"),
    "openllmetry": (5, 1, "BadRequestError"),
    "pydantic_ai": (3, 0, "pydantic_ai.exceptions.ModelRequestRejectedError"),
    "strands": (2, 1, "openai.BadRequestError"),
}


def calls_of(name, folder, **rules):
    store = DayStore(folder)
    report = store.take([(EXPORTS / f"{name}.jsonl", name)], CallRules(pseudonyms=Pseudonyms(b"key"), **rules))
    assert not report.aside
    return [row for file in store.calls for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("name", WRITERS)
def test_calls_come_through_whole_and_once(tmp_path, name):
    count, streamed, error = WRITERS[name]
    calls = calls_of(name, tmp_path)
    assert len(calls) == count  # agents, steps and requests around them are none
    assert {call["team"] for call in calls} == {"web"}
    (failed,) = (call for call in calls if call["error_type"])
    assert (failed["model"], failed["error_type"]) == ("broken", error)
    chats = [call for call in calls if call["model"] in {DATED, "gpt-4o-mini"}]
    assert len(chats) == count - 1 - (count == 5)
    for chat in chats:
        assert (chat["input_tokens"], chat["output_tokens"], chat["cache_read_tokens"]) == (1_200, 34, 1_024)
    if name != "strands":  # it names the model that was asked for
        assert {chat["model"] for chat in chats} == {DATED}
    waits = [(call["ttft_ms"], call["duration_ms"]) for call in calls if call["ttft_ms"] is not None]
    assert len(waits) == streamed
    assert all(0 < first <= whole for first, whole in waits)


def test_a_cost_in_dollars_is_told_as_such(tmp_path):
    calls = calls_of("pydantic_ai", tmp_path)
    assert {call["currency"] for call in calls if call["cost"]} == {"USD"}
    assert all(0 < call["cost"] < 0.001 for call in calls if not call["error_type"])


def test_a_price_of_nothing_gives_way_to_the_price_table(tmp_path):
    price = Price(model="gpt-4o-mini", input=1.0, output=2.0, cache_read=0.5, cache_write=1.0, version="v1")
    calls = calls_of("openlit", tmp_path, prices=PriceTable(prices=(price,)))
    chats = [call for call in calls if call["model"] == DATED]
    assert {(call["currency"], call["cost_source"]) for call in chats} == {("EUR", "prices v1")}
    assert chats[0]["cost"] == pytest.approx((176 * 1.0 + 1_024 * 0.5 + 34 * 2.0) / 1e6)
