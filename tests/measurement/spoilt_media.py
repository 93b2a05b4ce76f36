"""Spoilers of what enters the media mix model beyond spend: treatments, reach, holidays, the model's own settings."""

from __future__ import annotations

from tests.measurement.spoiling import SETTINGS, Expected, PanelFile, append_settings, set_setting, spoiler


def add_column(panel: PanelFile, name: str, values) -> None:
    """A column of the panel from a function of the row's number."""
    panel.header.append(name)
    for index, row in enumerate(panel.rows):
        row.append(str(values(index)))


def add_treatment(root, values, reference: str = '"mean"') -> tuple[PanelFile, int]:
    """A price in the panel and in the settings; returns the line of its table."""
    panel = PanelFile(root)
    add_column(panel, "list_price", values)
    panel.save()
    text = f'\n[panel.treatments.price]\ncolumn = "list_price"\nreference = {reference}\n'
    return panel, append_settings(root, text) + 1


def price(index: int) -> str:
    return f"{9 + index % 7 / 4:.2f}"


@spoiler
def treatment_is_a_control_too(root, rng):
    panel = PanelFile(root)
    if not panel.panel.get("controls"):
        return None
    control = panel.panel["controls"][0]
    line = append_settings(root, f'\n[panel.treatments.price]\ncolumn = "{control}"\n') + 1
    return Expected(place=f"{SETTINGS}:{line + 1}, 'panel.treatments.price.column'", remedy=f"Remove '{control}' from")


@spoiler
def treatment_without_a_column(root, rng):
    panel = PanelFile(root)
    append_settings(root, '\n[panel.treatments.price]\ncolumn = "xyzzy"\n')
    return Expected(place=f"{panel.name}:1, 'xyzzy'", remedy="Use one of")


@spoiler
def treatment_in_words(root, rng):
    panel, _ = add_treatment(root, price)
    place = panel.set(panel.pick(rng), "list_price", "cheap")
    panel.save()
    return Expected(place=place, remedy="Enter a number")


@spoiler
def treatment_that_never_changes(root, rng):
    panel, _ = add_treatment(root, lambda index: "9.50")
    return Expected(place=f"{panel.name}, 'list_price'", remedy="Remove [panel.treatments.price]")


@spoiler
def treatment_reference_misspelt(root, rng):
    _, line = add_treatment(root, price, '"minn"')
    return Expected(place=f"{SETTINGS}:{line + 2}, 'panel.treatments.price.reference'", remedy="Did you mean 'min'")


def use_reach(root, reach, frequency) -> PanelFile:
    """A channel of its own with reach and frequency."""
    panel = PanelFile(root)
    add_column(panel, "video_spend", lambda index: f"{100 + index % 11}.5")
    add_column(panel, "video_reach", reach)
    add_column(panel, "video_frequency", frequency)
    panel.save()
    text = '\n[panel.channels.video]\nspend = "video_spend"\nreach = "video_reach"\nfrequency = "video_frequency"\n'
    append_settings(root, text)
    return panel


@spoiler
def reach_without_frequency(root, rng):
    use_reach(root, lambda index: 500 + index % 13, lambda index: f"{1 + index % 5}.5")
    path = root / SETTINGS
    text = path.read_text(encoding="utf-8").replace('frequency = "video_frequency"\n', "")
    path.write_text(text, encoding="utf-8")
    line = text.splitlines().index("[panel.channels.video]") + 1
    return Expected(place=f"{SETTINGS}:{line}, 'panel.channels.video'", remedy="Name both")


@spoiler
def reach_negative(root, rng):
    panel = use_reach(root, lambda index: 500 + index % 13, lambda index: f"{1 + index % 5}.5")
    place = panel.set(panel.pick(rng), "video_reach", "-40")
    panel.save()
    return Expected(place=place, remedy="Enter what was booked")


@spoiler
def reach_without_contacts(root, rng):
    panel = use_reach(root, lambda index: 500 + index % 13, lambda index: f"{1 + index % 5}.5")
    place = panel.set(panel.pick(rng), "video_frequency", "0")
    panel.save()
    return Expected(place=place, remedy="at least 1")


