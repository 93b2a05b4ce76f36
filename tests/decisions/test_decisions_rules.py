"""Evidence and the rules by which money is moved or held."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from decisions.evidence import KnownTest, channel_evidence
from decisions.recommendation import Context, Stability, holds, moves, recommend
from decisions.sentences import chance, reason, wordings
from measurement.curves import ResponseCurves
from measurement.estimates import Estimate, Interval, LiftEstimate
from measurement.plans import Allocation

WHEN = datetime(2026, 11, 23, tzinfo=UTC)
TODAY = date(2026, 11, 22)


def curves(*slopes: tuple[float, float], draws: int = 4000) -> ResponseCurves:
    """Straight lines through zero with normal slopes (mean, sd), kept positive."""
    rng = np.random.default_rng(1)
    grid = np.tile(np.array([0.0, 200.0]), (len(slopes), 1))
    slope = np.stack([np.maximum(rng.normal(mean, sd, draws), 0.0) for mean, sd in slopes], axis=1)
    return ResponseCurves(
        channels=tuple("abcdef"[: len(slopes)]), spend=grid, outcome=slope[:, :, None] * grid[None],
        observed_spend=np.full(len(slopes), 100.0), currency="EUR", run="fit",
    )  # fmt: skip


def allocation(response: ResponseCurves, *proposed: float, binding: tuple[str, ...] = ()) -> Allocation:
    zero = Estimate(
        value=0.0, interval=Interval(lower=0.0, upper=0.0, level=0.9, kind="credible"), unit="EUR", method="m"
    )
    return Allocation(
        spend=dict(zip(response.channels, proposed, strict=True)),
        current=dict.fromkeys(response.channels, 100.0), expected_outcome=0.0, upper_bound=0.0, gap=0.0,
        marginal_roas=dict.fromkeys(response.channels, 1.0), binding=binding, shadow_prices={}, gain=zero,
        chance_of_loss=0.0, currency="EUR",
    )  # fmt: skip


def rules(response: ResponseCurves, plan: Allocation, *, test: str = "", healthy: bool = True) -> dict[str, str]:
    made, stability = moves(plan, response), Stability()
    evidence = {
        move.channel: channel_evidence(move.channel, roas=None, model_healthy=True, tests=(), today=TODAY)
        for move in made
    }
    context = Context(
        held=holds(made, stability), rejected={}, evidence=evidence, binding=plan.binding, next_test=test,
        decided_at=WHEN, healthy=healthy, stability=stability,
    )  # fmt: skip
    decisions = recommend(made, context)
    return {decision.subject: decision.rule for decision in decisions}


def test_a_move_is_weighed_against_the_other_end_of_it():
    response = curves((3.0, 0.3), (1.0, 0.3))
    up, down = moves(allocation(response, 120.0, 80.0), response)
    assert up.outcome.value == pytest.approx(60.0, rel=0.02)
    assert up.gain.value == pytest.approx(40.0, rel=0.02)  # 20 moved from a return of 1 to a return of 3
    assert down.gain.value == pytest.approx(up.gain.value)
    assert up.chance > 0.99
    # the difference of the slopes is normal with sd 0.3 · √2
    assert up.gain.interval.width == pytest.approx(2 * 1.645 * 20 * 0.3 * np.sqrt(2), rel=0.06)


def test_gains_of_both_ends_are_the_gain_of_the_plan():
    response = curves((3.0, 0.3), (1.0, 0.3), (2.0, 0.2))
    plan = allocation(response, 130.0, 90.0, 80.0)
    made = moves(plan, response)
    change = sum(move.outcome.value for move in made)
    assert sum(move.gain.value for move in made if move.change > 0) == pytest.approx(change)
    assert sum(move.gain.value for move in made if move.change < 0) == pytest.approx(change)


@pytest.mark.parametrize(
    ("slopes", "proposed", "expected"),
    [
        (((3.0, 0.3), (1.0, 0.3)), (120.0, 80.0), ("scale_gain", "cut_gain")),
        (((2.0, 2.0), (1.9, 2.0)), (120.0, 80.0), ("scale_needed", "cut_needed")),
        (((3.0, 0.3), (1.0, 0.3)), (100.5, 99.5), ("scale_needed", "cut_needed")),
        (((3.0, 0.3), (1.0, 0.3)), (100.0, 100.0), ("hold_best", "hold_best")),
    ],
)
def test_the_rule_that_fires(slopes, proposed, expected):
    response = curves(*slopes)
    assert tuple(rules(response, allocation(response, *proposed)).values()) == expected


def test_holds_name_their_reason():
    sure, unsure, cheap = (
        curves((3.0, 0.1), (1.0, 0.1)),
        curves((2.0, 2.0), (1.9, 2.0)),
        curves((1.01, 0.001), (1.0, 0.001)),
    )
    stability = Stability()
    assert holds(moves(allocation(sure, 120.0, 80.0), sure), stability) == {}
    assert holds(moves(allocation(sure, 100.5, 99.5), sure), stability) == {"a": "hold_small", "b": "hold_small"}
    assert holds(moves(allocation(unsure, 120.0, 80.0), unsure), stability) == {
        "a": "hold_uncertain",
        "b": "hold_uncertain",
    }
    assert holds(moves(allocation(cheap, 120.0, 80.0), cheap), stability) == {"a": "hold_cost", "b": "hold_cost"}


def test_a_held_channel_worth_knowing_is_tested_and_a_fixed_one_says_so():
    response = curves((2.0, 1.0), (2.0, 1.0))
    found = rules(response, allocation(response, 100.0, 100.0, binding=("b fixed at 100",)), test="a")
    assert found == {"a": "test_uncertain", "b": "hold_rule"}


def test_a_failed_gate_holds_everything():
    response = curves((3.0, 0.3), (1.0, 0.3))
    assert set(rules(response, allocation(response, 120.0, 80.0), healthy=False).values()) == {"gate_failed"}


def test_more_risk_asks_for_less_certainty():
    assert (
        Stability.of_risk("cautious").chance > Stability.of_risk("balanced").chance > Stability.of_risk("bold").chance
    )


def roas(value: float, lower: float, upper: float) -> Estimate:
    return Estimate(
        value=value,
        interval=Interval(lower=lower, upper=upper, level=0.9, kind="credible"),
        unit="ratio",
        method="m",
        run="fit",
    )


def lift(end: date, run: str = "readout") -> LiftEstimate:
    return LiftEstimate(
        channel="a", geos=(), start=date(2024, 1, 1), end=end, incremental_outcome=roas(1.0, 0.5, 1.5),
        incremental_spend=1.0, standard_error=1.0, iroas=roas(1.0, 0.5, 1.5), run=run,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("estimate", "tests", "grade"),
    [
        (roas(2.0, 1.0, 3.0), [], "model"),
        (roas(2.0, 0.1, 6.0), [], "assumption"),
        (None, [], "assumption"),
        (roas(2.0, 0.1, 6.0), [KnownTest(lift=lift(date(2026, 6, 1)))], "experiment"),
        (roas(2.0, 1.0, 3.0), [KnownTest(lift=lift(date(2025, 1, 1)))], "model"),
        (roas(2.0, 1.0, 3.0), [KnownTest(lift=lift(date(2026, 6, 1)), healthy=False)], "model"),
        (roas(2.0, 1.0, 3.0), [KnownTest(lift=replace(lift(date(2026, 6, 1)), channel="b"))], "model"),
    ],
)
def test_grades(estimate, tests, grade):
    found = channel_evidence("a", roas=estimate, model_healthy=True, tests=tests, today=TODAY)
    assert found.grade == grade
    assert len(found.readings) == (estimate is not None) + sum(test.lift.channel == "a" for test in tests)


def test_readings_tell_old_tests_and_disagreement():
    tests = [
        KnownTest(lift=lift(date(2024, 2, 1)), agrees=False),
        KnownTest(lift=lift(date(2026, 2, 1), run=""), agrees=True),
    ]
    found = channel_evidence("a", roas=roas(2.0, 1.0, 3.0), model_healthy=True, tests=tests, today=TODAY)
    assert [(one.method, one.expired, one.agrees) for one in found.readings] == [
        ("media_mix_model", False, None), ("lift_test", False, True), ("geo_test", True, False),
    ]  # fmt: skip
    assert found.sources == ("media_mix_model:fit", "lift_test", "geo_test:readout")


def test_what_the_model_says_without_the_tests_stands_beside_a_tested_channel_and_proves_nothing():
    known = {"roas": roas(2.0, 1.0, 3.0), "model_healthy": True, "today": TODAY, "untested": roas(3.0, 1.0, 6.0)}
    old = [KnownTest(lift=lift(date(2024, 2, 1)))]
    found = channel_evidence("a", tests=old, **known)
    assert [one.method for one in found.readings] == ["media_mix_model", "media_mix_model_without_tests", "geo_test"]
    assert found.grade == "model"
    spoilt = [KnownTest(lift=lift(date(2026, 6, 1)), healthy=False)]  # no fit used it
    for tests in ([], spoilt):
        methods = [one.method for one in channel_evidence("a", tests=tests, **known).readings]
        assert "media_mix_model_without_tests" not in methods


def test_reasons_speak_both_languages_in_their_own_numbers():
    response = curves((300.0, 30.0), (100.0, 30.0))
    made = moves(allocation(response, 120.0, 80.0), response)
    evidence = {
        one.channel: channel_evidence(one.channel, roas=None, model_healthy=True, tests=(), today=TODAY) for one in made
    }
    decision = recommend(
        made,
        Context(
            held={}, rejected={}, evidence=evidence, binding=(), next_test="", decided_at=WHEN, healthy=True,
            stability=Stability(),
        ),
    )[0]  # fmt: skip
    words = wordings("de_DE", "EUR")
    german, english = reason(decision, words["de"]), reason(decision, words["en"])
    assert german.startswith("20\xa0€ mehr pro Woche")
    assert english.startswith("€20 more a week")
    assert f"{decision.facts['gain']:,.0f}" in english
    assert f"{decision.facts['gain']:,.0f}".replace(",", ".") in german


@pytest.mark.parametrize(("value", "text"), [(0.0, "<\xa01%"), (0.004, "<\xa01%"), (0.07, "7%"), (1.0, ">\xa099%")])
def test_a_probability_is_never_impossible_or_certain(value, text):
    assert chance(value, wordings("en_GB", "EUR")["en"]) == text


def test_a_larger_budget_is_the_users_decision_and_only_the_mix_is_judged():
    response = curves((2.0, 0.1), (2.0, 0.1))
    same = moves(allocation(response, 110.0, 110.0), response)
    assert [move.gain.value for move in same] == [0.0, 0.0]
    assert holds(same, Stability()) == {}
    assert set(rules(response, allocation(response, 110.0, 110.0)).values()) == {"share_kept"}
    assert set(rules(response, allocation(response, 90.0, 90.0)).values()) == {"share_kept"}
    better = curves((3.0, 0.1), (1.0, 0.1))
    assert rules(better, allocation(better, 140.0, 80.0)) == {"a": "share_up", "b": "share_down"}
    assert rules(better, allocation(better, 100.0, 70.0)) == {"a": "hold_best", "b": "share_down"}


def test_a_smaller_budget_is_not_read_as_a_loss_of_every_channel():
    response = curves((3.0, 0.1), (1.0, 0.1))
    up, down = moves(allocation(response, 98.0, 70.0), response)
    assert up.shift == pytest.approx(14.0)
    assert up.gain.value == pytest.approx(28.0, rel=0.02)
    assert down.gain.value == pytest.approx(28.0, rel=0.02)


def test_the_sentence_about_a_held_channel_quotes_the_move_that_was_rejected():
    response = curves((2.0, 2.0), (1.9, 2.0))
    wanted = moves(allocation(response, 120.0, 80.0), response)
    still = moves(allocation(response, 100.0, 100.0), response)
    evidence = {
        one.channel: channel_evidence(one.channel, roas=None, model_healthy=True, tests=(), today=TODAY)
        for one in still
    }
    context = Context(
        held=holds(wanted, Stability()), rejected={move.channel: move for move in wanted}, evidence=evidence, binding=(),
        next_test="", decided_at=WHEN, healthy=True, stability=Stability(),
    )  # fmt: skip
    for decision, move in zip(recommend(still, context), wanted, strict=True):
        assert decision.rule == "hold_uncertain"
        assert decision.facts["chance"] == move.chance


def test_refits_of_a_market_at_rest_do_not_make_the_advice_flap():
    import importlib.util
    from pathlib import Path

    file = Path(__file__).parents[2] / "benchmarks" / "budget_stability.py"
    spec = importlib.util.spec_from_file_location("budget_stability", file)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    steady = [bench.half_year(seed, 0.98, steady=True, weeks=8) for seed in range(2)]
    restless = [bench.half_year(seed, 0.98, steady=False, weeks=8) for seed in range(2)]
    assert sum(back for _, back, _ in restless) >= 6  # following the optimum turns back most of what it did
    assert sum(back for _, back, _ in steady) <= 1
    assert 0 < sum(changes for changes, _, _ in steady) < sum(changes for changes, _, _ in restless) / 2
