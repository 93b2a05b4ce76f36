"""False alarms and delay of the fatigue detector on simulated creatives.

Run: python benchmarks/bandits_fatigue.py --runs 400
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from monitoring.fatigue import FatigueRule, evidence, relative_rates

#: Steady creatives of other kinds: number, decisions a day, own noise.
NULLS = (
    (2, 5000, 0.08), (3, 5000, 0.08), (30, 5000, 0.08), (8, 1000, 0.08), (3, 1000, 0.0), (8, 5000, 0.0),
    (8, 20_000, 0.2), (2, 20_000, 0.15),
)  # fmt: skip


def simulate(rng, *, arms, days, shown, rate, decay, start, shock=0.10, own=0.08):
    """Daily counts of ``arms`` creatives, the first of which decays from day ``start`` on."""
    level = rate * rng.uniform(0.7, 1.3, arms)
    common = rng.lognormal(-(shock**2) / 2, shock, (days, 1))
    noise = rng.lognormal(-(own**2) / 2, own, (days, arms))
    profile = np.ones((days, arms))
    profile[:, 0] = (1 - decay) ** np.maximum(np.arange(days) - start, 0)
    traffic = rng.poisson(shown, (days, arms)).astype(float)
    return traffic, rng.binomial(traffic.astype(int), np.minimum(level * common * noise * profile, 1.0)).astype(float)


def first_alarms(shown, earned, rule):
    """First day of confirmation per arm (days, if never), by rereading the log every day as a user would."""
    days, arms = shown.shape
    first = np.full(arms, days)
    for day in range(rule.minimum_days, days + 1):
        series = relative_rates(shown[:day], earned[:day])
        for arm in range(arms):
            if first[arm] == days:
                known = np.flatnonzero(np.isfinite(series.ratio[:, arm]))
                found = evidence(series.ratio[known, arm], series.variance[known, arm], known)
                if (found.statistic[rule.minimum_days - 1 :] >= rule.threshold).any():
                    first[arm] = day - 1
    return first


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--arms", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rule, begun = FatigueRule(), time.process_time()
    header = (
        "decisions a day and arm",
        "decay a day",
        "false alarms per creative",
        "per experiment",
        "delay",
        "missed",
    )
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for shown in (1000, 5000, 10_000, 20_000):
        for decay in (0.0, 0.03, 0.08):
            print(f"| {shown:,} | {decay:.0%} | {' | '.join(measure(options, rule, shown, decay))} |")
    print(f"\n| creatives | rewards a day | own noise | false alarms per creative |\n|{'---|' * 4}")
    for arms, shown, own in NULLS:
        print(f"| {arms} | {shown * 0.02:,.0f} | {own:.0%} | {nulls(options, rule, arms, shown, own)} |")
    print(f"\nRate 2%; {options.runs} runs of {options.arms} creatives over 60 days a row, decay from day 20, ", end="")
    print(f"10% common day shocks, 8% own noise; {time.process_time() - begun:.0f} CPU-s")


def nulls(options, rule, arms, shown, own):
    """False alarms where nothing tires, on as many creatives as in the other table."""
    wrong, count = 0, 0
    for run in range(max(options.runs * 8 // arms, 1)):
        rng = np.random.default_rng([options.seed, arms, shown, int(own * 100), run])
        counts = simulate(rng, arms=arms, days=60, shown=shown, rate=0.02, decay=0.0, start=0, own=own)
        wrong, count = wrong + int((first_alarms(*counts, rule) < 60).sum()), count + arms
    return f"{wrong / count:.2%} of {count:,}"


def measure(options, rule, shown, decay):
    wrong, any_wrong, delays = 0, 0, []
    start = 20 if decay else 0
    for run in range(options.runs):
        rng = np.random.default_rng([options.seed, shown, int(decay * 100), run])
        traffic, earned = simulate(rng, arms=options.arms, days=60, shown=shown, rate=0.02, decay=decay, start=start)
        first = first_alarms(traffic, earned, rule)
        sound = first if decay == 0 else first[1:]
        wrong += (sound < 60).sum()
        any_wrong += (sound < 60).any()
        if decay:
            delays.append(first[0] - start)
    count = options.runs * (options.arms - bool(decay))
    late = np.array(delays)
    delay = (f"{np.median(late):.0f} days", f"{(late == 60 - start).mean():.0%}") if decay else ("", "")
    return f"{wrong / count:.2%}", f"{any_wrong / options.runs:.1%}", *delay


if __name__ == "__main__":
    main()
