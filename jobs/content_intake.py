"""What ``content.spans`` names → the day store of the workspace, before anything is measured."""

from __future__ import annotations

from measurement.checks import Check
from measurement.progress import Progress, silent
from measurement.readers.inputs import span_files
from measurement.workspace import Workspace
from monitoring.intake.calls import CallRules
from monitoring.intake.prices import PriceTable
from monitoring.intake.prometheus import is_prometheus
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import DayStore, IntakeReport

#: Above this share of lines that cannot be read, the numbers are not to be acted on.
MOST_ASIDE = 0.05


def day_store(workspace: Workspace) -> DayStore:
    """The store of a workspace."""
    return DayStore(workspace.root / "content")


def call_rules(workspace: Workspace) -> CallRules:
    """How calls are read, from ``[content]``.

    Raises
    ------
    InputError
        Where the price table is wrong.
    """
    section, currency = workspace.settings.content, workspace.settings.workspace.currency
    pseudonyms = Pseudonyms.open(workspace.root / "content")
    if section is None:
        return CallRules(pseudonyms=pseudonyms, currency=currency)
    prices = PriceTable()
    if section.prices is not None:
        prices = PriceTable.read(workspace.path(section.prices), section.prices, currency)
    return CallRules(
        pseudonyms=pseudonyms, currency=currency, prices=prices, exchange=section.exchange, keep_text=section.keep_text
    )


def take_spans(workspace: Workspace, progress: Progress = silent) -> IntakeReport:
    """Read what is new in the files of ``content.spans``; old days beyond the retention go."""
    section, store = workspace.settings.content, day_store(workspace)
    files = [(path, name) for path, name in span_files(workspace) if not is_prometheus(path)]
    custom = {} if section is None else {str(column): name for column, name in section.attributes.items()}
    report = store.take(files, call_rules(workspace), custom, progress)
    if section is not None and section.retention_days is not None:
        store.keep(section.retention_days)
    return report


def intake_check(store: DayStore) -> Check:
    """Whether most of what was sent could be read."""
    aside, lines = len(store.aside()), store.lines()
    share = aside / max(lines, 1)
    return Check(
        name="lines_set_aside", passed=share <= MOST_ASIDE, value=share, limit=MOST_ASIDE,
        remedy="See set_aside.csv for file, line and reason; mend the exporter and read the file again", blocking=False,
    )  # fmt: skip
