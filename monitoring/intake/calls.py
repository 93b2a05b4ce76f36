"""Gathered rows → the table of calls: cached tokens made alike, costs filled in, people pseudonymised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from monitoring.intake.fields import NUMBERS, ROW
from monitoring.intake.prices import Price, PriceTable
from monitoring.intake.pseudonyms import Pseudonyms

Floats = NDArray[np.float64]
_TEXTS = ("prompt_text", "output_text")
_INTERNAL = ("start_us", "kind", "total_tokens", *_TEXTS)
_COLUMNS = tuple(name for name in ROW if name not in _INTERNAL)
_PRICED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_FLOATS = frozenset((*NUMBERS, "duration_ms"))

CALL_SCHEMA = pa.schema(
    [
        ("start_ts", pa.timestamp("us")),
        *((name, pa.float64() if name in _FLOATS else pa.string()) for name in _COLUMNS),
        ("cost_source", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRules:
    """How calls become rows of ``gen_call``.

    Attributes
    ----------
    pseudonyms
        For ``unit_id``.
    currency
        The workspace's.
    prices
        For calls that report no cost in that currency.
    exchange
        Currency → what one unit of it is worth in the workspace's.
    keep_text
        Whether prompts and answers are kept.
    """

    pseudonyms: Pseudonyms
    currency: str = "EUR"
    prices: PriceTable = field(default_factory=PriceTable)
    exchange: Mapping[str, float] = field(default_factory=dict)
    keep_text: bool = False


def call_table(rows: list[list[Any]], rules: CallRules) -> pa.Table:
    """Rows of `monitoring.intake.fields.ROW` as `CALL_SCHEMA` (and the texts, where they are kept)."""
    columns: dict[str, Any] = dict(zip(ROW, zip(*rows, strict=True), strict=True)) if rows else dict.fromkeys(ROW, ())
    start = np.asarray(columns["start_us"], dtype="int64")
    numbers = {name: np.array(columns[name], dtype=float) for name in NUMBERS}
    price = _prices(columns, start, rules.prices)
    _include_cached(numbers, price)
    currency, source = _costs(columns, numbers, price, rules)
    of = rules.pseudonyms.of
    columns["unit_id"] = [None if unit is None else of(unit) for unit in columns["unit_id"]]
    # an output is what a trace makes, unless the pipeline says which output it works on
    columns["output_id"] = [own or trace for own, trace in zip(columns["output_id"], columns["trace_id"], strict=True)]
    columns |= {"currency": currency, "cost_source": source}
    schema = CALL_SCHEMA
    for name in _TEXTS if rules.keep_text else ():
        schema = schema.append(pa.field(name, pa.string()))
    arrays = []
    for field_ in schema:
        if field_.name == "start_ts":
            arrays.append(pa.array(start.view("datetime64[us]")))
        elif field_.name in NUMBERS:
            arrays.append(pa.array(numbers[field_.name], from_pandas=True))
        else:
            arrays.append(pa.array(columns[field_.name], type=field_.type))
    return pa.table(arrays, schema=schema)


def _prices(columns: Mapping[str, Any], start: NDArray[np.int64], table: PriceTable) -> list[Price | None]:
    """The price of each row; looked up once for each model, provider and day."""
    if not table.prices:
        return [None] * len(start)
    known: dict[tuple[Any, Any, int], Price | None] = {}
    found = []
    for key in zip(columns["model"], columns["provider"], (start // 86_400_000_000).tolist(), strict=True):
        if key not in known:
            model, provider, day = key
            known[key] = None if model is None else table.find(model, provider or "", pd.Timestamp(day, unit="D"))
        found.append(known[key])
    return found


def _include_cached(numbers: dict[str, Floats], prices: list[Price | None]) -> None:
    """Make input tokens include those from a cache, as OpenTelemetry has it.

    Some providers leave them out. That shows where more was read from the cache than put in, or where the total is too
    large for the parts; else the price table says so.
    """
    cached = np.nan_to_num(numbers["cache_read_tokens"]) + np.nan_to_num(numbers["cache_write_tokens"])
    read, written = numbers["input_tokens"], np.nan_to_num(numbers["output_tokens"])
    told = np.array([price is not None and price.cached_excluded for price in prices], dtype=bool)
    with np.errstate(invalid="ignore"):
        left_out = (cached > 0) & (told | (cached > read) | (numbers["total_tokens"] - written >= read + cached))
    numbers["input_tokens"] = np.where(left_out, read + cached, read)


def _costs(
    columns: Mapping[str, Any], numbers: dict[str, Floats], prices: list[Price | None], rules: CallRules
) -> tuple[list[str | None], list[str | None]]:
    """Fill in ``cost``; returns currency and source of each row. A reported cost in the workspace's money stands."""
    cost = numbers["cost"]
    currency: list[str | None] = list(columns["currency"])
    source: list[str | None] = [None] * len(cost)
    reported = np.isfinite(cost)
    for place in np.flatnonzero(reported).tolist():
        money = currency[place] or rules.currency
        currency[place], source[place] = money, "reported"
        if money != rules.currency and money in rules.exchange:
            cost[place] *= rules.exchange[money]
            currency[place], source[place] = rules.currency, f"reported in {money}"
    tokens = {name: np.nan_to_num(numbers[name]) for name in _PRICED}
    for place, price in enumerate(prices):
        if price is None or (source[place] is not None and currency[place] == rules.currency):
            continue
        if np.isnan(numbers["input_tokens"][place]) and np.isnan(numbers["output_tokens"][place]):
            continue
        cost[place] = price_of(price, {name: column[place] for name, column in tokens.items()})
        currency[place], source[place] = rules.currency, f"prices {price.version}".strip()
    for place, price in enumerate(prices):
        if price is not None and price.context_window and np.isnan(numbers["context_window"][place]):
            numbers["context_window"][place] = price.context_window
    return currency, source


def price_of(price: Price, tokens: Mapping[str, float]) -> float:
    """Cost of a call whose input tokens include the cached ones.

    Examples
    --------
    >>> one = Price(model="m", input=2.0, output=8.0, cache_read=0.2, cache_write=2.5)
    >>> price_of(one, {"input_tokens": 1e6, "output_tokens": 0, "cache_read_tokens": 5e5, "cache_write_tokens": 0})
    1.1
    """
    read, written = tokens["cache_read_tokens"], tokens["cache_write_tokens"]
    fresh = max(tokens["input_tokens"] - read - written, 0.0)
    money = fresh * price.input + read * price.cache_read + written * price.cache_write
    return float(money + tokens["output_tokens"] * price.output) / 1e6
