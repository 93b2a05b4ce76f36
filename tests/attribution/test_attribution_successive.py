"""Two successive reports: neither tells of fewer than k people, whatever happened between them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.journeys import build_paths, event_trace
from attribution.paths import paths_from_strings
from attribution.privacy import person_transitions, publishable_transitions, release
from jobs.attribute import run_attribute
from jobs.attribute_memory import LEDGER
from jobs.forget import run_forget
from measurement.errors import InputError
from measurement.workspace import Workspace
from simulation.journey_spec import JourneySpec
from simulation.journeys import simulate_journeys

KEY = b"0123456789abcdef"


def random_table(rng, people, channels):
    """One journey a person, on channels from common to rare."""
    weight = 3.0 ** -np.arange(channels)
    weight /= weight.sum()
    rows = [[f"c{rng.choice(channels, p=weight)}" for _ in range(rng.integers(1, 4))] for _ in range(people)]
    table = paths_from_strings([" > ".join(row) for row in rows], conversions=rng.integers(0, 2, people))
    return replace(table, people=np.arange(people), nulls=1 - table.conversions)


def stories(table):
    """Person → what the table says of them."""
    parts = zip(table.people, table.offsets[:-1], table.offsets[1:], table.conversions, strict=True)
    return {int(person): (tuple(table.channels[i] for i in table.touches[a:b]), won) for person, a, b, won in parts}


def met_by(table):
    owner = table.people[table.owner()]
    return {name: set(owner[table.touches == place].tolist()) for place, name in enumerate(table.channels)}


def differing(first, second):
    """Channel → people whose part in the two reports differs and who met the channel in either of them."""
    one, two = stories(first), stories(second)
    changed = {person for person in one.keys() | two.keys() if one.get(person) != two.get(person)}
    found = {}
    for person in changed:
        for name in {*one.get(person, ((), 0))[0], *two.get(person, ((), 0))[0]}:
            found.setdefault(name, set()).add(person)
    return found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.booleans())
def test_two_reports_differ_by_k_people_on_every_channel_or_not_at_all(seed, k, forgotten):
    rng = np.random.default_rng(seed)
    people, channels = int(rng.integers(40, 90)), int(rng.integers(2, 5))
    table = random_table(rng, people, channels)
    cut = people - int(rng.integers(0, 30))
    try:
        first = release(table.where(np.arange(people) < cut), key=KEY, k=k)
    except InputError:
        return
    before = met_by(first.paths)
    assert min(len(each) for each in before.values()) >= k
    assert (publishable_transitions(person_transitions(first.paths), k=k)["count"] >= k).all()
    # Some leave, some come, and some of those who stay buy after all.
    buys = rng.random(people) < rng.choice([0.0, 0.05, 0.3])
    later = replace(table, conversions=np.where(buys, 1.0, table.conversions), nulls=np.where(buys, 0.0, table.nulls))
    stays = np.arange(people) >= rng.integers(0, 3)
    ledger = replace(first.ledger, report_is_gone=forgotten)
    try:
        second = release(later.where(stays), key=KEY, k=k, previous=ledger)
    except InputError:
        assert forgotten
        return
    assert second.paths is not None or not forgotten
    if second.paths is None:
        return
    assert all(len(each) >= k for each in differing(first.paths, second.paths).values())
    assert all(len(each) >= k for each in met_by(second.paths).values())


def test_five_people_who_changed_are_not_ten():
    paths = ["a > b"] * 30 + ["b"] * 30
    table = paths_from_strings(paths, conversions=np.zeros(60), nulls=np.ones(60))
    table = replace(table, people=np.arange(60))
    first = release(table, key=KEY, k=10)
    for changed, stands in ((5, True), (9, True), (10, False)):
        bought = (np.arange(60) < changed).astype(float)
        second = release(replace(table, conversions=bought, nulls=1 - bought), key=KEY, k=10, previous=first.ledger)
        assert (second.paths is None) == stands


def test_one_person_on_a_new_channel_changes_nothing():
    frame = simulate_journeys(4, JourneySpec(units=200)).touchpoints
    first = release(build_paths(frame), key=KEY)
    start = frame["ts"].min()
    one = pd.DataFrame(
        {"unit_id": "someone", "ts": [start, start], "channel": ["secret", "search"], "kind": "click",
         "value": 0.0, "cost": 1.0}
    )  # fmt: skip
    second = release(build_paths(pd.concat([frame, one])), key=KEY, previous=first.ledger)
    assert stories(second.paths) == stories(first.paths)
    assert "secret" not in second.paths.channels


@pytest.mark.parametrize("column", ["cost", "ts", "campaign"])
def test_an_event_that_leaves_the_path_as_it_was_still_counts_as_a_change(column):
    frame = simulate_journeys(4, JourneySpec(units=300)).touchpoints.assign(campaign="x")

    def released(rows, previous=None):
        paths = build_paths(rows)
        return release(paths, key=KEY, previous=previous, trace=event_trace(rows, paths))

    first = released(frame)
    assert released(frame.sample(frac=1.0, random_state=1), first.ledger).paths is not None
    other = frame.copy()
    touch = frame.index[frame["channel"] == "search"][0]
    other.loc[touch, column] = {"cost": 99.0, "ts": frame["ts"][touch] + pd.Timedelta("1s"), "campaign": "y"}[column]
    assert released(other, first.ledger).paths is None


def journeys_workspace(folder, seed):
    folder.mkdir()
    (folder / "liftwerk.toml").write_text(
        '[workspace]\ncurrency = "EUR"\n[journeys]\ntouchpoints = "touchpoints.parquet"\nk = 8\n'
    )
    frame = simulate_journeys(seed, JourneySpec(units=250)).touchpoints
    frame.to_parquet(folder / "touchpoints.parquet")
    return Workspace.open(folder), frame


def test_forgetting_one_person_takes_so_many_others_along_that_nobody_can_be_told(tmp_path):
    workspace, frame = journeys_workspace(tmp_path / "w", 6)
    first = run_attribute(workspace, seed=7)
    before = pd.read_parquet(first.file(LEDGER))
    buyer = frame.loc[frame["kind"] == "conversion", "unit_id"].iloc[0]
    done = run_forget(workspace, buyer, seed=7)
    assert not done.rebuilt["attribution"].startswith("none")
    after = pd.read_parquet(workspace.runs / "attribution" / done.rebuilt["attribution"] / LEDGER)
    gone = before[~before["person"].isin(after["person"])]
    assert len(before["person"].unique()) - 60 < len(after["person"].unique()) < len(before["person"].unique())
    assert (gone.groupby("channel")["person"].nunique() >= 8).all()
    # Nothing of the forgotten is left in the file that bridges the two reports, and then the file goes too.
    assert not list((workspace.runs / "attribution").glob(".private*"))


def test_forgetting_somebody_who_met_nothing_leaves_the_report_as_it_was(tmp_path):
    workspace, _ = journeys_workspace(tmp_path / "w", 8)
    first = run_attribute(workspace, seed=7)
    credit = pd.read_csv(first.file("credit.csv"))
    (tmp_path / "w" / "note.csv").write_text("unit_id,said\nnobody-1,hello\n")
    done = run_forget(workspace, "nobody-1", seed=7)
    again = pd.read_csv(workspace.runs / "attribution" / done.rebuilt["attribution"] / "credit.csv")
    pd.testing.assert_frame_equal(credit, again)
