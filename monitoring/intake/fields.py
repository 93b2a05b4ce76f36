"""Attribute names of the tracing dialects → columns of ``gen_call``.

Names of OpenTelemetry's generative conventions (before and after 1.37), OpenInference, OpenLLMetry and the Vercel SDK.
A row is a list with a place for each of `ROW`, filled while the attributes are read once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec

#: Places of a row. ``start_us``: microseconds since 1970 UTC; ``kind``: 1 model call, 0 not one, ``None`` not said;
#: ``first_ns``: when the first token came, nanoseconds since 1970 UTC; ``scope``: the instrumentation that wrote it.
ROW = (
    "start_us", "duration_ms", "trace_id", "span_id", "parent_span_id", "team", "pipeline", "model", "provider",
    "output_id", "variant_id", "arm", "prompt_version", "error_type", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "total_tokens", "context_window", "ttft_ms", "cost", "currency",
    "unit_id", "kind", "prompt_text", "output_text", "first_ns", "scope",
)  # fmt: skip
AT: Mapping[str, int] = {name: place for place, name in enumerate(ROW)}
NUMBERS = frozenset(
    ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "total_tokens", "context_window",
     "ttft_ms", "cost")
)  # fmt: skip

_MODEL_CALLS = frozenset(
    ("chat", "completion", "text_completion", "generate_content", "embeddings", "embedding", "response", "responses",
     "llm", "chat_model", "generation", "image_generation", "rerank")
)  # fmt: skip


#: No count of tokens, no cost and no time is as large.
LARGEST = 1e18
_END_OF_TIME = 2**63
#: No answer begins after so many seconds, to the second.
_SURELY = 20


@lru_cache(maxsize=1024)
def kind_of(value: object) -> int:
    """Whether an operation is a model call (1) or a step around one (0).

    Examples
    --------
    >>> kind_of("chat"), kind_of("LLM"), kind_of("invoke_agent"), kind_of("ai.streamText.doStream")
    (1, 1, 0, 1)
    """
    name = str(value).strip('"').lower()
    return int(name in _MODEL_CALLS or name.endswith((".dogenerate", ".dostream", ".doembed")))


def number(value: object) -> float:
    """A number as JSON or protobuf's JSON writes it (64-bit integers are text there).

    Raises
    ------
    ValueError
        Where it is none, or below zero or out of all bounds.
    """
    if value is True or value is False or value is None:
        raise ValueError(f"{value} is not a number")
    try:
        found = float(value)  # type: ignore[arg-type]  # anything else raises, which is the answer
    except (ValueError, TypeError, OverflowError) as wrong:
        raise ValueError(f"{str(value)[:40]} is not a number") from wrong
    if not 0.0 <= found < LARGEST:
        raise ValueError(f"{str(value)[:40]} is out of range")
    return found


def _milliseconds(value: object) -> float:
    """Of seconds, as the conventions have it; whole numbers from `_SURELY` on are milliseconds already (Strands)."""
    found = number(value)
    whole = isinstance(value, int) or (isinstance(value, str) and value.isdecimal())
    return found if whole and found >= _SURELY else found * 1_000.0


def nanoseconds(value: object) -> int:
    """Nanoseconds since 1970 of a number of them, or of an ISO 8601 time (UTC where it names no zone); 0 for none.

    Raises
    ------
    ValueError
        Where it is neither, or beyond 64 bits.
    """
    if value is None or value == "":
        return 0
    if isinstance(value, int | float):
        if not abs(value) < _END_OF_TIME:
            raise ValueError(f"this is not a time: {str(value)[:40]}")
        return int(value)
    text = str(value).strip('"')
    try:
        if text.isdecimal() and len(text) < 20:
            return int(text)
        moment = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise ValueError(f"this is not a time: {text[:40]}") from wrong
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    whole = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86_400 + whole.seconds) * 1_000_000_000 + whole.microseconds * 1_000


def text_of(value: object) -> str:
    """A name or an id as text.

    Raises
    ------
    ValueError
        For an object or a list: neither names anything.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        raise ValueError(f"{str(value)[:40]} is not text")  # noqa: TRY004 - one kind of error for all that is set aside
    return str(value)


