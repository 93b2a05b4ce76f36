"""How long a panel takes to read and check, by format and size; and what damaged inputs lead to.

python benchmarks/measurement_readers.py --geos 2000 --weeks 200 --channels 8
python benchmarks/measurement_readers.py --damage 1000
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from measurement.errors import InputError
from measurement.readers.checks import check_workspace
from measurement.readers.panel_table import read_panel
from measurement.workspace import Workspace


def write_panel(root: Path, geos: int, weeks: int, channels: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    dates = pd.date_range("2023-01-02", periods=weeks, freq="7D")
    frame = pd.DataFrame(
        {"week": np.tile(dates, geos), "geo": np.repeat([f"geo {index}" for index in range(geos)], weeks)}
    )
    for name in ["revenue", *(f"c{index}" for index in range(channels))]:
        frame[name] = np.round(rng.uniform(100, 20_000, len(frame)), 2)
    frame.to_parquet(root / "panel.parquet")
    frame.to_csv(root / "panel.csv", index=False, date_format="%Y-%m-%d")
    frame.to_csv(root / "german.csv", index=False, sep=";", decimal=",", date_format="%d.%m.%Y")
    return frame


def measure(args: argparse.Namespace) -> None:
    root = Path(tempfile.mkdtemp())
    rows = len(write_panel(root, args.geos, args.weeks, args.channels))
    channels = "".join(f'[panel.channels.c{index}]\nspend = "c{index}"\n' for index in range(args.channels))
    print("| file | rows | MB | CPU s to read and check |\n|---|---|---|---|")
    for file in ("panel.parquet", "panel.csv", "german.csv"):
        (root / "liftwerk.toml").write_text(
            f'[panel]\nfile = "{file}"\ndate = "week"\ngeo = "geo"\noutcome = "revenue"\n{channels}'
        )
        workspace = Workspace.open(root)
        read_panel(workspace)  # imports and file cache are not what is measured
        started = time.process_time()
        read_panel(workspace)
        size = (root / file).stat().st_size / 1e6
        print(f"| {file} | {rows:,} | {size:.0f} | {time.process_time() - started:.2f} |")
    shutil.rmtree(root)


def damage(cases: int, seed: int) -> None:
    """Random bytes cut, doubled and replaced in every input of the small test workspace."""
    from tests.measurement.small_workspace import build_workspace

    root = Path(tempfile.mkdtemp())
    sound = build_workspace(root / "sound")
    files = sorted(path.relative_to(sound) for path in sound.rglob("*") if path.is_file())
    outcomes = {"refused": 0, "accepted": 0, "crashed": 0}
    for case in range(cases):
        rng = np.random.default_rng([seed, case])
        copy = shutil.copytree(sound, root / "copy")
        path = copy / files[int(rng.integers(len(files)))]
        content = bytearray(path.read_bytes())
        for _ in range(int(rng.integers(1, 5))):
            start, length = int(rng.integers(len(content) + 1)), int(rng.integers(1, 40))
            kind = int(rng.integers(3))
            content[start : start + (0 if kind == 1 else length)] = b"" if kind == 0 else rng.bytes(length)
        path.write_bytes(bytes(content))
        try:
            problems = check_workspace(Workspace.open(copy))
            refused = any(problem.severity == "error" for problem in problems)
            outcomes["refused" if refused else "accepted"] += 1
        except InputError:
            outcomes["refused"] += 1
        except Exception as error:  # noqa: BLE001 - counting crashes is the purpose
            outcomes["crashed"] += 1
            print(f"case {case}, {path.name}: {error!r}")
        shutil.rmtree(copy)
    print(f"{cases} damaged workspaces: {outcomes}")
    shutil.rmtree(root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--geos", type=int, default=2000)
    parser.add_argument("--weeks", type=int, default=200)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--damage", type=int, default=0, help="number of damaged workspaces instead of timings")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.damage:
        damage(args.damage, args.seed)
    else:
        measure(args)


if __name__ == "__main__":
    main()
