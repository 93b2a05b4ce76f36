"""``liftwerk geo design``: which geos to treat so that a test finds what matters at the least cost."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.runs import existing, published, settings_hash
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
        draft.check([_powered(float(table["power_at_target"].iloc[0]) if len(table) else 0.0, request.power)])
    progress(1.0, "done")
    return published(draft.record)


def _powered(power: float, wanted: float) -> Check:
    return Check(
        name="design_power",
        passed=power >= wanted - 0.05,
        value=power,
        limit=wanted,
        remedy="Test longer, in more geos, or with a larger change; as it is, the test would miss what it looks for",
    )
