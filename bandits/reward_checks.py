"""What cannot be rewards of arms: refused with the reason, before anything is learnt from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from measurement.errors import InputError

_Floats = NDArray[np.float64]


def batch_of(arm: ArrayLike, reward: ArrayLike, arms: int) -> tuple[NDArray[np.int64], _Floats]:
    """Arm indices and rewards of a batch as arrays, both (n,); refuses what is none."""
    index, values = np.asarray(arm, dtype=np.int64), np.asarray(reward, dtype=float)
    if index.shape != values.shape or index.ndim != 1:
        raise InputError.of("arms and rewards of a batch differ in length", "Pass one reward for each arm index")
    if index.size and not (index.min() >= 0 and index.max() < arms):
        raise InputError.of("a batch names an arm that does not exist", f"Use 0 … {arms - 1}", column="arm")
    if not np.isfinite(values).all():
        raise InputError.of("a reward is not a number", "Remove or correct the row", column="reward")
    return index, values


def check_arms(arms: Sequence[str]) -> None:
    """Refuse no arms, and two of one name.

    Raises
    ------
    InputError
        In either case.
    """
    if not arms or len(set(arms)) != len(arms):
        raise InputError.of("an experiment needs arms with different names", "Name each arm once", column="arms")


def check_statistics(arms: tuple[str, ...], total: _Floats, exposure: _Floats, prior: tuple[float, float]) -> None:
    """Refuse sums of rewards, exposures (one for each arm) and priors that no posterior can be made of."""
    check_arms(arms)
    for name, values in (("rewards", total), ("exposure", exposure)):
        if values.shape != (len(arms),) or not np.isfinite(values).all() or (values < 0).any():
            raise InputError.of(
                f"{name} must be one number of at least 0 for each arm", "Correct the batch", column=name
            )
    if min(prior) < 0.5:
        raise InputError.of("prior parameters below .5 are not supported", "Pass e.g. (1, 1)", column="prior")


def check_mergeable(
    arms: tuple[str, ...], others: tuple[str, ...], prior: tuple[float, float], other: tuple[float, float]
) -> None:
    """Refuse to merge posteriors of different arms or priors."""
    if arms != others or prior != other:
        raise InputError.of(
            "posteriors with different arms or priors cannot be merged", "Merge like with like", column="arms"
        )
