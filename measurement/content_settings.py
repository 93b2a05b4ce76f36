"""The ``[content]`` table of ``liftwerk.toml``: the generative pipeline."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from measurement.settings_section import Section

#: Columns of ``gen_call`` that may stand under an attribute of the user's own.
AttributeColumn = Literal[
    "team", "pipeline", "model", "provider", "output_id", "variant_id", "arm", "prompt_version", "error_type",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "context_window", "ttft_ms", "cost",
    "currency", "unit_id",
]  # fmt: skip


class CanarySection(Section):
    """``[content.canary]``: when a canary is stopped."""

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    minimum_sample: Annotated[int, Field(ge=1)] = 200
    margin: Annotated[float, Field(ge=0)] = 0.0


class ContentSection(Section):
    """``[content]``: where the pipeline's spans and tables lie, and objectives by KPI (``objectives.latency_p95``)."""

    spans: str | None = None
    tables: str | None = None
    prices: str | None = None
    objectives: dict[str, float] = Field(default_factory=dict)
    attributes: dict[AttributeColumn, str] = Field(default_factory=dict)
    exchange: dict[Annotated[str, Field(pattern=r"^[A-Z]{3}$")], Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict
    )
    keep_text: bool = False
    retention_days: Annotated[int, Field(ge=1)] | None = None
    canary: CanarySection | None = None
