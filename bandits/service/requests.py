"""The bodies of requests, read with suspicion: whatever does not fit is refused with a reason."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bandits.service.names import LONGEST_NAME
from measurement.errors import InputError, LiftwerkError

MOST_CONTEXT = 50
LONGEST_CONTEXT = 4_000
_DECIDE = frozenset({"experiment_id", "unit_id", "context"})
_REWARD = frozenset({"decision_id", "value", "ts"})
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_DAY = 86_400.0
_COMPACT = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class DecideRequest(NamedTuple):
    """``POST /v1/decide``; ``context`` as it was sent and as JSON text, ``None`` where there is none."""

    experiment_id: str
    unit_id: str
    context: str | None
    fields: dict[str, object] | None = None


class RewardRequest(NamedTuple):
    """``POST /v1/reward``; ``ts`` in microseconds since 1970."""

    decision_id: str
    value: float
    ts: int | None


def read_json(body: bytes) -> dict[str, Any]:
    """A body as a JSON object.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError.of(
            "the body is not valid JSON", "Send a JSON object in UTF-8", column="body", value=_why(error)
        ) from error
    if type(raw) is not dict:
        raise InputError.of("the body is not a JSON object", "Send {…}", column="body", value=type(raw).__name__)
    return raw


def read_decide(body: bytes) -> DecideRequest:
    """Parse the body of ``/v1/decide``; raises `InputError`."""
    raw = read_json(body)
    if not raw.keys() <= _DECIDE:
        raise _unknown(raw, _DECIDE)
    context = raw.get("context")
    return DecideRequest(
        name_of(raw, "experiment_id"), name_of(raw, "unit_id"), None if context is None else _context(context), context
    )


def read_reward(body: bytes, now: float) -> RewardRequest:
    """Parse the body of ``/v1/reward``; raises `InputError`. ``now`` in seconds since 1970."""
    raw = read_json(body)
    if not raw.keys() <= _REWARD:
        raise _unknown(raw, _REWARD)
    value = raw.get("value")
    if type(value) is not float and type(value) is not int:
        raise InputError.of("the reward is not a number", "Send a number", column="value", value=value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) < 1e15:
        raise InputError.of("the reward is not a finite number below 1e15", "Correct it", column="value", value=number)
    ts = raw.get("ts")
    return RewardRequest(name_of(raw, "decision_id"), number, None if ts is None else _time(ts, now))


def name_of(raw: dict[str, Any], field: str) -> str:
    """A text field of 1 to 200 printable characters."""
    value = raw.get(field)
    if type(value) is str and 0 < len(value) <= LONGEST_NAME and value.isprintable():
        return value
    if field not in raw:
        raise InputError.of(f"'{field}' is missing", f"Add '{field}'", column=field)
    raise InputError.of(
        f"'{field}' must be text of 1 to {LONGEST_NAME} printable characters", "Correct it", column=field,
        value=ascii(value),
    )  # fmt: skip


def _context(context: object) -> str:
    if type(context) is not dict or len(context) > MOST_CONTEXT:
        raise InputError.of(
            f"the context is not an object of at most {MOST_CONTEXT} fields", "Send {\"device\": \"mobile\"}",
            column="context", value=ascii(context),
        )  # fmt: skip
    for key, value in context.items():
        if type(value) not in (str, int, float, bool, type(None)):
            raise InputError.of(
                "a context field is neither text, number, true, false nor null", "Flatten the context",
                column=f"context.{ascii(key)[1:-1]}", value=ascii(value),
            )  # fmt: skip
    try:
        # ASCII only: no database stumbles over half a surrogate pair or a NUL in it
        text = _COMPACT(context)
    except ValueError as error:
        raise InputError.of("a context field is not a finite number", "Correct it", column="context") from error
    if len(text) > LONGEST_CONTEXT:
        raise InputError.of(
            f"the context is longer than {LONGEST_CONTEXT} characters", "Send less", column="context", value=len(text)
        )
    return text


def _time(ts: object, now: float) -> int:
    """ISO 8601 text or seconds since 1970 → microseconds."""
    seconds = math.nan
    if type(ts) is str:
        try:
            moment = datetime.fromisoformat(ts)
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            seconds = math.nan
    elif type(ts) is int or type(ts) is float:
        try:
            seconds = float(ts)
        except OverflowError:
            seconds = math.inf
    if not _EARLIEST <= seconds <= now + _DAY:
        raise InputError.of(
            "the time is not one between 2000 and now", "Send ISO 8601 in UTC or seconds since 1970", column="ts",
            value=ascii(ts),
        )  # fmt: skip
    return round(seconds * 1e6)


def _unknown(raw: dict[str, Any], known: frozenset[str]) -> LiftwerkError:
    field = next(key for key in raw if key not in known)
    remedy = f"Remove it; known fields are {', '.join(sorted(known))}"
    return InputError.of("the field is not known", remedy, column=ascii(field)[1:-1])


def _why(error: Exception) -> str:
    return "too deeply nested" if isinstance(error, RecursionError) else ascii(str(error))
