"""The first page in a real browser: both modes, both languages, a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.addresses import ADDRESSES, address
from decisions.export import write_export
from decisions.recommendation import Stability
from tests.decisions.conftest import make_decision

pytestmark = pytest.mark.browser
PAGES = tuple(address(page) for page in ADDRESSES)


@pytest.fixture(scope="module")
def address(workspace: Path, served: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The dashboard, served from another folder than the workspace or the project."""
    with served(workspace) as url:
        yield url


class Visit:
    """A page that was opened, with what it complained of and whom it called."""

    def __init__(self, browser: Any, mode: str, size: tuple[int, int]) -> None:
        self.context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=mode)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, url: str) -> None:
        self.page.goto(url)
        self.page.wait_for_selector("h1.lw-headline", timeout=60_000)
        self.page.wait_for_selector(".js-plotly-plot .main-svg, .lw-table, .lw-state", timeout=60_000)
        self.page.wait_for_selector("[data-testid=stStatusWidget]", state="detached", timeout=60_000)

    def strangers(self, url: str) -> list[str]:
        return [
            asked for asked in self.requests if not asked.startswith((url, url.replace("http", "ws"), "data:", "blob:"))
        ]


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize(
    ("language", "headline"), [("en", "Move €24,000 a week"), ("de", "24.000\xa0€ pro Woche umschichten")]
)
def test_the_first_screen_answers_the_question(
    browser: Any, address: str, mode: str, language: str, headline: str
) -> None:
    visit = Visit(browser, mode, (1440, 900))
    visit.open(f"{address}/?lang={language}")
    page = visit.page
    assert page.inner_text("h1.lw-headline") == headline
    for selector in ("h1.lw-headline", ".lw-tiles", ".lw-badge", ".st-key-downloads button", ".lw-table"):
        box = page.locator(selector).first.bounding_box()
        assert box is not None, selector
        assert box["y"] >= 0, selector
        limit = 900 if selector == ".lw-table" else 560
        assert box["y"] + box["height"] <= limit, f"{selector} ends at {box['y'] + box['height']:.0f}"
    table = page.evaluate(
        "(() => { const t = document.querySelector('.lw-scroll'); return [t.scrollWidth, t.clientWidth]; })()"
    )
    assert table[0] <= table[1], "the table is clipped"
    page.wait_for_selector(".lw-rows .lw-name", timeout=60_000)
    paper = page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
    assert paper == {"light": "rgb(252, 251, 248)", "dark": "rgb(20, 24, 27)"}[mode]
    ink = page.evaluate("getComputedStyle(document.querySelector('.lw-rows .lw-name')).color")
    assert ink == {"light": "rgb(27, 33, 38)", "dark": "rgb(233, 230, 223)"}[mode]
    assert visit.errors == []
    assert visit.strangers(address) == []
    visit.context.close()


def test_the_badge_opens_to_the_checks_and_the_language_switches(browser: Any, address: str) -> None:
    visit = Visit(browser, "light", (1440, 900))
    visit.open(address)
    visit.page.locator(".st-key-health_badge_good button").first.click()
    visit.page.get_by_text("Chains agree (R-hat)").wait_for(timeout=20_000)
    visit.page.keyboard.press("Escape")
    visit.page.get_by_text("Deutsch").first.click()
    visit.page.get_by_text("pro Woche umschichten").first.wait_for(timeout=20_000)
    visit.page.get_by_text("Media-Mix", exact=True).first.click()
    visit.page.get_by_text("Woher das Ergebnis kommt").wait_for(timeout=20_000)
    visit.page.wait_for_url("**/media-mix?lang=de", timeout=20_000)
    visit.page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
    assert visit.errors == []
    assert visit.strangers(address) == []
    visit.context.close()


def test_a_download_is_the_file_of_the_export(browser: Any, address: str, workspace: Path) -> None:
    visit = Visit(browser, "light", (1440, 900))
    visit.open(address)
    visit.page.locator(".st-key-downloads button").first.click()
    with visit.page.expect_download() as waiting:
        visit.page.get_by_text("Decision as JSON").click()
    assert waiting.value.suggested_filename == "liftwerk_2026-W48_decision.json"
    assert Path(waiting.value.path()).read_bytes() == (workspace / "exports/2026-W48/decision.json").read_bytes()
    visit.context.close()


def test_a_drawing_is_saved_as_a_picture_and_plotly_is_read_ahead(browser: Any, address: str) -> None:
    visit = Visit(browser, "light", (1440, 900))
    visit.open(address)
    with visit.page.expect_download() as waiting:
        visit.page.locator(".lw-picture").first.click()
    assert waiting.value.suggested_filename == "liftwerk_marginal_roas.png"
    with Image.open(waiting.value.path()) as picture:
        shown = visit.page.locator(".lw-rows").first.bounding_box()
        assert shown is not None
        assert picture.size[0] == pytest.approx(2 * (shown["width"] + 32), abs=2)
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20) or []}
    assert {(252, 251, 248), (31, 95, 168)} <= colours, "paper and the blue of channels that get more"
    for _ in range(600):  # a wait on the page's side would have to evaluate text, which its policy forbids
        if any("PlotlyChart" in request for request in visit.requests):
            break
        visit.page.wait_for_timeout(100)
    assert any("PlotlyChart" in request for request in visit.requests)
    assert visit.errors == []
    visit.context.close()


@pytest.mark.parametrize(
    "path", [path if path in ("", "media-mix") else pytest.param(path, marks=pytest.mark.slow) for path in PAGES]
)
def test_a_phone_needs_no_sideways_scrolling(browser: Any, address: str, path: str) -> None:
    visit = Visit(browser, "light", (390, 844))
    visit.open(f"{address}/{path}?lang=de")
    width = visit.page.evaluate("document.querySelector('.stMain').scrollWidth")
    assert width <= 390
    assert visit.strangers(address) == []
    visit.context.close()


HOSTILE = ("<img src=x onerror=window.hit=1>", "<script>window.hit=1</script>", '"><svg onload=window.hit=1>', "=1+1")


@pytest.mark.slow
def test_names_that_are_programs_run_nowhere(
    browser: Any, fake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: Callable[..., Any]
) -> None:
    monkeypatch.setattr(fake, "CHANNELS", (*HOSTILE, *fake.CHANNELS[len(HOSTILE) :]))
    monkeypatch.setattr(fake, "GEOS", (*HOSTILE, *fake.GEOS[len(HOSTILE) :]))
    with served(fake.build(tmp_path / "workspace")) as url:
        visit = Visit(browser, "light", (1440, 2600))
        for path in PAGES:
            visit.page.goto(f"{url}/{path}?lang=en")
            visit.page.wait_for_selector("h1.lw-headline", timeout=60_000)
            visit.page.wait_for_timeout(2500)
            assert visit.page.evaluate("window.hit === undefined"), path
            assert not visit.page.query_selector_all("img[src=x], svg[onload]"), path
        assert visit.strangers(url) == []
        visit.context.close()


def test_the_report_opened_from_disk_asks_nobody(browser: Any, tmp_path: Path) -> None:
    report = write_export(make_decision(), tmp_path, Stability()) / "report.html"
    visit = Visit(browser, "light", (1280, 900))
    visit.page.goto(report.as_uri())
    visit.page.wait_for_load_state("networkidle")
    assert visit.page.locator("table").count() > 0
    assert [asked for asked in visit.requests if not asked.startswith("data:")] == [report.as_uri()]
    assert visit.errors == []
    visit.context.close()
