"""A look before a fit finds what was planted, where it was planted, and nothing where nothing was."""

from __future__ import annotations

import json
import string
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from measurement.panel import Panel
from measurement.wording import load_wording
from mmm import exploration_figures
from mmm.exploration import explore
from mmm.exploration_findings import _ORDER

GEOS = ["A", "B", "C", "D", "E", "F"]
CHANNELS = ["search", "social", "tv"]


@dataclass
class World:
    """Arrays of an innocent panel, to be spoilt."""

    outcome: np.ndarray
    spend: np.ndarray
    cost: np.ndarray
    dates: pd.DatetimeIndex
    geos: list[str] = field(default_factory=lambda: list(GEOS))
    channels: list[str] = field(default_factory=lambda: list(CHANNELS))
    free: np.ndarray | float = 0.0

    def panel(self, **more) -> Panel:
        exposure = self.spend / self.cost + self.free
        return Panel.from_arrays(
            outcome=self.outcome, dates=self.dates, geos=self.geos, spend=self.spend, exposure=exposure,
            channels=self.channels, **more,
        )  # fmt: skip


def world(seed: int = 3, weeks: int = 130, geos: int = 6) -> World:
    """Three channels that move on their own and pause at times; their effect is in the outcome."""
    rng = np.random.default_rng(seed)
    shape = (geos, weeks, 3)
    size = rng.uniform(0.5, 2.0, geos)
    spend = 1000.0 * size[:, None, None] * rng.lognormal(0.0, 0.25, shape)
    for geo in range(geos):
        for channel in range(3):
            spend[geo, 10 * (geo + 2 * channel) : 10 * (geo + 2 * channel) + 6, channel] = 0.0
    usual = 20000.0 * size[:, None]
    outcome = usual * (1 + 0.03 * rng.standard_normal((geos, weeks))) + 1.5 * spend.sum(axis=2)
    cost = 0.5 * rng.lognormal(0.0, 0.03, shape)
    return World(outcome, spend, cost, pd.date_range("2024-01-01", periods=weeks, freq="7D"), GEOS[:geos])


def names(found) -> set[str]:
    return {finding.name for finding in found.findings}


def the(found, name: str):
    """The only finding of a name."""
    (finding,) = [finding for finding in found.findings if finding.name == name]
    return finding


def test_nothing_is_found_where_nothing_is_wrong():
    found = explore(world().panel())
    assert found.findings == ()
    assert (found.identifiability.table["ratio"] < 0.5).all()


def test_channels_that_move_together():
    spoilt, rng = world(), np.random.default_rng(1)
    spoilt.spend[..., 1] = 2.0 * spoilt.spend[..., 0] * rng.lognormal(0, 0.03, spoilt.spend.shape[:2])
    found = explore(spoilt.panel())
    finding = the(found, "collinear")
    assert finding.subject == "search + social"
    assert finding.value > 0.98
    assert finding.severity == "warning"
    inflation = found.inflation.set_index("channel")["own_variation"]
    assert inflation["search"] > 10
    assert inflation["tv"] < 1.2
    assert found.identifiability.correlation[0, 1] < -0.5


def test_copies_of_a_channel():
    spoilt = world()
    spoilt.spend[..., 1] = 2.0 * spoilt.spend[..., 0]
    found = explore(spoilt.panel())
    assert the(found, "duplicated").subject == "search + social"
    assert "collinear" not in names(found)
    assert np.isinf(found.inflation["own_variation"][0])


def test_a_national_plan_is_no_collinearity_where_geos_deviate():
    spoilt, rng = world(), np.random.default_rng(2)
    plan = rng.lognormal(0.0, 0.6, 130)
    spoilt.spend[..., :2] *= plan[None, :, None]
    found = explore(spoilt.panel())
    row = found.correlations.query("channel == 'search' and other == 'social'").iloc[0]
    assert row["within_geos"] > 0.4
    assert abs(row["own_variation"]) < 0.4
    assert "collinear" not in names(found)


