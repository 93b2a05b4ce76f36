"""KPIs kept by day are those of a rebuild from nothing, and only the days that must be are computed."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from measurement.store import write_parquet
from monitoring.content import content_report
from monitoring.daily import DayRollups
from monitoring.intake.calls import CALL_SCHEMA
from monitoring.intake.verdicts import SCORE_SCHEMA


def calls_of(rng, day, outputs, rows=300):
    """Calls of a day that work on some outputs."""
    start = pd.Timestamp(day) + pd.to_timedelta(np.sort(rng.integers(0, 86_400_000, rows)), unit="ms")
    frame = pd.DataFrame(
        {
            "start_ts": start, "duration_ms": rng.lognormal(6, 1, rows), "ttft_ms": rng.lognormal(4, 1, rows),
            "team": rng.choice(["web", "shop"], rows), "model": rng.choice(["m1", "m2"], rows),
            "output_id": rng.choice(outputs, rows), "span_id": [f"{day}-{n}" for n in range(rows)],
            "error_type": rng.choice(np.array([None, "timeout"], dtype=object), rows, p=[0.9, 0.1]),
            "input_tokens": rng.integers(1, 900, rows).astype(float), "cost": rng.uniform(0, 1, rows), "currency": "EUR",
        }
    )  # fmt: skip
    return pa.Table.from_pandas(frame.reindex(columns=CALL_SCHEMA.names), CALL_SCHEMA, preserve_index=False)


def scores_of(rng, calls, count=40):
    """Verdicts on some calls of a day."""
    picked = calls.take(rng.choice(len(calls), count, replace=False)).to_pandas()
    frame = pd.DataFrame(
        {"span_id": picked["span_id"], "output_id": picked["output_id"], "name": "hallucination", "source": "llm_judge",
         "value": rng.integers(0, 2, count).astype(float), "scored_ts": picked["start_ts"]}
    )  # fmt: skip
    return pa.Table.from_pandas(frame.reindex(columns=SCORE_SCHEMA.names), SCORE_SCHEMA, preserve_index=False)


class World:
    """A folder of days, and its report: by day, and from nothing."""

    def __init__(self, folder):
        self.folder = folder
        self.rng = np.random.default_rng(4)
        (folder / "calls").mkdir()
        (folder / "scores").mkdir()

    def put(self, day, outputs, scored=True):
        calls = calls_of(self.rng, day, outputs)
        write_parquet(self.folder / "calls" / f"{day}.parquet", calls)
        if scored:
            write_parquet(self.folder / "scores" / f"{day}.parquet", scores_of(self.rng, calls))

    def files(self):
        return [sorted((self.folder / part).glob("*.parquet")) for part in ("calls", "scores")]

    def update(self):
        return DayRollups(self.folder / "rollups").update(*self.files(), currency="EUR", level=0.95)

    def same_as_rebuilt(self):
        tables = {"gen_call": self.folder / "calls" / "*.parquet", "gen_score": self.folder / "scores" / "*.parquet"}
        if not self.files()[1]:
            del tables["gen_score"]
        rebuilt = content_report(tables, currency="EUR")
        kept = content_report(tables, currency="EUR", rollups=DayRollups(self.folder / "rollups"))
        pd.testing.assert_frame_equal(kept.kpis(), rebuilt.kpis(), check_dtype=False, rtol=1e-12)
        assert {c.name: c.value for c in kept.checks} == pytest.approx({c.name: c.value for c in rebuilt.checks})
        pd.testing.assert_frame_equal(kept.alerts(), rebuilt.alerts(), check_dtype=False)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    for number in range(1, 7):
        world.put(f"2026-03-{number:02}", [f"d{number}-{n}" for n in range(100)])
    world.update()
    return world


def test_nothing_new_costs_nothing_and_equals_a_rebuild(world):
    assert world.update()[2] == ()
    world.same_as_rebuilt()


def test_a_new_day_costs_that_day(world):
    world.put("2026-03-07", [f"d7-{n}" for n in range(100)])
    assert world.update()[2] == ("2026-03-07",)
    world.same_as_rebuilt()


def test_an_output_that_goes_on_the_next_day_counts_on_its_first(world):
    world.put("2026-03-07", [f"d6-{n}" for n in range(50)] + [f"d7-{n}" for n in range(50)])
    assert world.update()[2] == ("2026-03-06", "2026-03-07")
    world.same_as_rebuilt()
    world.put("2026-03-07", ["d2-5", "other"])
    assert world.update()[2] == ("2026-03-02", "2026-03-06", "2026-03-07")
    world.same_as_rebuilt()


def test_late_calls_late_scores_and_days_that_go(world):
    world.put("2026-03-03", [f"d3-{n}" for n in range(100)])
    assert world.update()[2] == ("2026-03-03",)
    world.same_as_rebuilt()
    calls = world.folder / "calls" / "2026-03-04.parquet"
    write_parquet(world.folder / "scores" / "2026-03-04.parquet", scores_of(world.rng, pq.read_table(calls), 60))
    assert world.update()[2] == ("2026-03-04",)
    world.same_as_rebuilt()
    for part in ("calls", "scores"):
        (world.folder / part / "2026-03-01.parquet").unlink()
    assert world.update()[2] == ()
    world.same_as_rebuilt()


def test_scores_that_found_no_call_count_on_the_day_they_were_given(world):
    lone = pa.Table.from_pylist(
        [{"output_id": "nobody", "name": "hallucination", "value": 1.0, "scored_ts": pd.Timestamp("2026-03-05 10:00")}],
        SCORE_SCHEMA,
    )
    write_parquet(world.folder / "scores" / "unplaced.parquet", lone)
    assert world.update()[2] == ("2026-03-05",)
    world.same_as_rebuilt()
    (world.folder / "scores" / "unplaced.parquet").unlink()
    assert world.update()[2] == ("2026-03-05",)
    world.same_as_rebuilt()


def test_any_order_of_changes_equals_a_rebuild(world):
    rng = random.Random(2)
    for step in range(8):
        day = f"2026-03-{rng.randrange(1, 10):02}"
        world.put(day, [f"d{rng.randrange(1, 10)}-{n}" for n in range(60)], scored=rng.random() < 0.5)
        if step % 3 == 2:
            gone = rng.choice(world.files()[0])
            gone.unlink()
            (world.folder / "scores" / gone.name).unlink(missing_ok=True)
        world.update()
    world.same_as_rebuilt()


def test_another_currency_level_or_a_broken_file_begins_anew(world):
    rollups = DayRollups(world.folder / "rollups")
    assert len(rollups.update(*world.files(), currency="USD", level=0.95)[2]) == 6
    assert len(rollups.update(*world.files(), currency="USD", level=0.9)[2]) == 6
    (world.folder / "rollups" / "kpis.parquet").write_bytes(b"half")
    assert len(world.update()[2]) == 6
    shutil.rmtree(world.folder / "rollups")
    assert len(world.update()[2]) == 6
    world.same_as_rebuilt()
