"""Colours, type and the style sheet: one calm look, light and dark, from system fonts alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

Mode = Literal["light", "dark"]

BODY_FONT = "-apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
HEADING_FONT = "'Iowan Old Style', 'Palatino Linotype', 'URW Palladio L', P052, Georgia, serif"


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """Colours of one mode as CSS hex; pairs that carry meaning differ in lightness too (colour-blind-safe).

    Attributes
    ----------
    paper, panel, line
        Background, raised background, hairlines.
    ink, muted, faint
        Text, secondary text, axis ticks.
    accent
        What the eye should find first.
    gain, loss
        More and less money: blue and orange, never green and red.
    good, warn, bad
        Badges; always beside a sign and a word.
    series
        Categorical colours, Paul Tol's muted (light) and light (dark) schemes.
    """

    paper: str
    panel: str
    line: str
    ink: str
    muted: str
    faint: str
    accent: str
    gain: str
    loss: str
    good: str
    warn: str
    bad: str
    series: tuple[str, ...]


LIGHT = Palette(
    paper="#FCFBF8",
    panel="#F3F1EB",
    line="#DEDACF",
    ink="#1B2126",
    muted="#5B646B",
    faint="#8A9197",
    accent="#0B5C6B",
    gain="#1F5FA8",
    loss="#B4540A",
    good="#0B5C6B",
    warn="#8A6100",
    bad="#A8321A",
    series=(
        "#332288",
        "#CC6677",
        "#44AA99",
        "#DDCC77",
        "#88CCEE",
        "#882255",
        "#117733",
        "#AA4499",
        "#999933",
        "#661100",
        "#6699CC",
        "#888888",
    ),
)
DARK = Palette(
    paper="#14181B",
    panel="#1D2327",
    line="#343C42",
    ink="#E9E6DF",
    muted="#A7AEB3",
    faint="#7E868C",
    accent="#6FC3CF",
    gain="#7DB4EC",
    loss="#F0A35C",
    good="#6FC3CF",
    warn="#E2BE5A",
    bad="#F28B70",
    series=(
        "#77AADD",
        "#EE8866",
        "#44BB99",
        "#EEDD88",
        "#99DDFF",
        "#FFAABB",
        "#BBCC33",
        "#C79BE0",
        "#AAAA00",
        "#D4A27A",
        "#8FA3E8",
        "#BBBBBB",
    ),
)


def palette(mode: str | None) -> Palette:
    """The colours of a mode; light where the browser has not said."""
    return DARK if mode == "dark" else LIGHT


def translucent(colour: str, alpha: float) -> str:
    """A hex colour with an opacity, as CSS ``rgba()``.

    Examples
    --------
    >>> translucent("#0B5C6B", 0.5)
    'rgba(11, 92, 107, 0.5)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {alpha:g})"


def variables() -> str:
    """CSS custom properties; ``light-dark()`` follows the app's ``color-scheme``, in popovers the system's."""
    names = [field.name for field in fields(Palette) if field.name != "series"]
    pairs = "".join(f"--lw-{name}:light-dark({getattr(LIGHT, name)},{getattr(DARK, name)});" for name in names)
    return f":root{{color-scheme:light dark;{pairs}--lw-serif:{HEADING_FONT};}}"


def style_sheet() -> str:
    """The whole style sheet as a ``<style>`` element for `streamlit.html`."""
    from importlib import resources

    rules = (resources.files("app") / "style.css").read_text(encoding="utf-8")
    return f"<style>{variables()}{rules}</style>"
