"""Which sets of geos may be treated: business rules, exhaustive enumeration, and a beam search where there are many."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from geolift.power import CandidateSets
from measurement.errors import InputError

FloatArray = NDArray[np.float64]
#: Sets a generation of the beam search screens at most, about.
GENERATION = 2400
Score = Callable[[CandidateSets], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetRules:
    """What a treated set must look like.

    Attributes
    ----------
    sizes
        Allowed numbers of treated geos; empty lets `sizes_for` choose.
    must_include, must_exclude
        Geos that are treated in any case, and geos that never are (they may still be donors).
    holdout_share
        Lowest and highest share of the outcome that stays untreated.
    region
        Region of each geo; left out, no rule.
    most_per_region
        Largest number of treated geos in one region.
    neighbours
        Geos too close to a geo to be its donors (spill-over buffer).
    """

    sizes: tuple[int, ...] = ()
    must_include: tuple[str, ...] = ()
    must_exclude: tuple[str, ...] = ()
    holdout_share: tuple[float, float] = (0.5, 1.0)
    region: Mapping[str, str] = field(default_factory=dict)
    most_per_region: int | None = None
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def check(self, geos: Sequence[str]) -> None:
        """Raise for rules that clash or name geos there are not."""
        named = {*self.must_include, *self.must_exclude, *self.region, *self.neighbours}
        unknown = sorted(named - set(geos))
        if unknown:
            raise InputError.of(
                f"'{unknown[0]}' is not a geo of the panel",
                "Check the spelling in the rules",
                column="must_include",
                value=unknown[0],
            )
        clash = sorted(set(self.must_include) & set(self.must_exclude))
        if clash:
            raise InputError.of(
                f"'{clash[0]}' must be both treated and untreated",
                "Remove it from must_include or must_exclude",
                column="must_exclude",
                value=clash[0],
            )
        low, high = self.holdout_share
        if not 0 <= low < high <= 1:
            raise InputError.of(
                "holdout_share needs 0 ≤ lowest < highest ≤ 1",
                "Use (0.5, 1.0)",
                column="holdout_share",
                value=(low, high),
            )

    def sizes_for(self, geos: Sequence[str]) -> tuple[int, ...]:
        """Numbers of treated geos to try: the given ones, or one to six and at most a third of all."""
        least = max(1, len(self.must_include))
        sizes = self.sizes or tuple(range(least, max(least, min(6, len(geos) // 3)) + 1))
        wrong = [size for size in sizes if not least <= size <= len(geos) - 2]
        if wrong:
            raise InputError.of(
                f"sets of {wrong[0]} geos do not fit {len(geos)} geos with {len(self.must_include)} always treated",
                f"Use sizes from {least} to {len(geos) - 2}",
                column="sizes",
                value=wrong[0],
            )
        return tuple(sorted(set(sizes)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Geos, their share of the outcome, and the rules: what turns index sets into `CandidateSets`."""

    geos: tuple[str, ...]
    outcome_share: FloatArray
    donors: NDArray[np.bool_]
    rules: SetRules

    def sets(self, chosen: Sequence[tuple[int, ...]]) -> CandidateSets:
        """Masks of index sets; members' neighbours are no donors."""
        members = np.zeros((len(chosen), len(self.geos)), dtype=np.bool_)
        for row, places in enumerate(chosen):
            members[row, list(places)] = True
        return CandidateSets(members=members, allowed=self._allowed(members))

    def _allowed(self, members: NDArray[np.bool_]) -> NDArray[np.bool_]:
        near = np.zeros((len(self.geos), len(self.geos)), dtype=np.bool_)
        places = {geo: place for place, geo in enumerate(self.geos)}
        for geo, others in self.rules.neighbours.items():
            for other in others:
                if other in places:
                    near[places[geo], places[other]] = near[places[other], places[geo]] = True
        return ~members & self.donors[None] & ~(members.astype(np.float64) @ near > 0)

    def keeps(self, places: tuple[int, ...]) -> bool:
        """Whether a set obeys the rules that cannot be read off its size."""
        low, high = self.rules.holdout_share
        if not low <= 1 - float(self.outcome_share[list(places)].sum()) <= high:
            return False
        if self.rules.most_per_region is not None:
            regions = [self.rules.region.get(self.geos[place], "") for place in places]
            if max((regions.count(region) for region in regions if region), default=0) > self.rules.most_per_region:
                return False
        mask = np.zeros((1, len(self.geos)), dtype=np.bool_)
        mask[0, list(places)] = True
        return int(self._allowed(mask).sum()) >= 2

    def eligible(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Places of the geos always treated, and of those that may be."""
        fixed = tuple(sorted(self.geos.index(geo) for geo in self.rules.must_include))
        free = tuple(
            place
            for place, geo in enumerate(self.geos)
            if geo not in self.rules.must_include and geo not in self.rules.must_exclude
        )
        return fixed, free


def candidate_sets(pool: Pool, *, most: int, beam: int, score: Score) -> tuple[list[tuple[int, ...]], bool]:
    """Index sets worth a full power analysis, and whether they are all there are.

    Parameters
    ----------
    most
        Up to this many sets the enumeration is exhaustive.
    beam
        Above, sets grow one geo at a time from this many of the best smaller ones (fewer where geos are many, so
        that a generation stays near `GENERATION` sets).
    score
        Lower is better; called on whole generations.
    """
    pool.rules.check(pool.geos)
    sizes = pool.rules.sizes_for(pool.geos)
    fixed, free = pool.eligible()
    count = sum(comb(len(free), size - len(fixed)) for size in sizes)
    if count <= most:
        grown = [tuple(sorted((*fixed, *extra))) for size in sizes for extra in combinations(free, size - len(fixed))]
        kept = [places for places in grown if pool.keeps(places)]
        return _some(kept), True
    width = min(beam, max(4, GENERATION // len(pool.geos)))
    found: list[tuple[int, ...]] = []
    generation: list[tuple[int, ...]] = [fixed]
    for size in range(len(fixed) + 1, sizes[-1] + 1):
        grown = sorted({tuple(sorted((*base, geo))) for base in generation for geo in free if geo not in base})
        usable = [places for places in grown if int((pool.sets([places]).allowed).sum()) >= 2]
        if not usable:
            break
        order = np.argsort(score(pool.sets(usable)), kind="stable")[:width]
        generation = [usable[place] for place in order]
        if size in sizes:
            found += [places for places in generation if pool.keeps(places)]
    if fixed and len(fixed) in sizes and pool.keeps(fixed):
        found.append(fixed)
    return _some(found), False


def _some(sets: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    if not sets:
        raise InputError.of(
            "no set of geos obeys the rules",
            "Loosen holdout_share, the sizes or the regions",
            column="must_include",
        )
    return sets
