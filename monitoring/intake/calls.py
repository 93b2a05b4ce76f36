"""Gathered rows → the table of calls: cached tokens made alike, costs filled in, people pseudonymised."""

from __future__ import annotations

import re
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
Codes = NDArray[np.int64]
Texts = NDArray[np.object_]
_TEXTS = ("prompt_text", "output_text")
_INTERNAL = ("start_us", "kind", "total_tokens", "first_ns", "scope", *_TEXTS)
_COLUMNS = tuple(name for name in ROW if name not in _INTERNAL)
_PRICED = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_GOOGLE = re.compile(r"\b(gcp|google|vertex|gemini)")
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
    numbers = {
        name: np.array(pa.array(columns[name], pa.float64()).to_numpy(zero_copy_only=False), dtype=float)
        for name in NUMBERS
    }
    price, prices = _prices(columns, start, rules.prices)
    _include_cached(numbers, price, prices)
    if np.isfinite(numbers["total_tokens"]).any():
        _include_thoughts(columns, numbers)
    currency, source = _costs(columns, numbers, (price, prices), rules)
    named = {unit: rules.pseudonyms.of(unit) for unit in set(columns["unit_id"]) if unit is not None}
    columns["unit_id"] = [named.get(unit) for unit in columns["unit_id"]]
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


def _prices(columns: Mapping[str, Any], start: NDArray[np.int64], table: PriceTable) -> tuple[Codes, list[Price]]:
    """The price of each row as a place in a list, -1 for none; looked up once for each model, provider and day."""
    if not table.prices:
        return np.full(len(start), -1), []
    places: dict[tuple[Any, Any, int], int] = {}
    prices: list[Price] = []
    found = []
    for key in zip(columns["model"], columns["provider"], (start // 86_400_000_000).tolist(), strict=True):
        if key not in places:
            model, provider, day = key
            price = None if model is None else table.find(model, provider or "", pd.Timestamp(day, unit="D"))
            places[key] = -1 if price is None else len(prices)
            prices += [] if price is None else [price]
        found.append(places[key])
    return np.array(found, dtype=np.int64), prices


def _include_cached(numbers: dict[str, Floats], price: Codes, prices: list[Price]) -> None:
    """Make input tokens include those from a cache, as OpenTelemetry has it.

    Some providers leave them out. That shows where more was read from the cache than put in, or where the total is too
    large for the parts; else the price table says so.
    """
    cached = np.nan_to_num(numbers["cache_read_tokens"]) + np.nan_to_num(numbers["cache_write_tokens"])
    read, written = numbers["input_tokens"], np.nan_to_num(numbers["output_tokens"])
    told = np.array([*(one.cached_excluded for one in prices), False], dtype=bool)[price]  # the last stands for none
    with np.errstate(invalid="ignore"):
        apart = np.abs(numbers["total_tokens"] - written - read - cached) < 0.5
        left_out = (cached > 0) & (told | (cached > read) | apart)
    numbers["input_tokens"] = np.where(left_out, read + cached, read)


def _include_thoughts(columns: Mapping[str, Any], numbers: dict[str, Floats]) -> None:
    """Google's candidates do not count what the model thought, which is paid like them: the total shows it."""
    pairs = zip(columns["provider"], columns["model"], strict=True)
    google = np.array([_GOOGLE.search(f"{provider} {model}".lower()) is not None for provider, model in pairs])
    with np.errstate(invalid="ignore"):
        rest = numbers["total_tokens"] - numbers["input_tokens"] - numbers["output_tokens"]
        hidden = google & (rest > 0)
    numbers["output_tokens"] = np.where(hidden, numbers["output_tokens"] + rest, numbers["output_tokens"])


def _costs(
    columns: Mapping[str, Any], numbers: dict[str, Floats], priced: tuple[Codes, list[Price]], rules: CallRules
) -> tuple[Texts, Texts]:
    """Fill in ``cost``; returns currency and source of each row. A reported cost in the workspace's money stands."""
    cost, (price, prices) = numbers["cost"], priced
    reported = np.isfinite(cost)
    currency = np.array(columns["currency"], dtype=object)
    source = np.full(len(cost), None, dtype=object)
    currency[reported & ~currency.astype(bool)] = rules.currency
    source[reported] = "reported"
    for money in set(currency[reported].tolist()) & set(rules.exchange) - {rules.currency}:
        rows = reported & (currency == money)
        cost[rows] *= rules.exchange[money]
        currency[rows], source[rows] = rules.currency, f"reported in {money}"
    wanted = ~(reported & (currency == rules.currency))
    wanted &= ~(np.isnan(numbers["input_tokens"]) & np.isnan(numbers["output_tokens"]))
    for place, one in enumerate(prices):
        mine = price == place
        # a price of nothing is what tracing tools write of a model they have no price for
        free = mine & reported & (cost == 0) & (np.nan_to_num(numbers["input_tokens"]) > 0)
        rows = mine & wanted | free
        if rows.any():
            cost[rows] = price_of(one, {name: np.nan_to_num(numbers[name][rows]) for name in _PRICED})
            currency[rows], source[rows] = rules.currency, f"prices {one.version}".strip()
        if one.context_window:
            numbers["context_window"][mine & np.isnan(numbers["context_window"])] = one.context_window
    return currency, source


def price_of(price: Price, tokens: Mapping[str, Floats]) -> Floats:
    """Costs of calls whose input tokens include the cached ones, shape as the tokens.

    Examples
    --------
    >>> one = Price(model="m", input=2.0, output=8.0, cache_read=0.2, cache_write=2.5)
    >>> tokens = {"input_tokens": 1e6, "output_tokens": 0, "cache_read_tokens": 5e5, "cache_write_tokens": 0}
    >>> float(price_of(one, {name: np.array(count) for name, count in tokens.items()}))
    1.1
    """
    read, written = tokens["cache_read_tokens"], tokens["cache_write_tokens"]
    fresh = np.maximum(tokens["input_tokens"] - read - written, 0.0)
    money = fresh * price.input + read * price.cache_read + written * price.cache_write
    return np.asarray((money + tokens["output_tokens"] * price.output) / 1e6)
