"""The dashboard: which pages there are, and nothing else. Started by `liftwerk app`."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

import streamlit as st

from app.addresses import ADDRESSES, FIRST
from app.frame import run_view, show_problems, sidebar
from app.identity import sign_in_of
from app.markup.cards import masthead
from app.scene import open_scene, wording_for
from app.script import SCRIPT
from app.theme import style_sheet
from app.views import (
    attribution_page,
    audit_page,
    budget_page,
    changes_page,
    content_page,
    creatives_page,
    data_health_page,
    geo_lift_page,
    media_mix_page,
    planner_page,
    this_week,
)
from measurement.errors import LiftwerkError

#: What draws each page.
SHOWN = {
    "this_week": this_week.show,
    "what_changed": changes_page.show,
    "budget": budget_page.show,
    "planner": planner_page.show,
    "media_mix": media_mix_page.show,
    "geo_lift": geo_lift_page.show,
    "attribution": attribution_page.show,
    "creatives": creatives_page.show,
    "content": content_page.show,
    "data_health": data_health_page.show,
    "audit": audit_page.show,
}
SIDEBAR_PIXELS = 216
#: The browser tab's sign as text of the page itself: nothing more is asked for.
MARK = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M8 1 15 14H1z" fill="none" stroke="#0B5C6B" '
    'stroke-width="1.4"/><path d="M8 1v13H1z" fill="#0B5C6B"/></svg>'
)


def main() -> None:
    """Draw the page the address asks for."""
    st.set_page_config(page_title="liftwerk", page_icon=MARK, layout="wide", initial_sidebar_state=SIDEBAR_PIXELS)
    st.html(style_sheet())
    st.html(SCRIPT, unsafe_allow_javascript=True)  # ours alone: the policy lets no other script run
    try:
        scene = open_scene()
    except LiftwerkError as error:
        st.html('<div class="lw-brand">liftwerk</div>')
        show_problems(wording_for("en_GB", "EUR"), error)
        return
    if scene.person is None and sign_in_of(scene.workspace) == "oidc":
        st.html(masthead(kicker="liftwerk", headline=scene.text("door.sign_in")))
        st.button(scene.text("door.sign_in_service"), type="primary", on_click=st.login, key="sign_in")
        return
    pages = [
        st.Page(
            partial(run_view, page, SHOWN[page], scene),
            title=scene.text(f"page.{page}"),
            url_path=path,
            default=page == FIRST,
        )
        for page, path in ADDRESSES.items()
    ]
    chosen = st.navigation(pages)
    sidebar(scene)
    chosen.run()


main()
