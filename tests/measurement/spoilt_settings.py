"""Spoilers of liftwerk.toml."""

from __future__ import annotations

import re

from tests.measurement.spoiling import SETTINGS, Expected, PanelFile, append_settings, set_setting, spoiler


@spoiler
def settings_not_toml(root, rng):
    line = append_settings(root, "total = = 3\n")
    return Expected(place=f"{SETTINGS}:{line}", remedy="Mend that line")


@spoiler
def settings_not_utf8(root, rng):
    path = root / SETTINGS
    path.write_bytes(path.read_bytes() + "# für später\n".encode("cp1252"))
    return Expected(place=SETTINGS, remedy="UTF-8")


@spoiler
def settings_missing(root, rng):
    (root / SETTINGS).unlink()
    return Expected(place=SETTINGS, remedy="liftwerk init")


@spoiler
def setting_misspelt(root, rng):
    line = set_setting(root, "panel", "outcom", '"revenue"')
    return Expected(place=f"{SETTINGS}:{line}, 'panel.outcom'", remedy="Did you mean 'outcome'")


@spoiler
def outcome_not_named(root, rng):
    path = root / SETTINGS
    path.write_text(re.sub(r"(?m)^outcome\s*=.*\n", "", path.read_text(encoding="utf-8"), count=1), encoding="utf-8")
    return Expected(place=f"{SETTINGS}:", remedy="Add outcome = …")


@spoiler
def setting_of_the_wrong_type(root, rng):
    line = set_setting(root, "budget", "max_change", '"a little"')
    return Expected(place=f"{SETTINGS}:{line}, 'budget.max_change'", remedy="Correct")


@spoiler
def budget_negative(root, rng):
    line = set_setting(root, "budget", "total", "-5.0")
    return Expected(place=f"{SETTINGS}:{line}, 'budget.total'", remedy="Correct")


@spoiler
def locale_unknown(root, rng):
    line = set_setting(root, "workspace", "locale", '"xx_YY"')
    return Expected(place=f"{SETTINGS}:{line}, 'workspace.locale'", remedy="Correct")


@spoiler
def rule_for_an_unknown_channel(root, rng):
    line = append_settings(root, '\n[[budget.rules]]\nkind = "fixed"\nchannel = "skywriting"\nvalue = 5.0\n')
    return Expected(place=f"{SETTINGS}:{line + 3}, 'budget.rules.", remedy="Use one of")


@spoiler
def column_used_twice(root, rng):
    panel = PanelFile(root)
    append_settings(root, f'\n[panel.channels.again]\nspend = "{panel.spend}"\n')
    return Expected(place="'panel.channels.again.spend'", remedy="Name another column")


@spoiler
def holidays_of_nowhere(root, rng):
    line = set_setting(root, "panel", "holidays", '"QQ"')
    return Expected(place=f"{SETTINGS}:{line}, 'panel.holidays'", remedy="ISO country code")


@spoiler
def last_complete_before_the_data(root, rng):
    line = set_setting(root, "panel", "last_complete", "1999-12-27")
    return Expected(place=f"{SETTINGS}:{line}, 'panel.last_complete'", remedy="Set last_complete")


@spoiler
def lift_test_of_an_unknown_geo(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    day = panel.dates()[-5]
    append_settings(
        root,
        f'\n[[lift_tests]]\nchannel = "{panel.channel}"\ngeos = ["Atlantis"]\nstart = {day}\nend = {panel.dates()[-2]}\n'
        "incremental_outcome = 5.0\nstandard_error = 1.0\nincremental_spend = 2.0\n",
    )
    return Expected(place=f"{SETTINGS}:", remedy="Use one of")


@spoiler
def lift_test_outside_the_panel(root, rng):
    panel = PanelFile(root)
    line = append_settings(
        root,
        f'\n[[lift_tests]]\nchannel = "{panel.channel}"\nstart = 2001-01-01\nend = 2001-02-01\n'
        "incremental_outcome = 5.0\nstandard_error = 1.0\nincremental_spend = 2.0\n",
    )
    return Expected(place=f"{SETTINGS}:{line + 3}", remedy="The panel runs from")
