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
from attribution.uncertainty import DRAWS, bucket_weights, draws_of, ends
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
        stability (share of draws that keep the channel's rank). A method whose interval cannot be drawn has empty ends.
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
    frames = [_rows(table, method, weights, order=order.order, level=level, seed=seed) for method in chosen]
    return CreditReport(
        credit=pd.concat(frames, ignore_index=True),
        order=order,
        conversions=float(table.conversions.sum()) + table.untouched_conversions,
        value=float(table.value.sum()) + table.untouched_value,
    )


def _point(table: PathTable, method: str, *, order: int, seed: int) -> FloatArray:
    """Conversions and value by channel, shape (C, 2)."""
    if method == "markov":
        chain = markov(table, order=order)
        return np.column_stack([chain.conversions, chain.value])
    if method == "shapley":
        equal = shapley_sum(table)
        return np.column_stack([equal.conversions, equal.value])
    if method == "shapley_rate":
        game = shapley_rate(table, seed=seed)
        return np.column_stack([game.conversions, game.value])
    rule: Rule = method  # type: ignore[assignment]  # one of METHODS, checked
    return rule_credit(table, shares(table, rule))


def _rows(table: PathTable, method: str, weights: FloatArray, *, order: int, level: float, seed: int) -> pd.DataFrame:
    point = _point(table, method, order=order, seed=seed)
    lower, upper = np.full_like(point, np.nan), np.full_like(point, np.nan)
    stability = np.full(len(point), np.nan)
    if method != "shapley_rate" or len(table.channels) <= min(_MOST_DRAWN, MOST_EXACT):
        drawn = draws_of(table, method, weights, order=order)
        lower, upper = ends(drawn.credit, level)
        stability = drawn.stability()
    return pd.DataFrame(
        {
            "channel": table.channels,
            "method": method,
            "conversions": point[:, 0],
            "conversions_lower": lower[:, 0],
            "conversions_upper": upper[:, 0],
            "value": point[:, 1],
            "lower": lower[:, 1],
            "upper": upper[:, 1],
            "level": level,
            "stability": stability,
        }
    )
