"""``[access]`` and ``[platforms.NAME]``: who may decide, and where the money is booked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from measurement.settings_section import Money, Section, Share

#: What a spreadsheet would compute: a campaign's name has to stand in a file as it is, or the platform makes a new one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


class AccessSection(Section):
    """``[access]``: how people sign in to the dashboard, and what they may do.

    Left out, the dashboard serves the person at this computer alone, unless ``liftwerk users`` has made a user.
    """

    sign_in: Literal["auto", "file", "oidc"] = "auto"
    two_approvers_above: Money | None = None
    roles: dict[str, Literal["viewer", "analyst", "approver"]] = Field(default_factory=dict)
    #: The sign-in service verifies every address itself and does not say so in its tokens.
    trust_email: bool = False

    def role_of(self, address: str) -> Literal["viewer", "analyst", "approver"]:
        """Role of a person who signed in with OIDC, by e-mail address; those not named may read."""
        known = {name.casefold(): role for name, role in self.roles.items()}
        return known.get(address.casefold(), "viewer")


class CampaignSection(Section):
    """One campaign of an advertising account, and what it gets of its channel."""

    name: Annotated[str, Field(min_length=1)]
    channel: str
    share: Share | None = None

    @field_validator("name")
    @classmethod
    def _no_formula(cls, name: str) -> str:
        if name.strip().startswith(_FORMULA):
            raise ValueError(
                f"a spreadsheet would compute the campaign name {name!r}; begin it with a letter, in the account too"
            )
        return name


class PlatformSection(Section):
    """``[platforms.NAME]``: the campaigns of an account, and how its file names things.

    ``google_ads`` needs the campaigns alone; other platforms are filled into a template you downloaded there.
    """

    campaigns: Annotated[tuple[CampaignSection, ...], Field(min_length=1)]
    name_column: str = "Campaign"
    budget_column: str = "Campaign daily budget"
    period: Literal["day", "week"] = "day"

    @model_validator(mode="after")
    def _shares_add_up(self) -> PlatformSection:
        names = [one.name for one in self.campaigns]
        if len(set(names)) != len(names):
            raise ValueError("a campaign is named twice")
        for channel in {one.channel for one in self.campaigns}:
            shares = [one.share for one in self.campaigns if one.channel == channel]
            known = [share for share in shares if share is not None]
            if known and len(known) != len(shares):
                raise ValueError(f"give every campaign of {channel} a share, or none")
            if known and abs(sum(known) - 1) > 1e-6:
                raise ValueError(f"the shares of {channel} add up to {sum(known):g}, not to 1")
        return self
