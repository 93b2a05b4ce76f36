"""The door: what stands between the network and the dashboard.

Every answer carries security headers, other host names than ours are refused, and where users sign in with a password
nothing but the sign-in page, the health check and the static files is served without a valid ticket: no page, no
file, no socket.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import resources
from typing import Any
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from app.identity import person_of_ticket, sign_in_of, throttle, user_file
from app.scene import workspace_folder
from app.script import PATH as SCRIPT_PATH
from app.script import figures_script
from app.sign_in_page import render
from decisions.people import Person
from decisions.refusal import Refusal
from decisions.tickets import COOKIE, LIFETIME_S, Tickets, server_key
from measurement.errors import LiftwerkError
from measurement.workspace import Workspace

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

HOSTS_VARIABLE = "LIFTWERK_ALLOWED_HOSTS"


def _inline_scripts() -> str:
    """Hashes of the scripts inside the server's own start page: these run, and no other inline script does."""
    page = (resources.files("streamlit") / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", page, re.DOTALL)
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    return "".join(f" 'sha256-{digest}'" for digest in digests)


#: Streamlit styles its parts inline and lets Plotly and downloads make ``blob:`` files; scripts come from here alone.
POLICY = "; ".join(
    (
        "default-src 'self'",
        f"script-src 'self' 'wasm-unsafe-eval'{_inline_scripts()}",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_OPEN = ("/sign-in", "/sign-out", "/_stcore/health", "/static/", "/favicon.png", "/healthz")
#: A hash takes 32 MB: many guesses at once must not take all memory.
_HASHING = asyncio.Semaphore(2)
_OWN_HOSTS = ("localhost", "127.0.0.1")
_LARGEST_FORM = 4096


def allowed_hosts() -> list[str]:
    """Host names the server answers to: this computer's, and those of ``LIFTWERK_ALLOWED_HOSTS``."""
    named = [host.strip() for host in os.environ.get(HOSTS_VARIABLE, "").split(",")]
    return [*_OWN_HOSTS, *(host for host in named if host)]


class SecurityHeaders:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                had = [
                    (name, value) for name, value in message.get("headers", []) if name.decode().lower() not in HEADERS
                ]
                message["headers"] = [*had, *((name.encode(), value.encode()) for name, value in HEADERS.items())]
            await send(message)

        await self.app(scope, receive, with_headers)


class Gate:
    """Lets nobody in without a ticket, where people sign in with a password."""

    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, send a browser to the sign-in page, or refuse."""
        if scope["type"] not in ("http", "websocket") or scope["path"].startswith(_OPEN) or _admitted(scope):
            await self.app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        wants_page = scope["method"] == "GET" and not scope["path"].startswith(("/_stcore", "/media", "/component"))
        target = f"/sign-in?next={quote(_here(scope), safe='')}"
        answer: Response = RedirectResponse(target, 303) if wants_page else Response("sign in first", 401)
        await answer(scope, receive, send)


def _admitted(scope: Scope) -> bool:
    try:
        workspace = Workspace.open(workspace_folder())
        way = sign_in_of(workspace)
        if way == "closed":
            return len(allowed_hosts()) == len(_OWN_HOSTS)
        return way != "file" or _person(Request({**scope, "type": "http"}), workspace) is not None
    except LiftwerkError:
        # Broken settings are explained by the page itself; a broken file of users lets nobody in.
        return not (workspace_folder() / "access" / "users.json").is_file()


def _person(request: Request, workspace: Workspace) -> Person | None:
    return person_of_ticket(workspace, request.cookies.get(COOKIE, ""))


def _here(scope: Scope) -> str:
    query = scope.get("query_string", b"").decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])


def safe_target(target: str) -> str:
    """A path of this server; anything else is the first page.

    Examples
    --------
    >>> safe_target("/budget?lang=de"), safe_target("https://evil.example/"), safe_target("//evil.example")
    ('/budget?lang=de', '/', '/')
    """
    parts = urlsplit(target)
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if plain and not parts.scheme and not parts.netloc and "\\" not in target else "/"


def _told(page: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """What is wrong with the settings or the file of users is told in words, not with a fault of the server."""

    async def answer(request: Request) -> Response:
        try:
            return await page(request)
        except LiftwerkError as error:
            return Response(f"{error}\n", 503, media_type="text/plain")

    return answer


async def sign_in(request: Request) -> Response:
    """The sign-in page, and what it sends."""
    workspace = Workspace.open(workspace_folder())
    target = safe_target(request.query_params.get("next", "/"))
    language = "de" if _wants_german(request, target, workspace) else "en"
    way = sign_in_of(workspace)
    if way == "closed":
        return Response("Nobody can sign in yet: add users with `liftwerk users add`.\n", 503, media_type="text/plain")
    if way != "file":
        return RedirectResponse("/", 303)
    if request.method == "GET":
        return HTMLResponse(render("sign_in", language, target=target))
    if not _same_origin(request) or not _small(request):
        return HTMLResponse(render("sign_in", language, target=target, problem="form"), 400)
    return await _checked(request, workspace, language, target)


async def _checked(request: Request, workspace: Workspace, language: str, target: str) -> Response:
    """The answer to a name and a password."""
    form = await request.form(max_files=0, max_fields=4)
    name, password = str(form.get("name", ""))[:200], str(form.get("password", ""))
    address = request.client.host if request.client else ""
    waiting = throttle(workspace)
    try:
        await _thread(waiting.admit, name, address)
    except Refusal as refusal:
        page = render("sign_in", language, target=target, problem="wait", minutes=refusal.facts["minutes"])
        return HTMLResponse(page, 429, {"retry-after": str(60 * int(refusal.facts["minutes"]))})
    async with _HASHING:
        user = await _thread(user_file(workspace).check, name, password)
    if user is None:
        return HTMLResponse(render("sign_in", language, target=target, problem="wrong"), 401)
    await _thread(waiting.forgive, name, address)
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        Tickets(server_key()).issue(user),
        max_age=LIFETIME_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https",
        path="/",
    )
    return answer


async def sign_out(request: Request) -> Response:
    """Asks, and ends every session of the person."""
    workspace = Workspace.open(workspace_folder())
    language = "de" if _wants_german(request, "", workspace) else "en"
    if request.method == "GET":
        return HTMLResponse(render("sign_out", language, target="/"))
    if not _same_origin(request):
        return HTMLResponse(render("sign_out", language, target="/", problem="form"), 400)
    person = _person(request, workspace)
    if person is not None:
        await _thread(user_file(workspace).sign_out, person.name)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def _thread(work: Callable[..., Any], *values: object) -> Any:  # noqa: ANN401 - what the work gives back
    """Hashing and files off the event loop: other sessions are served meanwhile."""
    from starlette.concurrency import run_in_threadpool

    return await run_in_threadpool(work, *values)


def _small(request: Request) -> bool:
    """Whether the form says its size, and is no larger than a name and a password."""
    said = request.headers.get("content-length", "")
    return said.isascii() and said.isdigit() and int(said[:9]) <= _LARGEST_FORM


def _same_origin(request: Request) -> bool:
    """Whether the form was sent by a page of this server; browsers always say so on a POST."""
    origin = request.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == request.headers.get("host", "")


def _wants_german(request: Request, target: str, workspace: Workspace) -> bool:
    asked = request.query_params.get("lang") or ("de" if "lang=de" in target else "en" if "lang=en" in target else "")
    return asked == "de" if asked else workspace.settings.workspace.locale.startswith("de")


def routes() -> list[Route]:
    """The pages of the door."""
    return [
        Route("/sign-in", _told(sign_in), methods=["GET", "POST"]),
        Route("/sign-out", _told(sign_out), methods=["GET", "POST"]),
        Route(SCRIPT_PATH, figures_script, methods=["GET"]),
    ]
