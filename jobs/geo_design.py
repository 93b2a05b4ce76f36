"""``liftwerk geo design``: which geos to treat so that a test finds what matters at the least cost."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from jobs.geo_read import find_test, name_of_test
from jobs.known import model_roas
from jobs.runs import existing, plain_checks, published, settings_hash
from measurement.checks import Check
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.progress import Progress, silent
from measurement.readers.inputs import input_hashes
from measurement.readers.panel_table import read_panel
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignRequest:
    """What is asked of a design.

    Attributes
    ----------
    channel, weeks
        What to test, and for how long.
    budget
        Most that the test may spend on top (or hold back), money; ``None`` for no limit.
    power, alpha
        Wanted power, and the share of false alarms allowed.
    must_include, must_exclude
        Geos that have to be treated, or may not be.
    kind, change
        ``"go_dark"``, ``"scale_up"`` or ``"new"``; rise of spend as a share of the usual.
    rules
        File of business rules (`geolift.rules_file`), looked for like a test file; ``None`` for none.
    cells
        Number of cells; above 1 a multi-cell design.
    switchback
        Whether geos switch in turn instead of being compared.
    certify
        Seconds for the certified search where not every set can be screened.
    """

    channel: str
    weeks: int
    budget: float | None = None
    power: float = 0.8
    alpha: float = 0.1
    must_include: tuple[str, ...] = ()
    must_exclude: tuple[str, ...] = ()
    kind: str = "scale_up"
    change: float = 1.0
    rules: Path | None = None
    cells: int = 1
    switchback: bool = False
    certify: float = 20.0

    def options(self) -> dict[str, object]:
        """As plain values for the manifest."""
        return {
            "channel": self.channel,
            "weeks": self.weeks,
            "budget": self.budget,
            "power": self.power,
            "alpha": self.alpha,
            "must_include": list(self.must_include),
            "must_exclude": list(self.must_exclude),
            "kind": self.kind,
            "change": self.change,
            "rules": None if self.rules is None else self.rules.name,
            "cells": self.cells,
            "switchback": self.switchback,
            "certify": self.certify,
        }


def run_geo_design(
    workspace: Workspace,
    request: DesignRequest,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
) -> RunRecord:
    """Rank designs and write a ``geo_design`` run, or give the one that is there; arguments as in `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where the panel or the rules are wrong, or no design is possible.
    """
    _check_request(request)
    progress(0.0, "reading the panel")
    panel = read_panel(workspace)
    if panel.channels and request.channel not in panel.channels:
        raise InputError.of(
            "this channel is not in the panel",
            f"Use one of: {', '.join(panel.channels)}",
            column="--channel",
            value=request.channel,
        )
    inputs = {
        **input_hashes(workspace, "panel"),
        "liftwerk.toml [panel]": settings_hash(workspace.settings.panel),
    }
    rules_file = None if request.rules is None else find_test(workspace, request.rules)
    if rules_file is not None and rules_file.is_file():
        inputs[name_of_test(workspace, rules_file)] = file_hash(rules_file)
    options = request.options()
    found = existing(workspace, "geo_design", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, "this design is there already")
        return found
    tables, best = _tables(panel, request, rules_file, seed=seed, progress=progress)
    with RunStore(workspace.runs).write("geo_design", seed=seed, options=options, inputs=inputs) as draft:
        for name, table in tables.items():
            table.to_csv(draft.folder / name, index=False)
        draft.check(plain_checks(_checks(best, request, _known_return(workspace, request.channel))))
    progress(1.0, "done")
    return published(draft.record)


def _check_request(request: DesignRequest) -> None:
    kinds = ("go_dark", "scale_up", "new")
    if request.kind not in kinds:
        raise InputError.of(
            "this is not a kind of test", f"Use one of: {', '.join(kinds)}", column="--kind", value=request.kind
        )
    if request.switchback and (request.cells > 1 or request.rules is not None):
        raise InputError.of(
            "a switchback test treats every geo: it has no cells and no rules",
            "Leave --cells and --rules out; --exclude keeps geos out of it",
            column="--switchback",
        )


def _tables(
    panel: Panel, request: DesignRequest, rules_file: Path | None, *, seed: int, progress: Progress
) -> tuple[dict[str, pd.DataFrame], Mapping[Hashable, Any]]:
    """The tables of the run by file name, and the best design."""
    if request.switchback:
        return _switchback(panel, request, seed=seed, progress=progress)
    from geolift.candidates import SetRules
    from geolift.cell_design import design_cells
    from geolift.design import design_geo_test
    from geolift.design_study import Effort
    from geolift.rules_file import read_rules

    rules = SetRules() if rules_file is None else read_rules(rules_file)
    asked: dict[str, Any] = {
        "channel": request.channel,
        "weeks": request.weeks,
        "alpha": request.alpha,
        "power": request.power,
        "must_include": request.must_include,
        "must_exclude": request.must_exclude,
        "rules": rules,
        "kind": request.kind,
        "change": request.change,
        "effort": Effort(certify_seconds=request.certify / request.cells),
        "seed": seed,
        "progress": progress,
    }
    if request.cells > 1:
        found = design_cells(panel, cells=request.cells, budget=request.budget, **asked)
        designs, cells = found.designs, found.table()
        tables = {"designs.csv": designs.table().head(20), "cells.csv": cells}
        best = cells.iloc[-1].to_dict()
    else:
        designs = design_geo_test(panel, budget=request.budget, **asked)
        tables = {"designs.csv": designs.table()}
        best = tables["designs.csv"].iloc[0].to_dict()
    tables["power_curves.csv"] = designs.power_curves()
    if designs.certificates:
        tables["certificates.csv"] = pd.DataFrame(
            {
                "treated": [";".join(one.treated) for one in designs.certificates],
                "imbalance": [one.imbalance for one in designs.certificates],
                "bound": [one.bound for one in designs.certificates],
                "certified": [one.certified for one in designs.certificates],
            }
        )
    return tables, best


def _switchback(
    panel: Panel, request: DesignRequest, *, seed: int, progress: Progress
) -> tuple[dict[str, pd.DataFrame], Mapping[Hashable, Any]]:
    from geolift.switchback_design import design_switchback

    found = design_switchback(
        panel,
        channel=request.channel,
        weeks=request.weeks,
        kind=cast("Any", request.kind),
        change=request.change,
        geos=tuple(geo for geo in panel.geos if geo not in request.must_exclude),
        alpha=request.alpha,
        power=request.power,
        seed=seed,
        progress=progress,
    )
    tables = {"designs.csv": found.table(), "power_curves.csv": found.power_curves(), "schedule.csv": found.schedule}
    return tables, tables["designs.csv"].iloc[0].to_dict()


def _known_return(workspace: Workspace, channel: str) -> float | None:
    """Upper end of the model's ROAS of the channel, ``None`` without a fit."""
    model = RunStore(workspace.runs).latest("mmm")
    known = {} if model is None else model_roas(model)
    return known[channel].interval.upper if channel in known else None


def _checks(best: Mapping[Hashable, Any], request: DesignRequest, known: float | None) -> list[Check]:
    """Whether the best design may be trusted, and whether it could see what the channel is thought to return."""
    alarms, needed = float(best["aa_rejection"]), best["detectable_iroas"]
    checks = [
        Check(
            name="aa_rejection",
            passed=alarms <= 2 * request.alpha,
            value=alarms,
            limit=2 * request.alpha,
            remedy="Even the best design sees effects where there are none: test longer, or exclude restless geos",
        )
    ]
    if known is not None and needed is not None and math.isfinite(needed):
        checks.append(
            Check(
                name="detectable_iroas",
                passed=float(needed) <= known,
                value=float(needed),
                limit=known,
                remedy="The test sees only a higher return than the model gives the channel: test longer, in more "
                "geos, or with a larger change",
                blocking=False,
            )
        )
    return checks
