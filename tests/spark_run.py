"""A script on local PySpark, in an environment of its own, for tests that hold Spark against DuckDB."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.attribution_peers.environments import attribution_python
from benchmarks.peer_environments import ROOT, MissingEnvironmentError


def answer_of_spark(script: Path, argument: Path, folder: Path) -> dict[str, Any]:
    """What the script prints as its last line, as JSON; skips the test, with its reason, where Spark cannot run."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none here")
    try:
        python = attribution_python("pyspark", ROOT / ".venv-peers")
    except MissingEnvironmentError as reason:
        pytest.skip(f"the environment with PySpark cannot be made here: {reason}")
    done = subprocess.run(
        [str(python), str(script), str(argument)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": str(python), "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout.strip().splitlines()[-1])
