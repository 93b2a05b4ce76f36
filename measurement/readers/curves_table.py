"""Response curves as a table: those brought by owners of other models, and those of a stored fit.

A long table has one row for each (channel, draw, spend), or (channel, geo, draw, spend), with the incremental outcome
there; curves are piecewise linear between points. What cannot be a curve is named with its line and a remedy,
everything at once.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from measurement.curves import FloatArray, ResponseCurves
from measurement.errors import InputError, LiftwerkError, Problem
from measurement.readers.cells import read_names, read_numbers
from measurement.readers.findings import Findings
from measurement.readers.tables import RawTable, read_table

REQUIRED = ("channel", "draw", "spend", "outcome")
#: Draws with points of their own are laid on their common points, up to this many a channel.
MOST_POINTS = 2000
_EXAMPLE = "One row per channel, draw and spend point: channel, draw, spend, outcome"


def read_curves(path: str | Path, currency: str, *, current: Mapping[str, float] | None = None) -> ResponseCurves:
    """Curves from a CSV, Parquet or Excel table: channel, draw, spend, outcome, and optional geo and current_spend.

    Parameters
    ----------
    path
        The table. Channels may differ in their number of points; points are added on the straight lines between
        them, which changes nothing. Draws of one channel may have different points between the same two ends.
    currency
        ISO code of spend and outcome.
    current
        Today's spend by channel where the table has no column ``current_spend``; channels in neither count as 0. With
        a column ``geo``, by cell as in `ResponseCurves.cells`.

    Raises
    ------
    InputError
        Every fault with its line: missing columns, cells that are no numbers, negative spend, repeated or single
        points, a response that falls, draws that do not match.
    """
    file = Path(path)
    found = Findings(file.name)
    table = read_table(file, file.name, found)
    _stop(found)
    assert table is not None  # noqa: S101 - read_table names a finding whenever it returns None
    found.lines = table.lines
    missing = [column for column in REQUIRED if column not in table.frame.columns]
    for column in missing:
        have = ", ".join(map(str, table.frame.columns[:12]))
        remedy = f"{_EXAMPLE} (draw is 0 where there is a single curve)"
        found.add("the table of curves lacks a column", remedy, column=column, line=table.header_line, value=have)
    _stop(found)
    long = _long(table, found, currency)
    _stop(found)
    _check_points(long, found)
    _stop(found)
    curves = _assemble(long, found, currency, current or {})
    _stop(found)
    assert curves is not None  # noqa: S101 - _assemble names a finding whenever it returns None
    return curves


def _stop(found: Findings) -> None:
    if found.has_errors:
        raise InputError(found.problems)


def _long(table: RawTable, found: Findings, currency: str) -> pd.DataFrame:
    """Typed rows, sorted by channel (in order of appearance), draw and spend, with their row numbers."""
    names = read_names(table, "channel", found)
    geos = read_names(table, "geo", found) if "geo" in table.frame.columns else [""] * len(names)
    columns = ["spend", "outcome"] + ["current_spend"] * ("current_spend" in table.frame.columns)
    numbers = read_numbers(table, columns, found, currency=currency)
    cells = list(zip(names, geos, strict=True))
    order = {cell: index for index, cell in enumerate(dict.fromkeys(cells))}
    for column in columns:
        bad = ~np.isfinite(numbers[column])
        if not found.has_errors and bad.any():
            found.rows(
                bad,
                column,
                "a response curve has a missing or infinite value",
                "Fill or drop that point",
                value=partial(table.cell, column),
            )
    draws = pd.factorize(table.frame["draw"])[0]
    if (draws < 0).any():
        found.rows(draws < 0, "draw", "the draw of a point is missing", "Number the draws 0, 1, 2, …")
    long = pd.DataFrame(
        {
            "channel": names,
            "geo": geos,
            "order": [order[cell] for cell in cells],
            "draw": draws,
            "row": np.arange(len(names)),
            **numbers,
        }
    )
    return long.sort_values(["order", "draw", "spend"], kind="stable", ignore_index=True)


def _check_points(long: pd.DataFrame, found: Findings) -> None:
    """Signs, repeated points, falling responses and curves of one point."""
    row = long["row"].to_numpy()
    spend, outcome = long["spend"].to_numpy(), long["outcome"].to_numpy()
    found.rows(
        row[spend < 0],
        "spend",
        "spend is negative",
        "Use spend of 0 or more; enter refunds elsewhere",
        value=lambda at: _number(long, at, "spend"),
    )
    key = long["order"].to_numpy() * (long["draw"].max() + 1) + long["draw"].to_numpy()
    same = np.diff(key) == 0
    found.rows(
        row[1:][same & (np.diff(spend) == 0)],
        "spend",
        "a curve has the same spend twice",
        "Keep one row for each channel, draw and spend",
        value=lambda at: _number(long, at, "spend"),
    )
    reach = long.groupby("order")["outcome"].transform(lambda values: np.abs(values).max()).to_numpy()
    falls = same & (np.diff(outcome) < -1e-9 * np.maximum(1.0, reach[1:]))
    found.rows(
        row[1:][falls],
        "outcome",
        "the response falls as spend grows",
        "Use curves that do not decrease: check the sign and the order of the points",
        value=lambda at: f"{_label(long, at)}, spend {_number(long, at, 'spend')}: {_number(long, at, 'outcome')}",
    )
    starts = np.flatnonzero(np.r_[True, ~same])
    counts = np.diff(np.r_[starts, len(long)])
    found.rows(
        row[starts[counts < 2]],
        "spend",
        "a curve has only one point",
        "Give each channel and draw at least two spend points, from 0 to the most you would spend",
        value=lambda at: _label(long, at),
    )


def _number(long: pd.DataFrame, row: int, column: str) -> str:
    return f"{long.loc[long['row'] == row, column].iloc[0]:g}"


def _label(long: pd.DataFrame, row: int) -> str:
    line = long.loc[long["row"] == row].iloc[0]
    return f"{_cell(line)}, draw {line['draw']}"


def _cell(line: pd.Series) -> str:
    return f"{line['channel']} in {line['geo']}" if line["geo"] else str(line["channel"])


def _assemble(
    long: pd.DataFrame, found: Findings, currency: str, current: Mapping[str, float]
) -> ResponseCurves | None:
    """The table as arrays over one set of draws and one number of points."""
    draws = int(long["draw"].max()) + 1
    cells: list[tuple[str, str]] = []
    grids: list[FloatArray] = []
    responses: list[FloatArray] = []
    today: list[float] = []
    for _, part in long.groupby("order"):
        channel = _cell(part.iloc[0])
        present = np.unique(part["draw"].to_numpy())
        if len(present) != draws:
            found.add(
                "a channel lacks some of the draws that others have",
                "Give every channel the same draws: a plan needs them together",
                column="draw",
                value=f"{channel}: {len(present)} of {draws}",
            )
            continue
        curve = _common_points(part, channel, draws, found)
        if curve is not None:
            cells.append((str(part["channel"].iloc[0]), str(part["geo"].iloc[0])))
            grids.append(curve[0])
            responses.append(curve[1])
            today.append(_today(part, channel, current, found))
    if found.has_errors:
        return None
    points = max(len(grid) for grid in grids)
    filled = [_fill(grid, response, points) for grid, response in zip(grids, responses, strict=True)]
    try:
        return ResponseCurves(
            channels=tuple(channel for channel, _ in cells),
            geos=tuple(geo for _, geo in cells) if any(geo for _, geo in cells) else (),
            spend=np.array([grid for grid, _ in filled]),
            outcome=np.stack([response for _, response in filled], axis=1),
            observed_spend=np.array(today),
            currency=currency,
        )
    except LiftwerkError as error:
        for problem in error.problems:
            found.add(problem.message, problem.remedy, column=problem.column, value=problem.value)
        return None


def _common_points(
    part: pd.DataFrame, channel: str, draws: int, found: Findings
) -> tuple[FloatArray, FloatArray] | None:
    """Spend points (P,) and outcome (D, P) of a channel; each draw is read off at the points of all draws."""
    spend, outcome = part["spend"].to_numpy(), part["outcome"].to_numpy()
    if len(part) % draws == 0:
        table = spend.reshape(draws, -1)
        if (table == table[0]).all():
            return table[0].copy(), outcome.reshape(draws, -1).copy()
    number = part["draw"].to_numpy()
    bounds = np.searchsorted(number, np.arange(draws + 1))
    starts, ends = spend[bounds[:-1]], spend[bounds[1:] - 1]
    if np.ptp(starts) > 0 or np.ptp(ends) > 0:
        found.add(
            "the draws of a channel begin or end at different spend",
            "Let every draw of a channel run from the same first to the same last spend",
            column="spend",
            value=f"{channel}: from {starts.min():g}–{starts.max():g} to {ends.min():g}–{ends.max():g}",
        )
        return None
    grid = np.unique(spend)
    if len(grid) > MOST_POINTS:
        found.add(
            "the draws of a channel share too few spend points",
            f"Evaluate every draw at the same spend points (at most {MOST_POINTS})",
            column="spend",
            value=f"{channel}: {len(grid)} different points",
        )
        return None
    rows = [np.interp(grid, spend[a:b], outcome[a:b]) for a, b in itertools.pairwise(bounds)]
    return grid, np.array(rows)


def _today(part: pd.DataFrame, channel: str, current: Mapping[str, float], found: Findings) -> float:
    """Today's spend of a channel: the column, else ``current``, else 0."""
    if "current_spend" not in part:
        return float(current.get(channel, 0.0))
    values = part["current_spend"].to_numpy()
    if np.ptp(values) > 0 or values[0] < 0:
        found.add(
            "today's spend of a channel must be one number, not negative",
            "Repeat the same current_spend on every row of the channel",
            column="current_spend",
            value=f"{channel}: {values.min():g} … {values.max():g}",
        )
    return float(values[0])


