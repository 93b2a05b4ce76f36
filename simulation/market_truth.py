"""True values of a simulated market as plain data, ready for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulation.demand import CONTROL_EFFECTS, HOLIDAY_EFFECT
from simulation.market_spec import MarketSpec
from simulation.response import MediaResponse
from simulation.spend import Delivery

FloatArray = NDArray[np.float64]
#: Weeks at the end of the window that count as "today".
RECENT_WEEKS = 8
CURVE_POINTS = 41


def market_truth(
    spec: MarketSpec,
    seed: int,
    response: MediaResponse,
    delivery: Delivery,
    components: dict[str, FloatArray],
    tests: list[dict[str, Any]],
    *,
    geos: tuple[str, ...],
) -> dict[str, Any]:
    """Everything that is true of a market, channel by channel.

    ``spend``, ``contribution``, ``roas``
        Over the window, all geos. Contribution = expected outcome − expected outcome with the channel's spend in the
        window set to zero, weeks before the window unchanged; ROAS = contribution / spend.
    ``marginal_roas``
        Change of expected outcome in the window when every week's spend in it rises by 1%, over the extra spend.
    ``marginal_roas_recent``
        The same for the last `RECENT_WEEKS` weeks only, as a steady state: slope of the national curve at the mean
        weekly spend of those weeks (`curves`), a rise of 1%.
    ``curves``
        Outcome a week (money) of a steady national weekly spend, spread over the geos as in the last
        `RECENT_WEEKS` weeks and at their cost per exposure.
    ``adstock``, ``saturation``, ``geo_effects``, ``controls``, ``geo_tests``
        Parameters; half-saturation in money per head and week at mean unit cost.
    """
    start = spec.warmup_weeks
    total = float(sum(float(values.sum()) for values in components.values()))
    by_channel: dict[str, dict[str, Any]] = {
        channel.name: _channel_truth(index, response, delivery, start) for index, channel in enumerate(spec.channels)
    }

    def column(key: str) -> dict[str, Any]:
        return {name: values[key] for name, values in by_channel.items()}

    contribution = column("contribution")
    names = list(by_channel)
    return {
        "seed": seed,
        "window": {"weeks": spec.n_weeks, "last_week": spec.last_week, "recent_weeks": RECENT_WEEKS},
        "expected_outcome": total,
        "total_contribution": sum(contribution.values()),
        "media_share": sum(contribution.values()) / total,
        **{key: column(key) for key in ("spend", "roas", "marginal_roas", "marginal_roas_recent", "current_spend")},
        "contribution": contribution,
        "adstock": {
            name: {"form": response.forms[c][0], "decay": float(response.decay[c])} for c, name in enumerate(names)
        },
        "saturation": {
            name: {"form": response.forms[c][1], "half": float(response.half[c]), "slope": float(response.slope[c])}
            for c, name in enumerate(names)
        },
        "geo_effects": {
            name: {geo: float(response.geo_effect[g, c]) for g, geo in enumerate(geos)} for c, name in enumerate(names)
        },
        "curves": column("curve"),
        "controls": {**CONTROL_EFFECTS, "public_holiday": HOLIDAY_EFFECT},
        "newsletter": {"contribution": float(components["newsletter"].sum())},
        "noise": spec.noise,
        "geo_tests": [_plain(test) for test in tests],
    }


def _channel_truth(index: int, response: MediaResponse, delivery: Delivery, start: int) -> dict[str, Any]:
    media = delivery.media[:, :, index]
    spend = delivery.spend[:, start:, index]
    actual = response.channel_effect(media, index)[:, start:].sum()

    def scaled(factor: float) -> float:
        changed = media.copy()
        changed[:, start:] *= factor
        return float(response.channel_effect(changed, index)[:, start:].sum())

    contribution, money = float(actual) - scaled(0.0), float(spend.sum())
    curve, recent_marginal = _curve(index, response, delivery)
    return {
        "spend": money,
        "contribution": contribution,
        "roas": contribution / money,
        "marginal_roas": (scaled(1.01) - float(actual)) / (0.01 * money),
        "marginal_roas_recent": recent_marginal,
        "current_spend": float(spend[:, -1].sum()),
        "curve": curve,
    }


def _curve(index: int, response: MediaResponse, delivery: Delivery) -> tuple[dict[str, list[float]], float]:
    """National steady-state curve up to twice the largest week, and its slope at the recent mean spend."""
    spend, media = delivery.spend[:, :, index], delivery.media[:, :, index]
    recent = slice(-RECENT_WEEKS, None) if spend[:, -RECENT_WEEKS:].sum() > 0 else slice(None)
    money = spend[:, recent].sum(axis=1)
    # Media each geo gets for one euro of national spend.
    per_euro = media[:, recent].sum(axis=1) / money.sum()

    def outcome(national: FloatArray) -> FloatArray:
        return np.asarray(response.steady(per_euro[:, None] * national[None, :], index).sum(axis=0))

    grid = np.round(np.linspace(0.0, 2.0 * float(spend.sum(axis=0).max()), CURVE_POINTS), 2)
    now = float(money.sum()) / (spend[:, recent].shape[1])
    low, high = outcome(np.array([now, 1.01 * now]))
    return {"spend": grid.tolist(), "outcome": outcome(grid).tolist()}, float((high - low) / (0.01 * now))


def _plain(test: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if hasattr(value, "isoformat") else value for key, value in test.items()}
