"""Response curves out of a model that Robyn exported, for planning with a model that lives elsewhere.

``robyn_write()`` writes ``RobynModel-*.json``: hyperparameters and coefficients of the selected model and, unless
``add_data = FALSE``, the raw data. Robyn's response to spend is ``coef · x^α / (x^α + inflexion^α)`` of adstocked
spend; the inflexion point rests on the adstocked history, so the data are needed. A curve here is the response once
the same spend has run long enough for its carry-over to settle. Robyn has one best model and no draws: a plan over such
curves has no chance of a loss.

Robyn changed how ``gamma`` sets the inflexion point in version 3.12. Both ways are tried on the history, and the one
that gives the model's own total response is used; where neither does, the file is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from measurement.curves import FloatArray, ResponseCurves
from measurement.errors import InputError

#: Points a curve, up to this many times the most that was ever spent in a week.
POINTS, REACH = 120, 3.0
#: How closely the response over the model's window must be met.
_CLOSE = 0.02
_REMEDY = "Export the model again with robyn_write(InputCollect, OutputCollect, select_model)"


def read_robyn(path: str | Path, currency: str, *, value_per_unit: float = 1.0) -> ResponseCurves:
    """Curves of the paid channels in a ``RobynModel-*.json``, money a week.

    Parameters
    ----------
    path
        What ``robyn_write()`` wrote, its data included.
    currency
        ISO code.
    value_per_unit
        Money a unit of the dependent variable is worth; 1 where that is revenue.

    Returns
    -------
    ResponseCurves
        One draw; channels are named as their spend columns, today's spend is that of the last week of data.

    Raises
    ------
    InputError
        The file is not such an export, lacks the data, or does not reproduce its own response; a channel was modelled
        on exposure, so that its curve says nothing of spend.
    """
    file = Path(path)
    try:
        tree = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError.of("the file cannot be read as JSON", _REMEDY, file=file.name, value=error) from error
    return curves_from_robyn(tree, currency=currency, value_per_unit=value_per_unit, file=file.name)


def curves_from_robyn(
    tree: Mapping[str, Any], *, currency: str, value_per_unit: float = 1.0, file: str = "RobynModel.json"
) -> ResponseCurves:
    """The same from the parsed JSON; see `read_robyn`."""
    model = _Export(tree, file)
    names = model.spends
    cells = [model.channel(name) for name in names]
    return ResponseCurves(
        channels=tuple(names),
        spend=np.array([grid for grid, _, _ in cells]),
        outcome=value_per_unit * np.array([response for _, response, _ in cells])[None],
        observed_spend=np.array([today for _, _, today in cells]),
        currency=currency,
    )


class _Export:
    """A parsed export: every value of R is an array, a scalar one of length 1."""

    def __init__(self, tree: Mapping[str, Any], file: str) -> None:
        self.file = file
        self.inputs = self._part(tree, "InputCollect")
        model = self._part(tree, "ExportedModel")
        self.hyper = self._part(model, "hyper_values")
        rows = self._part(model, "summary")
        self.summary = {str(row["variable"]): row for row in rows if isinstance(row, Mapping) and "variable" in row}
        data = self._part(self._part(tree, "Extras"), "raw_data")
        self.history = data if isinstance(data, list) else []
        self.spends: list[str] = list(map(str, self._values("paid_media_spends")))
        chosen = self.inputs.get("paid_media_selected", self.spends)
        modelled = [chosen] if isinstance(chosen, str) else list(map(str, chosen))
        for spend, one in zip(self.spends, modelled, strict=False):
            if spend != one:
                raise self._fault(
                    "a channel was modelled on exposure, so its curve says nothing of spend",
                    f"Read its curve with robyn_response() and pass a table with --curves, or model it on {spend}",
                    one,
                )
        self.days = float(self._values("dayInterval")[0])
        first, last = (int(self._values(name)[0]) for name in ("rollingWindowStartWhich", "rollingWindowEndWhich"))
        self.window = slice(first - 1, last)

    def channel(self, name: str) -> tuple[FloatArray, FloatArray, float]:
        """Spend points, response at them, and today's spend: money a week."""
        spend = self._column(name)
        alpha, gamma, coef = self._hyper(name, "alphas"), self._hyper(name, "gammas"), self._summary(name, "coef")
        weights = self._adstock(name, len(spend))
        stock = np.convolve(spend, weights)[: len(spend)][self.window]
        inflexion = self._inflexion(name, stock, alpha, gamma, coef)
        a_week = 7.0 / self.days
        top = REACH * float(spend.max(initial=0.0)) or 1.0
        grid = top * np.linspace(0.0, 1.0, POINTS) ** 1.5
        response = coef * _hill(grid * float(weights.sum()), alpha, inflexion)
        recent = spend[-max(1, round(a_week)) :]
        today = float(recent.sum()) if self.days < 7 else float(recent[-1]) * a_week
        return grid * a_week, response * a_week, today

    def _adstock(self, name: str, periods: int) -> FloatArray:
        """Share of a period's spend that works so many periods later, shape (periods,)."""
        kind, after = str(self._values("adstock")[0]), np.arange(periods, dtype=np.float64)
        if kind == "geometric":
            return np.asarray(self._hyper(name, "thetas") ** after)
        shape, scale = self._hyper(name, "shapes"), self._hyper(name, "scales")
        if shape == 0 or scale == 0:
            return np.asarray(after == 0, dtype=np.float64)
        position = np.arange(1, periods + 1)
        width = round(float(np.quantile(position, scale)))
        if kind == "weibull_cdf":
            left = np.concatenate([[1.0], stats.weibull_min.sf(position[:-1], shape, scale=width)])
            return np.asarray(np.cumprod(left))
        if kind == "weibull_pdf":
            density = stats.weibull_min.pdf(position, shape, scale=width)
            spread = float(np.ptp(density))
            return np.asarray((density - density.min()) / spread if spread > 0 else after == 0, dtype=np.float64)
        raise self._fault("the adstock of this export is unknown", "Use geometric, weibull_cdf or weibull_pdf", kind)

    def _inflexion(self, name: str, stock: FloatArray, alpha: float, gamma: float, coef: float) -> float:
        """Where half of the response is reached, by the way that gives the response which the model reports."""
        told = self._summary(name, "decompAgg")
        found = {
            point: coef * float(_hill(stock, alpha, point).sum())
            for point in (gamma * float(stock.max()), (1 - gamma) * float(stock.min()) + gamma * float(stock.max()))
        }
        best = min(found, key=lambda point: abs(found[point] - told))
        if abs(found[best] - told) > _CLOSE * max(abs(told), 1e-9):
            raise self._fault(
                f"the response of {name} cannot be reproduced from this export",
                "Export model and data of one run; or read the curve with robyn_response() and pass a table",
                f"{found[best]:.6g} instead of {told:.6g}",
            )
        return best

    def _column(self, name: str) -> FloatArray:
        try:
            return np.array([float(row.get(name) or 0.0) for row in self.history], dtype=np.float64)
        except (AttributeError, TypeError, ValueError) as error:
            raise self._fault("the raw data of this export cannot be read", _REMEDY, name) from error

    def _hyper(self, name: str, kind: str) -> float:
        return self._number(self.hyper, f"{name}_{kind}")

    def _summary(self, name: str, field: str) -> float:
        row = self.summary.get(name, {field: 0.0})  # channels whose coefficient is zero are left out of the summary
        return self._number(row, field)

    def _number(self, tree: Mapping[str, Any], field: str) -> float:
        value = tree.get(field)
        value = value[0] if isinstance(value, Sequence) and not isinstance(value, str) and value else value
        if not isinstance(value, int | float) or not np.isfinite(value):
            raise self._fault("the export lacks a number", _REMEDY, field)
        return float(value)

    def _values(self, field: str) -> Sequence[Any]:
        value = self.inputs.get(field)
        if value is None or value == []:
            raise self._fault("the export lacks a setting", _REMEDY, field)
        return value if isinstance(value, list) else [value]

    def _part(self, tree: Mapping[str, Any], field: str) -> Any:  # noqa: ANN401 - any JSON
        if not isinstance(tree, Mapping) or not tree.get(field):
            remedy = f"{_REMEDY}, add_data = TRUE" if field in ("Extras", "raw_data") else _REMEDY
            raise self._fault("this is not a complete export of a Robyn model", remedy, f"{field} is missing")
        return tree[field]

    def _fault(self, message: str, remedy: str, value: object) -> InputError:
        error = InputError.of(message, remedy, file=self.file, value=value)
        assert isinstance(error, InputError)  # noqa: S101 - `of` is a constructor of its own class
        return error


def _hill(stock: FloatArray, alpha: float, inflexion: float) -> FloatArray:
    """``x^α / (x^α + inflexion^α)``, written so that nothing overflows."""
    if inflexion <= 0:
        return np.asarray(stock > 0, dtype=np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / (1.0 + (inflexion / np.maximum(stock, 0.0)) ** alpha), dtype=np.float64)
