"""The commands about people's data: ``forget`` and ``held``."""

from __future__ import annotations

from jobs.session import Session


def forget(session: Session, unit: str) -> int:
    """``liftwerk forget --unit ID``; the id itself is never printed."""
    from jobs.forget import run_forget

    workspace = session.workspace()
    with session.screen.progress() as progress:
        done = run_forget(workspace, unit, seed=session.seed, progress=progress)
    screen = session.screen
    if done.removed:
        rows = [(screen.escape(file), str(count)) for file, count in sorted(done.removed.items())]
        screen.table(("file", "removed"), rows, right=(1,))
    elif done.rebuilt:
        screen.line("Nothing was left to remove; what an interrupted job had not rebuilt is rebuilt now.")
    for kind, run in done.rebuilt.items():
        screen.line(f"{kind}: {run}")
    if not done.removed and not done.rebuilt:
        screen.line("Nobody by this id is in the workspace.")
    for file in done.left:
        screen.line(f"Still named in {screen.escape(file)}: this file is never changed, remove the name yourself")
    status = 3 if done.left else 0
    screen.result(
        {
            "status": "unhealthy" if done.left else "done",
            "exit_status": status,
            "removed": done.removed,
            "rebuilt": done.rebuilt,
            "left": list(done.left),
        }
    )
    return status


def held(session: Session) -> int:
    """``liftwerk held``."""
    from jobs.held import held_tables

    rows = held_tables(session.workspace())
    shown = [(one["table"], str(one["rows"]), one["from"], one["to"], str(one["people"]), one["text"]) for one in rows]
    session.screen.table(("table", "rows", "from", "to", "people", "texts"), shown, right=(1, 4))
    session.screen.result({"status": "done", "exit_status": 0, "held": rows})
    return 0
