"""How the workbook looks: cell formats in the workspace's locale, and a sheet written from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from babel import Locale

from decisions.labels import looks_like_formula
from measurement.wording import Wording

FONT = "Calibri"
INK, MUTED, LINE, HEAD, GAIN, LOSS, BAD = (
    "#1B2126", "#5B646B", "#DEDACF", "#0B5C6B", "#1F5FA8", "#B4540A", "#9F1D20",
)  # fmt: skip

#: Windows locale ids: they tie an amount's format to the workspace's country.
_LCID = {"de_DE": "407", "de_AT": "C07", "de_CH": "807", "en_GB": "809", "en_US": "409", "fr_FR": "40C"}


class Looks:
    """Cell formats of the workbook, made once each."""

    def __init__(self, book: Any, words: Wording) -> None:  # noqa: ANN401 - xlsxwriter has no types
        self._book = book
        self._made: dict[tuple[tuple[str, object], ...], Any] = {}
        locale = Locale.parse(words.locale)
        symbol = locale.currency_symbols.get(words.currency, words.currency)
        tag = _LCID.get(words.locale, "409")
        pattern = locale.currency_formats["standard"].pattern.split(";")[0]
        money = pattern.replace("#,##0.00", "{}").replace("¤", f"[${symbol}-{tag}]").replace("\xa0", " ")
        self.money = money.format("#,##0.00")
        self.money_whole = money.format("#,##0")
        signed = "+" + self.money + ";-" + self.money + ";" + money.format("0.00")
        self.signed = signed
        self.chance = '[<0.01]"< 1%";[>0.99]"> 99%";0%'
        self.signed_percent = '+0.0%;-0.0%;"–"'
        self.date = {"de": "dd.mm.yyyy", "en_US": "mm/dd/yyyy"}.get(
            words.locale, "dd.mm.yyyy" if locale.language == "de" else "dd/mm/yyyy"
        )

    def __call__(self, **properties: object) -> Any:  # noqa: ANN401 - xlsxwriter has no types
        """The format with these properties."""
        key = tuple(sorted(properties.items()))
        if key not in self._made:
            base = {"font_name": FONT, "font_size": 11, "font_color": INK, "valign": "vcenter"}
            self._made[key] = self._book.add_format(base | properties)
        return self._made[key]


class Sheet:
    """A sheet that is written from top to bottom."""

    def __init__(self, book: Any, sheet: Any, looks: Looks) -> None:  # noqa: ANN401 - xlsxwriter has no types
        self.book, self.sheet, self.looks = book, sheet, looks
        self.row = 0
        self._indented: frozenset[int] = frozenset()

    def text(self, column: int, text: str, **look: object) -> None:
        """Text that is never a formula, whatever it begins with."""
        extra: dict[str, object] = {"quote_prefix": True} if looks_like_formula(text) else {}
        if column in self._indented and look.get("align", "left") == "left":
            extra["indent"] = 1
        self.sheet.write_string(self.row, column, printable(text), self.looks(**look, **extra))

    def number(self, column: int, value: float, **look: object) -> None:
        """A number in the current row."""
        self.sheet.write_number(self.row, column, value, self.looks(**look))

    def title(self, text: str, note: str, *, bad: bool = False) -> None:
        """Headline and one line below it."""
        self.sheet.set_row(self.row, 30)
        self.text(0, text, font_size=20, bold=True, font_color=BAD if bad else INK)
        self.row += 1
        self.text(0, note, font_color=MUTED)
        self.row += 2

    def header(self, names: Sequence[str], right: Sequence[int]) -> int:
        """Header of a table; gives its row."""
        self.sheet.set_row(self.row, 32)
        # Text beside right-aligned numbers would touch them.
        self._indented = frozenset(
            column for column in range(len(names)) if column not in right and column - 1 in right
        )
        for column, name in enumerate(names):
            align = "right" if column in right else "left"
            self.text(column, name, bold=True, font_color="#FFFFFF", bg_color=HEAD, align=align, text_wrap=True)
        self.row += 1
        return self.row - 1

    def paragraph(self, text: str, last_column: int, **look: object) -> None:
        """Text over the width of the table, high enough for what it says."""
        self.sheet.merge_range(self.row, 0, self.row, last_column, "", self.looks(text_wrap=True, valign="top", **look))
        self.text(0, text, text_wrap=True, **{"valign": "top", **look})
        self.sheet.set_row(self.row, 16 * (1 + len(text) // 105))
        self.row += 1


def printable(text: str) -> str:
    """Without characters that XML does not allow."""
    return "".join(
        letter
        for letter in text
        if letter.isprintable() or (letter.isspace() and letter not in "\x0b\x0c\x1c\x1d\x1e\x1f")
    )
