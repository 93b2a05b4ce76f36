"""Touchpoints to journeys, written once in Ibis: DuckDB runs it in this process, Spark or a warehouse on their own.

A journey of a person begins with the first touch after a conversion or after a silence longer than ``gap_days``, and
ends with a conversion or with such a silence. Touches older than ``lookback_days`` at the conversion do not count.
Touches of one channel less than ``session_minutes`` apart are one touch. A journey still open at the end of the data
counts as one without a conversion, as people who have not bought yet.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attribution.paths import BUCKETS, FloatArray, IntArray, PathTable
from measurement.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from ibis.expr.types import Table

_DAY_US = 86_400_000_000
_WIDTH = 18  # digits of microseconds since 1970, until the year 33658


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyOptions:
    """How touches become journeys.

    Attributes
    ----------
    lookback_days
        Days before its conversion in which a touch counts.
    gap_days
        A longer silence ends a journey without a conversion.
    session_minutes
        Touches of the same channel closer than this are one; 0 keeps each.
    """

    lookback_days: float = 30.0
    gap_days: float = 30.0
    session_minutes: float = 30.0

    def __post_init__(self) -> None:
        for name in ("lookback_days", "gap_days"):
            if not getattr(self, name) > 0:
                raise InputError.of("a time window must be above 0", "Use 30", column=name, value=getattr(self, name))
        if not self.session_minutes >= 0:
            raise InputError.of(
                "a session cannot be shorter than 0 minutes",
                "Use 30, or 0 to keep every touch",
                column="session_minutes",
                value=self.session_minutes,
            )


def journeys_expression(touchpoints: Table, options: JourneyOptions | None = None) -> Table:
    """One row a journey, as an Ibis expression on whatever backend the table lies.

    Parameters
    ----------
    touchpoints
        Ibis table ``unit_id``, ``ts``, ``channel``, ``kind``, ``value``, ``cost``; the channel of a conversion is not
        read.
    options
        By default `JourneyOptions`.

    Returns
    -------
    ``unit_id``, ``journey`` (number within the person), ``keys`` (sorted array: time in microseconds, fixed width, then
    the channel), ``ended_us``, ``conversions`` (0 or 1), ``value``, ``cost``. Journeys without a touch have no array.
    """
    import ibis

    options = options or JourneyOptions()
    numbered = _numbered(touchpoints, options)
    group = ["unit_id", "journey"]
    ends = numbered.group_by(group).agg(
        ended_us=numbered.us.max(where=numbered.sale == 1),
        last_us=numbered.us.max(),
        conversions=numbered.sale.max(),
        value=numbered.value.fill_null(0.0).sum(where=numbered.sale == 1).fill_null(0.0),
    )
    touches = numbered.filter(numbered.sale == 0)
    joined = touches.join(ends.select(*group, "ended_us"), group).select(
        *group, "us", "channel", "cost", ended_us=ibis._.ended_us
    )
    oldest = int(options.lookback_days * _DAY_US)
    kept = joined.filter(joined.ended_us.isnull() | (joined.ended_us - joined.us <= oldest))
    single = _sessions(kept, options)
    key = single.us.cast("string").lpad(_WIDTH, "0") + single.channel
    walked = single.group_by(group).agg(keys=key.collect(where=single.opens == 1).sort(), cost=single.cost.sum())
    return (
        ends.left_join(walked, group)
        .select(
            *group,
            keys=walked["keys"],
            ended_us=ibis.coalesce(ends.ended_us, ends.last_us),
            conversions=ends.conversions,
            value=ends.value,
            cost=walked.cost.fill_null(0.0),
        )
        .filter(lambda rows: (rows.conversions == 1) | rows["keys"].notnull())
    )


def _numbered(touchpoints: Table, options: JourneyOptions) -> Table:
    """Rows with the number of their journey; at equal times a touch comes before the conversion."""
    import ibis

    plain = touchpoints.select(
        "unit_id",
        "channel",
        "value",
        # Whole seconds first: DuckDB rounds them, Spark cuts. The fraction as text: Spark extracts no microseconds.
        us=touchpoints.ts.truncate("s").epoch_seconds().cast("int64") * 1_000_000
        + touchpoints.ts.strftime("%f").cast("int64"),
        sale=(touchpoints.kind == "conversion").cast("int64"),
        cost=touchpoints.cost.fill_null(0.0),
    )
    # Rows that tie in every key are alike, so that it does not matter which of them is called the first.
    keys = [plain.us, plain.sale, plain.channel, plain.value, plain.cost]
    inside = ibis.window(group_by=plain.unit_id, order_by=keys)
    before = plain.mutate(
        gap=(plain.us - plain.us.lag(1).over(inside)).fill_null(0),
        after_sale=plain.sale.lag(1).over(inside).fill_null(0),
    )
    silence = int(options.gap_days * _DAY_US)
    opens = before.mutate(opens=((before.after_sale == 1) | (before.gap > silence)).cast("int64"))
    # Here it does: of the same touch twice, the one that opens a journey comes first, of conversions it comes second.
    tied = opens.opens * (2 * opens.sale - 1)
    so_far = ibis.cumulative_window(
        group_by=opens.unit_id, order_by=[opens.us, opens.sale, opens.channel, opens.value, opens.cost, tied]
    )
    return opens.mutate(journey=opens.opens.sum().over(so_far)).drop("gap", "after_sale", "opens")


def _sessions(touches: Table, options: JourneyOptions) -> Table:
    """Touches with ``opens`` = 1 where one begins that is not the same session as the touch before."""
    import ibis

    inside = ibis.window(
        group_by=[touches.unit_id, touches.journey], order_by=[touches.us, touches.channel, touches.cost]
    )
    window = int(options.session_minutes * 60_000_000)
    same = (touches.channel == touches.channel.lag(1).over(inside)) & (
        touches.us - touches.us.lag(1).over(inside) < window
    )
    return touches.mutate(opens=1 - same.cast("int64").fill_null(0))


def build_paths(touchpoints: pd.DataFrame, options: JourneyOptions | None = None) -> PathTable:
    """Paths of a data frame of touchpoints, on DuckDB in this process.

    Parameters
    ----------
    touchpoints
        As `measurement.readers.events.read_touchpoints` gives them.
    options
        By default `JourneyOptions`.

    Raises
    ------
    InputError
        Where no journey has a touch.

    Examples
    --------
    >>> from simulation.journeys import simulate_journeys
    >>> from simulation.journey_spec import JourneySpec
    >>> paths = build_paths(simulate_journeys(1, JourneySpec(units=50)).touchpoints)
    >>> paths.channels[:3]
    ('direct', 'display', 'email')
    """
    import ibis

    connection = ibis.duckdb.connect()
    try:
        with warnings.catch_warnings():
            # Ibis 12 reads results by a method that DuckDB 2 has renamed.
            warnings.filterwarnings("ignore", r"fetch_\w+\(\) is deprecated", DeprecationWarning)
            connection.con.register("touchpoints", _plain(touchpoints))
            raw = connection.table("touchpoints")
            expression = journeys_expression(raw, options).order_by(ibis._.unit_id, ibis._.journey)
            rows = connection.to_pyarrow(expression)
    finally:
        connection.disconnect()
    table = _table(rows)
    return replace(table, cost=touch_cost(touchpoints, table))


def touch_cost(touchpoints: pd.DataFrame, table: PathTable) -> FloatArray:
    """Cost of all touches of the people in ``table`` by channel, shape (C,); also of touches no window counted."""
    if "cost" not in touchpoints or table.people is None:
        return np.zeros(len(table.channels))
    inside = np.isin(person_numbers(touchpoints["unit_id"].to_numpy(dtype=object)), np.unique(table.people))
    rows = touchpoints[inside & (touchpoints["kind"] != "conversion").to_numpy()]
    sums = rows.groupby("channel")["cost"].sum()
    return np.array([float(sums.get(name, 0.0)) for name in table.channels])


def person_numbers(unit_ids: NDArray[np.object_]) -> IntArray:
    """A number that stays with a person from one report to the next, whoever else is in the table."""
    from pandas.util import hash_array

    return np.asarray(hash_array(unit_ids) >> np.uint64(1), dtype=np.int64)


def event_trace(touchpoints: pd.DataFrame, table: PathTable) -> IntArray:
    """Fingerprint of all events of each path's person, shape (P,): changes with any row of theirs, in any column.

    Paths alone tell less: a touch within a session, or beyond the window, costs money and leaves the path as it was.
    """
    from pandas.util import hash_pandas_object

    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    people = person_numbers(touchpoints["unit_id"].to_numpy(dtype=object))
    rows = hash_pandas_object(touchpoints.drop(columns="unit_id"), index=False).to_numpy()
    order = np.argsort(people, kind="stable")
    numbers, first = np.unique(people[order], return_index=True)
    sums = np.add.reduceat(rows[order], first)  # wraps around; twice the same row is not the same as once
    return np.asarray(sums[np.searchsorted(numbers, table.people)].view(np.int64))


def _plain(frame: pd.DataFrame) -> pa.Table:
    """Arrow table with naive UTC times: twice as fast as times with a zone, and the same everywhere."""
    import pandas as pd
    import pyarrow as pa

    frame = frame.reset_index(drop=True)
    for name in ("value", "cost"):
        if name not in frame:
            frame = frame.assign(**{name: 0.0})
    if "channel" not in frame:
        frame = frame.assign(channel=None)
    stamps = pd.to_datetime(frame["ts"], utc=True).dt.tz_localize(None).astype("datetime64[us]")
    if (stamps < pd.Timestamp(0)).any():
        raise InputError.of(
            "a touch lies before 1970", "Correct the clock or the unit", column="ts", value=stamps.min()
        )
    return pa.table(
        {
            "unit_id": pa.array(frame["unit_id"].astype(object), type=pa.string(), from_pandas=True),
            "ts": pa.array(stamps),
            "channel": pa.array(frame["channel"].astype(object), type=pa.string(), from_pandas=True),
            "kind": pa.array(frame["kind"].astype(object), type=pa.string(), from_pandas=True),
            "value": pa.array(frame["value"].astype(float), type=pa.float64(), from_pandas=True),
            "cost": pa.array(frame["cost"].astype(float), type=pa.float64(), from_pandas=True),
        }
    )


def _table(rows: pa.Table) -> PathTable:
    """Arrow rows of `journeys_expression` as a `PathTable`."""
    import pyarrow.compute as pc

    touched = pc.fill_null(pc.greater(pc.list_value_length(rows["keys"]), 0), fill_value=False)
    bare = rows.filter(pc.invert(touched))
    rows = rows.filter(touched)
    if not rows.num_rows:
        raise InputError.of("no journey has a touch", "Check the channels and the time range", column="touchpoints")
    keys = rows["keys"].combine_chunks()
    flat = keys.flatten()
    names = pc.utf8_slice_codeunits(flat, _WIDTH).dictionary_encode()
    order = np.argsort(np.array(names.dictionary.to_pylist(), dtype=object))
    rank = np.empty(len(order), dtype=np.int16)
    rank[order] = np.arange(len(order))
    length = pc.list_value_length(keys).to_numpy()
    us = pc.utf8_slice_codeunits(flat, 0, _WIDTH).cast("int64").to_numpy()
    ended = np.repeat(rows["ended_us"].to_numpy(), length)
    people = person_numbers(rows["unit_id"].to_pandas().to_numpy(dtype=object))
    converted = rows["conversions"].to_numpy().astype(np.float64)
    return PathTable(
        channels=tuple(sorted(names.dictionary.to_pylist())),
        offsets=np.concatenate([[0], length.cumsum()]).astype(np.int64),
        touches=rank[names.indices.to_numpy()],
        conversions=converted,
        nulls=1.0 - converted,
        value=rows["value"].to_numpy().astype(np.float64),
        bucket=(people % BUCKETS).astype(np.int16),
        ages=((ended - us) / _DAY_US).astype(np.float32),
        people=people,
        cost=np.zeros(len(order)),
        untouched_conversions=float(pc.sum(bare["conversions"]).as_py() or 0.0),
        untouched_value=float(pc.sum(bare["value"]).as_py() or 0.0),
    )