def test_spend_spread_by_a_key_is_the_same_everywhere():
    spoilt = world()
    national = spoilt.spend[..., 2].sum(axis=0)
    spoilt.spend[..., 2] = np.arange(1.0, 7.0)[:, None] * national / 21.0
    finding = the(explore(spoilt.panel()), "same_everywhere")
    assert finding.subject == "tv"
    assert finding.value == pytest.approx(0.0, abs=1e-9)


def test_a_channel_made_of_the_others_is_inflated_though_no_pair_is_alike():
    spoilt, rng = world(), np.random.default_rng(5)
    walk = rng.lognormal(0.0, 0.5, (*spoilt.spend.shape[:2], 2))
    spoilt.spend[..., :2] = 1000.0 * walk
    spoilt.spend[..., 2] = 1000.0 * walk.sum(axis=2) * rng.lognormal(0, 0.02, walk.shape[:2])
    found = explore(spoilt.panel())
    assert "collinear" not in names(found)
    assert "tv" in {finding.subject for finding in found.findings if finding.name == "inflated"}


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("constant_spend", lambda spend: np.full_like(spend, 500.0)),
        ("never_spent", np.zeros_like),
        ("never_low", lambda spend: np.maximum(spend, 0.6 * spend.mean(axis=1, keepdims=True))),
        ("rarely_on_air", lambda spend: np.where(np.arange(spend.shape[1]) < 5, spend, 0.0)),
    ],
)
def test_how_a_channel_was_bought(name, spoil):
    spoilt = world()
    spoilt.spend[..., 2] = spoil(spoilt.spend[..., 2])
    found = explore(spoilt.panel())
    assert the(found, name).subject == "tv"
    assert name in names(found)


def test_an_outlier_of_the_outcome_is_named_with_place_and_date():
    spoilt = world()
    spoilt.outcome[1, 40] *= 4.0
    found = explore(spoilt.panel())
    assert list(found.outliers["subject"]) == ["outcome"]
    row = found.outliers.iloc[0]
    assert (row["geo"], row["date"]) == ("B", spoilt.dates[40])
    assert row["times"] == pytest.approx(4.0, rel=0.15)
    sentence = the(found, "outcome_outlier").sentence
    assert "in B" in sentence
    assert "other geos" not in sentence


def test_a_slip_of_the_decimal_sign_in_spend():
    spoilt = world()
    spoilt.spend[2, 100, 0] *= 10.0
    found = explore(spoilt.panel())
    finding = the(found, "spend_outlier")
    assert finding.subject == "search"
    assert finding.severity == "warning"
    assert [(row.geo, row.date) for row in found.outliers.itertuples()] == [("C", spoilt.dates[100])]


def test_an_event_everywhere_is_told_as_one():
    spoilt = world()
    spoilt.outcome[:, 60] *= 2.5
    sentence = the(explore(spoilt.panel()), "outcome_outlier").sentence
    assert "5 other geos" in sentence
    assert "24 Feb 2025" in sentence


def test_weekday_rhythm_is_no_outlier():
    rng = np.random.default_rng(4)
    dates = pd.date_range("2024-01-01", periods=400, freq="D")
    rhythm = np.array([1.0, 1.1, 1.0, 1.0, 1.3, 2.5, 0.3])[dates.day_of_week]
    outcome = 1000.0 * rhythm * rng.lognormal(0, 0.05, (3, 400))
    panel = Panel.from_arrays(outcome=outcome, dates=dates, geos=["A", "B", "C"])
    assert explore(panel).outliers.empty
    outcome[1, 200] *= 3.0
    spoilt = Panel.from_arrays(outcome=outcome, dates=dates, geos=["A", "B", "C"])
    assert [(row.geo, row.date) for row in explore(spoilt).outliers.itertuples()] == [("B", dates[200])]


