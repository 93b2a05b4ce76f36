"""ChannelAttribution's published sample, which its own package carries: exact credit, and its rules."""

import json
import subprocess

import numpy as np
import pandas as pd
import pytest

from attribution.markov import markov
from attribution.paths import paths_from_strings
from attribution.rules import rule_credit, shares
from benchmarks.attribution_peers.environments import attribution_python
from benchmarks.attribution_published import EXPECTED, PEER
from benchmarks.peer_environments import ROOT, MissingEnvironmentError


@pytest.fixture(scope="module")
def peer():
    try:
        return attribution_python("channelattribution", ROOT / ".venv-peers")
    except MissingEnvironmentError as reason:
        pytest.skip(f"ChannelAttribution's environment cannot be made here: {reason}")


@pytest.fixture(scope="module")
def sample(peer):
    found = sorted(peer.parents[1].rglob("cypack/data/Data.csv"))
    assert found, "the package no longer carries its sample"
    return found[0]


@pytest.mark.slow
def test_exact_credit_and_rules_of_the_published_sample(peer, sample):
    data = pd.read_csv(sample, sep=";")
    table = paths_from_strings(
        data["path"].to_numpy(dtype=object),
        conversions=data["total_conversions"],
        nulls=data["total_null"],
        value=data["total_conversion_value"],
    )
    exact = markov(table)
    found = dict(zip(exact.channels, exact.conversions, strict=True))
    assert found == pytest.approx(EXPECTED, abs=1e-3)
    answer = subprocess.run([str(peer), "-c", PEER, str(sample)], capture_output=True, text=True, check=True)
    theirs = pd.DataFrame(json.loads(answer.stdout.strip().splitlines()[-1])).set_index("channel_name")
    for rule in ("first", "last", "linear"):
        ours = rule_credit(table, shares(table, rule))
        for place, kind in enumerate(("conversions", "value")):
            expected = theirs.loc[list(table.channels), f"{rule}_touch_{kind}"].to_numpy()
            # Sums of ten thousands of conversions: 1e-9 of the largest channel.
            np.testing.assert_allclose(ours[:, place], expected, rtol=1e-9, atol=1e-9)