def _fill(grid: FloatArray, response: FloatArray, points: int) -> tuple[FloatArray, FloatArray]:
    """The same curves with more points: the widest gaps are halved until there are ``points``."""
    while len(grid) < points:
        gaps = np.diff(grid)
        widest = np.sort(np.argsort(gaps)[::-1][: points - len(grid)])
        middle = grid[widest] + gaps[widest] / 2
        between = (response[:, widest] + response[:, widest + 1]) / 2
        grid = np.insert(grid, widest + 1, middle)
        response = np.insert(response, widest + 1, between, axis=1)
    return grid, response


def write_curves(curves: ResponseCurves, path: str | Path, *, level: float = 0.9) -> None:
    """Write curves as a run's ``curves.parquet``: one row a channel and point, its draws as a list.

    Columns: channel, spend, mean, lower, upper, level, current_spend, currency, run, draws (list of D numbers), and geo
    where the curves have geos.
    """
    import pyarrow as pa
    from pyarrow import parquet

    draws, channels, points = curves.outcome.shape
    flat = np.ascontiguousarray(curves.outcome.reshape(draws, -1).T)
    lower, upper = np.quantile(flat, [(1 - level) / 2, (1 + level) / 2], axis=1)
    size = channels * points
    offsets = pa.array(np.arange(0, size * draws + 1, draws, dtype=np.int64))
    values = pa.LargeListArray.from_arrays(offsets, pa.array(flat.ravel()))
    table = pa.table(
        {
            "channel": np.repeat(np.array(curves.channels, dtype=object), points),
            "spend": curves.spend.ravel(),
            "mean": flat.mean(axis=1),
            "lower": lower,
            "upper": upper,
            "level": np.full(size, level),
            "current_spend": np.repeat(curves.observed_spend, points),
            "currency": np.full(size, curves.currency, dtype=object),
            "run": np.full(size, curves.run, dtype=object),
            "draws": values,
            **({"geo": np.repeat(np.array(curves.geos, dtype=object), points)} if curves.geos else {}),
        }
    )
    parquet.write_table(table, Path(path), compression="zstd")


