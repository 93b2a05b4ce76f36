"""The workspace: a folder with ``liftwerk.toml``, and that file's settings as frozen data."""

from __future__ import annotations

import datetime as dt
import difflib
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from babel import Locale, UnknownLocaleError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import PydanticCustomError

from measurement.errors import InputError, Problem, shorten

SETTINGS_FILE = "liftwerk.toml"
_PLACED = "placed"  # type of an error that brings its own place, remedy and value
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A frozen table of ``liftwerk.toml``; unknown keys are errors, so that a typing slip is never silent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkspaceSection(Section):
    """``[workspace]``."""

    name: str = "liftwerk"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "EUR"
    locale: str = "en_GB"

    @field_validator("locale")
    @classmethod
    def _known_locale(cls, value: str) -> str:
        try:
            Locale.parse(value)
        except (UnknownLocaleError, ValueError) as unknown:
            raise ValueError("unknown locale; use for example de_DE, en_GB or en_US") from unknown
        return value


class ChannelSection(Section):
    """``[panel.channels.NAME]``."""

    spend: str
    exposure: str | None = None
    reach: str | None = None
    frequency: str | None = None


class PanelSection(Section):
    """``[panel]``: which columns hold what. ``last_complete`` is the last complete period; later rows are left out."""

    file: str | None = None
    url: str | None = None
    table: str | None = None
    date: str
    geo: str | None = None
    outcome: str
    outcome_kind: Literal["revenue", "units"] = "revenue"
    value_per_unit: float | str | None = None
    population: str | None = None
    controls: tuple[str, ...] = ()
    organic: tuple[str, ...] = ()
    holidays: str | None = None
    last_complete: dt.date | None = None
    channels: dict[str, ChannelSection] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> PanelSection:
        if (self.file is None) == (self.url is None):
            raise ValueError('name exactly one source: file = "data/panel.csv", or url and table')
        if self.url is not None and self.table is None:
            raise ValueError('a url needs table = "…" beside it')
        if self.outcome_kind == "units" and self.value_per_unit is None:
            raise ValueError('outcome_kind = "units" needs value_per_unit: a number or a column\'s name')
        return self


class RoasPrior(Section):
    """``roas = {mean = 2.0, sd = 0.8}``."""

    mean: Annotated[float, Field(gt=0)]
    sd: Annotated[float, Field(gt=0)]


class ChannelPrior(Section):
    """``[mmm.priors.NAME]``."""

    roas: RoasPrior | None = None


class MmmSection(Section):
    """``[mmm]``."""

    adstock: Literal["geometric", "delayed", "weibull"] = "geometric"
    saturation: Literal["hill", "logistic", "michaelis_menten", "tanh"] = "hill"
    priors: dict[str, ChannelPrior] = Field(default_factory=dict)
    draws: Annotated[int, Field(ge=50)] = 400
    tune: Annotated[int, Field(ge=50)] = 200
    chains: Annotated[int, Field(ge=2)] = 4


class LiftTestSection(Section):
    """``[[lift_tests]]``: a readout made elsewhere."""

    channel: str
    geos: tuple[str, ...] = ()
    start: dt.date
    end: dt.date
    incremental_outcome: float
    standard_error: Annotated[float, Field(gt=0)]
    incremental_spend: float
    measured_until: dt.date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> LiftTestSection:
        if self.end < self.start:
            raise ValueError("end lies before start")
        if self.measured_until is not None and self.measured_until < self.end:
            raise ValueError("measured_until lies before end")
        return self


class BoundsRule(Section):
    """``min`` ≤ spend of ``channel`` ≤ ``max``, money a week."""

    kind: Literal["bounds"]
    channel: str
    min: Money = 0.0
    max: Money | None = None


class GroupRule(Section):
    """Sum over ``channels`` within ``min``/``max`` (money a week) and ``min_share``/``max_share`` of the total."""

    kind: Literal["group"]
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    name: str = ""
    min: Money | None = None
    max: Money | None = None
    min_share: Share | None = None
    max_share: Share | None = None


class MinIfActiveRule(Section):
    """Spend of ``channel`` is zero or at least ``min``."""

    kind: Literal["min_if_active"]
    channel: str
    min: Money


class TargetRoasRule(Section):
    """Expected outcome ≥ ``value`` × spend, of ``channel`` or (left out) of the whole plan."""

    kind: Literal["target_roas"]
    value: Annotated[float, Field(gt=0)]
    channel: str | None = None


class FixedRule(Section):
    """Spend of ``channel`` equals ``value``, money a week."""

    kind: Literal["fixed"]
    channel: str
    value: Money


