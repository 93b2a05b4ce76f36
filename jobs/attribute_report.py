"""What an ``attribution`` run publishes before it is held against proof."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from jobs.attribute_memory import LEDGER, digest_key, epsilon_spent, last_ledger
from jobs.runs import read_document
from measurement.errors import InputError
from measurement.settings import JourneysSection
from measurement.store import RunRecord
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from attribution.journeys import JourneyOptions
    from attribution.privacy import Release

#: Tables of a run that a report which stands takes over as they are.
TABLES = ("credit.csv", "transitions.csv", "flow.csv", "time_to_convert.csv", "campaign_shares.csv")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionReport:
    """Tables by file name, ``release.json``, and the release with its ledger, where no noise protects people."""

    tables: dict[str, pd.DataFrame]
    release: dict[str, object]
    released: Release | None = None

    @property
    def stands(self) -> bool:
        """Whether the last report stands."""
        return bool(self.release["stands"])

    @property
    def credit(self) -> pd.DataFrame:
        """Credit by channel and method, with intervals."""
        return self.tables["credit.csv"]

    def write(self, folder: Path) -> None:
        """The tables, and the ledger of who they rest on."""
        for name, table in self.tables.items():
            table.to_csv(folder / name, index=False)
        if self.released is not None:  # of a report that stands, the ledger before
            self.released.ledger.table.to_parquet(folder / LEDGER, index=False)


def journey_options(section: JourneysSection) -> JourneyOptions:
    """How touches become journeys."""
    from attribution.journeys import JourneyOptions

    return JourneyOptions(
        lookback_days=section.lookback_days, gap_days=section.gap_days, session_minutes=section.session_minutes
    )


def attribution_report(
    workspace: Workspace, section: JourneysSection, touchpoints: pd.DataFrame, previous: RunRecord | None, seed: int
) -> AttributionReport:
    """Credit of the people who may be released, with noise where ``epsilon`` is set."""
    from attribution.journeys import build_paths, event_trace
    from attribution.privacy import release

    paths = build_paths(touchpoints, journey_options(section))
    if section.epsilon is not None:
        from attribution.noisy import noisy_report

        found = noisy_report(
            paths,
            channels=section.channels,
            epsilon=section.epsilon,
            largest_value=float(section.largest_value or 0.0),
            seed=None,
        )
        return AttributionReport(
            tables={"credit.csv": found.credit, "transitions.csv": found.transitions},
            release={
                "stands": False,
                "epsilon": found.epsilon,
                "epsilon_spent": epsilon_spent(workspace, previous) + found.epsilon,
                "conversions": found.conversions,
                "value": found.value,
            },
        )
    released = release(
        paths,
        key=digest_key(workspace),
        k=section.k,
        previous=last_ledger(workspace, previous),
        trace=event_trace(touchpoints, paths),
    )
    if released.paths is None and previous is not None:
        tables = {name: pd.read_csv(previous.file(name)) for name in TABLES if previous.file(name).is_file()}
        return AttributionReport(
            tables=tables,
            release={**read_document(previous, "release.json"), "stands": True},
            released=released,
        )
    return _exact(section, touchpoints, released, seed)


def _exact(section: JourneysSection, touchpoints: pd.DataFrame, released: Release, seed: int) -> AttributionReport:
    from attribution.journeys import touch_cost
    from attribution.privacy import person_transitions, publishable_transitions
    from attribution.published import flow, time_to_convert, withhold
    from attribution.report import credit_report

    paths, k = released.paths, section.k
    if paths is None:
        raise AssertionError("a first release always has paths")
    found = credit_report(paths, seed=seed, half_life_days=section.half_life_days)
    tables = {
        "credit.csv": withhold(found.credit, paths, k=k, half_life_days=section.half_life_days),
        "transitions.csv": publishable_transitions(person_transitions(paths), k=k),
        "flow.csv": flow(paths, k=k),
        "time_to_convert.csv": time_to_convert(paths, k=k),
    }
    if "campaign" in touchpoints and touchpoints["campaign"].notna().any() and paths.people is not None:
        from attribution.campaigns import campaign_shares

        tables["campaign_shares.csv"] = campaign_shares(
            touchpoints, paths.people, options=journey_options(section), k=k
        )
    cost = touch_cost(touchpoints, paths)
    release = {
        "stands": False,
        "k": k,
        "people": released.people,
        "order": found.order.order,
        "log_likelihood": list(found.order.log_likelihood),
        "conversions": found.conversions,
        "value": found.value,
        "cost": dict(zip(paths.channels, cost.tolist(), strict=True)),
    }
    return AttributionReport(tables=tables, release=release, released=released)


def journeys_section(workspace: Workspace) -> JourneysSection:
    """``[journeys]``.

    Raises
    ------
    InputError
        Where it is not set.
    """
    section = workspace.settings.journeys
    if section is None:
        raise InputError.of(
            "the touchpoints are not named",
            'Add [journeys] with touchpoints = "data/touchpoints.parquet"',
            file=workspace.file.name,
            column="journeys",
        )
    return section