def _written(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


#: Attribute → (place, strong, conversion). A strong name overrules; a weak one fills an empty place only.
Slot = tuple[int, bool, Callable[[object], Any]]


def _slots(place: str, *names: str, convert: Callable[[object], Any] | None = None) -> dict[str, Slot]:
    """The first name is strong, the others stand in where it is absent."""
    made = convert or (number if place in NUMBERS else text_of)
    return {name: (AT[place], position == 0, made) for position, name in enumerate(names)}


SLOTS: Mapping[str, Slot] = {
    **_slots("model", "gen_ai.response.model", "gen_ai.request.model", "llm.response.model_name", "llm.model_name",
             "llm.request.model_name", "llm.response.model", "llm.request.model", "mlflow.llm.model",
             "ai.response.model", "ai.model.id", "embedding.model_name", "langfuse.observation.model.name"),
    **_slots("provider", "gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "mlflow.llm.provider",
             "ai.model.provider"),
    **_slots("input_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt",
             "llm.usage.prompt_tokens", "ai.usage.inputTokens", "ai.usage.promptTokens"),
    **_slots("output_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens",
             "llm.token_count.completion", "llm.usage.completion_tokens", "ai.usage.outputTokens",
             "ai.usage.completionTokens"),
    **_slots("cache_read_tokens", "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
             "gen_ai.usage.input_tokens.cached", "gen_ai.usage.cached_input_tokens",
             "gen_ai.usage.details.cached_tokens", "gen_ai.usage.details.cache_read_tokens",
             "llm.token_count.prompt_details.cache_read", "llm.token_count.prompt_details.cache_input",
             "llm.usage.cache_read_input_tokens", "ai.usage.cachedInputTokens"),
    **_slots("cache_write_tokens", "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_write.input_tokens",
             "gen_ai.usage.cache_creation_input_tokens", "gen_ai.usage.cache_write_input_tokens",
             "gen_ai.usage.details.cache_write_tokens", "llm.token_count.prompt_details.cache_write",
             "llm.usage.cache_creation_input_tokens"),
    **_slots("total_tokens", "gen_ai.usage.total_tokens", "llm.token_count.total", "llm.usage.total_tokens",
             "ai.usage.totalTokens"),
    **_slots("context_window", "liftwerk.context_window", "gen_ai.request.context_window",
             "gen_ai.model.context_window"),
    **_slots("cost", "gen_ai.usage.cost", "llm.cost.total", "gen_ai.usage.total_cost", "gen_ai.cost.total",
             "operation.cost"),
    **_slots("currency", "gen_ai.usage.cost.currency", "gen_ai.cost.currency", "liftwerk.currency"),
    **_slots("error_type", "error.type"),
    **_slots("team", "liftwerk.team", "team", "team.name", "service.namespace"),
    **_slots("pipeline", "liftwerk.pipeline", "pipeline", "gen_ai.workflow.name", "langfuse.trace.name",
             "service.name"),
    **_slots("output_id", "liftwerk.output_id", "output_id", "output.id"),
    **_slots("variant_id", "liftwerk.variant_id", "variant_id", "variant.id"),
    **_slots("arm", "liftwerk.arm", "arm", "experiment.arm", "feature_flag.result.variant"),
    **_slots("prompt_version", "liftwerk.prompt_version", "gen_ai.prompt.version", "llm.prompt_template.version",
             "langfuse.observation.prompt.version"),
    **_slots("unit_id", "liftwerk.unit_id", "user.id", "enduser.id", "langfuse.user.id", "user_id", "gen_ai.user"),
    **_slots("ttft_ms", "gen_ai.response.time_to_first_chunk", "gen_ai.response.time_to_first_token",
             "gen_ai.server.time_to_first_token", "gen_ai.server.ttft", convert=_milliseconds),
    **_slots("ttft_ms", "liftwerk.ttft_ms", "ai.response.msToFirstChunk", "llm.ttft_ms", convert=number),
    **_slots("first_ns", "langfuse.observation.completion_start_time", convert=nanoseconds),
    **_slots("kind", "gen_ai.operation.name", "openinference.span.kind", "llm.request.type", "mlflow.spanType",
             "langfuse.observation.type", "traceloop.span.kind", "ai.operationId", convert=kind_of),
}  # fmt: skip

#: Said of a value that no tool writes and that would exhaust the stack.
TOO_DEEP = "the JSON is nested too deeply"

#: Only read where ``[content] keep_text = true``.
TEXT_SLOTS: Mapping[str, Slot] = {
    **_slots("prompt_text", "gen_ai.input.messages", "gen_ai.prompt", "input.value", "mlflow.spanInputs", "ai.prompt",
             convert=_written),
    **_slots("output_text", "gen_ai.output.messages", "gen_ai.completion", "output.value", "mlflow.spanOutputs",
             "ai.response.text", convert=_written),
}  # fmt: skip
#: Costs under these names are in US dollars by their convention.
DOLLARS = frozenset(("llm.cost.total", "operation.cost"))
#: Events that mark the first token of a streamed answer.
FIRST_TOKEN = frozenset(
    ("first token stream event", "first_token", "first token", "gen_ai.first_token", "ai.stream.firstchunk",
     "gen_ai.content.first_chunk", "gen_ai.content.completion.chunk", "llm.content.completion.chunk")
)  # fmt: skip


def slots_of(custom: Mapping[str, str], *, keep_text: bool) -> dict[str, Slot]:
    """`SLOTS` with the user's own attribute names on top.

    Parameters
    ----------
    custom
        Column of ``gen_call`` → attribute that holds it, from ``[content.attributes]``.
    keep_text
        Whether prompts and answers are read.
    """
    slots = {**SLOTS, **TEXT_SLOTS} if keep_text else dict(SLOTS)
    for column, name in custom.items():
        slots[name] = (AT[column], True, number if column in NUMBERS else text_of)
    return slots


def fill(row: list[Any], key: str, value: object, slots: Mapping[str, Slot]) -> None:
    """Put an attribute's plain value into its place.

    Raises
    ------
    ValueError
        Where a number or a text is none; names the attribute.
    """
    slot = slots.get(key)
    if slot is None or value is None:
        return
    place, strong, convert = slot
    if strong or row[place] is None:
        try:
            row[place] = convert(value)
        except (ValueError, TypeError) as wrong:
            raise unreadable(key, value, place) from wrong
        if key in DOLLARS and row[AT["currency"]] is None:
            row[AT["currency"]] = "USD"


def unreadable(key: str, value: object, place: int) -> ValueError:
    """What to say of an attribute whose value does not fit its place."""
    kind = "a number of zero or more" if ROW[place] in NUMBERS else "text"
    return ValueError(f"'{key}' is not {kind}: {str(value)[:40]}")


def decoded(value: object) -> object:
    r"""A value that MLflow wrote as JSON text, or the value itself; refuses what is nested too deeply.

    Examples
    --------
    >>> decoded('"CHAT_MODEL"'), decoded("chat")
    ('CHAT_MODEL', 'chat')
    """
    if isinstance(value, str) and value[:1] in {'"', "{", "["}:
        try:
            return msgspec.json.decode(value)
        except RecursionError as wrong:
            raise ValueError(TOO_DEEP) from wrong
        except ValueError:
            return value
    return value
