"""Every method's credit with its interval, in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from attribution.markov import markov
from attribution.order import OrderChoice, choose_order
from attribution.paths import FloatArray, PathTable
from attribution.rules import RULES, Rule, rule_credit, shares
from attribution.shapley import MOST_EXACT, shapley_rate, shapley_sum
from attribution.uncertainty import DRAWS, CreditDraws, bucket_weights, draws_of, ends
from measurement.errors import InputError

METHODS = ("markov", "shapley", "shapley_rate", *RULES)
#: Exact Shapley values of the rate game are worked out again for every draw up to this many channels.
_MOST_DRAWN = 12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CreditReport:
    """Credit of every channel by every method.

    Attributes
    ----------
    credit
        channel, method, conversions, conversions_lower, conversions_upper, value, lower, upper (of the value), level,
        stability (share of draws that keep the channel's rank), error (of the conversions, where the method samples:
        half-width within which all channels lie with 95% confidence; 0 where it is exact). A method whose interval
        cannot be drawn has empty ends.
    order
        Order of the Markov chain and how it was chosen.
    conversions, value
        Everything that converted, with or without a touch.
    """

    credit: pd.DataFrame
    order: OrderChoice
    conversions: float
    value: float


def credit_report(
    table: PathTable,
    *,
    seed: int,
    methods: Sequence[str] | None = None,
    level: float = 0.9,
    draws: int = DRAWS,
    half_life_days: float = 7.0,
) -> CreditReport:
    """Work out credit by several methods.

    Parameters
    ----------
    table
        Paths, as people or rows (spread counted rows first, `attribution.paths.spread_counts`).
    seed
        Of the bootstrap.
    methods
        Any of `METHODS`; left out, all that the table allows.
    level
        Of the intervals.
    draws
        Bootstrap draws.
    half_life_days
        Of the rule ``time_decay``.

    Raises
    ------
    InputError
        For an unknown method, or where nothing converts.
    """
    chosen = (
        list(methods) if methods is not None else [m for m in METHODS if m != "time_decay" or table.ages is not None]
    )
    unknown = [method for method in chosen if method not in METHODS]
    if unknown:
        raise InputError.of("there is no such method", f"Use one of {', '.join(METHODS)}", value=unknown[0])
    order = choose_order(table)
    weights = bucket_weights(draws, seed=seed)
    methods_of = _Methods(table=table, order=order.order, half_life_days=half_life_days, seed=seed)
    frames = [_rows(methods_of, method, weights, level) for method in chosen]
    return CreditReport(
        credit=pd.concat(frames, ignore_index=True),
        order=order,
        conversions=float(table.conversions.sum()) + table.untouched_conversions,
        value=float(table.value.sum()) + table.untouched_value,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Methods:
    """The table with what each method needs besides it."""

    table: PathTable
    order: int
    half_life_days: float
    seed: int

    def point(self, method: str) -> tuple[FloatArray, FloatArray]:
        """Conversions and value by channel, shape (C, 2), and the sampling error of the conversions, shape (C,)."""
        table = self.table
        exact = np.zeros(len(table.channels))
        if method == "markov":
            chain = markov(table, order=self.order)
            return np.column_stack([chain.conversions, chain.value]), exact
        if method in ("shapley", "shapley_rate"):
            game = shapley_sum(table) if method == "shapley" else shapley_rate(table, seed=self.seed)
            return np.column_stack([game.conversions, game.value]), game.error
        rule: Rule = method  # type: ignore[assignment]  # one of METHODS, checked
        return rule_credit(table, shares(table, rule, half_life_days=self.half_life_days)), exact

    def drawn(self, method: str, weights: FloatArray) -> CreditDraws:
        """Bootstrap draws."""
        return draws_of(self.table, method, weights, order=self.order, half_life_days=self.half_life_days)


def _rows(methods: _Methods, method: str, weights: FloatArray, level: float) -> pd.DataFrame:
    point, error = methods.point(method)
    channels = methods.table.channels
    lower, upper = np.full_like(point, np.nan), np.full_like(point, np.nan)
    stability = np.full(len(point), np.nan)
    if method != "shapley_rate" or len(channels) <= min(_MOST_DRAWN, MOST_EXACT):
        drawn = methods.drawn(method, weights)
        lower, upper = ends(drawn.credit, level)
        stability = drawn.stability()
    return pd.DataFrame(
        {
            "channel": channels,
            "method": method,
            "conversions": point[:, 0],
            "conversions_lower": lower[:, 0],
            "conversions_upper": upper[:, 0],
            "value": point[:, 1],
            "lower": lower[:, 1],
            "upper": upper[:, 1],
            "level": level,
            "stability": stability,
            "error": error,
        }
    )
