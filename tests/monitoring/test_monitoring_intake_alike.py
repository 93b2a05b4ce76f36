"""Lines that differ in their spans alone are read as if each had been read whole."""

from __future__ import annotations

import json

import pytest

from monitoring.intake.alike import Around
from monitoring.intake.gathered import Gathered
from monitoring.intake.lines import take_line

START = 1_772_445_600_000_000_000


def span(number, **more):
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5", "gen_ai.usage.input_tokens": number}
    told = [
        {"key": key, "value": {"intValue": value} if isinstance(value, int) else {"stringValue": value}}
        for key, value in attributes.items()
    ]
    return {
        "traceId": f"{number:032x}", "spanId": f"{number:016x}", "startTimeUnixNano": str(START + number),
        "endTimeUnixNano": str(START + number + 1_000_000), "attributes": told, **more,
    }  # fmt: skip


def line(team, spans, *, url=None, separators=None):
    resource = {"attributes": [{"key": "liftwerk.team", "value": {"stringValue": team}}]}
    scope = {"scope": {"name": "openai"}, "spans": spans} | ({"schemaUrl": url} if url else {})
    group = {"resource": resource, "scopeSpans": [scope]} | ({"schemaUrl": url} if url else {})
    return json.dumps({"resourceSpans": [group]}, separators=separators).encode() + b"\n"


def read(lines, *, together):
    into, around = Gathered(file="spans.jsonl"), Around() if together else None
    for number, text in enumerate(lines, start=1):
        take_line(text, number, into, around)
    return into


@pytest.mark.parametrize("separators", [None, (",", ":")])
@pytest.mark.parametrize("url", [None, "https://opentelemetry.io/schemas/1.37.0"])
def test_lines_of_one_exporter_read_as_each_by_itself(separators, url):
    teams = ["web", "web", "crm", "crm", "web"]
    lines = [line(team, [span(n), span(n + 100)], url=url, separators=separators) for n, team in enumerate(teams, 1)]
    together, each = read(lines, together=True), read(lines, together=False)
    assert together.rows == each.rows
    assert len(together.rows) == 10


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda text: text.replace(b'"spans": [{', b'"spans": [{{'),
        lambda text: text.replace(b"}]}]}]}", b'}], "other": [{}]}]}]}'),  # another list behind the spans
        lambda text: text[: len(text) // 2] + b"\n",
        lambda text: text.replace(b'"intValue": 2', b'"intValue": "many"'),
    ],
)
def test_a_spoilt_line_between_is_told_as_before(spoilt):
    lines = [line("web", [span(1)]), spoilt(line("web", [span(2)])), line("web", [span(3)])]
    together, each = read(lines, together=True), read(lines, together=False)
    assert together.rows == each.rows
    assert together.aside == each.aside


def test_text_that_looks_like_spans_in_a_resource_changes_nothing():
    tricky = 'a "spans": [ in a name'
    lines = [line(tricky, [span(number)]) for number in range(1, 4)]
    assert read(lines, together=True).rows == read(lines, together=False).rows


def test_the_second_line_is_read_between_what_stood_around_the_first():
    around = Around()
    first, second = line("web", [span(1)]), line("web", [span(2)])
    take_line(first, 1, Gathered(), around)
    found = around.spans(second)
    assert found is not None
    assert [one.spanId for one in found[0]] == [f"{2:016x}"]
    assert around.spans(line("crm", [span(2)])) is None
