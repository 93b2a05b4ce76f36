"""Do the intervals of the KPI table cover? Simulated days with known truth, nominal 95%.

Run: python benchmarks/content_coverage.py --days 4000
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from monitoring.intervals import (
    amount_interval,
    quantile_ranks,
    ratio_interval,
    share_interval,
    sum_interval,
    wilson,
)
from monitoring.judges import corrected_posterior

LEVEL = 0.95


def rates(rng, days, rate):
    """Wilson over days of 300 to 3,000 outputs."""
    n = rng.integers(300, 3000, days).astype(float)
    lower, upper = wilson(rng.binomial(n.astype(int), rate).astype(float), n, LEVEL)
    return np.mean((lower <= rate) & (rate <= upper))


def quantiles(rng, days, q, *, heavy):
    """Interpolated order statistics over days of 400 to 1,500 calls, log-normal or with a Pareto tail."""
    hits = []
    for n in rng.integers(400, 1500, days):
        values = np.sort(1.0 + rng.pareto(1.5, n) if heavy else np.exp(0.5 * rng.standard_normal(n)))
        true = (1.0 - q) ** (-1.0 / 1.5) if heavy else np.exp(0.5 * _normal_quantile(q))
        ranks = [float(end[0]) for end in quantile_ranks(np.array([n]), q, LEVEL)]
        at = np.arange(1, n + 1)
        lower = np.interp(ranks[0], at, values) if np.isfinite(ranks[0]) else -np.inf
        upper = np.interp(ranks[1], at, values) if np.isfinite(ranks[1]) else np.inf
        hits.append(lower <= true <= upper)
    return np.mean(hits)


def _normal_quantile(q):
    from scipy import special

    return float(special.ndtri(q))


def judged(rng, studies, rate, catch, alarm, *, labels=400, per_day=150, audited=0.1, days=8):
    """Corrected rates of days, each study with a calibration of its own; also the judge's own Wilson interval.

    Covered: the rate that the day's outputs were drawn with, and the share that people would find had they labelled
    every output.
    """
    drawn, found, naive, width = [], [], [], []
    for _ in range(studies):
        truth = rng.random((days, per_day)) < rate
        verdict = np.where(truth, rng.random(truth.shape) < catch, rng.random(truth.shape) < alarm)
        label = rng.random(truth.shape) < audited
        before = rng.random(labels) < rate
        early = np.where(before, rng.random(labels) < catch, rng.random(labels) < alarm)
        all_truth = np.concatenate([before, truth[label]])
        all_verdict = np.concatenate([early, verdict[label]])
        pairs = pd.DataFrame({
            "tp": [np.sum(all_truth & all_verdict)], "fn": [np.sum(all_truth & ~all_verdict)],
            "fp": [np.sum(~all_truth & all_verdict)], "tn": [np.sum(~all_truth & ~all_verdict)],
        })  # fmt: skip
        bad, labelled = (truth & label).sum(axis=1).astype(float), label.sum(axis=1).astype(float)
        flagged, alone = (verdict & ~label).sum(axis=1).astype(float), (~label).sum(axis=1).astype(float)
        _, lower, upper = corrected_posterior(bad, labelled, flagged[:, None], alone[:, None], pairs, LEVEL)
        drawn += list((lower <= rate) & (rate <= upper))
        share = truth.mean(axis=1)
        found += list((lower <= share) & (share <= upper))
        width += list(upper - lower)
        low, high = wilson(verdict.sum(axis=1).astype(float), np.full(days, float(per_day)), LEVEL)
        naive += list((low <= rate) & (rate <= high))
    return np.mean(drawn), np.mean(found), np.mean(naive), np.mean(width)


def amounts(rng, days, n, spread):
    """Means of log-normal amounts, sums of a random number of them, and a share of tokens, of days of n calls."""
    values = np.exp(spread * rng.standard_normal((days, n)))
    true, size = np.exp(spread**2 / 2.0), np.full(days, float(n))
    mean = amount_interval(values.sum(axis=1), (values**2).sum(axis=1), size, LEVEL)
    calls = [np.exp(spread * rng.standard_normal(count)) for count in rng.poisson(n, days)]
    total = sum_interval(np.array([c.sum() for c in calls]), np.array([(c * c).sum() for c in calls]), LEVEL)
    cached = 0.8 * values * (rng.random(values.shape) < 0.3)
    sums = {"n": size, "y": cached.sum(axis=1), "x": values.sum(axis=1), "yy": (cached**2).sum(axis=1),
            "xx": (values**2).sum(axis=1), "xy": (values * cached).sum(axis=1)}  # fmt: skip
    share = share_interval(sums["y"] / sums["x"], ratio_interval(sums, LEVEL))
    out = rng.random(values.shape) + values
    paid = sums | {"y": out.sum(axis=1), "yy": (out**2).sum(axis=1), "xy": (out * values).sum(axis=1)}
    ratio = ratio_interval(paid, LEVEL)
    truths = ((mean, true), (total, n * true), (share, 0.24), (ratio, (0.5 + true) / true))
    return [np.mean((low <= truth) & (truth <= high)) for (low, high), truth in truths]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0, help="other days than those of seed 0")
    options = parser.parse_args()
    days, begun = options.days, time.process_time()
    more = [options.seed] if options.seed else []
    print("| interval | truth | covered |\n|---|---|---|")
    for number, rate in enumerate((0.005, 0.01, 0.03, 0.1, 0.3)):
        print(f"| Wilson | rate {rate:.1%} | {rates(np.random.default_rng([1, number, *more]), days, rate):.1%} |")
    for number, (q, heavy) in enumerate([(q, heavy) for q in (0.5, 0.95, 0.99) for heavy in (False, True)]):
        words = "Pareto, shape 1.5" if heavy else "log-normal"
        found = quantiles(np.random.default_rng([2, number, *more]), days, q, heavy=heavy)
        print(f"| order statistics | p{q * 100:g}, {words} | {found:.1%} |")
    print("\n| calls a day | spread (log-normal σ) | mean of amounts | sum | share of tokens | ratio of sums |")
    print("|---|---|---|---|---|---|")
    for number, (n, spread) in enumerate([(n, spread) for spread in (0.5, 1.0) for n in (20, 50, 100, 300, 1000)]):
        found = amounts(np.random.default_rng([4, number, *more]), days, n, spread)
        print(f"| {n} | {spread} | " + " | ".join(f"{one:.1%}" for one in found) + " |")
    print(
        "\n| labels | rate | sensitivity | false alarms | covers the rate | what people find | their Wilson | width |"
    )
    print("|---|---|---|---|---|---|---|---|")
    cases = ((0.02, 0.9, 0.02), (0.05, 0.8, 0.05), (0.05, 0.95, 0.01), (0.15, 0.8, 0.05), (0.3, 0.7, 0.15),
             (0.01, 0.99, 0.01), (0.05, 0.6, 0.4), (0.3, 0.6, 0.4))  # fmt: skip
    for few, (number, (rate, catch, alarm)) in [(few, one) for few in (400, 30) for one in enumerate(cases)]:
        drawn, found, naive, width = judged(
            np.random.default_rng([3, number, *more]), days // 8, rate, catch, alarm, labels=few
        )
        print(
            f"| {few} | {rate:.0%} | {catch:.0%} | {alarm:.0%} | {drawn:.1%} | {found:.1%} "
            f"| {naive:.1%} | {width:.3f} |"
        )
    print(f"\n{days} days a row; {time.process_time() - begun:.0f} CPU-s")


if __name__ == "__main__":
    main()