def read_run_curves(path: str | Path) -> ResponseCurves:
    """Curves of a fit, as `write_curves` left them.

    Raises
    ------
    InputError
        The file is missing, or is not the ``curves.parquet`` of a run.
    """
    import pyarrow as pa
    from pyarrow import parquet

    file = Path(path)
    try:
        table = parquet.read_table(file)
        channel = np.array(table.column("channel").to_pylist(), dtype=object)
        geo = table.column("geo").to_pylist() if "geo" in table.column_names else [""] * len(channel)
        names = tuple(dict.fromkeys(zip(channel, geo, strict=True)))
        points = len(channel) // max(len(names), 1)
        draws = table.column("draws").combine_chunks()
        if isinstance(draws, pa.ChunkedArray):
            draws = draws.chunk(0)
        flat = draws.flatten().to_numpy(zero_copy_only=False).reshape(len(channel), -1)
        spend = table.column("spend").to_numpy().reshape(len(names), points)
        today = table.column("current_spend").to_numpy().reshape(len(names), points)[:, 0]
        currency, run = (str(table.column(name)[0].as_py()) for name in ("currency", "run"))
    except (OSError, KeyError, ValueError, IndexError, pa.ArrowException) as error:
        problem = Problem(
            message="this is not the curves.parquet of a fit",
            remedy="Run `liftwerk fit` again, or pass a table of your own with --curves",
            file=file.name,
            value=type(error).__name__,
        )
        raise InputError([problem]) from error
    outcome = np.moveaxis(flat.reshape(len(names), points, -1), 2, 0)
    return ResponseCurves(
        channels=tuple(str(name) for name, _ in names),
        geos=tuple(str(place) for _, place in names) if any(place for _, place in names) else (),
        spend=spend.copy(),
        outcome=np.ascontiguousarray(outcome),
        observed_spend=today.copy(),
        currency=currency,
        run=run,
    )


def long_table(curves: ResponseCurves) -> pd.DataFrame:
    """Curves as the long table that `read_curves` reads: channel, draw, spend, outcome, current_spend (and geo).

    Examples
    --------
    >>> curves = ResponseCurves(
    ...     channels=("tv",),
    ...     spend=np.array([[0.0, 10.0]]),
    ...     outcome=np.array([[[0.0, 30.0]]]),
    ...     observed_spend=np.array([5.0]),
    ...     currency="EUR",
    ... )
    >>> long_table(curves).to_numpy().tolist()
    [['tv', 0, 0.0, 0.0, 5.0], ['tv', 0, 10.0, 30.0, 5.0]]
    """
    draws, channels, points = curves.outcome.shape
    return pd.DataFrame(
        {
            "channel": np.tile(np.repeat(np.array(curves.channels, dtype=object), points), draws),
            "draw": np.repeat(np.arange(draws), channels * points),
            "spend": np.tile(curves.spend.ravel(), draws),
            "outcome": curves.outcome.ravel(),
            "current_spend": np.tile(np.repeat(curves.observed_spend, points), draws),
            **({"geo": np.tile(np.repeat(np.array(curves.geos, dtype=object), points), draws)} if curves.geos else {}),
        }
    )
