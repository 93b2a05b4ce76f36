"""KPI values per day, team and model: sums in DuckDB, intervals on the sums, exact quantiles by sorting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from monitoring.callpass import COUNTS, CallTotals, read_calls, sum_names
from monitoring.catalogue import MEASURES, Measure, Source
from monitoring.intervals import (
    Floats,
    amount_interval,
    count_interval,
    mean_interval,
    quantile_ranks,
    ratio_interval,
    share_interval,
    sum_interval,
    wilson,
)
from monitoring.leaves import Leaf, at_ranks, leaves_of_query, members, order_statistics
from monitoring.tables import ALL, Database

KEYS = ("day", "team", "model")
VALUE_COLUMNS = (*KEYS, "kpi", "value", "lower", "upper", "n")
#: Columns of `VALUE_COLUMNS` as arrays of one length, ``kpi`` one name for all.
Rows = dict[str, Any]
SOURCES: tuple[Source, ...] = ("calls", "scores", "outputs", "published", "incidents", "business")
#: The totals beside the finest groups: over models, over teams, over both.
_GROUPS = (("day", "team", "model"), ("day", "team"), ("day", "model"), ("day",))


def kpi_sql(measures: Sequence[Measure]) -> str:
    """One query for all measures of one source that rest on sums (every kind but ``quantile``).

    Gives day, team, model and for measure i the columns ``n{i}``, ``y{i}`` and what its interval needs. Runs on the
    views of `monitoring.views`, in DuckDB or through `monitoring.warehouse`.
    """
    fields = []
    for number, measure in enumerate(measures):
        y, x, only = f"({measure.value})", f"({measure.per})", ""
        # aggregates skip NULL by themselves; a FILTER costs a pass over the rows
        if measure.kind == "ratio" or measure.where != "TRUE":
            needed = f"{y} IS NOT NULL" + (f" AND {x} IS NOT NULL" if measure.kind == "ratio" else "")
            only = f" FILTER (WHERE ({measure.where}) AND {needed})"
        sums = {"n": f"count({y})", "y": f"sum({y})", "x": f"sum({x})", "yy": f"sum({y} * {y})",
                "xx": f"sum({x} * {x})", "xy": f"sum({x} * {y})"}  # fmt: skip
        fields += [f"{sums[name]}{only} AS {name}{number}" for name in sum_names(measure)]
    # assembled from the catalogue alone
    return f"SELECT day, team, model, {', '.join(fields)} FROM {measures[0].source} GROUP BY day, team, model"  # noqa: S608


def with_totals(finest: pd.DataFrame, source: Source) -> pd.DataFrame:
    """Sums of the finest groups with the totals over models and teams (they read ``(all)``).

    Floats are added in one order, whatever order the groups came in: the same log gives the same bytes.
    """
    finest = finest.sort_values(list(KEYS), kind="stable", ignore_index=True)
    sums = [name for name in finest.columns if name not in KEYS]
    parts = [finest]
    for group in _groups(source)[1:]:
        total = finest.groupby(list(group), as_index=False, sort=False, dropna=False)[sums].sum()
        parts.append(total.assign(**{name: ALL for name in KEYS if name not in group}))
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What is known of all calls beside the KPIs.

    Attributes
    ----------
    table
        Columns day, team, model, ``calls``, ``no_cost`` (without error), ``foreign`` (in other money), ``backwards``
        (ends before it starts), ``spent``.
    outputs
        How many outputs there are.
    undated
        Calls without a start.
    first, last
        Of all starts, microseconds since 1970.
    """

    table: pd.DataFrame
    outputs: int
    undated: int
    first: int | None
    last: int | None


def roll_up(connection: Database, *, level: float, files: Sequence[Path] = ()) -> pd.DataFrame:
    """All KPIs as rows of `VALUE_COLUMNS`.

    Parameters
    ----------
    connection
        From `monitoring.tables.open_tables`, or a `monitoring.warehouse.Warehouse`.
    level
        Of the intervals.
    files
        Where all calls lie in Parquet files: they are read past SQL.
    """
    return rolled_up(connection, level=level, quick=read_files(connection, files))


def read_files(connection: Database, files: Sequence[Path]) -> CallTotals | None:
    """One pass over Parquet files of calls; ``None`` without files, and where they are not in plain columns."""
    if not files:
        return None
    return call_totals(files, str(connection.sql("SELECT home FROM workspace").df()["home"].iloc[0]))


