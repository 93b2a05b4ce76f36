"""NUTS (nutpie) on a compiled log density, with progress, a fixed seed, and one thread a chain."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from measurement.progress import Progress
from mmm.collapsed_kernel import log_density
from mmm.kernel_arrays import WEIGHT, KernelData, new_work
from mmm.preconditioning import Density, Frame, find_frame

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to sample.

    Attributes
    ----------
    draws, tune, chains
        Per chain, and the number of chains.
    target_accept
        Of NUTS.
    adaptation
        Mass matrix: ``"diag"`` or ``"low_rank"``.
    """

    draws: int
    tune: int
    chains: int
    target_accept: float = 0.8
    adaptation: Literal["diag", "low_rank"] = "diag"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """What the sampler returned.

    Attributes
    ----------
    points
        Shape (chain, draw, n): whitened parameters.
    diverging
        Shape (chain, draw).
    energy
        Shape (chain, draw).
    gradients
        Number of gradients, tuning included.
    """

    points: FloatArray
    diverging: NDArray[np.bool_]
    energy: FloatArray
    gradients: int


def sample_density(data: KernelData, effort: Effort, *, seed: int, progress: Progress) -> Trace:
    """Sample the collapsed posterior.

    Parameters
    ----------
    data
        What the density reads.
    effort
        Draws, tuning, chains.
    seed
        Of the sampler; the same seed, data and code give the same draws.
    progress
        Told the share of iterations done.
    """
    import nutpie

    size = len(data.centre)
    progress(0.0, "finding where the posterior lies")
    frame = find_frame(density_of(data), size, separate=weights_start(data))
    model = nutpie.compiled_pyfunc.from_pyfunc(
        size,
        lambda: _framed(density_of(data), frame),
        _expand,
        [np.dtype(np.float64)],
        [(size,)],
        ["position"],
        make_initial_point_fn=lambda chain_seed: _start(size, chain_seed),
    )
    tree = run_nutpie(model, effort, seed=seed, progress=progress)
    positions = np.asarray(tree["posterior"]["position"].to_numpy(), dtype=np.float64)
    found = trace_of(tree, frame.points(positions))
    return replace(found, gradients=found.gradients + frame.gradients)


def weights_start(data: KernelData) -> int | None:
    """Where the log weights of Student-t noise start in the parameter vector; ``None`` where the noise is normal."""
    place = int(data.blocks[WEIGHT])
    return None if place < 0 else place


def _framed(density: Density, frame: Frame) -> Density:
    def evaluate(position: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = density(frame.centre + frame.scale @ position)
        return value, frame.scale @ gradient

    return evaluate


def run_nutpie(model: Any, effort: Effort, *, seed: int, progress: Progress) -> Any:  # noqa: ANN401 - nutpie is untyped
    """Sample a compiled nutpie model; returns its DataTree, tuning included."""
    import nutpie

    options: dict[str, Any] = {} if effort.adaptation == "diag" else {"mass_matrix_eigval_cutoff": 2.0}
    return nutpie.sample(
        model,
        draws=effort.draws,
        tune=effort.tune,
        chains=effort.chains,
        cores=min(effort.chains, os.cpu_count() or 1),
        seed=seed,
        save_warmup=True,
        progress_bar=False,
        progress_callback=_listener(progress),
        adaptation=effort.adaptation,
        target_accept=effort.target_accept,
        **options,
    )


def trace_of(tree: Any, points: FloatArray) -> Trace:  # noqa: ANN401 - nutpie is untyped
    """Points and sampler statistics of a nutpie DataTree."""
    stats, warmup = tree["sample_stats"], tree["warmup_sample_stats"]
    return Trace(
        points=points,
        diverging=np.asarray(stats["diverging"].to_numpy(), dtype=np.bool_),
        energy=np.asarray(stats["energy"].to_numpy(), dtype=np.float64),
        gradients=int(stats["n_steps"].to_numpy().sum() + warmup["n_steps"].to_numpy().sum()),
    )


def density_of(data: KernelData) -> Density:
    """The log density of one chain, with arrays of its own to write into."""
    work = new_work(data)
    size = len(data.centre)

    def evaluate(point: FloatArray) -> tuple[float, FloatArray]:
        gradient = np.zeros(size)
        value = log_density(np.array(point), data, work, gradient)
        return (value, gradient) if np.isfinite(value) else (-np.inf, np.zeros(size))

    return evaluate


def _expand(_seed1: int, _seed2: int, _chain: int) -> Callable[[FloatArray], dict[str, FloatArray]]:
    return lambda point: {"position": np.array(point)}


def _start(size: int, seed: int) -> FloatArray:
    """A start within the bulk."""
    return np.random.default_rng(seed).normal(0.0, 0.7, size)


def _listener(progress: Progress) -> Callable[[Any], None]:
    """Turn nutpie's list of chain states into a share done."""

    def listen(chains: Any) -> None:  # noqa: ANN401 - nutpie's class is not exported
        total = sum(chain.total_draws for chain in chains)
        done = sum(chain.finished_draws for chain in chains)
        if total:
            progress(done / total, "sampling the media mix model")

    return listen
