"""The command that starts the dashboard."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import jobs.dashboard
from jobs.dashboard import OIDC_LIBRARIES, OIDC_VARIABLES, command
from measurement.errors import InputError


def test_the_command_names_script_port_and_workspace(tmp_path: Path) -> None:
    words = command(tmp_path, 8765)
    assert words[0] == sys.executable
    assert Path(words[words.index("run") + 1]).is_file()
    assert "--server.port=8765" in words
    assert words[-2:] == ["--workspace", str(tmp_path)]


def test_nothing_is_sent_anywhere_and_no_traceback_is_shown(tmp_path: Path) -> None:
    words = command(tmp_path, 8501)
    assert "--browser.gatherUsageStats=false" in words
    assert "--client.showErrorDetails=none" in words
    assert "--runner.magicEnabled=false" in words
    assert "--server.address=localhost" in words


def test_importing_it_does_not_import_streamlit() -> None:
    code = "import jobs.dashboard, sys; sys.exit('streamlit' in sys.modules or 'plotly' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_folder_of_the_user_does_not_shadow_the_packages(tmp_path: Path) -> None:
    (tmp_path / "measurement.py").write_text("raise RuntimeError('shadowed')", encoding="utf-8")
    words = command(tmp_path, 8501)
    start = words[: words.index("-m")]
    code = "import measurement.wording"
    assert subprocess.run([*start, "-c", code], cwd=tmp_path, check=False).returncode == 0


@pytest.mark.parametrize("absent", OIDC_LIBRARIES)
def test_a_sign_in_service_without_its_libraries_says_what_to_install(
    absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in OIDC_VARIABLES:
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr(jobs.dashboard, "find_spec", lambda library: None if library == absent else object())
    with pytest.raises(InputError, match=r'pip install "liftwerk\[oidc\]"'):
        jobs.dashboard._must_know_its_service()
    monkeypatch.setenv(OIDC_VARIABLES[0], "")
    with pytest.raises(InputError, match=OIDC_VARIABLES[0]):
        jobs.dashboard._must_know_its_service()
