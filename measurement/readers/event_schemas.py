"""The columns of every event table, as the public contract names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CellKind = Literal["text", "time", "number"]
Limit = Literal["share", "not_negative", "positive", "currency", ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventColumn:
    """One column of an event table.

    Attributes
    ----------
    name
        Header.
    kind
        ``"text"``, ``"time"`` (UTC) or ``"number"``.
    required
        Whether the column must exist and be filled in every row.
    limit
        ``"share"`` (0 < x ≤ 1), ``"not_negative"``, ``"positive"``, or ``"currency"`` (the workspace's code).
    unique
        Whether no value may stand twice.
    """

    name: str
    kind: CellKind
    required: bool = False
    limit: Limit = ""
    unique: bool = False


def event_columns(*described: str) -> tuple[EventColumn, ...]:
    """``"name kind [limit] [unique] [!]"`` → columns; ``!`` marks required ones."""
    columns = []
    for text in described:
        name, kind, *rest = text.split()
        limit = next((word for word in rest if word not in {"!", "unique"}), "")
        columns.append(
            EventColumn(
                name=name,
                kind=kind,  # type: ignore[arg-type]  # one of CellKind: the tables below are tested
                required="!" in rest,
                limit=limit,  # type: ignore[arg-type]  # one of Limit
                unique="unique" in rest,
            )
        )
    return tuple(columns)


CREATIVE_DECISIONS = event_columns(
    "decision_id text unique !",
    "ts time !",
    "experiment_id text !",
    "unit_id text",
    "arm_id text !",
    "propensity number share !",
    "policy_version text",
)
CREATIVE_REWARDS = event_columns("decision_id text !", "ts time !", "value number !")
TOUCHPOINTS = event_columns(
    "unit_id text !", "ts time !", "channel text", "kind text !", "value number", "cost number not_negative"
)
TOUCHPOINT_KINDS = ("impression", "click", "conversion")

#: Tables of the content pipeline, by file name without ending.
CONTENT_TABLES: dict[str, tuple[EventColumn, ...]] = {
    "gen_call": event_columns(
        "start_ts time !",
        "duration_ms number not_negative !",
        "trace_id text",
        "span_id text",
        "team text",
        "pipeline text",
        "model text !",
        "output_id text",
        "variant_id text",
        "arm text",
        "error_type text",
        "input_tokens number not_negative",
        "output_tokens number not_negative",
        "cache_read_tokens number not_negative",
        "context_window number positive",
        "ttft_ms number not_negative",
        "cost number not_negative",
        "currency text currency",
        "prompt_version text",
    ),
    "gen_score": event_columns(
        "span_id text",
        "output_id text",
        "scored_ts time",
        "name text !",
        "value number !",
        "source text",
        "judge_version text",
    ),
    "gen_output": event_columns(
        "output_id text unique !",
        "variant_id text",
        "team text",
        "requested_ts time",
        "approved_ts time",
        "published_ts time",
        "status text",
    ),
    "gen_incident": event_columns(
        "incident_id text unique !",
        "kind text !",
        "opened_ts time !",
        "detected_ts time",
        "resolved_ts time",
        "team text",
        "severity text",
    ),
    "creative_variant": event_columns(
        "variant_id text !",
        "output_id text",
        "experiment_id text",
        "arm_id text",
        "platform text",
        "platform_ad_id text",
        "valid_from time",
        "valid_to time",
    ),
    "business_outcome": event_columns(
        "day time !",
        "experiment_id text",
        "arm_id text",
        "metric text !",
        "value number !",
        "n number not_negative",
        "lower number",
        "upper number",
        "method text",
    ),
    "team_budget": event_columns(
        "team text !", "month text !", "amount number not_negative !", "currency text currency"
    ),
}
