"""CPU time of the intake: OTLP JSON lines → days of Parquet, all that `liftwerk content` does with them included.

Run: python benchmarks/content_intake.py --calls 100_000 --per-line 100
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

from monitoring.intake.calls import CallRules
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import DayStore

START_NS = 1_772_445_600_000_000_000  # 2026-03-02T10:00:00Z


def write_spans(path, calls, per_line, days, seed=7):
    """Model calls as OpenTelemetry's file exporter writes them: 10 attributes, an event, a resource, a scope."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as stream:
        for first in range(0, calls, per_line):
            spans = [_span(rng, number, calls, days) for number in range(first, min(first + per_line, calls))]
            resource = {"attributes": [_text("service.name", "copywriter"), _text("service.namespace", "web")]}
            scope = {"scope": {"name": "opentelemetry.instrumentation.openai", "version": "0.50"}, "spans": spans}
            stream.write(json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}) + "\n")


def _span(rng, number, calls, days):
    start = START_NS + int(number / calls * days * 86_400e9)
    end = start + int(rng.lognormvariate(7.2, 0.7) * 1e6)
    model = rng.choice(["gpt-5-mini", "claude-haiku-4", "mistral-small"])
    return {
        "traceId": f"{number // 3 + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "parentSpanId": "",
        "flags": 256,
        "name": f"chat {model}",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(end),
        "attributes": [
            _text("gen_ai.operation.name", "chat"),
            _text("gen_ai.provider.name", "openai"),
            _text("gen_ai.request.model", model),
            _text("gen_ai.response.model", model),
            _text("gen_ai.response.id", f"r-{number}"),
            _number("gen_ai.usage.input_tokens", rng.randrange(200, 3_000)),
            _number("gen_ai.usage.output_tokens", rng.randrange(900)),
            _number("gen_ai.usage.cache_read.input_tokens", rng.randrange(200)),
            {"key": "gen_ai.usage.cost", "value": {"doubleValue": rng.uniform(0.002, 0.012)}},
            _text("user.id", f"person-{rng.randrange(5_000)}"),
        ],
        "events": [{"timeUnixNano": str(start + 200_000_000), "name": "first_token"}],
        "status": {"code": 2, "message": "timeout"} if rng.random() < 0.02 else {},
    }


def _text(key, value):
    return {"key": key, "value": {"stringValue": value}}


def _number(key, value):
    return {"key": key, "value": {"intValue": str(value)}}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--per-line", type=int, nargs="+", default=[100, 1])
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print("| spans | spans a line | days | MB | CPU-s | spans per CPU-s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for per_line in options.per_line:
            file = Path(folder) / f"{per_line}.jsonl"
            write_spans(file, options.calls, per_line, options.days)
            for number in range(options.repeats):
                store = DayStore(Path(folder) / f"store-{per_line}-{number}")
                begun = time.process_time()
                report = store.take([(file, file.name)], CallRules(pseudonyms=Pseudonyms(b"a key")))
                took = time.process_time() - begun
                if report.calls != options.calls or report.aside:
                    raise SystemExit(f"{report.calls} calls came through, {len(report.aside)} were set aside")
                size = file.stat().st_size / 1e6
                print(
                    f"| {options.calls:,} | {per_line} | {options.days} | {size:.0f} | {took:.2f} "
                    f"| {options.calls / took:,.0f} |"
                )


if __name__ == "__main__":
    main()
