"""Response curves: the one thing the media mix model hands to the budget allocator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ResponseCurves:
    """Outcome per week as a function of steady weekly spend, one piecewise-linear curve a cell and draw.

    A cell is a channel, or a channel in one geo where ``geos`` is given.

    Attributes
    ----------
    channels
        Channel of every cell, length C.
    spend
        Grid, shape (C, P), in ``currency`` a week, strictly increasing along P, first point ≥ 0.
    outcome
        Incremental outcome value (money a week), shape (D, C, P), non-decreasing along P.
    observed_spend
        Today's spend, shape (C,), in ``currency`` a week.
    currency
        ISO code.
    run
        Run id of the fit, ``""`` for curves brought by the user.
    geos
        Geo of every cell, length C; left out, every cell is a channel over all geos.

    Raises
    ------
    InputError
        Names the cell where the grid is not increasing, a value is missing or the response falls; a cell is given
        twice.

    Examples
    --------
    >>> line = np.array([[0.0, 10.0], [0.0, 10.0]])
    >>> ResponseCurves(
    ...     channels=("tv", "tv"), geos=("Bremen", "Hamburg"), spend=line, outcome=2 * line[None],
    ...     observed_spend=np.array([4.0, 5.0]), currency="EUR",
    ... ).cells
    ('tv in Bremen', 'tv in Hamburg')
    """

    channels: tuple[str, ...]
    spend: FloatArray
    outcome: FloatArray
    observed_spend: FloatArray
    currency: str
    run: str = ""
    geos: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_shapes()
        self._check_names()
        for index, cell in enumerate(self.cells):
            self._check_cell(index, cell)

    @property
    def cells(self) -> tuple[str, ...]:
        """Unique names, length C: the channel, with its geo where there are geos."""
        if not self.geos:
            return self.channels
        return tuple(f"{channel} in {geo}" for channel, geo in zip(self.channels, self.geos, strict=True))

    @property
    def members(self) -> dict[str, tuple[int, ...]]:
        """Indices of the cells of every channel, channels in their order."""
        found: dict[str, list[int]] = {}
        for index, channel in enumerate(self.channels):
            found.setdefault(channel, []).append(index)
        return {channel: tuple(indices) for channel, indices in found.items()}

    def _check_names(self) -> None:
        if self.geos and len(self.geos) != len(self.channels):
            raise InputError.of(
                "every curve needs its geo, or none has one",
                "Give one geo a cell",
                column="geo",
                value=f"{len(self.geos)} geos for {len(self.channels)} curves",
            )
        cells = self.cells
        if len(set(cells)) < len(cells):
            twice = next(cell for cell in cells if cells.count(cell) > 1)
            raise InputError.of("a curve is given twice", "Keep one curve a cell", column="channel", value=twice)

    def _check_shapes(self) -> None:
        channels = len(self.channels)
        if self.spend.ndim != 2 or self.spend.shape[0] != channels or self.spend.shape[1] < 2:
            raise InputError.of(
                "a response curve needs at least two points for every channel",
                "Give each channel the same number (two or more) of spend points",
                column="spend",
                value=f"shape {self.spend.shape} for {channels} channels",
            )
        if self.outcome.ndim != 3 or self.outcome.shape[1:] != self.spend.shape or self.outcome.shape[0] < 1:
            raise InputError.of(
                "outcome must have the shape (draw, channel, point) of the spend grid",
                "Give every draw the same spend points",
                column="outcome",
                value=f"shape {self.outcome.shape}",
            )
        if self.observed_spend.shape != (channels,):
            raise InputError.of(
                "today's spend must have one number a channel",
                "Give current_spend for every channel",
                column="current_spend",
                value=f"shape {self.observed_spend.shape}",
            )

    def _check_cell(self, index: int, cell: str) -> None:
        grid, response = self.spend[index], self.outcome[:, index]
        place = f"curve of {cell}"
        if not (np.isfinite(grid).all() and np.isfinite(response).all() and np.isfinite(self.observed_spend[index])):
            raise InputError.of("the curve has missing or infinite values", "Fill or drop those points", column=place)
        if grid[0] < 0 or self.observed_spend[index] < 0:
            raise InputError.of("spend is negative", "Use spend ≥ 0", column=place, value=grid[0])
        if not (np.diff(grid) > 0).all():
            raise InputError.of("spend points do not increase", "Sort them and drop repeated points", column=place)
        slack = 1e-9 * max(1.0, float(np.abs(response).max()))
        if (np.diff(response, axis=1) < -slack).any():
            raise InputError.of(
                "the response falls as spend grows",
                "Use curves that do not decrease; check the sign of the outcome",
                column=place,
            )

    @property
    def draws(self) -> int:
        """Number of posterior draws D."""
        return int(self.outcome.shape[0])

    def mean(self) -> FloatArray:
        """Posterior mean outcome at the grid, shape (C, P)."""
        result: FloatArray = self.outcome.mean(axis=0)
        return result

    def outcome_at(self, spend: FloatArray) -> FloatArray:
        """Outcome of every draw at one spend a channel.

        Parameters
        ----------
        spend
            Shape (C,), in ``currency`` a week. Outside the grid the curve is held at its end value.

        Returns
        -------
        FloatArray
            Shape (D, C), money a week.
        """
        left, share = self._locate(spend)
        rows = np.arange(len(self.channels))
        low, high = self.outcome[:, rows, left], self.outcome[:, rows, left + 1]
        return np.asarray(low + share * (high - low), dtype=np.float64)

    def marginal_at(self, spend: FloatArray) -> FloatArray:
        """Extra outcome of the next euro, every draw, shape (D, C): the slope of the segment to the right."""
        left, _ = self._locate(spend)
        rows = np.arange(len(self.channels))
        width = self.spend[rows, left + 1] - self.spend[rows, left]
        slope = (self.outcome[:, rows, left + 1] - self.outcome[:, rows, left]) / width
        inside = np.asarray(spend) < self.spend[:, -1]
        return np.asarray(np.where(inside, slope, 0.0), dtype=np.float64)

    def _locate(self, spend: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Index of the segment that holds each spend, and how far along it (0 to 1)."""
        points = np.asarray(spend, dtype=np.float64)
        if points.shape != (len(self.channels),):
            raise InputError.of(
                "give one spend a channel", "Pass shape (channels,)", column="spend", value=points.shape
            )
        left = np.array(
            [np.searchsorted(self.spend[c], points[c], side="right") - 1 for c in range(len(points))], dtype=np.intp
        ).clip(0, self.spend.shape[1] - 2)
        rows = np.arange(len(points))
        start, stop = self.spend[rows, left], self.spend[rows, left + 1]
        return left, np.clip((points - start) / (stop - start), 0.0, 1.0)