def test_spend_that_follows_the_season():
    spoilt = world()
    season = np.cos(2 * np.pi * (spoilt.dates.day_of_year.to_numpy() - 350) / 365.25)
    spoilt.outcome *= 1 + 0.2 * season
    innocent = explore(spoilt.panel())
    assert "follows_season" not in names(innocent)
    spoilt.spend[..., 0] = 1000.0 * (1.2 + season) * np.random.default_rng(1).lognormal(0, 0.1, (6, 130))
    finding = the(explore(spoilt.panel()), "follows_season")
    assert finding.subject == "search"
    assert finding.value > 0.9


def test_cost_per_exposure_that_jumps():
    spoilt = world()
    spoilt.cost[:, 70:, 1] *= 1.6
    found = explore(spoilt.panel())
    finding = the(found, "cost_jump")
    assert finding.subject == "social"
    assert finding.value == pytest.approx(1.6, rel=0.05)
    date = found.cost_changes.set_index("channel")["jump_date"]["social"]
    assert abs((date - spoilt.dates[70]).days) <= 21
    assert "cost_drift" not in names(found)


def test_cost_per_exposure_that_drifts():
    spoilt = world()
    spoilt.cost[..., 0] *= np.linspace(1.0, 0.6, 130)[None, :]
    found = explore(spoilt.panel())
    finding = the(found, "cost_drift")
    assert finding.subject == "search"
    assert finding.value == pytest.approx(0.6, abs=0.08)
    assert "less" in finding.sentence


def test_a_geo_that_pays_three_times_the_cost():
    spoilt = world()
    spoilt.cost[2, :, 0] *= 3.0
    finding = the(explore(spoilt.panel()), "uneven_cost")
    assert finding.subject == "search"
    assert "In C one exposure" in finding.sentence


def test_money_without_exposure_and_the_reverse():
    spoilt = world()
    spoilt.free = np.zeros_like(spoilt.spend)
    spoilt.free[..., 2] = 400.0
    found = explore(spoilt.panel())
    assert "exposure_without_spend" not in names(found)  # 5% of the weeks were off air, with a fifth of the exposure
    spoilt.spend[:, 20:60, 2] = 0.0
    assert the(explore(spoilt.panel()), "exposure_without_spend").subject == "tv"
    lost = world()
    lost.cost[:, :10, 1] = np.inf
    assert the(explore(lost.panel()), "spend_without_exposure").subject == "social"


def test_missing_weeks_and_zero_outcome():
    spoilt = world()
    kept = np.delete(np.arange(130), [50, 51])
    spoilt.outcome[3, 80:84] = 0.0
    panel = Panel.from_arrays(
        outcome=spoilt.outcome[:, kept], dates=spoilt.dates[kept], geos=GEOS, spend=spoilt.spend[:, kept],
        channels=CHANNELS,
    )  # fmt: skip
    found = explore(panel)
    assert the(found, "gap").value == 2
    zero = the(found, "zero_outcome")
    assert "4 periods" in zero.sentence
    assert "in D" in zero.sentence


@pytest.mark.parametrize(("weeks", "severity"), [(80, "hint"), (40, "warning")])
def test_too_few_weeks(weeks, severity):
    assert the(explore(world(weeks=weeks).panel()), "too_few_periods").severity == severity


def test_a_panel_that_no_model_can_take_is_still_looked_at():
    found = explore(world(weeks=12).panel())
    assert found.identifiability is None
    assert "at least 20 periods" in the(found, "model_refuses").sentence
    assert len(found.channels_table()) == 3


def test_a_channel_never_spent_is_told_once_and_negative_spend_is_not_taken_for_it():
    spoilt = world()
    spoilt.spend[..., 2] = 0.0
    assert [finding.name for finding in explore(spoilt.panel()).findings if finding.subject == "tv"] == ["never_spent"]
    spoilt.spend[..., 2] = -5.0
    told = [finding.sentence for finding in explore(spoilt.panel()).findings if finding.subject == "tv"]
    assert any("negative" in sentence for sentence in told)


