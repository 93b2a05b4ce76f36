"""The dashboard in headless Chromium: what a person waits for, in time on the wall and in counted CPU time.

A wait begins with the click as the page sees it and ends two frames after the server's answer is drawn and nothing
on the page is out of date any more. Beside it stands the CPU time that the server and the browser took meanwhile:
on a machine that is busy with other work the wall says little, and on a quiet one it cannot be much above their sum.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

PAGES = (
    "media-mix",
    "budget",
    "what-changed",
    "planner",
    "geo-lift",
    "attribution",
    "creatives",
    "content-pipeline",
    "data-health",
    "audit",
    "",
)
_FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
#: Counts the server's answers and notes the last click. The page's own policy forbids evaluating text, so nothing is.
_WATCH = """
window.lw = {runs: 0, click: 0};
addEventListener('click', () => { window.lw.click = performance.now(); }, true);
const look = () => {
  const app = document.querySelector('[data-test-script-state]');
  if (!app) { setTimeout(look, 5); return; }
  let before = '';
  const seen = () => {
    const now = app.getAttribute('data-test-script-state');
    if (before === 'running' && now === 'notRunning') window.lw.runs += 1;
    before = now;
  };
  new MutationObserver(seen).observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
  seen();
};
look();
"""
_DONE = """([runs, selector]) => new Promise((done, late) => {
  const limit = performance.now() + 60000;
  const look = () => {
    const ready = window.lw && window.lw.runs >= runs && !document.querySelector('[data-stale=true]')
      && (!selector || document.querySelector(selector));
    if (ready) { requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - window.lw.click))); }
    else if (performance.now() > limit) { late(new Error('nothing came back within a minute')); }
    else { setTimeout(look, 5); }
  };
  look();
})"""


@dataclass(slots=True)
class Waits:
    """Waits of one kind."""

    wall: list[float] = field(default_factory=list)
    server: list[float] = field(default_factory=list)
    browser: list[float] = field(default_factory=list)
    received: list[int] = field(default_factory=list)

    def p95(self, name: str) -> float:
        """95th percentile of a column."""
        return float(np.quantile(getattr(self, name), 0.95))

    def __len__(self) -> int:
        return len(self.wall)


class Clock:
    """CPU seconds of the server and of the browser this process started."""

    def __init__(self, server: psutil.Process) -> None:
        self.server = server

    def read(self) -> tuple[float, float]:
        """Server's and browser's CPU seconds so far."""
        own = _cpu(self.server)
        others = (one for one in psutil.Process().children(recursive=True) if one.pid != self.server.pid)
        return own, sum(_cpu(one) for one in others)


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def in_browser(url: str, rounds: int, server: psutil.Process) -> dict[str, Waits]:
    """Waits by kind: ``load``, ``switch <page>`` and ``widget <which>``."""
    from playwright.sync_api import sync_playwright

    program = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    waits: dict[str, Waits] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            Visit(context.new_page(), Clock(server), waits).whole(url)
            context.close()
        browser.close()
    return waits


class Visit:
    """One person: a browser with an empty cache, the first page, every page, and the widgets of two of them."""

    def __init__(self, page: Any, clock: Clock, waits: dict[str, Waits]) -> None:
        self.page, self.clock, self.waits, self.received = page, clock, waits, 0
        page.set_default_timeout(60_000)
        page.add_init_script(_WATCH)

        def count(data: str | bytes) -> None:
            self.received += len(data)

        page.on("websocket", lambda socket: socket.on("framereceived", count))

    def whole(self, url: str) -> None:
        """The visit."""
        self.measure("load", lambda: self.page.goto(f"{url}/?lang=en"), ready=".lw-table", clicked=False)
        self.page.wait_for_timeout(1500)
        for path in PAGES:
            link = self.page.locator(f"[data-testid=stSidebarNavLink][href$='/{path}']").first
            self.measure(f"switch {path or 'this-week'}", link.click, ready="h1.lw-headline")
            self.page.wait_for_timeout(400)
        self.planner()
        self.media_mix()

    def planner(self) -> None:
        """Another appetite for risk, and a channel that stays: a plan each time."""
        self.page.locator("[data-testid=stSidebarNavLink][href$='/planner']").first.click()
        self.page.wait_for_timeout(1500)
        for name in ("cautious", "bold", "balanced", "bold"):
            choice = self.page.get_by_role("radio", name=name).or_(self.page.get_by_role("button", name=name))
            self.measure("widget planner: risk", choice.first.click)
        box = self.page.locator(".st-key-planner_kept")
        for name in ("Channel 01", "Channel 04"):
            box.locator("input").click()
            self.measure("widget planner: kept", self.page.get_by_role("option", name=name).click)
            self.page.keyboard.press("Escape")

    def media_mix(self) -> None:
        """Another channel's curve, another geo's fit; another language draws the page anew, as a switch does."""
        self.page.locator("[data-testid=stSidebarNavLink][href$='/media-mix']").first.click()
        self.page.wait_for_timeout(1500)
        curves = self.page.locator(".st-key-media_mix_curves")
        curves.scroll_into_view_if_needed()
        self.page.wait_for_timeout(1500)
        for name in ("Channel 05", "Channel 06", "Channel 05"):
            self.measure("widget media mix: curve", curves.get_by_text(name, exact=True).first.click)
            self.page.wait_for_timeout(500)
        choice = self.page.locator(".st-key-media_mix_geo")
        choice.scroll_into_view_if_needed()  # what is far below the screen is not drawn
        self.page.wait_for_timeout(1500)
        for name in ("Geo 07", "Geo 31", "Geo 12"):
            choice.get_by_role("combobox").click()
            choice.get_by_role("combobox").fill(name)
            self.measure("widget media mix: geo", self.page.get_by_role("option", name=name).click)
            self.page.wait_for_timeout(300)
        for name in ("Deutsch", "English"):
            self.measure("switch language", self.page.get_by_text(name, exact=True).first.click)
            self.page.wait_for_timeout(300)

    def measure(self, kind: str, act: Callable[[], object], ready: str = "", *, clicked: bool = True) -> None:
        """Do something and wait until the page is up to date again."""
        runs = int(self.page.evaluate("window.lw ? window.lw.runs : 0")) if clicked else 0
        self.received = 0
        before, start = self.clock.read(), time.perf_counter()
        act()
        took = float(self.page.evaluate(_DONE, [runs + 1, ready])) / 1000
        after = self.clock.read()
        found = self.waits.setdefault(kind, Waits())
        found.wall.append(took if clicked else time.perf_counter() - start)
        found.server.append(after[0] - before[0])
        found.browser.append(after[1] - before[1])
        found.received.append(self.received)
