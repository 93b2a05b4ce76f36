"""Verdicts on outputs: by rules, by a model as judge, by people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.content_spec import ContentSpec

FloatArray = NDArray[np.float64]
#: Share of outputs a rule flags.
RULES: dict[str, float] = {"moderation": 0.008, "policy_violation": 0.005, "data_leak": 0.0008}
#: Mean of each score of the judge for a text without and with an invented fact.
QUALITY: dict[str, tuple[float, float]] = {
    "fact_score": (0.94, 0.71),
    "coverage": (0.88, 0.84),
    "entity_consistency": (0.95, 0.86),
    "brand_fit": (0.86, 0.82),
}


def draw_scores(rng: np.random.Generator, spec: ContentSpec, outputs: pd.DataFrame) -> pd.DataFrame:
    """``gen_score`` in the contract's columns, sorted by time; no row means not judged.

    Parameters
    ----------
    rng
        Source of chance of this part alone.
    spec
        The pipeline.
    outputs
        From `simulation.content.draw_outputs`.
    """
    count = len(outputs)
    judged = rng.random(count) < spec.judged
    audited = rng.random(count) < spec.audited
    invented = outputs["invented"].to_numpy(dtype=np.float64)
    everywhere = np.ones(count, dtype=bool)
    parts = [
        _rows(rng, outputs, everywhere, name, (rng.random(count) < rate).astype(np.float64), "rule")
        for name, rate in RULES.items()
    ]
    readable = np.round(rng.beta(14.0, 6.0, count), 3)
    parts.append(_rows(rng, outputs, everywhere, "readability", readable, "rule"))
    verdict = _verdict(rng, spec, outputs, invented)
    parts.append(_rows(rng, outputs, judged, "hallucination", verdict, "llm_judge"))
    for name, (sound, flawed) in QUALITY.items():
        mean = np.where(invented > 0, flawed, sound)
        score = np.round(rng.beta(30.0 * mean, 30.0 * (1.0 - mean)), 3)
        parts.append(_rows(rng, outputs, judged, name, score, "llm_judge"))
    parts.append(_rows(rng, outputs, audited, "hallucination", invented, "human"))
    finding = (rng.random(count) < 0.03).astype(np.float64)
    parts.append(_rows(rng, outputs, audited, "audit_finding", finding, "human"))
    scores = pd.concat(parts, ignore_index=True)
    newer = (scores["source"] == "llm_judge") & (scores["day"] >= spec.new_judge_day)
    version = pd.Series(np.where(newer, "judge-2", "judge-1"), dtype="str")
    scores["judge_version"] = version.where(scores["source"] == "llm_judge")
    end = pd.Timestamp(spec.last_day, tz="UTC") + pd.Timedelta(days=1)
    seen = scores[scores["scored_ts"] < end].sort_values(["scored_ts", "output_id", "name", "source"])
    columns = ["span_id", "output_id", "scored_ts", "name", "value", "source", "judge_version"]
    return seen[columns].reset_index(drop=True)


def _verdict(rng: np.random.Generator, spec: ContentSpec, outputs: pd.DataFrame, invented: FloatArray) -> FloatArray:
    """1 where the judge sees an invented fact: right as often as its version's sensitivity and specificity say."""
    catches = np.where(outputs["day"] >= spec.new_judge_day, spec.new_sensitivity, spec.sensitivity)
    flagged = np.where(invented > 0, catches, 1.0 - spec.specificity)
    return (rng.random(len(outputs)) < flagged).astype(np.float64)


def _rows(
    rng: np.random.Generator,
    outputs: pd.DataFrame,
    where: NDArray[np.bool_],
    name: str,
    value: FloatArray,
    source: str,
) -> pd.DataFrame:
    """Verdicts called ``name`` on the outputs in ``where``; people take a day or two, machines minutes."""
    hours = {"rule": 0.05, "llm_judge": 0.2, "human": 20.0}[source]
    wait = np.ceil(hours * 3_600.0 * rng.uniform(0.5, 1.5, len(outputs)) + 600.0)
    return pd.DataFrame(
        {
            "span_id": pd.Series([None] * len(outputs), dtype="str"),
            "output_id": outputs["output_id"],
            "scored_ts": outputs["requested_ts"] + pd.to_timedelta(pd.Series(wait), unit="s"),
            "name": name,
            "value": value,
            "source": source,
            "day": outputs["day"],
        }
    )[where]
