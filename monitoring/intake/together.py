"""Attributes that hold several values at once, mostly as JSON text: counts, costs, parameters of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitoring.intake.fields import AT, Slot, decoded, fill, number

_INPUT, _OUTPUT, _TOTAL = AT["input_tokens"], AT["output_tokens"], AT["total_tokens"]
_READ, _WRITTEN = AT["cache_read_tokens"], AT["cache_write_tokens"]
_KIND, _PROVIDER = AT["kind"], AT["provider"]
_COST, _CURRENCY, _ERROR = AT["cost"], AT["currency"], AT["error_type"]
Slots = Mapping[str, Slot]
_ANSWERS = ("completion_tokens", "output_tokens", "completiontokens", "output")

#: MLflow keeps all token counts, and all costs, in one attribute.
_MLFLOW: Mapping[str, str] = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "total_tokens": "gen_ai.usage.total_tokens",
    "cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_input_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "total_cost": "llm.cost.total",
}


def expand(row: list[Any], key: str, value: object, slots: Slots) -> None:
    """Put what an attribute of `TOGETHER` holds into its places.

    Raises
    ------
    ValueError
        Where a count or a cost is no number.

    Examples
    --------
    >>> row = [None] * len(AT)
    >>> expand(row, "langfuse.observation.usage_details",
    ...        '{"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}', {})
    >>> row[_INPUT], row[_OUTPUT], row[_READ]
    (12.0, 3.0, 8.0)
    """
    TOGETHER[key](row, decoded(value), slots)


def usage(row: list[Any], counts: Mapping[str, Any]) -> None:
    """Token counts in the names of a provider's answer or of Langfuse.

    OpenAI's input includes what was read from a cache, told apart in ``…_details``; in flat names nothing overlaps.
    """
    flat = {str(key).lower(): number(one) for key, one in counts.items() if not isinstance(one, Mapping | None)}
    details = {str(key).lower(): one for key, one in counts.items() if isinstance(one, Mapping)}
    prompt = next((flat[name] for name in ("prompt_tokens", "prompttokens") if name in flat), None)
    if prompt is None and any("input" in name or "prompt" in name for name in details):
        prompt = flat.get("input_tokens", flat.get("input"))
    if prompt is not None:
        told = next((one for name, one in details.items() if "prompt" in name or "input" in name), {})
        cached = told.get("cached_tokens")
        row[_INPUT], row[_READ] = prompt, None if cached is None else number(cached)
        row[_OUTPUT] = next((flat[name] for name in _ANSWERS if name in flat), None)
    elif any("input" in key or "output" in key for key in flat):
        cache = {key: count for key, count in flat.items() if "cache" in key}
        writes = {key: count for key, count in cache.items() if "creat" in key or "write" in key}
        row[_INPUT] = sum(count for key, count in flat.items() if "input" in key or "cache" in key)
        row[_OUTPUT] = sum(count for key, count in flat.items() if "output" in key and "cache" not in key)
        row[_READ] = sum(cache.values()) - sum(writes.values())
        row[_WRITTEN] = sum(writes.values())


def _mlflow(row: list[Any], value: object, slots: Slots) -> None:
    for name, count in value.items() if isinstance(value, Mapping) else ():
        if name in _MLFLOW:
            fill(row, _MLFLOW[name], count, slots)


def _langfuse_usage(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001 - one form for all
    if isinstance(value, Mapping):
        usage(row, value)


def _langfuse_cost(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001
    parts = {key: number(one) for key, one in value.items() if one is not None} if isinstance(value, Mapping) else {}
    if parts:
        row[_COST], row[_CURRENCY] = parts.get("total", sum(parts.values())), "USD"


def _langfuse_level(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001
    if str(value).upper() == "ERROR" and row[_ERROR] is None:
        row[_ERROR] = "error"


def _parameters(row: list[Any], value: object, slots: Slots) -> None:
    """A call that failed has no answer that names its model: what was asked for stands here alone."""
    if isinstance(value, Mapping) and isinstance(value.get("model"), str):
        fill(row, "llm.request.model", value["model"], slots)


def _library(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001
    """OpenLIT's costs are in US dollars."""
    if value == "openlit" and row[_CURRENCY] is None:
        row[_CURRENCY] = "USD"


def _langsmith_kind(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001
    """LangSmith's spans all say that they chat, prompts and parsers too."""
    row[_KIND] = int(str(value).lower() in {"llm", "embedding"})


def _langsmith_usage(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001
    details = value.get("input_token_details") if isinstance(value, Mapping) else None
    for place, name in ((_READ, "cache_read"), (_WRITTEN, "cache_creation")):
        if isinstance(details, Mapping) and details.get(name) is not None:
            row[place] = number(details[name])


def _langsmith_provider(row: list[Any], value: object, slots: Slots) -> None:  # noqa: ARG001
    if isinstance(value, str):
        row[_PROVIDER] = value


TOGETHER: Mapping[str, Callable[[list[Any], object, Slots], None]] = {
    "mlflow.chat.tokenUsage": _mlflow,
    "mlflow.llm.cost": _mlflow,
    "langfuse.observation.usage_details": _langfuse_usage,
    "langfuse.observation.cost_details": _langfuse_cost,
    "langfuse.observation.level": _langfuse_level,
    "llm.invocation_parameters": _parameters,
    "langsmith.span.kind": _langsmith_kind,
    "langsmith.metadata.usage_metadata": _langsmith_usage,
    "langsmith.metadata.ls_provider": _langsmith_provider,
    "telemetry.sdk.name": _library,
}
