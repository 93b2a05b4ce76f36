"""What leaves the house: cells of k people or more, noise that keeps its promise, campaigns, settings of a run."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.campaigns import campaign_credit, campaign_shares
from attribution.journeys import JourneyOptions, build_paths, person_numbers
from attribution.noisy import PER_PERSON, bounded_counts, noisy_report
from attribution.paths import paths_from_strings
from attribution.privacy import release
from attribution.published import CONVERSION, END, LATER, flow, supporters, time_to_convert, withheld, withhold
from attribution.report import METHODS, credit_report
from jobs.attribute import run_attribute
from jobs.attribute_memory import remove_reports
from measurement.errors import InputError
from measurement.workspace import Workspace
from sample_data import copy_sample
from simulation.journey_spec import JourneySpec, random_journey_channels
from simulation.journeys import simulate_journeys

KEY = b"0123456789abcdef"


def random_people(seed, people=70, channels=4):
    """Journeys of people, some with several, channels from common to rare."""
    rng = np.random.default_rng(seed)
    weight = 3.0 ** -np.arange(channels)
    count = int(1.3 * people)
    paths = [
        " > ".join(f"c{place}" for place in rng.choice(channels, rng.integers(1, 6), p=weight / weight.sum()))
        for _ in range(count)
    ]
    bought = rng.integers(0, 2, count)
    table = paths_from_strings(paths, conversions=bought, nulls=1 - bought, value=50.0 * bought)
    ages = rng.uniform(0, 20, len(table.touches)).astype(np.float32)
    return replace(table, people=np.sort(rng.integers(0, people, count)), ages=ages)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 9))
def test_every_published_cell_rests_on_k_people(seed, k):
    try:
        table = release(random_people(seed), key=KEY, k=k).paths
    except InputError:
        return
    if not table.conversions.any():
        return
    credit = withhold(credit_report(table, seed=1, draws=10).credit, table, k=k)
    for method, rows in credit.groupby("method"):
        supports = supporters(table, method)
        shown = rows.set_index("channel").loc[list(table.channels), "conversions"].notna().to_numpy()
        count = supports.sum(axis=0)
        assert ((count == 0) | (count >= k))[shown].all()
        left = supports[:, ~shown].any(axis=1).sum() if (~shown).any() else 0
        # The rest of a total must not be about fewer people either, unless everything is withheld.
        assert left == 0 or left >= k or not (count[shown] > 0).any()
    for cells in (flow(table, k=k), time_to_convert(table, k=k)):
        assert (cells["count"] % k == 0).all()
        assert (cells["count"] >= k).all()


def test_few_buyers_behind_a_cell_are_withheld_with_a_companion():
    paths = ["a > b"] * 30 + ["b > c"] * 20 + ["c > a"] * 3
    table = paths_from_strings(paths, conversions=np.ones(53), value=np.ones(53))
    table = replace(table, people=np.arange(53))
    credit = withhold(credit_report(table, seed=1, methods=["last", "markov"], draws=10).credit, table, k=5)
    last = credit[credit["method"] == "last"].set_index("channel")["conversions"]
    # Three buyers ended on a; hiding them alone would show them as the rest of the total.
    assert last.isna().tolist() == [True, False, True]
    assert credit[credit["method"] == "markov"]["conversions"].notna().all()


def test_flow_adds_up_to_the_people():
    table = paths_from_strings(["a > b > a > b > a", "a > b", "a"], conversions=[1, 0, 1], nulls=[0, 1, 0])
    wide = replace(table, people=np.arange(3))
    steps = flow(wide, k=2)
    assert steps.to_dict("records") == [{"step": 1, "from": "a", "to": "b", "count": 2}]
    many = paths_from_strings(["a > b > a > b > a"] * 4, conversions=np.ones(4))
    steps = flow(replace(many, people=np.arange(4)), k=2).set_index(["step", "from", "to"])["count"]
    assert steps[1, "a", "b"] == steps[3, "a", LATER] == steps[4, LATER, CONVERSION] == 4
    assert (4, LATER, END) not in steps


def test_removing_a_person_moves_bounded_counts_by_what_was_promised():
    table = random_people(3, people=40)
    whole, value = bounded_counts(table, table.channels, 60.0)
    for person in np.unique(table.people):
        rest, without = bounded_counts(table.where(table.people != person), table.channels, 60.0)
        assert np.abs(whole - rest).sum() <= PER_PERSON
        assert isinstance(value, int)  # cents: whole, so that one person moves the sum by 6,000 of them at most
        assert 0 <= value - without <= 6_000


def test_long_journeys_keep_their_newest_touches():
    path = " > ".join(["a"] * 30 + ["b"])
    table = paths_from_strings([path], conversions=[1], value=[500.0])
    counts, value = bounded_counts(replace(table, people=np.array([7])), ("a", "b"), 100.0)
    assert counts.sum() == PER_PERSON
    assert counts[2, 2] == 1
    assert value == 10_000


def test_noisy_credit_is_near_the_exact_one_and_never_the_same():
    world = simulate_journeys(5, JourneySpec(units=6_000))
    table = build_paths(world.touchpoints)
    exact = credit_report(table, seed=1, methods=["markov"], draws=10).credit["conversions"].to_numpy()
    found = noisy_report(table, channels=table.channels, epsilon=2.0, largest_value=300.0, seed=4)
    markov = found.credit[found.credit["method"] == "markov"]
    inside = (markov["conversions_lower"] <= exact) & (exact <= markov["conversions_upper"])
    assert inside.mean() > 0.5
    assert np.abs(markov["conversions"] - exact).max() > 0.01
    other = noisy_report(table, channels=table.channels, epsilon=2.0, largest_value=300.0, seed=None)
    assert not other.credit["conversions"].equals(found.credit["conversions"])
    with pytest.raises(InputError, match="largest_value"):
        noisy_report(table, channels=(), epsilon=1.0, largest_value=1.0, seed=1)


def test_noise_that_leaves_a_channel_without_a_way_out_is_still_solved():
    table, solved = random_people(1), 0
    for seed in range(30):
        try:
            found = noisy_report(table, channels=("c0", "c1"), epsilon=0.3, largest_value=60.0, seed=seed, draws=200)
        except InputError:
            continue
        solved += 1
        markov = found.credit[found.credit["method"] == "markov"]
        assert np.isfinite(markov[["conversions", "lower", "upper"]].to_numpy()).all()
        assert markov["conversions"].sum() == pytest.approx(found.conversions)
    assert solved > 10


def test_more_than_twenty_channels_come_with_an_error_bound():
    world = simulate_journeys(9, JourneySpec(units=1_500, channels=random_journey_channels(9, 23)))
    table = build_paths(world.touchpoints)
    rows = credit_report(table, seed=2, methods=["shapley_rate", "linear"], draws=10).credit
    sampled = rows[rows["method"] == "shapley_rate"]
    assert len(table.channels) > 20
    assert (sampled["error"] > 0).all()
    assert sampled["conversions"].sum() == pytest.approx(table.conversions.sum())
    assert (rows[rows["method"] == "linear"]["error"] == 0).all()


def test_campaigns_divide_their_channel():
    frame = simulate_journeys(6, JourneySpec(units=3_000)).touchpoints
    rng = np.random.default_rng(1)
    frame["campaign"] = np.where(frame["channel"] == "search", rng.choice(["brand", "generic"], len(frame)), None)
    frame.loc[frame[frame["channel"] == "search"].index[:1], "campaign"] = "one person"
    people = np.unique(person_numbers(frame["unit_id"].to_numpy(dtype=object)))
    parts = campaign_shares(frame, people, options=JourneyOptions(), k=10)
    assert parts.groupby("channel")["share"].sum().max() <= 1 + 1e-9
    assert "one person" not in set(parts["campaign"])
    search = parts[parts["channel"] == "search"].set_index("campaign")["share"]
    assert 0.3 < search["brand"] < 0.7
    channels = pd.DataFrame({"channel": ["search"], "credit": [200.0], "calibrated": [50.0]})
    assert campaign_credit(parts, channels)["calibrated"].sum() == pytest.approx(50.0, rel=0.05)


def test_withheld_hides_nothing_where_all_is_large():
    assert not withheld(np.ones((20, 3), dtype=bool), 10).any()


def workspace_with(folder, **journeys):
    copy_sample(folder)
    file = folder / "liftwerk.toml"
    lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in journeys.items())
    text = file.read_text("utf-8").replace("[journeys]\n", f"[journeys]\n{lines}")
    file.write_text(text, encoding="utf-8")
    return Workspace.open(folder)


def test_a_run_with_noise_states_its_budget_and_adds_it_up(tmp_path):
    workspace = workspace_with(
        tmp_path / "w", epsilon=1.0, largest_value=300.0, channels=["search", "social", "direct"]
    )
    first = run_attribute(workspace, seed=7)
    again = run_attribute(workspace, seed=7, again=True)
    told = [json.loads(record.file("release.json").read_text("utf-8")) for record in (first, again)]
    assert [each["epsilon_spent"] for each in told] == [1.0, 2.0]
    credit = pd.read_csv(first.file("credit.csv"))
    assert set(credit["channel"]) == {"search", "social", "direct"}
    assert not first.file("private_ledger.parquet").is_file()
    assert not first.file("flow.csv").is_file()


def test_forgetting_a_person_does_not_forget_the_budget_that_was_spent(tmp_path):
    workspace = workspace_with(
        tmp_path / "w", epsilon=1.0, largest_value=300.0, channels=["search", "social", "direct"]
    )
    run_attribute(workspace, seed=7)
    remove_reports(workspace, [])
    anew = run_attribute(workspace, seed=7)
    assert json.loads(anew.file("release.json").read_text("utf-8"))["epsilon_spent"] == 2.0


def test_a_run_takes_its_windows_and_k_from_the_settings(tmp_path):
    wide = run_attribute(workspace_with(tmp_path / "a"), seed=7)
    short = run_attribute(workspace_with(tmp_path / "b", lookback_days=0.5, k=50), seed=7)
    one, two = (pd.read_csv(each.file("credit.csv")) for each in (wide, short))
    assert set(one["method"]) == set(METHODS)
    # With half a day to look back, the first touch that counts is nearly the last one.
    gaps = [
        np.abs(np.subtract(*(each[each["method"] == name]["conversions"].to_numpy() for name in ("first", "last"))))
        for each in (one, two)
    ]
    assert np.nansum(gaps[1]) < 0.5 * gaps[0].sum()
    counts = pd.read_csv(short.file("flow.csv"))["count"]
    assert (counts % 50 == 0).all()


def test_the_sample_tells_the_truth_about_what_is_not_incremental(tmp_path):
    folder = tmp_path / "w"
    record = run_attribute(workspace_with(folder), seed=7)
    rows = pd.read_csv(record.file("reconcile.csv")).set_index("channel")
    truth = json.loads((folder / "truth.json").read_text("utf-8"))["journeys"]["incremental_share"]
    total = json.loads(record.file("release.json").read_text("utf-8"))["value"]
    channels = rows.drop("(not incremental)")
    true = np.array([truth[name] for name in channels.index]) * total
    raw, calibrated = (np.abs(channels[name] - true).sum() for name in ("credit", "calibrated"))
    assert calibrated < 0.5 * raw
    assert 0.3 < rows.loc["(not incremental)", "calibrated"] / total < 0.9
    assert rows.loc["display", "geo_lift"] == pytest.approx(rows.loc["display", "proof"])


def test_epsilon_without_bounds_is_refused(tmp_path):
    copy_sample(tmp_path)
    file = tmp_path / "liftwerk.toml"
    file.write_text(file.read_text("utf-8").replace("[journeys]\n", "[journeys]\nepsilon = 1.0\n"), encoding="utf-8")
    with pytest.raises(InputError, match="largest_value"):
        Workspace.open(tmp_path)
    twice = 'epsilon = 1.0\nlargest_value = 9.0\nchannels = ["search", "search"]\n'
    file.write_text(file.read_text("utf-8").replace("epsilon = 1.0\n", twice), encoding="utf-8")
    with pytest.raises(InputError, match="names one twice"):
        Workspace.open(tmp_path)
