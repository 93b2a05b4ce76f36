"""How honest the geo tests are: A/A rejections and coverage of injected lifts.

Windows are drawn at random (set size 1 to 5, length 7, 15 or 28 periods, anywhere in the history) from the public
GeoLift pre-test panel, if its folder is given, and from three simulated panels of 40 geos and 90 days.

    python benchmarks/geo_aa.py --windows 500
    python benchmarks/geo_aa.py --windows 200 --chosen
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from geolift.estimators import Comparison
from geolift.inference import TestResult, block_conformal, iid_conformal, placebo_members, placebo_sets
from geolift.selection import choice_stretch
from geolift.synthetic_control import SyntheticControl

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LENGTHS = (7, 15, 28)
LIFTS = (0.0, 0.05, 0.10)


def simulated(kind: str, seed: int, geos: int = 40, periods: int = 90) -> np.ndarray:
    """Three common factors plus noise: autocorrelated, with own trends, or integrated."""
    rng = np.random.default_rng(seed)
    level = 1000 * np.exp(0.6 * rng.normal(size=(geos, 1)))
    factors, loads = rng.normal(size=(3, periods)), rng.normal(1, 0.3, size=(geos, 3))
    shocks = rng.normal(size=(geos, periods + 50))
    if kind == "stationary":
        noise = np.zeros_like(shocks)
        for t in range(1, shocks.shape[1]):
            noise[:, t] = 0.4 * noise[:, t - 1] + shocks[:, t]
        noise = noise[:, 50:]
    elif kind == "trending":
        noise = shocks[:, 50:] + 0.02 * np.arange(periods) * rng.normal(size=(geos, 1))
        factors = factors + 0.05 * np.arange(periods)
    else:
        noise = 0.4 * np.cumsum(shocks[:, 50:], axis=1)
        factors = 0.3 * np.cumsum(factors, axis=1)
    return level * (1 + 0.025 * (loads @ factors) + 0.03 * noise)


def tests(seed: int, stretch: float) -> dict[str, Callable[[Comparison, int], TestResult]]:
    plain = SyntheticControl()
    return {
        "readout's default": lambda item, _: block_conformal(plain, item, stretch=stretch),
        "block conformal": lambda item, _: block_conformal(plain, item),
        "block conformal, ranks": lambda item, _: block_conformal(plain, item, statistic="combined"),
        "block conformal, mean": lambda item, _: block_conformal(plain, item, statistic="mean"),
        "block conformal, absolute": lambda item, _: block_conformal(plain, item, statistic="absolute"),
        "placebo sets": lambda item, size: placebo_sets(plain, item, size=size, most=200, seed=seed),
        "iid conformal (GeoLift's)": lambda item, _: iid_conformal(plain, item, draws=300, seed=seed),
    }


def best_fitting(history: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """The set of 300 random ones that its donors follow most closely."""
    drawn = placebo_members(len(history), size, most=300, seed=int(rng.integers(1 << 30)))
    allowed = np.ones((len(drawn), len(history)), dtype=bool)
    np.put_along_axis(allowed, drawn, False, axis=1)
    series = history[drawn].mean(axis=1)
    rest = series - SyntheticControl().counterfactuals(series, history, history.shape[1], allowed)
    return drawn[np.argmin(np.sum(rest**2, axis=1) / series.mean(axis=1) ** 2)]


def study(
    panels: Callable[[int], np.ndarray], length: int, windows: int, names: list[str], *, first: int, chosen: bool
) -> list[dict[str, object]]:
    """Rejections without a lift, and coverage of each injected lift, by test."""
    rng = np.random.default_rng([length, first])
    kept: dict[tuple[str, float], list[bool]] = {}
    rejected: dict[str, list[bool]] = {}
    width: dict[str, list[float]] = {}
    for window in range(windows):
        outcome = panels(window)
        geos, periods = outcome.shape
        size = int(rng.integers(1, 6))
        end = int(rng.integers(min(periods, 40 + length), periods + 1))
        history = outcome[:, : end - length]
        treated = best_fitting(history, size, rng) if chosen else np.sort(rng.choice(geos, size, replace=False))
        inside = np.isin(np.arange(geos), treated)
        stretch = choice_stretch(history, treated, seed=0).factor
        for lift in LIFTS:
            series = outcome[inside, :end].mean(axis=0)
            truth = lift * series[-length:].mean()
            series[-length:] *= 1 + lift
            item = Comparison(
                treated=series,
                donors=outcome[~inside, :end],
                pre=end - length,
                names=tuple(str(place) for place in np.flatnonzero(~inside)),
            )
            every = tests(window, stretch)
            for name in names:
                result = every[name](item, size)
                kept.setdefault((name, lift), []).append(result.interval.contains(truth))
                if lift == 0:
                    rejected.setdefault(name, []).append(result.p_value <= 0.1)
                    width.setdefault(name, []).append(result.interval.width / series.mean())
    return [
        {
            "test": name,
            "days": length,
            "windows": windows,
            "A/A rejection": f"{np.mean(rejected[name]):.3f}",
            **{f"coverage at {lift:.0%}": f"{np.mean(kept[name, lift]):.3f}" for lift in LIFTS},
            "median width": f"{np.median(width[name]):.1%}",
        }
        for name in names
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds geo/geolift_pretest.csv")
    parser.add_argument("--windows", type=int, default=500)
    parser.add_argument("--all-tests", action="store_true", help="not only the default, widened and plain")
    parser.add_argument("--only", choices=list(tests(0, 1.0)), help="one test alone")
    parser.add_argument(
        "--first", type=int, default=0, help="seed of windows and sets, first one of the simulated panels"
    )
    parser.add_argument("--panels", nargs="+", help="some of the panels, by the start of their names")
    parser.add_argument("--chosen", action="store_true", help="treat the best fitting of 300 sets, not a random one")
    options = parser.parse_args()
    names = list(tests(0, 1.0)) if options.all_tests else list(tests(0, 1.0))[:2]
    names = [options.only] if options.only else names
    panels: dict[str, Callable[[int], np.ndarray]] = {
        kind: lambda window, kind=kind: simulated(kind, options.first + window // 5)
        for kind in ("stationary", "trending", "integrated")
    }
    if (options.data / "geo" / "geolift_pretest.csv").is_file():
        table = pd.read_csv(options.data / "geo" / "geolift_pretest.csv")
        public = table.pivot_table(index="location", columns="date", values="Y").to_numpy(dtype=float)
        panels = {"GeoLift pre-test": lambda _: public, **panels}
    started = time.process_time()
    first = True
    for panel, draw in panels.items():
        if options.panels and not panel.startswith(tuple(options.panels)):
            continue
        for length in LENGTHS:
            for row in study(draw, length, options.windows, names, first=options.first, chosen=options.chosen):
                line = {"panel": panel, **row}
                if first:
                    print("| " + " | ".join(line) + " |")
                    print("|" + "---|" * len(line))
                    first = False
                print("| " + " | ".join(str(value) for value in line.values()) + " |", flush=True)
    print(f"\n{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
