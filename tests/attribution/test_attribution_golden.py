"""ChannelAttribution's published sample, which its own package carries: exact credit, and its rules."""

import numpy as np
import pytest

from attribution.rules import rule_credit, shares
from benchmarks.attribution_peers.environments import attribution_python
from benchmarks.attribution_published import EXPECTED, exact_credit, peer_rules, sample_paths
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
    table = sample_paths(sample)
    assert exact_credit(table) == pytest.approx(EXPECTED, abs=1e-3)
    theirs = peer_rules(peer, sample)
    for rule in ("first", "last", "linear"):
        ours = rule_credit(table, shares(table, rule))
        for place, kind in enumerate(("conversions", "value")):
            expected = theirs.loc[list(table.channels), f"{rule}_touch_{kind}"].to_numpy()
            # Sums of ten thousands of conversions: 1e-9 of the largest channel.
            np.testing.assert_allclose(ours[:, place], expected, rtol=1e-9, atol=1e-9)
