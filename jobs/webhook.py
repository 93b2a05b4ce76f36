"""Telling another system that a canary was stopped: signed, retried, and never lost.

What waits to be told lies in ``content/canary/outbox.json`` until the other side has taken it; every
``liftwerk content`` tries again. The body is signed like the webhooks of payment services: header
``Liftwerk-Signature: t=<unix time>,v1=<hex>``, where ``v1`` is the HMAC-SHA256 of ``<unix time>.<body>`` under the
secret in the environment variable ``LIFTWERK_WEBHOOK_SECRET``. ``Idempotency-Key`` is the stop's id.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from decisions.canary_stops import CanaryStop
from decisions.locking import locked
from measurement.store import write_atomically

SECRET_VARIABLE = "LIFTWERK_WEBHOOK_SECRET"  # noqa: S105 - a variable's name
OUTBOX = "content/canary/outbox.json"
_TIMEOUT_S = 5.0
#: Seconds between attempts.
BACKOFF = (0.5, 1.0, 2.0)
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What became of the notices: ids told now, and those that wait, with the reason."""

    told: tuple[str, ...] = ()
    waiting: Mapping[str, str] = field(default_factory=dict)


def signature(body: bytes, secret: str, at: int) -> str:
    """The header ``Liftwerk-Signature`` of a body.

    Examples
    --------
    >>> signature(b"{}", "secret", 1)[:16]
    't=1,v1=1122767b1'
    """
    digest = hmac.new(secret.encode(), str(at).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def notify(
    root: Path, url: str | None, name: str, stops: Sequence[CanaryStop], sleep: Callable[[float], None] = time.sleep
) -> Delivery:
    """Tell of every stop that stands and was not told yet.

    Parameters
    ----------
    root
        Folder of the workspace.
    url
        Where to, ``None`` for nowhere.
    name
        Of the workspace.
    stops
        Those that stand; what was resumed meanwhile is dropped.
    sleep
        How to wait between attempts.
    """
    if url is None:
        return Delivery()
    file = root / OUTBOX
    with locked(file.with_name(".outbox-lock")):
        told = _told(file)
        fresh = {stop.id: stop for stop in stops if stop.id not in told}
        if not fresh:
            if waiting(root):
                _write(file, told, {}, {})  # resumed before anybody was told
            return Delivery()
        faults: dict[str, str] = dict.fromkeys(fresh, "not tried yet")
        _write(file, told, fresh, faults)  # a killed process leaves them waiting
        secret = os.environ.get(SECRET_VARIABLE, "")
        for stop in fresh.values():
            fault = _post(url, name, stop, secret, sleep) if secret else f"{SECRET_VARIABLE} is not set"
            faults[stop.id] = fault
            if not fault:
                told[stop.id] = datetime.now(UTC).isoformat(timespec="seconds")
        left = {one: stop for one, stop in fresh.items() if one not in told}
        _write(file, told, left, faults)
    now = tuple(one for one in fresh if one in told)
    return Delivery(told=now, waiting={one: faults[one] for one in left})


def waiting(root: Path) -> dict[str, str]:
    """Ids of the stops that wait to be told, with what was wrong at the last attempt."""
    try:
        lines = json.loads((root / OUTBOX).read_text(encoding="utf-8"))["waiting"]
        return {str(line["id"]): str(line["fault"]) for line in lines}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _told(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8"))["told"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # told twice is harmless, the key says so; told never is not


def _write(file: Path, told: Mapping[str, str], waiting: Mapping[str, CanaryStop], faults: Mapping[str, str]) -> None:
    lines = [{"id": one, "fault": faults[one], "stop": stop.to_dict()} for one, stop in waiting.items()]
    write_atomically(file, json.dumps({"waiting": lines, "told": told}, indent=2, ensure_ascii=False) + "\n")


def _post(url: str, name: str, stop: CanaryStop, secret: str, sleep: Callable[[float], None]) -> str:
    """Send one notice; what is wrong in the end, ``""`` where it was taken."""
    tree: dict[str, Any] = {"event": "canary.stopped", "workspace": name, **stop.to_dict()}
    body = json.dumps(tree, ensure_ascii=False, sort_keys=True).encode()
    fault = ""
    for wait in (*BACKOFF, None):
        again, pause, fault = _attempt(url, body, stop.id, secret)
        if not fault or not again or wait is None:
            return fault
        sleep(min(max(wait, pause), _LONGEST_WAIT_S))
    return fault


def _attempt(url: str, body: bytes, key: str, secret: str) -> tuple[bool, float, str]:
    """Whether to try again, after how many seconds at least, and what was wrong."""
    request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
        url,
        data=body,
        method="POST",
        headers={
            "Content-Type": "application/json",
            "User-Agent": "liftwerk",
            "Idempotency-Key": key,
            "Liftwerk-Signature": signature(body, secret, int(time.time())),
        },
    )
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S):
            return False, 0.0, ""
    except urllib.error.HTTPError as answer:
        passing = answer.code >= 500 or answer.code in {408, 429}
        asked = str(answer.headers.get("Retry-After", ""))
        answer.close()
        return passing, float(asked) if asked.isdigit() else 0.0, f"it answered {answer.code}"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return True, 0.0, str(getattr(error, "reason", error)) or type(error).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A signed body goes where the settings say and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None
