"""False alarms of the canary at every look, and how soon a doubling is stopped.

Run: python benchmarks/content_canary.py --streams 4000
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from monitoring.canary import e_process


def streams(rng, count, rate, ratio=1.0, looks=200, per_look=50, share=0.5):
    everyone = rng.poisson(per_look, (count, looks))
    canary = rng.binomial(everyone, share)
    n = np.stack([everyone - canary, canary], axis=-1)
    return rng.binomial(n, np.array([rate, min(rate * ratio, 1.0)])), n


def naive(bad, n):
    """Two-sample z test at every look, one-sided 5%."""
    bad, n = np.cumsum(bad, axis=1).astype(float), np.maximum(np.cumsum(n, axis=1), 1).astype(float)
    pooled = bad.sum(axis=-1) / n.sum(axis=-1)
    error = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / n[..., 0] + 1 / n[..., 1]), 1e-18))
    return ((bad[..., 1] / n[..., 1] - bad[..., 0] / n[..., 0]) / error > 1.645).any(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=4000)
    options = parser.parse_args()
    begun = time.process_time()
    print("| rate | canary share | e-process, alpha .05 | naive z at every look |")
    print("|---|---|---|---|")
    for rate in (0.001, 0.005, 0.01, 0.02, 0.05):
        for share in (0.5, 0.1):
            rng = np.random.default_rng([int(rate * 1000), int(share * 10)])
            alarms = fooled = 0
            for _ in range(0, options.streams, 500):
                bad, n = streams(rng, 500, rate, share=share)
                alarms += (e_process(bad, n).max(axis=1) >= 20).sum()
                fooled += naive(bad, n).sum()
            print(f"| {rate:.1%} | {share:.0%} | {alarms / options.streams:.2%} | {fooled / options.streams:.0%} |")
    print("\n| rate | canary | stopped (threshold 40: two guardrails) | median outputs an arm |")
    print("|---|---|---|---|")
    for rate, ratio in ((0.02, 2.0), (0.02, 3.0), (0.05, 1.5), (0.005, 2.0)):
        bad, n = streams(np.random.default_rng(9), 1000, rate, ratio)
        over = e_process(bad, n) >= 40
        seen = np.where(over.any(axis=1), np.cumsum(n[..., 1], axis=1)[np.arange(1000), over.argmax(axis=1)], np.inf)
        print(f"| {rate:.1%} | × {ratio:g} | {over.any(axis=1).mean():.1%} | {np.median(seen):.0f} |")
    print(f"\n{options.streams} streams a row of 200 looks at 50 outputs; {time.process_time() - begun:.0f} CPU-s")


if __name__ == "__main__":
    main()
