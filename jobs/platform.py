"""``liftwerk platform fill``: an approved budget into a template that was downloaded from an advertising platform."""

from __future__ import annotations

from pathlib import Path

from decisions.platform_template import fill_template
from decisions.review import Review
from jobs.session import Session
from measurement.errors import InputError
from measurement.settings_section import one_of


def fill(session: Session, template: Path, name: str, *, week: str | None, out: Path | None) -> int:
    """Show every cell that changes; write the filled file only where ``out`` is given.

    Raises
    ------
    InputError
        No such platform, no approved week, a template that does not fit.
    """
    workspace = session.workspace()
    platforms = workspace.settings.platforms
    if name not in platforms:
        remedy = one_of(name, platforms) if platforms else f"Add [platforms.{name}] with its campaigns to liftwerk.toml"
        raise InputError.of("there is no such platform in the settings", remedy, column="--platform", value=name)
    review = Review.of(workspace)
    approved = [
        one
        for one in dict.fromkeys(entry.subject for entry in review.log.entries() if entry.action == "approved")
        if (found := review.standing(one)) is not None and found.stage == "approved"
    ]
    chosen = week or max(approved, default="")
    if chosen not in approved:
        raise InputError.of(
            "this week is not approved" if week else "no week is approved yet",
            "Approve it in the dashboard first (liftwerk app)",
            column="--week",
            value=week or "",
        )
    standing = review.settled(chosen)
    filled = fill_template(template, platforms[name], standing.budget)
    for change in filled.changes:
        before = session.screen.escape(change.before or "(empty)")
        session.screen.line(f"row {change.row}  {session.screen.escape(change.campaign)}: {before} → {change.after}")
    session.screen.line(
        f"{len(filled.changes)} cells change, {filled.untouched} other rows stay as they are ({chosen})."
    )
    if out is not None:
        filled.write(out)
        session.screen.line(f"Written to {session.screen.escape(str(out))}")
    elif filled.changes:
        session.screen.line("Nothing was written: give --out FILE to write it.")
    session.screen.result(
        {
            "status": "done",
            "week": chosen,
            "written": None if out is None else str(out),
            "changes": [
                {"row": one.row, "campaign": one.campaign, "before": one.before, "after": one.after}
                for one in filled.changes
            ],
        }
    )
    return 0
