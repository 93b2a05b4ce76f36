"""The dashboard in headless Chromium: what a person waits for, in time on the wall and in counted CPU time.

A wait begins with the click as the page sees it and ends two frames after the server's answer is drawn, nothing on
the page is out of date any more and no placeholder of a figure is left. Beside it stands the CPU time that the server
and the browser took meanwhile: on a machine that is busy with other work the wall says little, and on a quiet one it
cannot be much above their sum.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil

from app.addresses import ADDRESSES, FIRST, address
from benchmarks.app_browser import FLAGS, chromium

#: Every page, the first one last: a visit begins there.
PATHS = (*(address(page) for page in ADDRESSES if page != FIRST), address(FIRST))
#: Counts what the page asks of the server and what is answered, on the socket itself: where a fast answer's start and
#: end are drawn at once, the page never shows that anything ran. A request is a `BackMsg` that holds field 11, an
#: answer a `ForwardMsg` whose field 6 says that the script or a part of it ended well. An answer is counted before the
#: page hears of it. The page's own policy forbids evaluating text, so nothing is.
_WATCH = """
window.lw = {asked: 0, open: false, click: 0};
addEventListener('click', () => { window.lw.click = performance.now(); }, true);
const number = (bytes, at) => {
  let value = 0, shift = 0, byte;
  do { byte = bytes[at.i++]; value += (byte & 127) * 2 ** shift; shift += 7; } while (byte & 128);
  return value;
};
const field = (bytes, wanted) => {
  const at = {i: 0};
  while (at.i < bytes.length) {
    const tag = number(bytes, at), kind = tag & 7;
    const value = kind === 0 || kind === 2 ? number(bytes, at) : 0;
    if (tag >>> 3 === wanted) return value;
    at.i += kind === 2 ? value : kind === 1 ? 8 : kind === 5 ? 4 : 0;
  }
  return null;
};
const Plain = window.WebSocket;
window.WebSocket = class extends Plain {
  constructor(...all) {
    super(...all);
    this.addEventListener('message', (said) => {
      const ended = field(new Uint8Array(said.data), 6);
      if (ended === 0 || ended === 3) window.lw.open = false;
    });
  }
  send(data) {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    if (field(bytes, 11) !== null) { window.lw.asked += 1; window.lw.open = true; }
    super.send(data);
  }
};
"""
#: Up to date: asked, answered, drawn (nothing stale, no placeholder, no script at work), and so still two frames later.
_DONE = """([asked, selector, placeholders]) => new Promise((done, late) => {
  const limit = performance.now() + 60000;
  const old = '[data-stale=true], [data-test-script-state=running], [data-test-script-state=initial]'
    + (placeholders ? '' : ', [data-testid=stSkeleton]');
  const ready = () => window.lw && window.lw.asked > asked && !window.lw.open && !document.querySelector(old)
    && (!selector || document.querySelector(selector));
  const look = () => {
    if (ready()) {
      const frame = window.requestAnimationFrame;
      frame(() => frame(() => { if (ready()) done(performance.now() - window.lw.click); else look(); }));
    }
    else if (performance.now() > limit) {
      late(new Error('nothing came back within a minute: ' + JSON.stringify(window.lw) + ' asked before: ' + asked));
    }
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
    """Waits by kind: ``load, to read``, ``load`` (figures too), ``switch <page>`` and ``widget <which>``."""
    from playwright.sync_api import sync_playwright

    waits: dict[str, Waits] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
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
        self.load(f"{url}/?lang=en")
        self.rest(1500)
        for path in PATHS:
            link = self.page.locator(f"[data-testid=stSidebarNavLink][href$='/{path}']").first
            self.measure(f"switch {path or 'this-week'}", link.click, ready="h1.lw-headline")
            self.rest(400)
        self.planner()
        self.media_mix()

    def planner(self) -> None:
        """Another appetite for risk, and a channel that stays: a plan each time."""
        self.page.locator("[data-testid=stSidebarNavLink][href$='/planner']").first.click()
        self.rest(1500)
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
        self.rest(1500)
        curves = self.page.locator(".st-key-media_mix_curves")
        curves.scroll_into_view_if_needed()
        self.rest(1500)
        for name in ("Channel 05", "Channel 06", "Channel 05"):
            self.measure("widget media mix: curve", curves.get_by_text(name, exact=True).first.click)
            self.rest(500)
        choice = self.page.locator(".st-key-media_mix_geo")
        choice.scroll_into_view_if_needed()  # what is far below the screen is not drawn
        self.rest(1500)
        for name in ("Geo 07", "Geo 31", "Geo 12"):
            choice.get_by_role("combobox").click()
            choice.get_by_role("combobox").fill(name)
            self.measure("widget media mix: geo", self.page.get_by_role("option", name=name).click)
            self.rest(300)
        for name in ("Deutsch", "English"):
            self.measure("switch language", self.page.get_by_text(name, exact=True).first.click)
            self.rest(300)

    def rest(self, milliseconds: int) -> None:
        """Let what was clicked come to its end, however busy the machine is, and read on for a moment."""
        self.page.wait_for_timeout(milliseconds)
        self.page.evaluate(_DONE, [0, "", False])

    def load(self, address: str) -> None:
        """The first page, from nothing: until it can be read and acted on, and until its figures are drawn too."""
        self.received = 0
        before, start = self.clock.read(), time.perf_counter()
        self.page.goto(address)
        for kind, placeholders in (("load, to read", True), ("load", False)):
            self.page.evaluate(_DONE, [0, ".lw-table", placeholders])
            self._note(kind, time.perf_counter() - start, before)

    def measure(self, kind: str, click: Callable[[], object], ready: str = "") -> None:
        """Click and wait until the page is up to date again."""
        asked = int(self.page.evaluate("window.lw.asked"))
        self.received = 0
        before = self.clock.read()
        click()
        self._note(kind, float(self.page.evaluate(_DONE, [asked, ready, False])) / 1000, before)

    def _note(self, kind: str, wall: float, before: tuple[float, float]) -> None:
        after = self.clock.read()
        found = self.waits.setdefault(kind, Waits())
        found.wall.append(wall)
        found.server.append(after[0] - before[0])
        found.browser.append(after[1] - before[1])
        found.received.append(self.received)
