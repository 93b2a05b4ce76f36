"""A large Parquet file of calls stays where it is only where reading it row by row would find nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.readers import event_parquet
from measurement.readers.event_parquet import is_sound
from measurement.readers.event_schemas import CONTENT_TABLES
from measurement.readers.event_tables import read_events
from measurement.readers.findings import Findings

SCHEMA = CONTENT_TABLES["gen_call"]
IDS = ("trace_id", "span_id", "output_id")


def calls(rows=500):
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "start_ts": pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(rng.integers(0, 9**9, rows), unit="ms"),
            "duration_ms": rng.lognormal(6, 1, rows),
            "team": rng.choice(["web", "crm"], rows),
            "model": rng.choice(["m1", "m2"], rows),
            "error_type": rng.choice(np.array([None, "", "timeout"], dtype=object), rows),
            "input_tokens": rng.integers(0, 100, rows),
            "context_window": 8_000,
            "cost": np.where(rng.random(rows) < 0.1, np.nan, rng.random(rows)),
            "currency": "EUR",
        }
    )


def spoil(column, value):
    def spoilt(frame):
        return frame.assign(**{column: frame[column].astype(object).where(frame.index != 7, value)})

    return spoilt


FAULTS = {
    "negative tokens": lambda t: t.assign(input_tokens=t["input_tokens"].where(t.index != 7, -1)),
    "no window": lambda t: t.assign(context_window=t["context_window"].where(t.index != 7, 0)),
    "no duration": lambda t: t.assign(duration_ms=t["duration_ms"].where(t.index != 7, np.nan)),
    "an endless duration": lambda t: t.assign(duration_ms=t["duration_ms"].where(t.index != 7, np.inf)),
    "no start": lambda t: t.assign(start_ts=t["start_ts"].where(t.index != 7)),
    "no model": spoil("model", None),
    "an empty model": spoil("model", ""),
    "other money": spoil("currency", "USD"),
    "times as text": lambda t: t.assign(start_ts=t["start_ts"].astype(str)),
    "numbers as text": lambda t: t.assign(cost=t["cost"].astype(str)),
    "no such column": lambda t: t.drop(columns="model"),
}


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(event_parquet, "SMALL", 100)
    monkeypatch.setattr(event_parquet, "_BATCH", 64)


def test_a_file_without_a_fault_stays(tmp_path):
    calls().to_parquet(tmp_path / "gen_call.parquet", row_group_size=200)
    assert is_sound(tmp_path / "gen_call.parquet", SCHEMA, "EUR", IDS)
    found = Findings("gen_call.parquet")
    read_events(tmp_path / "gen_call.parquet", "gen_call.parquet", SCHEMA, "EUR", found)
    assert not found.problems


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_with_a_fault_is_read_row_by_row(tmp_path, fault):
    FAULTS[fault](calls()).to_parquet(tmp_path / "gen_call.parquet", row_group_size=200)
    assert not is_sound(tmp_path / "gen_call.parquet", SCHEMA, "EUR", IDS)


def test_blanks_around_names_are_taken_off_by_the_reader(tmp_path):
    spoil("team", " web")(calls()).to_parquet(tmp_path / "gen_call.parquet")
    assert not is_sound(tmp_path / "gen_call.parquet", SCHEMA, "EUR", IDS)


def test_small_files_and_other_files_are_read_as_ever(tmp_path):
    calls(50).to_parquet(tmp_path / "gen_call.parquet")
    calls().to_csv(tmp_path / "gen_call.csv", index=False)
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no more")
    assert not any(is_sound(file, SCHEMA, "EUR", IDS) for file in tmp_path.iterdir())
