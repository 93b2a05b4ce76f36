"""The sign-in page: plain HTML in the dashboard's colours, without any script."""

from __future__ import annotations

from html import escape
from typing import Literal

from app.theme import variables
from measurement.wording import load_wording

_LOCALES = {"en": "en_GB", "de": "de_DE"}
_STYLE = """
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--lw-paper);
color:var(--lw-ink);font:16px/1.5 -apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif}
main{width:min(24rem,92vw);padding:2rem;border:1px solid var(--lw-line);border-radius:8px;background:var(--lw-panel)}
p.brand{margin:0;color:var(--lw-muted)}h1{font:600 2rem/1.15 var(--lw-serif);margin:.1rem 0 1.2rem}
label{display:block;margin:.9rem 0 .3rem;font-size:.92rem}input{width:100%;padding:.6rem .7rem;font:inherit;
color:inherit;background:var(--lw-paper);border:1px solid var(--lw-faint);border-radius:6px}
button{width:100%;margin-top:1.4rem;padding:.7rem;font:inherit;font-weight:600;color:var(--lw-paper);
background:var(--lw-accent);border:0;border-radius:6px;cursor:pointer}a{color:var(--lw-accent)}
:focus-visible{outline:3px solid var(--lw-accent);outline-offset:2px}
p.problem{margin:0 0 .6rem;padding:.5rem .8rem;border-left:3px solid var(--lw-bad);color:var(--lw-bad)}
"""


def render(
    kind: Literal["sign_in", "sign_out"], language: str, *, target: str, problem: str = "", minutes: str = ""
) -> str:
    """The page as text.

    Parameters
    ----------
    kind
        Which page.
    language
        ``"en"`` or ``"de"``.
    target
        Path to go on to.
    problem
        ``"wrong"``, ``"wait"``, ``"form"`` or ``""``.
    minutes
        To wait, for ``"wait"``.
    """
    from urllib.parse import quote

    words = load_wording("app", _LOCALES[language], "EUR")
    said = (
        f'<p class="problem" role="alert">{escape(words.text(f"door.{problem}", minutes=minutes))}</p>'
        if problem
        else ""
    )
    fields = ""
    if kind == "sign_in":
        fields = (
            f'<label for="name">{escape(words.text("door.name"))}</label>'
            '<input id="name" name="name" autocomplete="username" required autofocus maxlength="200">'
            f'<label for="password">{escape(words.text("door.password"))}</label>'
            '<input id="password" name="password" type="password" autocomplete="current-password" required '
            'maxlength="256">'
        )
    action = f"/{kind.replace('_', '-')}?next={quote(target, safe='')}&lang={language}"
    title = escape(words.text(f"door.{kind}"))
    back = "" if kind == "sign_in" else f'<p><a href="/">{escape(words.text("door.back"))}</a></p>'
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{title} · liftwerk</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<style>{variables()}{_STYLE}</style></head><body><main><p class="brand">liftwerk</p><h1>{title}</h1>{said}'
        f'<form method="post" action="{escape(action)}">{fields}<button>{title}</button></form>{back}'
        "</main></body></html>"
    )
