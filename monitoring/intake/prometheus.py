"""Counters in Prometheus' text format → what they rose by, a day and series at a time.

Counters say how much in all, not which call: they stand beside the KPIs, never among the calls.
Source: Prometheus text exposition format 0.0.4 and OpenMetrics 1.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from monitoring.intake.gathered import SetAside

_SAMPLE = re.compile(
    r"(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>[^\s#]+)(?:\s+(?P<time>-?[\d.]+))?\s*(?:#.*)?$"
)
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*,?')
_LATEST_S = 4_102_444_800
COLUMNS = ("ts", "name", "labels", "value")


def is_prometheus(path: Path) -> bool:
    """By its ending: ``.prom``, ``.metrics`` or ``.openmetrics``."""
    return path.suffix in {".prom", ".metrics", ".openmetrics"}


def read_counters(path: Path, name: str) -> tuple[pd.DataFrame, list[SetAside]]:
    """Samples of counters (columns `COLUMNS`), and the lines that are none.

    A sample without a time gets the file's. Gauges and quantiles of summaries are left out: they cannot be added up.
    """
    kinds: dict[str, str] = {}
    rows, aside = [], []
    written = pd.Timestamp(path.stat().st_mtime, unit="s")
    for number, line in enumerate(_lines(path), start=1):
        text = line.strip()
        if text.startswith("# TYPE "):
            _, _, metric, kind = [*text.split(maxsplit=3), ""][:4]
            kinds[metric] = kind.strip()
        if not text or text.startswith("#"):
            continue
        try:
            sample = _sample(text, written)
        except ValueError as wrong:
            aside.append(SetAside(file=name, line=number, reason=str(wrong)))
            continue
        if _counts(str(sample["name"]), str(sample["labels"]), kinds):
            rows.append(sample)
    return pd.DataFrame(rows, columns=list(COLUMNS)), aside


def increase(samples: pd.DataFrame) -> pd.DataFrame:
    """What each series rose by on each day: columns day, name, labels, increase.

    A counter that falls was reset: it counts from zero again. The first sample of a series gives a start, no rise.
    """
    if samples.empty:
        return pd.DataFrame(columns=["day", "name", "labels", "increase"])
    ordered = samples.drop_duplicates(["name", "labels", "ts"], keep="last").sort_values(["name", "labels", "ts"])
    before = ordered.groupby(["name", "labels"])["value"].shift()
    rise = (ordered["value"] - before).where(ordered["value"] >= before, ordered["value"]).where(before.notna())
    table = ordered.assign(day=ordered["ts"].dt.date, increase=rise).dropna(subset=["increase"])
    daily = table.groupby(["day", "name", "labels"])["increase"].sum()
    return daily.reset_index()


def read_all(files: Sequence[tuple[Path, str]]) -> tuple[pd.DataFrame, list[SetAside]]:
    """`increase` over several files, and every line set aside."""
    parts = [read_counters(path, name) for path, name in files]
    frames = [frame for frame, _ in parts if len(frame)]
    samples = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
    return increase(samples), [one for _, aside in parts for one in aside]


def _sample(text: str, written: pd.Timestamp) -> dict[str, object]:
    found = _SAMPLE.match(text)
    if found is None:
        raise ValueError("this is not a sample of Prometheus' text format")
    value = float(found["value"])
    if not math.isfinite(value):
        raise ValueError("a counter must be a number that can be added up")
    time = written
    if found["time"] is not None:
        seconds = float(found["time"])
        time = pd.Timestamp(seconds / 1_000.0 if seconds > _LATEST_S else seconds, unit="s")
    labels = ",".join(f"{key}={value}" for key, value in sorted(_LABEL.findall(found["labels"] or "")))
    return {"ts": time, "name": found["name"], "labels": labels, "value": value}


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8-sig", errors="replace").split("\n")


def _counts(name: str, labels: str, kinds: dict[str, str]) -> bool:
    if kinds.get(name) in {"counter", "unknown", "untyped"} or name.endswith("_total"):
        return True
    base = re.sub(r"_(sum|count|bucket)$", "", name)
    return base != name and kinds.get(base) in {"histogram", "summary"} and "quantile=" not in labels
