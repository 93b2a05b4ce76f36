"""Paths from touchpoints and tables, intervals, order, reconciliation, the job."""

import numpy as np
import pandas as pd
import pytest

from attribution.campaigns import campaign_credit
from attribution.journeys import JourneyOptions, build_paths, journeys_expression
from attribution.order import choose_order
from attribution.paths import paths_from_strings, read_path_table
from attribution.privacy import noisy_counts
from attribution.reconcile import NOT_INCREMENTAL, Proof, reconcile
from attribution.rules import shares
from attribution.uncertainty import bucket_weights, draws_of, ends
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval
from simulation.journey_spec import JourneySpec
from simulation.journeys import simulate_journeys

EVERY = JourneyOptions(session_minutes=0, gap_days=365, lookback_days=365)


def touchpoints(*rows):
    frame = pd.DataFrame(rows, columns=["unit_id", "ts", "channel", "kind"])
    start = pd.Timestamp("2026-10-01", tz="UTC")
    frame["ts"] = start + pd.to_timedelta(frame["ts"], unit="h")
    frame["value"] = np.where(frame["kind"] == "conversion", 50.0, 0.0)
    return frame.assign(cost=1.0)


def walks(table):
    parts = zip(table.offsets[:-1], table.offsets[1:], table.conversions, strict=True)
    return sorted(([table.channels[i] for i in table.touches[a:b]], c) for a, b, c in parts)


def test_journeys_end_with_conversions_and_silence():
    frame = touchpoints(
        ("u", 0, "a", "click"),
        ("u", 5, "b", "click"),
        ("u", 5, None, "conversion"),
        ("u", 9, "c", "click"),
        ("u", 9 + 24 * 40, "a", "click"),
        ("v", 1, "b", "click"),
        ("v", 1.1, "b", "click"),
        ("w", 1, None, "conversion"),
        ("x", 0, "c", "click"),
        ("x", 24 * 20, "a", "click"),
        ("x", 24 * 35, None, "conversion"),
    )
    table = build_paths(frame)
    assert walks(table) == [(["a"], 0), (["a"], 1), (["a", "b"], 1), (["b"], 0), (["c"], 0)]
    assert (table.untouched_conversions, table.untouched_value) == (1, 50)
    assert table.value.sum() == 100
    assert table.cost.sum() == 8


def test_time_decay_halves_after_its_half_life():
    table = build_paths(touchpoints(("u", 0, "a", "click"), ("u", 168, "b", "click"), ("u", 169, None, "conversion")))
    assert shares(table, "time_decay").tolist() == pytest.approx([1 / 3, 2 / 3], abs=1e-6)


def test_row_order_does_not_matter():
    frame = simulate_journeys(3, JourneySpec(units=300)).touchpoints
    assert walks(build_paths(frame)) == walks(build_paths(frame.sample(frac=1.0, random_state=1)))


def test_path_tables_are_read_in_batches(tmp_path, monkeypatch):
    monkeypatch.setattr("attribution.paths.CHUNK", 8)
    paths = ["z > a", "b", "a > a > b", "c", "q > z", "a"]
    frame = pd.DataFrame({"path": paths, "conversions": [1, 0, 2, 1, 0, 3], "nulls": [0, 4, 1, 0, 1, 0]})
    frame.to_parquet(tmp_path / "paths.parquet")
    read = read_path_table(tmp_path / "paths.parquet")
    direct = paths_from_strings(paths, conversions=frame["conversions"], nulls=frame["nulls"])
    assert walks(read) == walks(direct)
    frame.drop(columns="path").to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(InputError, match="no column path"):
        read_path_table(tmp_path / "bad.parquet")


@pytest.mark.parametrize("order", [1, 2])
def test_the_order_is_found(order):
    table = build_paths(
        simulate_journeys(50 + order, JourneySpec(units=6_000, order=order, days=365)).touchpoints, EVERY
    )
    assert choose_order(table).order == order


