"""A small decision made from curves alone, without any model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pytest

from decisions.document import ChannelAdvice, WeekDecision
from decisions.evidence import KnownTest, channel_evidence
from decisions.recommendation import Context, Stability, holds, moves, recommend
from decisions.sentences import reason, wordings
from measurement.curves import ResponseCurves
from measurement.estimates import Estimate, Interval, LiftEstimate
from measurement.plans import Allocation

CHANNELS = ("search", "paid_social", "tv", "=cmd|'/c calc'!A1", "<script>alert(1)</script>", "radio")
CURRENT = np.array([52000.11, 41000.22, 60000.33, 22000.44, 30000.55, 14000.66])
PROPOSED = np.array([63000.11, 48000.22, 46000.33, 18000.44, 30000.55, 14000.66])
PROPOSED[5] += CURRENT.sum() - PROPOSED.sum()


def make_curves(seed: int = 3, draws: int = 200) -> ResponseCurves:
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 3, 61)[None, :] * CURRENT[:, None]
    top = np.array([4.0, 3.1, 1.2, 1.0, 1.6, 1.1]) * CURRENT * 2
    scale = rng.lognormal(0, 0.15, (draws, len(CHANNELS)))
    shape = grid / (grid + CURRENT[:, None])
    return ResponseCurves(
        channels=CHANNELS,
        spend=grid,
        outcome=scale[:, :, None] * (top[:, None] * shape)[None],
        observed_spend=CURRENT,
        currency="EUR",
        run="20261123T180000000000Z-aaaa",
    )


def make_allocation(curves: ResponseCurves, proposed: np.ndarray = PROPOSED) -> Allocation:
    change = (curves.outcome_at(proposed) - curves.outcome_at(CURRENT)).sum(axis=1)
    lower, upper = np.quantile(change, [0.05, 0.95])
    value = float(curves.outcome_at(proposed).sum(axis=1).mean())
    return Allocation(
        spend=dict(zip(CHANNELS, proposed.tolist(), strict=True)),
        current=dict(zip(CHANNELS, CURRENT.tolist(), strict=True)),
        expected_outcome=value,
        upper_bound=value * 1.00001,
        gap=1e-5,
        marginal_roas=dict.fromkeys(CHANNELS, 1.0),
        binding=("search at most 63,000",),
        shadow_prices={"search at most 63,000": 0.4},
        gain=Estimate(
            value=float(change.mean()),
            interval=Interval(lower=float(lower), upper=float(upper), level=0.9, kind="credible"),
            unit="EUR",
            method="response curves",
        ),
        chance_of_loss=float((change < 0).mean()),
        currency="EUR",
    )


def make_decision(locale: str = "de_DE", *, healthy: bool = True) -> WeekDecision:
    curves = make_curves()
    allocation = make_allocation(curves)
    plan, stability = moves(allocation, curves), Stability()
    held = {channel: rule for channel, rule in holds(plan, stability).items() if channel == "radio"}
    today, when = date(2026, 11, 22), datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    roas = Estimate(
        value=2.1,
        interval=Interval(lower=1.5, upper=2.9, level=0.9, kind="credible"),
        unit="ratio",
        method="mmm",
        run=curves.run,
    )
    lift = LiftEstimate(
        channel="search", geos=("Hamburg",), start=date(2026, 3, 2), end=date(2026, 4, 12),
        incremental_outcome=Estimate(value=180e3, interval=Interval(lower=1e5, upper=26e4, level=0.9, kind="conformal"), unit="EUR", method="sc"),
        incremental_spend=60e3, standard_error=48e3,
        iroas=Estimate(value=3.0, interval=Interval(lower=1.7, upper=4.3, level=0.9, kind="conformal"), unit="ratio", method="sc"),
        run="20261123T180001000000Z-bbbb",
    )  # fmt: skip
    evidence = {
        channel: channel_evidence(
            channel,
            roas=replace(roas, value=roas.value / (1 + c)),
            model_healthy=healthy,
            tests=[KnownTest(lift=lift, agrees=True)],
            today=today,
        )
        for c, channel in enumerate(CHANNELS)
    }
    decided = recommend(
        plan,
        Context(
            held=held, rejected={}, evidence=evidence, binding=allocation.binding, next_test="tv", decided_at=when,
            healthy=healthy, stability=stability,
        ),
    )  # fmt: skip
    words = wordings(locale, "EUR")
    lines = tuple(
        ChannelAdvice(
            decision=replace(decision, reason=reason(decision, words["en"])),
            move=move,
            evidence=evidence[move.channel],
            current=round(move.current, 2),
            proposed=round(move.proposed if healthy else move.current, 2),
            calculated=round(move.proposed, 2),
            roas=roas,
            reasons={language: reason(decision, one) for language, one in words.items()},
        )
        for decision, move in zip(decided, plan, strict=True)
    )
    checks = [
        {
            "name": "r_hat",
            "passed": healthy,
            "value": 1.004 if healthy else 1.2,
            "limit": 1.01,
            "remedy": "Raise draws and tune in [mmm]",
            "blocking": True,
        },
        {"name": "ess_bulk", "passed": True, "value": 812.0, "limit": 400.0, "remedy": "Raise draws", "blocking": True},
        {
            "name": "prior_share",
            "passed": False,
            "value": "radio",
            "limit": None,
            "remedy": "Test radio",
            "blocking": False,
        },
    ]
    return WeekDecision(
        week="2026-W48", workspace="Nordwind", currency="EUR", locale=locale,
        state="act" if healthy else "do_not_act", channels=lines, gain=allocation.gain,
        chance_of_loss=allocation.chance_of_loss, weeks=4,
        plan={"value": allocation.expected_outcome, "upper_bound": allocation.upper_bound, "gap": allocation.gap,
              "binding": list(allocation.binding), "shadow_prices": dict(allocation.shadow_prices)},
        checks=checks, next_test={"channel": "tv", "value": 1234.0, "weeks": 26},
        creatives=[{"experiment": "autumn", "creative": "price", "rule": "beaten", "leader": "dog", "p_best": 0.96},
                   {"experiment": "autumn", "creative": "bold", "rule": "tired", "since": "2026-11-02"}],
        canaries={"verdict": "stop", "stopped": [{"team": "brand", "pipeline": "copy", "kpi": "hallucination_rate"}]},
        alerts=3, runs={"mmm": [curves.run]}, data_until=today, decided_at=when, audit={"line": 1, "hash": "ab" * 32},
    )  # fmt: skip


@pytest.fixture(scope="session")
def decision() -> WeekDecision:
    return make_decision()


@pytest.fixture(scope="session")
def blocked() -> WeekDecision:
    return make_decision("en_GB", healthy=False)
