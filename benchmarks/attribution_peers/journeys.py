"""Journeys as raw rows: path strings in Parquet, written in blocks so that ten million need little memory."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CHANNELS = (
    "search", "shopping", "social", "video", "display", "email",
    "direct", "affiliate", "referral", "retargeting", "audio", "maps",
)  # fmt: skip
LONGEST = 30
BLOCK = 500_000


def chain(seed):
    """Next-step probabilities (13 × 14): channels, conversion, end; the first row is the start."""
    rng = np.random.default_rng([seed, 60])
    width = len(CHANNELS)
    size = rng.lognormal(0.0, 1.0, width)
    table = np.zeros((width + 1, width + 2))
    for row in range(width + 1):
        weight = size * rng.lognormal(0.0, 0.5, width)
        converts, ends = (0.0, 0.0) if row == 0 else (rng.uniform(0.01, 0.08), rng.uniform(0.35, 0.55))
        table[row, :width] = (1 - converts - ends) * weight / weight.sum()
        table[row, width:] = converts, ends
    return table


def write_journeys(file, count, seed):
    """Write ``count`` rows: path, conversions, nulls, value."""
    table, rng = chain(seed).cumsum(axis=1), np.random.default_rng([seed, 61])
    names = pa.array(CHANNELS)
    writer = None
    for first in range(0, count, BLOCK):
        rows = min(BLOCK, count - first)
        steps, bought = _walk(rng, table, rows)
        length = (steps >= 0).sum(axis=1)
        lists = pa.ListArray.from_arrays(
            pa.array(np.concatenate([[0], length.cumsum()]).astype(np.int32)), names.take(pa.array(steps[steps >= 0]))
        )
        block = pa.table(
            {
                "path": pc.binary_join(lists, " > "),
                "conversions": pa.array(bought.astype(np.int64)),
                "nulls": pa.array((~bought).astype(np.int64)),
                "value": pa.array(np.where(bought, np.round(rng.lognormal(4.2, 0.6, rows), 2), 0.0)),
            }
        )
        writer = writer or pq.ParquetWriter(file, block.schema)
        writer.write_table(block)
    writer.close()


def _walk(rng, cumulative, rows):
    width = cumulative.shape[1] - 2
    steps, bought = np.full((rows, LONGEST), -1, dtype=np.int8), np.zeros(rows, dtype=bool)
    state, alive = np.zeros(rows, dtype=np.int64), np.arange(rows)
    for place in range(LONGEST):
        following = (rng.random(len(alive))[:, None] > cumulative[state[alive]]).sum(axis=1).clip(max=width + 1)
        bought[alive[following == width]] = True
        goes = following < width
        alive, following = alive[goes], following[goes]
        steps[alive, place] = following
        state[alive] = following + 1
    return steps, bought