@spoiler
def spend_without_reach(root, rng):
    panel = use_reach(root, lambda index: 0 if index % 3 else 500 + index % 13, lambda index: f"{1 + index % 5}.5")
    return Expected(place=f"{panel.name}:3, 'video_reach'", remedy="Enter the reach")


def holiday_file(root, text: str) -> None:
    (root / "data" / "feasts.csv").write_text(text, encoding="utf-8")
    set_setting(root, "panel", "holidays", '"data/feasts.csv"')


@spoiler
def holiday_file_with_a_bad_date(root, rng):
    holiday_file(root, "date,name\n2026-05-14,Ascension\n2026-05-34,Whit Monday\n")
    return Expected(place="data/feasts.csv:3, 'date'", remedy="Correct it")


@spoiler
def holiday_file_without_a_name(root, rng):
    holiday_file(root, "date,name\n2026-05-14,Ascension\n2026-05-25,\n")
    return Expected(place="data/feasts.csv:3, 'name'", remedy="Fill it in")


@spoiler
def holiday_in_two_spellings(root, rng):
    holiday_file(root, "date,name\n2025-05-29,Ascension\n2026-05-14,Ascension\n2024-05-09,ascension\n")
    return Expected(place="data/feasts.csv:4, 'name'", remedy="Write 'Ascension'")


@spoiler
def holiday_file_missing(root, rng):
    set_setting(root, "panel", "holidays", '"data/no_such_file.csv"')
    return Expected(place="data/no_such_file.csv", remedy="Correct the path")


@spoiler
def prior_told_twice(root, rng):
    channel = PanelFile(root).channel
    text = f"\n[mmm.priors.{channel}]\nroas = {{mean = 2.0, sd = 0.5}}\nshare = {{mean = 0.1, sd = 0.05}}\n"
    line = append_settings(root, text) + 3
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.priors.{channel}.share'", remedy="Keep one of roas, share")


@spoiler
def prior_of_an_unknown_channel(root, rng):
    line = append_settings(root, "\n[mmm.priors.skywriting]\nroas = {mean = 2.0, sd = 0.5}\n") + 1
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.priors.skywriting'", remedy="Use one of")


@spoiler
def prior_with_a_negative_spread(root, rng):
    channel = PanelFile(root).channel
    line = append_settings(root, f"\n[mmm.priors.{channel}]\nroas = {{mean = 2.0, sd = -0.5}}\n") + 2
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.priors.{channel}.roas.sd'", remedy="Correct")


@spoiler
def roas_of_an_organic_medium(root, rng):
    organic = PanelFile(root).panel.get("organic")
    if not organic:
        return None
    line = append_settings(root, f"\n[mmm.priors.{organic[0]}]\nroas = {{mean = 2.0, sd = 0.5}}\n") + 2
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.priors.{organic[0]}.roas'", remedy="Use share or coefficient")


@spoiler
def model_of_an_unknown_channel(root, rng):
    channel = PanelFile(root).channel
    line = append_settings(root, f"\n[mmm.channels.{channel}s]\nlags = 4\n") + 1
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.channels.{channel}s'", remedy=f"Did you mean '{channel}'")


@spoiler
def adstock_misspelt(root, rng):
    channel = PanelFile(root).channel
    line = append_settings(root, f'\n[mmm.channels.{channel}]\nadstock = "weibul"\n') + 2
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.channels.{channel}.adstock'", remedy="Did you mean 'weibull'")


@spoiler
def carry_over_longer_than_a_year(root, rng):
    channel = PanelFile(root).channel
    line = append_settings(root, f"\n[mmm.channels.{channel}]\nlags = 60\n") + 2
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.channels.{channel}.lags'", remedy="Correct")


@spoiler
def group_of_one(root, rng):
    channel = PanelFile(root).channel
    line = append_settings(root, f'\n[mmm.channels.{channel}]\ngroup = "video"\n') + 2
    return Expected(place=f"{SETTINGS}:{line}, 'mmm.channels.{channel}.group'", remedy="Give another channel")
