"""What ``liftwerk content`` does about canaries: the rule, the stops that stand, who is told, and resuming."""

from __future__ import annotations

import getpass
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from decisions.canary_stops import Breach, CanaryStop, CanaryStops
from decisions.people import Person, UserFile
from jobs.screen import Screen
from jobs.session import Session
from jobs.webhook import Delivery, notify
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from monitoring.canary import CanaryRule

Resumed = Mapping[tuple[str, str], datetime]


def resumptions(workspace: Workspace) -> Resumed:
    """By team and pipeline, when a person last resumed a canary, from the audit log."""
    return CanaryStops.of(workspace).resumed()


def canary_rule(workspace: Workspace, resumed: Resumed) -> CanaryRule:
    """``[content.canary]``, with what people resumed since.

    Raises
    ------
    InputError
        For a guardrail on which arms cannot be compared.
    """
    import pandas as pd

    from monitoring.canary import CanaryRule

    section = workspace.settings.content
    since = {
        pipeline: pd.Timestamp(moment.astimezone(UTC).replace(tzinfo=None)) for pipeline, moment in resumed.items()
    }
    if section is None or section.canary is None:
        return CanaryRule(since=since)
    return CanaryRule(**section.canary.model_dump(exclude={"webhook"}), since=since)


def resumed_hash(resumed: Resumed) -> dict[str, str]:
    """An input of the run: when canaries were resumed. Nothing where none was."""
    text = "\n".join(f"{pipeline} {moment.isoformat()}" for pipeline, moment in sorted(resumed.items()))
    return {"audit/ [canary_resumed]": hashlib.sha256(text.encode()).hexdigest()} if resumed else {}


def breaches(document: Mapping[str, Any]) -> list[Breach]:
    """What ``canary.json`` says must stop, one a pipeline."""
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for test in document["tests"]:
        if test["verdict"] == "stop":
            found.setdefault((str(test["team"]), str(test["pipeline"])), []).append(test)
    names = ("control_value", "canary_value", "control_n", "canary_n", "excess_lower", "margin", "e_max", "threshold")
    return [
        Breach(
            team=team,
            pipeline=pipeline,
            kpis=tuple(str(test["kpi"]) for test in tests),
            stopped_at=min(str(test["stopped_at"]) for test in tests),
            facts={str(test["kpi"]): {name: test.get(name) for name in names} for test in tests},
        )
        for (team, pipeline), tests in found.items()
    ]


def latch(workspace: Workspace, document: Mapping[str, Any]) -> tuple[CanaryStop, ...]:
    """Make the stops of ``canary.json`` stand; gives every stop that stands."""
    return CanaryStops.of(workspace).latch(breaches(document))


def with_stops(document: Mapping[str, Any], stops: tuple[CanaryStop, ...]) -> dict[str, Any]:
    """``canary.json``: the verdict is to stop while a stop stands, whatever the newest numbers say."""
    verdict = "stop" if stops else document["verdict"]
    return {**document, "verdict": verdict, "stops": [stop.to_dict() for stop in stops]}


def tell(workspace: Workspace, stops: tuple[CanaryStop, ...]) -> Delivery:
    """Send what was not told yet to ``content.canary.webhook``."""
    section = workspace.settings.content
    url = None if section is None or section.canary is None else section.canary.webhook
    return notify(workspace.root, url, workspace.settings.workspace.name, stops)


def show_stops(screen: Screen, stops: tuple[CanaryStop, ...], waiting: Mapping[str, str]) -> None:
    """The stops that stand and how they end."""
    for stop in stops:
        kpis = ", ".join(stop.kpis)
        screen.line(f"STOPPED: {stop.team} / {stop.pipeline} since {stop.stopped_at} ({kpis}), stop {stop.id}")
    if stops:
        screen.line('To go on: liftwerk content --resume STOP --reason "what was mended"')
    for one, fault in waiting.items():
        screen.line(f"Webhook: stop {one} could not be told ({fault}); the next run tries again")


def resume(session: Session, stop_id: str, reason: str, name: str | None) -> int:
    """``liftwerk content --resume STOP --reason WHY``."""
    workspace = session.workspace()
    stops = CanaryStops.of(workspace)
    stop = stops.resume(stop_id, _person(workspace, name), reason)
    left = stops.standing()
    session.screen.line(f"Resumed: {stop.team} / {stop.pipeline}. Its test begins anew with calls from now on.")
    session.screen.line(f"Still stopped: {len(left)}")
    session.screen.result(
        {"status": "done", "exit_status": 0, "resumed": stop.to_dict(), "stops": [one.to_dict() for one in left]}
    )
    return 0


def _person(workspace: Workspace, name: str | None) -> Person:
    """Who acts: a user of the workspace with the role kept there, else the user of this computer."""
    try:
        machine = getpass.getuser()
    except (KeyError, OSError):
        machine = "this computer's user"
    user = UserFile(workspace.root / "access" / "users.json").get(name) if name is not None else None
    if user is not None:
        return Person(name=user.name, role=user.role, via="machine")
    return Person(name=name or machine, role="approver", via="machine")
