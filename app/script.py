"""The one script of our own: saves drawings as pictures and reads Plotly while nothing else happens."""

from __future__ import annotations

from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

PATH = "/liftwerk-figures.js"
#: For `streamlit.html`; a browser runs a module once, however often a page names it.
SCRIPT = f'<script type="module" src="{PATH}"></script>'


@cache
def script_text() -> str:
    """The script, with the address of the Plotly that this Streamlit brings along."""
    parts = resources.files("streamlit") / "static" / "static" / "js"
    plotly = next((part.name for part in parts.iterdir() if part.name.startswith("PlotlyChart.")), "")
    own = (resources.files("app") / "figures.js").read_text(encoding="utf-8")
    return own.replace("PLOTLY", f"/static/js/{plotly}")


async def figures_script(request: Request) -> Response:  # noqa: ARG001 - every route is given the request
    """The script as the server answers it."""
    return Response(script_text(), media_type="text/javascript", headers={"cache-control": "max-age=3600"})
