"""``liftwerk geo design``: which geos to treat so that a test finds what matters at the least cost."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.known import model_roas
from jobs.runs import existing, plain_checks, published, settings_hash
from measurement.checks import Check
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.inputs import input_hashes
from measurement.readers.panel_table import read_panel
from measurement.store import RunRecord, RunStore
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
    """

    channel: str
    weeks: int
    budget: float | None = None
    power: float = 0.8
    alpha: float = 0.1
    must_include: tuple[str, ...] = ()
    must_exclude: tuple[str, ...] = ()

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
        Where the panel is wrong or no design is possible.
    """
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
    options = request.options()
    found = existing(workspace, "geo_design", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, "this design is there already")
        return found
    from geolift.design import design_geo_test

    designs = design_geo_test(
        panel,
        channel=request.channel,
        weeks=request.weeks,
        budget=request.budget,
        alpha=request.alpha,
        power=request.power,
        must_include=request.must_include,
        must_exclude=request.must_exclude,
        seed=seed,
        progress=progress,
    )
    table = designs.table()
    with RunStore(workspace.runs).write("geo_design", seed=seed, options=options, inputs=inputs) as draft:
        table.to_csv(draft.folder / "designs.csv", index=False)
        designs.power_curves().to_csv(draft.folder / "power_curves.csv", index=False)
        draft.check(plain_checks(_checks(table.iloc[0].to_dict(), request, _known_return(workspace, request.channel))))
    progress(1.0, "done")
    return published(draft.record)


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