def rolled_up(
    connection: Database | None,
    *,
    level: float,
    quick: CallTotals | None = None,
    sources: Collection[Source] = SOURCES,
    span: tuple[int | None, int | None] | None = None,
) -> pd.DataFrame:
    """KPIs as rows of `VALUE_COLUMNS`; a group without observations has no row, so unknown never reads as 0.

    Parameters
    ----------
    connection
        As in `roll_up`; ``None`` where ``quick`` has all that is asked.
    level
        Of the intervals.
    quick
        What a pass over all calls found; its leaves are used up.
    sources
        Those whose KPIs are wanted.
    span
        First and last start of all calls, microseconds since 1970, where that is known without ``quick``.
    """
    parts: list[Rows] = []
    asked = [measure for measure in MEASURES if measure.source in sources]
    sums = [measure for measure in asked if measure.kind != "quantile" and measure.source != "business"]
    if span is None:
        span = (quick.first, quick.last) if quick is not None else _span(_asked(connection))
    for source, group in groupby(sorted(sums, key=lambda m: m.source), key=lambda m: m.source):
        measures = list(group)
        direct = {} if quick is None else {"calls": quick.sums, "outputs": quick.outputs}
        finest = direct[source] if source in direct else _asked(connection).sql(kpi_sql(measures)).df()
        if len(finest):
            frame = with_totals(finest, source)
            table = {name: frame[name].to_numpy() for name in frame.columns}
            hours = hours_seen(frame["day"], span)
            parts += [_from_sums(measure, table, str(number), hours, level) for number, measure in enumerate(measures)]
    quantiles = [measure for measure in asked if measure.kind == "quantile"]
    for (source, value), group in groupby(quantiles, key=lambda m: (m.source, m.value)):
        known = quick is not None and source == "calls" and value in quick.leaves
        leaves = quick.leaves.pop(value) if quick and known else leaves_of_query(_asked(connection), source, value)
        parts += _quantiles(leaves, list(group), level)
    frames = [_frame(parts)]
    if "business" in sources:
        frames.append(_business(_asked(connection)))
    return in_order(frames)


def _asked(connection: Database | None) -> Database:
    if connection is None:
        raise ValueError("a source that the pass over the calls does not know needs a connection")
    return connection


def facts_of(found: CallTotals) -> CallFacts:
    """The facts of one pass."""
    names = [*KEYS, *COUNTS, "spent"]
    return CallFacts(
        table=found.sums[names], outputs=int(found.outputs_by_day.sum()), undated=found.undated, first=found.first,
        last=found.last,
    )  # fmt: skip


def _frame(parts: Sequence[Rows]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=list(VALUE_COLUMNS))
    columns = {name: np.concatenate([part[name] for part in parts]) for name in VALUE_COLUMNS if name != "kpi"}
    number = np.repeat(np.arange(len(parts)), [len(part["n"]) for part in parts])
    names = np.array([part["kpi"] for part in parts], dtype=object)
    return pd.DataFrame({**columns, "kpi": names[number]})


