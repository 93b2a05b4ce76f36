"""Make the sample workspace from its seed: ``python -m sample_data.build``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sample_data import SAMPLE, SEED
from sample_data.datasheet import datasheet_text
from sample_data.settings_text import geo_test_text, settings_text
from simulation.content import simulate_content
from simulation.creatives import simulate_creatives
from simulation.journey_market import journeys_of_market
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
    texts, tables = sample_contents(seed)
    written = [_write_text(target / name, text) for name, text in texts.items()]
    written += [_write_table(target / name, table) for name, table in tables.items()]
    return sorted(written)


def sample_contents(seed: int = SEED) -> tuple[dict[str, str], dict[str, pd.DataFrame]]:
    """What the workspace holds, by path in it: texts as written, and the tables of its Parquet files."""
    market, creatives = simulate_market(seed), simulate_creatives(seed)
    journeys, content = journeys_of_market(market, seed), simulate_content(seed)
    study = display_study(market, seed)
    tables = {
        "data/creative_decisions.parquet": creatives.decisions,
        "data/creative_rewards.parquet": creatives.rewards,
        "data/touchpoints.parquet": journeys.touchpoints,
        **{f"data/content/{name}.parquet": table for name, table in content.tables.items()},
    }
    truth = {
        "market": {**market.truth, "lift_studies": [_study_truth(study)]},
        "creatives": creatives.truth,
        "journeys": journeys.truth,
        "content": content.truth,
    }
    texts = {
        "liftwerk.toml": settings_text(market, study),
        "data/panel.csv": panel_text(market.table),
        **{f"geo_tests/{test['name']}.toml": geo_test_text(test) for test in market.geo_tests},
        "truth.json": json.dumps(rounded(truth), indent=1, ensure_ascii=False) + "\n",
        "DATASHEET.md": datasheet_text(market, {"data/panel.csv": market.table, **tables}, seed),
    }
    return texts, tables


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


def _write_table(file: Path, table: pd.DataFrame) -> Path:
    """Parquet without the metadata that pandas adds: it names versions, which would change the bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(plain, file, compression="zstd", compression_level=12)
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