class TargetCpaRule(Section):
    """Spend ≤ ``value`` × expected outcome, of ``channel`` or (left out) of the whole plan."""

    kind: Literal["target_cpa"]
    value: Annotated[float, Field(gt=0)]
    channel: str | None = None


class MaxActiveRule(Section):
    """At most ``count`` channels, of ``channels`` or (left out) of all, have any spend."""

    kind: Literal["max_active"]
    count: Annotated[int, Field(ge=0)]
    channels: tuple[str, ...] = ()


class ReserveRule(Section):
    """``value`` of the total is kept out of the channels, money a week, for tests."""

    kind: Literal["reserve"]
    value: Money


BudgetRule = Annotated[
    BoundsRule | GroupRule | MinIfActiveRule | TargetRoasRule | FixedRule | TargetCpaRule | MaxActiveRule | ReserveRule,
    Field(discriminator="kind"),
]


class BudgetSection(Section):
    """``[budget]``: money a week."""

    total: Annotated[float, Field(gt=0)] | None = None
    total_min: Money | None = None
    total_max: Annotated[float, Field(gt=0)] | None = None
    weeks: Annotated[int, Field(ge=1, le=52)] = 4
    max_change: Annotated[float, Field(gt=0, le=10)] | None = None
    risk: Literal["cautious", "balanced", "bold"] = "balanced"
    rules: tuple[BudgetRule, ...] = ()

    @model_validator(mode="after")
    def _one_total(self) -> BudgetSection:
        if self.total is not None and (self.total_min is not None or self.total_max is not None):
            raise ValueError("give total, or total_min and total_max, not both")
        if self.total_min is not None and self.total_max is not None and self.total_min > self.total_max:
            raise ValueError("total_min is larger than total_max")
        return self


class CreativesSection(Section):
    """``[creatives]``."""

    decisions: str
    rewards: str


class JourneysSection(Section):
    """``[journeys]``."""

    touchpoints: str


class ContentSection(Section):
    """``[content]``: where the pipeline's tables lie, and objectives by KPI (``objectives.latency_p95 = 4000``)."""

    spans: str | None = None
    tables: str | None = None
    objectives: dict[str, float] = Field(default_factory=dict)


class Settings(Section):
    """All of ``liftwerk.toml``."""

    workspace: WorkspaceSection = WorkspaceSection()
    panel_section: PanelSection | None = Field(default=None, alias="panel")
    mmm: MmmSection = MmmSection()
    lift_tests: tuple[LiftTestSection, ...] = ()
    budget: BudgetSection | None = None
    creatives: CreativesSection | None = None
    journeys: JourneysSection | None = None
    content: ContentSection | None = None

    @property
    def panel(self) -> PanelSection:
        """The ``[panel]`` table.

        Raises
        ------
        InputError
            Where the file has none: a plan from curves needs no panel, every model does.
        """
        if self.panel_section is None:
            raise InputError.of(
                "'panel' is missing",
                "Add [panel] with file, date, outcome and the channels",
                file=SETTINGS_FILE,
                column="panel",
            )
        return self.panel_section

    @model_validator(mode="after")
    def _channels_exist(self) -> Settings:
        if self.panel_section is None:
            return self  # nothing to compare with: `plan --curves` checks the names against its curves
        known = set(self.panel_section.channels)
        named = [(f"lift_tests.{index}.channel", test.channel) for index, test in enumerate(self.lift_tests)]
        named += [(f"mmm.priors.{name}", name) for name in self.mmm.priors]
        for index, rule in enumerate(self.budget.rules if self.budget else ()):
            field = "channels" if isinstance(rule, GroupRule | MaxActiveRule) else "channel"
            channels = (
                rule.channels if isinstance(rule, GroupRule | MaxActiveRule) else (getattr(rule, "channel", None),)
            )
            named += [(f"budget.rules.{index}.{field}", name) for name in channels if name is not None]
        for place, name in named:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                remedy = f"Did you mean '{near[0]}'?" if near else f"Use one of: {', '.join(sorted(known)) or '(none)'}"
                message = "this channel is not under [panel.channels]"
                raise PydanticCustomError(_PLACED, message, {"place": place, "remedy": remedy, "value": name})
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """An opened workspace.

    Attributes
    ----------
    root
        The folder.
    settings
        Its parsed ``liftwerk.toml``.
    file
        The settings file itself.
    """

    root: Path
    settings: Settings
    file: Path

    @classmethod
    def open(cls, path: str | Path) -> Workspace:
        """Read ``liftwerk.toml`` in ``path`` (a folder, or the file itself).

        Raises
        ------
        InputError
            Every setting that is wrong, each with its line and remedy.
        """
        given = Path(path)
        file = given / SETTINGS_FILE if given.is_dir() else given
        if not file.is_file():
            raise InputError.of(
                f"there is no {SETTINGS_FILE} here",
                "Run `liftwerk init DIR` for a sample workspace, or pass --workspace DIR",
                file=str(file),
            )
        return cls(root=file.parent.resolve(), settings=read_settings(file), file=file.resolve())

    def path(self, relative: str) -> Path:
        """A path of ``liftwerk.toml``, relative to the workspace."""
        return self.root / relative

    def setting_line(self, setting: str) -> int | None:
        """Line of ``liftwerk.toml`` on which a dotted setting stands, e.g. ``"panel.channels.tv.spend"``."""
        return line_of_setting(self.file.read_text(encoding="utf-8"), setting.split("."))

    @property
    def runs(self) -> Path:
        """Folder of the run store."""
        return self.root / "runs"

    @property
    def exports(self) -> Path:
        """Folder of the weekly exports."""
        return self.root / "exports"

    @property
    def audit_log(self) -> Path:
        """The append-only log."""
        return self.root / "audit" / "log.jsonl"


