"""Prices of models by version → the cost of a call that reports none."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from measurement.errors import InputError
from measurement.readers.event_schemas import event_columns
from measurement.readers.event_tables import read_events
from measurement.readers.findings import Findings

#: Prices are per million tokens. ``cached``: whether a provider's input tokens include those read from a cache.
SCHEMA = event_columns(
    "model text !",
    "provider text",
    "valid_from time",
    "input number not_negative !",
    "output number not_negative !",
    "cache_read number not_negative",
    "cache_write number not_negative",
    "cached text",
    "context_window number positive",
    "version text",
)
_DATED = r"([-@:]?(\d{4}-?\d{2}-?\d{2}|latest|\d{3,4}))?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model costs from a day on.

    Attributes
    ----------
    model
        Name, also with ``*``; a name also holds for its dated versions (``gpt-4o`` for ``gpt-4o-2024-08-06``).
    provider
        Only for this provider; ``""`` for any.
    valid_from
        First day, UTC; ``None`` from the beginning.
    input, output, cache_read, cache_write
        Money per million tokens; tokens from a cache cost as input where nothing else is said.
    cached_excluded
        Whether the provider leaves tokens from a cache out of its input tokens.
    context_window
        Tokens a call may hold.
    version
        Of the price list.
    """

    model: str
    provider: str = ""
    valid_from: pd.Timestamp | None = None
    input: float
    output: float
    cache_read: float
    cache_write: float
    cached_excluded: bool = False
    context_window: float | None = None
    version: str = ""

    def matches(self, model: str, provider: str, day: pd.Timestamp) -> bool:
        """Whether this price holds for a call."""
        if self.provider and self.provider.lower() != provider.lower():
            return False
        if self.valid_from is not None and day < self.valid_from:
            return False
        if "*" in self.model:
            return fnmatchcase(model, self.model)
        return re.fullmatch(re.escape(self.model) + _DATED, model) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """All prices; the longest name wins, then the latest day.

    Examples
    --------
    >>> old = Price(model="m", input=1.0, output=2.0, cache_read=0.1, cache_write=1.0)
    >>> june = pd.Timestamp("2026-06-01")
    >>> new = Price(model="m", valid_from=june, input=3.0, output=4.0, cache_read=1.0, cache_write=3.0)
    >>> PriceTable(prices=(old, new)).find("m-2026-01-01", "", pd.Timestamp("2026-07-02")).input
    3.0
    """

    prices: tuple[Price, ...] = ()

    def find(self, model: str, provider: str, day: pd.Timestamp) -> Price | None:
        """The price that holds for a call, ``None`` where there is none."""
        found = [price for price in self.prices if price.matches(model, provider, day)]
        if not found and "/" in model:  # gateways name the provider before the model: openai/gpt-4o-mini
            return self.find(model.rpartition("/")[2], provider, day)
        if not found:
            return None
        return max(found, key=lambda one: (len(one.model), bool(one.provider), one.valid_from or pd.Timestamp.min))

    @classmethod
    def read(cls, path: Path, name: str, currency: str) -> PriceTable:
        """A price table (CSV, Parquet, Excel) in the columns of `SCHEMA`.

        Raises
        ------
        InputError
            Every problem of the table.
        """
        found = Findings(name)
        frame = read_events(path, name, SCHEMA, currency, found)
        if frame is not None:
            wrong = ~frame["cached"].isin(["included", "excluded"]) & frame["cached"].notna()
            found.rows(wrong.to_numpy(), "cached", "this is neither 'included' nor 'excluded'",
                       "Say whether the provider's input tokens include those read from a cache")  # fmt: skip
        if frame is None or found.has_errors:
            raise InputError(found.problems)
        return cls(prices=tuple(_price(row) for row in frame.to_dict("records")))


def _price(row: Mapping[Hashable, Any]) -> Price:
    def text(name: str) -> str:
        return "" if pd.isna(row[name]) else str(row[name])

    def money(name: str) -> float:
        value = float(row[name])
        return float(row["input"]) if np.isnan(value) else value

    window = float(row["context_window"])
    start = pd.Timestamp(row["valid_from"])
    return Price(
        model=text("model"),
        provider=text("provider"),
        valid_from=None if pd.isna(start) else start.tz_convert(None),
        input=money("input"),
        output=money("output"),
        cache_read=money("cache_read"),
        cache_write=money("cache_write"),
        cached_excluded=text("cached") == "excluded",
        context_window=None if np.isnan(window) else window,
        version=text("version"),
    )
