"""Seeded cases of the budget problem, drawn like the comparison in docs/benchmarks/budget.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from budget_optimizer.constraints import Bounds, Rule, TotalBudget
from measurement.curves import ResponseCurves


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Hill curves as a table, with rules: free, 0.7 to 1.5 times today's spend, or within 30% of it."""

    curves: ResponseCurves
    rules: list[Rule]
    kind: str
    total: float
    slope: np.ndarray
    half: np.ndarray
    top: np.ndarray

    def smooth(self, spend: np.ndarray) -> float:
        ratio = (spend / self.half) ** self.slope
        return float((self.top * ratio / (1 + ratio)).sum())


def hill_curves(
    rng: np.random.Generator, channels: int, *, points: int = 60, draws: int = 1, s_shaped: float = 0.84
) -> ResponseCurves:
    today = np.exp(rng.normal(9.5, 0.8, channels))
    slope = np.where(rng.random(channels) < s_shaped, rng.uniform(1.0, 3.0, channels), rng.uniform(0.6, 1.0, channels))
    half = today * np.exp(rng.normal(0.2, 0.6, channels))
    top = today * rng.uniform(1.0, 5.0, channels)
    grid = np.linspace(0, 1, points)[None] ** 1.5 * 3 * today[:, None]
    scale = np.exp(rng.normal(0, 0.25, (draws, channels, 1))) if draws > 1 else np.ones((1, channels, 1))
    shift = np.exp(rng.normal(0, 0.2, (draws, channels, 1))) if draws > 1 else np.ones((1, channels, 1))
    ratio = (grid / (half[:, None] * shift)) ** slope[:, None]
    return ResponseCurves(
        channels=tuple(f"c{i}" for i in range(channels)),
        spend=grid,
        outcome=scale * top[:, None] * ratio / (1 + ratio),
        observed_spend=today,
        currency="EUR",
    )


def instance(seed: int, points: int = 120) -> Case:
    rng = np.random.default_rng([5, seed])
    channels = int(rng.integers(5, 21))
    today = np.exp(rng.normal(9.5, 0.8, channels))
    slope = rng.uniform(0.6, 3, channels)
    half = today * np.exp(rng.normal(0.2, 0.6, channels))
    top = today * rng.uniform(1, 5, channels) * (1 + (half / today) ** slope)
    kind = ("free", "wide", "tight")[seed % 3]
    total = float(today.sum() * (rng.uniform(0.7, 1.4) if kind == "free" else 1.0))
    end = np.maximum(3 * today, total) if kind == "free" else 2 * today
    grid = np.linspace(0, 1, points)[None] ** 1.5 * end[:, None]
    ratio = (grid / half[:, None]) ** slope[:, None]
    names = tuple(f"c{i}" for i in range(channels))
    rules: list[Rule] = [TotalBudget(total)]
    if kind != "free":
        low, high = (0.7, 1.5) if kind == "wide" else (0.7, 1.3)
        rules += [Bounds(n, low * x, high * x) for n, x in zip(names, today, strict=True)]
    curves = ResponseCurves(
        channels=names,
        spend=grid,
        outcome=(top[:, None] * ratio / (1 + ratio))[None],
        observed_spend=today,
        currency="EUR",
    )
    return Case(curves=curves, rules=rules, kind=kind, total=total, slope=slope, half=half, top=top)
