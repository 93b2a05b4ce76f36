"""Tables a report publishes beside the credit, and which of its cells are withheld: every cell is of k people or more.

`attribution.privacy.release` has admitted people by channel; a cell may still be of fewer, e.g. the three of fifty
buyers whose *last* touch was a channel. Counts of people are cut down to multiples of k; a cell of credit that fewer
than k buyers support is withheld, and with it as many of the next smallest as it takes for the withheld cells together
to rest on k buyers, as their sum follows from the total.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.paths import IntArray, PathTable
from attribution.rules import RULES, shares
from measurement.errors import InputError

#: Touches of a journey that the flow shows one by one; later ones are one node.
DEEPEST = 3
CONVERSION, END, LATER = "(conversion)", "(end)", "(later)"
#: Edges of the days from first touch to conversion; the last class is open.
_DAYS = np.array([0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 15.0, 31.0])
EVERY = "(all)"
_CELLS = ["conversions", "conversions_lower", "conversions_upper", "value", "lower", "upper", "stability"]


def flow(table: PathTable, *, k: int, deepest: int = DEEPEST) -> pd.DataFrame:
    """How people moved from touch to touch: ``step``, ``from``, ``to``, ``count``, for a flow diagram.

    ``from`` is a touch at place ``step`` of its journey (from 1), ``to`` the next touch, `LATER`, `CONVERSION` or
    `END`; rows of step ``deepest`` + 1 lead from `LATER` to the outcome. Counts are people, in multiples of k.

    Examples
    --------
    >>> from attribution.paths import paths_from_strings
    >>> from dataclasses import replace
    >>> table = paths_from_strings(["a > b", "a", "a"], conversions=[1, 0, 0], nulls=[0, 1, 1])
    >>> flow(replace(table, people=np.array([1, 2, 3])), k=2).to_dict("records")
    [{'step': 1, 'from': 'a', 'to': '(end)', 'count': 2}]
    """
    person = _person(table)
    width = len(table.channels)
    names = np.array([*table.channels, CONVERSION, END, LATER], dtype=object)
    converted, ended, later = width, width + 1, width + 2
    owner, touches = table.owner(), table.touches.astype(np.int64)
    place = np.arange(len(touches)) - table.offsets[owner]
    outcome = np.where(table.conversions > 0, converted, ended)[owner]
    final = np.zeros(len(touches), dtype=bool)
    final[table.offsets[1:] - 1] = True
    following = np.concatenate([touches[1:], [0]])
    target = np.where(final, outcome, np.where(place == deepest - 1, later, following))
    shown = place < deepest
    parts = [np.column_stack([person[owner], place + 1, touches, target])[shown]]
    long = np.diff(table.offsets) > deepest
    parts.append(np.column_stack([person, np.full(table.count, deepest + 1), np.full(table.count, later),
                                  outcome[table.offsets[1:] - 1]])[long])  # fmt: skip
    found, count = _people(np.concatenate(parts), k)
    return pd.DataFrame(
        {"step": found[:, 0], "from": names[found[:, 1]], "to": names[found[:, 2]], "count": count}
    ).sort_values(["step", "from", "to"], ignore_index=True)


def time_to_convert(table: PathTable, *, k: int) -> pd.DataFrame:
    """Days from the first touch to the conversion.

    Columns ``channel`` (of the first touch, or `EVERY`), ``days_from``, ``days_to`` (empty: open) and ``count`` of
    people, in multiples of k.

    Raises
    ------
    InputError
        For paths without times or people.
    """
    if table.ages is None:
        raise InputError.of("these paths have no times", "Build them from touchpoints", column="ages")
    bought = table.conversions > 0
    first = table.offsets[:-1][bought]
    days = np.searchsorted(_DAYS, table.ages[first].astype(np.float64), side="right") - 1
    person, channel = _person(table)[bought], table.touches[first].astype(np.int64)
    every = np.column_stack([person, np.full(len(person), len(table.channels)), days])
    found, count = _people(np.concatenate([every, np.column_stack([person, channel, days])]), k)
    names = np.array([*table.channels, EVERY], dtype=object)
    upper = np.append(_DAYS[1:], np.nan)
    return pd.DataFrame(
        {
            "channel": names[found[:, 0]],
            "days_from": _DAYS[found[:, 1]],
            "days_to": upper[found[:, 1]],
            "count": count,
        }
    )


def withhold(credit: pd.DataFrame, table: PathTable, *, k: int, half_life_days: float = 7.0) -> pd.DataFrame:
    """Credit by channel and method with every cell emptied that must not be published.

    Parameters
    ----------
    credit
        `attribution.report.CreditReport.credit` of ``table``.
    table
        The paths, with people.
    k
        Fewest buyers a cell may rest on.
    half_life_days
        Of the rule ``time_decay``.
    """
    credit = credit.copy()
    for method in credit["method"].unique():
        hidden = withheld(supporters(table, str(method), half_life_days=half_life_days), k)
        names = {name for name, hides in zip(table.channels, hidden, strict=True) if hides}
        credit.loc[(credit["method"] == method) & credit["channel"].isin(names), _CELLS] = np.nan
    return credit


def supporters(table: PathTable, method: str, *, half_life_days: float = 7.0) -> NDArray[np.bool_]:
    """Which buyers a channel's credit rests on, shape (people, C): those with a share by the rule, else any touch."""
    person = _person(table)
    if method in RULES:
        earns = shares(table, method, half_life_days=half_life_days) > 0
    else:
        earns = np.ones(len(table.touches), dtype=bool)
    owner = table.owner()
    used = earns & (table.conversions > 0)[owner]
    supports = np.zeros((int(person.max()) + 1, len(table.channels)), dtype=bool)
    supports[person[owner[used]], table.touches[used]] = True
    return supports


def withheld(supports: NDArray[np.bool_], k: int) -> NDArray[np.bool_]:
    """Cells to withhold, shape (C,), from which people support which cell, shape (people, C).

    Examples
    --------
    >>> withheld(np.repeat(np.eye(3, dtype=bool), [1, 4, 9], axis=0), k=3).tolist()
    [True, True, False]
    """
    count = supports.sum(axis=0)
    hidden: NDArray[np.bool_] = (count > 0) & (count < k)
    if not hidden.any():
        return hidden
    for place in np.argsort(count, kind="stable"):
        if supports[:, hidden].any(axis=1).sum() >= k:
            break
        hidden[place] |= count[place] > 0
    return hidden


def _person(table: PathTable) -> IntArray:
    """Number of each path's person from 0, shape (P,)."""
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    numbered: Callable[..., tuple[IntArray, IntArray]] = np.unique
    return numbered(table.people, return_inverse=True)[1].astype(np.int64).ravel()


def _people(rows: IntArray, k: int) -> tuple[IntArray, IntArray]:
    """Distinct rows behind their first column, the person, and how many people each has, cut to multiples of k."""
    distinct = np.unique(rows, axis=0)[:, 1:]
    found, count = np.unique(distinct, axis=0, return_counts=True)
    cut = count // k * k
    return found[cut > 0].astype(np.int64), cut[cut > 0].astype(np.int64)
