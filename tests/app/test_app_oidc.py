"""A sign-in service of the organisation: a small provider in this file, the dashboard, and a real browser.

Needs authlib, which the lock does not hold: ``make test-oidc`` runs it.
"""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from decisions.approval import AuditLog

pytestmark = pytest.mark.browser
pytest.importorskip("authlib", reason="make test-oidc brings authlib")
pytest.importorskip("httpx", reason="make test-oidc brings httpx")
ACCESS = """
[access]
sign_in = "oidc"
[access.roles]
"paula@example.com" = "approver"
"""
CLIENT, SECRET = "liftwerk", "a secret of the client"


class Provider:
    """OpenID Connect with one key, whose next visitor is ``self.claims``."""

    def __init__(self) -> None:
        from joserfc.jwk import RSAKey

        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self.claims: dict[str, object] = {}
        self.codes: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("localhost", 0), self._handler())
        self.issuer = f"http://localhost:{self.server.server_port}"

    def metadata(self) -> dict[str, object]:
        ends = {
            name: f"{self.issuer}/{path}"
            for name, path in (("authorization", "authorize"), ("token", "token"), ("jwks_uri", "jwks"))
        }
        return {
            "issuer": self.issuer, "authorization_endpoint": ends["authorization"], "token_endpoint": ends["token"],
            "jwks_uri": ends["jwks_uri"], "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"], "scopes_supported": ["openid", "email", "profile"],
        }  # fmt: skip

    def token(self, nonce: str) -> dict[str, object]:
        from joserfc import jwt

        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 600, "nonce": nonce} | self.claims
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": signed}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(asked.query).items()}
                if asked.path == "/authorize":
                    code = secrets.token_hex(8)
                    provider.codes[code] = query.get("nonce", "")
                    back = urlencode({"code": code, "state": query["state"]})
                    self.send_response(302)
                    self.send_header("Location", f"{query['redirect_uri']}?{back}")
                    self.end_headers()
                elif asked.path == "/jwks":
                    self._json({"keys": [provider.key.as_dict(private=False)]})
                else:
                    self._json(provider.metadata())

            def do_POST(self) -> None:
                body = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                named = base64.b64decode(self.headers.get("Authorization", "Basic Og==").removeprefix("Basic "))
                known = named.decode().partition(":")[0] == CLIENT or body.get("client_id") == [CLIENT]
                nonce = provider.codes.pop(body["code"][0], None)
                self._json(provider.token(nonce) if known and nonce is not None else {"error": "invalid_grant"})

            def _json(self, tree: object) -> None:
                content = json.dumps(tree).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
                pass

        return Handler


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def address(
    workspace: Path,
    provider: Provider,
    served: Callable[..., AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, Path]]:
    root = Path(shutil.copytree(workspace, tmp_path_factory.mktemp("oidc") / "workspace"))
    with (root / "liftwerk.toml").open("a", encoding="utf-8") as settings:
        settings.write(ACCESS)
    environment = {
        "LIFTWERK_WORKSPACE": str(root), "LIFTWERK_SECRET": secrets.token_hex(32), "LIFTWERK_OIDC_CLIENT_ID": CLIENT,
        "LIFTWERK_OIDC_CLIENT_SECRET": SECRET, "LIFTWERK_OIDC_METADATA_URL": f"{provider.issuer}/.well-known/openid-configuration",
        "LIFTWERK_OIDC_REDIRECT_URI": "http://localhost:{port}/oauth2callback",
    }  # fmt: skip
    with served(root, environment, seconds=180.0) as url:
        yield url, root


@contextlib.contextmanager
def signed_in(browser: Any, url: str, provider: Provider, **claims: object) -> Iterator[Any]:
    provider.claims = {"sub": "u-1", **claims}
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{url}/?lang=en")
    page.get_by_role("button", name="Sign in with").or_(page.locator(".st-key-sign_in button")).first.click()
    yield page
    context.close()


def test_an_approver_of_the_service_approves(browser: Any, address: tuple[str, Path], provider: Provider) -> None:
    url, root = address
    with signed_in(browser, url, provider, email="Paula@example.com", email_verified=True) as page:
        page.get_by_text("Paula@example.com · Approver").wait_for()
        page.locator(".st-key-approve_open button").first.click()
        page.locator(".st-key-approve_now button").click()
        page.get_by_text("Approved. The files for booking").wait_for()
    last = AuditLog(root / "audit" / "log.jsonl").entries()[-1]
    assert (last.actor, last.action, last.details["via"]) == ("Paula@example.com", "approved", "oidc")


@pytest.mark.parametrize(
    ("claims", "shown"),
    [
        ({"email": "paula@example.com", "email_verified": False}, "u-1 · Viewer"),
        ({"email": "vera@example.com", "email_verified": True}, "vera@example.com · Viewer"),
    ],
)
def test_whoever_is_not_named_may_read(
    browser: Any, address: tuple[str, Path], provider: Provider, claims: dict[str, object], shown: str
) -> None:
    with signed_in(browser, address[0], provider, **claims) as page:
        page.get_by_text(shown).wait_for()
        assert page.locator(".st-key-approve_open button").first.is_disabled()


def test_a_token_that_another_key_signed_lets_nobody_in(
    browser: Any, address: tuple[str, Path], provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from joserfc.jwk import RSAKey

    other = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    token = provider.token

    def forged(nonce: str) -> dict[str, object]:
        with monkeypatch.context() as patch:
            patch.setattr(provider, "key", other)
            return token(nonce)

    monkeypatch.setattr(provider, "token", forged)
    with signed_in(browser, address[0], provider, email="paula@example.com", email_verified=True) as page:
        page.wait_for_timeout(3000)
        page.locator(".st-key-sign_in button").wait_for()
        assert page.get_by_text("Approver").count() == 0
