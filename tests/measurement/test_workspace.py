"""Settings: every mistake is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from measurement.errors import InputError
from measurement.settings import MmmSection
from measurement.workspace import Workspace, line_of_setting
from tests.measurement.small_workspace import SETTINGS


def write(root: Path, text: str) -> Path:
    (root / "liftwerk.toml").write_text(text, encoding="utf-8")
    return root


def test_folders_and_files_both_open(small: Path) -> None:
    by_folder, by_file = Workspace.open(small), Workspace.open(small / "liftwerk.toml")
    assert by_folder == by_file
    assert by_folder.path("data/panel.csv") == small.resolve() / "data" / "panel.csv"
    assert by_folder.runs.parent == by_folder.exports.parent == by_folder.audit_log.parent.parent == small.resolve()
    assert by_folder.settings.budget is not None
    assert by_folder.settings.budget.rules[0].kind == "bounds"


def test_the_smallest_settings_have_good_defaults(tmp_path: Path) -> None:
    settings = Workspace.open(write(tmp_path, '[panel]\nfile = "p.csv"\ndate = "d"\noutcome = "y"\n')).settings
    assert (settings.workspace.currency, settings.mmm.adstock, settings.mmm.saturation) == ("EUR", "geometric", "hill")
    assert (settings.budget, settings.creatives, settings.lift_tests) == (None, None, ())


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "part"),
    [
        ('currency = "EUR"', 'currency = "Euro"', 4, "workspace.currency", ""),
        ('locale = "de_DE"', 'locale = "de_XX1"', 5, "workspace.locale", "unknown locale"),
        ('outcome = "revenue"', 'outcom = "revenue"', 11, "panel.outcom", "not a setting"),
        ('file = "data/panel.csv"', "", 7, "panel", "exactly one source"),
        ("standard_error = 2000.0", "standard_error = -1.0", 30, "lift_tests.0.standard_error", "greater than 0"),
        ("end = 2026-03-29", "end = 2026-02-01", 24, "lift_tests.0", "before start"),
        ('channel = "search"', 'channel = "serch"', 25, "lift_tests.0.channel", "Did you mean 'search'"),
        ("max_change = 0.25", 'max_change = "a bit"', 36, "budget.max_change", "number"),
        ("total = 60000.0", "total = 60000.0\ntotal_min = 5.0", 33, "budget", "not both"),
        ('channel = "tv"\nmax', 'channel = "TV"\nmax', 40, "budget.rules.0.channel", "Use one of: search, tv"),
        ('kind = "bounds"', 'kind = "bound"', 38, "budget.rules.0", ""),
        ("max = 50000.0", "max = -1.0", 41, "budget.rules.0.bounds.max", "greater"),
    ],
)
def test_every_mistake_has_its_line(tmp_path: Path, old: str, new: str, line: int, field: str, part: str) -> None:
    assert old in SETTINGS
    with pytest.raises(InputError) as raised:
        Workspace.open(write(tmp_path, SETTINGS.replace(old, new, 1)))
    problems = {problem.column: problem for problem in raised.value.problems}
    assert field in problems, raised.value
    assert part in f"{problems[field].message} {problems[field].remedy}"
    assert problems[field].line == line
    assert problems[field].remedy


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = SETTINGS.replace('"EUR"', '"Euro"').replace("weeks = 4", "weeks = 400").replace("geo = ", "gco = ")
    with pytest.raises(InputError) as raised:
        Workspace.open(write(tmp_path, text))
    assert {problem.line for problem in raised.value.problems} == {4, 10, 35}


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("panel.file", 8),
        ("panel.channels.tv.spend", 22),
        ("panel.channels.tv.absent", 21),
        ("lift_tests.0.geos", 26),
        ("budget.rules.0.max", 41),
        ("nowhere.at.all", None),
        ("budget.total.below", 34),
    ],
)
def test_lines_of_settings(keys: str, line: int | None) -> None:
    assert line_of_setting(SETTINGS, keys.split(".")) == line


MMM = """\
[mmm]
adstock = "delayed"
order = "saturation_first"
lags = 8
noise = "student_t"
baseline = "knots"
knot_every = 6
harmonics = 0
shocks = true
geo_controls = false
media_share = 0.2
target_accept = 0.9
engine = "pymc"
lift_ageing = 1.2

[mmm.channels.tv]
adstock = "weibull"
saturation = "none"
order = "adstock_first"
lags = 20
varying = true
group = "paid"

[mmm.channels.search]
adstock = "none"
group = "paid"

[mmm.channels.newsletter]
saturation = "tanh"

[mmm.priors.search]
roas = {mean = 2.0, sd = 0.8}

[mmm.priors.tv]
marginal_roas = {mean = 0.7, sd = 0.3}

[mmm.priors.newsletter]
share = {mean = 0.05, sd = 0.02}

[panel.treatments.price]
column = "price"
reference = 9.5

