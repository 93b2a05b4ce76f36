"""The dashboard as an ASGI application behind its door. ``liftwerk app`` starts it; so can any ASGI server."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from streamlit.starlette import App

from app.door import Gate, SecurityHeaders, allowed_hosts, routes
from decisions.tickets import SECRET_VARIABLE

_OIDC = {
    "client_id": "LIFTWERK_OIDC_CLIENT_ID",
    "client_secret": "LIFTWERK_OIDC_CLIENT_SECRET",
    "server_metadata_url": "LIFTWERK_OIDC_METADATA_URL",
    "redirect_uri": "LIFTWERK_OIDC_REDIRECT_URI",
}


def oidc_secrets() -> dict[str, Any]:  # what Streamlit takes as secrets: text in dictionaries in dictionaries
    """Settings of the sign-in service for ``st.login``, from the environment alone; empty where there is none."""
    given = {key: os.environ.get(name, "") for key, name in _OIDC.items()}
    if not all(given.values()):
        return {}
    return {"auth": {**given, "cookie_secret": os.environ.get(SECRET_VARIABLE, "")}}


def _warm() -> None:
    """Heavy libraries are read while the first person signs in, not while they wait for a plan."""
    from decisions.scenario import warm_up

    warm_up()


threading.Thread(target=_warm, name="warm-up", daemon=True).start()

app = App(
    Path(__file__).with_name("main.py"),
    routes=routes(),
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(), www_redirect=False),
        Middleware(Gate),
    ],
    secrets=oidc_secrets(),
)
