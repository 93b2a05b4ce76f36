"""A look at a panel before a model is fitted: what the data can and cannot say, in seconds instead of an hour.

Nothing here blocks. Tables hold the numbers, findings say in words which of them matter and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from measurement.errors import InputError, Problem
from measurement.panel import Panel
from measurement.wording import load_wording
from mmm.collinearity import correlation_table, inflation_table
from mmm.design import build_design
from mmm.finding import Finding
from mmm.identifiability import Identifiability, identifiability
from mmm.outliers import outlier_table
from mmm.spec import ModelSpec
from mmm.spend_profile import cost_changes, cost_table, coverage_table, season_table, share_table


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exploration:
    """What was found in a panel. The tables are described where they are made.

    Attributes
    ----------
    panel, spec, locale
        What was looked at, the model that is to be fitted, the language of findings and figures.
    coverage
        See `mmm.spend_profile.coverage_table`.
    correlations, inflation
        See `mmm.collinearity.correlation_table` and `inflation_table`.
    shares, costs, cost_changes
        See `mmm.spend_profile.share_table`, `cost_table` and `cost_changes`.
    season
        See `mmm.spend_profile.season_table`.
    outliers
        See `mmm.outliers.outlier_table`.
    identifiability
        ``None`` where the panel cannot be fitted at all; `refusals` then say why.
    refusals
        What `mmm.design.build_design` would refuse.
    findings
        In words, warnings first.
    """

    panel: Panel
    spec: ModelSpec
    locale: str
    coverage: pd.DataFrame
    correlations: pd.DataFrame
    inflation: pd.DataFrame
    shares: pd.DataFrame
    costs: pd.DataFrame
    cost_changes: pd.DataFrame
    season: pd.DataFrame
    outliers: pd.DataFrame
    identifiability: Identifiability | None
    refusals: tuple[Problem, ...]
    findings: tuple[Finding, ...] = ()

    def channels_table(self) -> pd.DataFrame:
        """One row a channel: coverage, the channel it moves with most, variance inflation, season, forecast of the fit.

        Returns
        -------
        pandas.DataFrame
            The columns of `coverage`, then ``closest`` and ``correlation`` (of own variation), ``inflation`` (of own
            variation), ``season`` (correlation), ``expected_sd`` and ``ratio`` (see `Identifiability.table`).
        """
        table = self.coverage.merge(self._closest(), on="channel", how="left")
        inflation = self.inflation[["channel", "own_variation"]].rename(columns={"own_variation": "inflation"})
        season = self.season.rename(columns={"correlation": "season"})
        columns = ["channel", "expected_sd", "ratio"]
        known = pd.DataFrame(columns=columns) if self.identifiability is None else self.identifiability.table[columns]
        for part in (inflation, season, known):
            table = table.merge(part, on="channel", how="left")
        return table

    def to_dict(self) -> dict[str, object]:
        """Findings and the table of channels as plain JSON values (missing numbers as NaN)."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "channels": self.channels_table().to_dict("records"),
        }

    def _closest(self) -> pd.DataFrame:
        """The channel whose own variation is most like each one's."""
        pairs = self.correlations[["channel", "other", "own_variation"]].dropna()
        turned = pairs.rename(columns={"channel": "other", "other": "channel"})
        both = pd.concat([pairs, turned], ignore_index=True)
        strength = both["own_variation"].abs()
        best = both.loc[strength.sort_values(ascending=False, kind="stable").index].drop_duplicates("channel")
        return best.rename(columns={"other": "closest", "own_variation": "correlation"})


def explore(panel: Panel, spec: ModelSpec | None = None, *, locale: str = "en_GB") -> Exploration:
    """Look at a panel before a fit.

    Parameters
    ----------
    panel
        The data.
    spec
        The model that is to be fitted; its defaults where left out.
    locale
        Language and number format of the findings, e.g. ``"de_DE"``.

    Returns
    -------
    Exploration
        Tables and findings. The same panel with geos or channels in another order, or in another currency, gives the
        same findings.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> spend = np.ones((4, 110, 1)) * 100.0
    >>> outcome = 1000.0 + 30.0 * rng.standard_normal((4, 110))
    >>> dates = pd.date_range("2024-01-01", periods=110, freq="7D")
    >>> panel = Panel.from_arrays(outcome=outcome, dates=dates, geos=list("ABCD"), spend=spend, channels=["tv"])
    >>> [(finding.name, finding.severity) for finding in explore(panel).findings]
    [('constant_spend', 'warning'), ('little_information', 'warning')]
    """
    from mmm.exploration_findings import findings_of  # it reads an Exploration: imported late, to avoid a cycle

    spec = spec or ModelSpec()
    forecast, refusals = _forecast(panel, spec)
    costs = cost_table(panel)
    found = Exploration(
        panel=panel,
        spec=spec,
        locale=locale,
        coverage=coverage_table(panel),
        correlations=correlation_table(panel),
        inflation=inflation_table(panel),
        shares=share_table(panel),
        costs=costs,
        cost_changes=cost_changes(costs, panel.days_per_period),
        season=season_table(panel),
        outliers=outlier_table(panel),
        identifiability=forecast,
        refusals=refusals,
    )
    return replace(found, findings=findings_of(found, load_wording("mmm", locale, panel.currency)))


def _forecast(panel: Panel, spec: ModelSpec) -> tuple[Identifiability | None, tuple[Problem, ...]]:
    """What a fit would know, or why there would be none."""
    try:
        return identifiability(build_design(panel, spec), spec), ()
    except InputError as error:
        return None, error.problems
