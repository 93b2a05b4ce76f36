"""Fixtures shared by every room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Public data sets that stand beside the project in CI; a user's clone has none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("public data sets are not beside this clone (see docs/data.md)")
    return SHARED_DATA
