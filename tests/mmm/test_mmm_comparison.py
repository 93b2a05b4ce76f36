"""Two fits side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmm.archive import read_posterior
from mmm.comparison import compare
from mmm.comparison_steps import explain_by_refits
from mmm.spec import ModelSpec
from tests.mmm.prior_fits import prior_fit
from tests.mmm.rich_panel import lifts_of, rich_panel

SPEC = ModelSpec(lags=4, knot_every=6)


def test_a_fit_against_itself_has_not_moved():
    fitted = prior_fit(rich_panel(2), SPEC)
    found = compare(fitted, fitted)
    assert (found.table[["roas_change", "contribution_moved", "other_weeks"]] == 0).all().all()
    assert not found.table["clearly"].any()
    assert found.in_words() == (
        "Data, settings and lift tests are the same.",
        "No channel's ROAS moved by more than a third of its interval's width.",
    )


def test_what_moved_is_told_and_split(make_lift):
    panel = rich_panel(2)
    before = prior_fit(panel.select(until=panel.dates[35]), SPEC)
    after = prior_fit(panel, replace(SPEC, harmonics=1, draws=999), lifts_of(make_lift, panel)[:1], seed=2)
    after = replace(after, contribution=after.contribution * np.array([9.0, 1.0, 1.0]))
    found = compare(before, after)
    assert len(found.changes.added_periods) == 4
    assert found.changes.settings == {"harmonics": ("3", "1")}
    assert len(found.changes.added_lifts) == 1
    row = found.table.set_index("channel").loc["tv"]
    assert row["clearly"]
    assert row["roas_change"] == pytest.approx(row["roas_after"] - row["roas_before"])
    assert row["other_weeks"] + row["other_belief"] == pytest.approx(row["roas_change"])
    assert row["other_weeks"] != 0
    english, german = found.in_words(), found.in_words("de_DE")
    assert len(english) == len(german)
    assert any(line.startswith("New data: 4 periods") for line in english)
    assert any(line.startswith("tv: ROAS from") for line in english)
    assert any(line.startswith("Neue Daten: 4 Perioden") for line in german)


def test_saved_fits_compare_as_far_as_they_know(tmp_path):
    fitted = prior_fit(rich_panel(2), SPEC)
    fitted.save(tmp_path / "posterior.nc")
    saved = read_posterior(tmp_path / "posterior.nc")
    found = compare(saved, prior_fit(rich_panel(2), SPEC, seed=5))
    assert found.table["other_weeks"].isna().all()
    assert found.changes.added_periods == ()
    old = replace(saved, version=1, dates=saved.dates[:0])
    assert compare(old, fitted).changes.added_lifts is None
    assert any("too old" in line for line in compare(old, fitted).in_words())


def test_refits_split_the_whole_change():
    """Where only the data changed, nothing is fitted and all of the change is the data's."""
    panel = rich_panel(2)
    before, after = prior_fit(panel.select(until=panel.dates[35]), SPEC), prior_fit(panel, SPEC, seed=2)
    found = explain_by_refits(before, after)
    change = compare(before, after).table["roas_change"]
    np.testing.assert_allclose(found["by_data"], change)
    assert (found[["by_settings", "by_lifts"]] == 0).all().all()
