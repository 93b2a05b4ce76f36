"""Files of spans as the real OpenTelemetry SDK and its file exporter write them."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.sdk.trace", reason="OpenTelemetry's SDK is not installed")
exporter = pytest.importorskip(
    "opentelemetry.exporter.otlp.json.file.trace_exporter", reason="the OTLP file exporter is not installed"
)

from opentelemetry.sdk.resources import Resource  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor  # noqa: E402

START = 1_772_445_600_000_000_000  # 2026-03-02T10:00:00Z


class Recorder:
    """A tracer that writes to a file; ``batch`` spans a line."""

    def __init__(self, file: Path, resource: dict[str, str] | None = None, *, batch: int = 1) -> None:
        self.provider = TracerProvider(resource=Resource.create(resource or {"service.name": "copywriter"}))
        target = exporter.FileSpanExporter(file)
        many = BatchSpanProcessor(target, max_queue_size=4 * batch, max_export_batch_size=batch)
        self.provider.add_span_processor(SimpleSpanProcessor(target) if batch == 1 else many)
        self.tracer = self.provider.get_tracer("tests")

    def span(self, name, attributes, *, parent=None, begin=0.0, seconds=1.0):
        """A finished span; ``begin`` seconds after `START`."""
        from opentelemetry.trace import set_span_in_context

        context = None if parent is None else set_span_in_context(parent)
        start = START + int(begin * 1e9)
        made = self.tracer.start_span(name, context=context, attributes=attributes, start_time=start)
        made.end(start + int(seconds * 1e9))
        return made

    def close(self):
        self.provider.shutdown()