[panel.treatments."leaflet drop"]
column = "leaflets"
"""


def test_the_model_is_described_down_to_the_channel(tmp_path: Path) -> None:
    settings = Workspace.open(write(tmp_path, SETTINGS + MMM)).settings
    mmm, treatments = settings.mmm, settings.panel.treatments
    assert (mmm.order, mmm.lags, mmm.noise, mmm.baseline, mmm.engine) == (
        "saturation_first",
        8,
        "student_t",
        "knots",
        "pymc",
    )
    assert (mmm.knot_every, mmm.harmonics, mmm.shocks, mmm.geo_controls) == (6, 0, True, False)
    assert (mmm.media_share, mmm.target_accept, mmm.lift_ageing) == (0.2, 0.9, 1.2)
    tv = mmm.channels["tv"]
    assert (tv.adstock, tv.saturation, tv.order, tv.lags) == ("weibull", "none", "adstock_first", 20)
    assert (tv.varying, tv.group, mmm.channels["newsletter"].adstock) == (True, "paid", None)
    assert {name: prior.kind for name, prior in mmm.priors.items()} == {
        "search": "roas",
        "tv": "marginal_roas",
        "newsletter": "share",
    }
    assert {name: treatment.reference for name, treatment in treatments.items()} == {
        "price": 9.5,
        "leaflet drop": "mean",
    }


def test_what_is_left_out_the_model_decides() -> None:
    section = MmmSection()
    left = ("lags", "knot_every", "harmonics", "shocks", "geo_controls", "media_share", "lift_ageing", "target_accept")
    left += ("draws", "tune", "chains")
    assert [getattr(section, name) for name in left] == [None] * len(left)
    assert (section.order, section.noise, section.baseline) == ("adstock_first", "normal", "knots")


@pytest.mark.parametrize(
    ("old", "new", "field", "part"),
    [
        ('adstock = "delayed"', 'adstock = "delaid"', "mmm.adstock", "Did you mean 'delayed'"),
        ('adstock = "delayed"', 'adstock = "none"', "mmm.adstock", "Use one of: delayed, geometric, weibull"),
        ("lags = 8", "lags = 53", "mmm.lags", "less than or equal to 52"),
        ("harmonics = 0", "harmonics = 21", "mmm.harmonics", "less than or equal to 20"),
        ("media_share = 0.2", "media_share = 20", "mmm.media_share", "less than 1"),
        ("lift_ageing = 1.2", "lift_ageing = 0.8", "mmm.lift_ageing", "greater than or equal to 1"),
        ("lift_ageing = 1.2", "lift_ageing = inf", "mmm.lift_ageing", "finite"),
        ('baseline = "knots"', 'baseline = "hsgp"', "mmm.knot_every", 'set baseline = "knots"'),
        ("[mmm.channels.tv]", "[mmm.channels.tvv]", "mmm.channels.tvv", "Did you mean 'tv'"),
        ('saturation = "none"', 'saturation = "hil"', "mmm.channels.tv.saturation", "Did you mean 'hill'"),
        ('group = "paid"', 'group = "pait"', "mmm.channels.tv.group", "Did you mean 'paid'"),
        ('adstock = "none"', 'adstock = "none"\nlags = 3', "mmm.channels.search.lags", "Remove lags"),
        ("[mmm.priors.tv]", "[mmm.priors.radio]", "mmm.priors.radio", "Use one of: newsletter, search, tv"),
        ("share = {mean = 0.05", "share = {mean = 5.0", "mmm.priors.newsletter.share.mean", "less than 1"),
        ("share = {mean = 0.05", "roas = {mean = 0.05", "mmm.priors.newsletter.roas", "share or coefficient"),
        ("roas = {mean = 2.0", "roas = {mean = -2.0", "mmm.priors.search.roas.mean", "greater than 0"),
        ("roas = {mean = 2.0, sd = 0.8}", "", "mmm.priors.search", "Write for example"),
        (
            "marginal_roas =",
            "roas = {mean = 1.0, sd = 1.0}\nmarginal_roas =",
            "mmm.priors.tv.marginal_roas",
            "Keep one",
        ),
        ("reference = 9.5", 'reference = "maxx"', "panel.treatments.price.reference", "Did you mean 'max'"),
        ("reference = 9.5", "reference = true", "panel.treatments.price.reference", "Write reference = 9.99"),
        ("reference = 9.5", "reference = nan", "panel.treatments.price.reference", "Write reference = 9.99"),
        ('column = "price"', 'column = "price_index"', "panel.treatments.price.column", "from panel.controls"),
        ('column = "leaflets"', "", "panel.treatments.leaflet drop.column", "Add column"),
    ],
)
def test_every_mistake_in_the_model_has_its_line(tmp_path: Path, old: str, new: str, field: str, part: str) -> None:
    assert old in MMM
    text = SETTINGS + MMM.replace(old, new, 1)
    with pytest.raises(InputError) as raised:
        Workspace.open(write(tmp_path, text))
    problems = {problem.column: problem for problem in raised.value.problems}
    assert set(problems) == {field}, raised.value
    assert part in f"{problems[field].message} {problems[field].remedy}"
    line = problems[field].line
    assert line is not None
    shown = text.splitlines()[line - 1]
    assert any(key in shown for key in field.split(".")[-2:]), shown
