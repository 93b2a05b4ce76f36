"""Content pipeline: columns, keys, the incident week, the canary and the judge are what the truth says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.readers.event_schemas import CONTENT_TABLES
from simulation.content import Content, draw_outputs, simulate_content
from simulation.content_spec import TEAMS, ContentSpec


@pytest.fixture(scope="module")
def content() -> Content:
    return simulate_content(12)


@pytest.fixture(scope="module")
def large() -> tuple[Content, pd.DataFrame]:
    """A pipeline with ten times the outputs, for shares that must be near their truth; and its outputs."""
    spec = ContentSpec(teams=tuple(replace(team, outputs_per_day=10 * team.outputs_per_day) for team in TEAMS))
    return simulate_content(5, spec), draw_outputs(np.random.default_rng([5, 50]), spec)


def test_every_table_of_the_contract_with_its_columns(content):
    assert set(content.tables) == set(CONTENT_TABLES)
    for name, table in content.tables.items():
        # the simulated pipeline knows one prompt a model, so that it tells none of its versions
        assert list(table.columns) == [
            column.name for column in CONTENT_TABLES[name] if column.name != "prompt_version"
        ], name
        for column in CONTENT_TABLES[name]:
            if column.name not in table:
                continue
            if column.required:
                assert table[column.name].notna().all(), (name, column.name)
            if column.kind == "time" and table[column.name].notna().any():
                assert str(table[column.name].dt.tz) == "UTC", (name, column.name)
            if column.unique:
                assert table[column.name].is_unique


def test_keys_join(content):
    outputs = set(content.tables["gen_output"]["output_id"])
    for name in ("gen_call", "gen_score", "creative_variant"):
        assert set(content.tables[name]["output_id"]) <= outputs
    assert content.tables["gen_call"]["span_id"].is_unique
    assert content.tables["creative_variant"]["output_id"].is_unique
    assert content.tables["creative_variant"]["arm_id"].nunique() == 13


def test_creatives_were_published_by_their_model_before_they_ran(content):
    variants = content.tables["creative_variant"].merge(content.tables["gen_output"], on="output_id")
    made_by = content.tables["gen_call"].groupby("output_id")["model"].first()
    assert (variants["published_ts"] < variants["valid_from"]).all()
    running = variants[variants["arm_id"] == "running-2"].iloc[0]
    assert made_by[running["output_id"]] == "lumen-small"


def test_times_are_in_order(content):
    outputs = content.tables["gen_output"]
    end = pd.Timestamp("2026-11-23", tz="UTC")
    assert (outputs["approved_ts"].dropna() > outputs["requested_ts"][outputs["approved_ts"].notna()]).all()
    published = outputs[outputs["published_ts"].notna()]
    assert (published["published_ts"] > published["approved_ts"]).all()
    assert (published["status"] == "published").all()
    assert outputs["published_ts"].max() < end
    incidents = content.tables["gen_incident"]
    assert (incidents["opened_ts"] < incidents["detected_ts"]).all()
    assert (incidents["detected_ts"] < incidents["resolved_ts"]).all()


def test_cost_follows_from_tokens(content):
    calls = content.tables["gen_call"]
    row = calls[(calls["model"] == "lumen-large") & calls["error_type"].isna() & (calls["cache_read_tokens"] > 0)].iloc[
        0
    ]
    fresh = row["input_tokens"] - row["cache_read_tokens"]
    expected = (fresh * 2.8 + row["cache_read_tokens"] * 0.28 + row["output_tokens"] * 13.5) / 1e6
    assert row["cost"] == pytest.approx(expected, abs=1e-6)
    failed = calls["error_type"].notna()
    assert (calls.loc[failed, "cost"] == 0).all()
    assert (calls.loc[failed, "output_tokens"] == 0).all()
    assert calls.loc[failed, "ttft_ms"].isna().all()
    assert (calls["cache_read_tokens"] <= calls["input_tokens"]).all()


def test_incident_week_is_slow_and_fails(large):
    content, _ = large
    calls = content.tables["gen_call"]
    calls = calls[calls["model"] == "lumen-large"]
    truth = content.truth["incident"]
    day = calls["start_ts"].dt.strftime("%Y-%m-%d")
    inside = day.between(truth["first_day"], truth["last_day"])
    assert truth["first_day"] == "2026-10-19"
    failed = calls["error_type"].notna()
    assert failed[inside].mean() == pytest.approx(truth["error_rate"], abs=0.03)
    assert failed[~inside].mean() == pytest.approx(0.012, abs=0.004)
    sound = calls[~failed & (calls["arm"] != "canary")]
    ratio = sound["duration_ms"][inside].median() / sound["duration_ms"][~inside].median()
    assert ratio == pytest.approx(truth["latency_factor"], rel=0.1)


def test_canary_invents_more(large):
    content, outputs = large
    canary = content.spec.canary
    running = outputs[outputs["arm"].notna() & (outputs["model"] == "lumen-small")]
    assert set(running["team"]) == {canary.team}
    assert running["day"].min() >= canary.from_day
    share = running.groupby("arm")["invented"].mean()
    assert share["canary"] / share["control"] == pytest.approx(canary.hallucination_factor, rel=0.35)
    assert (running["arm"] == "canary").mean() == pytest.approx(canary.share, abs=0.03)


def test_judge_errs_as_the_truth_says(large):
    content, outputs = large
    scores = content.tables["gen_score"]
    verdicts = scores[(scores["name"] == "hallucination") & (scores["source"] == "llm_judge")]
    verdicts = verdicts.merge(outputs[["output_id", "invented"]], on="output_id")
    for version, part in verdicts.groupby("judge_version"):
        said = part.groupby("invented")["value"].mean()
        assert said[1.0] == pytest.approx(content.truth["judge"][version]["sensitivity"], abs=0.05)
        assert said[0.0] == pytest.approx(1 - content.truth["judge"][version]["specificity"], abs=0.006)
    human = scores[(scores["name"] == "hallucination") & (scores["source"] == "human")]
    human = human.merge(outputs[["output_id", "invented"]], on="output_id")
    assert (human["value"] == human["invented"]).all()
    judged = verdicts["output_id"].nunique() / len(outputs)
    assert judged == pytest.approx(content.spec.judged, abs=0.02)


def test_quiet_pipeline_has_neither_canary_nor_incident():
    quiet = simulate_content(3, ContentSpec(canary=None, incident=None))
    assert quiet.tables["gen_call"]["arm"].isna().all()
    assert "model_degradation" not in set(quiet.tables["gen_incident"]["kind"])
    assert "incident" not in quiet.truth


def test_same_seed_same_tables(content):
    again = simulate_content(12)
    for name, table in content.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)
    assert not simulate_content(13).tables["gen_call"].equals(content.tables["gen_call"])


def test_too_small_a_pipeline_is_refused():
    with pytest.raises(InputError):
        simulate_content(1, ContentSpec(teams=tuple(replace(team, outputs_per_day=0.2) for team in TEAMS)))
