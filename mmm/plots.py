"""``fitted.plot``: the figures of a fit, by name."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from measurement.wording import Wording, load_wording
from mmm import fit_figures
from mmm.fitted import FittedMMM
from mmm.prior_checks import prior_predictive

_PRIOR_SEED = 17  # a figure of the prior is the same every time


@dataclass(frozen=True, slots=True)
class FitPlots:
    """Figures of a fit.

    Attributes
    ----------
    fitted
        The fit.
    locale
        Language and number format of the figures; see `in_locale`.
    level
        Of the intervals.
    """

    fitted: FittedMMM
    locale: str = "en_GB"
    level: float = 0.9

    def in_locale(self, locale: str) -> FitPlots:
        """The same figures in another language, e.g. ``fitted.plot.in_locale("de_DE").roas()``."""
        return FitPlots(self.fitted, locale, self.level)

    def roas(self) -> go.Figure:
        """ROAS and marginal ROAS by channel."""
        return fit_figures.roas_figure(self._words, self.fitted.channels_table(self.level))

    def contributions(self) -> go.Figure:
        """Paid channels stacked over time."""
        return fit_figures.contributions_figure(
            self._words, self.fitted.decomposition(self.level), self.fitted.channels
        )

    def decomposition(self) -> go.Figure:
        """Every component over the whole panel."""
        return fit_figures.decomposition_figure(self._words, self.fitted.decomposition(self.level))

    def fit(self) -> go.Figure:
        """Observed and predicted outcome of all geos together."""
        return fit_figures.fit_figure(self._words, self.fitted.national_fit_table(self.level))

    def curves(self) -> go.Figure:
        """Response curves."""
        return fit_figures.curves_figure(self._words, self.fitted.response_curves(), self.level)

    def prior_posterior(self) -> go.Figure:
        """ROAS before and after seeing the data."""
        fitted = self.fitted
        prior = prior_predictive(fitted.panel, fitted.spec, draws=400, seed=_PRIOR_SEED).roas
        return fit_figures.prior_posterior_figure(self._words, fitted.roas_draws, prior, fitted.channels)

    def carry_over(self) -> go.Figure:
        """Share of an effect by periods after the contact."""
        design = self.fitted.design
        weights, days = self.fitted.draws.weights, design.panel.days_per_period
        return fit_figures.carry_over_figure(self._words, weights, design.media_names, self.level, days)

    def frequency(self) -> go.Figure:
        """Outcome against mean frequency, for channels whose reach is known.

        Raises
        ------
        InputError
            Where there is none.
        """
        found = self.fitted.optimal_frequency()
        return fit_figures.frequency_figure(self._words, found.curves(self.level), found.table(self.level))

    @property
    def _words(self) -> Wording:
        return load_wording("mmm", self.locale, self.fitted.panel.currency)
