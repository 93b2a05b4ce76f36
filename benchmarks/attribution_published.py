"""Exact removal effects on ChannelAttribution's published sample, which lies in its own source distribution.

    pip download --no-deps --no-binary :all: ChannelAttribution==2.1.7 && tar xzf ChannelAttribution-2.1.7.tar.gz
    python benchmarks/attribution_published.py ChannelAttribution-2.1.7/src/cypack/data/Data.csv

With ``--peer PYTHON`` (an interpreter that has ChannelAttribution) its rules are compared as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd

from attribution.markov import markov
from attribution.paths import PathTable, paths_from_strings
from attribution.rules import rule_credit, shares

#: Exact order-1 removal effects scaled to all conversions.
EXPECTED = {
    "alpha": 5344.948,
    "beta": 2527.352,
    "delta": 4.614,
    "epsilon": 599.571,
    "eta": 3340.847,
    "gamma": 171.145,
    "iota": 3884.615,
    "kappa": 274.363,
    "lambda": 1282.847,
    "mi": 1.722,
    "theta": 1971.913,
    "zeta": 381.063,
}
_PEER = """
import sys, json, pandas as pd, ChannelAttribution as peer
data = pd.read_csv(sys.argv[1], sep=";")
data = data[data.columns[:4]]
found = peer.heuristic_models(data, "path", "total_conversions", var_value="total_conversion_value")
print("\\n" + json.dumps(found.to_dict("list")))
"""


def sample_paths(file: str | Path) -> PathTable:
    """The sample's paths."""
    data = pd.read_csv(file, sep=";")
    return paths_from_strings(
        data["path"].to_numpy(dtype=object),
        conversions=data["total_conversions"],
        nulls=data["total_null"],
        value=data["total_conversion_value"],
    )


def exact_credit(table: PathTable) -> dict[str, float]:
    """Conversions by channel, to be held against `EXPECTED`."""
    exact = markov(table)
    return dict(zip(exact.channels, exact.conversions, strict=True))


def peer_rules(python: str | Path, file: str | Path) -> pd.DataFrame:
    """ChannelAttribution's rules by channel: columns such as ``first_touch_conversions``."""
    answer = subprocess.run([str(python), "-c", _PEER, str(file)], capture_output=True, text=True, check=True)
    return pd.DataFrame(json.loads(answer.stdout.strip().splitlines()[-1])).set_index("channel_name")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--peer", help="Python with ChannelAttribution")
    given = parser.parse_args()
    table = sample_paths(given.file)
    found = exact_credit(table)
    print("| channel | exact, published | here | difference |\n|---|---|---|---|")
    for name, value in EXPECTED.items():
        print(f"| {name} | {value:.3f} | {found[name]:.3f} | {abs(found[name] - value):.4f} |")
    print(f"\nLargest difference: {max(abs(found[name] - value) for name, value in EXPECTED.items()):.5f} (bar 0.001)")
    if given.peer:
        peer = peer_rules(given.peer, given.file)
        for rule in ("first", "last", "linear"):
            ours = rule_credit(table, shares(table, rule))
            names = list(table.channels)
            gaps = [
                np.abs(ours[:, place] - peer.loc[names, f"{rule}_touch_{kind}"].to_numpy()).max()
                for place, kind in enumerate(("conversions", "value"))
            ]
            print(f"{rule}: largest difference {gaps[0]:.1e} conversions, {gaps[1]:.1e} value")


if __name__ == "__main__":
    main()
