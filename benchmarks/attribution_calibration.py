"""Error of raw and of lift-calibrated credit on markets where 3 of 10 channels were tested.

Kinds of market differ in how many conversions would have happened anyway, in how much the tests are off, in the order
of the journeys, and in whether intent goes by groups of channels. Error: sum of absolute errors of the channels over
their true incremental conversions. "Best possible" knows the true mean and spread of the factors, which nobody does:
what is left is what three tests cannot tell of seven other channels.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from attribution.journeys import JourneyOptions, build_paths
from attribution.reconcile import NOT_INCREMENTAL, Proof, reconcile
from attribution.uncertainty import bucket_weights, draws_of, ends
from measurement.estimates import Estimate, Interval
from simulation.journey_spec import JourneySpec, random_journey_channels
from simulation.journeys import conversion_probability, simulate_journeys, transition_table

OPTIONS = JourneyOptions(session_minutes=0.0, gap_days=365.0, lookback_days=365.0)
LEVEL = 0.9


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of market: ``anyway`` is the share of conversions that nothing caused.

    ``model_error``: a mix model knows the channels that were not tested, off by this; else nothing does.
    """

    anyway: tuple[float, float]
    test_error: float = 0.2
    order: int = 1
    grouped: bool = False
    model_error: float | None = None


KINDS = {
    "20-40% would have bought anyway": Kind(anyway=(0.2, 0.4)),
    "40-60%": Kind(anyway=(0.4, 0.6)),
    "60-80%": Kind(anyway=(0.6, 0.8)),
    "40-60%, tests off by 40%": Kind(anyway=(0.4, 0.6), test_error=0.4),
    "40-60%, journeys of order 2": Kind(anyway=(0.4, 0.6), order=2),
    "40-60%, intent by group": Kind(anyway=(0.4, 0.6), grouped=True),
    "40-60%, the mix model knows the other seven, off by 25%": Kind(anyway=(0.4, 0.6), model_error=0.25),
}
#: The kinds that make up the headline: whatever share of conversions would have happened anyway.
HEADLINE = tuple(KINDS)[:3]


def market(seed: int, kind: Kind, rng: np.random.Generator) -> tuple[JourneySpec, dict[str, str]]:
    """A market of a kind, and the groups of its channels."""
    channels = random_journey_channels(seed, 10)
    groups = {each.name: "" for each in channels}
    if kind.grouped:
        groups = {each.name: "intent" if place < 5 else "reach" for place, each in enumerate(channels)}
        lean = {"intent": 0.6, "reach": -0.6}
        channels = tuple(
            replace(each, intent=float(np.exp(lean[groups[each.name]] + rng.normal(0.0, 0.2)))) for each in channels
        )
    spec = JourneySpec(units=8_000, days=365, channels=channels, order=kind.order)
    # Share s of conversions that nothing caused, from the share of people and the chance w of the others to convert.
    share, chance = rng.uniform(*kind.anyway), conversion_probability(transition_table(seed, spec), spec.order)
    return replace(spec, anyway=float(share * chance / (1.0 - share + share * chance))), groups


def world(seed: int, kind: Kind) -> dict[str, float]:
    """Errors in one market."""
    rng = np.random.default_rng([seed, 7])
    spec, groups = market(seed, kind, rng)
    journeys = simulate_journeys(seed, spec)
    table = build_paths(journeys.touchpoints, OPTIONS)
    drawn = draws_of(table, "markov", bucket_weights(300, seed=seed), order=kind.order).credit[:, :, 0]
    lower, upper = ends(drawn, LEVEL)
    value = drawn.mean(axis=0)
    credit = pd.DataFrame({"channel": table.channels, "value": value, "lower": lower, "upper": upper})
    total = float(table.conversions.sum())
    true = np.array([journeys.truth["incremental_share"][name] for name in table.channels]) * total
    tested = rng.choice(len(true), 3, replace=False)
    found = rng.normal(true[tested], kind.test_error * true[tested])
    proofs = [
        proof(table.channels[place], each, kind.test_error * true[place])
        for place, each in zip(tested, found, strict=True)
    ]
    if kind.model_error is not None:
        for place in np.setdiff1d(np.arange(len(true)), tested):
            error = kind.model_error * true[place]
            proofs.append(proof(table.channels[place], rng.normal(true[place], error), error))
    report = reconcile(credit, proofs, total=total, groups=groups, level=LEVEL, seed=seed).table
    rows = report[report["channel"] != NOT_INCREMENTAL]
    replaced = value.copy()
    replaced[tested] = found
    inside = (rows["calibrated_lower"].to_numpy() <= true) & (true <= rows["calibrated_upper"].to_numpy())
    estimates = {
        "raw": value,
        "tested only": replaced,
        "calibrated": rows["calibrated"].to_numpy(),
        "best possible": best_possible(value, true, tested, found, kind.test_error),
    }
    return {name: np.abs(each - true).sum() / true.sum() for name, each in estimates.items()} | {
        "covers": float(inside.mean())
    }


def proof(channel: str, value: float, error: float) -> Proof:
    """A lift test's finding."""
    ends_of = Interval(lower=value - 1.645 * error, upper=value + 1.645 * error, level=LEVEL, kind="confidence")
    lift = Estimate(value=float(value), interval=ends_of, unit="conversions", method="simulated test")
    return Proof(channel=channel, incremental=lift, source="geo_lift")


def best_possible(
    value: np.ndarray, true: np.ndarray, tested: np.ndarray, found: np.ndarray, test_error: float
) -> np.ndarray:
    """Calibration by someone who knows the mean and spread of the market's log factors."""
    factor = np.log(true / value)
    guess = np.full(len(true), factor.mean())
    keep = factor.var() / (factor.var() + test_error**2)
    seen = np.log(np.maximum(found, 1e-9) / value[tested])
    guess[tested] += keep * (seen - guess[tested])
    return np.exp(guess) * value


def ratio(found: pd.DataFrame) -> str:
    """Mean calibrated over mean raw error, with a bootstrap interval over worlds."""
    picks = np.random.default_rng(1).integers(0, len(found), (2_000, len(found)))
    both = [found[name].to_numpy()[picks].sum(axis=1) for name in ("calibrated", "raw")]
    low, high = np.quantile(both[0] / both[1], [0.025, 0.975])
    return f"{found['calibrated'].mean() / found['raw'].mean():.2f} ({low:.2f} to {high:.2f})"


def calibration(worlds: int, first: int) -> None:
    """Print the table."""
    print(
        "\n| market | raw | tested only | calibrated | best possible | calibrated / raw | median market | better in "
        f"| covers | ({worlds} worlds)"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    every = []
    for place, (name, kind) in enumerate(KINDS.items()):
        found = pd.DataFrame([world(first + 1_000 * place + seed, kind) for seed in range(worlds)])
        print(line(name, found), flush=True)
        every += [found] if name in HEADLINE else []
    print(line("**20-80%, all of the first three**", pd.concat(every, ignore_index=True)), flush=True)


def line(name: str, found: pd.DataFrame) -> str:
    """A row of the table."""
    errors = (f"{found[each].mean():.1%}" for each in ("raw", "tested only", "calibrated", "best possible"))
    each = found["calibrated"] / found["raw"]
    told = f"{ratio(found)} | {each.median():.2f} | {(each < 1).mean():.0%} | {found['covers'].mean():.0%}"
    return f"| {name} | {' | '.join(errors)} | {told} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--first", type=int, default=40_000, help="first seed")
    given = parser.parse_args()
    calibration(given.worlds, given.first)