def test_intervals_hold_the_true_removal_effect_about_as_often_as_they_say():
    held = []
    for seed in range(12):
        world = simulate_journeys(900 + seed, JourneySpec(units=4_000, days=365))
        table = build_paths(world.touchpoints, EVERY)
        lower, upper = ends(draws_of(table, "markov", bucket_weights(300, seed=seed)).effects[:, :, 0], 0.9)
        true = np.array([world.truth["removal_effect"][name] for name in table.channels])
        held.append(((lower <= true) & (true <= upper)).mean())
    assert 0.8 <= np.mean(held) <= 0.98


def test_noise_has_the_promised_ratio():
    draws = noisy_counts(np.zeros(200_000), epsilon=1.0, per_person=1, seed=3)
    ratio = (draws == 0).sum() / (draws == 1).sum()
    assert ratio == pytest.approx(np.e, rel=0.03)
    with pytest.raises(InputError, match="whole counts"):
        noisy_counts(np.array([0.5]), epsilon=1.0, per_person=1, seed=3)


def _proof(channel, value, error):
    interval = Interval(lower=value - 1.645 * error, upper=value + 1.645 * error, level=0.9, kind="confidence")
    return Proof(
        channel=channel,
        incremental=Estimate(value=value, interval=interval, unit="EUR", method="test"),
        source="geo_lift",
    )


def test_calibration_follows_proof_and_leaves_the_rest_unearned():
    credit = pd.DataFrame({"channel": list("abcd"), "value": [100.0] * 4, "lower": [95.0] * 4, "upper": [105.0] * 4})
    found = reconcile(credit, [_proof("a", 40.0, 2.0), _proof("b", 20.0, 1.0)], total=400.0)
    rows = found.table.set_index("channel")
    assert rows.loc["a", "calibrated"] == pytest.approx(40, rel=0.05)
    assert 20 < rows.loc["c", "calibrated"] < 40
    width = rows["factor_upper"] / rows["factor_lower"]
    assert width["c"] > 2 * width["a"]
    assert rows["disagrees"][list("abcd")].tolist() == [True, True, False, False]
    assert rows["calibrated"].sum() == pytest.approx(400)
    assert rows.loc[NOT_INCREMENTAL, "calibrated"] > 200
    parts = campaign_credit(
        pd.DataFrame({"channel": ["a", "a"], "campaign": ["x", "y"], "share": [0.75, 0.25]}), found.table
    )
    assert parts["calibrated"].sum() == pytest.approx(rows.loc["a", "calibrated"])
    assert len(found.warnings()) == 2


def test_a_test_without_effect_calibrates_towards_nothing():
    credit = pd.DataFrame({"channel": list("ab"), "value": [100.0] * 2, "lower": [95.0] * 2, "upper": [105.0] * 2})
    rows = reconcile(credit, [_proof("a", -1.0, 2.0)], total=200.0).table.set_index("channel")
    assert 0 < rows.loc["a", "calibrated"] < 10


def test_the_job_writes_the_contract(tmp_path):
    from jobs.attribute import run_attribute
    from measurement.workspace import Workspace
    from sample_data import copy_sample

    copy_sample(tmp_path / "w")
    workspace = Workspace.open(tmp_path / "w")
    record = run_attribute(workspace, seed=7)
    credit = pd.read_csv(record.file("credit.csv"))
    assert {"channel", "method", "conversions", "value", "lower", "upper", "level"} <= set(credit.columns)
    assert credit.groupby("method")["conversions"].sum().round(6).nunique() == 1
    assert (pd.read_csv(record.file("transitions.csv"))["count"] % 10 == 0).all()
    assert record.file("reconcile.csv").is_file()
    assert run_attribute(workspace, seed=7).id == record.id


@pytest.mark.parametrize("engine", ["duckdb", "bigquery", "snowflake", "trino"])
def test_the_journeys_can_be_written_for_a_warehouse(engine):
    import ibis

    columns = {
        "unit_id": "string",
        "ts": "timestamp",
        "channel": "string",
        "kind": "string",
        "value": "float64",
        "cost": "float64",
    }
    text = str(ibis.to_sql(journeys_expression(ibis.table(columns, name="touchpoints")), dialect=engine))
    assert "touchpoints" in text
