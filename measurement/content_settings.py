"""The ``[content]`` table of ``liftwerk.toml``: the generative pipeline."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from measurement.settings_section import Section, placed

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
    guardrails: Annotated[tuple[str, ...], Field(min_length=1)] = ("error_rate", "hallucination_rate")
    margins: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    webhook: str | None = None

    @field_validator("webhook")
    @classmethod
    def _encrypted(cls, url: str | None) -> str | None:
        """Signed notices leave the machine encrypted; plain http goes to this machine only."""
        if url is None:
            return None
        parts = urlsplit(url)
        here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
            raise placed("the webhook is no https address", 'Write e.g. "https://example.com/hooks/canary"', value=url)
        if parts.username or parts.password:
            raise placed(
                "the webhook's address holds a password",
                "Leave it out: LIFTWERK_WEBHOOK_SECRET signs the notices",
            )
        return url


class JoinSection(Section):
    """``[content.join]``: what rewards and decisions of creative tests are worth in money."""

    value_per_reward: Annotated[float, Field(gt=0)] | None = None
    media_cost_per_decision: Annotated[float, Field(ge=0)] | None = None


class BurnAlertSection(Section):
    """One of ``[[content.error_budget.alerts]]``: a burn rate that wakes somebody, over two windows."""

    long_hours: Annotated[float, Field(gt=0)]
    short_hours: Annotated[float, Field(gt=0)]
    burn_rate: Annotated[float, Field(gt=0)]
    severity: Literal["high", "low"] = "high"

    @model_validator(mode="after")
    def _shorter(self) -> BurnAlertSection:
        if self.short_hours >= self.long_hours:
            raise placed(
                "the short window is not shorter than the long one", "Write e.g. long_hours = 1.0, short_hours = 0.1"
            )
        return self


class ErrorBudgetSection(Section):
    """``[content.error_budget]``: for how many days an objective's budget is, and which burn rates are alerts."""

    window_days: Annotated[int, Field(ge=1, le=366)] = 28
    minimum_bad: Annotated[int, Field(ge=1)] = 5
    alerts: tuple[BurnAlertSection, ...] | None = None


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
    error_budget: ErrorBudgetSection | None = None
    join: JoinSection | None = None
