"""Guessing is made slow: after some failed sign-ins a name, and an address, has to wait.

Failures are kept in ``access/failures.json``, so that several servers of one workspace count together and a restart
forgets nothing. While somebody has to wait, the password is not looked at: a right guess is refused like a wrong one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

from decisions.locking import locked
from decisions.refusal import Refusal
from measurement.store import write_atomically

WINDOW_S = 15 * 60
#: Failures within the window after which a name waits, and an address (an office shares one).
PER_NAME, PER_ADDRESS = 5, 20
_MOST_KEYS = 5000


class Throttle:
    """Counts failures.

    Parameters
    ----------
    file
        ``access/failures.json``; made when needed.
    clock
        Seconds since 1970; tests bring their own.
    """

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self.file, self.clock = file, clock

    def admit(self, name: str, address: str) -> None:
        """Count an attempt before the password is looked at; `forgive` takes it back where it was right.

        Counting first leaves no gap in which many attempts at once slip through.

        Raises
        ------
        Refusal
            ``wait``: too many failures, with the minutes to wait.
        """
        with locked(self.file.with_name(".failures.lock")):
            now, kept = self.clock(), self._read()
            keys = {_key("name", name.casefold()): PER_NAME, _key("address", address): PER_ADDRESS}
            for key, most in keys.items():
                if len(kept.get(key, ())) >= most:
                    minutes = (kept[key][-most] + WINDOW_S - now) / 60
                    raise Refusal.by("wait", minutes=str(max(1, round(minutes + 0.5))))
            for key in keys:
                kept.setdefault(key, []).append(now)
            self._write(kept)

    def forgive(self, name: str, address: str) -> None:
        """A right password: the name's failures are forgotten, and this attempt of the address."""
        with locked(self.file.with_name(".failures.lock")):
            kept = self._read()
            kept.pop(_key("name", name.casefold()), None)
            times = kept.get(_key("address", address), [])
            if times:
                times.pop()
            self._write(kept)

    def _read(self) -> dict[str, list[float]]:
        try:
            tree = json.loads(self.file.read_text(encoding="utf-8"))
            kept = {str(key): [float(when) for when in times] for key, times in tree.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}
        since = self.clock() - WINDOW_S
        return {key: live for key, times in kept.items() if (live := [when for when in times if when > since])}

    def _write(self, kept: dict[str, list[float]]) -> None:
        newest = sorted((key for key in kept if kept[key]), key=lambda key: kept[key][-1])[-_MOST_KEYS:]
        write_atomically(self.file, json.dumps({key: kept[key] for key in newest}))


def _key(kind: str, value: str) -> str:
    """Names and addresses are not kept in the clear."""
    return f"{kind}:{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()[:24]}"
