"""What the commands print for people: one function a command, from artifacts to tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from decisions.document import WeekDecision
from decisions.labels import label
from jobs.runs import read_document
from jobs.screen import Screen
from measurement.store import RunRecord
from measurement.wording import Wording, load_wording
from measurement.workspace import Workspace

if TYPE_CHECKING:  # the model's room is read by the commands that need it
    from jobs.fit_change import FitChange
    from mmm.exploration import Exploration


def words_of(workspace: Workspace) -> Wording:
    """English words with the number formats of English: what the command line speaks."""
    return load_wording("decisions", "en_GB", workspace.settings.workspace.currency)


def show_run(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """Where a run lies, and which of its gates failed."""
    place = record.folder.relative_to(workspace.root) if record.folder.is_relative_to(workspace.root) else record.folder
    screen.line(f"\n{record.kind} run {place} ({record.status})")
    show_checks(screen, record.checks)


def show_checks(screen: Screen, checks: Sequence[Mapping[str, Any]]) -> None:
    """Failed gates with their remedies, blocking ones first; nothing where all passed."""
    failed = [check for check in checks if not check["passed"]]
    if not failed:
        screen.line("All checks passed.")
        return
    rows = [
        (
            "blocks" if check.get("blocking", True) else "hint",
            str(check["name"]),
            _short(check.get("value")),
            _short(check.get("limit")),
            str(check["remedy"]),
        )
        for check in sorted(failed, key=lambda check: not check.get("blocking", True))
    ]
    screen.table(("", "check", "found", "limit", "what to do"), rows, right=(2, 3))


def show_exploration(screen: Screen, workspace: Workspace, found: Exploration) -> None:
    """What the panel can and cannot teach: a row a channel, then the findings."""
    words = words_of(workspace)
    rows = [
        (
            label(str(row["channel"])),
            words.percent(row["spend_share"]) if pd.notna(row["spend_share"]) else "–",
            words.percent(row["on_air"]),
            _range_of_levels(row, words),
            "–" if pd.isna(row["closest"]) else f"{label(str(row['closest']))} ({words.number(row['correlation'])})",
            _number(row["inflation"], words),
            _number(row["season"], words),
            "–" if pd.isna(row["ratio"]) else words.percent(row["ratio"]),
        )
        for row in found.channels_table().to_dict("records")
    ]
    screen.title("What the panel can teach")
    header = ("channel", "spend", "on air", "4-week level", "moves most with", "VIF", "season", "will stay unknown")
    screen.table(header, rows, right=(1, 2, 3, 5, 6, 7))
    if not found.findings:
        screen.line("\nNothing stands in the way of a fit.")
        return
    screen.title("Worth knowing before a fit (none of it blocks)")
    told = [(finding.severity, _about(finding.subject), finding.sentence, finding.remedy) for finding in found.findings]
    screen.table(("", "about", "what was found", "what to do"), told)


def show_fit(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """Return and marginal return of every channel, and what the return would be without the lift tests."""
    words, table = words_of(workspace), pd.read_csv(record.file("channels.csv"))
    returns = [("roas", "ROAS"), ("marginal_roas", "next unit earns")]
    if "roas_without_tests" in table:
        returns.insert(1, ("roas_without_tests", "ROAS without tests"))
    rows = [
        (
            label(str(row["channel"])),
            words.money(row["spend"]),
            words.money(row["contribution"]),
            *(_interval(row, name, words) for name, _ in returns),
        )
        for row in table.to_dict("records")
    ]
    titles = ("channel", "spend", "contribution", *(title for _, title in returns))
    screen.title(f"Return of each channel ({words.percent(float(table['level'].iloc[0]))} intervals)")
    screen.table(titles, rows, right=tuple(range(1, len(titles))))
    show_run(screen, workspace, record)


def show_fit_change(screen: Screen, change: FitChange) -> None:
    """What moved since the fit before, a sentence a line."""
    screen.title(f"Since the fit before ({change.before})")
    for sentence in change.sentences:
        screen.line(sentence)


def show_preview(screen: Screen, workspace: Workspace, table: pd.DataFrame, note: str) -> None:
    """Return of every channel in a preview, under a line that says what it is."""
    words = words_of(workspace)
    rows = [
        (
            label(str(row["channel"])),
            words.money(row["spend"]),
            words.money(row["contribution"]),
            _interval(row, "roas", words),
        )
        for row in table.to_dict("records")
    ]
    screen.title(f"Preview: return of each channel ({words.percent(float(table['level'].iloc[0]))} intervals)")
    screen.table(("channel", "spend", "contribution", "ROAS"), rows, right=(1, 2, 3))
    screen.line(note)
    screen.line("Nothing was written, and nothing can be decided on it: run liftwerk fit.")


def show_content(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """The latest day of every KPI that has an objective, and the canaries."""
    words, table = words_of(workspace), pd.read_csv(record.file("kpis.csv"))
    totals = table[(table["team"] == "(all)") & (table["model"] == "(all)")]
    latest = totals.sort_values("day").groupby("kpi").tail(1).sort_values("kpi")
    rows = [
        (
            str(row["kpi"]),
            str(row["day"]),
            words.number(row["value"], digits=4 if abs(row["value"]) < 10 else 0),
            "–"
            if pd.isna(row["objective"])
            else words.number(row["objective"], digits=4 if row["objective"] < 10 else 0),
            "yes" if str(row["breached"]) == "True" else "",
        )
        for row in latest.to_dict("records")
    ]
    screen.title("Content pipeline, latest day")
    screen.table(("kpi", "day", "value", "objective", "breached"), rows, right=(2, 3))
    canary = read_document(record, "canary.json")
    screen.line(f"\nCanary: {str(canary['verdict']).replace('_', ' ')}")
    screen.line(f"Alerts: {len(pd.read_csv(record.file('alerts.csv')))}")
    if record.file("generators.csv").is_file():
        _show_generators(screen, words, pd.read_csv(record.file("generators.csv")))
    show_run(screen, workspace, record)


def _show_generators(screen: Screen, words: Wording, table: pd.DataFrame) -> None:
    """Models by what a euro of generation and media brought beyond the other creatives."""
    rows = [
        (
            str(row["model"]),
            words.number(row["decisions"], digits=0),
            words.percent(row["lift"], digits=1),
            words.money(row["incremental_revenue"], signed=True),
            f"{words.money(row['incremental_revenue_lower'])} to {words.money(row['incremental_revenue_upper'])}",
            "–" if pd.isna(row["per_euro"]) else words.number(row["per_euro"], digits=2),
        )
        for row in table[table["by"] == "model"].to_dict("records")
    ]
    if rows:
        screen.title("Models by incremental revenue per unit of money")
        header = ("model", "decisions", "lift", "incremental", "interval", "per unit spent")
        screen.table(header, rows, right=(1, 2, 3, 4, 5))


def show_plan(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """The optimal budget with its certificate."""
    words, plan = words_of(workspace), read_document(record, "plan.json")
    rows = [
        (
            label(channel),
            words.money(plan["current"][channel]),
            words.money(proposed),
            words.money(proposed - plan["current"][channel], signed=True),
            words.number(plan["marginal_roas"][channel]),
        )
        for channel, proposed in plan["proposed"].items()
    ]
    screen.title(f"Best budget a week from {plan['first_week']}")
    screen.table(("channel", "today", "best", "change", "next unit earns"), rows, right=(1, 2, 3, 4))
    gain = plan["gain"]
    screen.line(
        f"\nGain {words.money(gain['value'], signed=True)} a week {ends(gain, words, 0)}; "
        f"chance of a loss {words.percent(plan['chance_of_loss'])}; "
        f"gap to the optimum {words.percent(plan['gap'], digits=4)}"
    )
    if plan["binding"]:
        screen.line(f"Held back by: {', '.join(plan['binding'])}")
    show_run(screen, workspace, record)


def show_decision(screen: Screen, workspace: Workspace, decision: WeekDecision, folder: str) -> None:
    """The week's decision."""
    from decisions import sentences

    words = words_of(workspace)
    screen.title(f"{decision.workspace} · {decision.week} · {sentences.headline(decision, words)}")
    screen.line(sentences.lead(decision, words) + "\n")
    rows = [
        (
            label(line.channel),
            words.text(f"action.{line.decision.action}"),
            words.money(line.current),
            words.money(line.proposed),
            words.money(line.change, signed=True) if line.change else "–",
            words.text(f"grade.{line.evidence.grade}"),
        )
        for line in decision.channels
    ]
    screen.table(("channel", "do", "today", "proposed", "change", "evidence"), rows, right=(2, 3, 4))
    screen.line("")
    for line in (
        sentences.next_test(decision, words),
        *sentences.creatives(decision, words),
        *sentences.content(decision, words),
    ):
        screen.line(f"· {line}")
    if not decision.healthy:
        blocking = [check for check in decision.checks if check.get("blocking", True)]
        screen.line("")
        show_checks(screen, blocking)
    screen.line(f"\nWritten to {folder}")


def _interval(row: Mapping[Any, Any], name: str, words: Wording) -> str:
    ends = words.number(float(row[f"{name}_lower"])), words.number(float(row[f"{name}_upper"]))
    return f"{words.number(float(row[name]))} ({ends[0]} to {ends[1]})"


def ends(tree: Mapping[str, Any], words: Wording, digits: int) -> str:
    """An interval in brackets, of a tree with ``lower`` and ``upper``."""
    lower, upper = (
        "unbounded" if tree[name] is None else words.number(float(tree[name]), digits=digits)
        for name in ("lower", "upper")
    )
    return f"({lower} to {upper})"


def _about(subject: str) -> str:
    return " + ".join(label(name) for name in subject.split(" + "))


def _range_of_levels(row: Mapping[Any, Any], words: Wording) -> str:
    if pd.isna(row["lowest"]):
        return "–"
    return f"{words.percent(row['lowest'])} to {words.percent(row['highest'])}"


def _number(value: float, words: Wording) -> str:
    """A number with one or two decimals; a dash where there is none."""
    if pd.isna(value):
        return "–"
    return "∞" if value == float("inf") else words.number(value, digits=1 if abs(value) >= 1 else 2)


def _short(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
