"""The value against which a non-media treatment's contribution counts, resolved from the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from measurement.panel_settings import TreatmentSection
from measurement.readers.findings import Findings
from measurement.readers.panel_parse import FloatArray, ParsedPanel

_RESOLVE: dict[str, Callable[[FloatArray], float]] = {"min": np.min, "max": np.max, "mean": np.mean}


def treatment_references(
    parsed: ParsedPanel, treatments: Mapping[str, TreatmentSection], found: Findings
) -> FloatArray:
    """References in the order of the settings, shape (M,), in each column's unit; NaN where no cell could be read.

    Parameters
    ----------
    parsed
        Rows up to the last complete period: the reference is taken over all of them.
    treatments
        ``[panel.treatments]``.
    found
        Receives a warning for a number outside what was observed: contributions against it rest on extrapolation.
    """
    references = []
    for use in parsed.of("treatment"):
        values = parsed.numbers[use.column]
        known = values[np.isfinite(values)]
        wanted = treatments[use.name].reference
        if isinstance(wanted, str):
            references.append(float(_RESOLVE[wanted](known)) if len(known) else np.nan)
            continue
        references.append(float(wanted))
        if len(known) and not known.min() <= wanted <= known.max():
            found.add(
                f"the reference of '{use.name}' lies outside its values, {known.min():g} to {known.max():g}",
                "Check its unit; min, max and mean are always inside",
                column=f"panel.treatments.{use.name}.reference",
                value=f"{wanted:g}",
                severity="warning",
            )
    return np.asarray(references, dtype=np.float64)
