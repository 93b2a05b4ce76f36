"""The pipeline's tables as views: the contract's columns, and what the catalogue's sources are made of.

The SQL is DuckDB's, and only what sqlglot can say in other dialects too: `monitoring.warehouse` has the same text run
on Spark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from measurement.errors import InputError

#: Columns of the contract with the SQL type they are read as; the first line of each table must be there.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "gen_call": {
        "start_ts": "TIMESTAMP", "duration_ms": "DOUBLE", "span_id": "VARCHAR", "team": "VARCHAR", "model": "VARCHAR",
        "pipeline": "VARCHAR", "output_id": "VARCHAR", "arm": "VARCHAR", "error_type": "VARCHAR",
        "input_tokens": "DOUBLE", "output_tokens": "DOUBLE", "cache_read_tokens": "DOUBLE", "context_window": "DOUBLE",
        "ttft_ms": "DOUBLE", "cost": "DOUBLE", "currency": "VARCHAR", "prompt_version": "VARCHAR",
    },
    "gen_score": {
        "span_id": "VARCHAR", "output_id": "VARCHAR", "scored_ts": "TIMESTAMP", "name": "VARCHAR", "value": "DOUBLE",
        "source": "VARCHAR", "judge_version": "VARCHAR",
    },
    "gen_output": {
        "output_id": "VARCHAR", "team": "VARCHAR", "requested_ts": "TIMESTAMP", "approved_ts": "TIMESTAMP",
        "published_ts": "TIMESTAMP", "status": "VARCHAR",
    },
    "gen_incident": {
        "incident_id": "VARCHAR", "team": "VARCHAR", "kind": "VARCHAR", "opened_ts": "TIMESTAMP",
        "detected_ts": "TIMESTAMP", "resolved_ts": "TIMESTAMP", "severity": "VARCHAR",
    },
    "business_outcome": {
        "day": "TIMESTAMP", "experiment_id": "VARCHAR", "arm_id": "VARCHAR", "metric": "VARCHAR", "value": "DOUBLE",
        "n": "DOUBLE", "lower": "DOUBLE", "upper": "DOUBLE", "method": "VARCHAR",
    },
    "creative_variant": {
        "variant_id": "VARCHAR", "output_id": "VARCHAR", "experiment_id": "VARCHAR", "arm_id": "VARCHAR",
        "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP",
    },
    "team_budget": {"team": "VARCHAR", "month": "VARCHAR", "amount": "DOUBLE", "currency": "VARCHAR"},
}  # fmt: skip

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "gen_call": ("start_ts", "duration_ms", "team", "model"),
    "gen_score": ("name", "value"),
    "gen_output": ("output_id", "team", "requested_ts", "published_ts"),
    "gen_incident": ("team", "opened_ts", "resolved_ts"),
    "business_outcome": ("day", "metric", "value"),
    "creative_variant": ("output_id", "experiment_id", "arm_id"),
    "team_budget": ("team", "month", "amount"),
}

#: Views in the order in which they build on each other; ``:home`` is the workspace's currency, ``:output`` what outputs
#: are grouped by.
VIEWS: Mapping[str, str] = {
    "calls": """
  SELECT CAST(start_ts AS DATE) AS day, start_ts, coalesce(team, '(unknown)') AS team,
         coalesce(model, '(unknown)') AS model, pipeline, prompt_version, arm, span_id, output_id,
         duration_ms, ttft_ms, input_tokens, output_tokens, cache_read_tokens, context_window,
         CASE WHEN error_type IS NULL OR error_type = '' THEN 0.0 ELSE 1.0 END AS error,
         CASE WHEN currency IS NULL OR currency = :home THEN cost END AS cost,
         currency, cost AS reported_cost
  FROM gen_call_raw WHERE start_ts IS NOT NULL""",
    # what other tables speak of: everything else about an output is summed in one pass, in the view outputs
    "worked_on": """
  SELECT output_id, min(day) AS day, max(team) AS team,
         arg_max(model, {'cost': coalesce(cost, 0), 'model': model}) AS model, sum(cost) AS cost
  FROM calls
  WHERE output_id IN (SELECT output_id FROM gen_score_raw UNION SELECT output_id FROM gen_output_raw
                      UNION SELECT output_id FROM creative_variant_raw)
  GROUP BY output_id""",
    "output_dim": """
  SELECT output_id, day, team, model, cost FROM worked_on
  UNION ALL
  SELECT output_id, CAST(min(requested_ts) AS DATE) AS day, max(team) AS team, '(unknown)' AS model,
         CAST(NULL AS DOUBLE) AS cost
  FROM gen_output_raw o WHERE NOT EXISTS (SELECT 1 FROM worked_on d WHERE d.output_id = o.output_id)
  GROUP BY output_id""",
    "outputs": """
  SELECT * FROM (SELECT min(day) AS day, max(team) AS team,
                        arg_max(model, {'cost': coalesce(cost, 0), 'model': model}) AS model, sum(cost) AS cost
                 FROM calls WHERE output_id IS NOT NULL GROUP BY :output) AS found
  WHERE cost IS NOT NULL""",
    "published": """
  SELECT CAST(r.published_ts AS DATE) AS day, coalesce(r.team, d.team) AS team, coalesce(d.model, '(unknown)') AS model,
         date_diff('microsecond', r.requested_ts, r.published_ts) / 3.6e9 AS hours
  FROM gen_output_raw r LEFT JOIN output_dim d ON r.output_id = d.output_id
  WHERE r.published_ts IS NOT NULL AND r.requested_ts IS NOT NULL""",
    "incidents": """
  SELECT CAST(opened_ts AS DATE) AS day, team, '(all)' AS model,
         date_diff('microsecond', opened_ts, resolved_ts) / 3.6e9 AS hours
  FROM gen_incident_raw WHERE resolved_ts IS NOT NULL AND opened_ts IS NOT NULL""",
    "business": """
  SELECT CAST(b.day AS DATE) AS day, coalesce(v.team, '(unknown)') AS team, '(all)' AS model, b.metric, b.value,
         b.lower, b.upper, coalesce(b.n, 1) AS n
  FROM business_outcome_raw b
  LEFT JOIN (SELECT c.experiment_id, c.arm_id, min(d.team) AS team
             FROM creative_variant_raw c JOIN output_dim d ON c.output_id = d.output_id
             GROUP BY c.experiment_id, c.arm_id) v ON b.experiment_id = v.experiment_id AND b.arm_id = v.arm_id
  WHERE b.value IS NOT NULL""",
    "verdicts": """
  SELECT * FROM gen_score_raw WHERE value IS NOT NULL AND (span_id IS NOT NULL OR output_id IS NOT NULL)
  QUALIFY row_number() OVER (
    PARTITION BY name, coalesce(span_id, output_id)
    ORDER BY CASE source WHEN 'human' THEN 0 WHEN 'llm_judge' THEN 1 ELSE 2 END, scored_ts DESC NULLS LAST,
             judge_version DESC NULLS LAST, value DESC) = 1""",
    "scores": """
  SELECT v.name, v.value, v.source, v.judge_version, v.scored_ts, v.span_id, v.output_id,
         coalesce(c.arm, a.arm) AS arm, coalesce(c.pipeline, a.pipeline) AS pipeline,
         coalesce(c.start_ts, a.start_ts) AS start_ts,
         coalesce(c.day, d.day, CAST(v.scored_ts AS DATE)) AS day,
         coalesce(c.team, d.team, '(unknown)') AS team, coalesce(c.model, d.model, '(unknown)') AS model,
         c.day IS NOT NULL OR d.day IS NOT NULL AS matched
  FROM verdicts v
  LEFT JOIN (SELECT span_id, min(day) AS day, max(team) AS team, min(model) AS model,
                    min(arm) AS arm, min(pipeline) AS pipeline, min(start_ts) AS start_ts
             FROM calls WHERE span_id IN (SELECT span_id FROM verdicts) GROUP BY span_id) c ON v.span_id = c.span_id
  LEFT JOIN output_dim d ON c.span_id IS NULL AND v.output_id = d.output_id
  LEFT JOIN (SELECT output_id, min(arm) AS arm, min(pipeline) AS pipeline, min(start_ts) AS start_ts
             FROM calls WHERE output_id IN (SELECT output_id FROM verdicts) GROUP BY output_id) a
         ON c.span_id IS NULL AND v.output_id = a.output_id""",
}
#: Read more than once, and small.
KEPT = frozenset(("worked_on", "output_dim", "verdicts", "scores"))


def need_columns(name: str, have: Collection[str], file: str) -> None:
    """Refuse a table that lacks a column it cannot do without.

    Parameters
    ----------
    name
        A table of `COLUMNS`.
    have
        Its columns.
    file
        What the message calls it.

    Raises
    ------
    InputError
        Naming the first column that is missing.
    """
    missing = [column for column in REQUIRED[name] if column not in have]
    if missing:
        raise InputError.of(
            f"the table has no column '{missing[0]}'", f"Give it the columns {', '.join(COLUMNS[name])}", file=file,
            column=missing[0], value=", ".join(have),
        )  # fmt: skip


def raw_sql(name: str, table: str, have: Iterable[str]) -> str:
    """Every column of the contract with its type, NULL where the table has none.

    Parameters
    ----------
    name
        A table of `COLUMNS`.
    table
        What it is called in the database; read only where ``have`` names a column.
    have
        The columns it has there.

    Examples
    --------
    >>> raw_sql("team_budget", "b", ["team", "month", "amount"])[-42:]
    'CAST(NULL AS VARCHAR) AS "currency" FROM b'
    """
    there = set(have)
    fields = ", ".join(
        f'CAST({f""""{column}\"""" if column in there else "NULL"} AS {kind}) AS "{column}"'
        for column, kind in COLUMNS[name].items()
    )
    # the names are constants of this module, and the caller's own
    return f"SELECT {fields} FROM {table}" if there else f"SELECT {fields} WHERE FALSE"  # noqa: S608


def view_sql(name: str, home: str, output: str = "output_id") -> str:
    """A view's text for a workspace whose money is ``home``.

    Parameters
    ----------
    name
        Of `VIEWS`.
    home
        Currency; a constant is compared once a block, a subquery once a row.
    output
        What stands for an output where its calls are grouped.
    """
    return VIEWS[name].replace(":home", "'" + home.replace("'", "''") + "'").replace(":output", output)
