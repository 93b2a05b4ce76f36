"""The dashboard under load: first load, page switch, widget, bytes a rerun, 30 sessions at once.

    python benchmarks/app_bench.py [--sessions 30] [--quick]

Builds the artifacts of a 40-geo, 156-week, 10-channel workspace (made, not fitted: their size matters here), starts
the server as `liftwerk app` does, and drives it with headless Chromium and with bare protocol sessions.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.app_workspace import build
from jobs.dashboard import LOCAL_VARIABLE, WORKSPACE_VARIABLE, command

PAGES = (
    "media-mix",
    "budget",
    "what-changed",
    "planner",
    "geo-lift",
    "creatives",
    "content-pipeline",
    "data-health",
    "audit",
    "",
)
_NEW_HEADLINE = "before => { const h = document.querySelector('h1.lw-headline'); return h && h.innerText !== before; }"
LIMITS = {
    "first load s": 3.0,
    "page switch p95 s": 1.0,
    "widget p95 ms": 300.0,
    "kB a rerun p95": 100.0,
    "memory MB": 1000.0,
}


@contextlib.contextmanager
def served(workspace: Path) -> Iterator[tuple[str, psutil.Process]]:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, WORKSPACE_VARIABLE: str(workspace), LOCAL_VARIABLE: "1"}
    server = subprocess.Popen(
        command(workspace, port), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        url = f"http://localhost:{port}"
        for _ in range(600):
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                break
            time.sleep(0.2)
        time.sleep(8)  # the warm-up thread
        yield url, psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait(20)


def in_browser(url: str, rounds: int) -> dict[str, float]:
    """Wall time as a person feels it."""
    import shutil

    from playwright.sync_api import sync_playwright

    program = next(found for name in ("chromium", "google-chrome") if (found := shutil.which(name)))
    done = "!document.querySelector('[data-testid=stStatusWidget]') && !document.querySelector('[data-stale=true]')"
    loads, switches, widgets, sizes = [], [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            counted = [0]
            page.on(
                "websocket",
                lambda ws, c=counted: ws.on("framereceived", lambda data: c.__setitem__(0, c[0] + len(data))),
            )
            start = time.perf_counter()
            page.goto(f"{url}/?lang=en")
            page.wait_for_selector("h1.lw-headline")
            page.wait_for_selector(".lw-table")
            loads.append(time.perf_counter() - start)
            page.wait_for_function(done)
            for path in PAGES:
                link = page.locator(f"[data-testid=stSidebarNavLink][href$='/{path}']").first
                before = page.inner_text("h1.lw-headline")
                start = time.perf_counter()
                link.click()
                page.wait_for_function(_NEW_HEADLINE, arg=before)
                page.wait_for_function(done)
                switches.append(time.perf_counter() - start)
            page.locator("[data-testid=stSidebarNavLink][href$='/planner']").first.click()
            page.get_by_text("What if?").wait_for()
            page.wait_for_function(done)
            for name in ("cautious", "bold", "balanced", "cautious", "bold", "balanced"):
                before = page.locator(".lw-tiles").first.inner_text()
                counted[0] = 0
                start = time.perf_counter()
                page.get_by_role("radio", name=name, exact=True).or_(
                    page.get_by_role("button", name=name, exact=True)
                ).first.click()
                with contextlib.suppress(Exception):
                    page.wait_for_function(
                        "before => document.querySelector('.lw-tiles').innerText !== before", arg=before, timeout=3000
                    )
                page.wait_for_function(done)
                widgets.append(time.perf_counter() - start)
                sizes.append(counted[0])
            context.close()
        browser.close()
    return {
        "first load s": max(loads),
        "page switch p95 s": float(np.quantile(switches, 0.95)),
        "page switch median s": statistics.median(switches),
        "widget p95 ms": 1000 * float(np.quantile(widgets, 0.95)),
        "kB a rerun p95": float(np.quantile(sizes, 0.95)) / 1000,
    }


def sessions_at_once(url: str, count: int, server: psutil.Process) -> dict[str, float]:
    """``count`` sessions that each open the first page and two others over the bare protocol."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
    from websockets.sync.client import connect

    errors: list[str] = []
    sizes: list[int] = []
    host = url.removeprefix("http://")
    barrier = threading.Barrier(count)

    def one() -> None:
        try:
            with connect(f"ws://{host}/_stcore/stream", origin=url, subprotocols=["streamlit"], max_size=2**26) as line:
                barrier.wait(120)
                for path in ("", "media-mix", "budget"):
                    message = BackMsg()
                    message.rerun_script.page_script_hash = ""
                    message.rerun_script.page_name = path
                    message.rerun_script.query_string = "lang=en"
                    line.send(message.SerializeToString())
                    received, finished = 0, False
                    while not finished:
                        data = line.recv(timeout=180)
                        received += len(data)
                        answer = ForwardMsg()
                        answer.ParseFromString(data if isinstance(data, bytes) else data.encode())
                        kind = answer.WhichOneof("type")
                        if kind == "delta" and "exception" in str(answer.delta.new_element.WhichOneof("type")):
                            errors.append("exception on the page")
                        finished = kind == "script_finished"
                    sizes.append(received)
        except Exception as error:  # noqa: BLE001 - counted
            errors.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=one) for _ in range(count)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    peak = 0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, server.memory_info().rss)
        time.sleep(0.1)
    return {
        "sessions": count,
        "memory MB": peak / 1e6,
        "errors": len(errors),
        "three pages each, all done s": time.perf_counter() - start,
        "kB a page, largest": max(sizes, default=0) / 1000,
        **({"first error": errors[0]} if errors else {}),  # type: ignore[dict-item]
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="one round instead of three")
    parser.add_argument("--workspace", type=Path, default=None, help="a workspace of your own instead of a made one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = asked.workspace or build(Path(scratch) / "workspace")
        with served(workspace) as (url, process):
            idle = process.memory_info().rss / 1e6
            found = in_browser(url, 1 if asked.quick else 3)
            found |= {"memory idle MB": idle} | sessions_at_once(url, asked.sessions, process)
    rows = [
        {"measure": name, "found": value if isinstance(value, str) else f"{value:.2f}", "limit": LIMITS.get(name, ""),
         "met": "" if name not in LIMITS else "yes" if value <= LIMITS[name] else "no"}
        for name, value in found.items()
    ]  # fmt: skip
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
