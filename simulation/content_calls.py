"""Model calls behind the outputs: latency, tokens, errors, cost."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.content_spec import ContentSpec

FloatArray = NDArray[np.float64]
ERRORS = ("timeout", "rate_limit", "server_error")


def draw_calls(rng: np.random.Generator, spec: ContentSpec, outputs: pd.DataFrame) -> pd.DataFrame:
    """``gen_call``: one to five calls an output, in the contract's columns, sorted by start.

    Parameters
    ----------
    rng
        Source of chance of this part alone.
    spec
        The pipeline.
    outputs
        From `simulation.content.draw_outputs`.
    """
    many = 1 + np.minimum(rng.poisson(1.6, len(outputs)), 4)
    made = outputs.loc[np.repeat(outputs.index.to_numpy(), many)].reset_index(drop=True)
    count = len(made)
    step = np.concatenate([np.arange(number) for number in many])
    failed = rng.random(count) < _error_rate(spec, made)
    tokens = _tokens(rng, spec, made, step)
    duration = _latency(rng, spec, made, tokens["output_tokens"])
    # A call that fails has waited for its time-out and brought nothing.
    duration = np.where(failed, duration * 1.8, duration)
    tokens["output_tokens"] = np.where(failed, 0.0, tokens["output_tokens"])
    begin = made["requested_ts"] + pd.to_timedelta(
        pd.Series(np.floor(2.0 + step * rng.uniform(20.0, 90.0, count)) * 1_000 + rng.integers(0, 1_000, count)), "ms"
    )
    kind = rng.choice(ERRORS, size=count, p=(0.5, 0.3, 0.2))
    first_token = np.round(duration * rng.uniform(0.12, 0.30, count))
    calls = pd.DataFrame(
        {
            "start_ts": begin,
            "duration_ms": np.round(duration),
            "trace_id": [_hex(f"t{name}", 16) for name in made["output_id"]],
            "span_id": [_hex(f"s{name}.{part}", 8) for name, part in zip(made["output_id"], step, strict=True)],
            "team": made["team"],
            "pipeline": made["pipeline"],
            "model": made["model"],
            "output_id": made["output_id"],
            "variant_id": made["variant_id"],
            "arm": made["arm"],
            "error_type": pd.Series(kind, dtype="str").where(failed),
            **{name: values.astype(np.int64) for name, values in tokens.items()},
            "context_window": made["model"].map({model.name: model.context_window for model in spec.models}),
            "ttft_ms": np.where(failed, np.nan, first_token),
            "cost": np.where(failed, 0.0, _cost(spec, made, tokens)),
            "currency": "EUR",
        }
    )
    return calls.sort_values(["start_ts", "span_id"], ignore_index=True)


def _by_model(spec: ContentSpec, made: pd.DataFrame, field: str) -> FloatArray:
    return made["model"].map({model.name: getattr(model, field) for model in spec.models}).to_numpy(dtype=np.float64)


def _error_rate(spec: ContentSpec, made: pd.DataFrame) -> FloatArray:
    rate = _by_model(spec, made, "error_rate")
    return rate if spec.incident is None else np.where(made["incident"], spec.incident.error_rate, rate)


def _tokens(
    rng: np.random.Generator, spec: ContentSpec, made: pd.DataFrame, step: NDArray[np.int64]
) -> dict[str, FloatArray]:
    """Tokens read, written, and read from the cache (a part of those read)."""
    count = len(made)
    length = np.ones(count)
    if spec.canary is not None:
        length = np.where(made["arm"] == "canary", spec.canary.token_factor, length)
    read = np.rint(5_200.0 * np.exp(rng.normal(0.0, 0.5, count)) * length)
    written = np.rint(1_100.0 * np.exp(rng.normal(0.0, 0.45, count)) * length)
    cached = np.where((step > 0) & (rng.random(count) < 0.7), np.floor(read * rng.uniform(0.4, 0.85, count)), 0.0)
    return {"input_tokens": read, "output_tokens": written, "cache_read_tokens": cached}


def _latency(rng: np.random.Generator, spec: ContentSpec, made: pd.DataFrame, written: FloatArray) -> FloatArray:
    factor = np.exp(rng.normal(0.0, 0.40, len(made))) * (0.6 + 0.4 * written / 1_100.0)
    if spec.incident is not None:
        factor = np.where(made["incident"], factor * spec.incident.latency_factor, factor)
    if spec.canary is not None:
        factor = np.where(made["arm"] == "canary", factor * spec.canary.latency_factor, factor)
    return np.asarray(_by_model(spec, made, "latency_ms") * factor, dtype=np.float64)


def _cost(spec: ContentSpec, made: pd.DataFrame, tokens: dict[str, FloatArray]) -> FloatArray:
    fresh = tokens["input_tokens"] - tokens["cache_read_tokens"]
    euros = (
        fresh * _by_model(spec, made, "input_price")
        + tokens["cache_read_tokens"] * _by_model(spec, made, "cache_price")
        + tokens["output_tokens"] * _by_model(spec, made, "output_price")
    )
    return np.asarray(np.round(euros / 1e6, 6), dtype=np.float64)


def _hex(name: str, size: int) -> str:
    """An id as tracing systems write it: ``size`` bytes in hexadecimal."""
    return hashlib.blake2b(name.encode(), digest_size=size).hexdigest()
