"""Run inside the Spark environment: the KPI queries of the catalogue on DuckDB and on Spark, compared row by row.

The queries are the text that `monitoring.rollup` makes for DuckDB, translated to Spark's dialect by sqlglot; the views
beneath them too. Nothing is written twice.
"""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path

import duckdb
import sqlglot
from pyspark.sql import SparkSession

from monitoring.catalogue import MEASURES
from monitoring.rollup import kpi_sql, quantile_sql
from monitoring.tables import COLUMNS, open_tables

#: Views over the raw tables, in the order in which they build on each other.
VIEWS = ("calls", "outputs", "published", "incidents")


def queries():
    """Name and text of every query."""
    for source in ("calls", "scores", "outputs", "incidents"):
        yield source, kpi_sql([m for m in MEASURES if m.source == source and m.kind not in ("quantile", "business")])
    for measure in MEASURES:
        if measure.kind == "quantile":
            yield measure.kpi.id, quantile_sql(measure)


def spark_sql(text):
    """DuckDB's dialect → Spark's."""
    text = text.replace('"', "")
    text = re.sub(
        r"max\((?:row)?\((.+?), model\)\)\[2\]", r"max(struct(\1 AS c, model AS m)).m", text, flags=re.IGNORECASE
    )
    text = re.sub(r"hash\(output_id\)", "output_id", text)  # the id itself: a hash only makes it quick
    text = re.sub(r"quantile_cont\(", "percentile(", text)
    text = re.sub(
        r"epoch\((\w+\.)?(\w+) - (\w+\.)?(\w+)\)", r"(unix_micros(\1\2) - unix_micros(\3\4)) / 1000000.0", text
    )
    return sqlglot.transpile(
        text, read="spark" if "struct(" in text or "unix_micros" in text else "duckdb", write="spark"
    )[0]


def main():
    folder = Path(sys.argv[1])
    tables = {file.stem: file for file in folder.glob("*.parquet")}
    duck = open_tables(tables, "EUR")
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.sql.parquet.inferTimestampNTZ.enabled", "true")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    for name in COLUMNS:
        raw = folder / "raw" / f"{name}.parquet"
        raw.parent.mkdir(exist_ok=True)
        duck.execute(f"COPY (SELECT * FROM {name}_raw) TO '{raw}' (FORMAT parquet)")
        spark.read.parquet(str(raw)).createOrReplaceTempView(f"{name}_raw")
    for name in ("scores", "output_dim"):  # temporary tables: their rows are inputs of the queries
        file = folder / "raw" / f"{name}.parquet"
        duck.execute(f"COPY (SELECT * FROM {name}) TO '{file}' (FORMAT parquet)")
        spark.read.parquet(str(file)).createOrReplaceTempView(name)
    for name in VIEWS:
        text = duck.sql(f"SELECT sql FROM duckdb_views() WHERE view_name = '{name}'").fetchall()[0][0]
        body = text[re.search(r"\bAS\b", text).end() :].rstrip(";\n ")
        spark.sql(spark_sql(body)).createOrReplaceTempView(name)
    found = {}
    for name, text in queries():
        ours, theirs = rows(duck.sql(text).df()), rows(spark.sql(spark_sql(text)).toPandas())
        gap = max(
            (
                _gap(ours[key][column], theirs[key][column])
                for key in ours.keys() & theirs.keys()
                for column in ours[key]
            ),
            default=0,
        )
        found[name] = {"rows": len(ours), "same_keys": ours.keys() == theirs.keys(), "gap": gap}
    sys.stdout.write(json.dumps(found) + "\n")


def rows(frame):
    """Key → values."""
    frame["day"] = frame["day"].astype(str).str[:10]
    keyed = frame.set_index(["day", "team", "model"]).astype(float)
    return {
        key: dict(zip(keyed.columns, values, strict=True))
        for key, values in zip(keyed.index, keyed.to_numpy(), strict=True)
    }


def _gap(one, other):
    if math.isnan(one) or math.isnan(other):
        return 0.0 if math.isnan(one) == math.isnan(other) else 1.0
    return abs(one - other) / max(abs(one), 1.0)


if __name__ == "__main__":
    assert duckdb
    main()