def test_no_channels_at_all():
    spoilt = world()
    panel = Panel.from_arrays(outcome=spoilt.outcome, dates=spoilt.dates, geos=GEOS)
    assert names(explore(panel)) == {"model_refuses"}


def test_one_geo():
    found = explore(world(geos=1).panel())
    assert "one_geo" in names(found)
    little = [finding for finding in found.findings if finding.name in {"little_information", "some_information"}]
    assert all("geo design" not in finding.remedy for finding in little)


def test_the_order_of_geos_and_channels_and_the_currency_change_nothing():
    spoilt = world()
    spoilt.outcome[1, 40] *= 4.0
    spoilt.cost[:, 70:, 1] *= 1.6
    spoilt.spend[..., 2] = np.maximum(spoilt.spend[..., 2], 0.6 * spoilt.spend[..., 2].mean(axis=1, keepdims=True))
    told = explore(spoilt.panel(population=np.arange(1.0, 7.0)))
    geos, channels = [4, 0, 5, 2, 1, 3], [2, 0, 1]
    turned = World(
        1000.0 * spoilt.outcome[geos], 1000.0 * spoilt.spend[geos][..., channels],
        1000.0 * spoilt.cost[geos][..., channels], spoilt.dates,
        [GEOS[place] for place in geos], [CHANNELS[place] for place in channels],
    )  # fmt: skip
    again = explore(turned.panel(population=np.arange(1.0, 7.0)[geos], currency="JPY"))
    assert len(told.findings) >= 3
    assert [finding.sentence for finding in again.findings] == [finding.sentence for finding in told.findings]
    ratio = [found.identifiability.table.set_index("channel")["ratio"] for found in (told, again)]
    pd.testing.assert_series_equal(ratio[0], ratio[1][CHANNELS], rtol=0.02)  # the noise is found by a search


def test_findings_speak_german():
    spoilt = world()
    spoilt.outcome[1, 40] *= 4.0
    english, german = explore(spoilt.panel()), explore(spoilt.panel(), locale="de_DE")
    assert names(english) == names(german)
    assert "Werte des Ergebnisses" in the(german, "outcome_outlier").sentence
    assert exploration_figures.cost_figure(german).layout.title.text == "Kosten je Kontakt über die Zeit"


def test_catalogues_have_the_same_keys_and_fields():
    english, german = (load_wording("mmm", locale, "EUR").messages for locale in ("en_GB", "de_DE"))
    assert english.keys() == german.keys()
    for key, text in english.items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(one) if name} for one in (text, german[key])]
        assert fields[0] == fields[1], key
    told = {key.split(".")[1] for key in english if key.startswith("finding.")}
    assert told == set(_ORDER)


@pytest.mark.parametrize("weeks", [130, 12])
def test_figures_show_every_channel(weeks):
    spoilt = world(weeks=weeks)
    spoilt.outcome[1, 5] *= 4.0
    found = explore(spoilt.panel())
    figures = {
        name: getattr(exploration_figures, name)(found) for name in dir(exploration_figures) if name.endswith("_figure")
    }
    assert len(figures) == 6
    assert list(figures["correlation_figure"].data[0].x) == CHANNELS
    assert [trace.name for trace in figures["cost_figure"].data] == CHANNELS
    assert [trace.name for trace in figures["share_figure"].data] == CHANNELS
    assert len(figures["level_figure"].data) == 3
    assert len(figures["information_figure"].data) == (weeks == 130)


def test_an_exploration_is_plain_json():
    from decisions.plain import plain

    spoilt = world()
    spoilt.spend[..., 2] = 0.0
    spoilt.spend[..., 1] = spoilt.spend[..., 0]
    answer = json.loads(json.dumps(plain(explore(spoilt.panel()).to_dict()), allow_nan=False))
    assert {row["channel"] for row in answer["channels"]} == set(CHANNELS)
    assert {"name", "subject", "value", "limit", "sentence", "remedy", "severity"} == answer["findings"][0].keys()
