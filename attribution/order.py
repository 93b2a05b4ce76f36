"""How many touches matter: the order of the chain by its likelihood on people held out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from attribution.paths import FloatArray, PathTable
from attribution.transitions import history_codes
from measurement.errors import InputError

FOLDS = 8
#: Standard errors by which a higher order must win: 99% one-sided, with as many folds as there are.
_ERRORS = 3.0
#: Journeys' worth of trust in the next lower order, tried for each order. A grid too coarse smooths an order too much,
#: and the next one then wins by undoing that.
_TRUST = tuple(0.5 * 2.0**step for step in range(11))
#: Most cells (history, next step) of an order that is tried.
_MOST_CELLS = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChoice:
    """What was chosen, and why.

    Attributes
    ----------
    order
        The lowest order that the next one does not beat by three standard errors.
    log_likelihood
        Held-out log-likelihood of each order from 1 on, in nats a journey.
    gain_error
        Standard error of the gain of each order over the one below, from the folds; 0 for order 1.
    """

    order: int
    log_likelihood: tuple[float, ...]
    gain_error: tuple[float, ...]


def choose_order(table: PathTable, *, highest: int = 4) -> OrderChoice:
    """Choose the order of the chain.

    People are split by bucket into eight folds. Each order's probabilities are learnt without a fold, shrunk towards
    the order below (a Dirichlet prior around it, its weight chosen the same way), and scored on the fold.
    Orders are added while the gain exceeds three of its standard errors.

    Parameters
    ----------
    table
        Paths; counted rows should be spread over buckets first (`attribution.paths.spread_counts`).
    highest
        1 to 4. Orders with more than five million cells are not tried.

    Raises
    ------
    InputError
        For another ``highest``.
    """
    if highest not in (1, 2, 3, 4):
        raise InputError.of("the highest order must be 1 to 4", "Use 4", column="highest", value=highest)
    width = len(table.channels)
    base = width + 1
    lower = np.full((FOLDS, 1, width + 2), 1.0 / (width + 2))
    scores: list[FloatArray] = []
    chosen, going = 1, True
    for order in range(1, highest + 1):
        if order > 1 and base**order * (width + 2) > _MOST_CELLS:
            break
        counts = _counts(table, order)
        parent = np.arange(base**order) % lower.shape[1]
        lower, score = _best(counts, lower[:, parent])
        scores.append(score)
        if order > 1 and going:
            gain = scores[-1] - scores[-2]
            going = bool(gain.sum() > _ERRORS * np.sqrt(FOLDS * gain.var(ddof=1)))
            chosen = order if going else chosen
    journeys = float(table.journeys.sum())
    gains = [np.zeros(FOLDS), *(after - before for before, after in pairwise(scores))]
    return OrderChoice(
        order=chosen,
        log_likelihood=tuple(float(score.sum() / journeys) for score in scores),
        gain_error=tuple(float(np.sqrt(FOLDS * gain.var(ddof=1)) / journeys) for gain in gains),
    )


def _best(counts: FloatArray, prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probabilities (FOLDS, H, C+2) learnt without each fold, and the score of each fold, at the best trust."""
    train = counts.sum(axis=0)[None] - counts
    total = train.sum(axis=2, keepdims=True)
    used = np.nonzero(counts)
    seen, learnt, among, before = (np.broadcast_to(each, counts.shape)[used] for each in (counts, train, total, prior))
    scores = [
        np.bincount(used[0], weights=seen * np.log((learnt + trust * before) / (among + trust)), minlength=FOLDS)
        for trust in _TRUST
    ]
    best = int(np.argmax([score.sum() for score in scores]))
    return (train + _TRUST[best] * prior) / (total + _TRUST[best]), scores[best]


def _counts(table: PathTable, order: int) -> FloatArray:
    """Steps by fold, history and next step (channels, conversion, end), shape (FOLDS, H, C + 2)."""
    width = len(table.channels)
    base = width + 1
    shape = (FOLDS, base**order, width + 2)
    sums = np.zeros(int(np.prod(shape)))
    for part in table.chunks():
        length = np.diff(part.offsets)
        after = history_codes(part, base, order)
        before = np.concatenate([[0], after[:-1]])
        before[part.offsets[:-1]] = 0
        fold = (part.bucket % FOLDS).astype(np.int64) * shape[1]
        cell = (np.repeat(fold, length) + before) * shape[2] + part.touches
        sums += np.bincount(cell, weights=np.repeat(part.journeys, length), minlength=len(sums))
        ends = (fold + after[part.offsets[1:] - 1]) * shape[2] + width
        sums += np.bincount(ends, weights=part.conversions, minlength=len(sums))
        sums += np.bincount(ends + 1, weights=part.nulls, minlength=len(sums))
    return sums.reshape(shape)