def read_settings(file: Path) -> Settings:
    """Parse and validate a settings file; see `Workspace.open`."""
    try:
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError.of(
            "the settings are not UTF-8 text", "Save the file as UTF-8", file=file.name, value=f"byte {error.start}"
        ) from error
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise InputError.of(
            f"the settings are not valid TOML: {str(error).split(' (at')[0]}",
            "Mend that line; text needs quotes, tables need [brackets]",
            file=file.name,
            line=int(line[1]) if line else None,
        ) from error
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise InputError([_setting_problem(file.name, text, dict(detail)) for detail in error.errors()]) from error


def _setting_problem(file: str, text: str, detail: dict[str, Any]) -> Problem:
    """A pydantic error in the words of `Problem`."""
    keys = [str(key) for key in detail["loc"] if not str(key).startswith("function-")]
    placed = detail["ctx"] if detail["type"] == _PLACED else {}
    keys = str(placed["place"]).split(".") if placed else keys
    field = ".".join(keys)
    message, remedy = str(detail["msg"]).removeprefix("Value error, "), "Correct this setting"
    remedy = str(placed.get("remedy", remedy))
    if detail["type"] == "extra_forbidden":
        message = f"'{keys[-1]}' is not a setting liftwerk knows"
        near = difflib.get_close_matches(keys[-1], _known_keys(), 1)
        remedy = (
            f"Did you mean '{near[0]}'? Otherwise remove it"
            if near
            else "Remove it, or see the list of settings in the documentation"
        )
    elif detail["type"] == "missing":
        message, remedy = f"'{field}' is missing", f"Add {keys[-1]} = … to [{'.'.join(keys[:-1]) or 'the file'}]"
    value = "" if detail["type"] == "missing" or isinstance(detail["input"], dict) else shorten(detail["input"])
    value = str(placed.get("value", value))
    return Problem(
        message=message[0].lower() + message[1:],
        remedy=remedy,
        file=file,
        line=line_of_setting(text, keys),
        column=field,
        value=value,
    )


def _known_keys() -> list[str]:
    sections: list[type[Section]] = [
        WorkspaceSection,
        PanelSection,
        ChannelSection,
        MmmSection,
        LiftTestSection,
        BudgetSection,
        ContentSection,
        Settings,
    ]
    rules: list[type[Section]] = [
        BoundsRule,
        GroupRule,
        MinIfActiveRule,
        TargetRoasRule,
        FixedRule,
        TargetCpaRule,
        MaxActiveRule,
        ReserveRule,
    ]
    fields = [pair for section in (*sections, *rules) for pair in section.model_fields.items()]
    return sorted({field.alias or name for name, field in fields})


def line_of_setting(text: str, keys: list[str]) -> int | None:
    r"""Line of TOML text on which a dotted key stands, else that of the table that should hold it.

    Numbers among the keys count the entries of an array of tables: ``["lift_tests", "1", "geos"]``.

    Examples
    --------
    >>> line_of_setting("[a]\nx = 1\n[[b]]\ny = 1\n[[b]]\ny = 2\n", ["b", "1", "y"])
    6
    """
    entry = next((int(key) for key in keys if key.isdigit()), 0)
    first = next((place for place, key in enumerate(keys) if key.isdigit()), len(keys) - 1)
    table = ".".join(keys[:first])
    whole, name = ".".join(keys), keys[-1] if keys else ""
    inside, seen, header_line = not table, -1, None
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line)
        if header:
            title = re.sub(r"[\"'\s]", "", header[1])
            seen += title == table
            inside = title == table and seen >= entry
            if (inside or title == whole) and header_line is None:
                header_line = number
        elif inside and re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
    return header_line
