"""A fit on disk: an ArviZ DataTree as NetCDF that says which version of the format it is.

Version 3 holds everything but the panel, so with its panel a fit comes back whole (`load_fit`). Without the panel, and
from files of versions 1 and 2, a `SavedPosterior` is read: tables of channels and draws, nothing that needs the data.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.checks import Check
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate, SpendWindow
from measurement.panel import Panel
from mmm.calibration import lift_design
from mmm.contributions import channels_table
from mmm.design import build_design
from mmm.fitted import FittedMMM
from mmm.media_response import collect_draws
from mmm.parameters import parameters
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
FORMAT_VERSION = 4
#: First version that holds the fit whole; 4 differs from 3 in the scale of media where no population is known.
_WHOLE_SINCE = 3
#: Names that version 1 gave to what is in the posterior now.
_RENAMED_SINCE_1 = {"roas_prior_mean": "effect"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SavedPosterior:
    """A posterior read from disk, without its panel. P paid channels.

    Attributes
    ----------
    version
        Of the file.
    spec
        ``None`` where the file's specification is none that this version knows.
    seed, options
        Of the fit.
    channels, dates
        Names; dates are empty in files of versions 1 and 2.
    contribution, roas, marginal
        Shape (chain, draw, P).
    spend
        Shape (P,).
    outcome_value
        Of the whole panel; NaN in files of versions 1 and 2.
    lifts, checks
        Empty in files of versions 1 and 2.
    notes
        What could not be read, in words.
    tree
        The whole DataTree.
    """

    version: int
    spec: ModelSpec | None
    seed: int
    options: Mapping[str, Any]
    channels: tuple[str, ...]
    dates: pd.DatetimeIndex
    contribution: FloatArray
    roas: FloatArray
    marginal: FloatArray
    spend: FloatArray
    outcome_value: float
    lifts: tuple[LiftEstimate, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    tree: Any

    def channels_table(self, level: float = 0.9) -> pd.DataFrame:
        """As `mmm.fitted.FittedMMM.channels_table`; ``share`` is missing where the file does not know the outcome."""
        flat = {"contribution": self.contribution, "roas": self.roas, "marginal_roas": self.marginal}
        drawn = {name: values.reshape(-1, len(self.channels)) for name, values in flat.items()}
        return channels_table(self.channels, self.spend, drawn, self.outcome_value, level)


def posterior_tree(fitted: FittedMMM) -> Any:  # noqa: ANN401 - xarray.DataTree; arviz is untyped
    """ArviZ DataTree of a fit: posterior, sampler statistics, observed outcome, spend; settings as attributes."""
    import arviz

    panel, design = fitted.panel, fitted.design
    variables, dims, coords = _posterior(fitted)
    tree = arviz.from_dict(
        {
            "posterior": variables,
            "sample_stats": {"diverging": fitted.diverging},
            "observed_data": {"outcome_value": panel.outcome_value},
            "constant_data": {"spend": design.spend},
        },
        coords={**coords, "date": panel.dates.to_numpy()},
        dims={**dims, "outcome_value": ["geo", "date"], "spend": ["channel"]},
    )
    tree.attrs.update(
        format_version=FORMAT_VERSION,
        spec=fitted.spec.to_json(),
        seed=fitted.seed,
        options=json.dumps(dict(fitted.options), sort_keys=True),
        lifts=json.dumps([_lift_to_dict(lift) for lift in fitted.lifts.lifts]),
        checks=json.dumps([check.to_dict() for check in fitted.checks]),
        panel_sha256=panel_fingerprint(panel),
        currency=panel.currency,
    )
    return tree


def _posterior(fitted: FittedMMM) -> tuple[dict[str, FloatArray], dict[str, list[str]], dict[str, Any]]:
    """Variables of the posterior, their dimensions, and coordinates."""
    shape, panel, draws = fitted.diverging.shape, fitted.panel, fitted.draws
    names = fitted.design.media_names
    coords: dict[str, Any] = {
        "channel": list(panel.channels),
        "medium": list(names),
        "organic": list(names[len(panel.channels) :]),
        "geo": list(panel.geos),
        "column": list(fitted.design.shared.names),
    }
    variables = {name: np.asarray(values) for name, values in fitted.parameters.items()}
    dims = {name: [f"{name}_entry"] for name in variables}
    for name, members in fitted.members.items():
        coords[f"{name}_medium"] = [names[index] for index in members]
        dims[name] = [f"{name}_medium"]
    dims["noise"] = ["geo"]
    variables |= {
        "roas": fitted.contribution / fitted.design.spend,
        "contribution": fitted.contribution,
        "organic_contribution": fitted.organic,
        "marginal_roas": fitted.marginal,
        "geo_effect": draws.effect.reshape(*shape, *draws.effect.shape[1:]),
        "intercept": draws.intercept.reshape(*shape, -1),
        "geo_row": draws.extra.reshape(*shape, *draws.extra.shape[1:]),
        "shared_effect": draws.shared.reshape(*shape, draws.shared.shape[1]),
        "shock": draws.shock.reshape(*shape, draws.shock.shape[1]),
    }
    dims |= {name: ["channel"] for name in ("roas", "contribution", "marginal_roas")}
    dims |= {"geo_effect": ["geo", "medium"], "intercept": ["geo"], "shared_effect": ["column"]}
    dims |= {"organic_contribution": ["organic"], "geo_row": ["geo", "row"], "shock": ["date"]}
    for name in [name for name, values in variables.items() if 0 in values.shape]:
        del variables[name], dims[name]
    return variables, dims, {name: values for name, values in coords.items() if values}


def read_posterior(path: str | Path) -> SavedPosterior:
    """Read a saved posterior of any version, without its panel.

    Raises
    ------
    InputError
        Where the file is no saved fit, or of a version newer than this one.
    """
    tree = _open(Path(path))
    version, notes = int(tree.attrs["format_version"]), []
    posterior = tree["posterior"].to_dataset()
    if version == 1:
        posterior = posterior.rename({old: new for old, new in _RENAMED_SINCE_1.items() if old in posterior})
        tree["posterior"] = posterior
    spec, refused = _spec_of(str(tree.attrs["spec"]))
    notes += refused
    if version < _WHOLE_SINCE:
        notes.append(f"Version {version} of the format holds neither lift tests, checks, dates nor the outcome.")
    elif version < FORMAT_VERSION:
        notes.append(f"Version {version} of the format scales media otherwise: its draws do not fit today's model.")
    contribution, roas = posterior["contribution"].to_numpy(), posterior["roas"].to_numpy()
    whole = version >= _WHOLE_SINCE
    spend = tree["constant_data"]["spend"].to_numpy() if whole else contribution.mean((0, 1)) / roas.mean((0, 1))
    observed = tree["observed_data"]["outcome_value"] if whole else None
    return SavedPosterior(
        version=version,
        spec=spec,
        seed=int(tree.attrs["seed"]),
        options=json.loads(tree.attrs["options"]),
        channels=tuple(str(name) for name in posterior["channel"].to_numpy()),
        dates=pd.DatetimeIndex([] if observed is None else observed["date"].to_numpy()),
        contribution=contribution,
        roas=roas,
        marginal=posterior["marginal_roas"].to_numpy(),
        spend=spend,
        outcome_value=float("nan") if observed is None else float(observed.sum()),
        lifts=tuple(_lift_of(item) for item in json.loads(tree.attrs.get("lifts", "[]"))),
        checks=tuple(Check(**item) for item in json.loads(tree.attrs.get("checks", "[]"))),
        notes=tuple(notes),
        tree=tree,
    )


def load_fit(path: str | Path, panel: Panel) -> FittedMMM:
    """Restore a fit from its file and its panel.

    Raises
    ------
    InputError
        Where the file is no saved fit, of another version, or the panel is not the one it was fitted to.
    """
    saved = read_posterior(path)
    if saved.version != FORMAT_VERSION or saved.spec is None:
        raise InputError.of(
            "this file does not hold enough to restore the fit",
            "Fit again, or read what it holds with mmm.archive.read_posterior",
            column="format_version",
            value=f"{saved.version}; {' '.join(saved.notes)}",
        )
    if saved.tree.attrs["panel_sha256"] != panel_fingerprint(panel):
        raise InputError.of(
            "the panel is not the one of the saved fit",
            "Pass the panel as it was then, or read the file without it: mmm.archive.read_posterior",
            column="panel",
            value=f"{len(panel.geos)} geos, {len(panel.dates)} periods up to {panel.dates[-1]:%Y-%m-%d}",
        )
    return _restored(saved, saved.spec, panel)


def _restored(saved: SavedPosterior, spec: ModelSpec, panel: Panel) -> FittedMMM:
    """The fit, from what was saved and a panel known to be its own."""
    posterior, design = saved.tree["posterior"], build_design(panel, spec)
    layout, shape = parameters(design, spec), saved.contribution.shape[:2]

    def part(name: str, *size: int) -> FloatArray:
        """A variable; empty ones are not saved."""
        empty = np.zeros((*shape, *size))
        return np.asarray(posterior[name].to_numpy() if empty.size else empty, dtype=np.float64)

    natural = {name: part(name, size) for name, size in zip(layout.names, layout.sizes, strict=True)}
    media, rows = len(design.media_names), len(design.extra.component)
    by_geo = np.concatenate(
        [
            part("intercept", design.geos)[..., None],
            part("geo_effect", design.geos, media),
            part("geo_row", design.geos, rows),
        ],
        axis=3,
    )
    shocks = part("shock", design.periods * int(design.shocks))
    shared = np.concatenate([part("shared_effect", len(design.shared.names)), shocks], axis=2)
    count = shape[0] * shape[1]
    flat = {name: values.reshape(count, -1) for name, values in natural.items()}
    coefficients = (by_geo.reshape(count, *by_geo.shape[2:]), shared.reshape(count, -1))
    return FittedMMM(
        spec=spec,
        seed=saved.seed,
        options=saved.options,
        design=design,
        lifts=lift_design(design, saved.lifts, ageing=spec.lift_ageing),
        draws=collect_draws(flat, coefficients, layout, design, spec),
        contribution=saved.contribution,
        organic=part("organic_contribution", media - design.channels),
        marginal=saved.marginal,
        parameters=natural,
        diverging=saved.tree["sample_stats"]["diverging"].to_numpy().astype(np.bool_),
        checks=saved.checks,
    )


def panel_fingerprint(panel: Panel) -> str:
    """SHA-256 of everything in a panel that a fit reads."""
    digest = hashlib.sha256(f"{panel.period} {panel.outcome_kind}".encode())
    for name in sorted(map(str, (*panel.data.coords, *panel.data.data_vars))):
        values = panel.data[name].to_numpy()
        digest.update(name.encode())
        if values.dtype.kind in "OU":
            digest.update(json.dumps([str(value) for value in values]).encode())
        else:
            digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _open(path: Path) -> Any:  # noqa: ANN401 - xarray.DataTree
    """The tree of a file, in memory."""
    import xarray as xr

    try:
        with xr.open_datatree(path, engine="h5netcdf") as opened:
            tree = opened.load()
    except (OSError, ValueError) as fault:
        raise InputError.of(
            "this is no saved fit",
            "Pass the posterior.nc of a fit",
            file=path.name,
            column="file",
            value=str(fault)[:80],
        ) from fault
    version = tree.attrs.get("format_version")
    if version is None or "posterior" not in tree or int(version) > FORMAT_VERSION:
        remedy = "Update liftwerk" if version is not None else "Pass the posterior.nc of a fit"
        raise InputError.of(
            "this version cannot read the file", remedy, file=path.name, column="format_version", value=str(version)
        )
    return tree


def _spec_of(text: str) -> tuple[ModelSpec | None, list[str]]:
    """The specification, and why not all of it could be read."""
    values = json.loads(text)
    known = {item.name for item in fields(ModelSpec)}
    unknown = sorted(set(values) - known)
    notes = [f"Settings that this version does not know were left out: {', '.join(unknown)}."] if unknown else []
    try:
        return ModelSpec.from_json(json.dumps({name: values[name] for name in values if name in known})), notes
    except (InputError, TypeError, ValueError) as fault:
        return None, [*notes, f"The specification could not be read: {fault}."]


def _lift_to_dict(lift: LiftEstimate) -> dict[str, Any]:
    values = asdict(lift)
    for name in ("start", "end", "measured_until"):
        values[name] = None if values[name] is None else values[name].isoformat()
    values["windows"] = [window.to_dict() for window in lift.windows]
    return values


def _lift_of(values: dict[str, Any]) -> LiftEstimate:
    windows = tuple(SpendWindow.from_dict(window) for window in values.get("windows", ()))
    values = {**values, "geos": tuple(values["geos"]), "windows": windows}
    for name in ("start", "end", "measured_until"):
        values[name] = None if values[name] is None else dt.date.fromisoformat(values[name])
    for name in ("incremental_outcome", "iroas"):
        found = values[name]
        values[name] = None if found is None else Estimate(**{**found, "interval": Interval(**found["interval"])})
    return LiftEstimate(**values)
