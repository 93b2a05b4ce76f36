"""Observations of control and canary, summed by hour and joined to looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from measurement.errors import InputError
from monitoring.canary_evidence import BIN, Looks
from monitoring.catalogue import CATALOGUE, Measure, nearest
from monitoring.dayqueries import Ask
from monitoring.intervals import Floats

#: Observations a look holds at least.
LOOK = 100
Pipeline = tuple[str, str]

#: One row an observation: team, pipeline, arm, ts (when it was known), start_ts and the columns of the measure.
_SOURCES: Mapping[str, str] = {
    "calls": "SELECT *, start_ts AS ts FROM calls",
    "scores": "SELECT *, coalesce(greatest(start_ts, scored_ts), start_ts, scored_ts) AS ts FROM scores",
    "outputs": """SELECT max(team) AS team, min(pipeline) AS pipeline, min(arm) AS arm, min(start_ts) AS start_ts,
                         max(start_ts) AS ts, sum(cost) AS cost
                  FROM calls WHERE output_id IS NOT NULL GROUP BY output_id""",
    "published": """SELECT c.*, o.published_ts AS ts, epoch(o.published_ts - o.requested_ts) / 3600.0 AS hours
                    FROM (SELECT output_id, max(team) AS team, min(pipeline) AS pipeline, min(arm) AS arm,
                                 min(start_ts) AS start_ts FROM calls WHERE arm IS NOT NULL GROUP BY output_id) c
                    JOIN gen_output_raw o USING (output_id) WHERE o.published_ts IS NOT NULL""",
}


def check_guardrail(name: str) -> None:
    """Refuse a KPI on which control and canary cannot be compared.

    Raises
    ------
    InputError
        For an unknown KPI, and for one that is not measured for each arm.
    """
    measure = CATALOGUE.get(name)
    if measure is not None and measure.source in _SOURCES and measure.kind != "per_hour":
        return
    able = [kpi for kpi, one in CATALOGUE.items() if one.source in _SOURCES and one.kind != "per_hour"]
    why = "this KPI does not exist" if measure is None else "this KPI has no value of its own for control and canary"
    remedy = nearest(name, able, f"Use any of {', '.join(able)}")
    raise InputError.of(why, remedy, file="liftwerk.toml", column="content.canary.guardrails", value=name)


def value_sql(measure: Measure) -> str:
    """What is observed: 1 for a bad row where rows are counted."""
    return f"CAST(({measure.value}) > 0 AS DOUBLE)" if measure.kind == "hits" else f"CAST({measure.value} AS DOUBLE)"


def observations(measure: Measure, since: Mapping[Pipeline, pd.Timestamp]) -> str:
    """SQL of the observations of both arms: team, pipeline, arm, ts, y, x; those before ``since`` are left out."""
    x = f"CAST({measure.per} AS DOUBLE)" if measure.kind == "ratio" else "1.0"
    begun = "".join(
        f" AND NOT (team = {_text(team)} AND pipeline = {_text(pipeline)} AND start_ts < TIMESTAMP '{moment}')"
        for (team, pipeline), moment in since.items()
    )
    # assembled from the catalogue, and from names that are quoted
    return f"""SELECT * FROM (
        SELECT team, pipeline, arm, ts, start_ts, {value_sql(measure)} AS y, {x} AS x
        FROM (SELECT * REPLACE (coalesce(team, '(unknown)') AS team, coalesce(pipeline, '(unknown)') AS pipeline)
              FROM ({_SOURCES[measure.source]}))
        WHERE arm IN ('control', 'canary') AND ts IS NOT NULL AND {measure.where})
        WHERE y IS NOT NULL AND x IS NOT NULL{begun}"""  # noqa: S608


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def read_looks(ask: Ask, measure: Measure, since: Mapping[Pipeline, pd.Timestamp]) -> dict[Pipeline, Looks]:
    """Looks of every pipeline in which both arms or one of them were observed."""
    by_bin = measure.kind == "quantile"
    what = f"CAST(floor(ln(greatest(y, 1e-9)) / {BIN}) AS BIGINT)" if by_bin else "0"
    rows = ask(
        f"""SELECT CAST(ts AS DATE) AS day, team, pipeline, date_trunc('hour', ts) AS hour, arm, {what} AS bin,
                   count(*) AS n, sum(y) AS y, sum(y * y) AS yy, sum(x) AS x, sum(x * x) AS xx, sum(x * y) AS xy,
                   min(y) AS low, max(y) AS high
            FROM ({observations(measure, since)}) GROUP BY ALL ORDER BY team, pipeline, hour"""  # noqa: S608
    )
    return {
        (str(team), str(pipeline)): _looks(part, by_bin=by_bin)
        for (team, pipeline), part in rows.groupby(["team", "pipeline"], sort=True)
    }


def _looks(rows: pd.DataFrame, *, by_bin: bool) -> Looks:
    """Join consecutive hours until each look holds `LOOK` observations.

    Within a look the traffic's split is taken as it turned out. In an hour with two observations that leaves nothing to
    learn; with a hundred it costs a hundredth. Where to join depends on the traffic alone, so the error
    stays controlled.
    """
    hours, hour = np.unique(rows["hour"].to_numpy(), return_inverse=True)
    arm = (rows["arm"] == "canary").to_numpy(dtype=np.int64)
    seen = np.bincount(hour, weights=rows["n"])
    look = ((seen.cumsum() - seen) // LOOK).astype(np.int64)
    _, look = np.unique(look, return_inverse=True)
    count = int(look.max()) + 1
    at = look[hour] * 2 + arm

    def summed(name: str) -> Floats:
        return np.bincount(at, weights=rows[name], minlength=2 * count).reshape(count, 2)

    ends = hours[np.flatnonzero(np.diff(look, append=count))]
    looks = Looks(
        n=summed("n"), y=summed("y"), yy=summed("yy"), x=summed("x"), xx=summed("xx"), xy=summed("xy"), ends=ends,
        bounded=bool(rows["low"].min() >= 0 and rows["high"].max() <= 1),
    )  # fmt: skip
    if not by_bin:
        return looks
    bins, place = np.unique(rows["bin"].to_numpy(dtype=np.int64), return_inverse=True)
    binned = np.zeros((count, 2, len(bins)), dtype=np.int64)
    np.add.at(binned, (look[hour], arm, place), rows["n"].to_numpy(dtype=np.int64))
    return replace(looks, bins=bins, binned=binned)
