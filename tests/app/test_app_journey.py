"""The journey in real Chromium: sign in, read, edit, approve, download, verify; and a viewer who speaks the protocol."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.identity import user_file
from decisions.approval import AuditLog
from measurement.workspace import Workspace

pytestmark = pytest.mark.browser
PASSWORD = "korrekt pferd"


@pytest.fixture(scope="module")
def shared(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with three users of its own."""
    root = Path(shutil.copytree(workspace, tmp_path_factory.mktemp("journey") / "workspace"))
    users = user_file(Workspace.open(root))
    for name, role in (("Vera", "viewer"), ("Anton", "analyst"), ("Paula", "approver")):
        users.put(name, role, PASSWORD)
    return root


@pytest.fixture(scope="module")
def address(shared: Path, served: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    with served(shared, {"LIFTWERK_WORKSPACE": str(shared)}, seconds=120.0) as url:
        yield url


def enter(browser: Any, address: str, name: str) -> Any:
    """A signed-in page; its socket is kept as ``window.socket`` and what it sends in ``page.sent``."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.set_default_timeout(180_000)
    page.sent = []
    page.complaints = []

    def keep(frame: Any) -> None:  # playwright marks the handler it is given, which a built-in method does not allow
        page.sent.append(frame)

    page.on("websocket", lambda opened: opened.on("framesent", keep))
    page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
    page.add_init_script(
        "const Old = window.WebSocket; window.WebSocket = class extends Old { constructor(...a) { super(...a); window.socket = this; } };"
    )
    page.goto(f"{address}/?lang=en")
    assert "/sign-in" in page.url
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("h1.lw-headline")
    settle(page)
    return page


def settle(page: Any) -> None:
    page.wait_for_selector("[data-testid=stStatusWidget]", state="detached")
    page.wait_for_timeout(300)


def triggers(page: Any) -> list[str]:
    """Ids of the buttons that the page has told the server were pressed."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    found = []
    for frame in page.sent:
        message = BackMsg()
        message.ParseFromString(frame if isinstance(frame, bytes) else frame.encode("latin-1"))
        found += [widget.id for widget in message.rerun_script.widget_states.widgets if widget.trigger_value]
    return found


def press(page: Any, widget: str) -> None:
    """Tell the server that a button was pressed, whatever the page shows."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    message = BackMsg()
    pressed = message.rerun_script.widget_states.widgets.add()
    pressed.id, pressed.trigger_value = widget, True
    text = base64.b64encode(message.SerializeToString()).decode()
    page.evaluate("text => window.socket.send(Uint8Array.from(atob(text), one => one.charCodeAt(0)))", text)
    page.wait_for_timeout(1500)
    settle(page)


def test_the_journey_from_sign_in_to_a_verified_log(browser: Any, address: str, shared: Path) -> None:
    log = AuditLog(shared / "audit" / "log.jsonl")
    analyst = enter(browser, address, "Anton")
    assert analyst.inner_text("h1.lw-headline") == "Move €24,000 a week"
    assert analyst.locator(".st-key-approve_open button").first.is_disabled()
    analyst.locator(".st-key-edit_open button").click()
    for channel, amount in (("Search", "62000"), ("TV", "47000")):
        box = analyst.get_by_label(re.compile(f"^{channel} ")).and_(analyst.locator("input"))
        box.fill(amount)
        box.press("Enter")
        settle(analyst)
    analyst.get_by_label("Reason").last.fill("tv is booked out")
    analyst.get_by_label("Reason").last.press("Enter")
    settle(analyst)
    analyst.locator(".st-key-edit_save button").click()
    analyst.get_by_text("Your change is saved").wait_for()
    edited = log.entries()[-1]
    assert (edited.actor, edited.action, edited.details["budget"]["tv"]) == ("Anton", "edited", 47000.0)

    approver = enter(browser, address, "Paula")
    approver.get_by_text("Changed by Anton").wait_for()
    box = approver.locator(".st-key-approve_open button").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 560, "the button that approves is not on the first screen"
    approver.locator(".st-key-approve_open button").first.click()
    approver.locator(".st-key-approve_now button").click()
    approver.get_by_text("Approved. The files for booking").wait_for()
    settle(approver)
    approver.locator(".st-key-downloads button").first.click()
    with approver.expect_download() as waiting:
        approver.get_by_text("Approved budget as workbook").click()
    book = openpyxl.load_workbook(io.BytesIO(Path(waiting.value.path()).read_bytes()))
    amounts = {
        row[0].value: row[3].value for row in book.worksheets[0].iter_rows() if isinstance(row[3].value, int | float)
    }
    assert (amounts["TV"], amounts["Search"]) == (47000, 62000)
    assert log.verify().sound
    assert [(one.actor, one.action) for one in log.entries()[-2:]] == [("Anton", "edited"), ("Paula", "approved")]
    assert not [said for said in approver.complaints if "Content Security Policy" in said]

    pressed = [widget for widget in triggers(approver) if "approve_now" in widget]
    assert len(pressed) == 1
    lines = len(log.entries())
    press(approver, pressed[0])  # the same message once more: a replayed approval
    approver.get_by_text("This budget is approved already").wait_for()
    assert len(log.entries()) == lines


def recommend_again(log: AuditLog, number: int) -> int:
    """A new recommendation of the same budget, waiting for approval; gives the number of lines."""
    first = next(one for one in log.entries() if (one.action, one.subject) == ("recommended", "2026-W48"))
    return log.append("recommended", "2026-W48", {**first.details, "again": number}).seq


def test_a_viewer_cannot_approve_through_the_protocol(browser: Any, address: str, shared: Path) -> None:
    log, users = AuditLog(shared / "audit" / "log.jsonl"), user_file(Workspace.open(shared))
    recommend_again(log, 1)
    approver = enter(browser, address, "Paula")
    approver.locator(".st-key-approve_open button").first.click()
    approver.locator(".st-key-approve_now button").click()
    approver.get_by_text("Approved. The files for booking").wait_for()
    widget = next(one for one in triggers(approver) if "approve_now" in one)

    lines = recommend_again(log, 2)
    viewer = enter(browser, address, "Vera")
    assert viewer.locator(".st-key-approve_open button").first.is_disabled()
    press(viewer, widget)
    viewer.get_by_text("Vera has the role viewer").wait_for()
    assert len(log.entries()) == lines

    again = enter(browser, address, "Paula")
    users.put("Paula", "viewer", None)  # the role is read anew at every action, not when the page was drawn
    press(again, widget)
    again.get_by_text("Paula has the role viewer").wait_for()
    assert len(log.entries()) == lines
    users.put("Paula", "approver", None)
    assert log.verify().sound


def test_without_signing_in_there_is_no_page_and_no_socket(browser: Any, address: str) -> None:
    page = browser.new_context().new_page()
    page.goto(f"{address}/audit")
    assert "/sign-in" in page.url
    outcome = page.evaluate(
        "() => new Promise(done => { const s = new WebSocket(location.origin.replace('http', 'ws') + '/_stcore/stream');"
        " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
    )
    assert outcome == "refused"
