"""Credit by rule: first, last, last non-direct, linear, position-based, time decay. Conventions, not evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from attribution.paths import BUCKETS, FloatArray, PathTable
from measurement.errors import InputError

Rule = Literal["first", "last", "last_non_direct", "linear", "position_based", "time_decay"]
RULES: tuple[Rule, ...] = ("first", "last", "last_non_direct", "linear", "position_based", "time_decay")


def shares(
    table: PathTable,
    rule: Rule,
    *,
    half_life_days: float = 7.0,
    ends: float = 0.4,
    direct: Sequence[str] = ("direct",),
) -> FloatArray:
    """Share of its path's conversions that each touch earns, shape (T,); the shares of a path sum to 1.

    Parameters
    ----------
    table
        Paths.
    rule
        ``last_non_direct``: the last touch that is not in ``direct``, or the last where all are. ``position_based``:
        ``ends`` each to first and last, the rest to those between; halves for two touches. ``time_decay``: a touch
        counts half as much ``half_life_days`` earlier; needs times.
    half_life_days
        Above 0.
    ends
        0 to 0.5.
    direct
        Channels that `last_non_direct` passes over.

    Raises
    ------
    InputError
        For an unknown rule, an option out of range, or a time decay without times.
    """
    if rule not in RULES:
        raise InputError.of("there is no such rule", f"Use one of {', '.join(RULES)}", column="rule", value=rule)
    length = np.diff(table.offsets)
    first, last = table.offsets[:-1], table.offsets[1:] - 1
    result = np.zeros(len(table.touches))
    if rule == "first":
        result[first] = 1.0
    elif rule == "last":
        result[last] = 1.0
    elif rule == "last_non_direct":
        result[_last_other(table, direct)] = 1.0
    elif rule == "linear":
        result = np.repeat(1.0 / length, length)
    elif rule == "position_based":
        result = _position_based(table, ends)
    else:
        result = _time_decay(table, half_life_days)
    return result


def rule_credit(table: PathTable, share: FloatArray, *, buckets: bool = False) -> FloatArray:
    """Conversions and value by channel from touch shares, shape (C, 2), or (BUCKETS, C, 2) by bucket.

    Examples
    --------
    >>> from attribution.paths import paths_from_strings
    >>> table = paths_from_strings(["a > b", "b"], conversions=[3, 1], value=[30.0, 5.0])
    >>> rule_credit(table, shares(table, "linear")).tolist()
    [[1.5, 15.0], [2.5, 20.0]]
    """
    width = len(table.channels)
    owner = table.owner()
    cell = table.touches.astype(np.int64)
    if buckets:
        cell = cell + table.bucket.astype(np.int64)[owner] * width
    size = width * (BUCKETS if buckets else 1)
    both = [np.bincount(cell, weights=share * each[owner], minlength=size) for each in (table.conversions, table.value)]
    result = np.stack(both, axis=-1)
    return result.reshape(BUCKETS, width, 2) if buckets else result


def _last_other(table: PathTable, direct: Sequence[str]) -> FloatArray:
    passed = np.isin(np.array(table.channels), list(direct))[table.touches]
    place = np.where(passed, -1, np.arange(len(passed)))
    latest = np.maximum.reduceat(place, table.offsets[:-1])
    chosen: FloatArray = np.where(latest < 0, table.offsets[1:] - 1, latest)
    return chosen


def _position_based(table: PathTable, ends: float) -> FloatArray:
    if not 0 <= ends <= 0.5:
        raise InputError.of("the share of each end must be 0 to 0.5", "Use 0.4", column="ends", value=ends)
    length = np.diff(table.offsets)
    between = np.divide(1 - 2 * ends, length - 2, out=np.zeros(len(length)), where=length > 2)
    result = np.repeat(between, length)
    outer = np.where(length == 1, 1.0, np.where(length == 2, 0.5, ends))
    result[table.offsets[:-1]] = outer
    result[table.offsets[1:] - 1] = outer
    return result


def _time_decay(table: PathTable, half_life_days: float) -> FloatArray:
    if table.ages is None:
        raise InputError.of(
            "time decay needs the time of every touch", "Build the paths from touchpoints", column="rule"
        )
    if not half_life_days > 0:
        raise InputError.of(
            "the half-life must be above 0 days", "Use 7", column="half_life_days", value=half_life_days
        )
    ages = table.ages.astype(np.float64)
    # Relative to the newest touch of the path, so that no path's weights all underflow.
    newest = np.repeat(np.minimum.reduceat(ages, table.offsets[:-1]), np.diff(table.offsets))
    weight = np.exp2((newest - ages) / half_life_days)
    total = np.add.reduceat(weight, table.offsets[:-1])
    return np.asarray(weight / np.repeat(total, np.diff(table.offsets)), dtype=np.float64)
