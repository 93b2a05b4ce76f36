"""Run inside the Spark environment: the journeys of one Parquet file on DuckDB and on Spark, compared row by row."""

from __future__ import annotations

import json
import sys

import ibis
import pyarrow as pa

from attribution.journeys import journeys_expression


def rows(connection, touchpoints):
    """Sorted journeys of a backend."""
    found = connection.to_pyarrow(journeys_expression(touchpoints))
    frame = found.select(["unit_id", "journey", "keys", "ended_us", "conversions", "value", "cost"])
    return frame.sort_by([("unit_id", "ascending"), ("journey", "ascending")])


def main():
    file = sys.argv[1]
    duck = ibis.duckdb.connect()
    ours = rows(duck, duck.read_parquet(file))
    spark = ibis.pyspark.connect()
    theirs = rows(spark, spark.read_parquet(file))
    exact = ["unit_id", "journey", "keys", "ended_us", "conversions"]
    same = {name: ours[name].to_pylist() == theirs[name].to_pylist() for name in exact}
    gaps = {
        name: max(
            abs(one - two)
            for one, two in zip(
                ours[name].cast(pa.float64()).to_pylist(), theirs[name].cast(pa.float64()).to_pylist(), strict=True
            )
        )
        for name in ("value", "cost")
    }
    sys.stdout.write(json.dumps({"journeys": ours.num_rows, "same": same, "gaps": gaps}) + "\n")


if __name__ == "__main__":
    main()
