"""Run inside the Spark environment: the KPI table of one log on DuckDB and on Spark, compared row by row."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ibis
import numpy as np

from monitoring.rollup import roll_up
from monitoring.tables import open_tables
from monitoring.warehouse import warehouse_kpis

KEYS = ["day", "team", "model", "kpi"]


def main():
    from pyspark.sql import SparkSession  # there in the environment of its own only

    files = {file.stem: file for file in Path(sys.argv[1]).glob("*.parquet")}
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    for name, file in files.items():
        session.read.parquet(str(file)).createOrReplaceTempView(name)
    spark = ibis.pyspark.connect(session)
    ours = roll_up(open_tables(files, "EUR"), level=0.95).set_index(KEYS)
    found = warehouse_kpis(
        lambda sql: spark.sql(sql).to_pyarrow(), "spark", {name: name for name in files}, currency="EUR"
    )
    theirs = found.set_index(KEYS)
    same = ours.index.equals(theirs.index)
    gaps = {}
    for kpi, rows in ours.groupby(level="kpi") if same else ():
        one, two = (
            table[["value", "lower", "upper", "n"]].to_numpy(dtype=float) for table in (rows, theirs.loc[rows.index])
        )
        unlike = np.isnan(one) != np.isnan(two)
        gap = np.nan_to_num(np.abs(one - two) / np.maximum(np.abs(one), 1.0))
        gaps[kpi] = 1.0 if unlike.any() else float(gap.max())
    sys.stdout.write(json.dumps({"rows": [len(ours), len(theirs)], "same_keys": same, "gaps": gaps}) + "\n")


if __name__ == "__main__":
    main()
