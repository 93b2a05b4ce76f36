"""What every job shares: reuse of a run that is already there, hashes of settings, and reading artifacts back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

from decisions.plain import plain
from measurement.checks import Check
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.settings import Section
from measurement.store import RunRecord, RunStore, combined_hash
from measurement.workspace import Workspace

DEFAULT_SEED = 7


def last_day(panel: Panel) -> date:
    """Last day of the last period of a panel."""
    day: date = panel.dates[-1].date() + timedelta(days=panel.days_per_period - 1)
    return day


def settings_hash(*sections: Section | None) -> str:
    """Hash of the settings that a job depends on: a change elsewhere in ``liftwerk.toml`` repeats nothing."""
    trees = [None if section is None else section.model_dump(mode="json") for section in sections]
    return hashlib.sha256(json.dumps(trees, sort_keys=True).encode()).hexdigest()


def existing(
    workspace: Workspace, kind: str, *, inputs: Mapping[str, str], options: Mapping[str, object], seed: int, again: bool
) -> RunRecord | None:
    """The run that already holds what is asked for; ``None`` where it is asked for ``again``."""
    if again:
        return None
    store = RunStore(workspace.runs)
    return store.find(kind, data_sha256=combined_hash(inputs), options=options, seed=seed)


def read_document(record: RunRecord, name: str) -> dict[str, Any]:
    """A JSON artifact of a run.

    Raises
    ------
    InputError
        Where it is missing or broken.
    """
    file = record.file(name)
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError.of(
            "an artifact of a run cannot be read",
            "Run the job again with --again; artifacts are never edited by hand",
            file=f"runs/{record.kind}/{record.id}/{name}",
            value=error,
        ) from error
    return dict(tree)


def write_document(file: Path, tree: Mapping[str, object]) -> None:
    """A JSON artifact: no NaN, every value plain."""
    text = json.dumps(plain(tree), indent=2, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def published(record: RunRecord | None) -> RunRecord:
    """The record of a draft whose block has ended, as it is read from disk: a repeated job reads the same values."""
    if record is None:
        raise RuntimeError("a run was read before its block ended")
    return RunStore(record.folder.parent.parent).get(record.kind, record.id)


def plain_checks(checks: Iterable[Check]) -> list[Check]:
    """Checks with plain values, whatever number types a method used."""
    return [
        replace(
            check,
            passed=bool(check.passed),
            value=cast("float | str | None", plain(check.value)),
            limit=cast("float | str | None", plain(check.limit)),
        )
        for check in checks
    ]
