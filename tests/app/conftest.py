"""Workspaces for the dashboard's tests, and a way to open one page without a browser."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import app
from app.scene import WORKSPACE_VARIABLE
from benchmarks import app_browser

MAIN_SCRIPT = Path(app.__file__).with_name("main.py")


@pytest.fixture(scope="session")
def fake() -> ModuleType:
    """The builder of fake workspaces (a module beside this file)."""
    spec = importlib.util.spec_from_file_location("fake_workspace", Path(__file__).with_name("fake_workspace.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def workspace(fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete, healthy workspace; tests that change it copy it."""
    return fake.build(tmp_path_factory.mktemp("healthy") / "workspace")


@pytest.fixture(scope="session")
def sick_workspace(fake: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a model whose gates failed."""
    return fake.build(tmp_path_factory.mktemp("sick") / "workspace", healthy=False)


@pytest.fixture
def empty_workspace(fake: ModuleType, tmp_path: Path) -> Path:
    """Settings, and no run."""
    (tmp_path / "liftwerk.toml").write_text(fake.SETTINGS.format(locale="en_GB"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def own_copy(workspace: Path, tmp_path: Path) -> Path:
    """A copy of the healthy workspace that a test may spoil."""
    return Path(shutil.copytree(workspace, tmp_path / "copy"))


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Draw a page of a workspace, type into its fields, and give back everything it says; fails on any exception."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    def draw(folder: Path, path: str = "", language: str = "en", typed: Mapping[str, str] | None = None) -> str:
        monkeypatch.setenv(WORKSPACE_VARIABLE, str(folder))
        test = AppTest.from_file(str(MAIN_SCRIPT), default_timeout=60)
        test.query_params["lang"] = language
        if path:
            test._page_hash = calc_hash(path)
        test.run()
        for field, text in (typed or {}).items():
            test.text_input(field).set_value(text).run()
        assert not test.exception, [error.message for error in test.exception]
        parts = [str(element.proto.body) for element in test.get("html")]
        parts += [str(element.proto.label) for element in test.get("expander")]
        parts += [str(element.proto.popover.label) for element in test.get("popover")]
        return "\n".join(part for part in parts if not part.startswith("<style>"))

    return draw


@contextlib.contextmanager
def _served(workspace: Path, environment: Mapping[str, str] | None = None, *, seconds: float = 60.0) -> Iterator[str]:
    """Address of the dashboard of a workspace, served from the folder above it until the block ends."""
    with app_browser.served(workspace, environment, seconds=seconds) as (url, _):
        yield url


@pytest.fixture(scope="session")
def served() -> Callable[..., contextlib.AbstractContextManager[str]]:
    """Serves a workspace as ``liftwerk app`` does; a context manager that gives the address."""
    return _served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Headless Chromium."""
    program = app_browser.chromium()
    if program is None:
        pytest.skip("no Chromium on the PATH: install it to run the dashboard in a real browser")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (uv sync --group dev)")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(app_browser.FLAGS))
        yield opened
        opened.close()
