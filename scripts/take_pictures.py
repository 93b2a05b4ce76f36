"""Pictures of every page of the dashboard, as docs/pictures keeps them.

    python scripts/take_pictures.py WORKSPACE [--out DIR] [--all]

Serves the workspace as ``liftwerk app`` does and photographs it in headless Chromium: by default each page once in
English and light and once in German and dark, the first page in every combination and on a phone. ``--all`` takes
every page in both languages, both modes, at a desk and on a phone, to be looked at.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.dashboard import LOCAL_VARIABLE, WORKSPACE_VARIABLE, command

PAGES = (
    "this-week",
    "what-changed",
    "budget",
    "planner",
    "media-mix",
    "geo-lift",
    "attribution",
    "creatives",
    "content-pipeline",
    "data-health",
    "audit",
)
_DESK, _PHONE = (1440, 900), (390, 844)
#: The name of this computer's user is shown on every page.
_PERSON = "Paula Krüger"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
_QUALITY = 82
#: Parts of the page that are out of date or not there yet, then its size.
_BUSY = """(() => {
  const late = '[data-stale=true], [data-testid=stSkeleton], [data-test-script-state=running], [data-test-script-state=initial]';
  const page = document.querySelector('.stMain');
  return document.querySelectorAll(late).length + ':' + (page ? page.innerHTML.length + ':' + page.scrollHeight : '');
})()"""  # noqa: E501 - one list of states


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A page in a language, a mode and a size; ``whole`` shows all of it, not the first screen alone."""

    page: str
    language: str
    mode: str
    size: tuple[int, int] = _DESK
    whole: bool = False

    @property
    def name(self) -> str:
        """File name without its ending."""
        phone = "phone_" if self.size == _PHONE else ""
        return f"{self.page.replace('-', '_')}_{phone}{self.mode}_{self.language}"


def kept() -> list[Shot]:
    """The pictures of docs/pictures."""
    shots = [
        Shot(page=page, language=language, mode=mode, whole=page != "this-week")
        for page in PAGES
        for language, mode in (("en", "light"), ("de", "dark"))
    ]
    shots += [
        Shot(page="this-week", language=language, mode=mode) for language, mode in (("de", "light"), ("en", "dark"))
    ]
    return [*shots, Shot(page="this-week", language="de", mode="light", size=_PHONE)]


def everything() -> list[Shot]:
    """Every combination."""
    return [
        Shot(page=page, language=language, mode=mode, size=size, whole=True)
        for page in PAGES
        for language in ("en", "de")
        for mode in ("light", "dark")
        for size in (_DESK, _PHONE)
    ]


@contextlib.contextmanager
def served(workspace: Path) -> Iterator[str]:
    """Address of the dashboard of a workspace."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    who = {"LOGNAME": _PERSON, "USER": _PERSON}
    environment = {**os.environ, **who, WORKSPACE_VARIABLE: str(workspace.resolve()), LOCAL_VARIABLE: "1"}
    server = subprocess.Popen(command(workspace.resolve(), port), env=environment, stdout=subprocess.DEVNULL)
    url = f"http://localhost:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                break
            if server.poll() is not None:
                raise RuntimeError("the dashboard ended before it answered")
            time.sleep(0.2)
        else:
            raise RuntimeError("the dashboard did not answer within a minute")
        yield url
    finally:
        server.terminate()
        server.wait(20)


def take(page: Any, url: str, shot: Shot, folder: Path) -> Path:  # noqa: ANN401 - playwright's page
    """Open a page, wait until it stands still, and photograph it as a WebP file."""
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.emulate_media(color_scheme=shot.mode)
    page.goto(f"{url}/{'' if shot.page == PAGES[0] else shot.page}?lang={shot.language}")
    page.wait_for_selector("h1.lw-headline", timeout=60_000)
    _settle(page)
    if shot.whole:
        height = int(page.evaluate("document.querySelector('.stMain').scrollHeight"))
        page.set_viewport_size({"width": shot.size[0], "height": max(height, shot.size[1])})
        _settle(page)
    raw = folder / f"{shot.name}.png"
    page.screenshot(path=str(raw))
    return _smaller(raw)


def _settle(page: Any) -> None:  # noqa: ANN401 - playwright's page
    """Until nothing on the page has changed for a second."""
    state, still = "", 0
    for _ in range(120):
        page.wait_for_timeout(250)
        found = str(page.evaluate(_BUSY))
        still = still + 1 if found == state and found.startswith("0:") else 0
        state = found
        if still >= 4:
            return


def _smaller(raw: Path) -> Path:
    from PIL import Image

    file = raw.with_suffix(".webp")
    with Image.open(raw) as picture:
        picture.convert("RGB").save(file, "WEBP", quality=_QUALITY, method=6)
    raw.unlink()
    return file


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "pictures")
    parser.add_argument("--all", action="store_true", help="every page, language, mode and size")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    asked.out.mkdir(parents=True, exist_ok=True)
    program = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    shots = [shot for shot in (everything() if asked.all else kept()) if asked.only in shot.name]
    with served(asked.workspace) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        page = browser.new_page()
        for shot in shots:
            take(page, url, shot, asked.out)
        browser.close()


if __name__ == "__main__":
    main()
