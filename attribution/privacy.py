"""What may leave the house: no cell of fewer than k people, and no person between two successive reports.

Two rules act on people, before any credit is worked out, so that every method and every table inherits them.

1. *Small channels.* A person who met a channel that fewer than k admitted people met is left out, until every channel
   that remains was met by at least k people. Nothing is merged into an "other" row: a rest of one person would be a
   row about one person.
2. *Successive reports.* A release remembers a keyed digest of every person it rests on (`attribution.ledger`). In the
   next one the people who differ (new, gone, or with any other event) are counted by channel, each once. Newcomers on a
   channel where fewer than k people differ wait. Where people are gone or changed and fewer than k differ on one of
   their channels, nothing new is released and the last report stands. Where it cannot stand, as a person in it has been
   forgotten, so many others are left out with them that k differ.

Guaranteed: every published channel rests on k people or more; two successive reports are identical, or differ by k
people or more in every channel that differs at all. So a channel that one person met never shows, and its coming or
going changes nothing. Published transition counts are multiples of k, cut down, and the probabilities follow from them.

Not guaranteed: k-anonymity protects against readers of reports, not against one who knows k − 1 of the k people; a
chain of many reports may tell more than two; nothing here hides that a *group* of k did something all alike. Whoever
needs protection against any side knowledge needs noise: `noisy_counts` gives ε-differential privacy, for counts only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.ledger import Ledger, People, everybody
from attribution.paths import FloatArray, IntArray, PathTable
from measurement.errors import InputError

DEFAULT_K = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Release:
    """What `release` decided.

    Attributes
    ----------
    paths
        Paths of the admitted people; ``None`` where the last report stands.
    ledger
        To keep for the next release.
    people, waiting
        Admitted people, and people left out or waiting.
    """

    paths: PathTable | None
    ledger: Ledger
    people: int
    waiting: int


def release(
    table: PathTable,
    *,
    key: bytes,
    k: int = DEFAULT_K,
    previous: Ledger | None = None,
    trace: IntArray | None = None,
) -> Release:
    """Admit people under the two rules of this module.

    Parameters
    ----------
    table
        Paths that name people.
    key
        Secret of the workspace, 16 bytes or more: without it a digest cannot be traced to an id.
    k
        Smallest group that may be published, 2 or more.
    previous
        Ledger of the last release, ``None`` for the first.
    trace
        Fingerprint of every event of each path's person (`attribution.journeys.event_trace`), shape (P,). Left out,
        only paths, conversions and values are compared with the last release, not times and costs.

    Raises
    ------
    InputError
        For paths without people, a small ``k``, a short key, or where nobody can be admitted.
    """
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    if k < 2 or len(key) < 16:
        raise InputError.of(
            "privacy needs groups of 2 or more and a key of 16 bytes or more", "Use k = 10", column="k", value=k
        )
    people = everybody(table, key, trace)
    if previous is None:
        admitted: NDArray[np.bool_] | None = _crowded(people.met, np.ones(len(people.digest), dtype=bool), k)
    else:
        admitted = _next(people, previous, k)
    if admitted is None and previous is not None:
        before = previous.table["digest"]
        waiting = int((~np.isin(people.digest, before)).sum())
        return Release(paths=None, ledger=previous, people=int(before.nunique()), waiting=waiting)
    if admitted is None or not admitted.any():
        raise InputError.of(
            f"no channel was met by {k} people, so that nothing may be published",
            "Widen the time range, or lower k in [journeys] if your rules allow it",
            column="touchpoints",
            value=f"{len(people.digest)} people",
        )
    return Release(
        paths=only_met(table.where(admitted[people.of_path])),
        ledger=people.ledger(admitted),
        people=int(admitted.sum()),
        waiting=int((~admitted).sum()),
    )


def only_met(table: PathTable) -> PathTable:
    """The table without channels that nobody met."""
    used = np.unique(table.touches)
    rank = np.zeros(len(table.channels), dtype=np.int16)
    rank[used] = np.arange(len(used))
    return PathTable(
        channels=tuple(table.channels[place] for place in used),
        offsets=table.offsets,
        touches=rank[table.touches],
        conversions=table.conversions,
        nulls=table.nulls,
        value=table.value,
        bucket=table.bucket,
        ages=table.ages,
        people=table.people,
        cost=np.zeros(len(used)),
    )


def _crowded(met: NDArray[np.bool_], start: NDArray[np.bool_], k: int) -> NDArray[np.bool_]:
    """The largest part of ``start`` in which every channel is met by nobody or by k people or more."""
    admitted = start.copy()
    while True:
        count = met[admitted].sum(axis=0)
        rare = (count > 0) & (count < k)
        if not rare.any():
            return admitted
        admitted &= ~(met & rare).any(axis=1)


def _next(people: People, previous: Ledger, k: int) -> NDArray[np.bool_] | None:
    """Who is admitted after an earlier release; ``None`` where its report must stand."""
    met, old = people.met, previous.table
    staying = np.isin(people.digest, old["digest"].to_numpy())
    newcomers, known = ~staying, staying.copy()
    gone = old[~old["digest"].isin(people.digest)]
    left = gone.groupby("channel")["person"].nunique()
    leaving = np.array([int(left.get(name, 0)) for name in people.channels])
    fresh = met & ~_were_met(people, gone)
    while True:
        # Somebody who changed is gone and new: one person.
        differ = leaving + fresh[newcomers].sum(axis=0) + met[known & ~staying].sum(axis=0)
        count = met[staying | newcomers].sum(axis=0)
        small, rare = (differ > 0) & (differ < k), (count > 0) & (count < k)
        blocked = small | rare
        waiting = newcomers & (met & blocked).any(axis=1)
        if waiting.any():
            newcomers &= ~waiting
        elif previous.report_is_gone and blocked.any():
            staying &= ~_companions(people, staying, np.where(rare, len(met), np.where(small, k - differ, 0)))
        else:
            # What is left of a small difference are people gone or changed: only an unchanged report hides them.
            vanished = left[~left.index.isin(people.channels)]
            return None if blocked.any() or (vanished < k).any() else staying | newcomers


def _were_met(people: People, gone: pd.DataFrame) -> NDArray[np.bool_]:
    """Which channels the people had met in rows of the ledger that hold no longer, shape (people, C)."""
    were = np.zeros(people.met.shape, dtype=bool)
    row = pd.Index(people.person).get_indexer(pd.Index(gone["person"]))
    column = pd.Index(people.channels).get_indexer(pd.Index(gone["channel"]))
    both = (row >= 0) & (column >= 0)
    were[row[both], column[both]] = True
    return were


def _companions(people: People, staying: NDArray[np.bool_], wanted: IntArray) -> NDArray[np.bool_]:
    """People to leave out as well, ``wanted`` of each channel, shape (people,): those with the lowest digests.

    A digest is keyed, so that nobody outside knows who they are; a channel with fewer people loses all of them.
    """
    out = np.zeros(len(staying), dtype=bool)
    in_order = np.argsort(people.digest, kind="stable")
    for channel in np.flatnonzero(wanted):
        there = in_order[(staying & people.met[:, channel])[in_order]]
        out[there[: wanted[channel]]] = True
    return out


def publishable_transitions(transitions: pd.DataFrame, *, k: int = DEFAULT_K) -> pd.DataFrame:
    """Transition counts cut down to multiples of k, with the probabilities of what remains.

    A person takes a step more than once only by coming back to it, so that k steps may be of fewer than k people;
    `person_transitions` counts people instead and is what a report should pass in.
    """
    frame = transitions.assign(count=(transitions["count"] // k) * k)
    frame = frame[frame["count"] > 0].reset_index(drop=True)
    frame["probability"] = frame["count"] / frame.groupby("from")["count"].transform("sum")
    return frame


def person_transitions(table: PathTable) -> pd.DataFrame:
    """How many people took each step at least once: ``from``, ``to``, ``count``."""
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    names = np.array([*table.channels, "(start)", "(conversion)", "(end)"], dtype=object)
    width = len(table.channels)
    person = np.unique(table.people, return_inverse=True)[1].astype(np.int64).ravel()
    touches = table.touches.astype(np.int64)
    before = np.concatenate([[width], touches[:-1]])
    before[table.offsets[:-1]] = width
    owner, last = table.owner(), touches[table.offsets[1:] - 1]
    parts = [np.column_stack([person[owner], before, touches])]
    for place, happened in ((width + 1, table.conversions > 0), (width + 2, table.nulls > 0)):
        parts.append(np.column_stack([person, last, np.full(table.count, place)])[happened])
    steps = np.unique(np.concatenate(parts), axis=0)[:, 1:]
    found, count = np.unique(steps, axis=0, return_counts=True)
    frame = pd.DataFrame({"from": names[found[:, 0]], "to": names[found[:, 1]], "count": count.astype(float)})
    return frame.sort_values(["from", "to"], ignore_index=True)


def noisy_counts(counts: FloatArray, *, epsilon: float, per_person: int, seed: int | None) -> IntArray:
    """Counts with two-sided geometric noise: ε-differential privacy of the whole vector.

    Parameters
    ----------
    counts
        Whole numbers, e.g. conversions by first or last touch, any shape.
    epsilon
        Privacy budget of this one table; budgets of several tables and of successive reports add up.
    per_person
        Most that one person can add to all cells together. The caller must have cut people down to that.
    seed
        ``None`` takes entropy from the system, as a publication must; a number is for tests: whoever knows it can take
        the noise off.

    Returns
    -------
    Whole numbers, same shape; may be negative, on purpose (Ghosh, Roughgarden & Sundararajan 2012).

    Raises
    ------
    InputError
        For fractions, or parameters out of range.
    """
    if not epsilon > 0 or per_person < 1:
        raise InputError.of("noise needs ε above 0 and per_person of 1 or more", "Use ε = 1", value=epsilon)
    whole = np.rint(counts)
    if not np.allclose(whole, counts, atol=1e-9):
        raise InputError.of("noise is for whole counts only", "Use first- or last-touch conversions", column="counts")
    rng = np.random.default_rng(seed)
    chance = 1.0 - np.exp(-epsilon / per_person)
    noise = rng.geometric(chance, np.shape(counts)) - rng.geometric(chance, np.shape(counts))
    return whole.astype(np.int64) + noise
