"""The door without a browser: who is let in, what every answer carries, where forms may send people."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from app.door import HEADERS, Gate, SecurityHeaders, allowed_hosts, routes, safe_target
from app.identity import sign_in_of, user_file
from app.scene import WORKSPACE_VARIABLE
from decisions.throttle import PER_NAME
from decisions.tickets import COOKIE
from measurement.workspace import Workspace

PASSWORD = "korrekt pferd"
HOST = "localhost:8501"


class Answer:
    """What came back: status, headers, body."""

    def __init__(self, sent: list[dict]) -> None:
        start = next(
            one for one in sent if one["type"] in ("http.response.start", "websocket.close", "websocket.accept")
        )
        self.status = start.get("status", start.get("code", 101))
        self.headers = [(name.decode(), value.decode()) for name, value in start.get("headers", [])]
        self.body = b"".join(one.get("body", b"") for one in sent).decode(errors="replace")

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Client:
    """Speaks ASGI to the door, with whatever headers a test wants."""

    def __init__(self, app: Starlette) -> None:
        self.app = app

    def ask(self, path: str, *, method: str = "GET", body: bytes = b"", kind: str = "http", **headers: str) -> Answer:
        path, _, query = path.partition("?")
        named = {"host": HOST, "content-length": str(len(body)), **{k.replace("_", "-"): v for k, v in headers.items()}}
        if body:
            named.setdefault("content-type", "application/x-www-form-urlencoded")
        scope = {"type": kind, "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
                 "headers": [(k.encode(), v.encode("latin-1", "replace")) for k, v in named.items()], "scheme": "http",
                 "server": ("localhost", 8501), "client": ("10.1.2.3", 5), "http_version": "1.1", "asgi": {"version": "3.0"},
                 "subprotocols": []}  # fmt: skip
        sent: list[dict] = []
        first = {"type": "websocket.connect"} if kind == "websocket" else {"type": "http.request", "body": body}

        async def receive() -> dict:
            return first

        async def send(message: dict) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        return Answer(sent)

    def sign_in(self, name: str, password: str, *, target: str = "/", origin: str = f"http://{HOST}") -> Answer:
        from urllib.parse import quote, urlencode

        body = urlencode({"name": name, "password": password}).encode()
        return self.ask(f"/sign-in?next={quote(target, safe='')}", method="POST", body=body, origin=origin)


async def _page(_: object) -> PlainTextResponse:
    return PlainTextResponse("secret page")


async def _socket(socket) -> None:
    await socket.accept()


@pytest.fixture(scope="module")
def guarded_workspace(fake, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("door")
    (root / "liftwerk.toml").write_text(fake.SETTINGS.format(locale="en_GB"), encoding="utf-8")
    user_file(Workspace.open(root)).put("Paula", "approver", PASSWORD)
    return root


@pytest.fixture
def client(guarded_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(guarded_workspace))
    yield Client(
        Starlette(
            routes=[*routes(), Route("/media/x.csv", _page), Route("/{rest:path}", _page),
                    WebSocketRoute("/_stcore/stream", _socket)],
            middleware=[Middleware(SecurityHeaders), Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts()),
                        Middleware(Gate)],
        )
    )  # fmt: skip
    (guarded_workspace / "access" / "failures.json").unlink(missing_ok=True)


def ticket(client: Client) -> str:
    return client.sign_in("Paula", PASSWORD).header("set-cookie").partition(";")[0]


def test_nobody_gets_in_without_a_ticket(client: Client) -> None:
    page = client.ask("/budget?lang=de")
    assert (page.status, page.header("location")) == (303, "/sign-in?next=%2Fbudget%3Flang%3Dde")
    for path in ("/media/x.csv", "/_stcore/upload_file/x", "/_stcore/host-config"):
        answer = client.ask(path)
        assert (answer.status, "secret" in answer.body) == (401, False)
    assert client.ask("/_stcore/stream", kind="websocket").status == 1008


def test_a_right_password_lets_in_and_the_cookie_is_out_of_reach_of_scripts(client: Client) -> None:
    answer = client.sign_in("paula", PASSWORD, target="/budget?lang=de")
    assert (answer.status, answer.header("location")) == (303, "/budget?lang=de")
    cookie = answer.header("set-cookie")
    assert {"HttpOnly", "SameSite=strict"} <= {part.strip() for part in cookie.split(";")}
    assert "approver" not in cookie
    assert client.ask("/budget", cookie=cookie.partition(";")[0]).body == "secret page"
    assert client.ask("/_stcore/stream", kind="websocket", cookie=cookie.partition(";")[0]).status == 101


def test_signing_out_ends_the_ticket(client: Client) -> None:
    cookie = ticket(client)
    assert client.ask("/sign-out", cookie=cookie).status == 200
    assert client.ask("/sign-out", method="POST", cookie=cookie).status == 400
    assert client.ask("/sign-out", method="POST", cookie=cookie, origin=f"http://{HOST}").status == 303
    assert client.ask("/budget", cookie=cookie).status == 303


def test_guessing_has_to_wait_and_then_even_the_right_password_is_refused(client: Client) -> None:
    for _ in range(PER_NAME):
        assert client.sign_in("Paula", "wrong password").status == 401
    answer = client.sign_in("Paula", PASSWORD)
    assert answer.status == 429
    assert int(answer.header("retry-after")) > 0


@pytest.mark.parametrize("cookie", ["", "x", "a.b", "é", "x" * 5000, "eyJuIjoiUGF1bGEifQ==." + "0" * 64, '";;,=\t'])
def test_a_broken_cookie_is_no_ticket(client: Client, cookie: str) -> None:
    assert client.ask("/budget", cookie=f"{COOKIE}={cookie}").status == 303


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "http://localhost:8501.evil.example", "http://localhost"]
)
def test_a_form_from_elsewhere_signs_nobody_in(client: Client, origin: str) -> None:
    answer = client.sign_in("Paula", PASSWORD, origin=origin)
    assert (answer.status, answer.header("set-cookie")) == (400, "")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "http:/evil",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(client: Client, target: str) -> None:
    assert safe_target(target) == "/"
    assert client.sign_in("Paula", PASSWORD, target=target).header("location") == "/"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "169.254.169.254", "", "localhost@evil"])
def test_other_hosts_are_refused(client: Client, host: str) -> None:
    assert client.ask("/sign-in", host=host).status == 400


def test_a_server_for_others_without_users_shows_nothing(fake, tmp_path: Path, client: Client, monkeypatch) -> None:
    (tmp_path / "liftwerk.toml").write_text(fake.SETTINGS.format(locale="en_GB"), encoding="utf-8")
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    monkeypatch.delenv("LIFTWERK_LOCAL", raising=False)
    assert client.ask("/budget").body == "secret page"  # this computer alone reaches it, and it can only read
    monkeypatch.setenv("LIFTWERK_ALLOWED_HOSTS", "plan.example.com")
    assert client.ask("/budget").status == 303
    assert client.ask("/sign-in").status == 503


def test_hosts_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFTWERK_ALLOWED_HOSTS", "plan.example.com, ,b.example")
    assert allowed_hosts() == ["localhost", "127.0.0.1", "plan.example.com", "b.example"]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "=cmd|'/c calc'!A1", "../../etc/passwd", "x" * 3000, "\x00", "' OR 1=1 --"]
)
def test_names_that_are_attacks_are_only_wrong(client: Client, name: str) -> None:
    answer = client.sign_in(name, PASSWORD)
    assert answer.status == 401
    assert "<script>alert" not in answer.body


def test_a_form_that_is_too_large_is_not_read(client: Client) -> None:
    assert client.sign_in("Paula", "x" * 100_000).status == 400


def test_every_answer_carries_the_headers(client: Client) -> None:
    for path in ("/sign-in", "/budget", "/media/x.csv"):
        answer = client.ask(path)
        assert {name: answer.header(name) for name in HEADERS} == HEADERS
    policy = HEADERS["content-security-policy"]
    assert "script-src 'self' 'wasm-unsafe-eval'" in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]
    assert "frame-ancestors 'none'" in policy


def test_the_page_speaks_german_and_needs_no_script(client: Client) -> None:
    page = client.ask("/sign-in?next=%2F%3Flang%3Dde").body
    assert "Anmelden" in page
    assert '<html lang="de">' in page
    assert "<script" not in page
    assert "http" not in page.replace("https://", "")


def test_a_broken_file_of_users_lets_nobody_in(client: Client, guarded_workspace: Path) -> None:
    file = guarded_workspace / "access" / "users.json"
    kept = file.read_bytes()
    cookie = ticket(client)
    try:
        file.write_text("{")
        assert client.ask("/budget", cookie=cookie).status == 303
    finally:
        file.write_bytes(kept)


def test_a_server_without_sign_in_that_others_reach_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake
) -> None:
    (tmp_path / "liftwerk.toml").write_text(fake.SETTINGS.format(locale="en_GB"), encoding="utf-8")
    workspace = Workspace.open(tmp_path)
    monkeypatch.delenv("LIFTWERK_LOCAL", raising=False)
    assert sign_in_of(workspace) == "closed"
    monkeypatch.setenv("LIFTWERK_LOCAL", "1")
    assert sign_in_of(workspace) == "machine"
