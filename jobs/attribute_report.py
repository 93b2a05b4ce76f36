"""What an ``attribution`` run publishes before it is held against proof."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from jobs.runs import read_document
from measurement.errors import InputError
from measurement.settings import JourneysSection
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from attribution.journeys import JourneyOptions
    from attribution.privacy import Ledger, Release

KIND = "attribution"
LEDGER = "private_ledger.parquet"
#: ε of reports that were removed since.
SPENT = ".epsilon-spent"
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
    from attribution.journeys import build_paths
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
    ledger = None if previous is None else _ledger(previous)
    released = release(paths, key=_key(workspace), k=section.k, previous=ledger)
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


def epsilon_spent(workspace: Workspace, previous: RunRecord | None) -> float:
    """ε of the reports before: budgets of successive reports add up, those of reports that are gone too."""
    before = 0.0 if previous is None else float(read_document(previous, "release.json").get("epsilon_spent", 0.0))
    gone = workspace.runs / KIND / SPENT
    return max(before, float(gone.read_text(encoding="utf-8")) if gone.is_file() else 0.0)


def remove_reports(workspace: Workspace) -> None:
    """Take every report away; what they spent of ε stays spent, for they have left the house."""
    folder = workspace.runs / KIND
    spent = epsilon_spent(workspace, RunStore(workspace.runs).latest(KIND))
    shutil.rmtree(folder)
    if spent > 0:
        folder.mkdir(parents=True)
        (folder / SPENT).write_text(repr(spent), encoding="utf-8")


def _ledger(record: RunRecord) -> Ledger | None:
    """Ledger of an earlier run; ``None`` where forgetting a person has removed it, or its report was noisy."""
    from attribution.privacy import Ledger

    file = record.file(LEDGER)
    return Ledger(table=pd.read_parquet(file)) if file.is_file() else None


def _key(workspace: Workspace) -> bytes:
    """The workspace's secret for digests: made once, readable by its owner only."""
    file = workspace.runs / KIND / ".digest-key"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("xb") as stream:
                file.chmod(0o600)
                stream.write(secrets.token_bytes(32))
        except FileExistsError:
            pass  # another job was quicker
    return file.read_bytes()


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
