"""Make the sample workspace from its seed: ``python -m sample_data.build``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from sample_data import SAMPLE, SEED
from sample_data.settings_text import geo_test_text, settings_text
from simulation.lift_studies import LiftStudy, holdout_study
from simulation.market import Market, simulate_market

#: Significant digits of a value in truth.json: enough to check against, few enough to be the same on every machine.
DIGITS = 8


def build_sample(target: Path, seed: int = SEED) -> list[Path]:
    """Write the sample workspace into ``target``, over what is there.

    Parameters
    ----------
    target
        A folder, made if need be.
    seed
        Everything follows from it.

    Returns
    -------
    list of Path
        The files written, sorted.
    """
    market = simulate_market(seed)
    study = display_study(market, seed)
    texts = {
        "liftwerk.toml": settings_text(market, study),
        "data/panel.csv": panel_text(market.table),
        **{f"geo_tests/{test['name']}.toml": geo_test_text(test) for test in market.geo_tests},
    }
    truth = {"market": {**market.truth, "lift_studies": [_study_truth(study)]}}
    texts["truth.json"] = json.dumps(rounded(truth), indent=1, ensure_ascii=False) + "\n"
    return sorted(_write_text(target / name, text) for name, text in texts.items())


def display_study(market: Market, seed: int) -> LiftStudy:
    """The readout under ``[[lift_tests]]``: a platform's holdout of display in autumn 2025, standard error 20%."""
    return holdout_study(market, channel="display", first_week=66, weeks=6, cooldown=1, relative_error=0.2, seed=seed)


def panel_text(table: pd.DataFrame) -> str:
    """The panel as CSV: ISO dates, money with two decimals, prices with one."""
    shown = table.copy()
    shown["week"] = shown["week"].dt.strftime("%Y-%m-%d")
    for name in shown.select_dtypes("float").columns:
        shown[name] = shown[name].map(("{:.1f}" if name == "price_index" else "{:.2f}").format)
    return shown.to_csv(index=False, lineterminator="\n")


def rounded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """``value`` with every float cut to `DIGITS` significant digits, through all lists and objects."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list) else value


def _study_truth(study: LiftStudy) -> dict[str, Any]:
    return {
        "channel": study.channel,
        "start": study.start.isoformat(),
        "true_incremental_outcome": study.true_incremental_outcome,
        "incremental_spend": study.incremental_spend,
    }


def _write_text(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8", newline="\n")
    return file


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: rebuild the shipped workspace, or one elsewhere with ``--target`` and ``--seed``."""
    parser = argparse.ArgumentParser(prog="python -m sample_data.build", description="Make the sample workspace.")
    parser.add_argument("--target", type=Path, default=SAMPLE)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    build_sample(options.target, options.seed)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
