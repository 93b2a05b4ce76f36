"""Many people at once over the bare protocol: memory of the server, errors, and how long everybody waits."""

from __future__ import annotations

import threading
import time

import psutil

_PATHS = ("", "media-mix", "budget", "planner")


def sessions_at_once(url: str, count: int, server: psutil.Process) -> dict[str, float | str]:
    """``count`` sessions that open four pages each, all at the same moment."""
    errors: list[str] = []
    sizes: list[int] = []
    barrier = threading.Barrier(count)
    threads = [threading.Thread(target=_session, args=(url, barrier, sizes, errors)) for _ in range(count)]
    start, cpu = time.perf_counter(), sum(server.cpu_times()[:2])
    for thread in threads:
        thread.start()
    peak = 0
    while any(thread.is_alive() for thread in threads):
        peak = max(peak, server.memory_info().rss)
        time.sleep(0.1)
    found: dict[str, float | str] = {
        "sessions": count,
        "memory MB": peak / 1e6,
        "errors": len(errors),
        "pages drawn": len(sizes),
        "all pages drawn s": time.perf_counter() - start,
        "server CPU a page s": (sum(server.cpu_times()[:2]) - cpu) / max(len(sizes), 1),
        "kB a page, largest": max(sizes, default=0) / 1000,
    }
    return found | ({"first error": errors[0]} if errors else {})


def _session(url: str, barrier: threading.Barrier, sizes: list[int], errors: list[str]) -> None:
    """One person; a socket that stays open until the last page came."""
    from websockets.sync.client import connect

    host = url.removeprefix("http://")
    try:
        with connect(f"ws://{host}/_stcore/stream", origin=url, subprotocols=["streamlit"], max_size=2**26) as line:
            barrier.wait(120)
            sizes.extend(_page(line, path, errors) for path in _PATHS)
            barrier.wait(600)
    except Exception as error:  # noqa: BLE001 - counted
        errors.append(f"{type(error).__name__}: {error}")
        barrier.abort()


def _page(line: object, path: str, errors: list[str]) -> int:
    """Ask for a page; gives the bytes that came until it was drawn."""
    from streamlit.proto.BackMsg_pb2 import BackMsg
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    message = BackMsg()
    message.rerun_script.page_name = path
    message.rerun_script.query_string = "lang=en"
    line.send(message.SerializeToString())  # type: ignore[attr-defined]
    received = 0
    while True:
        data = line.recv(timeout=300)  # type: ignore[attr-defined]
        received += len(data)
        answer = ForwardMsg()
        answer.ParseFromString(data if isinstance(data, bytes) else data.encode())
        kind = answer.WhichOneof("type")
        if kind == "delta" and "exception" in str(answer.delta.new_element.WhichOneof("type")):
            errors.append(f"an exception on the page {path or 'this-week'}")
        if kind == "script_finished":
            return received
