"""Pictures of every page of the dashboard, as docs/pictures keeps them.

    python -m scripts.take_pictures WORKSPACE [--held WORKSPACE] [--out DIR] [--all] [--only TEXT]

Serves the workspace as ``liftwerk app`` does and photographs it in headless Chromium: each page in both languages and
both modes, and once on a phone. ``--held`` names a second workspace whose checks forbid acting, to show that state
too. ``--all`` takes every page in both languages, both modes, at a desk and on a phone, to be looked at.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.addresses import ADDRESSES, FIRST, address
from benchmarks.app_browser import FLAGS, chromium, local, served
from measurement.wording import LANGUAGES

MODES = ("light", "dark")
_DESK, _PHONE = (1440, 900), (390, 844)
#: The name of this computer's user is shown on every page.
_PERSON = "Paula Krüger"
_QUALITY = 82
#: Parts of the page that are out of date or not there yet, then its size.
_BUSY = """(() => {
  const late = '[data-stale=true], [data-testid=stSkeleton], [data-test-script-state=running], [data-test-script-state=initial]';
  const page = document.querySelector('.stMain');
  return document.querySelectorAll(late).length + ':' + (page ? page.innerHTML.length + ':' + page.scrollHeight : '');
})()"""  # noqa: E501 - one list of states


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A page in a language, a mode and a size; ``whole`` shows all of it, not the first screen alone.

    ``state`` tells pictures of one page apart, ``""`` for the usual one.
    """

    page: str
    language: str
    mode: str
    size: tuple[int, int] = _DESK
    whole: bool = False
    state: str = ""

    @property
    def name(self) -> str:
        """File name without its ending."""
        where = ADDRESSES[self.page].replace("-", "_")
        phone = "phone" if self.size == _PHONE else ""
        return "_".join(part for part in (where, self.state, phone, self.mode, self.language) if part)


def kept() -> list[Shot]:
    """The pictures of docs/pictures: every page in both languages and modes, and each once on a phone.

    At a desk the first page is what stands on the screen before anybody scrolls; the others are shown whole.
    """
    desk = [
        Shot(page=page, language=language, mode=mode, whole=page != FIRST)
        for page in ADDRESSES
        for language in LANGUAGES
        for mode in MODES
    ]
    return [*desk, *(Shot(page=page, language="de", mode="light", size=_PHONE) for page in ADDRESSES)]


def kept_of_held() -> list[Shot]:
    """The pictures of a workspace whose checks forbid acting: the first screen, and the page that says what to mend."""
    return [
        Shot(page=page, language=language, mode=mode, whole=page != FIRST, state="held")
        for page in (FIRST, "data_health")
        for language in LANGUAGES
        for mode in MODES
    ]


def everything(state: str = "") -> list[Shot]:
    """Every combination of page, language, mode and size."""
    return [
        Shot(page=page, language=language, mode=mode, size=size, whole=True, state=state)
        for page in ADDRESSES
        for language in LANGUAGES
        for mode in MODES
        for size in (_DESK, _PHONE)
    ]


def take(page: Any, url: str, shot: Shot, folder: Path) -> Path:  # noqa: ANN401 - playwright's page
    """Open a page, wait until it stands still, and photograph it as a WebP file."""
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.emulate_media(color_scheme=shot.mode)
    page.goto(f"{url}/{address(shot.page)}?lang={shot.language}")
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
    parser.add_argument("--held", type=Path, default=None, help="a workspace whose checks forbid acting")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "pictures")
    parser.add_argument("--all", action="store_true", help="every page, language, mode and size")
    parser.add_argument("--only", default="", help="pictures whose name holds this")
    asked = parser.parse_args()
    from playwright.sync_api import sync_playwright

    asked.out.mkdir(parents=True, exist_ok=True)
    wanted = [(asked.workspace, everything() if asked.all else kept())]
    if asked.held is not None:
        wanted.append((asked.held, everything("held") if asked.all else kept_of_held()))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for workspace, shots in wanted:
            chosen = [shot for shot in shots if asked.only in shot.name]
            if not chosen:
                continue
            page = browser.new_page()
            with served(workspace, local(workspace) | {"LOGNAME": _PERSON, "USER": _PERSON}) as (url, _):
                for shot in chosen:
                    take(page, url, shot, asked.out)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
