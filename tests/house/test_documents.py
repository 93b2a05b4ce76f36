"""The documents say what the code says, and nothing that has no place in a public project."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


def text_files() -> list[tuple[Path, str]]:
    texts = []
    for file in tracked_files():
        content = file.read_bytes()
        if b"\0" not in content[:4096]:
            texts.append((file, content.decode("utf-8")))
    return texts


def test_architecture_is_drawn_from_the_code():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import draw_architecture
    finally:
        sys.path.pop(0)
    assert draw_architecture.PAGE.read_text(encoding="utf-8") == draw_architecture.draw(), "run `make docs`"


def test_every_dependency_has_its_line():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    runtime, development = page.split("## For development")
    for section, wanted in (
        (runtime, project["project"]["dependencies"]),
        (development, project["dependency-groups"]["dev"]),
    ):
        listed = {
            name.strip() for row in re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE) for name in row.split(",")
        } - {"package", "---"}
        assert listed == {re.split(r"[\[<>=~! ]", requirement)[0] for requirement in wanted}


def test_no_registry_host_in_any_file():
    # Written in pieces, so that this file does not name what it forbids.
    hosts = ["py" + "pi.org", "python" + "hosted", "registry.n" + "pmjs", "deb.deb" + "ian.org"]
    for file, text in text_files():
        assert not [host for host in hosts if host in text], file


def test_the_lock_is_hashed_and_complete():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,-]+\])?==[^\n]*\\\n\s+--hash=sha256:", lock, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[a-z0-9-]+(?:\[[a-z,-]+\])?==", lock, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {re.split(r"[\[<>=~! ]", name)[0] for name in project["project"]["dependencies"]}
    assert wanted <= set(pins)


def test_files_stay_readable():
    rooms = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["build-backend"][
        "module-name"
    ]
    too_long = {
        str(file.relative_to(ROOT)): lines
        for file in tracked_files()
        if file.suffix == ".py"
        and file.relative_to(ROOT).parts[0] in rooms
        and (lines := len(file.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert not too_long
