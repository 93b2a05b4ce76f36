"""The data set inside a panel: its variables, their dimensions, what is filled in where nothing was given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from measurement.errors import InputError, Problem

#: Variables of the data set and their dimensions.
DIMENSIONS: dict[str, tuple[str, ...]] = {
    "outcome": ("geo", "date"),
    "value_per_unit": ("geo", "date"),
    "spend": ("geo", "date", "channel"),
    "exposure": ("geo", "date", "channel"),
    "reach": ("geo", "date", "rf_channel"),
    "frequency": ("geo", "date", "rf_channel"),
    "control": ("geo", "date", "control_name"),
    "treatment": ("geo", "date", "treatment_name"),
    "treatment_reference": ("treatment_name",),
    "organic": ("geo", "date", "organic_name"),
    "holiday": ("date", "holiday_name"),
    "population": ("geo",),
}
#: Variables that a data set may lack: they are added without columns.
OPTIONAL = ("reach", "frequency", "treatment", "treatment_reference", "holiday")
_ONES = {"value_per_unit", "population"}
_NOT_NEGATIVE = ("reach", "frequency", "holiday")


def lay_out_data(
    *,
    geos: Sequence[str],
    dates: pd.DatetimeIndex,
    names: Mapping[str, Sequence[str]],
    values: Mapping[str, ArrayLike | None],
) -> xr.Dataset:
    """The data set of a panel from plain arrays.

    Parameters
    ----------
    geos, dates
        G names and the first day of T periods.
    names
        Dimension (``"channel"``, ``"control_name"``, …) → its names; dimensions left out have none.
    values
        Variable of `DIMENSIONS` → numbers that reshape to its dimensions. What is left out or ``None`` becomes zeros,
        ones (population, value per unit), the spend or reach × frequency (exposure), or the mean of the treatment
        over all geos and dates (its reference).

    Raises
    ------
    InputError
        Where the numbers of a variable do not fill its dimensions, or an exposure contradicts reach × frequency.
    """
    coords: dict[str, object] = {"geo": list(geos), "date": pd.DatetimeIndex(dates, name="date")}
    coords |= {
        dimension: _names(names.get(dimension, ()))
        for dimension in dict.fromkeys(name for dims in DIMENSIONS.values() for name in dims)
        if dimension not in coords
    }
    sizes = {dimension: len(labels) for dimension, labels in coords.items()}  # type: ignore[arg-type]  # all are sized
    blocks = {
        name: _block(name, values.get(name), tuple(sizes[dimension] for dimension in dims))
        for name, dims in DIMENSIONS.items()
    }
    if values.get("treatment_reference") is None:
        blocks["treatment_reference"] = blocks["treatment"].mean(axis=(0, 1))
    channels, with_reach = list(names.get("channel", ())), list(names.get("rf_channel", ()))
    _check_reach_channels(channels, with_reach)
    blocks["exposure"] = _exposure(blocks, [channels.index(name) for name in with_reach], values.get("exposure"))
    return xr.Dataset({name: (DIMENSIONS[name], block) for name, block in blocks.items()}, coords=coords)


def _block(name: str, given: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if given is None and name in OPTIONAL and name != "treatment_reference" and shape[-1]:
        raise InputError.of(
            f"names are given for '{name}', but no numbers", f"Pass {name}=… of shape {shape}", column=name
        )
    if given is None:
        return np.ones(shape) if name in _ONES else np.zeros(shape)
    numbers = np.asarray(given, dtype=np.float64)
    if numbers.size != int(np.prod(shape)):
        raise InputError.of(
            f"'{name}' has the wrong shape",
            f"Pass numbers of shape {shape}: {' × '.join(DIMENSIONS[name])}",
            column=name,
            value=numbers.shape,
        )
    return numbers.reshape(shape)


def _exposure(
    blocks: Mapping[str, NDArray[np.float64]], with_reach: list[int], given: ArrayLike | None
) -> NDArray[np.float64]:
    """Exposure of every channel, shape (G, T, C)."""
    seen = blocks["reach"] * blocks["frequency"]
    if given is None:
        filled = blocks["spend"].copy()
        filled[..., with_reach] = seen
        return filled
    exposure = blocks["exposure"]
    if not np.allclose(exposure[..., with_reach], seen, equal_nan=True):
        raise InputError.of(
            "the exposure of a channel with reach is not reach × frequency",
            "Leave exposure out, or pass reach × frequency for these channels",
            column="exposure",
        )
    return exposure


def complete(data: xr.Dataset) -> xr.Dataset:
    """``data`` with the `OPTIONAL` variables it lacks, without columns; one whose columns are named stays missing."""
    lacking = [name for name in OPTIONAL if name not in data and data.sizes.get(DIMENSIONS[name][-1], 0) == 0]
    absent = {DIMENSIONS[name][-1] for name in lacking} - set(data.dims)
    data = data.assign_coords({dimension: _names(()) for dimension in sorted(absent)}) if absent else data
    for name in lacking:
        dims = DIMENSIONS[name]
        if set(dims) <= set(data.dims):
            data = data.assign({name: (dims, np.zeros(tuple(data.sizes[dimension] for dimension in dims)))})
    return data


def _names(given: Sequence[str]) -> NDArray[np.str_]:
    return np.asarray(list(given), dtype=np.str_)


def check_data(data: xr.Dataset) -> None:
    """Every variable is there, in its dimensions, finite; dates increase; reach belongs to known channels.

    Raises
    ------
    InputError
        Names the variable.
    """
    for name, dims in DIMENSIONS.items():
        if name not in data or data[name].dims != dims:
            raise InputError.of(
                f"a panel needs '{name}' with dimensions {dims}",
                "Build it with Panel.from_arrays",
                column=name,
                value=data[name].dims if name in data else "nothing",
            )
        numbers = data[name].to_numpy()
        if not np.isfinite(numbers).all():
            raise InputError.of(
                f"'{name}' has missing or infinite values", "Fill or drop them before building a Panel", column=name
            )
        if name in _NOT_NEGATIVE and (numbers < 0).any():
            raise InputError.of(
                f"'{name}' has negative values", "Enter what was counted", column=name, value=float(numbers.min())
            )
    if not data.indexes["date"].is_monotonic_increasing or not data.indexes["date"].is_unique:
        raise InputError.of("dates of a panel must increase without repeats", "Sort the dates", column="date")
    _check_reach_channels(
        [str(name) for name in data["channel"].values], [str(name) for name in data["rf_channel"].values]
    )


def _check_reach_channels(channels: Sequence[str], with_reach: Sequence[str]) -> None:
    unknown = [name for name in with_reach if name not in channels]
    if unknown or len(set(with_reach)) != len(with_reach):
        raise InputError.of(
            "reach is given for a channel the panel does not have" if unknown else "reach is given twice",
            f"Use one of: {', '.join(channels) or '(none)'}" if unknown else "Name each channel once",
            column="reach_channels",
            value=", ".join(unknown or with_reach),
        )


def frequency_notes(data: xr.Dataset) -> tuple[Problem, ...]:
    """A warning for each channel whose mean frequency is below 1 where people were reached."""
    short = ((data["reach"] > 0) & (data["frequency"] < 1)).sum(("geo", "date"))
    return tuple(
        Problem(
            message=f"the frequency of '{name}' is below 1 in {count} periods with reach",
            remedy="Frequency is contacts divided by people reached, so at least 1: check its unit",
            column="frequency",
            value=str(name),
            severity="warning",
        )
        for name, count in zip(data["rf_channel"].values, short.to_numpy().tolist(), strict=True)
        if count
    )