def in_order(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of `VALUE_COLUMNS` by day, team, model and the catalogue's order."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return pd.DataFrame(columns=list(VALUE_COLUMNS))
    order = {measure.kpi.id: number for number, measure in enumerate(MEASURES)}
    table = pd.concat([part.assign(day=pd.to_datetime(part["day"])) for part in filled], ignore_index=True)
    table = table.assign(order=table["kpi"].map(order)).sort_values([*KEYS, "order"], kind="stable")
    return table.reset_index(drop=True)[list(VALUE_COLUMNS)]


def _all(column: str) -> str:
    return f"CASE WHEN grouping({column}) = 1 THEN '{ALL}' ELSE {column} END AS {column}"


def _groups(source: Source) -> tuple[tuple[str, ...], ...]:
    """Totals over models only make sense where rows have a model."""
    return _GROUPS if source not in ("incidents", "business") else (KEYS, ("day", "model"))


def call_totals(files: Sequence[Path], currency: str) -> CallTotals | None:
    """One pass over the files; ``None`` where they are not in plain columns."""
    measures = [measure for measure in MEASURES if measure.source == "calls" and measure.kind != "quantile"]
    return read_calls(files, measures, currency)


def _span(connection: Database) -> tuple[int | None, int | None]:
    """The first and the last start of a call, microseconds since 1970."""
    found = connection.sql("SELECT min(start_ts) AS first, max(start_ts) AS last FROM calls").df()
    first, last = (None if pd.isna(end) else pd.Timestamp(end).value // 1_000 for end in found.iloc[0])
    return first, last


def hours_seen(days: pd.Series[pd.Timestamp], span: tuple[int | None, int | None]) -> Floats:
    """Hours of each day that the log covers: the first and the last day are partial."""
    first, last = span
    if first is None or last is None:
        return np.full(len(days), 24.0)
    day = days.to_numpy(dtype="datetime64[s]")
    begin = np.maximum(day, np.datetime64(first // 1_000_000, "s"))
    end = np.minimum(day + np.timedelta64(1, "D"), np.datetime64(last // 1_000_000, "s"))
    # a log of a single moment would divide by zero: a minute is the least
    return np.asarray(np.maximum((end - begin) / np.timedelta64(1, "h"), 1.0 / 60.0), dtype=float)


def _from_sums(measure: Measure, table: Rows, number: str, hours: Floats, level: float) -> Rows:
    names = [name for name in ("n", "y", "x", "yy", "xx", "xy") if name + number in table]
    keep = table["n" + number] > 0
    sums = {name: table[name + number].astype(float)[keep] for name in names}
    n, y = sums["n"], sums["y"]
    unknown = np.full(len(n), np.nan)
    value, lower, upper = y, unknown, unknown
    if measure.kind == "rate":
        value = y / n
        lower, upper = wilson(y, n, level)
    elif measure.kind == "hits":  # of as many judged rows
        lower, upper = (n * end for end in wilson(y, n, level))
    elif measure.kind == "mean":
        value = y / n
        # money and hours are never below zero, and skewed
        method = amount_interval if measure.kpi.unit in {"currency", "hours"} else mean_interval
        lower, upper = method(y, sums["yy"], n, level)
    elif measure.kind == "ratio":
        nonzero = np.where(sums["x"] > 0, sums["x"], np.nan)
        value = y / nonzero
        lower, upper = ratio_interval(sums | {"x": nonzero}, level)
        if measure.kpi.unit == "fraction":
            lower, upper = share_interval(value, (lower, upper))
    elif measure.kind == "total":
        lower, upper = sum_interval(y, sums["yy"], level)
    elif measure.kind == "per_hour":
        lower, upper = (end / hours[keep] for end in count_interval(y, level))
        value = y / hours[keep]
    if measure.kpi.unit == "fraction":
        lower, upper = np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
    rows = {name: table[name][keep] for name in KEYS}
    rows |= {"value": value, "lower": lower, "upper": upper, "n": n.astype(int)}
    finite = np.isfinite(value)
    return {**{name: column[finite] for name, column in rows.items()}, "kpi": measure.kpi.id}


def _quantiles(leaves: Mapping[Leaf, Floats], measures: Sequence[Measure], level: float) -> list[Rows]:
    """Exact quantiles (linear interpolation, as NumPy and DuckDB's quantile_cont) with order-statistic intervals."""
    if not leaves:
        return []
    groups = {group: members(leaves, [KEYS.index(name) for name in group]) for group in _GROUPS}
    sizes = {group: np.array([sum(map(len, one)) for one in found.values()]) for group, found in groups.items()}
    # the ranks of all groups at once: a call of SciPy's distributions takes as long as a thousand ranks
    distinct = np.unique(np.concatenate(list(sizes.values())))
    parts = []
    for measure in measures:
        bounds = quantile_ranks(distinct, measure.quantile, level)
        for group, found in groups.items():
            size = sizes[group]
            place = np.searchsorted(distinct, size)
            ranks = np.stack([1.0 + (size - 1) * measure.quantile, *(end[place] for end in bounds)], axis=1)
            if group == KEYS:
                values = at_ranks([leaf for (leaf,) in found.values()], ranks)
            else:
                values = np.array([order_statistics(*one) for one in zip(found.values(), ranks, strict=True)])
            value, low, high = values.T
            keys = _keys(list(found), group)
            parts.append({**keys, "kpi": measure.kpi.id, "value": value, "lower": low, "upper": high, "n": size})
    return parts


def _keys(found: Sequence[tuple[object, ...]], group: tuple[str, ...]) -> Rows:
    """Columns day, team and model of groups; what a group is not by, reads ``(all)``."""
    columns: Rows = {
        name: np.array([key[group.index(name)] if name in group else ALL for key in found], dtype=object)
        for name in KEYS
    }
    columns["day"] = columns["day"].astype(np.int64).astype("datetime64[D]").astype("datetime64[s]")
    return columns


def _business(connection: Database) -> pd.DataFrame:
    """Business outcomes as measured; several on one day are averaged by their n, as if independent."""
    known: Iterable[str] = (f"'{measure.kpi.id}'" for measure in MEASURES if measure.source == "business")
    return connection.sql(
        f"""SELECT day, {_all("team")}, model, metric AS kpi, sum(n * value) / sum(n) AS value,
              CASE WHEN count(*) = 1 THEN min(lower)
                   ELSE sum(n * value) / sum(n) - sqrt(sum(n * n * (value - lower) ** 2)) / sum(n) END AS lower,
              CASE WHEN count(*) = 1 THEN min(upper)
                   ELSE sum(n * value) / sum(n) + sqrt(sum(n * n * (upper - value) ** 2)) / sum(n) END AS upper,
              CAST(sum(n) AS BIGINT) AS n
            FROM business WHERE metric IN ({", ".join(known)}) AND n > 0
            GROUP BY GROUPING SETS ((day, team, model, metric), (day, model, metric))"""  # noqa: S608
    ).df()
