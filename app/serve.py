"""The dashboard as an ASGI application behind its door. ``liftwerk app`` starts it; so can any ASGI server."""

from __future__ import annotations

import gc
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
    """Heavy libraries are read while the first person signs in, not while they wait for a page or a plan."""
    import importlib
    import pkgutil

    import app.views
    from decisions.scenario import warm_up

    for page in pkgutil.iter_modules(app.views.__path__):
        importlib.import_module(f"app.views.{page.name}")
    _first_figure()
    warm_up()
    # Streamlit collects garbage after every drawing of a page; what was read by now stays, and looking through it
    # each time took longer than most pages.
    gc.collect()
    gc.freeze()


def _first_figure() -> None:
    """Plotly reads its rules with the first figure of a process, and Babel its formats with the first amount."""
    import plotly.io

    from app.figures.bars import bars
    from app.figures.canvas import Style
    from app.theme import LIGHT
    from measurement.wording import load_wording

    for locale in ("en_GB", "de_DE"):
        words = load_wording("app", locale, "EUR")
        figure = bars([("a", 1.0)], Style(palette=LIGHT, wording=words), title="", text=words.money)
        plotly.io.to_json(figure, validate=False)


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
